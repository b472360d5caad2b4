import { appendFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test as plain } from 'vitest';
import { subscribeLocally } from '../../client/local-webhooks.ts';
import { freePorts } from '../../client/ports.ts';
import { webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import { responder } from '../support/grants.ts';
import { built, type Ended, makePlace, type Place, type Program, test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { endedSoon, expectNothingLeft } from './leftovers.ts';
import { expectSentence } from './sentences.ts';
import { type Server, startServer, startWorld, type World } from './world.ts';

let place: Place;
let server: Server;
let world: World;
let port: number;
let receiver: Program;
let env: Record<string, string>;
beforeAll(async () => {
  place = makePlace('webhooks');
  [port = 0] = await freePorts(1);
  server = await startServer(place, { db: join(place.folder, 'temporal.db') });
  world = await startWorld(place, { 'triage-bot': responder() }, server);
  appendFileSync(
    place.configFile,
    'standing:\n  night: { on: incident.triggered, workflow: triageIncident, agent: triage-bot }\n',
  );
  env = { ...world.temporal, PAGERDUTY_API_TOKEN: 'nothing of the receiver’s' };
  await world.startWorker();
  receiver = await startReceiver();
  await subscribeLocally(world.simulatorUrl, place.home, `http://127.0.0.1:${port}/webhooks/main`);
});
afterAll(async () => {
  await world.close();
  await place.clear();
});

async function startReceiver(): Promise<Program> {
  const program = place.oncall(['webhooks', '--port', String(port)], { env });
  expect(await program.line(/^listening on /)).toBe(`listening on http://127.0.0.1:${port}/webhooks/main`);
  return program;
}
const oncall = (...args: readonly string[]): Promise<Ended> => place.oncall(args, { env }).ended;
async function control<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${world.simulatorUrl}/_simulator${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return (await answer.json()) as T;
}
/** How each attempt to tell of an incident was answered, once all that is due was tried. */
async function statusesOf(incident: string): Promise<readonly (number | null)[]> {
  type Shown = {
    readonly resource: string;
    readonly attempts: readonly { readonly status: number | null }[];
  };
  const { deliveries } = await control<{ deliveries: readonly Shown[] }>('GET', '/deliveries?idle=true');
  return deliveries
    .filter(({ resource }) => resource === incident)
    .flatMap(({ attempts }) => attempts.map(({ status }) => status));
}
const isRefused = (of: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: of });
    socket.on('error', () => resolve(true)).on('connect', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
const retry = (): Promise<unknown> => control('POST', '/clock', { advance_seconds: 15 });
const isTriaged = (incident: string) =>
  until('the order’s run has ended', () =>
    world.client.workflow
      .getHandle(`triage:main:${incident}`)
      .result()
      .catch(() => false as const),
  );

describe.sequential('the receiver as a process', () => {
  plain('brings an event to the run of a standing order', async () => {
    const incident = await world.trigger();
    expect(await isTriaged(incident)).toMatchObject({ outcome: 'done' });
    expect(await statusesOf(incident)).toEqual([202]);
  });

  plain('that is killed and started again loses nothing', async () => {
    receiver.send('SIGKILL');
    await receiver.ended;
    const incident = await world.trigger();
    expect(await statusesOf(incident)).toEqual([null]);
    receiver = await startReceiver();
    await retry();
    expect(await statusesOf(incident)).toEqual([null, 202]);
    expect(await isTriaged(incident)).toMatchObject({ outcome: 'done' });
  });

  plain('asks to be told again while its Temporal server is gone', async () => {
    server.program.send('SIGKILL');
    await server.program.ended;
    // The server itself notices a moment later that who started it is gone.
    await until('nobody answers there', () => isRefused(server.port));
    const incident = await world.trigger();
    expect(await statusesOf(incident)).toEqual([503]);
    const health = await fetch(`http://127.0.0.1:${port}/health`);
    expect([health.status, await health.json()]).toMatchObject([503, { ok: false }]);
    const db = join(place.folder, 'temporal.db');
    await startServer(place, { db, ports: server });
    await until('the retry was taken', async () => {
      await retry();
      return (await statusesOf(incident)).at(-1) === 202;
    });
    expect(await isTriaged(incident)).toMatchObject({ outcome: 'done' });
  });

  plain('that is told to end answers what is under way, takes nothing new, and ends in order', async () => {
    const socket = connect({ host: '127.0.0.1', port });
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    const body = '{"event":{}}';
    const head = ['POST /webhooks/main HTTP/1.1', 'host: x', `content-length: ${body.length}`];
    socket.write(`${head.join('\r\n')}\r\nx-pagerduty-signature: v1=00\r\n\r\n${body.slice(0, 4)}`);
    // It has begun to read once another answer has come over a connection of its own.
    await fetch(`http://127.0.0.1:${port}/health`);
    receiver.send('SIGTERM');
    await until('nothing new is taken', () =>
      fetch(`http://127.0.0.1:${port}/health`)
        .then(() => false)
        .catch(() => true),
    );
    socket.write(body.slice(4));
    const ended = await endedSoon(receiver);
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(ended.code).toBe(0);
    // Not even its log says which secret.
    const [kept] = webhookSecretsIn(place.home, 'main').list();
    expect(ended.stderr).not.toContain(readFileSync(kept?.file ?? '', 'utf8'));
    receiver = await startReceiver();
  });

  plain('ends with its parent where it is told to', async () => {
    const [other = 0] = await freePorts(1);
    const words = `"${process.execPath}" "${built('client/cli.js')}" webhooks --port ${other} --exit-with-parent </dev/null`;
    const ended = await place.start('/bin/sh', ['-c', words], { env }).ended;
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^listening on /) });
  });
});

describe.sequential('PagerDuty’s side of the feed', () => {
  const receiverAt = (): readonly string[] => ['--receiver', `http://127.0.0.1:${port}`];
  let said = '';
  async function json<T>(code: number, ...args: readonly string[]): Promise<T> {
    const ended = await oncall('webhook-subscriptions', ...args, '--json');
    said += ended.stdout + ended.stderr;
    expect(ended.code, ended.stderr).toBe(code);
    return JSON.parse(ended.stdout) as T;
  }
  let id = '';

  plain('belongs to operators', async () => {
    const denied = await oncall('webhook-subscriptions');
    expect(denied).toMatchObject({ code: 2, stderr: expect.stringMatching(/^No operator is named: /) });
    const added = await oncall('operators', 'add', 'lead', '--json');
    const { keyFile } = JSON.parse(added.stdout) as { keyFile: string };
    Object.assign(env, { ONCALL_OPERATOR: 'lead', ONCALL_OPERATOR_KEY_FILE: keyFile });
  });

  plain('is made with one call, and its secret stands in one file', async () => {
    const url = `http://127.0.0.1:${port}/webhooks/main`;
    const create = ['create', '--service', 'PCHECKOUT', '--url', url];
    const made = await json<{ file: string; subscription: { id: string } }>(0, ...create);
    ({ id } = made.subscription);
    expect(made.file).toBe(join(place.home, 'webhook-secrets', 'main', id));
    expect(statSync(made.file).mode & 0o777).toBe(0o600);
    const again = await oncall('webhook-subscriptions', ...create);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^${id} delivers events of service PCHECKOUT to .* already`)),
    });
  });

  plain('is listed, pinged and found whole', async () => {
    const { stdout } = await oncall('webhook-subscriptions');
    expect(stdout).toMatch(
      new RegExp(
        `^${id}  on: 11 kinds of events of service PCHECKOUT, to http.*\n  secret: .*${id}, since`,
        'm',
      ),
    );
    expect(await json(0, 'ping', id, ...receiverAt())).toEqual({ subscription: id, arrived: true });
    const check = ['check', ...receiverAt()];
    const { findings, checked } = await json<{ findings: unknown; checked: readonly string[] }>(0, ...check);
    expect([findings, checked.includes(id)]).toEqual([[], true]);
  });

  plain('is rotated, and what was found wrong is mended', async () => {
    const rotated = await json<{ id: string; file: string }>(0, 'rotate', id, ...receiverAt());
    const names = readdirSync(join(place.home, 'webhook-secrets', 'main'));
    expect([names.includes(id), names.includes(rotated.id)]).toEqual([false, true]);
    ({ id } = rotated);
    const wants = ['check', '--events', 'incident.triggered,incident.priority_updated', ...receiverAt()];
    const wrong = await json<{ findings: readonly { what: string; mend: string }[] }>(1, ...wants);
    expect(wrong.findings).toHaveLength(2);
    expect(wrong.findings[0]).toEqual({
      subscription: expect.any(String),
      what: 'it tells nothing of incident.priority_updated',
      mend: '--fix adds them',
    });
    expect(await json(0, ...wants, '--fix')).toMatchObject({ findings: [], mended: [{}, {}] });
    expect(await json(0, ...wants)).toMatchObject({ findings: [], mended: [] });
  });

  plain('is deleted, and what it was said to be holds no secret', async () => {
    const files = webhookSecretsIn(place.home, 'main').list();
    const secrets = files.map(({ file }) => readFileSync(file, 'utf8'));
    expect(await json(0, 'delete', id)).toEqual({ subscription: id, secretForgotten: true });
    expect(said).toContain(id);
    for (const secret of secrets) expect(said).not.toContain(secret);
    const audit = await oncall('audit', '--json', '--limit', '500');
    for (const secret of secrets) expect(audit.stdout).not.toContain(secret);
  });

  plain('is not asked for in words that mean nothing', async () => {
    const calls: readonly (readonly [readonly string[], RegExp])[] = [
      [['create', '--url', 'http://x/webhooks/main'], /Say what it is about, once: --service/],
      [['create', '--all-services', '--url', 'nowhere'], /--url takes the address/],
      [
        ['create', '--all-services', '--url', 'http://x/', '--events', 'incident.triggerd'],
        /no event incident\.triggerd; did you mean incident\.triggered\?/,
      ],
      [['ping', '../x'], /is no id of a subscription/],
      [['rotate', 'P1', '--wait', '0'], /--wait takes a number of seconds/],
      [['chek'], /unknown command 'chek' \(Did you mean check\?\)/],
    ];
    const ends = await Promise.all(calls.map(([args]) => oncall('webhook-subscriptions', ...args)));
    for (const [index, [, says]] of calls.entries()) expectSentence(ends[index] as Ended, { code: 2, says });
  });
});

test('`oncall dev` has webhooks flow from its simulator to its receiver', async ({ place: own }) => {
  const ports = await freePorts(4);
  const [temporal = 0, ui = 0, simulator = 0, webhooks = 0] = ports;
  const named = [
    '--port',
    temporal,
    '--ui-port',
    ui,
    '--simulator-port',
    simulator,
    '--webhooks-port',
    webhooks,
  ];
  const dev = own.oncall(['dev', ...named.map(String)]);
  await dev.line(new RegExp(`^Webhooks {6}http://127\\.0\\.0\\.1:${webhooks}/webhooks/main`));
  const note = { routing_key: 'simulatorcheckoutroutingkey00000', event_action: 'trigger' };
  const payload = { summary: 'p99', source: 'dev', severity: 'critical' };
  await fetch(`http://127.0.0.1:${simulator}/v2/enqueue`, {
    method: 'POST',
    body: JSON.stringify({ ...note, payload }),
  });
  const told = await fetch(`http://127.0.0.1:${simulator}/_simulator/deliveries?idle=true`);
  expect(await told.json()).toMatchObject({
    deliveries: [{ event_type: 'incident.triggered', state: 'delivered', attempts: [{ status: 202 }] }],
  });
  dev.send('SIGINT');
  expect(await endedSoon(dev)).toMatchObject({ code: 0 });
  await expectNothingLeft(own, { pids: [], ports: [...ports] });
});
