import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { type Receiver, startReceiver, wireTo } from '../support/pagerduty-wire.ts';

let simulator: Simulator;
let receiver: Receiver;
const ask = wireTo(() => simulator.url);

/** A simulator that waits so long for a receiver: for ever, on any machine, where a test is not about it. */
async function start(webhookTimeoutMs = 600_000): Promise<void> {
  const now = new Date('2026-06-24T10:00:00Z');
  simulator = await startSimulator({ now, clockSpeed: 0, rateLimit: 0, webhookTimeoutMs });
}

beforeEach(async () => {
  receiver = await startReceiver();
  await start();
});
afterEach(async () => {
  await simulator.close();
  await receiver.close();
});

const incidentEvents = [
  'incident.triggered',
  'incident.acknowledged',
  'incident.unacknowledged',
  'incident.resolved',
  'incident.reopened',
  'incident.escalated',
  'incident.reassigned',
  'incident.delegated',
  'incident.annotated',
  'incident.priority_updated',
  'incident.service_updated',
  'incident.conference_bridge.updated',
  'incident.incident_type.changed',
];

const subscribe = (more: object = {}, method: object = {}) =>
  ask('POST', '/webhook_subscriptions', {
    webhook_subscription: {
      type: 'webhook_subscription',
      events: incidentEvents,
      filter: { type: 'account_reference' },
      delivery_method: { type: 'http_delivery_method', url: receiver.url, ...method },
      ...more,
    },
  });

async function subscribed(more: object = {}, method: object = {}) {
  const { status, body } = await subscribe(more, method);
  expect(status).toBe(201);
  return body.webhook_subscription;
}

const trigger = (key: string, routing_key = 'simulatorcheckoutroutingkey00000') =>
  ask('POST', '/v2/enqueue', {
    routing_key,
    event_action: 'trigger',
    dedup_key: key,
    payload: { summary: `Disk ${key}`, source: 'db1', severity: 'critical' },
  });

const opened = () => [...simulator.world.incidents.values()].slice(4);
const newest = () => opened().at(-1)?.id ?? 'none';
const change = (id: string, fields: object) =>
  ask('PUT', `/incidents/${id}`, { incident: { type: 'incident', ...fields } });

const types = () => receiver.received.map(({ event }) => event.event_type);

/** Everything that is to be sent now is sent. */
const settle = () => simulator.deliveries.idle();

async function pass(seconds: number) {
  await settle();
  simulator.world.clock.advance(seconds);
  await settle();
}

async function deliveries(query = '?idle=true') {
  return (await ask('GET', `/_simulator/deliveries${query}`)).body.deliveries;
}

describe('a subscription', () => {
  test('tells its secret once, and never what its headers hold', async () => {
    const custom_headers = [{ name: 'X-Own', value: 'of-the-receiver' }];
    const made = await subscribed({ description: 'Feed' }, { custom_headers });
    expect(made).toMatchObject({
      type: 'webhook_subscription',
      active: true,
      description: 'Feed',
      events: incidentEvents,
      filter: { type: 'account_reference' },
      delivery_method: { type: 'http_delivery_method', temporarily_disabled: false },
      oauth_client: null,
    });
    expect(made.delivery_method.secret).toMatch(/^[0-9a-f]{64}$/);
    const shown = (await ask('GET', `/webhook_subscriptions/${made.id}`)).body.webhook_subscription;
    expect(shown.delivery_method.secret).toBeNull();
    expect(shown.delivery_method.custom_headers).toEqual([{ name: 'X-Own', value: '-- redacted --' }]);
    const listed = await ask('GET', '/webhook_subscriptions');
    expect(listed.text).not.toContain(made.delivery_method.secret);
    const { body } = await ask('GET', '/_simulator/requests');
    expect(JSON.stringify(body)).not.toContain('of-the-receiver');
    expect((await ask('GET', '/_simulator/state')).text).not.toContain('of-the-receiver');
  });

  test('is listed by what it is about, in the words of the query', async () => {
    await subscribed();
    const { id } = await subscribed({ filter: { type: 'service_reference', id: 'PLEDGER' } });
    const list = async (query: string) => {
      const { status, body } = await ask('GET', `/webhook_subscriptions?${query}`);
      return status === 200 ? body.webhook_subscriptions.map((one: { id: string }) => one.id) : status;
    };
    expect(await list('')).toHaveLength(2);
    expect(await list('filter_type=service&filter_id=PLEDGER')).toEqual([id]);
    expect(await list('filter_type=account')).toHaveLength(1);
    expect(await list('filter_type=service')).toBe(400);
    expect(await list('filter_type=service_reference&filter_id=PLEDGER')).toBe(400);
  });

  test('is changed but for where it delivers to, and deleted', async () => {
    const { id } = await subscribed();
    const { body } = await ask('PUT', `/webhook_subscriptions/${id}`, {
      webhook_subscription: {
        description: 'Ledger only',
        events: ['incident.resolved'],
        filter: { type: 'service_reference', id: 'PLEDGER' },
        active: false,
        delivery_method: { url: 'http://127.0.0.1:1/' },
      },
    });
    expect(body.webhook_subscription).toMatchObject({
      description: 'Ledger only',
      events: ['incident.resolved'],
      filter: { type: 'service_reference', id: 'PLEDGER' },
      active: false,
      delivery_method: { url: receiver.url },
    });
    const deleted = await ask('DELETE', `/webhook_subscriptions/${id}`);
    expect([deleted.status, deleted.text]).toEqual([204, '']);
    for (const method of ['GET', 'DELETE', 'PUT'])
      expect(
        (await ask(method, `/webhook_subscriptions/${id}`, method === 'PUT' ? {} : undefined)).status,
      ).toBe(404);
  });

  test('is one of ten at most for one service, one team and the account', async () => {
    for (let count = 0; count < 10; count += 1) await subscribed();
    const { status, body } = await subscribe();
    expect([status, body.error.code]).toEqual([400, 2019]);
    expect((await subscribe({ filter: { type: 'team_reference', id: 'PPAYMENTS' } })).status).toBe(201);
  });

  test.each<[string, object, object]>([
    ['no events', { events: [] }, {}],
    ['an event that PagerDuty has not', { events: ['incident.snoozed'] }, {}],
    ['an event twice', { events: ['incident.resolved', 'incident.resolved'] }, {}],
    ['no filter', { filter: undefined }, {}],
    ['the filter word of the query', { filter: { type: 'service', id: 'PLEDGER' } }, {}],
    ['a service that is not there', { filter: { type: 'service_reference', id: 'PNONE' } }, {}],
    ['another way of delivery', {}, { type: 'email' }],
    ['no address', {}, { url: undefined }],
    ['an address of another kind', {}, { url: 'ftp://example.com' }],
    [
      'a header name twice',
      {},
      {
        custom_headers: [
          { name: 'A', value: '1' },
          { name: 'a', value: '2' },
        ],
      },
    ],
    ['a header with a line break', {}, { custom_headers: [{ name: 'A', value: '1\r\nB: 2' }] }],
  ])('with %s is refused', async (_what, more, method) => {
    const { status, body } = await subscribe(more, method);
    expect([status, body.error.code]).toEqual([400, 2001]);
  });

  test('needs the read scopes of what it is told', async () => {
    simulator.world.credentials.set('hooks-only', {
      key: 'hooks-only',
      scheme: 'Bearer',
      access: 'full',
      userId: null,
      scopes: ['webhook_subscriptions.write'],
    });
    const { status, body } = await ask(
      'POST',
      '/webhook_subscriptions',
      {
        webhook_subscription: {
          type: 'webhook_subscription',
          events: ['incident.resolved', 'service.updated'],
          filter: { type: 'account_reference' },
          delivery_method: { type: 'http_delivery_method', url: receiver.url },
        },
      },
      { authorization: 'Bearer hooks-only' },
    );
    expect([status, body]).toEqual([
      403,
      {
        error: { message: 'Token missing required scopes', required_scopes: 'incidents.read services.read' },
      },
    ]);
  });

  test('on an address of another machine is kept, and nothing is sent there', async () => {
    await subscribed({}, { url: 'https://hooks.example.com/pagerduty' });
    await trigger('disk');
    expect(await deliveries()).toMatchObject([{ state: 'not sent', attempts: [] }]);
  });
});

describe('a delivery', () => {
  test('is signed over its bytes, and carries the headers of PagerDuty', async () => {
    const { id, delivery_method } = await subscribed(
      {},
      { custom_headers: [{ name: 'X-Own', value: 'of-the-receiver' }] },
    );
    await trigger('Zürich 東京');
    await settle();
    const [one] = receiver.received;
    const digest = createHmac('sha256', delivery_method.secret).update(one!.text).digest('hex');
    expect(one!.headers).toMatchObject({
      'x-pagerduty-signature': `v1=${digest}`,
      'x-webhook-subscription': id,
      'user-agent': 'PagerDuty-Webhook/V3.0',
      'content-type': 'application/json',
      accept: 'application/json',
      'x-own': 'of-the-receiver',
    });
    expect(one!.headers['x-webhook-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('to each of two subscriptions is a webhook of its own, of the same event', async () => {
    const two = [
      await subscribed(),
      await subscribed({ filter: { type: 'service_reference', id: 'PCHECKOUT' } }),
    ];
    await trigger('disk');
    await settle();
    const [first, second] = receiver.received;
    expect(receiver.received).toHaveLength(2);
    expect(second!.event).toEqual(first!.event);
    expect(second!.headers['x-webhook-id']).not.toBe(first!.headers['x-webhook-id']);
    const told = receiver.received.map(({ headers }) => headers['x-webhook-subscription']);
    expect(new Set(told)).toEqual(new Set(two.map(({ id }) => id)));
  });

  test('holds an incident that is not the incident of REST', async () => {
    await subscribed();
    await trigger('disk');
    await settle();
    const [{ event } = { event: undefined }] = receiver.received;
    expect(event).toEqual({
      id: expect.stringMatching(/^01[0-9A-Z]{24}$/),
      event_type: 'incident.triggered',
      resource_type: 'incident',
      occurred_at: '2026-06-24T10:00:00.000Z',
      agent: expect.objectContaining({ id: 'PCHECKOUT', type: 'service_reference' }),
      client: null,
      data: {
        id: newest(),
        type: 'incident',
        self: `https://api.pagerduty.com/incidents/${newest()}`,
        html_url: `https://example.pagerduty.com/incidents/${newest()}`,
        number: 5,
        status: 'triggered',
        incident_key: 'disk',
        created_at: '2026-06-24T10:00:00Z',
        title: 'Disk disk',
        service: expect.objectContaining({ id: 'PCHECKOUT', type: 'service_reference' }),
        assignees: [expect.objectContaining({ id: 'PADA', type: 'user_reference' })],
        escalation_policy: expect.objectContaining({
          id: 'PPAYMENTSONCALL',
          type: 'escalation_policy_reference',
        }),
        teams: [expect.objectContaining({ id: 'PPAYMENTS', type: 'team_reference' })],
        priority: null,
        urgency: 'high',
        conference_bridge: null,
        resolve_reason: null,
        incident_type: { name: 'incident_default' },
      },
    });
  });

  test('tells of everything that happens to an incident, in order, each by its name', async () => {
    await subscribed();
    await trigger('disk');
    const id = newest();
    await change(id, { status: 'acknowledged' });
    await change(id, { status: 'triggered' });
    await change(id, { assignments: [{ assignee: { id: 'PBEN', type: 'user_reference' } }] });
    await change(id, { escalation_policy: { id: 'PLEDGERONCALL', type: 'escalation_policy_reference' } });
    await change(id, { escalation_level: 2 });
    await change(id, { priority: 'P1' });
    await change(id, { incident_type: { name: 'major_incident' } });
    await change(id, { conference_bridge: { conference_url: 'https://meet.example.com/1' } });
    await change(id, { service: { id: 'PLEDGER', type: 'service_reference' } });
    await change(id, { title: 'Nobody is told of a title', urgency: 'low' });
    await ask('POST', `/incidents/${id}/notes`, { note: { content: 'Looking.' } });
    await change(id, { status: 'resolved' });
    await change(id, { status: 'triggered' });
    await change(id, { status: 'resolved' });
    await change(id, { status: 'acknowledged' });
    await settle();
    expect(types()).toEqual([
      'incident.triggered',
      'incident.acknowledged',
      'incident.unacknowledged',
      'incident.reassigned',
      'incident.delegated',
      'incident.escalated',
      'incident.priority_updated',
      'incident.incident_type.changed',
      'incident.conference_bridge.updated',
      'incident.service_updated',
      'incident.annotated',
      'incident.resolved',
      'incident.reopened',
      'incident.resolved',
      'incident.reopened',
    ]);
    const data = (type: string) =>
      receiver.received.find(({ event }) => event.event_type === type)?.event.data;
    expect(data('incident.annotated')).toMatchObject({
      type: 'incident_note',
      content: 'Looking.',
      trimmed: false,
      incident: { id, type: 'incident_reference' },
    });
    expect(data('incident.conference_bridge.updated')).toEqual({
      type: 'incident_conference_bridge',
      incident: expect.objectContaining({ id }),
      conference_numbers: [],
      conference_url: 'https://meet.example.com/1',
    });
    expect(data('incident.acknowledged')).toMatchObject({ id, status: 'acknowledged' });
  });

  test('names nobody where time did it', async () => {
    await subscribed();
    await trigger('disk');
    await pass(300);
    expect(receiver.received.map(({ event }) => [event.event_type, event.agent?.id ?? null])).toEqual([
      ['incident.triggered', 'PCHECKOUT'],
      ['incident.escalated', null],
    ]);
  });

  test('goes to whom it concerns alone: by service, by team, by event', async () => {
    await subscribed({ filter: { type: 'service_reference', id: 'PLEDGER' } });
    await subscribed({ filter: { type: 'team_reference', id: 'PPLATFORM' } });
    await subscribed({ events: ['incident.resolved'] });
    await subscribed({ active: false });
    await trigger('one');
    await settle();
    expect(types()).toEqual([]);
    await trigger('two', 'simulatorledgerroutingkey0000000');
    await trigger('three', 'simulatorsearchroutingkey0000000');
    await settle();
    expect(types()).toEqual(['incident.triggered', 'incident.triggered']);
  });

  test('of a ping comes whatever the subscription is about', async () => {
    const { id } = await subscribed({ events: ['incident.resolved'] });
    expect((await ask('POST', `/webhook_subscriptions/${id}/ping`)).status).toBe(202);
    await settle();
    expect(receiver.received[0]?.event).toMatchObject({
      event_type: 'pagey.ping',
      resource_type: 'pagey',
      data: { type: 'ping', message: 'Hello from your friend Pagey!' },
    });
  });

  test('is signed by every secret while they are changed, the newest first', async () => {
    const { id, delivery_method } = await subscribed();
    const { secret } = (await ask('POST', `/_simulator/webhook_subscriptions/${id}/rotate`)).body;
    await trigger('one');
    await settle();
    await ask('POST', `/_simulator/webhook_subscriptions/${id}/retire`);
    await trigger('two');
    await settle();
    const sign = (text: string, key: string) => `v1=${createHmac('sha256', key).update(text).digest('hex')}`;
    const [one, two] = receiver.received;
    expect(one!.headers['x-pagerduty-signature']).toBe(
      `${sign(one!.text, secret)},${sign(one!.text, delivery_method.secret)}`,
    );
    expect(two!.headers['x-pagerduty-signature']).toBe(sign(two!.text, secret));
  });
});

describe('a receiver that fails', () => {
  test.each([500, 503, 429, 'nothing'] as const)('with %s gets the same webhook again', async (failure) => {
    if (failure === 'nothing') {
      await simulator.close();
      // Long enough for the second answer on a busy machine.
      await start(2_000);
    }
    await subscribed();
    receiver.answer = () => failure;
    await trigger('disk');
    await settle();
    receiver.answer = () => 200;
    await pass(10);
    const [first, second] = receiver.received;
    expect(receiver.received).toHaveLength(2);
    expect(second?.headers['x-webhook-id']).toBe(first?.headers['x-webhook-id']);
    expect(second?.text).toBe(first?.text);
    const [delivery] = await deliveries();
    expect(delivery).toMatchObject({
      state: 'delivered',
      attempts: [
        failure === 'nothing' ? { status: null, error: 'timeout' } : { status: failure, error: null },
        { at: '2026-06-24T10:00:10.000Z', status: 200, error: null },
      ],
    });
  });

  test('by not being there gets the webhook again', async () => {
    await subscribed({}, { url: 'http://127.0.0.1:1/' });
    await trigger('disk');
    expect(await deliveries()).toMatchObject([
      {
        state: 'retrying',
        next_attempt_at: '2026-06-24T10:00:10.000Z',
        attempts: [{ status: null, error: 'ECONNREFUSED' }],
      },
    ]);
  });

  test('holds back what comes later for the same incident, and for no other', async () => {
    await subscribed();
    receiver.answer = ({ event }) => (event.data.title === 'Disk one' ? 503 : 200);
    await trigger('one');
    const id = newest();
    await settle();
    await change(id, { status: 'acknowledged' });
    await trigger('two');
    await settle();
    expect(receiver.received.map(({ event }) => event.data.title)).toEqual(['Disk one', 'Disk two']);
    receiver.answer = () => 200;
    await pass(10);
    expect(receiver.received.map(({ event }) => [event.event_type, event.data.title]).slice(2)).toEqual([
      ['incident.triggered', 'Disk one'],
      ['incident.acknowledged', 'Disk one'],
    ]);
  });

  test('for 48 hours gets no more', async () => {
    await subscribed();
    receiver.answer = () => 503;
    await trigger('disk');
    for (let hour = 0; hour < 50; hour += 1) await pass(3600);
    const [delivery] = await deliveries();
    expect(delivery).toMatchObject({ event_type: 'incident.triggered', state: 'dropped' });
    const last = Date.parse(delivery.attempts.at(-1).at) - Date.parse('2026-06-24T10:00:00Z');
    expect(last).toBeLessThanOrEqual(48 * 3600 * 1000);
    expect(last).toBeGreaterThan(46 * 3600 * 1000);
  });

  test.each([400, 401, 404, 410, 302])('with %d loses the webhook at once', async (status) => {
    await subscribed();
    receiver.answer = () => status;
    await trigger('disk');
    expect(await deliveries()).toMatchObject([{ state: 'dropped', attempts: [{ status }] }]);
    await pass(100);
    expect(receiver.received).toHaveLength(1);
  });

  test('three times in a row is switched off for a day, loses what waits, and can be switched on', async () => {
    const { id } = await subscribed();
    const isOff = async () =>
      (await ask('GET', `/webhook_subscriptions/${id}`)).body.webhook_subscription.delivery_method
        .temporarily_disabled;
    receiver.answer = () => 404;
    for (const key of ['one', 'two']) await trigger(key);
    await settle();
    receiver.answer = () => 200;
    await trigger('three');
    await settle();
    expect(await isOff()).toBe(false);
    receiver.answer = ({ event }) => (event.data.title === 'Disk waiting' ? 503 : 400);
    await trigger('waiting');
    for (const key of ['four', 'five', 'six']) await trigger(key);
    await settle();
    expect(await isOff()).toBe(true);
    await trigger('lost');
    const states = (await deliveries()).map((one: { state: string }) => one.state);
    expect(states.filter((state: string) => state === 'discarded')).toHaveLength(2);
    const { body } = await ask('POST', `/webhook_subscriptions/${id}/enable`);
    expect(body.webhook_subscription.delivery_method.temporarily_disabled).toBe(false);
    receiver.answer = () => 200;
    const before = receiver.received.length;
    await trigger('again');
    await settle();
    expect(receiver.received).toHaveLength(before + 1);
  });

  test('and was switched off is on again after a day', async () => {
    const { id } = await subscribed();
    receiver.answer = () => 404;
    for (const key of ['one', 'two', 'three']) await trigger(key);
    await settle();
    simulator.world.clock.advance(24 * 3600);
    const { body } = await ask('GET', `/webhook_subscriptions/${id}`);
    expect(body.webhook_subscription.delivery_method.temporarily_disabled).toBe(false);
  });

  test('by being slow does not make REST slow', async () => {
    await subscribed();
    receiver.answer = () => 'nothing';
    for (let count = 0; count < 20; count += 1) await trigger(`disk${count}`);
    expect(opened()).toHaveLength(20);
    const attempts = (await deliveries('')).flatMap((one: { attempts: unknown[] }) => one.attempts);
    expect(attempts, 'an answer of REST waited for a receiver').toEqual([]);
  });

  test('finds a deleted subscription silent', async () => {
    const { id } = await subscribed();
    receiver.answer = () => 503;
    await trigger('disk');
    await settle();
    await ask('DELETE', `/webhook_subscriptions/${id}`);
    await pass(100);
    expect(receiver.received).toHaveLength(1);
    expect(await deliveries()).toMatchObject([{ state: 'discarded' }]);
  });
});
