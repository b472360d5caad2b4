import { randomUUID } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachOf } from '../../bench/waiting.ts';
import type { Incident } from '../../simulator/model.ts';
import { incidentChanged } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { campaign, tell } from './campaign.ts';

/** What a person can do to an incident. */
const kinds = [
  'acknowledge',
  'resolve',
  'reassign',
  'escalate',
  'unacknowledge',
  'mine',
  'stop',
  'note',
] as const;
type Kind = (typeof kinds)[number];

/** A person's act, placed before the Worker's n-th request about the incident, or at its next write after that; PagerDuty tells of it some requests later. */
interface Act {
  readonly kind: Kind;
  readonly by: 'ada' | 'eva';
  readonly before: number;
  readonly atWrite: boolean;
  readonly toldAfter: number;
  readonly toldTwice: boolean;
}

interface Script {
  readonly acts: readonly Act[];
  /** Whether the agent concludes once it has noted its finding. */
  readonly concludes: boolean;
  readonly agent: 'triage-bot' | 'asking-bot';
}

const script: fc.Arbitrary<Script> = fc.record({
  acts: fc
    .array(
      fc.record({
        kind: fc.constantFrom(...kinds),
        by: fc.constantFrom('ada' as const, 'eva' as const),
        before: fc.integer({ min: 1, max: 18 }),
        atWrite: fc.boolean(),
        toldAfter: fc.constantFrom(0, 0, 0, 1, 2, 4),
        toldTwice: fc.boolean(),
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((acts) => acts.toSorted((a, b) => a.before - b.before)),
  concludes: fc.boolean(),
  agent: fc.constantFrom('triage-bot' as const, 'triage-bot' as const, 'asking-bot' as const),
});

const people = {
  ada: { id: 'PADA', email: 'ada@example.com' },
  eva: { id: 'PEVA', email: 'eva@example.com' },
};
const lease = '4s';

interface Played {
  readonly script: Script;
  readonly incident: Incident;
  readonly workflowId: string;
  /** The acts that came about, in their order; one that PagerDuty refused did not. */
  readonly done: readonly { readonly kind: Kind; readonly by: 'ada' | 'eva'; readonly between: boolean }[];
  readonly errors: readonly string[];
  /** When the run knew what a person had done (milliseconds since 1970), the writes that were under way then, and those begun after. */
  readonly knew:
    | { readonly at: number; readonly underWay: readonly string[]; readonly begun: readonly string[] }
    | undefined;
}

async function setUp(): Promise<Stage> {
  const stage = await setStage({
    agents: {
      'triage-bot': responder(lease),
      'asking-bot': responder(lease).replace(
        'urgency: [high, low] } }',
        'urgency: [high, low] }, approval: required }',
      ),
    },
    operators: { lead: '' },
    // People act with the account's key here; its limit would keep them from it.
    simulator: { rateLimit: 0 },
    record: true,
  });
  await stage.startWorker();
  return stage;
}

/** Plays one script on an incident of its own, to the end of its run. */
async function play(stage: Stage, one: Script): Promise<Played> {
  const id = await stage.trigger({ summary: `campaign ${randomUUID().slice(0, 8)} x` });
  const incident = stage.simulator.world.incident(id);
  if (!incident) throw new Error('The simulator opened no incident.');
  const done: Played['done'][number][] = [];
  const errors: string[] = [];
  const workflowId = `respond:main:${id}`;
  const handle = stage.client.workflow.getHandle(workflowId);
  let concluded = false;
  let run: Awaited<ReturnType<Stage['start']>> | undefined;
  const telling: Promise<unknown>[] = [];
  const pending: { at: number; event: string; type: string; twice: boolean }[] = [];

  const told = async (event: string, type: string, twice: boolean): Promise<void> => {
    for (let time = 0; time < (twice ? 2 : 1); time += 1)
      await handle
        .signal(incidentChanged, { event, type, occurredAt: new Date().toISOString() })
        .catch(() => {});
  };
  const act = async (
    { kind, by, toldAfter, toldTwice }: Act,
    at: number,
    isWrite: boolean,
  ): Promise<void> => {
    const person = people[by];
    const other = by === 'ada' ? people.eva : people.ada;
    const put = (change: object): Promise<unknown> =>
      stage.asPerson(
        'PUT',
        `/incidents/${id}`,
        { incident: { type: 'incident_reference', ...change } },
        person.email,
      );
    const note = (content: string): Promise<unknown> =>
      stage.asPerson('POST', `/incidents/${id}/notes`, { note: { content } }, person.email);
    const does: Record<Kind, () => Promise<unknown>> = {
      acknowledge: () => put({ status: 'acknowledged' }),
      resolve: () => put({ status: 'resolved' }),
      reassign: () => put({ assignments: [{ assignee: { id: other.id, type: 'user_reference' } }] }),
      escalate: () => put({ escalation_level: 2 }),
      unacknowledge: () => put({ status: 'triggered' }),
      mine: () => note('mine'),
      stop: () => note('stop'),
      note: () => note('It began after the release.'),
    };
    // A person who sees a resolved incident acts on it no more; opening it again would be another story.
    if (incident.status === 'resolved' && !['mine', 'stop', 'note'].includes(kind)) return;
    const before = incident.log.length;
    try {
      await does[kind]();
    } catch (error) {
      // PagerDuty refuses what makes no sense any more, such as a second resolve.
      if (!String(error).includes(' 400')) errors.push(String(error));
      return;
    }
    // What changed nothing, nobody did.
    if (incident.log.length === before) return;
    done.push({ kind, by, between: isWrite });
    const type = ['mine', 'stop', 'note'].includes(kind) ? 'incident.annotated' : 'incident.acknowledged';
    const event = randomUUID();
    if (toldAfter === 0) telling.push(told(event, type, toldTwice));
    else pending.push({ at: at + toldAfter, event, type, twice: toldTwice });
  };

  let count = 0;
  const acts = [...one.acts];
  const unhook = stage.beforeEach(id, async (method) => {
    count += 1;
    for (const due of pending
      .splice(0)
      .flatMap((tell) => (tell.at <= count ? [tell] : (pending.push(tell), []))))
      telling.push(told(due.event, due.type, due.twice));
    while (acts[0] && acts[0].before <= count && (!acts[0].atWrite || method !== 'GET')) {
      const next = acts.shift();
      if (next) await act(next, count, method !== 'GET');
    }
    if (run && !concluded && one.concludes && method === 'POST') {
      concluded = true;
      telling.push(run.answer('conclude', { resolution: 'Rolled back.' }).catch(() => {}));
    }
  });
  try {
    run = await stage.start(one.agent, 'respondToIncident', {
      account: 'main',
      incident: id,
      assess: 'rules',
      approvalSeconds: 2,
      watchSeconds: 0,
    });
    await run.result().catch(async (error: unknown) => {
      const { events } = await stage.client.workflow.getHandle(`release:main:${id}`).fetchHistory();
      const failure = events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure;
      errors.push(`${String(error)} ${failure?.message ?? ''}`);
    });
    // What was not told yet is told late, and finds nobody; what was not done yet is not done.
    await Promise.all(telling);
  } finally {
    unhook();
  }
  await until('every release has ended', async () => {
    const release = stage.client.workflow.getHandle(`release:main:${id}`);
    const status = await release.describe().then(
      ({ status: { name } }) => name,
      () => 'NONE',
    );
    return status !== 'RUNNING';
  });
  return { script: one, incident, workflowId, done, errors, knew: await knewAt(stage, workflowId) };
}

/** The Activities of a run that write to its incident. */
const writes = ['updateIncident', 'createIncidentNote'];

/**
 * When a run knew what a person had done: once the Workflow Task after the first look that told of it was completed. Not when
 * it asked: an entry is written before the answer is there, and a look at what the run did itself finds nobody.
 */
async function knewAt(stage: Stage, workflowId: string): Promise<Played['knew']> {
  const { events } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
  const open = new Map<string, string>();
  const begun: string[] = [];
  let isTold = false;
  let knew: Omit<NonNullable<Played['knew']>, 'begun'> | undefined;
  for (const event of events ?? []) {
    const {
      activityTaskScheduledEventAttributes: scheduled,
      activityTaskCompletedEventAttributes: completed,
      activityTaskFailedEventAttributes: failed,
      activityTaskTimedOutEventAttributes: timedOut,
      activityTaskCanceledEventAttributes: canceled,
    } = event;
    const name = scheduled?.activityType?.name ?? '';
    if (scheduled) open.set(String(event.eventId), name);
    if (knew && writes.includes(name)) begun.push(name);
    const closed = String((completed ?? failed ?? timedOut ?? canceled)?.scheduledEventId);
    const [result] = completed?.result?.payloads ?? [];
    if (result && tellsOfPerson(open.get(closed), result)) isTold = true;
    open.delete(closed);
    if (isTold && event.workflowTaskCompletedEventAttributes)
      knew ??= {
        at: optionalTsToMs(event.eventTime) ?? 0,
        underWay: [...open.values()].filter((one) => writes.includes(one)),
      };
  }
  return knew && { ...knew, begun };
}

/** Whether the result of a look, or of a write that was not made, tells of something for which a run steps back. */
function tellsOfPerson(activity: string | undefined, result: Payload): boolean {
  const { ok, kind, acts, notes } = defaultPayloadConverter.fromPayload<{
    readonly ok: boolean;
    readonly kind?: string;
    readonly acts?: readonly unknown[];
    readonly notes?: readonly { readonly answer?: { readonly kind: string } }[];
  }>(result);
  switch (activity) {
    case 'listActs':
      return ok && acts?.length !== 0;
    case 'listPersonsNotes':
      return ok && notes?.some(({ answer }) => answer?.kind === 'mine' || answer?.kind === 'stop') === true;
    case 'updateIncident':
      return !ok && kind === 'Changed';
    default:
      return false;
  }
}

/** What is wrong with how an incident was left, as the people see it. */
async function faultsOf(
  stage: Stage,
  { incident, workflowId, done, errors, knew }: Played,
): Promise<readonly string[]> {
  const faults = [...errors];
  const { status, assignments, acknowledgements, log } = incident;
  const assignees = assignments.map(({ userId }) => userId);
  const acknowledgers = acknowledgements.map(({ by }) => by.id);
  const acts = done.filter(({ kind }) => !['mine', 'stop', 'note'].includes(kind));
  const last = acts.at(-1);
  const person = last && people[last.by].id;
  if (last?.kind === 'resolve' && status !== 'resolved')
    faults.push(`a person resolved it, and it is ${status}`);
  const holds = person !== undefined && (acknowledgers.includes(person) || assignees.includes(person));
  if (last?.kind === 'acknowledge' && status !== 'resolved' && !holds)
    faults.push(
      `a person acknowledged it, and it is ${status} with ${assignees.join()} (${acknowledgers.join()})`,
    );
  if (last?.kind === 'acknowledge' && status === 'resolved')
    faults.push('a person acknowledged it, and it was closed under them');
  if (last?.kind === 'reassign') {
    const to = last.by === 'ada' ? 'PEVA' : 'PADA';
    // Who acknowledged it themselves before it was handed to them is told of it no more, whoever stands beside them: PagerDuty
    // keeps all acknowledges where one of them is of whoever gets it. Ours alone must keep it from nobody.
    const isQuiet = status === 'acknowledged' && !acknowledgers.includes(to);
    if (status === 'resolved' || assignees.join() !== to || isQuiet)
      faults.push(
        `a person handed it to ${to}, and it is ${status} with ${assignees.join()} (${acknowledgers.join()})`,
      );
  }
  if (last && ['escalate', 'unacknowledge'].includes(last.kind) && status !== 'triggered')
    faults.push(`a person wanted it to page (${last.kind}), and it is ${status}`);
  if (acknowledgers.includes('PBOT') && acknowledgers.every((user) => user === 'PBOT'))
    faults.push('it is left acknowledged by us alone');
  if (assignees.includes('PBOT')) faults.push('it is assigned to us');
  const ours = log.filter(({ type, cause }) => type === 'annotate' && cause.agent.id === 'PBOT').length;
  if (ours > 2) faults.push(`${ours} notes of one run`);
  const records = await stage.audit({ run: workflowId });
  const after = records.filter(
    ({ kind, agent, decision, action, at }) =>
      kind === 'entry' &&
      agent !== 'runner' &&
      decision === 'allowed' &&
      /^incidents\.(acknowledge|resolve|add_note)/.test(action) &&
      knew !== undefined &&
      Date.parse(at) > knew.at,
  );
  // One that was under way may still be made: the word that nobody waits for it may come after its last look.
  if (after.length > Math.max(1, (knew?.underWay.length ?? 0) + (knew?.begun.length ?? 0)))
    faults.push(`${after.length} writes after the run knew: ${after.map(({ step }) => step).join(', ')}`);
  const [note, ...others] = knew?.begun ?? [];
  if (others.length > 0 || (note !== undefined && note !== 'createIncidentNote'))
    faults.push(`after the run knew it began ${knew?.begun.join(', ')}`);
  return faults;
}

/** What is wrong with one, with all that is needed to see why. */
async function told(
  stage: Stage,
  { script: one, done, incident, workflowId }: Played,
  faults: readonly string[],
): Promise<string> {
  const records = [
    ...(await stage.audit({ run: workflowId })),
    ...(await stage.audit({ run: `release:main:${incident.id}` })),
  ].toSorted((a, b) => a.seq - b.seq);
  return [
    `${incident.id}: ${faults.join('; ')}`,
    `  script ${JSON.stringify(one)}`,
    `  done ${JSON.stringify(done)}`,
    ...incident.log.map(
      ({ at, type, cause, assigneeIds = [] }) =>
        `  log ${new Date(at).toISOString()} ${cause.agent.id} ${type} ${assigneeIds.join()}`,
    ),
    ...records.map(
      ({ seq, at, kind, agent, step, decision, sentence, reads }) =>
        `  ${seq} ${at} ${kind} ${agent} "${step}" ${decision}: ${sentence} (${reads.map(({ operation }) => operation).join()})`,
    ),
  ].join('\n');
}

test('whatever people do, and whenever, theirs stands', { timeout: 3_600_000 }, async () => {
  const stage = await setUp();
  const scripts = fc.sample(script, { seed: campaign.seed, numRuns: campaign.isShort ? 60 : 500 });
  const played: Played[] = [];
  try {
    await eachOf(scripts, 8, async (one) => void played.push(await play(stage, one)));
    const bad: string[] = [];
    for (const one of played) {
      const faults = await faultsOf(stage, one);
      if (faults.length > 0) bad.push(await told(stage, one, faults));
    }
    const all = played.flatMap(({ done }) => done);
    const records = await stage.audit();
    // Which acts people chose is chance; in a short campaign one may be missing.
    const each = Object.fromEntries(
      kinds.map((kind) => [kind, all.filter((one) => one.kind === kind).length]),
    );
    console.log(`Of the acts: ${JSON.stringify(each)}.`);
    const idle = tell('People and runs', {
      interleavings: played.length,
      'acts of people': all.length,
      'of them between a read and a write': all.filter(({ between }) => between).length,
      'runs that knew of a person': played.filter(({ knew }) => knew !== undefined).length,
      'put back': records.filter(({ rule }) => rule === 'people first').length,
      conclusions: records.filter(
        ({ action, decision }) => action === 'run.conclude' && decision === 'allowed',
      ).length,
    });
    expect(bad.join('\n')).toBe('');
    expect(idle).toEqual([]);
  } finally {
    await stage.close();
  }
});

test('the campaign turns red where a run is kept from seeing what people did', {
  timeout: 600_000,
}, async () => {
  const stage = await setUp();
  // PagerDuty's log says nothing: a run that could not look between its read and its write would do as this one does.
  stage.answerInstead(/\/log_entries$/, { log_entries: [], limit: 100, offset: 0, more: false, total: null });
  try {
    const resolves: Script = {
      acts: [{ kind: 'resolve', by: 'ada', before: 1, atWrite: true, toldAfter: 4, toldTwice: false }],
      concludes: false,
      agent: 'triage-bot',
    };
    const bad: string[] = [];
    await eachOf([resolves, resolves], 2, async (one) => {
      const played = await play(stage, one);
      bad.push(...(await faultsOf(stage, played)));
    });
    expect(bad.filter((fault) => fault.startsWith('a person resolved it, and it is'))).not.toEqual([]);
  } finally {
    await stage.close().catch(() => {});
  }
});
