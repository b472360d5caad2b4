import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, test } from 'vitest';
import type { Deps } from '../../activities/deps.ts';
import type { NotDone } from '../../activities/index.ts';
import type { Follower } from '../../activities/runs.ts';
import { type Compared, compareOpen } from '../../activities/sweep.ts';
import { complete, keepPage, lastSweep, sweptIn } from '../../gate/sweeps.ts';
import { driftOf } from '../../workflows/seen.ts';
import { isOutdated, stateOf } from '../../workflows/state.ts';
import { temporaryStore } from './temporary-store.ts';

const store = temporaryStore();
const account = 'main';

const listed = (incident: string, state = 'triggered high S P U -') => ({
  incident,
  state,
  service: 'S',
  opened_at: 1_000,
});
const nothing = { orders: [], untold: [], notesRead: [], notesLeft: [] };
const sweep = async (at: number, incidents: readonly ReturnType<typeof listed>[], more = {}) => {
  await keepPage(store(), account, at, incidents);
  return complete(store(), { account, sweep: at, ...nothing, ...more });
};

describe('a watermark', () => {
  test('moves with a complete sweep, and only forward', async () => {
    expect(await lastSweep(store(), account)).toBeUndefined();
    await keepPage(store(), account, 100, [listed('P1')]);
    expect(await lastSweep(store(), account)).toBeUndefined();
    await sweep(200, [listed('P1'), listed('P2')], { orders: ['o1'] });
    expect(await lastSweep(store(), account)).toMatchObject({
      sweep: 200,
      notes_until: 200,
      orders: '["o1"]',
    });
    await sweep(150, [listed('P3')]);
    expect(await lastSweep(store(), account)).toMatchObject({ sweep: 200 });
    expect([...(await sweptIn(store(), account, 200)).keys()]).toEqual(['P1', 'P2']);
  });

  test('moves forward alone, also where several are complete at once', async () => {
    const ends = [300, 500, 100, 400, 200];
    for (const at of ends) await keepPage(store(), account, at, [listed(`P${at}`)]);
    await Promise.all(ends.map((at) => complete(store(), { account, sweep: at, ...nothing })));
    expect(await lastSweep(store(), account)).toMatchObject({ sweep: 500 });
    expect([...(await sweptIn(store(), account, 500)).keys()]).toEqual(['P500']);
  });

  test('keeps what it listed until the next one is complete, and no longer', async () => {
    await sweep(100, [listed('P1'), listed('P2')]);
    await keepPage(store(), account, 200, [listed('P1')]);
    await keepPage(store(), account, 200, [listed('P1', 'a page that came again')]);
    expect((await sweptIn(store(), account, 100)).size).toBe(2);
    expect((await sweptIn(store(), account, 200)).get('P1')?.state).toBe('triggered high S P U -');
    await sweep(200, []);
    expect((await sweptIn(store(), account, 100)).size).toBe(0);
    expect([...(await sweptIn(store(), account, 200)).keys()]).toEqual(['P1']);
  });

  test('of one account is not that of another', async () => {
    await sweep(100, [listed('P1')]);
    await keepPage(store(), 'other', 50, [listed('P9')]);
    await complete(store(), { account: 'other', sweep: 50, ...nothing });
    expect((await sweptIn(store(), account, 100)).size).toBe(1);
    expect(await lastSweep(store(), 'other')).toMatchObject({ sweep: 50 });
  });

  test('of notes stays where some were not compared, at the oldest of these', async () => {
    const all = [listed('P1'), listed('P2'), listed('P3')];
    expect(await sweep(100, all, { notesRead: ['P1', 'P2', 'P3'] })).toBe(100);
    expect(await sweep(200, all, { notesRead: ['P1'], notesLeft: ['P2', 'P3'] })).toBe(100);
    expect(await sweep(300, all, { notesRead: ['P2'], notesLeft: ['P1', 'P3'] })).toBe(100);
    expect(await sweep(400, all, { notesRead: ['P3'], notesLeft: ['P1', 'P2'] })).toBe(200);
    expect(await sweep(500, all, { notesRead: ['P1', 'P2', 'P3'] })).toBe(500);
  });

  test('of notes is none before all were compared once', async () => {
    expect(await sweep(100, [listed('P1')], { notesLeft: ['P1'] })).toBeNull();
  });
});

test('what could not be told yet is different for the next sweep, from the same instant on', async () => {
  await sweep(100, [listed('P1'), listed('P2')]);
  await sweep(200, [listed('P1', 'acknowledged'), listed('P3')], { untold: ['P1', 'P2', 'P3'] });
  const rows = await sweptIn(store(), account, 200);
  for (const incident of ['P1', 'P2', 'P3'])
    expect(rows.get(incident)).toMatchObject({ state: 'unknown', state_at: 100 });
  expect(rows.size).toBe(3);
  await sweep(300, [listed('P1', 'acknowledged')], { untold: ['P2'] });
  expect((await sweptIn(store(), account, 300)).get('P1')).toMatchObject({
    state: 'acknowledged',
    state_at: 300,
  });
  expect((await sweptIn(store(), account, 300)).get('P2')).toMatchObject({ state: 'unknown', state_at: 100 });
});

describe('runs that listen to notes', () => {
  const follower = (index: number): Follower => ({
    workflowId: `respond:main:P${index}`,
    runId: 'r',
    known: {
      incident: `P${index}`,
      number: index,
      state: 'triggered high S P U -',
      notes: '0 -',
      changes: 1,
    },
  });
  const many = Array.from({ length: 250 }, (_, index) => follower(index));

  /** As far as a comparison asks. */
  const deps = (followers: readonly Follower[]): Deps =>
    ({
      account,
      store: async () => store(),
      policy: () => ({ readable: false, sentence: '' }),
      origin: async () => ({ kind: 'runner', lineage: [{ workflowId: 'w', firstRunId: 'r' }], startedAt: 0 }),
      states: { stateOf, isOutdated, driftOf },
      runs: { followers: async () => followers, known: async () => undefined, last: async () => undefined },
    }) as unknown as Deps;
  const compare = async (
    at: number,
    incidents: readonly ReturnType<typeof listed>[],
    asked: Deps,
  ): Promise<Compared> => {
    await keepPage(store(), account, at, incidents);
    const run = (input: { readonly step: string; readonly sweep: number }) => compareOpen(asked, input);
    const compared = (await new MockActivityEnvironment().run(run, { step: 'Compare', sweep: at })) as
      | Compared
      | NotDone;
    if (!compared.ok) throw new Error(compared.sentence);
    return compared;
  };

  test('are so many a sweep as the budget lets, whose turn was longest ago first, and all come to their turn', async () => {
    const turns = new Map<string, number>();
    for (let at = 100; at <= 300; at += 100) {
      const open = many.map(({ known }) => listed(known.incident));
      const { listeners, notesLeft } = await compare(at, open, deps(many));
      expect(listeners).toHaveLength(96);
      expect(notesLeft).toHaveLength(154);
      const read = listeners.map(({ incident }) => incident);
      for (const incident of read) turns.set(incident, (turns.get(incident) ?? 0) + 1);
      await complete(store(), { account, sweep: at, ...nothing, notesRead: read, notesLeft });
    }
    expect(turns.size).toBe(250);
    expect(Math.max(...turns.values())).toBe(2);
    expect(await lastSweep(store(), account)).toMatchObject({ sweep: 300, notes_until: 100 });
  });

  test('and whose incident differs anyway are woken, and read them themselves', async () => {
    const [one, other] = [follower(1), follower(2)];
    const runs = { ...deps([]).runs, followers: async () => [one, other], known: async () => one.known };
    const open = [listed('P1', 'acknowledged high S P U U'), listed('P2')];
    const compared = await compare(100, open, { ...deps([]), runs });
    expect(compared).toMatchObject({
      wakes: [
        {
          workflowId: 'respond:main:P1',
          event: 'sweep 1: triggered high S P U - → acknowledged high S P U U',
        },
      ],
      listeners: [{ incident: 'P2' }],
      notesLeft: [],
    });
  });
});
