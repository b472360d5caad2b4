import { setTimeout as sleep } from 'node:timers/promises';
import { tokenOf } from './judge.ts';
import type { Stand, Subject } from './stand.ts';
import { type Write, writes } from './writes.ts';

/** What one fault is to be played on. */
export interface Lot {
  /** Number of the fault; stands in the tokens. */
  readonly code: number;
  readonly writes: readonly Write[];
  /** Seeds a write, and the first of them. */
  readonly seeds: number;
  readonly firstSeed: number;
}

/** One run that is to be made. */
export interface Job {
  readonly write: Write;
  readonly token: string;
  readonly seed: number;
}

/** Every write with every seed; the writes take turns. */
export function jobsOf(
  { code, writes: chosen, seeds, firstSeed }: Lot,
  variantOf = (_seed: number) => 1,
): readonly Job[] {
  return Array.from({ length: seeds }, (_, index) => firstSeed + index).flatMap((seed) =>
    chosen.map((write) => ({
      write,
      seed,
      token: tokenOf(code, writes.indexOf(write), variantOf(seed), seed),
    })),
  );
}

/** Starts under way at a time. */
const atOnce = 20;

/** Starts runs, some at a time. */
export async function startAll(
  stand: Stand,
  jobs: readonly Job[],
  expect?: Parameters<Stand['start']>[3],
): Promise<readonly Subject[]> {
  const started: Subject[] = [];
  const left = [...jobs];
  const work = async (): Promise<void> => {
    for (let job = left.shift(); job; job = left.shift())
      started.push(await stand.start(job.write, job.token, job.seed, expect));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return started;
}

/** Longest that a first run may stand at its place while others are still on their way: then its own limits would end it. */
const patienceMs = 6_500;

/**
 * Waits until all runs stand where they are to be struck, or the first has stood there for as long as it can.
 * @param count how many stand there.
 */
export async function placed(wanted: number, count: () => number, longestMs = 60_000): Promise<void> {
  const began = Date.now();
  let first: number | undefined;
  for (;;) {
    const standing = count();
    if (standing > 0) first ??= Date.now();
    if (standing >= wanted) return;
    if (first !== undefined && Date.now() - first > patienceMs) return;
    if (Date.now() - began > longestMs) return;
    await sleep(20);
  }
}

/** Waits until all runs have ended. */
export const ended = (subjects: readonly Subject[]): Promise<unknown> =>
  Promise.all(subjects.map((subject) => subject.ended));
