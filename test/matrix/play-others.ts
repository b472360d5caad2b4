import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as passes } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { checkout } from '../../bench/page.ts';
import { resolve } from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import { until } from '../support/until.ts';
import { tokenIn, type Verdict } from './judge.ts';
import { ended, type Job, jobsOf, type Lot, placed, startAll } from './place.ts';
import { holding, newerWorkflows, otherRequest, type Plant, plantedBuild } from './planted.ts';
import { control } from './play-http.ts';
import type { Stand, Subject } from './stand.ts';
import type { Tally } from './tally.ts';
import type { WorkerProcess } from './workers.ts';

/** Runs that are played together: more would not all be in place before the first is given up, where the machine is busy. */
const together = 13;

/** Plays some jobs at a time. */
async function inLots(
  jobs: readonly Job[],
  play: (jobs: readonly Job[], round: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < jobs.length; from += together)
    await play(jobs.slice(from, from + together), from / together);
}

const always = (): boolean => true;

/** How late a request takes effect that is on its way while its run is reset. */
const lateMs = 6_000;

/** Resets runs while the request of their write is on its way: PagerDuty acts on it only seconds later. */
export async function playResetUnderWay(fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> {
  const match = `MX${String(lot.code).padStart(2, '0')}V`;
  await control(stand, 'POST', '/faults', { kind: 'late', delay_ms: lateMs, match, each: true, times: 1 });
  const worker = await stand.startWorker();
  await inLots(jobsOf(lot), async (jobs) => {
    const subjects = await startAll(stand, jobs);
    const reset = new Map<Subject, Subject>();
    await Promise.all(
      subjects.map(async (subject) => {
        await until('the write is under way', () => isUnderWay(stand.client, subject), 20_000).catch(
          () => {},
        );
        // As soon as the claim stands, so that the new run meets it.
        const hasClaim = await until('the write is claimed', () => isClaimed(stand, subject), 20_000).catch(
          () => false,
        );
        if (hasClaim) reset.set(subject, await resetRun(stand, subject));
      }),
    );
    const now = subjects.map((subject) => reset.get(subject) ?? subject);
    await ended(now);
    // What is late still counts: a run that waits for nothing ends before its first request has taken effect.
    await passes(lateMs);
    await tally.judge(fault, stand, now, (subject) => subject.isReset === true, { isCounted: always });
  });
  await worker.kill();
}

/** Resets runs that are done: all of their steps are asked for again. */
export async function playResetDone(fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> {
  const worker = await stand.startWorker();
  await inLots(jobsOf(lot), async (jobs) => {
    const subjects = await startAll(stand, jobs);
    await ended(subjects);
    const reset: Subject[] = [];
    for (const subject of subjects) reset.push(await resetRun(stand, subject));
    await ended(reset);
    await tally.judge(fault, stand, reset, (subject) => subject.isReset === true, { isCounted: always });
  });
  await worker.kill();
}

/** Goes on with runs on newer Workflow code, after their Worker was killed in the middle of the write. */
export async function playNewerWorkflow(fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> {
  const held = plantedBuild(join(stand.folder, 'holding'), [holding('before the call')], stand.build);
  const newer = bundled(stand, 'newer', newerWorkflows);
  await inLots(jobsOf(lot), async (jobs) => {
    const old = await stand.startWorker({ build: held });
    const subjects = await startAll(stand, jobs);
    await placed(jobs.length, () => old.held.size);
    const before = await Promise.all(subjects.map((subject) => eventsOf(stand.client, subject)));
    await old.kill();
    const worker = await stand.startWorker({ build: newer });
    await ended(subjects);
    await worker.kill();
    // Begun by the old code, gone on with by the new: its history was replayed.
    const isStruck = new Set(subjects.filter((_, index) => (before[index] ?? 0) >= 5));
    await tally.judge(fault, stand, subjects, (subject) => isStruck.has(subject), { isCounted: always });
  });
}

/** Freezes a Worker before its calls until another has done their steps, then wakes it. */
export async function playTwoWorkers(fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> {
  const build = plantedBuild(join(stand.folder, 'holding'), [holding('before the call')], stand.build);
  await inLots(jobsOf(lot), async (jobs) => {
    const first = await stand.startWorker({ build });
    const subjects = await startAll(stand, jobs);
    await placed(jobs.length, () => first.held.size);
    await freeze(stand, first);
    const held = [...first.held];
    const second = await stand.startWorker();
    await ended(subjects);
    first.wake();
    first.letGo();
    // It drains: whatever it was about to send it has sent, or not, when it ends.
    await first.stop();
    await second.kill();
    const isStruck = ({ workflowId }: Subject): boolean =>
      held.some((key) => key.startsWith(`${workflowId} : `));
    await tally.judge(fault, stand, subjects, isStruck, { isCounted: always });
  });
}

/** Freezes a Worker, though not in the middle of a transaction: it would keep the store from everybody. */
async function freeze({ lockStore }: Stand, worker: WorkerProcess): Promise<void> {
  await until('the Worker is frozen outside of a transaction', () => {
    worker.freeze();
    try {
      lockStore()();
      return true;
    } catch {
      worker.wake();
      return false;
    }
  });
}

/** Brings two tries of one step, of a run and of its reset, to the claim, and lets both go at once. */
export async function playTwoClaims(fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> {
  const build = plantedBuild(join(stand.folder, 'holding'), [holding('before the claim', true)], stand.build);
  await inLots(jobsOf(lot), async (jobs) => {
    const worker = await stand.startWorker({ build });
    const subjects = await startAll(stand, jobs);
    await placed(jobs.length, () => worker.held.size);
    const reset: Subject[] = [];
    for (const subject of subjects) reset.push(await resetRun(stand, subject));
    const pairs = (): ReadonlySet<string> => {
      const keys = [...worker.held].map((line) => line.replace(/ \(\d+\)$/, ''));
      return new Set(keys.filter((key, index) => keys.indexOf(key) !== index));
    };
    await placed(jobs.length, () => pairs().size);
    const inPairs = [...pairs()];
    worker.letGo();
    await ended(reset);
    await worker.stop();
    const isStruck = ({ workflowId }: Subject): boolean =>
      inPairs.some((key) => key.startsWith(`${workflowId} : `));
    await tally.judge(fault, stand, reset, isStruck, { isCounted: always });
  });
}

/** Kills Workers after the effect, where the clock of that Worker, or of the one that comes after it, is off. */
export const playClock =
  (hours: number) =>
  async (fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> => {
    const match = `MX${String(lot.code).padStart(2, '0')}V`;
    await control(stand, 'POST', '/faults', { kind: 'hold', match, each: true, times: 1 });
    await inLots(jobsOf(lot), async (jobs, round) => {
      const [first, second] = round % 2 === 0 ? [hours, 0] : [0, hours];
      const killed = await stand.startWorker({ clockHours: first });
      const subjects = await startAll(stand, jobs);
      await placed(jobs.length, () => stand.simulator.holds.count);
      await killed.kill();
      const isStruck = new Set(subjects.filter(({ token }) => isAsked(stand, token)));
      stand.simulator.holds.release();
      const worker = await stand.startWorker({ clockHours: second });
      await ended(subjects);
      await worker.kill();
      await tally.judge(fault, stand, subjects, (subject) => isStruck.has(subject), { isCounted: always });
    });
  };

/** Lets a person resolve the incident between a try that met a limit and the next: nobody may open it again. */
export async function playPerson(fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> {
  const { simulator } = stand;
  const match = `MX${String(lot.code).padStart(2, '0')}V`;
  const limit = { kind: 'rate_limited', retry_after_seconds: 2, match, each: true, times: 1 };
  await control(stand, 'POST', '/faults', limit);
  const worker = await stand.startWorker();
  await inLots(jobsOf(lot), async (jobs) => {
    const subjects = await startAll(stand, jobs, { status: 'triggered' });
    await Promise.all(
      subjects.map(async ({ token, incidents = [] }) => {
        await until('the limit is met', () => isAsked(stand, token));
        for (const id of incidents) {
          const incident = simulator.world.incidents.get(id);
          if (incident) resolve(simulator.world, incident, byUser({ id: seedIds.users.ada }));
        }
      }),
    );
    // What is to be there is the person's word, untouched; and the run must say that it left it so.
    const judged = subjects.map((subject) => ({
      ...subject,
      effects: () => (isUntouched(stand, subject) ? 1 : 0),
      ended: subject.ended.then((end) => {
        if (end instanceof Error) return end;
        return {
          ...end,
          outcome: end.outcome === 'yielded_to_human' ? ('done' as const) : ('failed' as const),
        };
      }),
    }));
    const isStruck = (_subject: Subject, { requests }: Verdict): boolean =>
      requests.some(({ status }) => status === 429);
    await tally.judge(fault, stand, judged, isStruck, { isCounted: always });
  });
  await worker.kill();
}

/** Whether the incidents are as a person left them. */
const isUntouched = ({ simulator }: Stand, { incidents = [] }: Subject): boolean =>
  incidents.every((id) => {
    const incident = simulator.world.incidents.get(id);
    const last = incident?.log.at(-1);
    return (
      incident?.status === 'resolved' && last?.type === 'resolve' && last.cause.agent.id === seedIds.users.ada
    );
  });

/** Resets runs that are done on a Workflow that asks for something else under the name of the same step. */
export async function playStepReused(fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> {
  const other = bundled(stand, 'other', [otherRequest]);
  await inLots(jobsOf(lot), async (jobs) => {
    const first = await stand.startWorker();
    const subjects = await startAll(stand, jobs);
    await ended(subjects);
    await first.kill();
    const reset: Subject[] = [];
    for (const subject of subjects) reset.push(await resetRun(stand, subject));
    const second = await stand.startWorker({ build: other });
    const said = new Map(
      await Promise.all(reset.map(async (subject) => [subject, await subject.ended] as const)),
    );
    await second.kill();
    // What the second request asks was not done, so a run that says that it was has lost it.
    const judged = reset.map((subject) => {
      const end = said.get(subject);
      const isTold =
        end instanceof Error || (end?.outcome === 'failed' && /another request/.test(end.summary));
      return {
        ...subject,
        ended: subject.first?.ended ?? subject.ended,
        ...(isTold ? {} : { effects: () => 0 }),
      };
    });
    await tally.judge(fault, stand, judged, (subject) => subject.isReset === true, { isCounted: always });
  });
}

/** A copy of the build with another Workflow, and its bundle. */
function bundled(stand: Stand, name: string, plants: readonly Plant[]): string {
  const build = plantedBuild(join(stand.folder, name), plants, stand.build);
  execFileSync(process.execPath, [join(build, 'worker', 'bundle.js')], { cwd: checkout, stdio: 'ignore' });
  return build;
}

const execution = ({ workflowId, runId }: Subject) => ({ workflowId, runId });

async function isUnderWay(client: Client, subject: Subject): Promise<boolean> {
  const { raw } = await client.workflow.getHandle(subject.workflowId, subject.runId).describe();
  return (raw.pendingActivities ?? []).length > 0;
}

async function isClaimed({ store }: Stand, { workflowId }: Subject): Promise<boolean> {
  const rows = store.selectFrom('steps').select('state').where('step_key', 'like', `${workflowId} : %`);
  return (await rows.execute()).length > 0;
}

const isAsked = ({ simulator }: Stand, token: string): boolean =>
  simulator.requests.since(0).some((request) => request.method !== 'GET' && tokenIn(request) === token);

async function eventsOf(client: Client, { workflowId, runId }: Subject): Promise<number> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  return events?.length ?? 0;
}

/** Resets a run to its beginning; gives the run that goes on. */
async function resetRun({ client, follow }: Stand, subject: Subject): Promise<Subject> {
  const { events } = await client.workflow.getHandle(subject.workflowId, subject.runId).fetchHistory();
  const first = events?.find(({ workflowTaskCompletedEventAttributes: completed }) => completed);
  const { runId } = await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: execution(subject),
    reason: 'matrix',
    requestId: `reset ${subject.runId}`,
    workflowTaskFinishEventId: first?.eventId ?? (3 as never),
    resetReapplyType: proto.temporal.api.enums.v1.ResetReapplyType.RESET_REAPPLY_TYPE_NONE,
  });
  return { ...subject, runId, isReset: true, first: subject, ended: follow(subject.workflowId, runId) };
}
