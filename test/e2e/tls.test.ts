import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../client/ports.ts';
import { responder } from '../support/grants.ts';
import { built, type Ended, makePlace, type Place, type Program } from '../support/processes.ts';
import { findSecrets } from '../support/secrets.ts';
import { type Certificates, makeCertificates, startTlsFront, type TlsFront } from '../support/tls-front.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from './world.ts';

// What Temporal's own settings say of TLS and keys is told to every process by the environment alone, as to any other program of
// Temporal's. The server is the real one; before it stands what a cluster or the hosted service has there.

const apiKey = 'a-key-of-the-hosted-service-0123456789';

let place: Place;
let world: World;
let files: Certificates;
let byCertificate: TlsFront;
let byKey: TlsFront;
const said: Ended[] = [];
beforeAll(async () => {
  place = makePlace('tls');
  world = await startWorld(place, { 'triage-bot': responder() });
  files = await makeCertificates(place.folder);
  const { cert, key } = files.server;
  const pair = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  const target = world.temporal.TEMPORAL_ADDRESS;
  byCertificate = await startTlsFront(target, pair, { clientsOf: readFileSync(files.authority, 'utf8') });
  byKey = await startTlsFront(target, pair, { apiKey });
});
afterAll(async () => {
  await byCertificate.close();
  await byKey.close();
  await world.close();
  await place.clear();
});

/** What a process finds in its environment to come in by one of the two. */
const ways = {
  'a certificate': () => ({
    TEMPORAL_ADDRESS: byCertificate.address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.authority,
    TEMPORAL_TLS_CLIENT_CERT_PATH: files.client.cert,
    TEMPORAL_TLS_CLIENT_KEY_PATH: files.client.key,
  }),
  'an API key': () => ({
    TEMPORAL_ADDRESS: byKey.address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.authority,
    TEMPORAL_API_KEY: apiKey,
  }),
} as const;
type Way = keyof typeof ways;

const environment = (way: Way, other: Readonly<Record<string, string>> = {}) => ({
  TEMPORAL_NAMESPACE: world.temporal.TEMPORAL_NAMESPACE,
  PAGERDUTY_API_TOKEN: 'simulator-full-access-key',
  CHECKOUT_ROUTING_KEY: 'simulatorcheckoutroutingkey00000',
  ...ways[way](),
  ...other,
});

const without = (
  env: Readonly<Record<string, string>>,
  ...names: readonly string[]
): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));

async function ended(program: Program): Promise<Ended> {
  const end = await program.ended;
  said.push(end);
  return end;
}

describe.each(Object.keys(ways) as Way[])('by %s', (way) => {
  test('Worker, receiver and commands come to a server that speaks TLS alone', async () => {
    const env = environment(way);
    const worker = place.start(process.execPath, [built('worker/main.js')], { env });
    await worker.line(/^working on main/);
    const incident = await world.trigger();
    const input = JSON.stringify({ account: 'main', incident, note: `By ${way}.` });
    const agent = { ONCALL_AGENT: 'triage-bot', ONCALL_AGENT_KEY_FILE: world.keyFileOf('triage-bot') };
    const ran = await ended(
      place.oncall(['run', 'addNote', '--input', input, '--json'], { env: { ...env, ...agent } }),
    );
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ outcome: 'done' });
    expect((await world.incident(incident)).notes).toHaveLength(1);

    const [port = 0] = await freePorts(1);
    const receiver = place.oncall(['webhooks', '--port', String(port)], { env });
    await receiver.line(/^listening on /);
    let wrong = '';
    await until(
      () => `the receiver finds Temporal (${wrong})`,
      async () => {
        const health = await fetch(`http://127.0.0.1:${port}/health`);
        wrong = await health.text();
        return !wrong.includes('Temporal cannot');
      },
      20_000,
    );
    for (const program of [worker, receiver]) {
      program.send('SIGTERM');
      expect(await ended(program)).toMatchObject({ code: 0 });
    }
  });

  test.each<[string, (env: Record<string, string>) => Record<string, string>, Record<Way, RegExp>]>([
    [
      'has nothing to show',
      (env) =>
        without(env, 'TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_API_KEY'),
      {
        'a certificate': /it trusts no certificate of ours/,
        'an API key': /it does not know our key or certificate/,
      },
    ],
    [
      'shows another’s',
      (env) => ({
        ...env,
        ...(way === 'an API key'
          ? { TEMPORAL_API_KEY: 'another-key-of-the-hosted-service' }
          : {
              TEMPORAL_TLS_CLIENT_CERT_PATH: files.stranger.cert,
              TEMPORAL_TLS_CLIENT_KEY_PATH: files.stranger.key,
            }),
      }),
      {
        'a certificate': /it trusts no certificate of ours/,
        'an API key': /it does not know our key or certificate/,
      },
    ],
    [
      'trusts nobody who vouches for it',
      (env) => ({ ...without(env, 'TEMPORAL_TLS_SERVER_CA_CERT_PATH'), TEMPORAL_TLS: 'true' }),
      {
        'a certificate': /nobody whom we trust vouches for its certificate/,
        'an API key': /nobody whom we trust vouches for its certificate/,
      },
    ],
  ])('who %s is told so', async (_who, change, says) => {
    const env = change(environment(way));
    const [worker, runs] = await Promise.all(
      [
        place.start(process.execPath, [built('worker/main.js')], { env }),
        place.oncall(['runs'], { env }),
      ].map(ended),
    );
    for (const end of [worker, runs]) {
      expect(end).toMatchObject({ code: 1, stdout: '' });
      expect(end?.stderr).toMatch(/^The Temporal server at localhost:\d+ does not let us in: .*\n$/);
      expect(end?.stderr).toMatch(says[way]);
    }
  });
});

test('a certificate that is not there is named', async () => {
  const env = environment('a certificate', { TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere/client.crt' });
  const ends = await Promise.all(
    [place.start(process.execPath, [built('worker/main.js')], { env }), place.oncall(['runs'], { env })].map(
      ended,
    ),
  );
  for (const end of ends)
    expect(end).toMatchObject({
      code: 1,
      stderr:
        "Temporal's own settings name the file /nowhere/client.crt, which cannot be read (ENOENT): a certificate, its key, or who vouches for the server.\n",
    });
});

test('each showed what it has to the one that asks for it, and nobody said a key', () => {
  expect([...byCertificate.seen.names]).toEqual(['oncall.example.com']);
  expect([...byCertificate.seen.authorizations]).toEqual([]);
  expect([...byKey.seen.authorizations].toSorted()).toEqual([
    `Bearer ${apiKey}`,
    'Bearer another-key-of-the-hosted-service',
  ]);
  const outputs = said.map(({ stdout, stderr }, index) => ({
    name: `what process ${index} said`,
    bytes: Buffer.from(stdout + stderr),
  }));
  expect(outputs.length).toBeGreaterThan(12);
  const key = readFileSync(files.client.key, 'utf8');
  expect(
    findSecrets(outputs, [
      { name: 'the API key', value: apiKey },
      { name: 'the key of the certificate', value: key },
    ]),
  ).toEqual([]);
});
