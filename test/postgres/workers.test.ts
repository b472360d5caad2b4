import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject } from 'vitest';
import { startRun } from '../../client/agent.ts';
import { migrationNames } from '../../gate/store-migrations.ts';
import { searchAttributes } from '../../workflows/contract.ts';
import { storeTemplate } from '../support/global-postgres.ts';
import { responder } from '../support/grants.ts';
import { asOwner, createDatabase, dropDatabase, urlOf } from '../support/postgres.ts';
import { type PostgresProxy, startProxy } from '../support/postgres-proxy.ts';
import { built, type Ended, type Place, type Program, test } from '../support/processes.ts';
import { findSecrets } from '../support/secrets.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

// Workers and commands as they are shipped, each a process of its own, on one PostgreSQL.

const postgres = inject('postgres')!;
const account = 'main';

let stage: Stage;
let proxy: PostgresProxy;
let programs: Program[];
beforeEach(async () => {
  programs = [];
  proxy = await startProxy(postgres.port);
});
afterEach(() => {
  proxy.close();
});

/** A stage without Workers of its own, and the URL of its database through the proxy. */
async function set(grants: string): Promise<string> {
  stage = await setStage({ agents: { bot: grants }, operators: { lead: '' } });
  const url = new URL(stage.databaseUrl);
  url.port = String(proxy.port);
  return url.href;
}

/** @param machine with a home of its own; the stage's where absent. */
const environment = (databaseUrl: string, machine = ''): Readonly<Record<string, string>> => ({
  ONCALL_HOME: join(stage.home, machine),
  ONCALL_CONFIG: stage.configFile,
  DATABASE_URL: databaseUrl,
  TEMPORAL_ADDRESS: inject('temporalAddress'),
  TEMPORAL_NAMESPACE: stage.namespace,
});

async function startWorker(place: Place, databaseUrl: string, machine?: string): Promise<Program> {
  const env = environment(databaseUrl, machine);
  const worker = place.start(process.execPath, [built('worker/main.js')], { env });
  programs.push(worker);
  await worker.line(/^working on main in namespace /);
  return worker;
}

const oncall = (place: Place, args: readonly string[], databaseUrl: string): Promise<Ended> =>
  place.oncall(args, { env: environment(databaseUrl) }).ended;

/** Ends the Workers in order, and the stage. What they said holds no part of the URL. */
async function close(): Promise<void> {
  const places = [];
  for (const [index, program] of programs.entries()) {
    program.send('SIGTERM');
    const { code, stdout, stderr } = await program.ended;
    expect({ index, code }, stderr).toEqual({ index, code: 0 });
    places.push({ name: `what Worker ${index} said`, bytes: Buffer.from(stdout + stderr) });
  }
  expect(findSecrets(places, secrets())).toEqual([]);
  await stage.close();
}

const secrets = () =>
  [stage.databaseUrl, postgres.worker.password, encodeURIComponent(postgres.worker.password)].map(
    (value) => ({
      name: 'a part of the URL',
      value,
    }),
  );

const note = async (incident: string, key: string) =>
  (
    await startRun(stage.client, stage.agent('bot'), 'addNote', { account, incident, note: key }, { key })
  ).result();

async function hold(incident: string) {
  const run = await stage.start('bot', 'respondToIncident', { account, incident, assess: 'rules' });
  await until('the run holds the incident', async () => {
    const { typedSearchAttributes } = await stage.client.workflow.getHandle(run.workflowId).describe();
    return typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
  });
  return run;
}

const statusOf = (incident: string) => stage.simulator.world.incident(incident)?.status;

test('a cap that two Workers reach at once allows as many steps as it says; a freeze from a third process stops both', async ({
  place,
}) => {
  const url = await set('incidents.add_note: { level: full, cap: 3/hour }');
  await Promise.all(['one', 'other'].map((machine) => startWorker(place, url, machine)));
  const incident = await stage.trigger();
  const results = await Promise.all(Array.from({ length: 9 }, (_, index) => note(incident, `note-${index}`)));
  expect(results.filter(({ outcome }) => outcome === 'done')).toHaveLength(3);
  expect(results.filter(({ outcome }) => outcome === 'denied')).toHaveLength(6);
  expect(stage.simulator.world.notes(incident)).toHaveLength(3);

  const said: Ended[] = [];
  const call = async (...args: readonly string[]): Promise<Ended> => {
    const ended = await oncall(place, args, url);
    said.push(ended);
    return ended;
  };
  expect(await call('freeze', '--reason', 'drill')).toMatchObject({ code: 0 });
  // Ordinary work does not start any more; what is urgent is told.
  const denied = await (await stage.start('bot', 'acknowledgeIncident', { account, incident })).result();
  expect(denied.summary).toMatch(/: everything is frozen since \S+Z by \S+ \(drill\)\.$/);
  expect((await call('agents')).stdout).toMatch(/^Everything is frozen since /);
  expect(
    (await call('audit', '--agent', 'bot', '--decision', 'denied')).stdout.match(/ #\d+ /g),
  ).toHaveLength(7);
  expect((await call('audit', 'verify')).stdout).toMatch(
    /^The audit is whole: \d+ records, \d+ runs witnessed, no signed head/,
  );
  const exported = (await call('audit', 'export')).stdout.trim().split('\n');
  expect(exported).toHaveLength((await stage.audit()).length);
  const places = said.map(({ stdout, stderr }, index) => ({
    name: `what command ${index} said`,
    bytes: Buffer.from(stdout + stderr),
  }));
  expect(findSecrets(places, secrets())).toEqual([]);
  await close();
});

test('three Workers on machines of their own, restarted in turn under load and one of them killed, lose nothing and do nothing twice', async ({
  place,
}) => {
  const url = await set(responder('5m'));
  const machines = new Map<string, Program>();
  const restart = async (name: string): Promise<unknown> =>
    machines.set(name, await startWorker(place, url, name));
  await Promise.all(['a', 'b', 'c'].map(restart));
  const held = await stage.trigger();
  const holding = await hold(held);
  const incident = await stage.trigger();
  const said: string[] = [];
  const ends: string[] = [];
  const runs: string[] = [];
  const underWay = new Set<string>();
  let isOver = false;
  const load = Array.from({ length: 4 }, async (_, writer) => {
    for (let index = 0; !isOver; index += 1) {
      const text = `note ${index} of ${writer}`;
      said.push(text);
      const input = { account, incident, note: text };
      const run = await startRun(stage.client, stage.agent('bot'), 'addNote', input, { key: text });
      runs.push(run.workflowId);
      underWay.add(run.workflowId);
      ends.push((await run.result()).outcome);
      underWay.delete(run.workflowId);
    }
  });
  const more = (): Promise<unknown> => {
    const before = ends.length;
    return until('the others go on', () => ends.length >= before + 12);
  };
  await more();
  for (const name of ['a', 'b']) {
    const worker = machines.get(name);
    worker?.send('SIGTERM');
    expect(await worker?.ended).toMatchObject({ code: 0 });
    await more();
    await restart(name);
  }
  const excused = await stage.lockStore(async () => async () => {});
  await more();
  const killed = machines.get('c');
  // The effect of what it has under way is there, and it never hears of it.
  await stage.fault({ operation: 'createIncidentNote', kind: 'delay', delay_ms: 2_000 });
  await until('it has a call under way', async () =>
    (await Promise.all([...underWay].map(callersOf))).flat().includes(`${killed?.pid}`),
  );
  killed?.send('SIGKILL');
  await stage.clearFaults();
  expect(await killed?.ended).toMatchObject({ signal: 'SIGKILL' });
  await excused();
  programs = programs.filter((program) => program !== killed);
  await restart('c');
  await more();
  isOver = true;
  await Promise.all(load);

  expect(ends.filter((outcome) => outcome !== 'done')).toEqual([]);
  const there = stage.simulator.world.notes(incident).map((text) => text.split('\n')[0]);
  expect(there).toHaveLength(said.length);
  expect(new Set(there)).toEqual(new Set(said));
  // Another machine than the one that took it gives it back, and by what the store knows of it.
  await stage.client.workflow.getHandle(holding.workflowId).executeUpdate('handBack');
  await until('people have it', () => statusOf(held) === 'triggered');
  expect((await holding.result()).outcome).toBe('partly');
  expect(await stage.store.selectFrom('leases').selectAll().execute()).toEqual([]);
  const verified = await oncall(place, ['audit', 'verify'], url);
  expect(verified.stdout, verified.stderr).toMatch(/^The audit is whole: /);
  const retried = (await stage.audit()).filter(({ attempt }) => attempt > 1);
  expect(new Set(retried.map(({ workflowId }) => workflowId)).size).toBeGreaterThan(0);
  const workers = new Set(await Promise.all(runs.map(workersOf)).then((names) => names.flat()));
  console.log(
    `${said.length} notes by ${workers.size} Workers, of which two were restarted and one killed: ${there.length} written, ${retried.length} tried again.`,
  );
  expect(workers.size).toBeGreaterThan(machines.size);
  await close();
});

/** The processes that have the note of a run under way. */
async function callersOf(workflowId: string): Promise<readonly string[]> {
  const { raw } = await stage.client.workflow.getHandle(workflowId).describe();
  return (raw.pendingActivities ?? []).flatMap(({ activityType, lastWorkerIdentity }) =>
    activityType?.name === 'createIncidentNote' ? (lastWorkerIdentity?.split('@')[0] ?? []) : [],
  );
}

/** Who made the calls of a run. */
async function workersOf(workflowId: string): Promise<readonly string[]> {
  const { events } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) => started?.identity ?? []);
}

test('with the database hanging a release is written to a file within seconds, and carried over after', async ({
  place,
}) => {
  const url = await set(responder('5m'));
  await startWorker(place, url);
  const incident = await stage.trigger();
  const run = await hold(incident);
  const letGo = await stage.lockStore(async () => {
    proxy.fate = () => 'hold';
    return async () => {
      proxy.fate = () => 'pass';
      proxy.cut();
    };
  });
  const began = performance.now();
  await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
  await until('people have it', () => statusOf(incident) === 'triggered');
  const seconds = (performance.now() - began) / 1_000;
  console.log(`With PostgreSQL hanging, a release took ${seconds.toFixed(1)} s.`);
  await letGo();
  expect((await run.result()).outcome).toBe('partly');
  await stage.sweep();
  const given = (await stage.audit()).filter(({ sentence }) => sentence.includes('gives incident'));
  expect(given).toHaveLength(1);
  await close();
});

test('a Worker that finds the database away starts, gives back, and works once it is there', async ({
  place,
}) => {
  const url = await set(responder('5m'));
  proxy.isOpen = false;
  const worker = await startWorker(place, url);
  await worker.line(
    /Nothing but releases can be done: The audit store on PostgreSQL cannot be opened: it closed the connection/,
  );
  const incident = await stage.trigger();
  const run = await stage.start('bot', 'addNote', { account, incident, note: 'Hello.' });
  proxy.isOpen = true;
  expect(await run.result()).toMatchObject({ outcome: 'done' });
  await close();
});

describe('a Worker that finds tables it cannot work with', () => {
  test.for<[string, string, RegExp]>([
    [
      'newer than itself',
      "insert into kysely_migration values ('0999-later', '')",
      /^The audit store was made by a newer version of oncall-runner \(it has 0999-later\); install that version here\.\n$/,
    ],
    [
      'missing, and may make none',
      'drop table kysely_migration',
      new RegExp(
        `^The audit store lacks tables of this version \\(${migrationNames.join(', ')}\\), and its database user may not make them\\. .*\n$`,
      ),
    ],
  ])('%s, says so in one sentence and does not start', async ([, statement, says], { place }) => {
    const database = await createDatabase(postgres, storeTemplate);
    await asOwner(postgres, database, statement);
    writeFileSync(
      place.configFile,
      'accounts: { main: { region: us, token: env:T, from: bot@example.com } }\n',
    );
    const env = {
      DATABASE_URL: urlOf(postgres, database, postgres.worker),
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      TEMPORAL_NAMESPACE: inject('namespaces')[0] ?? '',
    };
    const worker = place.start(process.execPath, [built('worker/main.js')], { env });
    for (const { ended } of [worker, place.oncall(['audit'], { env })])
      expect(await ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(says) });
    await dropDatabase(postgres, database);
  });
});

test.for<[string, (url: string) => string, RegExp]>([
  [
    'nobody listens',
    (url) => url.replace(/:\d+\//, ':1/'),
    /nobody listens where DATABASE_URL points to \(ECONNREFUSED\)\. DATABASE_URL must be the URL that the Worker uses\.$/,
  ],
  [
    'is none of PostgreSQL',
    (url) => url.replace('postgres:', 'mysql:'),
    /^DATABASE_URL must begin with postgres:/,
  ],
  [
    'has another password',
    (url) => url.replace(/:[^:@]+@/, ':another-one@'),
    /it refuses the user or the password/,
  ],
])(
  'a command whose DATABASE_URL %s says so in one sentence, and no word of it',
  async ([, change, says], { place }) => {
    const url = change(urlOf(postgres, 'postgres'));
    const { code, stdout, stderr } = await place.oncall(['freeze'], { env: { DATABASE_URL: url } }).ended;
    expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim()).toMatch(says);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    const password = new URL(url).password;
    const parts = [url, password, decodeURIComponent(password)].map((value) => ({
      name: 'a part of it',
      value,
    }));
    expect(findSecrets([{ name: 'stderr', bytes: Buffer.from(stderr) }], parts)).toEqual([]);
  },
);
