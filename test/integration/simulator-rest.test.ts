import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { createSeed } from '../../simulator/seed.ts';

// Raw HTTP and literal JSON on purpose: what is tested is what PagerDuty's own clients would see.

let simulator: Simulator;

beforeAll(async () => {
  // A Wednesday; by the seed's rotas Ada and Dev are on call.
  simulator = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0, rateLimit: 0 });
});
afterAll(() => simulator.close());

const accept = 'application/vnd.pagerduty+json;version=2';
const fullAccess = 'Token token=simulator-full-access-key';
const from = 'oncall-bot@example.com';

async function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
  url = simulator.url,
) {
  const response = await fetch(url + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : undefined,
  };
}

const get = (path: string) => send('GET', path, { accept, authorization: fullAccess });

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  send(
    'POST',
    path,
    { accept, authorization: fullAccess, 'content-type': 'application/json', from, ...headers },
    body,
  );

async function openIncident(): Promise<string> {
  const { body } = await get('/incidents?statuses[]=triggered&urgencies[]=low');
  return body.incidents[0].id;
}

describe('a credential', () => {
  test.each([
    ['an unknown key', 'Token token=somebody-elses-key'],
    ['a key without token=', 'Token simulator-full-access-key'],
    ['a key in quotes', 'Token token="simulator-full-access-key"'],
    ['a bearer token that nobody gave out', 'Bearer simulator-full-access-key'],
    ['nothing', ''],
  ])('%s is refused with an empty 401', async (_what, authorization) => {
    const answer = await send('GET', '/users', { accept, authorization });
    expect([answer.status, answer.text]).toEqual([401, '']);
    expect(answer.headers.get('content-type')).toBeNull();
    expect(answer.headers.get('ratelimit-limit')).toBeNull();
  });

  test('a read-only key reads, and may not write', async () => {
    const authorization = 'Token token=simulator-read-only-key';
    expect((await send('GET', '/users', { accept, authorization })).status).toBe(200);
    const refused = await post(`/incidents/${await openIncident()}/notes`, {}, { authorization });
    expect([refused.status, refused.body]).toEqual([
      403,
      { error: { message: 'Access Denied', code: 2010 } },
    ]);
  });

  test("a user's key writes in its user's name without From", async () => {
    const headers = {
      accept,
      authorization: 'Token token=simulator-user-key',
      'content-type': 'application/json',
    };
    const answer = await send('POST', `/incidents/${await openIncident()}/notes`, headers, {
      note: { content: 'From my own key.' },
    });
    expect(answer.status).toBe(200);
    expect(answer.body.note.user).toMatchObject({
      id: 'PADA',
      type: 'user_reference',
      summary: 'Ada Adler',
    });
  });
});

describe('headers', () => {
  test.each([
    ['nothing', undefined],
    ['any JSON', 'application/json'],
    ['version 1', 'application/vnd.pagerduty+json;version=1'],
  ])('Accept of %s is refused', async (_what, value) => {
    const headers = { authorization: fullAccess, ...(value === undefined ? {} : { accept: value }) };
    const { status, body } = await send('GET', '/users', headers);
    expect([status, body.error.code]).toEqual([400, 2001]);
  });

  test('every answer carries an x-request-id of its own', async () => {
    const answers = [
      await get('/users'),
      await get('/incidents/NONE'),
      await get('/nowhere'),
      await send('GET', '/users', {}),
    ];
    const ids = answers.map(({ headers }) => headers.get('x-request-id'));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(4);
  });

  test('a write with an account key needs From', async () => {
    const headers = { accept, authorization: fullAccess, 'content-type': 'application/json' };
    const { status, body } = await send('POST', `/incidents/${await openIncident()}/notes`, headers, {
      note: { content: 'Who am I?' },
    });
    expect([status, body]).toEqual([
      400,
      {
        error: {
          message: 'You must specify a user\'s email address in the "From" header to perform this action',
          code: 2016,
        },
      },
    ]);
  });

  test('From must be a user of the account', async () => {
    const id = await openIncident();
    const note = { note: { content: 'Who am I?' } };
    const { status, body } = await post(`/incidents/${id}/notes`, note, { from: 'nobody@example.com' });
    expect([status, body]).toEqual([400, { error: { message: 'Requester User Not Found', code: 1008 } }]);
    expect((await post(`/incidents/${id}/notes`, note, { from: 'ADA@example.com' })).status).toBe(200);
  });

  test.each([
    ['no JSON content type', 'text/plain', '{"note":{"content":"x"}}'],
    ['no JSON', 'application/json', '{"note":'],
    ['a list', 'application/json', '[1]'],
    ['nothing', 'application/json', undefined],
  ])('a body with %s is refused', async (_what, type, sent) => {
    const { status, body } = await post(`/incidents/${await openIncident()}/notes`, sent, {
      'content-type': type,
    });
    expect([status, body.error]).toEqual([
      400,
      { message: 'Invalid Input Provided', code: 2001, errors: ['params must be a Hash'] },
    ]);
  });
});

describe('what is not there', () => {
  test.each([
    '/incidents/QNONE',
    '/incidents/QNONE/notes',
    '/incidents/QNONE/alerts',
    '/services/PNONE',
    '/nowhere',
  ])('GET %s is 404 with code 2100', async (path) => {
    const { status, body } = await get(path);
    expect([status, body]).toEqual([404, { error: { message: 'Not Found', code: 2100 } }]);
  });

  test('a method that the path has not is 404 too', async () => {
    expect((await send('DELETE', '/users', { accept, authorization: fullAccess })).status).toBe(404);
  });
});

describe('the budget', () => {
  const now = new Date('2026-06-24T10:00:00Z');
  const limits = ({ status, headers }: { status: number; headers: Headers }) => [
    status,
    headers.get('ratelimit-limit'),
    headers.get('ratelimit-remaining'),
    headers.get('ratelimit-reset'),
  ];

  test('is 960 a minute a key by default, and told with every answer', async () => {
    const own = await startSimulator({ now, clockSpeed: 0 });
    const answer = await send('GET', '/users', { accept, authorization: fullAccess }, undefined, own.url);
    expect(limits(answer)).toEqual([200, '960', '959', '60']);
    await own.close();
  });

  test('is refused past its limit with a 429 that says how long to wait, and comes back with the next window', async () => {
    const own = await startSimulator({ now, clockSpeed: 0, rateLimit: 2, rateWindowSeconds: 30 });
    const ask = (authorization = fullAccess) =>
      send('GET', '/users', { accept, authorization }, undefined, own.url);
    expect(limits(await ask())).toEqual([200, '2', '1', '30']);
    own.world.clock.advance(10);
    expect(limits(await ask())).toEqual([200, '2', '0', '20']);
    const refused = await ask();
    expect(limits(refused)).toEqual([429, '2', '0', '20']);
    expect(refused.body).toEqual({ error: { message: 'Rate Limit Exceeded', code: 2020 } });
    expect(limits(await ask('Token token=simulator-read-only-key'))).toEqual([200, '2', '1', '30']);
    own.world.clock.advance(20);
    expect(limits(await ask())).toEqual([200, '2', '1', '30']);
    await own.close();
  });

  test("of a user is one for all the user's keys", async () => {
    const { company, history } = createSeed();
    const second = { key: 'adas-second-key', access: 'full', userId: 'PADA' } as const;
    const seed = { company: { ...company, credentials: [...company.credentials, second] }, history };
    const own = await startSimulator({ now, clockSpeed: 0, rateLimit: 2, seed });
    const ask = (key: string) =>
      send('GET', '/users', { accept, authorization: `Token token=${key}` }, undefined, own.url);
    expect(limits(await ask('simulator-user-key'))).toEqual([200, '2', '1', '60']);
    expect(limits(await ask('adas-second-key'))).toEqual([200, '2', '0', '60']);
    expect((await ask('simulator-user-key')).status).toBe(429);
    await own.close();
  });

  test('is spent by refused requests too, and a refused write has no effect', async () => {
    const own = await startSimulator({ now, clockSpeed: 0, rateLimit: 1 });
    const headers = { accept, authorization: fullAccess, 'content-type': 'application/json', from };
    const [incident] = own.world.incidents.values();
    const note = (content: string) =>
      send('POST', `/incidents/${incident?.id}/notes`, headers, { note: { content } }, own.url);
    expect(limits(await note(''))).toEqual([400, '1', '0', '60']);
    expect((await note('too late')).status).toBe(429);
    expect(own.world.notes(incident!.id)).not.toContain('too late');
    await own.close();
  });

  test.each([0, Number.POSITIVE_INFINITY])(
    'of %d is none at all, and no header speaks of it',
    async (rateLimit) => {
      const own = await startSimulator({ now, clockSpeed: 0, rateLimit });
      const answer = await send('GET', '/users', { accept, authorization: fullAccess }, undefined, own.url);
      expect(limits(answer)).toEqual([200, null, null, null]);
      await own.close();
    },
  );
});

describe('GET /services/{id}', () => {
  test('shows the service with its policy, team, timeouts and urgency rule', async () => {
    const { body } = await get('/services/PCHECKOUT');
    expect(body.service).toMatchObject({
      id: 'PCHECKOUT',
      type: 'service',
      name: 'Checkout API',
      status: 'active',
      acknowledgement_timeout: 1800,
      auto_resolve_timeout: 14400,
      incident_urgency_rule: { type: 'constant', urgency: 'severity_based' },
      escalation_policy: { id: 'PPAYMENTSONCALL', type: 'escalation_policy_reference' },
      teams: [{ id: 'PPAYMENTS', type: 'team_reference' }],
      integrations: [{ id: 'PCHECKOUTEVENTS', type: 'events_api_v2_inbound_integration_reference' }],
      support_hours: null,
    });
  });

  test('puts full objects where include[] asks for them', async () => {
    const { body } = await get('/services/PREPORTS?include[]=escalation_policies&include[]=teams');
    expect(body.service).toMatchObject({
      acknowledgement_timeout: null,
      escalation_policy: {
        type: 'escalation_policy',
        num_loops: 1,
        escalation_rules: [
          { escalation_delay_in_minutes: 5, targets: [{ id: 'PPLATFORMROTA', type: 'schedule_reference' }] },
          { escalation_delay_in_minutes: 10, targets: [{ id: 'PFAY', type: 'user_reference' }] },
        ],
      },
      teams: [{ type: 'team', name: 'Platform' }],
    });
  });
});

describe('GET /users', () => {
  test('lists everyone by name', async () => {
    const { body } = await get('/users');
    expect(body.users.map(({ name }: { name: string }) => name)).toEqual([
      'Ada Adler',
      'Ben Okafor',
      'Cleo Marin',
      'Dev Iyer',
      'Eva Lind',
      'Fay Novak',
      'Gus Ferrari',
      'Hana Sato',
      'Ivo Petrov',
      'Jun Park',
      'Kim Novotny',
      'Oncall Bot',
    ]);
    expect(body).toMatchObject({ limit: 25, offset: 0, more: false, total: null });
  });

  test.each([
    ['a part of the name', 'query=novak', ['PFAY']],
    ['a part of the e-mail address', 'query=ONCALL-BOT%40', ['PBOT']],
    ['a team', 'team_ids[]=PPLATFORM', ['PDEV', 'PEVA', 'PFAY']],
    ['nothing it knows', 'nickname=fay&query=novak', ['PFAY']],
  ])('finds by %s', async (_what, query, ids) => {
    const { body } = await get(`/users?${query}`);
    expect(body.users.map(({ id }: { id: string }) => id)).toEqual(ids);
  });

  test('pages with limit and offset, and counts only when asked', async () => {
    const { body } = await get('/users?limit=3&offset=3&total=true');
    expect(body).toMatchObject({ limit: 3, offset: 3, more: true, total: 12 });
    expect(body.users.map(({ id }: { id: string }) => id)).toEqual(['PDEV', 'PEVA', 'PFAY']);
  });

  test('gives at most 100 at once', async () => {
    expect((await get('/users?limit=500')).body.limit).toBe(100);
  });

  test('refuses to page past record 10,000', async () => {
    const { status, body } = await get('/users?limit=100&offset=9901');
    expect([status, body.error.code]).toEqual([400, 2002]);
    expect(body.error.errors[0]).toContain('Offset+limit exceeds maximum allowed value of 10000');
    expect((await get('/users?limit=100&offset=9900')).status).toBe(200);
  });

  test.each(['limit=few', 'limit=0', 'offset=-1'])('refuses %s', async (query) => {
    const { status, body } = await get(`/users?${query}`);
    expect([status, body.error.code]).toEqual([400, 2001]);
  });
});

describe('GET /oncalls', () => {
  const duties = async (query: string) => {
    const { body } = await get(`/oncalls?${query}`);
    return body.oncalls.map(
      (duty: { user: { id: string }; escalation_level: number; schedule: { id: string } | null }) =>
        `${duty.escalation_level} ${duty.user.id} ${duty.schedule?.id ?? 'null'}`,
    );
  };

  test('shows who is on call now, level by level, with the shift', async () => {
    const { body } = await get('/oncalls?escalation_policy_ids[]=PPAYMENTSONCALL');
    expect(body).toMatchObject({ limit: 25, offset: 0, more: false, total: null });
    expect(body.oncalls).toMatchObject([
      {
        escalation_policy: { id: 'PPAYMENTSONCALL', type: 'escalation_policy_reference' },
        escalation_level: 1,
        user: { id: 'PADA', type: 'user_reference' },
        schedule: { id: 'PPAYMENTSROTA', type: 'schedule_reference' },
        start: '2026-06-22T09:00:00Z',
        end: '2026-06-29T09:00:00Z',
      },
      { escalation_level: 2, user: { id: 'PFAY' }, schedule: null, start: null, end: null },
    ]);
  });

  test('counts whoever is on call for a part of the range', async () => {
    const range = 'since=2026-06-24T10:00:00Z&until=2026-06-30T00:00:00Z';
    expect(await duties(`escalation_policy_ids[]=PPAYMENTSONCALL&${range}`)).toEqual([
      '1 PADA PPAYMENTSROTA',
      '1 PBEN PPAYMENTSROTA',
      '2 PFAY null',
    ]);
  });

  test('filters by user and by schedule, where null stands for users who are targets themselves', async () => {
    expect(await duties('user_ids[]=PDEV')).toEqual(['1 PDEV PPLATFORMROTA', '1 PDEV PPLATFORMROTA']);
    expect(await duties('schedule_ids[]=PPLATFORMROTA')).toHaveLength(2);
    expect(await duties('schedule_ids[]=PPLATFORMROTA&schedule_ids[]=null')).toHaveLength(5);
    expect(await duties('schedule_ids[]=null')).toEqual(['2 PFAY null', '2 PFAY null', '2 PFAY null']);
  });

  test('with earliest shows the first shift of each user only', async () => {
    const range =
      'since=2026-06-24T10:00:00Z&until=2026-08-01T00:00:00Z&escalation_policy_ids[]=PPLATFORMONCALL';
    expect(await duties(range)).toHaveLength(7);
    const { body } = await get(`/oncalls?${range}&earliest=true`);
    expect(body.oncalls.map(({ start }: { start: string | null }) => start)).toEqual([
      '2026-06-22T09:00:00Z',
      '2026-06-29T09:00:00Z',
      null,
    ]);
  });

  test('puts full objects where include[] asks for them', async () => {
    const { body } = await get(
      '/oncalls?user_ids[]=PADA&include[]=users&include[]=schedules&include[]=escalation_policies',
    );
    expect(body.oncalls[0]).toMatchObject({
      user: { type: 'user', email: 'ada@example.com' },
      schedule: { type: 'schedule', time_zone: 'Etc/UTC' },
      escalation_policy: { type: 'escalation_policy', num_loops: 1 },
    });
  });

  test('writes times in the zone that is asked for', async () => {
    const { body } = await get('/oncalls?user_ids[]=PADA&time_zone=Europe/Berlin');
    expect(body.oncalls[0].start).toBe('2026-06-22T11:00:00+02:00');
    expect((await get('/oncalls?time_zone=Mars/Olympus')).status).toBe(400);
  });

  test.each([
    ['until before since', 'since=2026-06-26T00:00:00Z&until=2026-06-25T00:00:00Z', 2004],
    ['no date', 'since=soon', 2004],
    ['more than 90 days ahead', 'until=2026-09-23T00:00:00Z', 2005],
  ])('refuses %s', async (_what, query, code) => {
    const { status, body } = await get(`/oncalls?${query}`);
    expect([status, body.error.code]).toEqual([400, code]);
  });
});
