import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRun } from '../../client/agent.ts';
import { lookAtEncryption } from '../../client/doctor/encryption.ts';
import { lookAtWorkersKeys } from '../../client/doctor/worker-keys.ts';
import { freePorts } from '../../client/ports.ts';
import { serveAgent } from '../../client/serve-agent.ts';
import { keysIn } from '../../gate/encryption-source.ts';
import { dataConverterOf } from '../../gate/payload-codec.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { secretsFrom } from '../../gate/secrets.ts';
import { sweepScheduleId } from '../../workflows/contract.ts';
import { type Collector, startCollector } from '../support/collector.ts';
import { responder } from '../support/grants.ts';
import { historiesOf } from '../support/places.ts';
import { type Ended, makePlace, type Place, type Program } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { cookieOf, startConsole } from './door.ts';
import { type Server, startServer, startWorld, type World } from './world.ts';

const keys = { K1: randomBytes(32).toString('base64'), K2: randomBytes(32).toString('hex') };
/** What no server may be told: each is said in another way. */
const planted = {
  title: 'PLANTED-TITLE card numbers leak in checkout',
  note: 'PLANTED-NOTE rolled back the release of 14:02',
  resolution: 'PLANTED-RESOLUTION the customer is served again',
  failure: 'PLANTED-FAILURE the model said Ada is asleep',
  finding: 'PLANTED-FINDING it is real',
  denial: 'PLANTED-DENIAL not while the customer looks',
  pause: 'PLANTED-PAUSE a person looks first',
  schedule: 'PLANTED-SCHEDULE while we move the service',
} as const;
const plainNote = 'PLANTED-PLAIN written without encryption';

let place: Place;
let server: Server;
let world: World;
let worker: Program;
let codec: Program;
let collector: Collector;
const database = () => join(place.folder, 'temporal.db');
const env: Record<string, string> = {};

beforeAll(async () => {
  place = makePlace('encryption');
  collector = await startCollector();
  server = await startServer(place, { db: database() });
  world = await startWorld(
    place,
    {
      'triage-bot': responder(),
      'note-bot': 'incidents: read\nusers: read\nincidents.add_note: full',
      'asking-bot': 'incidents: read\nincidents.add_note: { level: full, approval: required }',
    },
    server,
  );
  Object.assign(env, world.temporal, keys, collector.env);
  const added = await place.oncall(['operators', 'add', 'lead', '--json'], { env }).ended;
  const { keyFile } = JSON.parse(added.stdout) as { keyFile: string };
  Object.assign(env, { ONCALL_OPERATOR: 'lead', ONCALL_OPERATOR_KEY_FILE: keyFile });
  const order = '{ cron: "0 8 * * 1", zone: UTC, workflow: noiseReport, agent: note-bot }';
  writeFileSync(place.configFile, `${readFileSync(place.configFile, 'utf8')}standing: { noise: ${order} }\n`);
  encrypt('current: k1, keys: { k1: env:K1 }');
  worker = await world.startWorker({ ...keys, ...collector.env });
});
afterAll(async () => {
  encrypt('keys: { k1: env:K1, k2: env:K2 }');
  place.search(await historiesOf(reading(), []));
  await world.client.connection.close();
  await place.clear();
  await collector.close();
});

/** Changes the encryption in the configuration. */
function encrypt(section: string): void {
  const rest = readFileSync(place.configFile, 'utf8').replace(/^encryption:.*\n/m, '');
  writeFileSync(place.configFile, `${rest}encryption: { ${section} }\n`);
}
async function restartWorker(): Promise<void> {
  worker.send('SIGTERM');
  await worker.ended;
  worker = await world.startWorker({ ...keys, ...collector.env });
}
const converter = () => dataConverterOf(keysIn(place.configFile, secretsFrom(keys, 'this test')));
/** A client with the keys that the configuration names now, over the connection of the world. */
const reading = (): Client =>
  new Client({ connection: world.client.connection, namespace: 'default', dataConverter: converter() });
const oncall = (...args: readonly string[]): Promise<Ended> => place.oncall(args, { env }).ended;
async function json<T>(code: number, ...args: readonly string[]): Promise<T> {
  const ended = await oncall(...args, '--json');
  expect(ended.code, ended.stderr).toBe(code);
  return JSON.parse(ended.stdout) as T;
}
const as = (name: string) => ({ ...env, ONCALL_AGENT: name, ONCALL_AGENT_KEY_FILE: world.keyFileOf(name) });

/** Which of these texts the files of the server's database hold. */
function readableIn(texts: readonly string[]): readonly string[] {
  const files = ['', '-wal', '-shm'].map((suffix) => database() + suffix).filter((file) => existsSync(file));
  const bytes = files.map((file) => readFileSync(file));
  return texts.filter((text) => bytes.some((all) => all.includes(text)));
}

/** Waits until a Worker has swept anew. */
async function swept(): Promise<void> {
  const scheduleId = sweepScheduleId('main');
  const { workflowService } = world.client;
  const runs = async (): Promise<readonly string[]> => {
    const { info } = await workflowService.describeSchedule({ namespace: 'default', scheduleId });
    return (info?.recentActions ?? []).map(({ startWorkflowResult: run }) => run?.runId ?? '');
  };
  const before = await runs();
  await world.client.schedule.getHandle(scheduleId).trigger('ALLOW_ALL');
  await until('a Worker has swept', async () => {
    const last = (await runs()).at(-1);
    if (last === undefined || before.includes(last)) return false;
    const query = `RunId = '${last}' and ExecutionStatus = 'Completed'`;
    return (await world.client.workflow.count(query)).count === 1;
  });
}

/** What doctor finds in the keys of a configuration and those of the Worker that runs. */
async function differing(
  section: string,
  values: Readonly<Record<string, string>> = keys,
): Promise<readonly string[]> {
  const text = `accounts: {}\nencryption: { ${section} }\n`;
  const { encryption } = parsePolicy(text, 'oncall.yaml');
  const { ring } = lookAtEncryption(encryption, secretsFrom(values, 'this test'));
  const findings = await lookAtWorkersKeys(world.client, ['main'], { encryption, ring });
  return findings.map(({ what, mend }) => `${what}. ${mend}`);
}

describe.sequential('with encryption on', () => {
  let held: { incident: string; workflowId: string };
  let failed: string;
  let noted: { workflowId: string; result: unknown };
  let people: readonly string[];

  test('runs do what they do: an agent, notes, people, a failure, an approval, a pause, a Schedule', async () => {
    const incident = await world.trigger(planted.title);
    // Only looks, and gives every name and address of the account: a list, page by page.
    const listed = await place.oncall(['call', 'listUsers', '--all', '--json'], { env: as('note-bot') })
      .ended;
    expect(listed.code, listed.stderr).toBe(0);
    people = [...listed.stdout.matchAll(/"(?:name|email)": ?"([^"]+)"/g)].flatMap(([, found]) => found ?? []);
    expect(people).toEqual(expect.arrayContaining(['ada@example.com']));
    const client = reading();
    const subject = { account: 'main', incident };
    const writing = await startRun(client, world.agent('note-bot'), 'addNote', {
      ...subject,
      note: planted.note,
    });
    noted = { workflowId: writing.workflowId, result: await writing.result() };
    expect(noted.result).toMatchObject({ outcome: 'done' });

    // An agent that fails in its own words leaves the incident with people; one that does not, holds it.
    const serve = (assess: Parameters<typeof serveAgent>[0]['assess']) =>
      serveAgent({
        agent: world.agent('triage-bot'),
        temporal: { connectionOptions: { address: server.address }, dataConverter: converter() },
        assess,
      });
    const failing = await serve(() => {
      throw new Error(planted.failure);
    });
    const unjudged = await startRun(client, world.agent('triage-bot'), 'respondToIncident', {
      ...subject,
      assess: 'agent',
      watchSeconds: 0,
    });
    failed = unjudged.workflowId;
    const failures: string[] = [];
    await until('its agent fails', async () => {
      const shown = await oncall('show', failed);
      failures.push(shown.stdout);
      return shown.stdout.includes(planted.failure);
    });
    failing.stop();
    await failing.stopped;
    await unjudged.cancel();
    await unjudged.result().catch(() => {});
    const judging = await serve(() => ({
      class: 'real',
      summary: planted.finding,
      evidence: { alerts: [], similar: [] },
    }));
    const second = await world.trigger(`${planted.title}, again`);
    const run = await startRun(client, world.agent('triage-bot'), 'respondToIncident', {
      account: 'main',
      incident: second,
      assess: 'agent',
      watchSeconds: 0,
    });
    held = { incident: second, workflowId: run.workflowId };
    await until('it holds', async () => (await world.incident(second)).status === 'acknowledged');
    judging.stop();
    await judging.stopped;

    const asking = await startRun(client, world.agent('asking-bot'), 'addNote', {
      ...subject,
      note: planted.note,
    });
    interface Listed {
      readonly steps: readonly { readonly id: string; readonly workflowId: string }[];
    }
    const step = await until('the step is listed', async () => {
      const { steps } = await json<Listed>(0, 'approvals');
      return steps.find(({ workflowId }) => workflowId === asking.workflowId);
    });
    expect((await oncall('approvals')).stdout).toContain(planted.note);
    expect((await oncall('front-doors', 'add', 'page', '--speaks-for-operators', 'lead')).code).toBe(0);
    const gate = await startConsole(place, env);
    const cookie = cookieOf(await gate.signIn(await gate.linkOf(/^sign in as lead, /)));
    expect(await (await fetch(gate.url, { headers: { cookie } })).text()).toContain(planted.note);
    gate.server.send('SIGTERM');
    await gate.server.ended;
    expect((await oncall('deny', step.id, '--reason', planted.denial)).code).toBe(0);
    expect(await asking.result()).toMatchObject({ outcome: 'approval_refused' });
    expect((await oncall('standing', 'apply', '--yes')).code).toBe(0);
    expect((await oncall('standing', 'pause', 'noise', '--reason', planted.schedule)).code).toBe(0);
  });

  test('and nothing that was said is in the server’s files: no title, note, name, address or failure', () => {
    const readable = ['PLANTED', ...Object.values(planted), ...new Set(people)];
    expect(readable.length).toBeGreaterThan(12);
    expect(readableIn(readable)).toEqual([]);
    // What the scan must find, if it can find anything: what stays readable, as the documentation says.
    expect(readableIn([held.incident, 'triage-bot', held.workflowId, 'binary/encrypted'])).toHaveLength(4);
  });

  test('nor in the traces, which are whole', async () => {
    await collector.way(
      'GET /users',
      'RunActivity:listUsers',
      'StartActivity:listUsers',
      'RunWorkflow:walkPages',
      'StartChildWorkflow:walkPages',
      'RunWorkflow:runOperation',
      'StartWorkflow:runOperation',
      'oncall runOperation',
    );
    const told = ['PLANTED', ...new Set(people)].filter((words) => collector.text().includes(words));
    expect(told).toEqual([]);
    expect(collector.text()).toContain(held.incident);
  });

  test('the codec server shows it to a signed-in operator, in the words of the UI, and to nobody else', async () => {
    const [port = 0] = await freePorts(1);
    codec = place.oncall(['codec', '--port', String(port), '--exit-with-parent'], { env });
    const url = (await codec.line(/^listening on /)).replace('listening on ', '');
    const { link } = await json<{ link: string }>(0, 'codec', 'sign-in', '--url', url);
    const cookie = cookieOf(await fetch(link));
    const { history } = await world.client.workflowService.getWorkflowExecutionHistory({
      namespace: 'default',
      execution: { workflowId: failed },
    });
    const { History } = proto.temporal.api.history.v1;
    const written = JSON.stringify(
      History.toObject(History.fromObject(history ?? {}), { bytes: String, longs: String }),
    );
    const payloads = [...written.matchAll(/\{"metadata":\{[^{}]*\},"data":"[^"]*"\}/g)].map(([text]) =>
      JSON.parse(text),
    );
    expect(payloads.length).toBeGreaterThan(5);
    const ask = (headers: Readonly<Record<string, string>>) =>
      fetch(`${url}/decode`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-namespace': 'default', ...headers },
        body: JSON.stringify({ payloads }),
      });
    const origin = 'http://127.0.0.1:8233';
    const answer = await ask({ cookie, origin });
    const decoded = (await answer.json()) as { payloads: { data: string }[] };
    const read = decoded.payloads.map(({ data }) => Buffer.from(data, 'base64').toString()).join('\n');
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    expect(read).toContain(planted.failure);
    expect(read).toContain(planted.title);
    expect((await ask({})).status).toBe(401);
    expect((await ask({ cookie, origin: 'http://evil.example.com' })).status).toBe(403);
    expect((await oncall('agents', 'disable', 'lead', '--reason', 'left')).code).toBe(0);
    expect((await ask({ cookie, origin })).status).toBe(401);
  });

  test('after a rotation old runs are read, those under way go on, and the new key writes', async () => {
    encrypt('current: k2, keys: { k1: env:K1, k2: env:K2 }');
    await restartWorker();
    const client = reading();
    expect(await client.workflow.getHandle(noted.workflowId).result()).toEqual(noted.result);
    expect(await json(0, 'wait', noted.workflowId)).toMatchObject({ outcome: 'done' });
    await client.workflow.getHandle(held.workflowId).cancel();
    await client.workflow
      .getHandle(held.workflowId)
      .result()
      .catch(() => {});
    await until('people have it', async () => (await world.incident(held.incident)).status === 'triggered');
    expect(readableIn(['PLANTED', ...people])).toEqual([]);
  });

  test('doctor finds a Worker whose keys are not those of the configuration beside it, and names them by their ids', async () => {
    await swept();
    const both = 'k1: env:K1, k2: env:K2';
    expect(await differing(`current: k2, keys: { ${both} }`)).toEqual([]);
    const worker = '^the Worker \\d+@\\S+';
    for (const [section, says] of [
      [
        'current: k1, keys: { k1: env:K1 }',
        'encrypts with k2, which cannot be read here: this configuration names k1\\. name k2',
      ],
      [
        `current: k1, keys: { ${both} }`,
        'encrypts with k2, and this configuration encrypts with k1\\. start every process',
      ],
      [`keys: { ${both} }`, 'encrypts with k2, and this configuration writes plain\\. start every process'],
    ] as const)
      expect(await differing(section)).toEqual([expect.stringMatching(new RegExp(`${worker} ${says}`))]);
    const other = randomBytes(32).toString('base64');
    const ended = await place.oncall(['doctor', '--json', '--least-free', '1MB'], {
      env: { ...env, K2: other },
    }).ended;
    for (const key of [...Object.values(keys), other]) expect(ended.stdout + ended.stderr).not.toContain(key);
    const { findings } = JSON.parse(ended.stdout) as { findings: { of: string; what: string }[] };
    expect(findings.filter(({ of }) => of === 'encryption')).toMatchObject([
      {
        what: expect.stringMatching(
          new RegExp(`${worker} has another key under the id k2 than this process`),
        ),
        mend: expect.stringContaining('same 32 bytes for k2'),
      },
    ]);
  });

  test('a note that is written without encryption stands in the files: the scan can turn red', async () => {
    encrypt('keys: { k1: env:K1, k2: env:K2 }');
    await restartWorker();
    const incident = await world.trigger('nothing in particular');
    const run = await startRun(reading(), world.agent('note-bot'), 'addNote', {
      account: 'main',
      incident,
      note: plainNote,
    });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    expect(readableIn([plainNote])).toEqual([plainNote]);
    // What was encrypted stays so, and is still read.
    expect(readableIn([planted.title, planted.note, planted.failure])).toEqual([]);
    expect(await reading().workflow.getHandle(noted.workflowId).result()).toEqual(noted.result);
    await swept();
    expect(await differing('keys: { k1: env:K1, k2: env:K2 }')).toEqual([]);
    expect(await differing('current: k2, keys: { k1: env:K1, k2: env:K2 }')).toEqual([
      expect.stringMatching(
        /^the Worker \d+@\S+ writes plain, and this configuration encrypts with k2\. start/,
      ),
    ]);
  });
});

describe.sequential('a key that is not the one it was', () => {
  test('has a Worker stand still before what it cannot read, and doctor says so', async () => {
    worker.send('SIGTERM');
    await worker.ended;
    worker = await world.startWorker({ ...keys, K1: randomBytes(32).toString('base64') });
    await world.client.schedule.getHandle(sweepScheduleId('main')).trigger('ALLOW_ALL');
    const [found] = await until('it is found', async () => {
      const findings = await differing('keys: { k1: env:K1, k2: env:K2 }');
      return findings.length > 0 && findings;
    });
    expect(found).toMatch(
      /^the Worker \d+@\S+ does not come on with sweep-run:main\S*, whose input is encrypted with k1\. let its configuration name k1/,
    );
  });
});

describe.sequential('a key that is missing or too short', () => {
  test('is told at the start in one sentence, by Worker, receiver and command line alike', async () => {
    worker.send('SIGTERM');
    await worker.ended;
    const short = { ...env, K1: randomBytes(16).toString('base64') };
    const { K1: _none, ...without } = env;
    encrypt('current: k1, keys: { k1: env:K1 }');
    for (const command of [['worker'], ['webhooks'], ['runs'], ['codec']]) {
      const [missing, cut] = await Promise.all([
        place.oncall(command, { env: without }).ended,
        place.oncall(command, { env: short }).ended,
      ]);
      expect(missing.stderr).toMatch(
        /^The encryption key k1 cannot be read: .*has no K1\. .*put it there.*\.\n$/,
      );
      expect(cut.stderr).toMatch(
        /^The encryption key k1 cannot be used: env:K1 holds 16 bytes.*openssl rand.*\n$/,
      );
      expect([missing.code, cut.code]).toEqual([1, 1]);
    }
  });
});
