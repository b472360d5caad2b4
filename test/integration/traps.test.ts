import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/index.ts';
import { type Receiver, startReceiver, wireTo } from '../support/pagerduty-wire.ts';

// What a quick reading of PagerDuty's documentation misses, as the simulator does it. Raw HTTP and literal JSON.

let simulator: Simulator;
let receiver: Receiver;
const ask = wireTo(() => simulator.url);
const now = new Date('2026-06-24T10:00:00Z');
const day = 24 * 3600;

beforeEach(async () => {
  receiver = await startReceiver();
  simulator = await startSimulator({ now, clockSpeed: 0, rateLimit: 0 });
});
afterEach(async () => {
  await simulator.close();
  await receiver.close();
});

async function restart(options: SimulatorOptions) {
  await simulator.close();
  simulator = await startSimulator({ now, clockSpeed: 0, ...options });
}

const checkout = 'simulatorcheckoutroutingkey00000';
const ledger = 'simulatorledgerroutingkey0000000';
const payload = { summary: 'Disk full', source: 'db1', severity: 'critical' };
const enqueue = (event: object) => ask('POST', '/v2/enqueue', { routing_key: checkout, ...event });
const trigger = (dedup_key: string, more: object = {}) =>
  enqueue({ event_action: 'trigger', dedup_key, payload, ...more });

const opened = () => [...simulator.world.incidents.values()].slice(4);

async function fresh(key = 'disk'): Promise<string> {
  await trigger(key);
  return opened().at(-1)!.id;
}

const change = (id: string, fields: object, headers: object = {}) =>
  ask('PUT', `/incidents/${id}`, { incident: { type: 'incident', ...fields } }, { ...headers });
const create = (fields: object) =>
  ask('POST', '/incidents', {
    incident: {
      type: 'incident',
      title: 'Look',
      service: { id: 'PLEDGER', type: 'service_reference' },
      ...fields,
    },
  });
const incident = async (id: string) => (await ask('GET', `/incidents/${id}`)).body.incident;

const subscribe = async (events: readonly string[]) => {
  const { body } = await ask('POST', '/webhook_subscriptions', {
    webhook_subscription: {
      type: 'webhook_subscription',
      events,
      filter: { type: 'account_reference' },
      delivery_method: { type: 'http_delivery_method', url: receiver.url },
    },
  });
  return body.webhook_subscription;
};

describe('trap: writing to incidents', () => {
  test('251 incidents in one bulk update are refused with 413 and no JSON; 250 are not too many', async () => {
    const id = await fresh();
    const members = (count: number) => ({
      incidents: Array.from({ length: count }, () => ({ id, type: 'incident', title: 'Same' })),
    });
    const tooMany = await ask('PUT', '/incidents', members(251));
    expect([tooMany.status, tooMany.text]).toEqual([413, '']);
    expect((await incident(id)).title).toBe('Disk full');
    expect((await ask('PUT', '/incidents', members(250))).status).toBe(200);
  });

  test('one bad member of a bulk update undoes all good ones, and the answer has no status for each', async () => {
    const id = await fresh();
    const { status, body } = await ask('PUT', '/incidents', {
      incidents: [
        { id, type: 'incident', status: 'resolved' },
        { id, type: 'incident', priority: { id: 'PNONE', type: 'priority_reference' } },
      ],
    });
    expect([status, Object.keys(body)]).toEqual([400, ['error']]);
    expect((await incident(id)).status).toBe('triggered');
  });

  test('acknowledging a resolved incident opens it again, as the one of whoever came late', async () => {
    const id = await fresh();
    await change(id, { status: 'resolved' }, { from: 'ada@example.com' });
    const { status, body } = await change(id, { status: 'acknowledged' });
    expect(status).toBe(200);
    expect(body.incident).toMatchObject({
      status: 'acknowledged',
      resolved_at: null,
      assigned_via: 'direct_assignment',
      assignments: [{ assignee: { id: 'PBOT' } }],
    });
  });

  test('resolving twice is refused with 1001, so that the second can be taken for done', async () => {
    const id = await fresh();
    await change(id, { status: 'resolved' });
    const { status, body } = await change(id, { status: 'resolved' });
    expect([status, body.error]).toEqual([400, { message: 'Incident Already Resolved', code: 1001 }]);
  });

  test('acknowledging twice succeeds, and starts the time anew until it is taken back', async () => {
    const id = await fresh();
    await change(id, { status: 'acknowledged' });
    simulator.world.clock.advance(1000);
    expect((await change(id, { status: 'acknowledged' })).status).toBe(200);
    simulator.world.clock.advance(1000);
    expect((await incident(id)).status).toBe('acknowledged');
    simulator.world.clock.advance(800);
    expect((await incident(id)).status).toBe('triggered');
  });

  test('an incident created for oneself opens acknowledged, and pages nobody', async () => {
    const { body } = await create({ assignments: [{ assignee: { id: 'PBOT', type: 'user_reference' } }] });
    expect(body.incident).toMatchObject({
      status: 'acknowledged',
      acknowledgements: [{ acknowledger: { id: 'PBOT' } }],
      assignments: [{ assignee: { id: 'PBOT' } }],
    });
  });

  test('a second incident with the key of an open one is refused with 2002; after resolving the key is free', async () => {
    const first = await create({ incident_key: 'books' });
    const second = await create({ incident_key: 'books' });
    expect([second.status, second.body]).toEqual([
      400,
      {
        error: {
          message: 'Arguments Caused Error',
          code: 2002,
          errors: ['Open incident with matching dedup key already exists on this service'],
        },
      },
    ]);
    const elsewhere = { service: { id: 'PSEARCH', type: 'service_reference' }, incident_key: 'books' };
    expect((await create(elsewhere)).status).toBe(201);
    await change(first.body.incident.id, { status: 'resolved' });
    expect((await create({ incident_key: 'books' })).status).toBe(201);
  });

  test('an incident is found again by its key, and by the key of one of its alerts', async () => {
    await create({ incident_key: 'books' });
    await trigger('disk');
    const find = async (key: string) =>
      (await ask('GET', `/incidents?incident_key=${key}`)).body.incidents.map(
        (one: { incident_number: number; incident_key: string | null }) => [
          one.incident_number,
          one.incident_key,
        ],
      );
    expect(await find('books')).toEqual([[5, 'books']]);
    expect(await find('disk')).toEqual([[6, null]]);
  });

  test('a note is answered with 200 and not 201, and is taken twice', async () => {
    const id = await fresh();
    const note = () => ask('POST', `/incidents/${id}/notes`, { note: { content: 'Looking.' } });
    expect([(await note()).status, (await note()).status]).toEqual([200, 200]);
    expect(simulator.world.notes(id)).toEqual(['Looking.', 'Looking.']);
  });

  test('note 2,001 is refused with the code of a product limit', async () => {
    const id = await fresh();
    const one = simulator.world.incidents.get(id)!;
    const note = { id: 'PNOTE', userId: 'PADA', content: 'x', createdAt: now.getTime() };
    one.notes.push(...Array.from({ length: 2000 }, () => note));
    const { status, body } = await ask('POST', `/incidents/${id}/notes`, { note: { content: 'Too much' } });
    expect([status, body.error.code]).toEqual([400, 2019]);
  });

  test('an incident of low urgency does not climb and cannot be sent to a level', async () => {
    const id = await fresh();
    await change(id, { urgency: 'low' });
    simulator.world.clock.advance(3600);
    expect((await incident(id)).assignments).toMatchObject([{ assignee: { id: 'PADA' } }]);
    const { status, body } = await change(id, { escalation_level: 2 });
    expect([status, body.error.code]).toEqual([400, 1006]);
  });

  test('whoever is assigned directly stays the only one: the policy no longer climbs', async () => {
    const id = await fresh();
    await change(id, { assignments: [{ assignee: { id: 'PBEN', type: 'user_reference' } }] });
    simulator.world.clock.advance(3600);
    const { assigned_via, assignments } = await incident(id);
    expect([assigned_via, assignments[0].assignee.id]).toEqual(['direct_assignment', 'PBEN']);
  });

  test('a change of the policy does not touch incidents that are open', async () => {
    const id = await fresh();
    const { policies } = simulator.world;
    const policy = policies.get('PPAYMENTSONCALL')!;
    policies.set(policy.id, { ...policy, rules: policy.rules.slice(0, 1) });
    simulator.world.clock.advance(300);
    expect((await incident(id)).assignments).toMatchObject([{ assignee: { id: 'PFAY' } }]);
  });

  test('a write without a JSON content type is refused with "params must be a Hash"', async () => {
    const { status, body } = await ask(
      'POST',
      '/incidents',
      { incident: {} },
      { 'content-type': 'text/plain' },
    );
    expect([status, body.error]).toEqual([
      400,
      { message: 'Invalid Input Provided', code: 2001, errors: ['params must be a Hash'] },
    ]);
  });
});

describe('trap: reading incidents', () => {
  test('an open incident older than a month is missing, unless date_range=all is asked for', async () => {
    const { body } = await create({ service: { id: 'PREPORTS', type: 'service_reference' } });
    simulator.world.clock.advance(40 * day);
    const find = async (query: string) =>
      (await ask('GET', `/incidents?statuses[]=triggered&${query}`)).body.incidents.map(
        ({ id }: { id: string }) => id,
      );
    expect(await find('')).not.toContain(body.incident.id);
    expect(await find('date_range=all')).toContain(body.incident.id);
  });

  test('more than six months at once are refused', async () => {
    const { status, body } = await ask(
      'GET',
      '/incidents?since=2025-12-01T00:00:00Z&until=2026-06-24T00:00:00Z',
    );
    expect([status, body.error.code]).toEqual([400, 2005]);
  });

  test('record 10,001 cannot be read', async () => {
    expect((await ask('GET', '/incidents?date_range=all&limit=100&offset=9900')).status).toBe(200);
    const { status, body } = await ask('GET', '/incidents?date_range=all&limit=100&offset=9901');
    expect([status, body.error.code]).toEqual([400, 2002]);
  });

  test('resolved incidents are nobody’s, so that user_ids[] never finds them', async () => {
    const id = await fresh();
    await change(id, { status: 'resolved' });
    const { body } = await ask('GET', '/incidents?user_ids[]=PADA&date_range=all');
    expect(body.incidents).toEqual([]);
  });

  test('a filter that PagerDuty does not know is ignored, and everything comes back', async () => {
    const { body } = await ask('GET', '/incidents?date_range=all&priorities[]=P1&status=triggered');
    expect(body.incidents).toHaveLength(4);
  });

  test('total is null unless total=true is asked for in small letters', async () => {
    const total = async (query: string) => (await ask('GET', `/incidents?${query}`)).body.total;
    expect([await total(''), await total('total=True'), await total('total=true')]).toEqual([null, null, 4]);
  });
});

describe('trap: credentials and limits', () => {
  test('Token KEY without token= is a 401 without a body', async () => {
    const { status, text } = await ask('GET', '/incidents', undefined, {
      authorization: 'Token simulator-full-access-key',
    });
    expect([status, text]).toEqual([401, '']);
  });

  test('unknown scopes are dropped from a token without a word, and its calls fail later with 403', async () => {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: 'simulator-app',
      client_secret: 'simulator-app-secret',
      scope: 'as_account-us.example incidents.reed services.read',
    });
    const { status, body } = await ask('POST', '/oauth/token', form.toString(), {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect([status, body.scope]).toEqual([200, 'as_account-us.example services.read']);
    const refused = await ask('GET', '/incidents', undefined, {
      authorization: `Bearer ${body.access_token}`,
    });
    expect(refused.status).toBe(403);
    expect(refused.body.error.code).toBeUndefined();
  });

  test('a 429 may come without headers and without a body', async () => {
    await ask('POST', '/_simulator/faults', { kind: 'bare_429' });
    const { status, text, headers } = await ask('GET', '/incidents');
    expect([status, text, headers.get('ratelimit-reset')]).toEqual([429, '', null]);
  });

  test('the headers tell of the limit that is closest to its end, which may be that of the operation', async () => {
    await restart({ operationLimits: { createIncident: 3 } });
    const limit = async (answer: ReturnType<typeof ask>) => (await answer).headers.get('ratelimit-limit');
    expect(await limit(create({}))).toBe('3');
    expect(await limit(ask('GET', '/incidents'))).toBe('960');
  });

  test('a single update has no limit of its own, the bulk form has', async () => {
    await restart({ operationLimits: { updateIncidents: 1 } });
    const id = await fresh();
    const bulk = () => ask('PUT', '/incidents', { incidents: [{ id, type: 'incident', title: 'x' }] });
    expect([(await bulk()).status, (await bulk()).status]).toEqual([200, 429]);
    expect((await change(id, { title: 'y' })).status).toBe(200);
  });
});

describe('trap: events', () => {
  test('202 proves nothing: an acknowledge of an unknown key is taken and dropped', async () => {
    const answer = await enqueue({ event_action: 'acknowledge', dedup_key: 'never heard of' });
    expect([answer.status, answer.body.status]).toEqual([202, 'success']);
    expect(opened()).toEqual([]);
  });

  test('a resolve over another routing key is taken and dropped', async () => {
    const id = await fresh();
    const answer = await enqueue({ routing_key: ledger, event_action: 'resolve', dedup_key: 'disk' });
    expect(answer.status).toBe(202);
    expect((await incident(id)).status).toBe('triggered');
  });

  test('a trigger with the key of a resolved alert opens a new incident and not the old one', async () => {
    const first = await fresh();
    await enqueue({ event_action: 'resolve', dedup_key: 'disk' });
    const second = await fresh();
    expect(second).not.toBe(first);
    expect((await incident(first)).status).toBe('resolved');
  });

  test('a trigger without a key never finds the one before it', async () => {
    for (const _ of [1, 2]) await enqueue({ event_action: 'trigger', payload });
    expect(opened()).toHaveLength(2);
  });

  test('a trigger on an acknowledged incident pages nobody', async () => {
    const id = await fresh();
    await change(id, { status: 'acknowledged' });
    await trigger('disk');
    expect((await incident(id)).status).toBe('acknowledged');
    expect(opened()).toHaveLength(1);
  });

  test('a severity in capitals is refused', async () => {
    const { status } = await trigger('disk', { payload: { ...payload, severity: 'Critical' } });
    expect(status).toBe(400);
  });

  test('event 121 of a minute is refused with a 429 that does not say how long to wait', async () => {
    await restart({});
    for (let count = 0; count < 120; count += 1) await trigger('disk');
    const { status, headers } = await trigger('disk');
    expect([status, headers.get('ratelimit-reset'), headers.get('retry-after')]).toEqual([429, null, null]);
  });
});

describe('trap: webhooks', () => {
  test('the secret is told once', async () => {
    const { id, delivery_method } = await subscribe(['incident.triggered']);
    expect(delivery_method.secret).not.toBeNull();
    const { body } = await ask('GET', `/webhook_subscriptions/${id}`);
    expect(body.webhook_subscription.delivery_method.secret).toBeNull();
  });

  test('a receiver that answers 401 loses the webhook at once, and after three of them the whole feed', async () => {
    const { id } = await subscribe(['incident.triggered']);
    receiver.answer = () => 401;
    for (const key of ['one', 'two', 'three']) {
      await trigger(key);
      await simulator.deliveries.idle();
    }
    receiver.answer = () => 202;
    await trigger('four');
    await simulator.deliveries.idle();
    expect(receiver.received).toHaveLength(3);
    const { body } = await ask('GET', `/webhook_subscriptions/${id}`);
    expect(body.webhook_subscription.delivery_method.temporarily_disabled).toBe(true);
  });

  test('a retry has the same X-Webhook-Id, and its signature has no time in it', async () => {
    await subscribe(['incident.triggered']);
    receiver.answer = () => 503;
    await trigger('disk');
    await simulator.deliveries.idle();
    receiver.answer = () => 202;
    simulator.world.clock.advance(10);
    await simulator.deliveries.idle();
    const [one, two] = receiver.received.map(({ headers }) => [
      headers['x-webhook-id'],
      headers['x-pagerduty-signature'],
    ]);
    expect(two).toEqual(one);
  });

  test('an incident in a webhook has number and assignees, not incident_number and assignments', async () => {
    await subscribe(['incident.triggered']);
    await trigger('disk');
    await simulator.deliveries.idle();
    const [
      {
        event: { data },
      } = { event: { data: {} } },
    ] = receiver.received;
    expect(data).toMatchObject({ number: 5, assignees: [{ id: 'PADA' }] });
    for (const field of ['incident_number', 'assignments', 'summary', 'pending_actions', 'alert_counts'])
      expect(data).not.toHaveProperty(field);
  });

  test('nothing tells of a new title or of another urgency', async () => {
    await subscribe(['incident.triggered', 'incident.priority_updated', 'incident.reassigned']);
    const id = await fresh();
    await change(id, { title: 'Other', urgency: 'low' });
    await simulator.deliveries.idle();
    expect(receiver.received).toHaveLength(1);
  });
});

describe('trap: what passes by itself', () => {
  test('an acknowledge runs out, and escalation goes on where it was', async () => {
    const id = await fresh();
    await change(id, { status: 'acknowledged' });
    simulator.world.clock.advance(1800);
    expect(await incident(id)).toMatchObject({ status: 'triggered', acknowledgements: [] });
    simulator.world.clock.advance(300);
    expect((await incident(id)).assignments).toMatchObject([{ assignee: { id: 'PFAY' } }]);
  });

  test('an incident climbs, loops as often as its policy says, and then stays silent with the last one', async () => {
    const id = await fresh();
    simulator.world.clock.advance(2 * 3600);
    const { log_entries } = (await ask('GET', `/incidents/${id}/log_entries`)).body;
    expect(log_entries.map(({ type }: { type: string }) => type.replace('_log_entry', ''))).toEqual([
      'exhaust_escalation_path',
      'escalate',
      'escalate',
      'repeat_escalation_path',
      'escalate',
      'assign',
      'trigger',
    ]);
    expect((await incident(id)).assignments).toMatchObject([{ assignee: { id: 'PFAY' } }]);
  });

  test('an incident that nobody resolves resolves itself, and its alerts with it', async () => {
    const id = await fresh();
    simulator.world.clock.advance(14_400);
    expect(await incident(id)).toMatchObject({
      status: 'resolved',
      assignments: [],
      alert_counts: { all: 1, triggered: 0, resolved: 1 },
      last_status_change_by: { type: 'service_reference' },
    });
  });
});
