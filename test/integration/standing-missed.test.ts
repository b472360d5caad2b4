import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ScheduleHandle } from '@temporalio/client';
import { expect, test } from 'vitest';
import { clientSettings } from '../../client/config.ts';
import { connectionTo } from '../../client/connect.ts';
import { startTemporal } from '../../client/local-temporal.ts';
import { freePorts } from '../../client/ports.ts';
import { changesFor, makeChange } from '../../client/standing.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { until } from '../support/until.ts';
import { account, publicKey } from '../unit/configurations.ts';

const catchupMs = 10_000;
const policy = parsePolicy(`${account}agents:
  reporter: { public_key: ${publicKey} }
standing:
  who: { cron: "0 8 29 2 *", zone: UTC, workflow: runOperation, agent: reporter, catchup: 10s, input: { operation: listOnCalls, request: {} } }
`);

test('what a server was away for is made up for within the catch-up window, and missed and counted beyond it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-missed-'));
  const [port = 0, uiPort = 0] = await freePorts(2);
  const serve = () =>
    startTemporal(
      clientSettings(),
      { port, uiPort, db: join(folder, 'temporal.db'), exactTimers: true },
      () => {},
    );
  const onServer = async <T>(work: (handle: ScheduleHandle, client: Client) => Promise<T>): Promise<T> => {
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
    await onServer(async (handle, client) => {
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
    const { recentActions, numActionsMissedCatchupWindow: missed } = await onServer((handle) =>
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
