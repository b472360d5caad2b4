import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/index.ts';
import { wireTo } from '../support/pagerduty-wire.ts';

let simulator: Simulator;
const ask = wireTo(() => simulator.url);
const now = new Date('2026-06-24T10:00:00Z');

beforeEach(async () => {
  simulator = await startSimulator({ now, clockSpeed: 0, rateLimit: 0 });
});
afterEach(() => simulator.close());

async function restart(options: SimulatorOptions) {
  await simulator.close();
  simulator = await startSimulator({ now, clockSpeed: 0, ...options });
}

const token = (form: Record<string, string>) =>
  ask('POST', '/oauth/token', new URLSearchParams(form).toString(), {
    authorization: undefined,
    'content-type': 'application/x-www-form-urlencoded',
  });

const app = {
  grant_type: 'client_credentials',
  client_id: 'simulator-app',
  client_secret: 'simulator-app-secret',
};

async function bearer(scope: string): Promise<{ authorization: string }> {
  const { status, body } = await token({ ...app, scope: `as_account-us.example ${scope}` });
  expect(status).toBe(200);
  return { authorization: `Bearer ${body.access_token}` };
}

const service = { id: 'PLEDGER', type: 'service_reference' };
const create = (headers: object) =>
  ask('POST', '/incidents', { incident: { type: 'incident', title: 'x', service } }, { ...headers });
const settings = (change: object) => ask('POST', '/_simulator/settings', change);

describe('POST /oauth/token', () => {
  test('gives a token for a day, with the scopes that were asked for', async () => {
    const { status, body } = await token({
      ...app,
      scope: 'as_account-us.example incidents.read incidents.write',
    });
    expect([status, body]).toEqual([
      200,
      {
        access_token: expect.stringMatching(/^pdus\+_/),
        token_type: 'bearer',
        expires_in: 86_400,
        scope: 'as_account-us.example incidents.read incidents.write',
      },
    ]);
  });

  test('gives no app more than it has', async () => {
    const { body } = await token({
      grant_type: 'client_credentials',
      client_id: 'simulator-reader-app',
      client_secret: 'simulator-reader-app-secret',
      scope: 'as_account-us.example incidents.read incidents.write',
    });
    expect(body.scope).toBe('as_account-us.example incidents.read');
  });

  test.each<[string, Record<string, string>, number, string]>([
    ['a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client'],
    ['an unknown app', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['another way of asking', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['no account', { scope: 'incidents.read' }, 400, 'invalid_request'],
    ['another account', { scope: 'as_account-us.acme incidents.read' }, 400, 'invalid_request'],
  ])('with %s gives none', async (_what, form, status, error) => {
    const answer = await token({ ...app, scope: 'as_account-us.example incidents.read', ...form });
    expect([answer.status, answer.body.error]).toEqual([status, error]);
    expect(answer.text).not.toContain('access_token');
  });

  test('takes a form alone', async () => {
    const { status, body } = await ask('POST', '/oauth/token', app);
    expect([status, body.error]).toEqual([400, 'invalid_request']);
  });

  test('leaves neither the secret nor the token in the request log', async () => {
    const { authorization } = await bearer('users.read');
    await ask('GET', `/users?query=${encodeURIComponent(authorization.slice(7))}`, undefined, {
      authorization,
    });
    const { text } = await ask('GET', '/_simulator/requests');
    expect(text).toContain('oauthToken');
    expect(text).not.toContain('simulator-app-secret');
    expect(text).not.toContain(authorization.slice(7));
  });

  test('can go wrong on purpose', async () => {
    await ask('POST', '/_simulator/faults', { kind: 'status', status: 503, operation: 'oauthToken' });
    expect((await token({ ...app, scope: 'as_account-us.example' })).status).toBe(503);
  });
});

describe('an app token', () => {
  test('reads and writes what its scopes say, the whole account over', async () => {
    const headers = await bearer('incidents.read incidents.write');
    expect((await ask('GET', '/incidents', undefined, headers)).status).toBe(200);
    expect((await create(headers)).status).toBe(201);
  });

  test('is nobody: a write needs From, and it has no user of its own', async () => {
    const headers = await bearer('incidents.write users.read');
    const { status, body } = await create({ ...headers, from: undefined });
    expect([status, body.error.code]).toEqual([400, 2016]);
  });

  test.each([
    ['GET', '/services/PLEDGER', 'services.read'],
    ['GET', '/oncalls', 'oncalls.read'],
    ['PUT', '/incidents/1', 'incidents.write'],
  ])('without the scope of %s %s is told which one it lacks', async (method, path, scope) => {
    const headers = await bearer('incidents.read');
    const body = method === 'GET' ? undefined : { incident: { type: 'incident', title: 'x' } };
    const answer = await ask(method, path, body, headers);
    expect([answer.status, answer.body]).toEqual([
      403,
      { error: { message: 'Token missing required scopes', required_scopes: scope } },
    ]);
  });

  test('ends with its time', async () => {
    await settings({ oauth_token_seconds: 60 });
    const headers = await bearer('incidents.read');
    simulator.world.clock.advance(59);
    expect((await ask('GET', '/incidents', undefined, headers)).status).toBe(200);
    simulator.world.clock.advance(1);
    expect((await ask('GET', '/incidents', undefined, headers)).status).toBe(401);
  });

  test('ends at once where the test says so, and a new one is as good', async () => {
    const headers = await bearer('incidents.read');
    expect((await ask('POST', '/_simulator/oauth/expire')).body).toEqual({ expired: 1 });
    expect((await ask('GET', '/incidents', undefined, headers)).status).toBe(401);
    expect((await ask('GET', '/incidents', undefined, await bearer('incidents.read'))).status).toBe(200);
  });

  test('is no API key, and an API key is no token', async () => {
    const { authorization } = await bearer('incidents.read');
    const asKey = { authorization: authorization.replace('Bearer ', 'Token token=') };
    expect((await ask('GET', '/incidents', undefined, asKey)).status).toBe(401);
    const asToken = { authorization: 'Bearer simulator-full-access-key' };
    expect((await ask('GET', '/incidents', undefined, asToken)).status).toBe(401);
  });
});

describe("a user's token", () => {
  test('of the classic kind writes in its name without From', async () => {
    const { status, body } = await create({ authorization: 'Bearer simulator-user-bearer', from: undefined });
    expect([status, body.incident.last_status_change_by.id]).toEqual([201, 'PADA']);
  });

  test('of the classic kind for reading does not write', async () => {
    const headers = { authorization: 'Bearer simulator-user-read-bearer' };
    expect((await ask('GET', '/users', undefined, headers)).status).toBe(200);
    const { status, body } = await create(headers);
    expect([status, body.error.code]).toEqual([403, 2010]);
  });

  test('with scopes has these alone', async () => {
    const headers = { authorization: 'Bearer simulator-user-scoped-bearer' };
    expect((await ask('GET', '/incidents', undefined, headers)).status).toBe(200);
    expect((await create(headers)).body.error.required_scopes).toBe('incidents.write');
  });

  test.each([
    ['read_only_user', 403],
    ['observer', 403],
    ['limited_user', 201],
    ['user', 201],
    ['owner', 201],
  ])('of a user whose role is %s gets %d for a new incident', async (role, status) => {
    const ada = simulator.world.users.get('PADA')!;
    simulator.world.users.set('PADA', { ...ada, role });
    expect((await create({ authorization: 'Token token=simulator-user-key' })).status).toBe(status);
    expect((await create({ from: 'ada@example.com' })).status).toBe(status);
  });
});

describe('an account', () => {
  test('that is expired is refused everything', async () => {
    await settings({ account_expired: true });
    const { status, body } = await ask('GET', '/incidents');
    expect([status, body.error.code]).toEqual([402, 2012]);
    await settings({ account_expired: false });
    expect((await ask('GET', '/incidents')).status).toBe(200);
  });

  test.each([
    ['teams', '/incidents?team_ids[]=PPAYMENTS'],
    ['urgencies', '/incidents?urgencies[]=high'],
    ['listOnCalls', '/oncalls'],
  ])('that lacks %s is refused it', async (ability, path) => {
    await settings({ missing_abilities: [ability] });
    const { status, body } = await ask('GET', path);
    expect([status, body]).toEqual([402, { error: { message: 'Missing Account Ability', code: 2014 } }]);
    expect((await ask('GET', '/incidents')).status).toBe(200);
  });
});

test.each([
  ['empty', '', null],
  ['html', '<html>', 'text/html'],
  ['json', '{"error":{"message":"Authentication failed","code":2006}}', 'application/json'],
])('a 401 can come with a body that is %s', async (unauthorized_body, text, type) => {
  await settings({ unauthorized_body });
  const answer = await ask('GET', '/incidents', undefined, { authorization: 'Token token=nobody' });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([401, type]);
  expect(answer.text.startsWith(text)).toBe(true);
});

describe('the budget', () => {
  const left = async (headers: object, path = '/users') =>
    (await ask('GET', path, undefined, { ...headers })).headers.get('ratelimit-remaining');

  test('of an app is one for all its tokens, and another one for each of its users', async () => {
    await restart({ rateLimit: 10 });
    const [one, two] = [await bearer('users.read'), await bearer('users.read')];
    const user = { authorization: 'Bearer simulator-user-scoped-bearer' };
    expect([await left(one), await left(two)]).toEqual(['9', '8']);
    expect([await left(user), await left({ authorization: 'Token token=simulator-user-key' })]).toEqual([
      '9',
      '9',
    ]);
  });

  test('of a user sums his keys and his classic tokens', async () => {
    await restart({ rateLimit: 10 });
    expect(await left({ authorization: 'Token token=simulator-user-key' })).toBe('9');
    expect(await left({ authorization: 'Bearer simulator-user-bearer' })).toBe('8');
  });

  test('of a single operation is told where it is closer to its end, and refuses that operation alone', async () => {
    await restart({ operationLimits: { listOnCalls: 2 } });
    const oncalls = () => ask('GET', '/oncalls');
    const one = await oncalls();
    expect([one.headers.get('ratelimit-limit'), one.headers.get('ratelimit-remaining')]).toEqual(['2', '1']);
    await oncalls();
    const refused = await oncalls();
    expect([refused.status, refused.headers.get('ratelimit-limit'), refused.body.error.code]).toEqual([
      429,
      '2',
      2020,
    ]);
    // The one that was refused did not count.
    expect(await left({})).toBe('957');
  });

  test('of new incidents is one for the whole account', async () => {
    await restart({ operationLimits: { createIncident: 1 } });
    expect((await create({})).status).toBe(201);
    expect((await create({ authorization: 'Token token=simulator-user-key' })).status).toBe(429);
  });

  test('of operations is off where the budget is', async () => {
    await restart({ rateLimit: 0, operationLimits: { listOnCalls: 1 } });
    for (let count = 0; count < 3; count += 1) expect((await ask('GET', '/oncalls')).status).toBe(200);
  });

  test('by tokens comes back one by one', async () => {
    await restart({ rateLimit: 6, rateAlgorithm: 'token-bucket' });
    for (let count = 0; count < 6; count += 1) await left({});
    const refused = await ask('GET', '/users');
    expect([refused.status, refused.headers.get('ratelimit-reset')]).toEqual([429, '10']);
    simulator.world.clock.advance(10);
    expect(await left({})).toBe('0');
  });

  test('by a sliding window comes back as the oldest request leaves it', async () => {
    await restart({ rateLimit: 2, rateAlgorithm: 'sliding-window' });
    await left({});
    simulator.world.clock.advance(50);
    await left({});
    expect((await ask('GET', '/users')).headers.get('ratelimit-reset')).toBe('10');
    simulator.world.clock.advance(10);
    expect(await left({})).toBe('0');
  });
});
