import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ScheduleHandle } from '@temporalio/client';
import { expect, test } from 'vitest';
import { clientSettings } from '../../client/config.ts';
import { connectionTo } from '../../client/connect.ts';
import { startTemporal } from '../../client/local-temporal.ts';
import { freePorts } from '../../client/ports.ts';
import { changesFor, makeChange } from '../../client/standing-changes.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { standingId } from '../../gate/schedules.ts';
import { isAtShifts, shiftsSaid } from '../../gate/timed-orders.ts';
import { until } from '../support/until.ts';
import { account, publicKey } from '../unit/configurations.ts';

const catchupMs = 10_000;
const policy = parsePolicy(`${account}agents:
  reporter: { public_key: ${publicKey} }
standing:
  who: { cron: "0 8 29 2 *", zone: UTC, workflow: runOperation, agent: reporter, catchup: 10s, input: { operation: listOnCalls, request: {} } }
`);

const atShifts = parsePolicy(`${account}agents:
  reporter: { public_key: ${publicKey} }
standing:
  shifts: { at: shift-change, schedules: [PROTA], workflow: runOperation, agent: reporter, input: { operation: listOnCalls, request: {} } }
`);

/** Does something on a server of its own. */
async function onServer(work: (client: Client) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-standing-'));
  const [port = 0, uiPort = 0] = await freePorts(2);
  const server = await startTemporal(
    clientSettings(),
    { port, uiPort, db: join(folder, 'temporal.db'), exactTimers: true },
    () => {},
  );
  const connection = await connectionTo({ address: server.address }, 30_000);
  try {
    await work(new Client({ connection }));
  } finally {
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How many instants are due, one a second. */
const dueTimes = 20;
/** How many of them must come while it is changed, at least: the server takes its time to know of them. */
const fewest = 3;

test('what is due while its Schedule is changed, again and again, is due once: nothing is lost, and nothing doubled', async () => {
  const order = atShifts.timed.get('shifts');
  if (!order || !isAtShifts(order)) throw new Error('There is no such order.');
  await onServer(async (client) => {
    const began = Math.ceil(Date.now() / 1_000) * 1_000;
    const due = Array.from({ length: dueTimes }, (_, index) => began + index * 1_000);
    const last = due.at(-1) ?? 0;
    let changes = 0;
    /** Another change each time, far away from those that are due. */
    const kept = () => ({
      shifts: shiftsSaid(order),
      from: began,
      times: [...due, last + 86_400_000 + changes * 1_000],
      until: last,
      readAt: began,
      missed: 0,
      remarks: [],
    });
    const scheduleId = standingId('main', 'shifts');
    const told = { name: 'shifts', account: 'main', scheduleId, order };
    await makeChange(client, { kind: 'create', ...told, kept: kept() });
    const handle = client.schedule.getHandle(scheduleId);
    // What was due before the server knew of it is no business of its own.
    const first = await until('the first is started', async () => {
      const { info } = await handle.describe();
      return info.recentActions[0]?.scheduledAt.getTime();
    });
    // One after the other without a pause, so that whatever is due falls into one.
    while (Date.now() < last + 1_000) {
      changes += 1;
      await makeChange(client, { kind: 'update', ...told, kept: kept(), differences: [] });
    }
    const count = due.filter((at) => at >= first).length;
    expect(count).toBeGreaterThanOrEqual(fewest);
    // Without a Worker the first run stays open, and each that is due after it is left out, and counted.
    const tally = async (): Promise<readonly number[]> => {
      const { numActionsTaken, numActionsSkippedOverlap, numActionsMissedCatchupWindow } = (
        await handle.describe()
      ).info;
      return [numActionsTaken, numActionsSkippedOverlap, numActionsMissedCatchupWindow];
    };
    await until('all are counted', async () => (await tally()).reduce((sum, one) => sum + one, 0) >= count);
    expect(await tally()).toEqual([1, count - 1, 0]);
  });
});

test('a pause that comes while its Schedule is changed is kept, and the change is made', async () => {
  const order = policy.timed.get('who');
  if (!order) throw new Error('There is no such order.');
  await onServer(async (client) => {
    const scheduleId = standingId('main', 'who');
    const told = { name: 'who', account: 'main', scheduleId, kept: undefined };
    await makeChange(client, { kind: 'create', ...told, order });
    const handle = client.schedule.getHandle(scheduleId);
    // An operator pauses it between the read and the write of the change, the first time.
    const { workflowService } = client;
    let pauses = 0;
    const describeSchedule = async (request: object) => {
      const described = await workflowService.describeSchedule(request);
      pauses += 1;
      if (pauses === 1) await handle.pause('Not tonight.');
      return described;
    };
    const between = Object.create(workflowService, { describeSchedule: { value: describeSchedule } });
    const schedule = Object.create(client.schedule, { workflowService: { value: between } });
    const racing: Client = Object.create(client, { schedule: { value: schedule } });
    await makeChange(racing, {
      kind: 'update',
      ...told,
      order: { ...order, catchup: 20_000 },
      differences: [],
    });
    const { state, policies } = await handle.describe();
    expect(state).toMatchObject({ paused: true, note: 'Not tonight.' });
    expect(policies.catchupWindow).toBe(20_000);
    expect(pauses).toBeGreaterThan(1);
  });
});

test('what a server was away for is made up for within the catch-up window, and missed and counted beyond it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-missed-'));
  const [port = 0, uiPort = 0] = await freePorts(2);
  const serve = () =>
    startTemporal(
      clientSettings(),
      { port, uiPort, db: join(folder, 'temporal.db'), exactTimers: true },
      () => {},
    );
  const onIt = async <T>(work: (handle: ScheduleHandle, client: Client) => Promise<T>): Promise<T> => {
    const connection = await connectionTo({ address: `127.0.0.1:${port}` }, 30_000);
    const client = new Client({ connection });
    try {
      return await work(client.schedule.getHandle('standing:main:who'), client);
    } finally {
      await connection.close();
    }
  };
  let server = await serve();
  try {
    await onIt(async (handle, client) => {
      for (const change of await changesFor(client, policy, async () => undefined))
        await makeChange(client, change);
      // Due every second; and without a Worker a run ends by itself, so that the next can start.
      await handle.update(({ policies, action, state }) => ({
        policies,
        state,
        spec: { calendars: [{ second: '*', minute: '*', hour: '*' }] },
        action: { ...action, workflowRunTimeout: '1 second' },
      }));
      await until('it has started a run', async () => (await handle.describe()).info.numActionsTaken > 0);
      expect((await handle.describe()).info.numActionsMissedCatchupWindow).toBe(0);
    });
    await server.stop();
    const away = Date.now();
    await until('the window has passed', () => Date.now() > away + catchupMs + 2_000);
    server = await serve();
    const back = Date.now();
    const { recentActions, numActionsMissedCatchupWindow: missed } = await onIt((handle) =>
      until('a time of before it was back is made up for', async () => {
        const { info } = await handle.describe();
        const isMadeUp = info.recentActions.some(
          ({ takenAt, scheduledAt }) => takenAt.getTime() > away && scheduledAt.getTime() < back,
        );
        return isMadeUp && info;
      }),
    );
    expect(missed).toBeGreaterThanOrEqual(1);
    const since = recentActions.filter(({ takenAt }) => takenAt.getTime() > away);
    for (const { scheduledAt, takenAt } of since)
      expect(takenAt.getTime() - scheduledAt.getTime()).toBeLessThanOrEqual(catchupMs + 1_000);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
