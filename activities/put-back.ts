import { type Act, actsAfter, actsBetween, tellAct, type Written } from '../gate/acts.ts';
import { requestDigest } from '../gate/approval.ts';
import type { Decision, Question } from '../gate/decide.ts';
import { type IncidentFacts, sameSet } from '../gate/facts.ts';
import {
  type Amends,
  amendsFor,
  amendsOfOurs,
  decideToPutBack,
  putBackStep,
  tellAmends,
} from '../gate/people-first.ts';
import { runner } from '../gate/runner.ts';
import { join } from '../gate/words.ts';
import type { UpdateIncident } from '../pagerduty/catalogue/incident-writes.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import { type Call, purposeOf, wording } from './call.ts';
import { type Claimed, claimIn, clocksOf } from './commit.ts';
import { type AllFacts, factsOf } from './facts.ts';
import { entryOf } from './records.ts';

/** People can come between an undoing as well; whoever does that so often has a script. */
const deepest = 3;

/** Sends a call that was just claimed, and settles it. */
export type SendOnce = (
  call: Call<'updateIncident'>,
  claimed: Claimed,
  allowed: Decision,
  facts: AllFacts,
) => Promise<unknown>;

/**
 * PagerDuty has no conditional write. Looks whether a person acted between our read and our write of a status; if so, undoes
 * ours at once in that person's favour.
 * @param seen what the decision had read.
 * @param answer what PagerDuty says of the incident after our write.
 * @returns what happened, as it follows "incident #12"; `undefined` where nobody came between.
 */
export async function giveWay<Name extends OperationName>(
  call: Call<Name>,
  seen: AllFacts,
  answer: unknown,
  sendOnce: SendOnce,
): Promise<string | undefined> {
  const { undoes } = call;
  const written = writtenBy(call);
  const [decided, ...others] = seen.incidents ?? [];
  if (written === undefined || !decided || others.length > 0 || (undoes?.deep ?? 0) >= deepest)
    return undefined;
  const before = call.since ? factsOf(call.since) : decided;
  const { reader } = call;
  const { id } = before;
  const ours = await reader.ourUsers();
  const { log_entries: log } = await reader.ask(
    'listIncidentLogEntries',
    { params: { id }, query: { limit: 100 } },
    id,
  );
  const acts = undoes
    ? actsAfter(log, undoes.logged, written, ours)
    : actsBetween(log, before, written, ours);
  if (acts.length === 0) return undefined;
  const after = factsOf((answer as { readonly incident: Incident }).incident);
  const amends = amendsFor(acts, before, written, after, ours);
  const who = `${join(acts.map(tellAct))} between our look at it and our write`;
  if (!amends) return `${who}; that stands`;
  const found = { acts, amends, logged: log[0]?.id };
  return `${who}; ${await putBack(call as unknown as Call<'updateIncident'>, after, found, ours, sendOnce)}`;
}

/** What a call writes to one incident that people can have come before: a status; or, of an undoing, whose it is alone. */
function writtenBy<Name extends OperationName>({ name, request, undoes }: Call<Name>): Written | undefined {
  if (name !== 'updateIncident') return undefined;
  const { status } = (request as unknown as UpdateIncident).body.incident;
  return status ?? (undoes && 'handed');
}

/** Why a write is undone, and what for. */
interface Found {
  readonly acts: readonly Act[];
  readonly amends: Amends;
  /** Id of the newest entry of the log that shows it. */
  readonly logged: string | undefined;
}

/** Undoes our write once, under a step of its own. People who have acted on it since have the last word. */
async function putBack(
  call: Call<'updateIncident'>,
  after: IncidentFacts,
  found: Found,
  ours: readonly string[],
  sendOnce: SendOnce,
): Promise<string> {
  const { ledger, reader } = call;
  const { id } = after;
  const undo = undoOf(call, id, found);
  const earlier = await ledger.find(undo.step);
  const back = `it was put ${tellAmends(found.amends)}`;
  if (earlier?.state === 'done') return back;
  const [now] = await reader.incidents([id]);
  if (now && isAmended(now, found.amends)) return back;
  if (!now || isAsLeft(now, after)) return sendUndo(undo, now ?? after, found, sendOnce);
  const amends = amendsOfOurs(now, ours);
  if (!amends) return `${changedSince}, and that stands`;
  const given = { ...found, amends };
  // Another request than the undoing that was not sent: a step of its own.
  return `${changedSince}, and it was with us alone; ${await sendUndo(undoOf(undo, id, given), now, given, sendOnce)}`;
}

/** @param incident as it is now. */
async function sendUndo(
  undo: Call<'updateIncident'>,
  incident: IncidentFacts,
  { acts, amends }: Found,
  sendOnce: SendOnce,
): Promise<string> {
  const { deps, ledger, reader } = undo;
  const earlier = await ledger.find(undo.step);
  const back = `it was put ${tellAmends(amends)}`;
  if (earlier?.state === 'done') return back;
  const facts: AllFacts = { incidents: [incident] };
  const question: Question = {
    agent: undo.caller.agent,
    operation: undo.name,
    summary: undo.endpoint.summary,
    actions: undo.actions(() => incident.status),
    touches: undo.touches,
    now: deps.now(),
    for: purposeOf(undo),
  };
  const decision = decideToPutBack(question, incident, { acts, amends });
  const claimed = await ledger.decide(async (book): Promise<Claimed> => {
    const clocks = await clocksOf(book);
    const stamp = await book.append(entryOf(undo, facts, decision));
    return claimIn(book, undo, { stamp, earlier, clocks });
  });
  try {
    await sendOnce(undo, claimed, decision, facts);
    return back;
  } catch (error) {
    if (!(error instanceof PagerDutyError) || error.facts.kind !== 'InvalidRequest') throw error;
    const [now] = await reader.incidents([incident.id]);
    // Such as one that a person has resolved meanwhile.
    if (now && !isAsLeft(now, incident)) return `${changedSince}, and that stands`;
    // PagerDuty refuses it for good, so people must know: it is not as they left it.
    return `it could not be put ${tellAmends(amends)} (${error.message}); look at it now`;
  }
}

const changedSince = 'somebody has changed it again since';

/** The call that undoes another: the runner's, under a step of its own. */
function undoOf(
  call: Call<'updateIncident'>,
  id: string,
  { amends: { status, assignees, policy }, logged }: Found,
): Call<'updateIncident'> {
  const request: Call<'updateIncident'>['request'] = {
    params: { id },
    body: {
      incident: {
        type: 'incident_reference',
        ...(status && { status }),
        ...(assignees && {
          assignments: assignees.map((user) => ({ assignee: { id: user, type: 'user_reference' } })),
        }),
        ...(policy !== undefined && {
          escalation_policy: { id: policy, type: 'escalation_policy_reference' },
        }),
      },
    },
  };
  const step = putBackStep(call.caller.step);
  return {
    ...call,
    request,
    touches: call.endpoint.touches(request as never),
    actions: (statusOf) => call.endpoint.actions(request as never, statusOf),
    expect: undefined,
    since: undefined,
    caller: { ...call.caller, agent: runner, via: undefined, step },
    step: { key: putBackStep(call.step.key), digest: requestDigest('updateIncident', request) },
    undoes: { deep: (call.undoes?.deep ?? 0) + 1, logged },
  };
}

/** Whom a policy pages, nobody knows beforehand: that is always written. */
const isAmended = (incident: IncidentFacts, { status, assignees, policy }: Amends): boolean =>
  policy === undefined &&
  (status === undefined || incident.status === status) &&
  (assignees === undefined || sameSet(incident.assignees, assignees));

const isAsLeft = (incident: IncidentFacts, after: IncidentFacts): boolean =>
  incident.status === after.status &&
  sameSet(incident.assignees, after.assignees) &&
  sameSet(incident.acknowledgers, after.acknowledgers);

/** The sentence of a write that gave way. */
export const gaveWay = <Name extends OperationName>(
  call: Call<Name>,
  facts: AllFacts,
  what: string,
): string => `${call.caller.agent} did not ${wording(call, facts)} to any effect: ${what}.`;
