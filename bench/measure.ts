import { setTimeout } from 'node:timers/promises';
import type { google } from '@temporalio/proto';
import { type AuditRecord, write } from '../gate/audit.ts';
import { openStore, StoreAway } from '../gate/audit-store.ts';

/** One thing that was measured, in milliseconds. */
export interface Row {
  readonly what: string;
  readonly turns: number;
  readonly p50: number;
  readonly p99: number;
  /** How many of these were done in a second, by all who did them. */
  readonly aSecond: number;
}

/** Does something many times, one after the other; the first tenth only warms up. */
export async function measured(what: string, turns: number, work: (index: number) => unknown): Promise<Row> {
  const durations: number[] = [];
  for (let index = 0; index < turns; index += 1) durations.push(await timed(() => work(index)));
  return rowOf(what, durations.length > 200 ? durations.slice(durations.length / 10) : durations);
}

export function rowOf(what: string, durations: readonly number[], aSecond = perSecond(durations)): Row {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  const { length } = sorted;
  return { what, turns: length, p50: rounded(at(0.5)), p99: rounded(at(0.99)), aSecond: rounded(aSecond) };
}

/** Of what was done one after the other. */
const perSecond = (durations: readonly number[]): number =>
  (durations.length * 1_000) / durations.reduce((sum, ms) => sum + ms, 0);

/** A time as the server tells it, in milliseconds since 1970. */
export const msOf = (time: google.protobuf.ITimestamp | null | undefined): number =>
  Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;

/** As it stands in `docs/figures.md`. */
export const table = (rows: readonly Row[]): string =>
  [
    '| step | turns | p50 ms | p99 ms | a second |',
    '|---|---:|---:|---:|---:|',
    ...rows.map(
      ({ what, turns, p50, p99, aSecond }) => `| ${what} | ${turns} | ${p50} | ${p99} | ${aSecond} |`,
    ),
  ].join('\n');

/** How long each append took and all of them, and how often the store stayed locked for the two seconds that a writer waits. */
export interface Appended {
  readonly durations: readonly number[];
  readonly elapsedMs: number;
  readonly locked: number;
}

/** Appends entries to a store, each in a transaction of its own; one that finds it locked is tried again, as an Activity is. */
export async function appendMany(place: string, count: number, pauseMs = 0): Promise<Appended> {
  const store = await openStore(place);
  const durations: number[] = [];
  let locked = 0;
  const append = async (): Promise<void> => {
    for (;;) {
      try {
        await write(store, record);
        return;
      } catch (error) {
        if (!(error instanceof StoreAway)) throw error;
        locked += 1;
      }
    }
  };
  // What is made at the first use is no part of it.
  await append();
  const began = performance.now();
  for (let index = 0; index < count; index += 1) {
    durations.push(await timed(append));
    if (pauseMs > 0) await setTimeout(pauseMs);
  }
  const elapsedMs = performance.now() - began;
  await store.destroy();
  return { durations, elapsedMs, locked };
}

async function timed(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const rounded = (ms: number): number => Number(ms.toPrecision(3));

const record: AuditRecord = {
  kind: 'entry',
  agent: 'bench-bot',
  account: 'main',
  workflowId: 'triage:main:PBENCH',
  runId: '00000000-0000-0000-0000-000000000000',
  step: 'Read incident PBENCH',
  attempt: 1,
  configuration: 'f'.repeat(64),
  operation: 'getIncident',
  action: 'incidents.view',
  incident: 'PBENCH',
  decision: 'allowed',
  rule: 'agents.bench-bot.grants.incidents',
  sentence: 'bench-bot may read incident PBENCH: its grant on incidents is read.',
  requestDigest: 'f'.repeat(64),
  facts: {},
  reads: [],
};
