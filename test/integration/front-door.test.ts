import { request as httpRequest } from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AgentIdentity, type Identity, readIdentity } from '../../client/identity.ts';
import { openFrontDoor, type RunningFrontDoor } from '../../client/mcp/front-door.ts';
import { oncallAs } from '../../client/oncall.ts';
import { giveBearer, revokeBearers } from '../../gate/bearers.ts';
import { policySource } from '../../gate/policy-source.ts';
import { responder } from '../support/grants.ts';
import { callTool, generations, type Told } from '../support/mcp.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage;
let door: RunningFrontDoor;
let key: Identity;
let incident: string;
const faults: unknown[] = [];
const open = (options: Partial<Parameters<typeof openFrontDoor>[0]> = {}): Promise<RunningFrontDoor> =>
  openFrontDoor({
    version: '0.0.0',
    door: key,
    client: stage.client,
    store: stage.store,
    account: 'main',
    policy: policySource(stage.configFile),
    port: 0,
    told: (error) => faults.push(error),
    answerMs: 60_000,
    rate: { burst: 1_000, perSecond: 1_000 },
    refusalWindowMs: 600_000,
    ...options,
  });
beforeAll(async () => {
  stage = await setStage({
    agents: { 'triage-bot': responder(), 'other-bot': responder(), 'own-bot': responder() },
  });
  const publicKey = stage.newKey('mcp');
  stage.editConfig(
    (text) =>
      `${text}front_doors:\n  mcp: { public_key: ${publicKey}, may_speak_for: [triage-bot, other-bot] }\n`,
  );
  await stage.startWorker();
  key = readIdentity('front door', 'mcp', `${stage.home}/mcp.pem`);
  door = await open();
});
afterAll(async () => {
  await door.close();
  expect(faults).toEqual([]);
  await stage.close();
});
beforeEach(async () => {
  incident = await stage.trigger();
});

const inAnHour = (): number => Date.now() + 3_600_000;
const tokenFor = async (agent: string, expiresAt = inAnHour()): Promise<string> =>
  (await giveBearer(stage.store, { agent, byWhom: 'lead', expiresAt })).token;
/** The SDK's own client, with a token. */
async function clientOf(
  token: string,
  generation: (typeof generations)[number] = '2026-07-28',
  url = door.url,
): Promise<Client> {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  const client = new Client(
    { name: 'test', version: '0.0.0' },
    { versionNegotiation: { mode: generation === '2026-07-28' ? { pin: generation } : 'legacy' } },
  );
  await client.connect(transport);
  return client;
}
const reason = 'a test';
const note = (client: Client, text = 'A note.'): Promise<Told> =>
  callTool(client, 'pd_note', { incident, text, reason });
const denials = async () =>
  (await stage.audit({ decision: 'denied' })).map(({ rule, agent, via, sentence }) => ({
    rule,
    agent,
    via,
    sentence,
  }));

const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });
/** A request as anybody on this machine can send it: headers and body as they please. Gives the status of the answer. */
const send = (headers: Readonly<Record<string, string>>, url = door.url, body = list): Promise<number> =>
  new Promise((resolve, reject) => {
    const all = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    };
    const request = httpRequest(url, { method: 'POST', headers: all, agent: false }, (answer) => {
      answer.resume();
      answer.on('error', () => {});
      answer.once('close', () => resolve(answer.statusCode ?? 0));
    });
    request.once('error', reject);
    request.end(body);
  });

test.each(generations)(
  'an agent with a token works through the front door, by the generation %s, and the record says so',
  async (generation) => {
    const client = await clientOf(await tokenFor('triage-bot'), generation);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('pd_acknowledge');
    const told = await note(client, `Through the door, ${generation}.`);
    expect(told).toMatchObject({ isError: false, data: { outcome: 'done' } });
    expect(stage.simulator.world.notes(incident)).toHaveLength(1);
    const [entry] = (await stage.audit({ run: String(told.data['run']) })).filter(
      ({ operation }) => operation === 'createIncidentNote',
    );
    expect(entry).toMatchObject({ agent: 'triage-bot', via: 'mcp' });
    const allowed = (await stage.audit({ run: String(told.data['run']) })).find(
      ({ decision, operation }) => decision === 'allowed' && operation === 'createIncidentNote',
    );
    expect(allowed?.sentence).toMatch(/^triage-bot via mcp may /);
    await client.close();
  },
);

test('an agent judges and ends an incident through the front door', async () => {
  const client = await clientOf(await tokenFor('triage-bot'));
  const input = { incident, assess: 'agent', watchSeconds: 0 };
  const started = await callTool(client, 'pd_workflow', { workflow: 'respondToIncident', input, reason });
  const { run } = started.data;
  await until('it is asked', async () => (await callTool(client, 'pd_next', {})).data['run'] === run);
  expect(
    await callTool(client, 'pd_finding', { run, class: 'real', summary: 'The cache is cold.' }),
  ).toMatchObject({ isError: false });
  await until('it is held', () => stage.simulator.world.incident(incident)?.status === 'acknowledged');
  await callTool(client, 'pd_finding', { run, resolution: 'Warmed the cache.' });
  expect(await callTool(client, 'pd_run', { run, wait_s: 20 })).toMatchObject({ data: { outcome: 'done' } });
  const words = (await stage.audit({ run: String(run) })).find(({ action }) => action === 'run.giveFinding');
  expect(words).toMatchObject({ agent: 'triage-bot', decision: 'allowed' });
  expect(words?.sentence).toBe(
    'triage-bot via mcp may give its finding to this run: the front door signed what it said.',
  );
  await client.close();
});

describe('nobody comes in without a good token, and each refusal is in the record', () => {
  test.each([
    [
      'no token',
      async () => ({}),
      401,
      { rule: 'token', agent: 'nobody', sentence: 'nobody via mcp may not call: it showed no token.' },
    ],
    [
      'a token that was never given',
      async () => ({ authorization: `Bearer oncall_0123456789abcdef_${'A'.repeat(43)}` }),
      401,
      { rule: 'token', agent: 'nobody' },
    ],
    [
      'an expired token',
      async () => ({ authorization: `Bearer ${await tokenFor('other-bot', Date.now() - 1_000)}` }),
      401,
      {
        rule: 'token',
        agent: 'other-bot',
        sentence: expect.stringMatching(/^other-bot via mcp may not call: the token expired at /),
      },
    ],
    [
      'a revoked token',
      async () => {
        const token = await tokenFor('triage-bot');
        await revokeBearers(stage.store, { agent: 'triage-bot', byWhom: 'lead' });
        return { authorization: `Bearer ${token}` };
      },
      401,
      {
        rule: 'token',
        agent: 'triage-bot',
        sentence: expect.stringMatching(
          /^triage-bot via mcp may not call: the token by which it came was revoked since \S+ by lead\.$/,
        ),
      },
    ],
    [
      'the token of an agent that comes by its own key',
      async () => ({ authorization: `Bearer ${await tokenFor('own-bot')}` }),
      403,
      {
        rule: 'front door',
        agent: 'own-bot',
        sentence: 'own-bot via mcp may not call: the front door mcp may not speak for it.',
      },
    ],
    [
      'another host’s name',
      async () => ({ host: 'evil.example', authorization: `Bearer ${await tokenFor('triage-bot')}` }),
      403,
      { rule: 'host', agent: 'nobody' },
    ],
    [
      'a page of another origin',
      async () => ({
        origin: 'https://evil.example',
        authorization: `Bearer ${await tokenFor('triage-bot')}`,
      }),
      403,
      { rule: 'origin', agent: 'nobody' },
    ],
  ] as const)('%s', async (_, headers, status, entry) => {
    // Each with a door of its own, so that no refusal is counted with another's.
    const own = await open();
    const before = (await denials()).length;
    expect(await send(await headers(), own.url)).toBe(status);
    await own.close();
    const found = await denials();
    expect(found.length).toBe(before + 1);
    expect(found).toContainEqual(expect.objectContaining({ via: 'mcp', ...entry }));
  });

  test('half a token, a token with other letters and another scheme', async () => {
    const token = await tokenFor('triage-bot');
    for (const wrong of [
      token.slice(0, -1),
      `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
      token.toUpperCase(),
    ])
      expect(await send({ authorization: `Bearer ${wrong}` })).toBe(401);
    expect(await send({ authorization: `Basic ${token}` })).toBe(401);
    expect(await send({ authorization: `Bearer ${token}` })).not.toBe(401);
  });

  test('the token is nowhere but with its agent', async () => {
    const token = await tokenFor('triage-bot');
    const client = await clientOf(token);
    await note(client, 'Where is it?');
    const rows = JSON.stringify([
      await stage.store.selectFrom('bearers').selectAll().execute(),
      await stage.store.selectFrom('audit').selectAll().execute(),
      await stage.store.selectFrom('steps').selectAll().execute(),
    ]);
    expect(rows).not.toContain(token);
    expect(rows).not.toContain(token.split('_')[2]);
    await client.close();
  });
});

test('a token that is revoked stops what it started at the next call, on whatever machine', async () => {
  const given = await giveBearer(stage.store, { agent: 'triage-bot', byWhom: 'lead', expiresAt: inAnHour() });
  const agent: AgentIdentity = { name: 'triage-bot', key: key.key, door: { name: 'mcp', bearer: given.id } };
  const oncall = oncallAs(stage.client, agent, 'main');
  await oncall.call('getIncident', { params: { id: incident } });
  const run = await oncall.start('acknowledgeIncident', { account: 'main', incident });
  await until('it is held', () => stage.simulator.world.incident(incident)?.status === 'acknowledged');
  await revokeBearers(stage.store, { agent: 'triage-bot', id: given.id, byWhom: 'lead' });
  const words = /^triage-bot via mcp may not .*: the token by which it came was revoked since \S+ by lead\.$/;
  await expect(oncall.call('getIncident', { params: { id: incident } })).rejects.toThrow(words);
  await expect(
    oncall
      .start('addNote', { account: 'main', incident, note: 'Not any more.' }, { key: 'revoked' })
      .then((note) => note.result()),
  ).resolves.toMatchObject({ outcome: 'denied' });
  expect(stage.simulator.world.notes(incident)).toEqual([]);
  await run.cancel();
  await until('people have it', () => stage.simulator.world.incident(incident)?.status === 'triggered');
});

test('whoever takes the revoking out of the store has revoked it all the same', async () => {
  const token = await tokenFor('other-bot');
  const [id] = await revokeBearers(stage.store, { agent: 'other-bot', byWhom: 'lead' });
  await stage.store
    .updateTable('bearers')
    .set({ revoked: null })
    .where('id', '=', id ?? '')
    .execute();
  expect(await send({ authorization: `Bearer ${token}` })).toBe(401);
});

describe('a front door speaks for its agents alone', () => {
  const startAs = async (agent: AgentIdentity): Promise<string> => {
    const run = await oncallAs(stage.client, agent, 'main').start('triageIncident', {
      account: 'main',
      incident,
    });
    const { outcome, summary } = await run.result();
    return `${outcome}: ${summary}`;
  };
  const bearerOf = async (agent: string): Promise<string> =>
    (await giveBearer(stage.store, { agent, byWhom: 'lead', expiresAt: inAnHour() })).id;

  test.each([
    [
      'an agent it may not speak for',
      'own-bot',
      'own-bot',
      'mcp',
      /the front door mcp may not speak for own-bot/,
    ],
    ['an operator or nobody', 'lead', 'lead', 'mcp', /the configuration knows no agent lead/],
    [
      'an agent by the token of another',
      'triage-bot',
      'other-bot',
      'mcp',
      /the token by which it came is none that was given to it/,
    ],
    [
      'an agent, as a front door that there is none of',
      'triage-bot',
      'triage-bot',
      'side',
      /the configuration knows no front door side/,
    ],
    [
      'an agent, as another agent',
      'triage-bot',
      'triage-bot',
      'other-bot',
      /the configuration knows no front door other-bot/,
    ],
  ] as const)('not for %s', async (_, name, tokenOf, as, words) => {
    const bearer = await bearerOf(tokenOf);
    expect(await startAs({ name, key: key.key, door: { name: as, bearer } })).toMatch(words);
  });

  test('and with its own key alone', async () => {
    const bearer = await bearerOf('triage-bot');
    const { key: wrong } = stage.agent('other-bot');
    expect(await startAs({ name: 'triage-bot', key: wrong, door: { name: 'mcp', bearer } })).toMatch(
      /was not signed with the key/,
    );
    // Nor is its key an agent's.
    expect(await startAs({ name: 'triage-bot', key: key.key })).toMatch(/was not signed with the key/);
    expect(await startAs({ name: 'mcp', key: key.key })).toMatch(/the configuration knows no agent mcp/);
  });

  test('and no longer than the configuration says so', async () => {
    const client = await clientOf(await tokenFor('other-bot'));
    const runs = oncallAs(
      stage.client,
      { name: 'other-bot', key: key.key, door: { name: 'mcp', bearer: await bearerOf('other-bot') } },
      'main',
    );
    await runs.call('getIncident', { params: { id: incident } });
    stage.editConfig((text) => text.replace('[triage-bot, other-bot]', '[triage-bot]'));
    await expect(client.listTools()).rejects.toThrow();
    await expect(runs.call('getIncident', { params: { id: incident } })).rejects.toThrow(
      /the front door mcp may not speak for other-bot/,
    );
    stage.editConfig((text) =>
      text.replace('may_speak_for: [triage-bot]', 'may_speak_for: [triage-bot, other-bot]'),
    );
    await client.close();
  });
});

test('an agent sees no run of another, whoever asks through the same door', async () => {
  const [one, other] = [
    await clientOf(await tokenFor('triage-bot')),
    await clientOf(await tokenFor('other-bot')),
  ];
  const { data } = await note(one, 'Mine.');
  expect(await callTool(one, 'pd_run', { run: data['run'] })).toMatchObject({ isError: false });
  expect(await callTool(other, 'pd_run', { run: data['run'] })).toMatchObject({
    isError: true,
    data: { code: 'not_found' },
  });
  await one.close();
  await other.close();
});

describe('a flood is refused, and the record holds its size and not its every drop', () => {
  test('of one agent: the others go on', async () => {
    const own = await open({ rate: { burst: 20, perSecond: 0.001 } });
    const [loud, quiet] = [await tokenFor('triage-bot'), await tokenFor('other-bot')];
    const statuses = await Promise.all(
      Array.from({ length: 300 }, () => send({ authorization: `Bearer ${loud}` }, own.url)),
    );
    expect(statuses.filter((status) => status === 429)).toHaveLength(280);
    expect(await send({ authorization: `Bearer ${quiet}` }, own.url)).not.toBe(429);
    await own.close();
    const sentences = (await denials())
      .filter(({ rule, agent }) => rule === 'rate' && agent === 'triage-bot')
      .map(({ sentence }) => sentence);
    expect(sentences).toHaveLength(2);
    expect(sentences.join()).toContain('279 more such requests were refused since');
  });

  test('of one agent that never waits for its answers', async () => {
    const own = await open();
    const token = await tokenFor('other-bot');
    const waits = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'pd_next', arguments: { wait_s: 20 } },
    });
    const authorization = `Bearer ${token}`;
    let refused = 0;
    const all = Array.from({ length: 40 }, async () => {
      const status = await send({ authorization }, own.url, waits).catch(() => 0);
      if (status === 429) refused += 1;
    });
    await until('those beyond 32 are refused', () => refused === 8);
    await own.close();
    await Promise.all(all);
    expect(refused).toBe(8);
    const found = (await denials()).filter(({ rule, agent }) => rule === 'rate' && agent === 'other-bot');
    expect(found[0]?.sentence).toContain('of its requests wait already');
  });

  test('of nobody: an agent goes on', async () => {
    const own = await open();
    const token = await tokenFor('triage-bot');
    const before = (await denials()).length;
    const statuses = await Promise.all(Array.from({ length: 500 }, () => send({}, own.url)));
    expect(statuses.every((status) => status === 401 || status === 429)).toBe(true);
    expect(statuses).toContain(429);
    expect(await send({ authorization: `Bearer ${token}` }, own.url)).not.toBe(429);
    await own.close();
    const found = (await denials()).length - before;
    expect(found).toBeGreaterThanOrEqual(2);
    expect(found).toBeLessThanOrEqual(4);
  });
});

test('what is too long, of another path or no JSON at all is refused', async () => {
  const authorization = `Bearer ${await tokenFor('triage-bot')}`;
  expect(await send({ authorization }, door.url, 'x'.repeat(1_000_001))).toBe(413);
  expect(await send({ authorization }, new URL('/', door.url).href)).toBe(404);
  expect(await send({ authorization }, door.url, '{')).toBe(400);
  // Many messages in one request would go round the rate.
  expect(await send({ authorization }, door.url, `[${list},${list}]`)).toBe(400);
  expect(await send({ authorization, 'content-type': 'text/plain' })).toBe(415);
  expect(faults.splice(0).map(String)).toEqual([expect.stringContaining('Unsupported Media Type')]);
});
