import { withStore } from '../gate/audit-store.ts';
import type { Decision } from '../gate/decide.ts';
import { type FactName, type IncidentFacts, type Switches, sameSet } from '../gate/facts.ts';
import { switchesFor } from '../gate/switches.ts';
import { join, nameOf, speaker } from '../gate/words.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import type { OnCall } from '../pagerduty/catalogue/oncalls.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import { oneLine } from '../pagerduty/text.ts';
import type { SeenIncident } from '../workflows/seen.ts';
import { type Call, type Expectation, touchedIds, wording } from './call.ts';
import type { Deps } from './deps.ts';
import type { AllFacts, FactReader } from './facts.ts';
import { entryOf } from './records.ts';
import type { InTheWay } from './results.ts';

/** Rounds of facts after which a decision that still lacks one is a denial. */
const mostRounds = 4;

/**
 * Reads fact after fact until the gate has decided. Where no fact could help, PagerDuty is not asked at all; what was read
 * for a decision that never came is recorded too.
 */
export async function decideOn<Name extends OperationName>(
  call: Call<Name>,
): Promise<{ readonly decision: Decision; readonly facts: AllFacts }> {
  const hopeless = await hopelessNow(call);
  if (hopeless) return { decision: hopeless, facts: {} };
  const known: { facts: AllFacts } = { facts: {} };
  const mustSee =
    call.endpoint.situated === true || call.expect !== undefined || call.unchanged !== undefined;
  try {
    const mustKnowOurs = call.tellsOurs || call.expect?.acknowledgers === 'ours';
    const decision = await gather(call, known, mustSee, mustKnowOurs);
    if (decision) return { decision, facts: known.facts };
  } catch (error) {
    if (error instanceof PagerDutyError) {
      const sentence = `${speaker(call.caller)} could not ${wording(call, known.facts)} yet: ${error.message} Nothing was sent.`;
      await call.ledger.entry(entryOf(call, known.facts, { decision: 'undecided', rule: 'facts', sentence }));
    }
    throw error;
  }
  const { facts } = known;
  const sentence = `${speaker(call.caller)} may not ${wording(call, facts)}: PagerDuty did not say what the decision needs to know.`;
  return { decision: { decision: 'denied', rule: 'facts', sentence }, facts };
}

/** What a decision is made from: an attempt at a call, or a mere question. */
export type Asking = Pick<
  Call<OperationName>,
  'deps' | 'policy' | 'touches' | 'incidentIds' | 'reader' | 'ledger' | 'origin' | 'judge'
> & { readonly caller: { readonly agent: string; readonly via?: string | undefined } };

/**
 * Reads what the gate asks for, into `known`, until it has decided; `undefined` where it never does.
 * @param mustSee whether the incidents are read even where the decision hangs on nothing of theirs.
 */
export async function gather(
  asking: Asking,
  known: { facts: AllFacts },
  mustSee: boolean,
  mustKnowOurs = false,
): Promise<Decision | undefined> {
  for (let round = 0; round < mostRounds; round += 1) {
    const { facts } = known;
    const verdict = asking.judge(facts);
    const needs = new Set<FactName>(verdict.decision === 'needs' ? verdict.needs : []);
    if (mustKnowOurs && !facts.ourUsers) needs.add('ourUsers');
    // Who is to approve something of an incident sees the incident.
    const isShown = mustSee || verdict.decision === 'approval_needed';
    if (isShown && asking.incidentIds.length > 0 && !facts.incidents) needs.add('incidents');
    if (needs.size === 0 && verdict.decision !== 'needs') return verdict;
    // Incidents come last: as little time as can be lies between seeing them and sending.
    if (needs.delete('incidents')) needs.add('incidents');
    for (const need of needs)
      known.facts = { ...known.facts, ...(await readFact(asking, need, known.facts)) };
  }
  return undefined;
}

/** The denial that stands now, whatever the status of the incidents may turn out to be. */
export async function hopelessNow<Name extends OperationName>(
  call: Call<Name>,
): Promise<(Decision & { readonly decision: 'denied' }) | undefined> {
  const switches = await switchesNow(call);
  const answers = ['triggered', 'acknowledged', 'resolved'].map((status) =>
    call.judge({}, { statusOf: () => status, ...(switches && { switches }) }),
  );
  const denials = answers.flatMap((answer) => (answer.decision === 'denied' ? [answer] : []));
  return denials.length === answers.length ? denials[0] : undefined;
}

/** @param known what was read already. */
async function readFact(call: Asking, need: FactName, known: AllFacts): Promise<AllFacts> {
  const { reader, touches, incidentIds, deps } = call;
  switch (need) {
    case 'incidents':
      return { incidents: await reader.incidents(incidentIds) };
    case 'services': {
      const opened = touches.flatMap((touch) => (touch.kind === 'new incident' ? [touch.service] : []));
      return {
        services: await each([...opened, ...touchedIds('service', touches)], (id) => reader.service(id)),
      };
    }
    case 'policies': {
      const opened = touches.flatMap((touch) => (touch.kind === 'new incident' ? (touch.policy ?? []) : []));
      const ids = [...opened, ...touchedIds('escalation policy', touches)];
      return { policies: await each(ids, (id) => reader.policy(id)) };
    }
    case 'schedules':
      return { schedules: await each(touchedIds('schedule', touches), (id) => reader.schedule(id)) };
    case 'users':
      return { users: await each(touchedIds('user', touches), (id) => reader.user(id)) };
    case 'duty': {
      const person = call.policy?.agents.get(call.caller.agent)?.pagerduty_user;
      return { duty: person === undefined ? [] : await reader.duty(person) };
    }
    case 'ourDuty':
      return { ourDuty: await reader.ourDuty(), ourUsers: await reader.ourUsers() };
    case 'orderedService': {
      const { origin } = call;
      const incident = origin.kind === 'agent' ? origin.ordered?.incident : undefined;
      return { orderedService: incident === undefined ? null : await reader.serviceOf(incident) };
    }
    case 'ourUsers':
      return { ourUsers: await reader.ourUsers() };
    case 'holder':
    case 'recordedPolicy': {
      // Leases know ids, and a request may name the incident by its number.
      const [incident] = known.incidents ?? [];
      const lease = incident && (await call.ledger.lease(deps.account, incident.id));
      if (!lease) return { holder: null, recordedPolicy: null };
      const isAsking = call.origin.lineage.some(
        ({ workflowId, firstRunId }) => workflowId === lease.workflow_id && firstRunId === lease.first_run_id,
      );
      const holds = isAsking || (await deps.isLive(lease));
      return {
        holder: holds ? { workflowId: lease.workflow_id, agent: lease.agent, isAsking } : null,
        recordedPolicy: lease.policy,
      };
    }
  }
}

async function each<T>(ids: readonly string[], read: (id: string) => Promise<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for (const id of new Set(ids)) found.push(await read(id));
  return found;
}

/** The incidents on which an expectation does not hold, and which, in words. */
export function differing(
  expect: Expectation | undefined,
  { incidents, ourUsers = [] }: AllFacts,
): readonly InTheWay[] {
  if (!expect || !incidents) return [];
  if (incidents.length === 0) return [{ id: '', why: 'the incident could not be compared' }];
  return incidents.flatMap((incident) => {
    const why = differsIn(expect, incident, ourUsers);
    if (why === undefined) return [];
    return { id: incident.id, why: incidents.length === 1 ? why : `of #${incident.number}, ${why}` };
  });
}

/**
 * The incidents that are not as a plan saw them, and what is different, in words. Notes, what is kept in the stead of others, and
 * who is on call where one is handed back are read where the plan went by them, and never from a cache.
 */
export async function drifted({
  unchanged = [],
  reader,
  deps,
}: {
  readonly unchanged: readonly SeenIncident[] | undefined;
  readonly reader: Pick<FactReader, 'wholes' | 'ask' | 'askAll'>;
  readonly deps: Pick<Deps, 'states'>;
}): Promise<readonly InTheWay[]> {
  const found: InTheWay[] = [];
  const kept = [...new Set(unchanged.flatMap((was) => was.kept?.id ?? []))];
  const read = await reader.askAll(
    'getIncident',
    kept.map((id) => ({ params: { id } })),
    'what is kept',
  );
  const keptNow = new Map(kept.map((id, index) => [id, read[index]?.incident]));
  const onCalls = new Map<string, readonly OnCall[]>();
  for (const { pages, policy } of unchanged) {
    if (!pages || onCalls.has(policy)) continue;
    const query = { 'escalation_policy_ids[]': [policy], limit: 100 };
    onCalls.set(policy, (await reader.ask('listOnCalls', { query }, policy)).oncalls);
  }
  for (const was of unchanged) {
    const now = reader.wholes.get(was.id);
    const notes =
      now && was.notes !== undefined
        ? (await reader.ask('listIncidentNotes', { params: { id: was.id } }, was.id)).notes
        : undefined;
    const what = now
      ? deps.states.driftOf(was, now, {
          notes,
          kept: keptNow.get(was.kept?.id ?? ''),
          onCalls: onCalls.get(was.policy),
        })
      : ['PagerDuty has it no longer'];
    if (what.length > 0) found.push({ id: was.id, why: oneLine(`of #${was.number}, ${join(what)}`, 1_000) });
  }
  return found;
}

function differsIn(
  { status, assignees, acknowledgers }: Expectation,
  incident: IncidentFacts,
  ourUsers: readonly string[],
): string | undefined {
  const statuses: readonly string[] = status === undefined ? [incident.status] : [status].flat();
  if (!statuses.includes(incident.status)) {
    return `the incident is ${nameOf(incident.status)} now and no longer ${statuses.join(' or ')}`;
  }
  if (acknowledgers === 'ours') {
    const people = incident.acknowledgers.filter((user) => !ourUsers.includes(user));
    return people.length === 0 ? undefined : `a person has acknowledged it (${join(people)})`;
  }
  for (const [what, wanted, actual] of [
    ['assignees', assignees, incident.assignees],
    ['acknowledgers', acknowledgers, incident.acknowledgers],
  ] as const) {
    if (wanted !== undefined && !sameSet(wanted, actual)) {
      return `its ${what} are ${join(actual) || 'nobody'} now and no longer ${join(wanted) || 'nobody'}`;
    }
  }
  return undefined;
}

/** What the store says before anything is read: a frozen agent asks PagerDuty nothing. Its last word comes with the entry. */
async function switchesNow<Name extends OperationName>({
  policy,
  origin,
  caller,
  step,
  deps,
}: Call<Name>): Promise<Switches | undefined> {
  if (!policy || origin.kind !== 'agent') return undefined;
  const { agent } = caller;
  const asked = { agent, bearer: origin.bearer, stepKey: step.key, caps: [], now: deps.now() };
  return withStore(async () => switchesFor(await deps.store(), policy, asked));
}
