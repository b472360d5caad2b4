import type { CallResult, Done } from '../activities/index.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { attempt, knownOf, outcomeOf } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Errand, Outcome, Plan, PlanWrite } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { readBack } from './read-back.ts';

/** What came of a plan. */
export interface Applied {
  /** Writes that were made, in their order, with PagerDuty's answers. */
  readonly done: readonly { readonly write: PlanWrite; readonly response: object }[];
  /** What was left as it is, and why. */
  readonly left: readonly { readonly what: string; readonly why: string }[];
  /** How many writes were not made at all. */
  readonly notMade: number;
  /** Whether PagerDuty has shown that what was done is so. */
  readonly verified: boolean;
  /** How a run ends that made none of them. */
  readonly why?: Outcome;
  /** Why it stopped, where it did. */
  readonly stopped?: string;
  readonly next?: readonly string[];
}

/** What stays as it is after a plan, and why it stopped, in sentences. */
export function restOf({ left, stopped }: Applied, { left: before }: Plan): readonly string[] {
  const rest = left.length + before.length;
  return [
    ...(rest > 0 ? [`${rest} ${rest === 1 ? 'was' : 'were'} left as they are.`] : []),
    ...(stopped === undefined ? [] : [`It stopped: ${stopped}`]),
  ];
}

/** A plan that was weighed, and all that shows that it may be carried out. */
export interface Applying {
  readonly plan: Plan;
  readonly proofs: Weighing['proofs'];
  readonly statements: readonly string[];
  /** See `PlannedWork`. */
  readonly onTrouble: 'stop' | 'leave';
  /** See `PlannedWork`. */
  readonly parts?: (write: PlanWrite, response: object) => readonly WritePart[];
}

/** One of the things that a write asks for, in a sentence; where PagerDuty refused it, why. */
export interface WritePart {
  readonly effect: string;
  readonly refused?: string;
}

interface Weighing {
  readonly proofs: readonly (readonly (readonly string[])[])[];
}

/** Kinds of failure that may be one incident's alone. */
const ofOne: readonly string[] = ['InvalidRequest', 'NotFound', 'Forbidden'];

/** What of an answer with many incidents is kept. */
const keep = ['id', 'status', 'created_at', 'service'];

/** The longest reason that is kept, in characters. */
const longestWhy = 400;

interface Part {
  readonly write: PlanWrite;
  readonly proofs: Weighing['proofs'][number];
}

/**
 * Makes the writes of a plan, exactly these, in their order. Each is compared with what the plan saw in the attempt that sends
 * it. An incident that has changed, or on which a write was refused, gets none of those that come after.
 */
export async function apply(
  errand: Errand,
  chronicle: Chronicle,
  { plan, proofs, statements, onTrouble, parts: partsOf }: Applying,
): Promise<Applied> {
  const done: { write: PlanWrite; response: object }[] = [];
  const left = new Map<string, string>();
  const next = new Set<string>();
  /** Ids of what was made, by what the writes after it call them. */
  const named: Record<string, string> = {};
  let verified = true;
  let notMade = 0;
  let why: Outcome | undefined;
  let stopped: string | undefined;
  const leave = (ids: readonly string[], reason: string): void => {
    for (const id of ids) if (!left.has(id)) left.set(id, reason.slice(0, longestWhy));
  };
  for (const [index, write] of plan.writes.entries()) {
    const parts: Part[] = [without({ write, proofs: proofs[index] ?? [] }, left)];
    for (let part = parts.shift(), round = 1; part; part = parts.shift(), round += 1) {
      const ids = part.write.seen.map(({ id }) => id);
      if (stopped !== undefined || (write.seen.length > 0 && ids.length === 0)) {
        notMade += 1;
        if (stopped !== undefined)
          leave(ids.length > 0 ? ids : [write.step], 'it came after what stopped the run');
        continue;
      }
      const result = await send(errand, part, { statements, round, ids: named });
      if (result.ok) {
        chronicle.actsAs(result.agent);
        const { operation, request, gives } = part.write;
        const back = await readBack(
          errand.account,
          { of: stepOf(part.write, round), operation, request, ids: { ...named } },
          result,
        );
        if (gives !== undefined) named[gives] = madeIn(result.response) ?? gives;
        const some = ids.length < write.seen.length ? `${ids.length} of ${write.seen.length}: ` : '';
        const came = partsOf?.(part.write, result.response) ?? [{ effect: `${some}${write.effect}` }];
        const taken = came.filter(({ refused }) => refused === undefined);
        for (const { effect } of taken) chronicle.changed(effect);
        for (const { effect, refused } of came) if (refused !== undefined) leave([effect], refused);
        if (taken.length > 0) {
          verified &&= back.verified;
          done.push({ write: part.write, response: result.response });
        } else notMade += 1;
        if (taken.length < came.length) {
          why ??= 'failed';
          stopped = came.find(({ refused }) => refused !== undefined)?.refused;
        }
        continue;
      }
      why ??= outcomeOf[result.kind];
      for (const step of knownOf(result).next ?? []) next.add(step);
      const inTheWay = 'inTheWay' in result ? (result.inTheWay ?? []) : [];
      const bad = new Set(inTheWay.map(({ id }) => id));
      const rest = ids.filter((id) => !bad.has(id));
      if (onTrouble === 'stop') {
        stopped = result.sentence;
        notMade += 1;
        leave(ids.length > 0 ? ids : [write.step], result.sentence);
      } else if (rest.length > 0 && rest.length < ids.length) {
        for (const { id, why: reason } of inTheWay) leave([id], reason);
        parts.unshift(without(part, left));
      } else if (result.kind === 'Failed' && ofOne.includes(result.type) && ids.length > 1) {
        const half = new Set(ids.slice(0, Math.ceil(ids.length / 2)));
        parts.unshift(
          only(part, (id) => half.has(id)),
          only(part, (id) => !half.has(id)),
        );
      } else {
        notMade += 1;
        leave(ids.length > 0 ? ids : [write.step], result.sentence);
      }
    }
  }
  return {
    done,
    left: [...left].map(([what, reason]) => ({ what, why: reason })),
    notMade,
    verified,
    next: [...next],
    ...(why && { why }),
    ...(stopped !== undefined && { stopped }),
  };
}

/** The part of a write that is about some of its incidents; of one that is about a single incident, all or nothing. */
function only({ write, proofs }: Part, isIn: (id: string) => boolean): Part {
  const seen = write.seen.filter(({ id }) => isIn(id));
  if (seen.length === write.seen.length) return { write, proofs };
  const { body } = write.request as {
    readonly body?: { readonly incidents?: readonly { readonly id: string }[] };
  };
  const members = body?.incidents ?? [];
  return {
    write: { ...write, seen, request: { body: { incidents: members.filter(({ id }) => isIn(id)) } } },
    proofs: proofs.filter((_proof, index) => isIn(members[index]?.id ?? '')),
  };
}

const without = (part: Part, left: ReadonlyMap<string, string>): Part => only(part, (id) => !left.has(id));

const stepOf = ({ step }: PlanWrite, round: number): string => (round === 1 ? step : `${step}, ${round}`);

/** The id of what a write has made. */
function madeIn(response: object): string | undefined {
  const [made] = Object.values(response as Readonly<Record<string, { readonly id?: string } | undefined>>);
  return made?.id;
}

type AnyCall = Parameters<typeof perform<AnyInput, CallResult<OperationName>>>[0];
interface AnyInput {
  readonly step: string;
  readonly request: object;
  readonly ids?: Readonly<Record<string, string>>;
  readonly unchanged: PlanWrite['seen'];
  readonly turns?: PlanWrite['turns'];
  readonly proofs: Part['proofs'];
  readonly statements: readonly string[];
  readonly keep?: readonly string[];
}

/** One write of a plan. What is a page does not wait behind a sweep. */
function send(
  { account }: Errand,
  { write, proofs }: Part,
  {
    statements,
    round,
    ids,
  }: {
    readonly statements: readonly string[];
    readonly round: number;
    readonly ids: Readonly<Record<string, string>>;
  },
): Promise<CallResult<OperationName> | Awaited<ReturnType<typeof attempt<Done<OperationName>>>>> {
  const { bulk, urgent, events, write: ordinary } = activitiesOf(account);
  const { operation, request, seen, turns, pages } = write;
  const on = operation.startsWith('enqueue')
    ? events
    : operation === 'createScheduleOverride'
      ? ordinary
      : pages.length > 0
        ? urgent
        : bulk;
  const call = on[operation] as unknown as AnyCall;
  return attempt(
    perform(call, {
      step: stepOf(write, round),
      request,
      ...(Object.keys(ids).length > 0 && { ids: { ...ids } }),
      unchanged: seen,
      ...(turns && { turns }),
      proofs,
      statements,
      ...(operation === 'updateIncidents' && { keep }),
    }),
  );
}
