import { randomUUID } from 'node:crypto';
import { defineSearchAttributeKey } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { verify } from '../../client/commands/audit-verify.ts';
import * as acts from '../../client/commands/standing-acts.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import type { RunningWorker } from '../../worker/index.ts';
import { followShiftsId, type ShiftsFollowed, workflowTaskQueue } from '../../workflows/contract.ts';
import { runRaw } from '../support/attacks.ts';
import { asLead, ordersOn, say } from '../support/orders.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { sweepIncidents } from '../support/sweeps.ts';
import { until } from '../support/until.ts';

const { payments, platform, leads, support } = seedIds.schedules;
const { users } = seedIds;
/** None of the payments rota, nor of the platform's: they change hands only where a test says so. */
const strangers = [users.gus, users.hana, users.jun, users.kim];

/** A run that is slow keeps no other from starting. */
const orderOn = (whose: string): string =>
  `{ at: shift-change, ${whose}, overlap: buffer_one, workflow: runOperation, agent: reporter, input: { operation: listOnCalls, request: {} } }`;
const order = orderOn(`schedules: [${payments}]`);

let stage: Stage;
let worker: RunningWorker;
let orders: ReturnType<typeof ordersOn>;
let name: string;
let count = 0;
beforeAll(async () => {
  stage = await setStage({ agents: { reporter: 'oncalls: read' }, operators: { lead: '' } });
  worker = await stage.startWorker();
  asLead(stage);
  orders = ordersOn(stage, stage.configText());
});
afterAll(async () => {
  await stage.close();
  vi.unstubAllEnvs();
});
beforeEach(() => {
  count += 1;
  name = `hand-over-${count}`;
  orders.hold(`${name}: ${order}`);
});
afterEach(async () => {
  await stage.clearFaults();
  await orders.clear();
  forget();
});

function forget(): void {
  const { schedules } = stage.simulator.world;
  for (const [id, schedule] of schedules) schedules.set(id, { ...schedule, overrides: [] });
}

/** An instant that the order's Schedule holds before it comes, however slow the machine: where it came too late, all begins anew. */
async function ahead(held: string, make: (at: number) => Promise<unknown>): Promise<number> {
  for (let seconds = 3; ; seconds *= 2) {
    orders.hold(`${name}: ${held}`);
    await orders.apply();
    const at = soon(seconds);
    await make(at);
    expect(await follow()).toMatchObject({ kept: [name], left: [] });
    if (Date.now() < at) return at;
    await orders.clear();
    forget();
  }
}

const follow = (): Promise<ShiftsFollowed> =>
  stage.client.workflow.execute<(input: { readonly account: string }) => Promise<ShiftsFollowed>>(
    'followShifts',
    {
      workflowId: `follow-by-hand:${randomUUID()}`,
      taskQueue: workflowTaskQueue,
      args: [{ account: 'main' }],
    },
  );
const list = () => orders.list(name);
const soon = (seconds: number): number => (Math.ceil(Date.now() / 1_000) + seconds) * 1_000;
const iso = (at: number): string => new Date(at).toISOString();
const runAt = (at: number): string => `standing:main:${name}-${iso(at).slice(0, 19)}Z`;
const override = (schedule: string, user: string, start: number, end: number) =>
  stage.asPerson('POST', `/schedules/${schedule}/overrides`, {
    overrides: [{ start: iso(start), end: iso(end), user: { id: user, type: 'user_reference' } }],
  });
const [gus, hana] = strangers as [string, string];

/** Ids of all runs that the order's Schedule has started. */
const startedBy = async (of = name): Promise<readonly string[]> =>
  (await orders.scheduleOf(of).describe()).info.recentActions.map(({ action }) => action.workflow.workflowId);
const acted = async (run: string): Promise<void> => {
  await orders.begun(run);
  expect(await orders.resultOf(run)).toMatchObject({ outcome: 'done' });
  const [entry, ...more] = await orders.entriesOf(run);
  expect(more).toEqual([]);
  expect(entry).toMatchObject({ agent: 'reporter', via: `standing order ${name}`, decision: 'allowed' });
};

describe('an order at shift changes', () => {
  test('starts its run at each change of who is on call, and the audit names order and agent', async () => {
    expect(await orders.apply()).toMatchObject({
      words: 'Created 1, updated 0, removed 0.',
      lines: [`+ ${name}: shift changes of schedules ${payments}, runOperation as reporter`],
    });
    expect(await list()).toMatchObject({
      state: 'active',
      next: [],
      shifts: [expect.stringMatching(/^its shifts were not read yet; a Worker does that within a minute/)],
    });
    const lasts = 3_000;
    const start = await ahead(order, (at) => override(payments, gus, at, at + lasts));
    const listed = await list();
    expect(listed).toMatchObject({ state: 'active', differences: [], shifts: [] });
    // What comes after the two is the rota's own, by the week.
    expect(listed.next.length).toBeGreaterThan(1);
    expect((await orders.apply()).result).toMatchObject({ changes: [], applied: false });
    const runs = [runAt(start), runAt(start + lasts)];
    for (const run of runs) await acted(run);
    expect(await follow()).toEqual({ kept: [name], started: [], left: [] });
    expect(await startedBy()).toEqual(runs);
    expect(await list()).toMatchObject({
      last: { run: runs[1], state: 'done' },
      missed: 0,
      skipped: 0,
    });
  });

  test('is started once for a change that was made as it happened, however often it is read', async () => {
    await orders.apply();
    await follow();
    const now = soon(0);
    await until('it has passed', () => Date.now() > now);
    await override(payments, gus, now, now + 3_600_000);
    expect(await follow()).toEqual({ kept: [name], started: [runAt(now)], left: [] });
    await acted(runAt(now));
    expect(await follow()).toEqual({ kept: [name], started: [], left: [] });
    expect(await startedBy()).toEqual([runAt(now)]);
    expect((await list()).next[0]).toBe(iso(now + 3_600_000));
  });

  test('starts one run where two schedules change at once, and none where the same person goes on', async () => {
    const at = await ahead(orderOn(`schedules: [${payments}, ${platform}]`), async (when) => {
      await override(payments, gus, when, when + 3_600_000);
      await override(platform, hana, when, when + 3_600_000);
      // He has it already when this begins, and when it ends.
      await override(payments, gus, when + 1_000_000, when + 2_000_000);
    });
    await acted(runAt(at));
    await follow();
    expect(await startedBy()).toEqual([runAt(at)]);
    expect((await list()).next[0]).toBe(iso(at + 3_600_000));
  });

  test('goes by the levels of a policy where that is what it names', async () => {
    orders.hold(`${name}: ${orderOn(`policies: [${seedIds.policies.payments}]`)}`);
    await orders.apply();
    const at = soon(3_600);
    await override(payments, gus, at, at + 3_600_000);
    expect(await follow()).toMatchObject({ kept: [name], left: [] });
    expect((await list()).next.slice(0, 2)).toEqual([iso(at), iso(at + 3_600_000)]);
  });

  test('starts nothing for a change that was taken back, or moved, before it came', async () => {
    await orders.apply();
    const at = soon(3_600);
    await override(payments, gus, at, at + 3_600_000);
    await follow();
    expect((await list()).next[0]).toBe(iso(at));
    const { schedules } = stage.simulator.world;
    const rota = schedules.get(payments);
    if (!rota) throw new Error('The seed world has the payments rota.');
    schedules.set(payments, { ...rota, overrides: [] });
    await override(payments, gus, at + 600_000, at + 3_600_000);
    await follow();
    expect((await list()).next.slice(0, 2)).toEqual([iso(at + 600_000), iso(at + 3_600_000)]);
    expect(await list()).toMatchObject({ state: 'active', differences: [] });
  });

  test('is begun by the sweep of every minute', async () => {
    await orders.apply();
    await sweepIncidents(stage.client);
    const followed = await stage.client.workflow.getHandle(followShiftsId('main')).result();
    expect(followed).toEqual({ kept: [name], started: [], left: [] });
    expect((await list()).next.length).toBeGreaterThan(0);
  });

  test('keeps its times while no Worker runs, and catches up what changed meanwhile', async () => {
    const known = await ahead(order, (at) => override(payments, gus, at, at + 3_600_000));
    worker.stop();
    await worker.stopped;
    await orders.begun(runAt(known));
    const unknown = soon(0);
    await override(payments, hana, unknown, known + 3_600_000);
    await until('it has passed', () => Date.now() > unknown);
    worker = await stage.startWorker();
    await acted(runAt(known));
    expect(await follow()).toMatchObject({ started: [runAt(unknown)], left: [] });
    await acted(runAt(unknown));
    expect(await startedBy()).toEqual([runAt(known), runAt(unknown)]);
  });

  test('has nothing to do with what changed before it was put on the server', async () => {
    const now = soon(0);
    await override(payments, gus, now, now + 3_600_000);
    await until('it has passed', () => Date.now() > now + 1_000);
    await orders.apply();
    expect(await follow()).toMatchObject({ kept: [name], started: [] });
    expect(await follow()).toMatchObject({ kept: [name], started: [] });
    expect(await startedBy()).toEqual([]);
  });

  test('stays paused through what is read and applied, and what changed meanwhile is not made up for', async () => {
    await orders.apply();
    await follow();
    await say((output) => acts.pauseOrder(name, { reason: 'the audit' }, output));
    const now = soon(0);
    await until('it has passed', () => Date.now() > now);
    await override(payments, gus, now, now + 3_600_000);
    expect(await follow()).toEqual({ kept: [name], started: [], left: [] });
    expect((await orders.apply()).result).toMatchObject({ changes: [] });
    expect(await list()).toMatchObject({ state: 'paused', paused: 'by lead: the audit', next: [] });
    await say((output) => acts.resumeOrder(name, output));
    expect(await follow()).toEqual({ kept: [name], started: [], left: [] });
    expect(await startedBy()).toEqual([]);
    expect(await list()).toMatchObject({ state: 'active', paused: null, missed: 0 });
    expect((await list()).next[0]).toBe(iso(now + 3_600_000));
  });

  test('is for other schedules only once that was applied, and then for nothing of before', async () => {
    await orders.apply();
    await follow();
    orders.hold(`${name}: ${orderOn(`schedules: [${leads}]`)}`);
    expect(await list()).toMatchObject({
      state: 'changed',
      differences: [{ line: 'times' }, { line: 'shifts' }],
    });
    expect((await follow()).left).toEqual([
      expect.stringMatching(/has other times than the configuration says/),
    ]);
    await orders.refused(
      await orders.triggerByHand(`standing:main:${name}`),
      /: the standing order hand-over-\d+ has a Schedule with other times than the configuration says; /,
    );
    const now = soon(0);
    await override(leads, users.fay, now, now + 3_600_000);
    await until('it has passed', () => Date.now() > now + 1_000);
    expect((await orders.apply()).words).toBe('Created 0, updated 1, removed 0.');
    expect(await follow()).toEqual({ kept: [name], started: [], left: [] });
    expect(await list()).toMatchObject({ state: 'active', differences: [] });
    expect((await list()).next[0]).toBe(iso(now + 3_600_000));
    const { started } = await orders.trigger(name);
    expect(await orders.resultOf(String(started))).toMatchObject({ outcome: 'done' });
  });
});

describe('what cannot be read, or is of another kind, is named', () => {
  test('a schedule that is shift-based is followed like any other', async () => {
    orders.hold(`${name}: ${orderOn(`schedules: [${support}]`)}`);
    await orders.apply();
    expect(await follow()).toMatchObject({ kept: [name] });
    const { next, shifts } = await list();
    expect(next.length).toBeGreaterThan(0);
    expect(shifts).toEqual([
      `Support shifts (${support}) is of PagerDuty's shift-based kind: its changes are read from who is on call, as all are`,
    ]);
  });

  test('a schedule by which nobody is on call', async () => {
    orders.hold(`${name}: ${orderOn(`schedules: [${payments}, PGONE]`)}`);
    await orders.apply();
    await follow();
    expect((await list()).shifts).toEqual([
      'PagerDuty shows nobody on call by the schedule PGONE: is the id right, and is it on an escalation policy?',
    ]);
    expect((await list()).next.length).toBeGreaterThan(0);
  });

  test('a PagerDuty that refuses: the order goes by what was known before', async () => {
    await orders.apply();
    const at = soon(3_600);
    await override(payments, gus, at, at + 3_600_000);
    await follow();
    await stage.fault({ operation: 'listOnCalls', kind: 'status', status: 403 });
    const [left] = (await follow()).left;
    expect(left).toMatch(/^The shift changes of hand-over-\d+ could not be read: /);
    const { next, shifts, state } = await list();
    expect([next[0], state]).toEqual([iso(at), 'active']);
    expect(shifts).toEqual([
      expect.stringMatching(
        /^its shifts could not be read since 20.*, so it goes by what is known of before: /,
      ),
    ]);
    await stage.clearFaults();
    expect(await follow()).toEqual({ kept: [name], started: [], left: [] });
    expect((await list()).shifts).toEqual([]);
  });
});

describe('a Schedule that was changed beside the configuration', () => {
  type Update = Parameters<ReturnType<typeof orders.scheduleOf>['update']>[0];
  test.each<[string, Update, string]>([
    [
      'to one more instant',
      (now) => ({
        ...now,
        spec: {
          ...now.spec,
          calendars: [...(now.spec.calendars ?? []), { year: 2090, month: 'MARCH', dayOfMonth: 1, hour: 3 }],
        },
      }),
      'times',
    ],
    [
      'to be due every day',
      (now) => ({ ...now, spec: { cronExpressions: ['0 8 * * *'], timezone: 'UTC' } }),
      'times',
    ],
    [
      'to go by other shifts',
      (now) => ({ ...now, action: { ...now.action, memo: { shiftsOf: `schedules ${leads}` } } }),
      'shifts',
    ],
    [
      'to a catch-up of a year',
      (now) => ({ ...now, policies: { ...now.policies, catchupWindow: '1 year' } }),
      'catchup',
    ],
  ])(
    '%s starts nothing that is allowed, is left alone and shown, and is mended by apply',
    async (_what, change, line) => {
      await orders.apply();
      const at = soon(3_600);
      await override(payments, gus, at, at + 3_600_000);
      await follow();
      await orders.scheduleOf(name).update(change as Update);
      const run = await orders.triggerByHand(`standing:main:${name}`);
      await orders.refused(
        run,
        new RegExp(
          `: the standing order ${name} has a Schedule with other ${line} than the configuration says; \`oncall standing\` shows it`,
        ),
      );
      expect((await follow()).left).toEqual([
        `The Schedule of ${name} has other ${line} than the configuration says, and is left alone; \`oncall standing\` shows it.`,
      ]);
      expect(await list()).toMatchObject({ state: 'changed', differences: [{ line }] });
      expect((await orders.apply()).words).toBe('Created 0, updated 1, removed 0.');
      expect(await list()).toMatchObject({ state: 'active', differences: [] });
      expect((await list()).next[0]).toBe(iso(at));
      expect(await follow()).toEqual({ kept: [name], started: [], left: [] });
    },
  );
});

test('who says that such a Schedule started it gets nothing', async () => {
  await orders.apply();
  await follow();
  const id = runAt(Date.UTC(2020, 10, 1, 8));
  await runRaw(
    stage,
    id,
    [{ operation: 'listOnCalls', request: {}, account: 'main', standing: name }],
    undefined,
    {
      type: 'runOperation',
      typedSearchAttributes: [
        {
          key: defineSearchAttributeKey('TemporalScheduledById', 'KEYWORD'),
          value: `standing:main:${name}`,
        },
      ],
    },
  );
  await orders.refused(
    id,
    /: the standing order hand-over-\d+ has a Schedule that did not start this run\.$/,
  );
});

test('the record of all that is whole', async () => {
  const { result } = await say((output) => verify({ histories: true }, output));
  expect(result).toMatchObject({ whole: true });
});
