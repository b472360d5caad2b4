import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0 });
});
afterEach(() => simulator.close());

const routingKey = 'simulatorcheckoutroutingkey00000';
const payload = { summary: 'Disk full', source: 'db1', severity: 'critical' };

async function enqueue(event: unknown) {
  const response = await fetch(`${simulator.url}/v2/enqueue`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof event === 'string' ? event : JSON.stringify(event),
  });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

const trigger = (key: string, more: object = {}) =>
  enqueue({ routing_key: routingKey, event_action: 'trigger', dedup_key: key, payload, ...more });
const act = (action: string, key: string, more: object = {}) =>
  enqueue({ routing_key: routingKey, event_action: action, dedup_key: key, ...more });

/** Incidents opened since the start, oldest first. */
const opened = () => [...simulator.world.incidents.values()].slice(4);

describe('a trigger', () => {
  test('is answered with 202 and its key, and opens an incident with one alert', async () => {
    const { status, body, headers } = await trigger('disk');
    expect([status, body]).toEqual([
      202,
      { status: 'success', message: 'Event processed', dedup_key: 'disk' },
    ]);
    expect(headers.get('ratelimit-limit')).toBeNull();
    expect(opened()).toMatchObject([
      { title: 'Disk full', status: 'triggered', urgency: 'high', alerts: [{ key: 'disk' }] },
    ]);
  });

  test('without a key gets one made up, so that twice makes two', async () => {
    const event = { routing_key: routingKey, event_action: 'trigger', payload };
    const [one, two] = [await enqueue(event), await enqueue(event)];
    expect(one.body.dedup_key).toMatch(/^[0-9a-f-]{36}$/);
    expect(one.body.dedup_key).not.toBe(two.body.dedup_key);
    expect(opened()).toHaveLength(2);
  });

  test('with the key of an open alert opens nothing, and is noted in the log', async () => {
    await trigger('disk');
    await act('acknowledge', 'disk');
    await trigger('disk');
    expect(opened()).toHaveLength(1);
    const [incident] = opened();
    expect(incident?.status).toBe('acknowledged');
    expect(incident?.log.map(({ type }) => type)).toEqual(['trigger', 'assign', 'acknowledge', 'trigger']);
  });

  test('is no longer noted after a hundred of them', async () => {
    await simulator.close();
    simulator = await startSimulator({ clockSpeed: 0, rateLimit: 0 });
    for (let count = 0; count < 120; count += 1) await trigger('disk');
    const types = opened().flatMap(({ log }) => log.map(({ type }) => type));
    expect(types.filter((type) => type === 'trigger')).toHaveLength(100);
    expect(types.filter((type) => type === 'reach_trigger_limit')).toHaveLength(1);
  });

  test('with the key of a resolved alert opens a new incident and leaves the old one', async () => {
    await trigger('disk');
    await act('resolve', 'disk');
    await trigger('disk');
    expect(opened().map(({ status }) => status)).toEqual(['resolved', 'triggered']);
  });

  test('with the same key on another routing key is another alert', async () => {
    await trigger('disk');
    await trigger('disk', { routing_key: 'simulatorledgerroutingkey0000000' });
    expect(opened().map(({ serviceId }) => serviceId)).toEqual(['PCHECKOUT', 'PLEDGER']);
  });

  test.each([
    ['critical', 'high'],
    ['error', 'high'],
    ['warning', 'low'],
    ['info', 'low'],
  ])('of severity %s is of %s urgency where the service goes by severity', async (severity, urgency) => {
    await trigger('disk', { payload: { ...payload, severity } });
    expect(opened()).toMatchObject([{ urgency, alerts: [{ severity }] }]);
  });

  test('is of the urgency that the service says where it goes by nothing else', async () => {
    await trigger('money', {
      routing_key: 'simulatorledgerroutingkey0000000',
      payload: { ...payload, severity: 'info' },
    });
    await trigger('report', { routing_key: 'simulatorreportsroutingkey000000' });
    expect(opened().map(({ urgency }) => urgency)).toEqual(['high', 'low']);
  });

  test.each(['disabled', 'maintenance'] as const)(
    'on a service in mode %s is taken, and nothing opens',
    async (mode) => {
      simulator.world.services.get('PCHECKOUT')!.mode = mode;
      expect((await trigger('disk')).status).toBe(202);
      expect(opened()).toEqual([]);
    },
  );

  test('with nobody on call is taken, and nothing opens', async () => {
    const { policies } = simulator.world;
    const policy = policies.get('PPAYMENTSONCALL')!;
    policies.set(policy.id, { ...policy, rules: policy.rules.map((rule) => ({ ...rule, targets: [] })) });
    expect((await trigger('disk')).status).toBe(202);
    expect(opened()).toEqual([]);
  });
});

describe('acknowledge and resolve', () => {
  test('act on the incident of the open alert, in the name of its service', async () => {
    await trigger('disk');
    await act('acknowledge', 'disk');
    expect(opened()).toMatchObject([
      { status: 'acknowledged', acknowledgements: [{ by: { type: 'service', id: 'PCHECKOUT' } }] },
    ]);
    await act('resolve', 'disk');
    expect(opened()).toMatchObject([{ status: 'resolved', assignments: [] }]);
  });

  test.each(['acknowledge', 'resolve'])(
    '%s is taken and dropped for a key that is not open',
    async (action) => {
      await trigger('disk');
      await act('resolve', 'disk');
      for (const key of ['disk', 'never heard of']) expect((await act(action, key)).status).toBe(202);
      expect(opened().map(({ status }) => status)).toEqual(['resolved']);
    },
  );

  test.each(['acknowledge', 'resolve'])(
    '%s is taken and dropped over another routing key',
    async (action) => {
      await trigger('disk');
      const { status } = await act(action, 'disk', { routing_key: 'simulatorledgerroutingkey0000000' });
      expect(status).toBe(202);
      expect(opened().map((incident) => incident.status)).toEqual(['triggered']);
    },
  );
});

describe('an event', () => {
  test('with a routing key that belongs to nobody is taken and dropped', async () => {
    expect((await trigger('disk', { routing_key: 'f'.repeat(32) })).status).toBe(202);
    expect(opened()).toEqual([]);
  });

  test.each<[string, object, readonly string[]]>([
    ['no routing key', { routing_key: undefined }, ["'routing_key' is missing or blank"]],
    [
      'a short routing key',
      { routing_key: 'abc' },
      ["Length of 'routing_key' is incorrect (should be 32 characters)"],
    ],
    [
      'a routing key with other characters',
      { routing_key: '-'.repeat(32) },
      ["'routing_key' cannot contain non-alphanumeric characters."],
    ],
    ['no action', { event_action: undefined }, ["'event_action' is missing or blank"]],
    [
      'an unknown action',
      { event_action: 'shout' },
      ["'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')"],
    ],
    ['a long key', { dedup_key: 'x'.repeat(256) }, ["'dedup_key' is too long (maximum is 255 characters)"]],
    [
      'no payload',
      { payload: undefined },
      [
        "'payload.summary' is missing or blank",
        "'payload.source' is missing or blank",
        "'payload.severity' is missing or blank",
      ],
    ],
    [
      'a long summary',
      { payload: { ...payload, summary: 'x'.repeat(1025) } },
      ["'summary' is too long (maiximum is 1024 characters)"],
    ],
    [
      'a severity in capitals',
      { payload: { ...payload, severity: 'CRITICAL' } },
      [
        "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')",
      ],
    ],
    [
      'acknowledge and no key',
      { event_action: 'acknowledge', dedup_key: undefined },
      ["'dedup_key' is missing or blank"],
    ],
  ])('with %s is refused, in words', async (_what, more, errors) => {
    const { status, body } = await trigger('disk', more);
    expect([status, body]).toEqual([
      400,
      { status: 'invalid event', message: 'Event object is invalid', errors },
    ]);
    expect(opened()).toEqual([]);
  });

  test.each(['{"routing_key":', '[]', ''])('that is no JSON object is refused: %j', async (text) => {
    const { status, body } = await enqueue(text);
    expect([status, body.status]).toEqual([400, 'Unrecognized object']);
  });

  test('of more than 512 KB is refused with 413', async () => {
    const { status } = await trigger('disk', {
      payload: { ...payload, custom_details: { log: 'x'.repeat(512 * 1024) } },
    });
    expect(status).toBe(413);
    expect(opened()).toEqual([]);
  });

  test('with details in plain text keeps them as they are', async () => {
    await trigger('disk', { payload: { ...payload, custom_details: 'just words' } });
    expect(opened()).toMatchObject([{ alerts: [{ details: 'just words' }] }]);
  });
});

describe('the limit of the Events API', () => {
  test('is 120 in any minute a routing key; more get a 429 without headers, and no incident', async () => {
    for (let count = 0; count < 120; count += 1) expect((await trigger(`disk${count}`)).status).toBe(202);
    const refused = await trigger('one more');
    expect([refused.status, refused.body.status]).toEqual([429, 'throttle exceeded']);
    expect([...refused.headers.keys()].filter((name) => /ratelimit|retry/.test(name))).toEqual([]);
    expect(opened()).toHaveLength(120);
    const other = { routing_key: 'simulatorledgerroutingkey0000000' };
    expect((await trigger('money', other)).status).toBe(202);
    simulator.world.clock.advance(60);
    expect((await trigger('one more')).status).toBe(202);
  });

  test('is none where the budget is off: two thousand triggers make two thousand incidents', async () => {
    await simulator.close();
    simulator = await startSimulator({ clockSpeed: 0, rateLimit: 0 });
    // A hundred at a time: connections that nobody takes in time are given up.
    for (let from = 0; from < 2000; from += 100) {
      const keys = Array.from({ length: 100 }, (_, index) => `disk${from + index}`);
      const answers = await Promise.all(keys.map((key) => trigger(key)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    }
    expect(opened()).toHaveLength(2000);
    expect(new Set(opened().map(({ number }) => number)).size).toBe(2000);
  });
});
