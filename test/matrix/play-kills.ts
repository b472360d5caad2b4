import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestRecord } from '../../simulator/request-log.ts';
import { tokenIn } from './judge.ts';
import { ended, type Job, jobsOf, type Lot, placed, startAll } from './place.ts';
import { type HoldPoint, holding, plantedBuild } from './planted.ts';
import { control } from './play-http.ts';
import type { Server } from './server.ts';
import type { Stand, Subject } from './stand.ts';
import type { Tally } from './tally.ts';

/** Runs that are struck by one kill: more would not all be in place before the first is given up. */
const together = 65;

/** How often runs are placed anew that were not in place when the blow fell. */
const mostRounds = 12;

/**
 * Strikes runs in rounds until every job has been struck. A round makes its runs and says which of them were struck; the
 * others are judged as well, and made anew under another token.
 */
async function inRounds(
  jobs: readonly Job[],
  strike: (jobs: readonly Job[], round: number) => Promise<ReadonlySet<Job>>,
): Promise<void> {
  let left = [...jobs];
  for (let round = 0; left.length > 0 && round < mostRounds + jobs.length / together; round += 1) {
    const now = left.slice(0, together).map((job) => ({ ...job, token: nthToken(job.token, round) }));
    const struck = await strike(now, round);
    const again = now.filter((job) => !struck.has(job));
    left = [...left.slice(together), ...again];
  }
}

/** A token of its own for each try: the variant counts them. */
const nthToken = (token: string, round: number): string =>
  token.replace(/V\w/, `V${round.toString(36).toUpperCase()}`);

/** Kills Workers whose writes stand at one place of `perform`. */
export const playKillAt =
  (point: HoldPoint) =>
  async (fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> => {
    const build = plantedBuild(join(stand.folder, 'holding'), [holding(point)], stand.build);
    await inRounds(jobsOf(lot), async (jobs) => {
      const worker = await stand.startWorker({ build });
      const subjects = await startAll(stand, jobs);
      await placed(jobs.length, () => worker.held.size);
      await worker.kill();
      const held = [...worker.held];
      const isStruck = ({ workflowId }: Subject): boolean =>
        held.some((key) => key.startsWith(`${workflowId} : `));
      return recovered(fault, stand, jobs, subjects, isStruck, tally);
    });
  };

/** Kills Workers that wait for answers whose effect is there. */
export async function playKillAfterEffect(
  fault: string,
  stand: Stand,
  lot: Lot,
  tally: Tally,
): Promise<void> {
  await holdAnswers(stand, lot);
  await inRounds(jobsOf(lot), async (jobs) => {
    const worker = await stand.startWorker();
    const subjects = await startAll(stand, jobs);
    await placed(jobs.length, () => stand.simulator.holds.count);
    // While it lives: with its connections the answers are gone.
    const isStruck = heldIn(stand, subjects);
    await worker.kill();
    return recovered(fault, stand, jobs, subjects, isStruck, tally);
  });
}

/** Kills the Temporal server while runs wait for answers, and starts it again a moment after these have come. */
export async function playServerKill(
  fault: string,
  stand: Stand,
  server: Server,
  lot: Lot,
  tally: Tally,
): Promise<void> {
  await holdAnswers(stand, lot);
  await stand.startWorker();
  await inRounds(jobsOf(lot), async (jobs, round) => {
    const subjects = await startAll(stand, jobs);
    await placed(jobs.length, () => stand.simulator.holds.count);
    await server.kill();
    const isStruck = heldIn(stand, subjects);
    stand.simulator.holds.release();
    await sleep(500 + 500 * (round % 3));
    await server.start();
    return settled(fault, stand, jobs, subjects, isStruck, tally);
  });
}

/**
 * Locks the audit store for some seconds: in even rounds between the answers and their records, in odd ones from before the
 * runs begin.
 */
export async function playStoreLocked(fault: string, stand: Stand, lot: Lot, tally: Tally): Promise<void> {
  await holdAnswers(stand, lot);
  await stand.startWorker();
  await inRounds(jobsOf(lot), async (jobs, round) => {
    const isLate = round % 2 === 0;
    if (isLate) {
      const subjects = await startAll(stand, jobs);
      await placed(jobs.length, () => stand.simulator.holds.count);
      const unlock = stand.lockStore();
      const isStruck = heldIn(stand, subjects);
      stand.simulator.holds.release();
      await sleep(1_000 + 1_500 * (round % 4));
      unlock();
      return settled(fault, stand, jobs, subjects, isStruck, tally);
    }
    const unlock = stand.lockStore();
    const subjects = await startAll(stand, jobs);
    await sleep(3_000 + 1_000 * (round % 3));
    const early = tokensAsked(stand, () => true);
    const waiting = await waitingRuns(stand, subjects);
    unlock();
    // While it was locked the run had an Activity under way, and nothing of it had been sent.
    const isStruck = (subject: Subject): boolean => waiting.has(subject) && !early.has(subject.token);
    const isOver = (async () => {
      for (let over = false; !over; ) {
        stand.simulator.holds.release();
        over = await Promise.race([ended(subjects).then(() => true), sleep(100, false)]);
      }
    })();
    await isOver;
    return settled(fault, stand, jobs, subjects, isStruck, tally);
  });
}

/** The tokens of the writes that have reached PagerDuty. */
const tokensAsked = (
  { simulator }: Stand,
  isMeant: (request: RequestRecord) => boolean,
): ReadonlySet<string | undefined> =>
  new Set(
    simulator.requests
      .since(0)
      .filter((request) => request.method !== 'GET' && isMeant(request))
      .map(tokenIn),
  );

/** Runs with an Activity that has begun and not ended. */
async function waitingRuns({ client }: Stand, subjects: readonly Subject[]): Promise<ReadonlySet<Subject>> {
  const waiting = await Promise.all(
    subjects.map(async (subject) => {
      const { raw } = await client.workflow.getHandle(subject.workflowId).describe();
      return (raw.pendingActivities ?? []).length > 0 ? [subject] : [];
    }),
  );
  return new Set(waiting.flat());
}

/** Holds the answer to each write's first request; what it asks is done at once. */
async function holdAnswers(stand: Stand, { code }: Lot): Promise<void> {
  const match = `MX${String(code).padStart(2, '0')}V`;
  await control(stand, 'POST', '/faults', { kind: 'hold', match, each: true, times: 1 });
}

/** Whose answers are held now. */
function heldIn(stand: Stand, subjects: readonly Subject[]): (subject: Subject) => boolean {
  if (stand.simulator.holds.count === 0) return () => false;
  const tokens = tokensAsked(stand, ({ fault }) => fault === 'hold');
  const held = new Set(subjects.filter(({ token }) => tokens.has(token)));
  return (subject) => held.has(subject);
}

/** Lets another Worker bring the runs to their ends, and judges them. */
async function recovered(...given: Parameters<typeof settled>): Promise<ReadonlySet<Job>> {
  const [, stand] = given;
  const worker = await stand.startWorker();
  const struck = await settled(...given);
  await worker.kill();
  return struck;
}

/** Waits for the ends and judges them; gives the jobs that were struck. */
async function settled(
  fault: string,
  stand: Stand,
  jobs: readonly Job[],
  subjects: readonly Subject[],
  isStruck: (subject: Subject) => boolean,
  tally: Tally,
): Promise<ReadonlySet<Job>> {
  await ended(subjects);
  await tally.judge(fault, stand, subjects, isStruck);
  const tokens = new Set(subjects.filter(isStruck).map(({ token }) => token));
  return new Set(jobs.filter(({ token }) => tokens.has(token)));
}
