import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test as plain } from 'vitest';
import { simulatorSecrets } from '../../client/local-world.ts';
import { freePorts } from '../../client/ports.ts';
import { test } from '../support/calls.ts';
import { responder } from '../support/grants.ts';
import { makePlace, type Place, type Program } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { expectSentence, noServer } from './sentences.ts';
import { type SeenRequest, type Server, startServer, startWorld, type World } from './world.ts';

/** So that nobody waits for minutes: what is half a minute in life is two seconds here. */
const soon = ['--every', '1s', '--away-after', '2s', '--back-after', '2s'];

let place: Place;
let server: Server;
let world: World;
let worker: Program;
let receiver: Program;
let port: number;
let env: Record<string, string>;
beforeAll(async () => {
  place = makePlace('watchdog');
  [port = 0] = await freePorts(1);
  server = await startServer(place, { db: join(place.folder, 'temporal.db') });
  world = await startWorld(place, { 'triage-bot': responder() }, server);
  env = {
    ...world.temporal,
    ONCALL_WATCHDOG_ROUTING_KEY: simulatorSecrets.CHECKOUT_ROUTING_KEY,
    ONCALL_WATCHDOG_EVENTS_URL: world.simulatorUrl,
  };
  // A receiver without a secret takes nothing, and says so.
  const secrets = join(place.home, 'webhook-secrets', 'main');
  mkdirSync(secrets, { recursive: true });
  writeFileSync(join(secrets, 'PSUB1'), 'a-secret-of-a-subscription', { mode: 0o600 });
  worker = await world.startWorker();
  receiver = await startReceiver();
});
afterAll(async () => {
  await world.close();
  await place.clear();
});

async function startReceiver(): Promise<Program> {
  const program = place.oncall(['webhooks', '--port', String(port)], { env });
  await program.line(/^listening on /);
  return program;
}
const watch = (...args: readonly string[]): Program =>
  place.oncall(['watchdog', ...soon, '--receiver', `http://127.0.0.1:${port}`, ...args], { env });

interface Event {
  readonly event_action: string;
  readonly dedup_key: string;
  readonly payload?: { readonly summary: string; readonly custom_details: { readonly away: object } };
}
/** What PagerDuty was told, in order. */
const events = async (): Promise<readonly Event[]> =>
  (await world.requests())
    .filter(({ operation }: SeenRequest) => operation === 'enqueueEvent')
    .map(({ body }) => body as Event);
/** The incidents of the runner itself, as people see them. */
const statuses = async (): Promise<readonly string[]> => {
  const path = '/incidents?incident_key=oncall-runner-down&date_range=all';
  const { incidents } = (await world.asPerson('GET', path, undefined)) as {
    incidents: readonly { status: string }[];
  };
  return incidents.map(({ status }) => status);
};

describe.sequential('the watchdog as a process', () => {
  let watchdog: Program;
  plain('says that all is there, and tells nobody', async () => {
    watchdog = watch();
    expect(await watchdog.line(/\S/)).toBe('All is there.');
    expect(await statuses()).toEqual([]);
  });

  plain.each<readonly [part: string, end: () => void, back: () => Promise<void>]>([
    [
      'the webhook receiver',
      () => receiver.send('SIGKILL'),
      async () => {
        receiver = await startReceiver();
      },
    ],
    [
      'the Worker',
      () => worker.send('SIGKILL'),
      async () => {
        worker = await world.startWorker();
      },
    ],
    [
      'the audit store',
      () => renameSync(join(place.home, 'audit.db'), join(place.home, 'gone.db')),
      async () => renameSync(join(place.home, 'gone.db'), join(place.home, 'audit.db')),
    ],
    [
      'Temporal',
      () => server.program.send('SIGKILL'),
      async () => {
        // Its own child is the server, and holds the port until it has noticed.
        server = await until('the port is free', () =>
          startServer(place, { db: join(place.folder, 'temporal.db'), ports: server }).catch(() => undefined),
        );
      },
    ],
  ])('tells people once that %s is away, and that it is back', async (part, end, back) => {
    const before = { events: await events(), incidents: await statuses() };
    end();
    await until(`people are paged for ${part}`, async () => (await statuses()).includes('triggered'));
    const told = (await events()).slice(before.events.length);
    expect(told).toMatchObject([{ event_action: 'trigger', dedup_key: 'oncall-runner-down' }]);
    expect(told[0]?.payload?.summary).toMatch(/^oncall-runner is down: .* away\./);
    expect(Object.keys(told[0]?.payload?.custom_details.away ?? {})).toContain(part);
    await back();
    await until(`${part} is back`, async () => !(await statuses()).includes('triggered'));
    expect(await statuses()).toEqual([...before.incidents, 'resolved']);
    expect((await events()).slice(before.events.length).map(({ event_action }) => event_action)).toEqual([
      'trigger',
      'resolve',
    ]);
  });

  plain('ends when it is told to', async () => {
    watchdog.send('SIGTERM');
    expect(await watchdog.ended).toMatchObject({ code: 0, stderr: '' });
  });

  plain('with --once pages from cron, remembers it, and calls it off', async () => {
    const before = (await events()).length;
    const told = async () => (await events()).slice(before).map(({ event_action }) => event_action);
    receiver.send('SIGKILL');
    const first = await watch('--once', '--json').ended;
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(first.stdout)).toMatchObject({
      away: { temporal: null, worker: null, store: null, receiver: expect.stringContaining('No receiver') },
      told: { down: true, up: false },
      knownSince: expect.any(String),
    });
    expect(await told()).toEqual(['trigger']);
    const again = await watch('--once').ended;
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('People have known since') });
    expect(await told()).toEqual(['trigger']);
    receiver = await startReceiver();
    expect(await watch('--once').ended).toMatchObject({ code: 0, stdout: 'All is there.\n' });
    expect(await told()).toEqual(['trigger', 'resolve']);
  });
});

describe('a watchdog where everything is broken', () => {
  const key = { ONCALL_WATCHDOG_ROUTING_KEY: simulatorSecrets.CHECKOUT_ROUTING_KEY };
  const once = ['watchdog', '--once', ...soon, '--no-receiver'];

  test('needs neither configuration nor store, and names each part', async ({ place: own, call }) => {
    // Its memory cannot be written here either.
    writeFileSync(own.home, 'a file in the place of the folder');
    writeFileSync(own.configFile, 'accounts: [broken');
    const ended = await call(once, {
      env: { ...noServer, ...key, ONCALL_WATCHDOG_EVENTS_URL: world.simulatorUrl },
    });
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toMatch(/^Temporal, the audit store away: .*No Temporal server answers/);
    expect(ended.stdout).toMatch(/People have known since/);
    expect(ended.stderr).toMatch(/watchdog\.json cannot be written/);
  });

  test('says so where PagerDuty cannot be reached', async ({ call }) => {
    const env = { ...noServer, ...key, ONCALL_WATCHDOG_EVENTS_URL: 'http://127.0.0.1:1' };
    const ended = await call([...once, '--json'], { env });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(
      /^Nobody could be told that Temporal.* is away: PagerDuty cannot be reached/m,
    );
    expect(JSON.parse(ended.stdout)).toMatchObject({ told: { down: false }, knownSince: null });
  });

  test.for<readonly [what: string, env: Record<string, string>, says: RegExp]>([
    ['without a key', {}, /Nobody can be told: set ONCALL_WATCHDOG_ROUTING_KEY/],
    [
      'with a key file that is not there',
      { ONCALL_WATCHDOG_ROUTING_KEY_FILE: '/nowhere' },
      /names \/nowhere/,
    ],
    ['with an address that is none', { ...key, ONCALL_WATCHDOG_EVENTS_URL: 'pagerduty' }, /is no address/],
  ])('does not look as if it watched %s', async ([, more, says], { call }) => {
    expectSentence(await call(once, { env: { ...noServer, ...more } }), { code: 1, says });
  });

  test.for<readonly [args: readonly string[], says: RegExp]>([
    [['--every', '3h'], /--every takes a span of time from 1s to 1m/],
    [['--away-after', 'soon'], /--away-after takes a span of time/],
    [['--receiver', 'here'], /--receiver takes the address of our receiver/],
  ])('refuses %j', async ([args, says], { call }) => {
    expectSentence(await call(['watchdog', ...args], { env: key }), { says });
  });
});
