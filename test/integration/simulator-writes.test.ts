import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { wireTo } from '../support/pagerduty-wire.ts';

let simulator: Simulator;
const ask = wireTo(() => simulator.url);

beforeEach(async () => {
  // A Wednesday; by the seed's rotas Ada and Dev are on call.
  simulator = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0, rateLimit: 0 });
});
afterEach(() => simulator.close());

const service = { id: 'PLEDGER', type: 'service_reference' };
const create = (fields: object, headers = {}) =>
  ask(
    'POST',
    '/incidents',
    { incident: { type: 'incident', title: 'Money is missing', service, ...fields } },
    headers,
  );

const opened = () => [...simulator.world.incidents.values()].slice(4);

async function made(fields: object = {}) {
  const { status, body } = await create(fields);
  expect(status).toBe(201);
  return body.incident;
}

const change = (id: string, fields: object) =>
  ask('PUT', `/incidents/${id}`, { incident: { type: 'incident', ...fields } });

describe('POST /incidents', () => {
  test('opens an incident on the policy of its service, with everything it was given', async () => {
    const incident = await made({
      urgency: 'low',
      priority: { id: 'PPRIORITY2', type: 'priority_reference' },
      body: { type: 'incident_body', details: 'The books do not balance.' },
      incident_key: 'books',
      incident_type: { name: 'major_incident' },
      conference_bridge: {
        conference_number: '+1 415-555-1212,,,,1234#',
        conference_url: 'https://meet.example.com/1',
      },
    });
    expect(incident).toMatchObject({
      type: 'incident',
      title: 'Money is missing',
      summary: '[#5] Money is missing',
      status: 'triggered',
      urgency: 'low',
      incident_key: 'books',
      priority: { id: 'PPRIORITY2' },
      incident_type: { name: 'major_incident' },
      escalation_policy: { id: 'PLEDGERONCALL' },
      assigned_via: 'escalation_policy',
      assignments: [{ assignee: { id: 'PADA' } }, { assignee: { id: 'PDEV' } }],
      alert_counts: { all: 0, triggered: 0, resolved: 0 },
      last_status_change_by: { id: 'PBOT', type: 'user_reference' },
    });
    const query = 'include[]=body&include[]=conference_bridge';
    const { body } = await ask('GET', `/incidents/${incident.id}?${query}`);
    expect(body.incident).toMatchObject({
      body: { type: 'incident_body', details: 'The books do not balance.' },
      conference_bridge: {
        conference_number: '+1 415-555-1212,,,,1234#',
        conference_url: 'https://meet.example.com/1',
      },
    });
  });

  test('makes up a key where none is given, and takes the urgency from the service', async () => {
    const incident = await made({ service: { id: 'PREPORTS', type: 'service_reference' } });
    expect(incident.incident_key).toMatch(/^[0-9a-f]{32}$/);
    expect(incident.urgency).toBe('low');
  });

  test('goes to a user directly, and then to nobody else', async () => {
    const { id } = await made({ assignments: [{ assignee: { id: 'PBEN', type: 'user_reference' } }] });
    simulator.world.clock.advance(3600);
    const { body } = await ask('GET', `/incidents/${id}`);
    expect(body.incident).toMatchObject({
      status: 'triggered',
      assigned_via: 'direct_assignment',
      assignments: [{ assignee: { id: 'PBEN' } }],
      acknowledgements: [],
    });
  });

  test('goes to another policy than its service has', async () => {
    const { id } = await made({
      escalation_policy: { id: 'PPLATFORMONCALL', type: 'escalation_policy_reference' },
    });
    simulator.world.clock.advance(300);
    const { body } = await ask('GET', `/incidents/${id}`);
    expect(body.incident).toMatchObject({
      escalation_policy: { id: 'PPLATFORMONCALL' },
      assignments: [{ assignee: { id: 'PFAY' } }],
      teams: [{ id: 'PPLATFORM' }],
    });
  });

  test.each<[string, object, number, number]>([
    ['no title', { title: undefined }, 400, 2001],
    ['a blank title', { title: ' ' }, 400, 2001],
    ['no service', { service: undefined }, 400, 2001],
    ['a service that is not there', { service: { id: 'PNONE', type: 'service_reference' } }, 400, 5002],
    ['a policy that is not there', { escalation_policy: { id: 'PNONE' } }, 400, 1014],
    ['an assignee that is not there', { assignments: [{ assignee: { id: 'PNONE' } }] }, 400, 1007],
    ['no assignee in its list', { assignments: [] }, 400, 2001],
    [
      'two assignees',
      { assignments: [{ assignee: { id: 'PADA' } }, { assignee: { id: 'PBEN' } }] },
      400,
      2001,
    ],
    [
      'an assignee and a policy',
      { assignments: [{ assignee: { id: 'PADA' } }], escalation_policy: { id: 'PLEDGERONCALL' } },
      400,
      2001,
    ],
    ['a priority that is not there', { priority: { id: 'PNONE' } }, 400, 1020],
    ['an urgency that is none', { urgency: 'medium' }, 400, 2001],
    ['a type that is not there', { incident_type: { name: 'nonsense' } }, 400, 2001],
    ['details that are no text', { body: { type: 'incident_body', details: { a: 1 } } }, 400, 2001],
  ])('with %s is refused, and opens nothing', async (_what, fields, status, code) => {
    const answer = await create(fields);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(opened()).toEqual([]);
  });

  test('with nobody on call on the policy is refused', async () => {
    const { policies } = simulator.world;
    const policy = policies.get('PLEDGERONCALL')!;
    policies.set(policy.id, { ...policy, rules: policy.rules.map((rule) => ({ ...rule, targets: [] })) });
    const { status, body } = await create({});
    expect([status, body.error]).toEqual([
      400,
      { message: 'Escalation Policy Has No User On Call', code: 1015 },
    ]);
  });

  test('without From is refused', async () => {
    const { status, body } = await create({}, { from: undefined });
    expect([status, body.error.code]).toEqual([400, 2016]);
  });

  test('resolves by itself as its service says', async () => {
    const { id } = await made();
    await change(id, { status: 'acknowledged' });
    simulator.world.clock.advance(14_400);
    expect(simulator.world.incidents.get(id)?.status).toBe('resolved');
  });
});

describe('PUT /incidents', () => {
  const bulk = (incidents: readonly object[], query = '') => ask('PUT', `/incidents${query}`, { incidents });

  test('changes many at once and answers all of them in full', async () => {
    const [one, two] = [await made(), await made()];
    const { status, body } = await bulk(
      [
        { id: one.id, type: 'incident_reference', status: 'acknowledged' },
        {
          id: two.id,
          type: 'incident',
          status: 'resolved',
          resolution: 'Found it.',
          title: 'Money was missing',
        },
      ],
      '?total=true',
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({
      incidents: [
        { id: one.id, status: 'acknowledged', acknowledgements: [{ acknowledger: { id: 'PBOT' } }] },
        { id: two.id, status: 'resolved', title: 'Money was missing' },
      ],
      limit: 25,
      offset: 0,
      more: false,
      total: 2,
    });
  });

  test.each<[string, object, number]>([
    ['cannot be done', { status: 'nonsense' }, 1003],
    ['is not there', { id: 'QNONE' }, 1004],
    ['has no type', { type: undefined }, 2001],
  ])('changes nothing where one of them %s', async (_what, fields, code) => {
    const [one, two] = [await made(), await made()];
    const { status, body } = await bulk([
      { id: one.id, type: 'incident', status: 'resolved' },
      { id: two.id, type: 'incident', status: 'resolved', ...fields },
    ]);
    expect([status, body.error.code]).toEqual([400, code]);
    expect(opened().map((incident) => incident.status)).toEqual(['triggered', 'triggered']);
  });

  test('moves no incident to another service', async () => {
    const { id } = await made();
    const [{ service: still }] = (
      await bulk([{ id, type: 'incident', service: { id: 'PSEARCH', type: 'service_reference' } }])
    ).body.incidents;
    expect(still.id).toBe('PLEDGER');
  });

  test.each([[{}], [{ incidents: [] }], [{ incidents: {} }]])('with %j is refused', async (body) => {
    expect((await ask('PUT', '/incidents', body)).status).toBe(400);
  });
});

describe('GET /incidents/{id}/log_entries', () => {
  const log = async (id: string, query = '') =>
    (await ask('GET', `/incidents/${id}/log_entries${query}`)).body.log_entries;
  const types = (entries: readonly { type: string }[]) => entries.map(({ type }) => type);

  test('tells the whole story, newest first', async () => {
    const { id } = await made();
    simulator.world.clock.advance(300);
    await change(id, { status: 'acknowledged' });
    simulator.world.clock.advance(1800);
    await change(id, { urgency: 'low' });
    await change(id, { assignments: [{ assignee: { id: 'PBEN', type: 'user_reference' } }] });
    await change(id, { escalation_policy: { id: 'PPLATFORMONCALL', type: 'escalation_policy_reference' } });
    await change(id, { title: 'Money was missing' });
    await ask('POST', `/incidents/${id}/notes`, { note: { content: 'Looking.' } });
    await change(id, { status: 'resolved', resolution: 'Found it.' });
    const entries = await log(id);
    expect(types(entries)).toEqual([
      'resolve_log_entry',
      'annotate_log_entry',
      'field_value_change_log_entry',
      'delegate_log_entry',
      'assign_log_entry',
      'urgency_change_log_entry',
      'unacknowledge_log_entry',
      'acknowledge_log_entry',
      'escalate_log_entry',
      'assign_log_entry',
      'trigger_log_entry',
    ]);
    const of = (type: string) =>
      entries.find((entry: { type: string }) => entry.type === `${type}_log_entry`);
    expect(of('trigger')).toMatchObject({
      created_at: '2026-06-24T10:00:00Z',
      agent: { id: 'PBOT', type: 'user_reference' },
      channel: { type: 'api' },
      service: { id: 'PLEDGER', type: 'service_reference' },
      incident: { id, type: 'incident_reference' },
      teams: [
        { id: 'PPAYMENTS', type: 'team_reference' },
        { id: 'PPLATFORM', type: 'team_reference' },
      ],
      contexts: [],
      event_details: { description: 'Money was missing' },
      self: expect.stringContaining('https://api.pagerduty.com/log_entries/'),
    });
    expect(of('escalate')).toMatchObject({ channel: { type: 'timeout' }, assignees: [{ id: 'PFAY' }] });
    expect(of('acknowledge')).toMatchObject({ acknowledgement_timeout: 1800, agent: { id: 'PBOT' } });
    expect(of('unacknowledge')).toMatchObject({ channel: { type: 'timeout' }, agent: { id: 'PLEDGER' } });
    expect(of('delegate')).toMatchObject({ assignees: [{ id: 'PDEV' }] });
    expect(of('annotate')).toMatchObject({
      channel: { type: 'note', summary: 'Looking.' },
      note: 'Looking.',
    });
    expect(of('resolve')).toMatchObject({ note: 'Found it.' });
  });

  test('leaves out what matters less where an overview is asked for', async () => {
    const { id } = await made();
    await change(id, { title: 'Other', urgency: 'low' });
    expect(types(await log(id, '?is_overview=true'))).toEqual(['trigger_log_entry']);
    expect(await log(id, '?is_overview=false')).toHaveLength(4);
  });

  test('keeps to a range of time, and writes it in the zone that is asked for', async () => {
    const { id } = await made();
    simulator.world.clock.advance(300);
    const since = await log(id, '?since=2026-06-24T10:05:00Z&time_zone=Europe/Berlin');
    expect(since).toMatchObject([{ type: 'escalate_log_entry', created_at: '2026-06-24T12:05:00+02:00' }]);
    expect(types(await log(id, '?until=2026-06-24T10:04:59Z'))).toEqual([
      'assign_log_entry',
      'trigger_log_entry',
    ]);
    const wrong = await ask('GET', `/incidents/${id}/log_entries?since=2026-06-25&until=2026-06-24`);
    expect([wrong.status, wrong.body.error.code]).toEqual([400, 2004]);
  });

  test('pages', async () => {
    const { id } = await made();
    const { body } = await ask('GET', `/incidents/${id}/log_entries?limit=1&offset=1&total=true`);
    expect(body).toMatchObject({ limit: 1, offset: 1, more: false, total: 2 });
    expect(types(body.log_entries)).toEqual(['trigger_log_entry']);
  });

  test('shows the event that came in, but for its key, where channels are asked for', async () => {
    await ask('POST', '/v2/enqueue', {
      routing_key: 'simulatorcheckoutroutingkey00000',
      event_action: 'trigger',
      dedup_key: 'disk',
      client: 'Nagios',
      client_url: 'https://nagios.example.com',
      payload: {
        summary: 'Disk full',
        source: 'db1',
        severity: 'critical',
        component: 'disk',
        group: 'db',
        class: 'capacity',
        timestamp: '2026-06-24T09:59:58Z',
        custom_details: { free: '0 MB' },
      },
      links: [{ href: 'https://runbooks.example.com/disk', text: 'Runbook' }],
    });
    const id = opened()[0]!.id;
    const query = '?include[]=channels&include[]=services&include[]=incidents&include[]=teams';
    const answer = await ask('GET', `/incidents/${id}/log_entries${query}`);
    expect(answer.body.log_entries.at(-1)).toMatchObject({
      channel: {
        type: 'api',
        summary: 'Disk full',
        client: 'Nagios',
        client_url: 'https://nagios.example.com',
        details: { free: '0 MB' },
        cef_details: {
          dedup_key: 'disk',
          severity: 'critical',
          source_origin: 'db1',
          source_component: 'disk',
          service_group: 'db',
          event_class: 'capacity',
          creation_time: '2026-06-24T09:59:58Z',
        },
      },
      contexts: [{ type: 'link', href: 'https://runbooks.example.com/disk', text: 'Runbook' }],
      service: { type: 'service', name: 'Checkout API' },
      incident: { type: 'incident', incident_number: 5 },
      teams: [{ type: 'team', name: 'Payments' }],
    });
    expect(answer.text).not.toContain('simulatorcheckoutroutingkey00000');
  });

  test('tells which field was what where channels are asked for', async () => {
    const { id } = await made();
    await change(id, { title: 'Other' });
    const [entry] = await log(id, '?include[]=channels&limit=1');
    expect(entry.channel).toEqual({
      type: 'api',
      changeset: {
        application_fields: [{ name: 'title', old_value: 'Money is missing', value: 'Other' }],
      },
    });
  });

  test('of an incident that is not there is 404', async () => {
    expect((await ask('GET', '/incidents/QNONE/log_entries')).status).toBe(404);
  });
});

describe('POST /v2/change/enqueue', () => {
  const routing_key = 'simulatorcheckoutroutingkey00000';
  const announce = (body: unknown) => ask('POST', '/v2/change/enqueue', body);

  test('takes a change, pages nobody, and keeps it', async () => {
    const { status, body } = await announce({
      routing_key,
      payload: {
        summary: 'Released 1.2.3',
        source: 'ci',
        timestamp: '2026-06-24T09:59:00Z',
        custom_details: { by: 'Ada' },
      },
      links: [{ href: 'https://ci.example.com/1', text: 'Build' }],
    });
    expect([status, body]).toEqual([202, { status: 'success', message: 'Change event processed' }]);
    expect(opened()).toEqual([]);
    expect((await ask('GET', '/_simulator/change_events')).body.change_events).toEqual([
      {
        id: expect.stringMatching(/^Q/),
        at: '2026-06-24T10:00:00.000Z',
        service: 'PCHECKOUT',
        summary: 'Released 1.2.3',
        source: 'ci',
        timestamp: '2026-06-24T09:59:00Z',
        custom_details: { by: 'Ada' },
        links: [{ type: 'link', href: 'https://ci.example.com/1', text: 'Build' }],
      },
    ]);
  });

  test.each<[string, unknown, string]>([
    ['no payload', { routing_key }, "'payload.summary' is missing or blank"],
    ['no key', { payload: { summary: 'x' } }, "'routing_key' is missing or blank"],
    [
      'a long summary',
      { routing_key, payload: { summary: 'x'.repeat(1025) } },
      "'summary' is too long (maiximum is 1024 characters)",
    ],
  ])('with %s is refused, in words', async (_what, body, error) => {
    const answer = await announce(body);
    expect([answer.status, answer.body.errors]).toEqual([400, [error]]);
  });

  test('counts with the events of the same key', async () => {
    await simulator.close();
    simulator = await startSimulator({ clockSpeed: 0, eventsRateLimit: 2 });
    const change = () => announce({ routing_key, payload: { summary: 'x' } });
    const event = { routing_key, event_action: 'resolve', dedup_key: 'x' };
    expect((await change()).status).toBe(202);
    expect((await ask('POST', '/v2/enqueue', event)).status).toBe(202);
    expect((await change()).status).toBe(429);
  });
});
