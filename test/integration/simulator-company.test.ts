import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { createSeed } from '../../simulator/seed.ts';
import { wireTo } from '../support/pagerduty-wire.ts';

// Services, escalation policies, users and teams over raw HTTP, in literal JSON.

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0, rateLimit: 0 });
});
afterAll(() => simulator.close());

const ask = wireTo(() => simulator.url);
const asFay = { from: 'fay@example.com' };
const named = (things: readonly { name: string }[]) => things.map(({ name }) => name);
const ids = (things: readonly { id: string }[]) => things.map(({ id }) => id);

const invalid = (...errors: readonly string[]) => ({
  error: { message: 'Invalid Input Provided', code: 2001, errors },
});
const notFound = { error: { message: 'Not Found', code: 2100 } };

const policyReference = { id: 'PPAYMENTSONCALL', type: 'escalation_policy_reference' };

describe('GET /services', () => {
  test('lists all by name', async () => {
    const { status, body } = await ask('GET', '/services');
    expect([status, named(body.services)]).toEqual([
      200,
      ['Batch reports', 'Checkout API', 'Data warehouse', 'Ledger', 'Search', 'Support desk'],
    ]);
    expect(body).toMatchObject({ limit: 25, offset: 0, more: false, total: null });
  });

  test.each([
    ['a part of the name', 'query=CHECK', ['PCHECKOUT']],
    ['the whole name', 'name=Ledger', ['PLEDGER']],
    ['no part, where the whole name is asked', 'name=Ledge', []],
    ['a team', 'team_ids[]=PPAYMENTS', ['PCHECKOUT', 'PLEDGER']],
    ['two teams', 'team_ids[]=PPAYMENTS&team_ids[]=PDATA', ['PCHECKOUT', 'PWAREHOUSE', 'PLEDGER']],
    ['nothing it knows', 'colour=red&name=Ledger', ['PLEDGER']],
  ])('finds by %s', async (_what, query, wanted) => {
    expect(ids((await ask('GET', `/services?${query}`)).body.services)).toEqual(wanted);
  });

  test('sorts backwards, and refuses fields that it cannot sort by', async () => {
    const { body } = await ask('GET', '/services?sort_by=name:desc&limit=1&total=true');
    expect([ids(body.services), body.more, body.total]).toEqual([['PSUPPORTDESK'], true, 6]);
    expect((await ask('GET', '/services?sort_by=colour')).status).toBe(400);
  });

  test('refuses to page past record 10,000', async () => {
    expect((await ask('GET', '/services?limit=100&offset=9901')).status).toBe(400);
  });

  test('shows support hours, what they do to urgency, and integrations with their keys where asked', async () => {
    const { body } = await ask(
      'GET',
      '/services/PWAREHOUSE?include[]=integrations&include[]=auto_pause_notifications_parameters',
    );
    expect(body.service).toMatchObject({
      acknowledgement_timeout: 3600,
      auto_resolve_timeout: null,
      incident_urgency_rule: {
        type: 'use_support_hours',
        during_support_hours: { type: 'constant', urgency: 'high' },
        outside_support_hours: { type: 'constant', urgency: 'low' },
      },
      support_hours: {
        type: 'fixed_time_per_day',
        time_zone: 'Europe/Berlin',
        start_time: '09:00:00',
        end_time: '17:00:00',
        days_of_week: [1, 2, 3, 4, 5],
      },
      scheduled_actions: [
        {
          type: 'urgency_change',
          at: { type: 'named_time', name: 'support_hours_start' },
          to_urgency: 'high',
        },
      ],
      auto_pause_notifications_parameters: { enabled: false, timeout: 0 },
      integrations: [
        { type: 'events_api_v2_inbound_integration', integration_key: 'simulatorwarehouseroutingkey0000' },
      ],
    });
  });
});

describe('POST /services', () => {
  const create = (service: object) =>
    ask('POST', '/services', {
      service: { type: 'service', escalation_policy: policyReference, ...service },
    });

  test('creates a service with its time-outs off, whatever else is named', async () => {
    const { status, body } = await create({ name: 'Invoices', colour: 'red', id: 'PMINE' });
    expect(status).toBe(201);
    expect(body.service).toMatchObject({
      type: 'service',
      name: 'Invoices',
      summary: 'Invoices',
      description: null,
      status: 'active',
      created_at: '2026-06-24T10:00:00Z',
      auto_resolve_timeout: null,
      acknowledgement_timeout: null,
      incident_urgency_rule: { type: 'constant', urgency: 'high' },
      support_hours: null,
      scheduled_actions: [],
      escalation_policy: { ...policyReference, summary: 'Payments on-call' },
      teams: [{ id: 'PPAYMENTS', type: 'team_reference' }],
      integrations: [],
      last_incident_timestamp: null,
    });
    expect(body.service.id).not.toBe('PMINE');
    expect((await ask('GET', `/services/${body.service.id}`)).body.service).toEqual(body.service);
  });

  test('keeps every setting that it is given', async () => {
    const settings = {
      description: 'All of it',
      auto_resolve_timeout: 7200,
      acknowledgement_timeout: 600,
      alert_creation: 'create_incidents',
      incident_urgency_rule: {
        type: 'use_support_hours',
        during_support_hours: { type: 'constant', urgency: 'severity_based' },
        outside_support_hours: { type: 'constant', urgency: 'low' },
      },
      support_hours: {
        type: 'fixed_time_per_day',
        time_zone: 'America/New_York',
        start_time: '08:30:00',
        end_time: '18:00:00',
        days_of_week: [1, 7],
      },
      alert_grouping_parameters: { type: 'content_based', config: { aggregate: 'all', fields: ['source'] } },
    };
    const { status, body } = await create({
      ...settings,
      name: 'Everything',
      auto_pause_notifications_parameters: { enabled: true, timeout: 300 },
    });
    expect(status).toBe(201);
    expect(body.service).toMatchObject(settings);
    const { body: shown } = await ask(
      'GET',
      `/services/${body.service.id}?include[]=auto_pause_notifications_parameters`,
    );
    expect(shown.service.auto_pause_notifications_parameters).toEqual({ enabled: true, timeout: 300 });
  });

  test.each([
    ['a name that is taken', { name: 'LEDGER' }, 'Name has already been taken.'],
    ['no name', {}, 'Name cannot be empty.'],
    ['a blank name', { name: ' ' }, 'Name cannot be empty.'],
    ['no policy', { name: 'N', escalation_policy: null }, 'Escalation policy cannot be empty.'],
    ['a status of its own', { name: 'N', status: 'disabled' }, 'Status of a new service can only be active.'],
    [
      'a negative time-out',
      { name: 'N', auto_resolve_timeout: -1 },
      'Auto resolve timeout cannot be negative.',
    ],
    [
      'an urgency that is none',
      { name: 'N', incident_urgency_rule: { type: 'constant', urgency: 'medium' } },
      'Urgency must be high, low or severity_based.',
    ],
    [
      'support hours that are missing',
      {
        name: 'N',
        incident_urgency_rule: {
          type: 'use_support_hours',
          during_support_hours: { type: 'constant', urgency: 'high' },
          outside_support_hours: { type: 'constant', urgency: 'low' },
        },
      },
      'Support hours cannot be empty with use_support_hours or scheduled actions.',
    ],
  ])('refuses %s', async (_what, service, sentence) => {
    const { status, body } = await create(service);
    expect([status, body]).toEqual([400, invalid(sentence)]);
  });

  test('refuses a policy that is not there, and a body without the root key', async () => {
    const unknown = await create({ name: 'N', escalation_policy: { id: 'PNONE', type: 'x' } });
    expect([unknown.status, unknown.body]).toEqual([
      400,
      { error: { message: 'Escalation Policy Not Found', code: 1014 } },
    ]);
    expect((await ask('POST', '/services', { name: 'N' })).status).toBe(400);
  });
});

describe('PUT /services/{id}', () => {
  test('changes only what is named, and a new time-out is for new incidents', async () => {
    const { status, body } = await ask('PUT', '/services/PSEARCH', {
      service: { acknowledgement_timeout: 0 },
    });
    expect([status, body.service]).toMatchObject([
      200,
      { name: 'Search', acknowledgement_timeout: null, auto_resolve_timeout: 14400 },
    ]);
  });

  test('disables a service, which takes no events then, and enables it again', async () => {
    const set = async (status: string) =>
      (await ask('PUT', '/services/PSEARCH', { service: { type: 'service', status } })).body.service.status;
    const trigger = () =>
      ask('POST', '/v2/enqueue', {
        routing_key: 'simulatorsearchroutingkey0000000',
        event_action: 'trigger',
        dedup_key: 'while-off',
        payload: { summary: 'Broken', source: 's', severity: 'error' },
      });
    const found = async () => (await ask('GET', '/incidents?incident_key=while-off')).body.incidents.length;
    expect(await set('disabled')).toBe('disabled');
    expect([(await trigger()).status, await found()]).toEqual([202, 0]);
    expect(await set('active')).toBe('active');
    expect([(await trigger()).status, await found()]).toEqual([202, 1]);
  });

  test('refuses what cannot be, and answers 404 for a service that is not there', async () => {
    const put = (service: object) => ask('PUT', '/services/PSEARCH', { service });
    expect((await put({ status: 'sleeping' })).body).toEqual(invalid('Status must be active or disabled.'));
    expect((await put({ name: 'Ledger' })).body).toEqual(invalid('Name has already been taken.'));
    expect((await put({ name: 'Search' })).status).toBe(200);
    const none = await ask('PUT', '/services/PNONE', { service: { name: 'N' } });
    expect([none.status, none.body]).toEqual([404, notFound]);
  });
});

describe('escalation policies', () => {
  const create = (policy: object) =>
    ask('POST', '/escalation_policies', {
      escalation_policy: { type: 'escalation_policy', escalation_rules: [rule()], ...policy },
    });
  const rule = (changes: object = {}) => ({
    escalation_delay_in_minutes: 5,
    targets: [{ id: 'PADA', type: 'user_reference' }],
    ...changes,
  });

  test('are listed by name, and found by name, team and users who are targets themselves', async () => {
    const found = async (query: string) =>
      ids((await ask('GET', `/escalation_policies?${query}`)).body.escalation_policies);
    expect(await found('')).toEqual([
      'PDATAONCALL',
      'PLEDGERONCALL',
      'PPAYMENTSONCALL',
      'PPLATFORMONCALL',
      'PSUPPORTONCALL',
    ]);
    expect(await found('query=data')).toEqual(['PDATAONCALL']);
    expect(await found('team_ids[]=PPLATFORM')).toEqual(['PPLATFORMONCALL']);
    expect(await found('user_ids[]=PFAY')).toHaveLength(3);
    expect(await found('user_ids[]=PADA')).toEqual([]);
    expect(await found('sort_by=name:desc&limit=1')).toEqual(['PSUPPORTONCALL']);
  });

  test('show their levels, and full objects where they are asked for', async () => {
    const plain = await ask('GET', '/escalation_policies/PDATAONCALL');
    expect(plain.body.escalation_policy).toMatchObject({
      type: 'escalation_policy',
      num_loops: 2,
      on_call_handoff_notifications: 'always',
      description: 'The rota, then New York at night and who leads this week, then the rota again.',
      services: [{ id: 'PWAREHOUSE', type: 'service_reference' }],
      teams: [{ id: 'PDATA', type: 'team_reference' }],
    });
    expect(plain.body.escalation_policy.escalation_rules[1]).toMatchObject({
      escalation_delay_in_minutes: 15,
      targets: [{ id: 'PDATANIGHTS', type: 'schedule_reference' }, { id: 'PDATALEADS' }],
    });
    expect(plain.body.escalation_policy.escalation_rules[1]).not.toHaveProperty(
      'escalation_rule_assignment_strategy',
    );
    const full = await ask(
      'GET',
      '/escalation_policies/PPLATFORMONCALL?include[]=targets&include[]=services&include[]=teams&include[]=escalation_rule_assignment_strategies',
    );
    expect(full.body.escalation_policy).toMatchObject({
      services: [{ type: 'service', name: 'Search' }, { type: 'service' }],
      teams: [{ type: 'team', name: 'Platform' }],
      escalation_rules: [
        {
          targets: [{ type: 'schedule', time_zone: 'Etc/UTC' }],
          escalation_rule_assignment_strategy: { type: 'assign_to_everyone' },
        },
        { targets: [{ type: 'user', email: 'fay@example.com' }] },
      ],
    });
  });

  test('name a shift-based schedule by its own type', async () => {
    const { body } = await ask('GET', '/escalation_policies/PSUPPORTONCALL');
    expect(body.escalation_policy.escalation_rules[0].targets[0]).toMatchObject({
      id: 'PSUPPORTSHIFTS',
      type: 'schedule_v3_reference',
      self: 'https://api.pagerduty.com/v3/schedules/PSUPPORTSHIFTS',
    });
  });

  test('are created without From, and page at once', async () => {
    const { status, body } = await ask(
      'POST',
      '/escalation_policies',
      {
        escalation_policy: {
          type: 'escalation_policy',
          name: 'Nights only',
          num_loops: 1,
          teams: [{ id: 'PDATA', type: 'team_reference' }],
          escalation_rules: [
            rule({
              escalation_delay_in_minutes: 10,
              targets: [
                { id: 'PBEN', type: 'user_reference' },
                { id: 'PDATANIGHTS', type: 'schedule_reference' },
              ],
              escalation_rule_assignment_strategy: { type: 'round_robin' },
            }),
          ],
        },
      },
      { from: undefined },
    );
    expect([status, body.escalation_policy]).toMatchObject([
      201,
      {
        name: 'Nights only',
        num_loops: 1,
        teams: [{ id: 'PDATA' }],
        services: [],
        escalation_rules: [{ targets: [{ id: 'PBEN' }, { id: 'PDATANIGHTS' }] }],
      },
    ]);
    const { body: onCalls } = await ask(
      'GET',
      `/oncalls?escalation_policy_ids[]=${body.escalation_policy.id}`,
    );
    expect(onCalls.oncalls.map((one: { user: { id: string } }) => one.user.id)).toContain('PBEN');
  });

  test.each([
    ['a name that is taken', { name: 'ledger on-call' }, 'Name has already been taken.'],
    ['no rules', { name: 'N', escalation_rules: [] }, 'Escalation rules cannot be empty.'],
    [
      'no delay',
      { name: 'N', escalation_rules: [rule({ escalation_delay_in_minutes: 0 })] },
      'Escalation delay in minutes must be at least 1.',
    ],
    ['no targets', { name: 'N', escalation_rules: [rule({ targets: [] })] }, 'Targets cannot be empty.'],
    [
      'a target that is not there',
      { name: 'N', escalation_rules: [rule({ targets: [{ id: 'PNONE', type: 'user_reference' }] })] },
      'There is no user PNONE.',
    ],
    ['ten loops', { name: 'N', num_loops: 10 }, 'Num loops must be from 0 to 9.'],
    ['another type', { name: 'N', type: 'policy' }, 'Type must be escalation_policy.'],
    [
      'two minutes for two targets',
      {
        name: 'N',
        escalation_rules: [
          rule({
            escalation_delay_in_minutes: 2,
            targets: [
              { id: 'PADA', type: 'user_reference' },
              { id: 'PBEN', type: 'user_reference' },
            ],
          }),
        ],
      },
      'Escalation delay in minutes must be at least 3 with several targets.',
    ],
  ])('are refused with %s', async (_what, policy, sentence) => {
    const { status, body } = await create(policy);
    expect([status, body]).toEqual([400, invalid(sentence)]);
  });

  test('are refused for a team that is not there, and answered 404 where they are not there', async () => {
    const { status, body } = await create({ name: 'N', teams: [{ id: 'PNONE', type: 'team_reference' }] });
    expect([status, body]).toEqual([400, { error: { message: 'Team Not Found', code: 6001 } }]);
    const none = await ask('GET', '/escalation_policies/PNONE');
    expect([none.status, none.body]).toEqual([404, notFound]);
  });
});

describe('users', () => {
  const adasKey = { authorization: 'Token token=simulator-user-key' };

  test('are shown in full, with references unless more is asked for', async () => {
    const { body } = await ask('GET', '/users/PADA');
    expect(body.user).toMatchObject({
      id: 'PADA',
      type: 'user',
      email: 'ada@example.com',
      role: 'user',
      time_zone: 'Etc/UTC',
      description: null,
      teams: [{ id: 'PPAYMENTS', type: 'team_reference' }],
      contact_methods: [
        { type: 'email_contact_method_reference' },
        { type: 'phone_contact_method_reference' },
      ],
      notification_rules: [{ type: 'assignment_notification_rule_reference' }, {}, {}],
    });
    expect(body.user).not.toHaveProperty('http_cal_url');
    const full = await ask(
      'GET',
      '/users/PADA?include[]=contact_methods&include[]=notification_rules&include[]=teams&include[]=calendar_urls&include[]=subdomains',
    );
    expect(full.body.user).toMatchObject({
      teams: [{ type: 'team', description: 'Takes the money.' }],
      contact_methods: [{ address: 'ada@example.com' }, { type: 'phone_contact_method', address: '5550100' }],
      notification_rules: [{ urgency: 'low' }, { urgency: 'high' }, { start_delay_in_minutes: 5 }],
      subdomains: ['example'],
      http_cal_url: expect.stringContaining('/private/'),
      web_cal_url: expect.stringContaining('webcal://'),
    });
  });

  test('are 404 where they are not there', async () => {
    const { status, body } = await ask('GET', '/users/PNONE');
    expect([status, body]).toEqual([404, notFound]);
  });

  test("of a user's own key are read at /users/me, calendar addresses and all", async () => {
    const { status, body } = await ask('GET', '/users/me', undefined, adasKey);
    expect([status, body.user]).toMatchObject([200, { id: 'PADA', http_cal_url: expect.any(String) }]);
    const own = await ask('GET', '/users/PADA', undefined, adasKey);
    expect(own.body.user).toHaveProperty('web_cal_url');
    expect((await ask('GET', '/users/PBEN', undefined, adasKey)).body.user).not.toHaveProperty('web_cal_url');
  });

  test('of an account key are nobody: 400, and the error is a text', async () => {
    const { status, body } = await ask('GET', '/users/me');
    expect([status, typeof body.error]).toEqual([400, 'string']);
    expect(body.error).toContain('account-level access token');
  });

  test('are created by an admin, with a contact method of their own', async () => {
    const user = { type: 'user', name: 'Lou Reiter', email: 'Lou@example.com', job_title: 'Engineer' };
    const { status, body } = await ask('POST', '/users', { user }, asFay);
    expect([status, body.user]).toMatchObject([
      201,
      {
        name: 'Lou Reiter',
        email: 'Lou@example.com',
        role: 'user',
        job_title: 'Engineer',
        invitation_sent: false,
        teams: [],
        contact_methods: [{ type: 'email_contact_method_reference' }],
      },
    ]);
    const found = await ask('GET', '/users?query=lou%40');
    expect(ids(found.body.users)).toEqual([body.user.id]);
    const again = await ask('POST', '/users', { user: { ...user, email: 'LOU@example.com' } }, asFay);
    expect([again.status, again.body]).toEqual([400, invalid('Email has already been taken.')]);
  });

  test.each([
    ['no name', { email: 'n@example.com' }, 'Name cannot be empty.'],
    [
      'a name of 101 characters',
      { name: 'n'.repeat(101), email: 'n@example.com' },
      'Name is too long (maximum is 100 characters).',
    ],
    ['no e-mail address', { name: 'N' }, 'Email cannot be empty.'],
    ['an e-mail address that is none', { name: 'N', email: 'nobody' }, 'Email is invalid.'],
    [
      'a role that is none',
      { name: 'N', email: 'n@example.com', role: 'boss' },
      'Role is not included in the list.',
    ],
    [
      'a time zone that is none',
      { name: 'N', email: 'n@example.com', time_zone: 'Mars' },
      'Time zone is not included in the list.',
    ],
  ])('are refused with %s', async (_what, user, sentence) => {
    const { status, body } = await ask('POST', '/users', { user: { type: 'user', ...user } }, asFay);
    expect([status, body]).toEqual([400, invalid(sentence)]);
  });

  test('are not created without From, nor by somebody who may not', async () => {
    const user = { type: 'user', name: 'N', email: 'n@example.com' };
    expect((await ask('POST', '/users', { user }, { from: undefined })).body.error.code).toBe(2016);
    expect((await ask('POST', '/users', { user })).status).toBe(403);
  });
});

describe('teams', () => {
  test('are listed by name and found by a part of it', async () => {
    const { body } = await ask('GET', '/teams');
    expect(named(body.teams)).toEqual(['Data', 'Payments', 'Platform']);
    expect(body.teams[0]).toMatchObject({
      type: 'team',
      description: 'Keeps the numbers.',
      default_role: 'manager',
      parent: { id: 'PPLATFORM', type: 'team_reference' },
    });
    expect(body.teams[1].parent).toBeNull();
    expect(ids((await ask('GET', '/teams?query=PAY')).body.teams)).toEqual(['PPAYMENTS']);
  });

  test('are created, and refused with a name that is taken or a parent that is not there', async () => {
    const create = (team: object) => ask('POST', '/teams', { team: { type: 'team', ...team } });
    const made = await create({ name: 'Mobile', parent: { id: 'PPLATFORM', type: 'team_reference' } });
    expect([made.status, made.body.team]).toMatchObject([
      201,
      { type: 'team', name: 'Mobile', description: null, parent: { id: 'PPLATFORM' } },
    ]);
    expect((await create({ name: 'mobile' })).body).toEqual(invalid('Name has already been taken.'));
    expect((await create({ name: '' })).body).toEqual(invalid('Name cannot be empty.'));
    expect((await create({ name: 'N', default_role: 'boss' })).body).toEqual(
      invalid('Default role must be manager or none.'),
    );
    const orphan = await create({ name: 'N', parent: { id: 'PNONE', type: 'team_reference' } });
    expect(orphan.body.error.code).toBe(6001);
  });

  test('take members and change their roles with an empty 204, however often', async () => {
    const put = (path: string, body?: unknown) => ask('PUT', path, body);
    for (const body of [{ role: 'responder' }, { role: 'observer' }, {}, undefined]) {
      const { status, text } = await put('/teams/PPLATFORM/users/PADA', body);
      expect([status, text]).toEqual([204, '']);
    }
    expect(simulator.world.teams.get('PPLATFORM')?.members.filter(({ userId }) => userId === 'PADA')).toEqual(
      [{ userId: 'PADA', role: 'observer' }],
    );
    expect(ids((await ask('GET', '/users?team_ids[]=PPLATFORM')).body.users)).toContain('PADA');
    expect((await put('/teams/PPLATFORM/users/PADA', { role: 'boss' })).body).toEqual(
      invalid('Role must be observer, responder or manager.'),
    );
    expect((await put('/teams/PNONE/users/PADA', {})).status).toBe(404);
    expect((await put('/teams/PPLATFORM/users/PNONE', {})).status).toBe(404);
  });

  test('do not take users who only read', async () => {
    const user = { type: 'user', name: 'Reader', email: 'reader@example.com', role: 'read_only_user' };
    const { body } = await ask('POST', '/users', { user }, asFay);
    const refused = await ask('PUT', `/teams/PPLATFORM/users/${body.user.id}`, { role: 'observer' });
    expect([refused.status, refused.body.error.code]).toEqual([400, 2001]);
  });

  test('are 402 for an account whose plan has none', async () => {
    const { company, history } = createSeed();
    const seed = { company: { ...company, missingAbilities: ['teams' as const] }, history };
    const poor = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0, seed });
    const askPoor = wireTo(() => poor.url);
    const missing = { error: { message: 'Missing Account Ability', code: 2014 } };
    const policy = {
      type: 'escalation_policy',
      name: 'N',
      escalation_rules: [
        { escalation_delay_in_minutes: 5, targets: [{ id: 'PADA', type: 'user_reference' }] },
      ],
      teams: [{ id: 'PDATA', type: 'team_reference' }],
    };
    for (const { status, body } of [
      await askPoor('GET', '/teams'),
      await askPoor('POST', '/teams', { team: { type: 'team', name: 'N' } }),
      await askPoor('GET', '/services?team_ids[]=PDATA'),
      await askPoor('POST', '/escalation_policies', { escalation_policy: policy }),
    ]) {
      expect([status, body]).toEqual([402, missing]);
    }
    expect((await askPoor('GET', '/services')).status).toBe(200);
    await poor.close();
  });
});
