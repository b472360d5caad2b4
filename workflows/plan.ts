import type { InTheWay, Planned, Weighed } from '../activities/index.ts';
import { type Applied, type Applying, apply } from './apply.ts';
import { deskOf } from './approvals.ts';
import { attempt, type Failed, knownOf, outcomeOf, type Undone } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Outcome, Plan, PlanErrand, PlanResult } from './contract.ts';
import { costOf, shownHash, told } from './plan-told.ts';
import { activitiesOf, perform } from './proxies.ts';

/** Something that a run leaves as it is, and why. */
export interface Left {
  readonly what: string;
  readonly why: string;
}

/** What a run would write, as its reads show. */
export interface Draft {
  /** In the order in which they are to be made. */
  readonly writes: readonly Planned[];
  /** Why an operator must say yes, whatever the grants ask for; in words that follow a colon. */
  readonly guards?: readonly string[];
  /** On whom it lays a duty, and from whom it takes one: they are asked themselves. */
  readonly concerned?: Plan['concerned'];
  /** What it hangs on beside the incidents of the writes. Part of the hash. */
  readonly basis?: readonly string[];
  readonly left?: readonly Left[];
}

/** Makes the draft anew without what is denied or has changed, by the ids of incidents. Pure. */
export type Drafting = (without: ReadonlyMap<string, string>) => Draft;

/** Why there is nothing to plan from. */
export interface NoReads {
  readonly outcome: Outcome;
  readonly sentence: string;
  readonly next?: readonly string[];
}

/** The same of a step that was not done. */
export const noReads = (step: Undone): NoReads => ({
  outcome: outcomeOf[step.kind],
  sentence: step.sentence,
  ...knownOf(step),
});

/** What a Workflow says of its own to a run with a plan. */
export interface PlannedWork {
  /** Its Workflow Type. */
  readonly type: string;
  /** The id of the runs that only make the plan. */
  readonly planId: string;
  /** Reads all that the plan needs. */
  readonly read: () => Promise<Drafting | NoReads>;
  /** Where something has changed, or one write is refused: `stop` makes none after it; `leave` goes on without that incident. */
  readonly onTrouble: 'stop' | 'leave';
  /** Whether it hangs on more than the incidents of its writes: then all is read and planned anew before the first write, and must come to the same. */
  readonly rereads?: true;
  /** What came of it, in a sentence. */
  readonly tell: (applied: Applied, plan: Plan) => string;
  /** What there is to say where nothing is to be written. */
  readonly nothing: string;
  /** What became of each of the things that one write asks for, where PagerDuty may take some and refuse others. */
  readonly parts?: Applying['parts'];
  /** Looks once more whether what was done stands; where absent PagerDuty's answers are the proof. */
  readonly readBack?: (applied: Applied) => Promise<boolean>;
  readonly next?: (applied: Applied) => readonly string[];
}

/** How often what is denied is taken out and the rest weighed anew. */
const mostRounds = 5;

/** How many of what was left a result names. */
const mostNamed = 100;

/**
 * Carries out work that writes many things: reads, plans, asks for the word that the plan needs, applies. With `plan` it ends
 * after the plan; with `apply` it begins at the plan that was made before.
 */
export async function carryOut(
  input: PlanErrand,
  chronicle: Chronicle,
  work: PlannedWork,
): Promise<PlanResult> {
  const made =
    input.apply === undefined ? await make(input, chronicle, work) : await recall(input, input.apply, work);
  if ('outcome' in made) {
    for (const { what, why } of (made.left ?? []).slice(0, mostNamed)) chronicle.notChanged(what, why);
    const { outcome, sentence, next = [] } = made;
    return chronicle.end(outcome, sentence, { verified: outcome === 'nothing_to_do', next });
  }
  const { weighed, left } = made;
  chronicle.actsAs(weighed.agent);
  const plan: Plan = { ...weighed.plan, left, ...costOf(weighed.plan.writes) };
  const { hash } = plan;
  if (input.plan) {
    for (const { what, why } of left.slice(0, mostNamed)) chronicle.notChanged(what, why);
    const next = [`Apply it with --apply ${hash.slice(0, shownHash)}.`];
    return { ...chronicle.end('done', told(plan), { verified: true, next }), hash, plan };
  }
  chronicle.say(told(plan));
  const word = await wordOn(input, chronicle, work, plan);
  if (!word.ok) {
    for (const { what, why } of left.slice(0, mostNamed)) chronicle.notChanged(what, why);
    chronicle.notChanged(`the plan ${hash.slice(0, shownHash)}`, word.sentence);
    return {
      ...chronicle.end(word.outcome, `Nothing was written: ${word.sentence}`, { next: word.next ?? [] }),
      hash,
    };
  }
  const other =
    work.rereads && (input.apply !== undefined || plan.needs)
      ? await differing(input, chronicle, work, plan)
      : [];
  if (other.length > 0) {
    chronicle.notChanged(`the plan ${hash.slice(0, shownHash)}`, other.join('; '));
    const sentence = `Nothing was written: the plan ${hash.slice(0, shownHash)} does not hold any more: ${other.slice(0, 5).join('; ')}.`;
    return {
      ...chronicle.end('yielded_to_human', sentence, { next: ['Make a new plan with --plan.'] }),
      hash,
    };
  }
  const onTrouble = input.apply === undefined ? work.onTrouble : 'stop';
  const applied = await apply(input, chronicle, {
    plan,
    proofs: weighed.proofs,
    statements: word.statements,
    onTrouble,
    ...(work.parts && { parts: work.parts }),
  });
  const isThere = work.readBack ? await work.readBack(applied) : true;
  const all = [...left, ...applied.left];
  for (const { what, why } of all.slice(0, mostNamed)) chronicle.notChanged(what, why);
  const outcome: Outcome =
    applied.done.length === 0
      ? (applied.why ?? 'failed')
      : all.length > 0 || applied.notMade > 0 || !isThere
        ? 'partly'
        : 'done';
  const { next = [] } = applied;
  return {
    ...chronicle.end(outcome, work.tell(applied, plan), {
      verified: applied.verified && isThere && applied.done.length > 0,
      next: [...next, ...(work.next?.(applied) ?? [])],
    }),
    hash,
  };
}

interface Made {
  readonly weighed: Weighed;
  readonly left: readonly Left[];
}
type NotMade = NoReads & { readonly left?: readonly Left[] };

/** Reads and plans; what the gate denies, or what has changed since it was read, is taken out, and the rest weighed anew. */
async function make(input: PlanErrand, chronicle: Chronicle, work: PlannedWork): Promise<Made | NotMade> {
  const draft = await work.read();
  if (typeof draft !== 'function') return draft;
  const without = new Map<string, string>();
  for (let round = 1; round <= mostRounds; round += 1) {
    const { writes, guards = [], basis = [], concerned, left = [] } = draft(without);
    if (writes.length === 0) {
      const isDenied = without.size > 0 && left.length > 0;
      const outcome: Outcome = isDenied ? 'denied' : left.length > 0 ? 'partly' : 'nothing_to_do';
      return {
        outcome,
        sentence: isDenied ? `Nothing may be written: ${[...without.values()][0]}` : work.nothing,
        left,
      };
    }
    const weighed = await weigh(input, `Weigh the plan, ${round}`, work.type, {
      writes,
      guards,
      basis,
      ...(concerned && { concerned }),
    });
    if (!weighed.ok) return { ...noReads(weighed), left };
    const inTheWay = [...weighed.denied, ...weighed.changed];
    if (inTheWay.length === 0) return { weighed, left };
    const ids = new Set(writes.flatMap(({ seen }) => seen.map(({ id }) => id)));
    const [other] = inTheWay.filter(({ id }) => !ids.has(id));
    if (other) return { outcome: 'denied', sentence: `Nothing was written: ${other.why}`, left };
    for (const { id, why } of inTheWay) if (!without.has(id)) without.set(id, why);
    chronicle.say(`${without.size} incidents are left out of the plan.`);
  }
  return {
    outcome: 'partly',
    sentence: 'The incidents change faster than they can be planned for; nothing was written.',
  };
}

/** The plan that was made before, if it holds still. */
async function recall(input: PlanErrand, hash: string, work: PlannedWork): Promise<Made | NotMade> {
  const weighed = await weigh(input, 'Weigh the plan that was made', work.type, { by: work.planId, hash });
  if (!weighed.ok) return noReads(weighed);
  const whole = weighed.plan.hash.slice(0, shownHash);
  const next = ['Make a new plan with --plan.'];
  const stopped = (outcome: Outcome, inTheWay: readonly InTheWay[], why: string): NotMade => ({
    outcome,
    sentence: `Nothing was written: the plan ${whole} ${why}: ${inTheWay
      .map((one) => one.why)
      .slice(0, 5)
      .join('; ')}.`,
    left: inTheWay.map(({ id, why: what }) => ({ what: id, why: what })),
    next,
  });
  if (weighed.changed.length > 0)
    return stopped('yielded_to_human', weighed.changed, 'does not hold any more');
  if (weighed.denied.length > 0) return stopped('denied', weighed.denied, 'is not allowed any more');
  return { weighed, left: [] };
}

/** What a plan would be now that it was not when it was made, in words. */
async function differing(
  input: PlanErrand,
  chronicle: Chronicle,
  work: PlannedWork,
  plan: Plan,
): Promise<readonly string[]> {
  const again = await make(input, chronicle, work);
  if ('outcome' in again) return [again.sentence.replace(/\.$/, '')];
  const now = again.weighed.plan;
  if (now.hash === plan.hash) return [];
  const lines = ({ basis, writes }: Pick<Plan, 'basis' | 'writes'>): readonly string[] => [
    ...basis,
    ...writes.map(({ effect }) => effect.replace(/\.$/, '')),
  ];
  const [before, after] = [lines(plan), lines(now)];
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `no longer: ${line}`),
    ...after.filter((line) => !before.includes(line)).map((line) => `new: ${line}`),
  ];
}

type Word =
  | { readonly ok: true; readonly statements: readonly string[] }
  | {
      readonly ok: false;
      readonly outcome: Outcome;
      readonly sentence: string;
      readonly next?: readonly string[];
    };

/** Waits for the word that a plan needs. Where something has changed meanwhile, a plan that stops for that is given up. */
async function wordOn(input: PlanErrand, chronicle: Chronicle, work: PlannedWork, plan: Plan): Promise<Word> {
  if (!plan.needs) return { ok: true, statements: [] };
  const desk = deskOf(input, chronicle);
  let statements: readonly string[] = [];
  const { writes, basis, guards, concerned } = plan;
  const asked = await desk.askFor<Weighed>((words) => {
    statements = words.statements;
    return weighing(input, {
      step: 'Plan',
      type: work.type,
      made: { writes: writes.map(plain), basis, guards, ...(concerned && { concerned }) },
      applies: true,
      statements,
    });
  });
  if (!asked.ok) return { ok: false, ...noReads(asked) };
  const stops = work.onTrouble === 'stop' || input.apply !== undefined;
  const [first] = [...asked.changed, ...asked.denied];
  if (first && stops) {
    const outcome = asked.changed.length > 0 ? 'yielded_to_human' : 'denied';
    return { ok: false, outcome, sentence: `${first.why}.` };
  }
  return { ok: true, statements };
}

const plain = ({ step, operation, request, seen, turns, effect, pages, gives }: Planned): Planned => ({
  ...(gives !== undefined && { gives }),
  ...(turns && { turns }),
  step,
  operation,
  request,
  seen,
  effect,
  pages,
});

type WeighInput = Parameters<ReturnType<typeof activitiesOf>['look']['weighPlan']>[0];

const weighing = ({ account }: PlanErrand, input: WeighInput) =>
  perform(activitiesOf(account).look.weighPlan, input);

const weigh = (
  errand: PlanErrand,
  step: string,
  type: string,
  made: WeighInput['made'],
): Promise<Awaited<ReturnType<typeof weighing>> | Failed> => attempt(weighing(errand, { step, type, made }));
