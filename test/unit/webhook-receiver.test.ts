import { createHmac } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Arrival } from '../../client/deliver.ts';
import {
  createReceiver,
  largestBody,
  type ReceiverHealth,
  type ReceiverOptions,
} from '../../client/webhook-receiver.ts';
import { parsePolicy } from '../../gate/policy.ts';
import type { PolicyState } from '../../gate/policy-source.ts';
import { webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import { eventTypes } from '../../pagerduty/webhooks.ts';
import { temporaryFolder } from './temporary-store.ts';

const folder = temporaryFolder();
const secret = 'whsec-example-0123456789abcdef';
const previous = 'whsec-example-previous-fedcba98';

/** Vectors: the bytes of a body and what each secret makes of them. */
const bodyA =
  '{"event":{"id":"01EXAMPLE","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-06-23T09:15:04.512Z","agent":null,"client":null,"data":{"message":"Hello from your friend Pagey!","type":"ping"}}}';
const bodyB = '{"event":{"id":"01EXAMPLE","data":{"title":"Zürich – 東京 ✓"}}}';
const signedA = 'v1=f96d9d657c65d38cc909940c7f22ae9632d6ddf782608805e2b9b8a2db8f25f5';
const signedB = 'v1=c96620b9869ed4a10f8af7456aa103774ea77cc24870312e86a5e95f0d2b3ab2';
const signedEmpty = 'v1=ad4760b867eb30c50c65255512f420c46b1bd320dda5548dc65491e5653ab942';
const previousA = 'v1=53de03f3678aa7584fd12b70a122df0f3c45962e66621af4278249919480dddb';

const sign = (body: string, by = secret): string =>
  `v1=${createHmac('sha256', by).update(body).digest('hex')}`;
const eventOf = (type: string, id = '01A', data: object = { id: 'P1', type: 'incident' }): string =>
  JSON.stringify({ event: { id, event_type: type, occurred_at: '2026-06-23T09:17:40.128Z', data } });

let arrivals: Arrival[];
let lines: { readonly sentence: string; readonly facts: object }[];
let state: PolicyState;
let deliver: ReceiverOptions['deliver'];
let values: Record<string, string>;
const policyWith = (more: string): PolicyState => ({
  readable: true,
  policy: parsePolicy(`accounts:
  main: { region: us, token: env:TOKEN, from: bot@example.com${more} }
  bare: { region: us, token: env:TOKEN, from: bot@example.com }`),
});
beforeEach(() => {
  arrivals = [];
  lines = [];
  values = { 'env:NEW': secret, 'env:OLD': previous };
  state = policyWith(', webhook_secrets: [env:NEW]');
  deliver = async (arrival) => {
    arrivals.push(arrival);
    return { started: [], woken: [] };
  };
});

/** A receiver, and what it says to a delivery. */
function receiver(more: Partial<ReceiverOptions> = {}) {
  const app = createReceiver({
    policy: () => state,
    secrets: (ref) => {
      const value = values[ref];
      if (value === undefined) throw new Error(`The configuration names ${ref}, and it is not there.`);
      return value;
    },
    kept: (account) => webhookSecretsIn(folder(), account),
    deliver: (arrival) => deliver(arrival),
    temporal: async () => undefined,
    log: (_level, facts, sentence) => lines.push({ facts, sentence }),
    ...more,
  });
  const post = async (
    body: string | Uint8Array | ReadableStream,
    signature: string | undefined,
    { account = 'main', headers = {} }: { account?: string; headers?: Record<string, string> } = {},
  ) => {
    const answer = await app.request(`/webhooks/${account}`, {
      method: 'POST',
      body,
      headers: { ...(signature !== undefined && { 'x-pagerduty-signature': signature }), ...headers },
      ...(body instanceof ReadableStream && { duplex: 'half' }),
    } as RequestInit);
    const sentence = await answer.text();
    // One sentence, and nothing of a secret or of where it lies.
    expect(sentence).toMatch(/^[^\n]{3,120}\.\n$/);
    expect(sentence).not.toMatch(/whsec|env:|file:/);
    expect(JSON.stringify(lines)).not.toContain('whsec');
    return { status: answer.status, sentence: sentence.trim() };
  };
  const health = async () => {
    const answer = await app.request('/health');
    return { status: answer.status, ...((await answer.json()) as ReceiverHealth) };
  };
  return { app, post, health };
}

describe('a signature over the raw bytes', () => {
  test.each<[string, string, string, number]>([
    ['of a ping', bodyA, signedA, 202],
    ['of what is signed, and no webhook', bodyB, signedB, 202],
    ['of a previous secret beside it', bodyA, `${previousA},${signedA}`, 202],
    ['of the previous secret alone', bodyA, previousA, 503],
    ['of an empty body', '', signedEmpty, 400],
    ['over one byte that was changed', bodyA.replace('friend', 'fiend'), signedA, 503],
    ['over a body that was cut', bodyA.slice(0, -1), signedA, 503],
    ['over JSON that was written anew', JSON.stringify(JSON.parse(bodyA), null, 1), signedA, 503],
    ['over other letters for the same text', bodyB.replace('ü', 'u\u0308'), signedB, 503],
    ['in capitals', bodyA, signedA.toUpperCase().replace('V1', 'v1'), 503],
    ['of another version', bodyA, signedA.replace('v1', 'v2'), 503],
    ['that is empty', bodyA, '', 400],
    ['that is blank', bodyA, '  ', 400],
    ['that holds no digest', bodyA, 'v1=', 503],
    ['of another length', bodyA, signedA.slice(0, -2), 503],
  ])('%s', async (_what, body, signature, status) => {
    expect(await receiver().post(body, signature)).toMatchObject({ status });
    expect(arrivals).toEqual([]);
  });

  test('that is missing', async () => {
    expect(await receiver().post(bodyA, undefined)).toMatchObject({ status: 400 });
  });

  test('holds for several secrets at once, of the configuration and kept ones', async () => {
    state = policyWith(', webhook_secrets: [env:NEW, env:OLD]');
    webhookSecretsIn(folder(), 'main').keep('PSUB', 'kept');
    const { post } = receiver();
    for (const [index, by] of [secret, previous, 'kept'].entries()) {
      const body = eventOf('incident.resolved', `01${index}`);
      expect(await post(body, sign(body, by))).toMatchObject({ status: 202 });
    }
    expect(arrivals).toHaveLength(3);
    expect(await post(bodyA, sign(bodyA, 'whsec-of-nobody'))).toMatchObject({ status: 503 });
  });

  test('is of its own account alone', async () => {
    webhookSecretsIn(folder(), 'bare').keep('PSUB', 'kept');
    const body = eventOf('incident.resolved');
    expect(await receiver().post(body, sign(body, 'kept'))).toMatchObject({ status: 503 });
    expect(await receiver().post(body, sign(body, 'kept'), { account: 'bare' })).toMatchObject({
      status: 202,
    });
  });
});

describe('what is larger than anything that PagerDuty sends', () => {
  const huge = 'x'.repeat(largestBody + 1);
  test('is refused by its length, unread', async () => {
    const unread = new ReadableStream({ pull: () => Promise.reject(new Error('It was read.')) });
    expect(
      await receiver().post(unread, sign(huge), { headers: { 'content-length': String(huge.length) } }),
    ).toEqual({ status: 400, sentence: 'The body is larger than 300000 bytes.' });
  });

  test('is refused without a length, and read no further than needed', async () => {
    let read = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        read += 1;
        controller.enqueue(new Uint8Array(10_000));
      },
    });
    expect(await receiver().post(endless, sign(huge))).toMatchObject({ status: 400 });
    expect(read).toBeLessThan(40);
  });

  test('is not what is as large as allowed', async () => {
    const body = eventOf('incident.resolved').replace(
      '"data"',
      `"padding":"${'x'.repeat(largestBody - 151)}","data"`,
    );
    expect([body.length <= largestBody, body.length > largestBody - 100]).toEqual([true, true]);
    const chunks = new ReadableStream({
      start: (controller) => {
        for (let at = 0; at < body.length; at += 7_777)
          controller.enqueue(new TextEncoder().encode(body.slice(at, at + 7_777)));
        controller.close();
      },
    });
    expect(await receiver().post(chunks, sign(body))).toMatchObject({ status: 202 });
  });
});

describe('what may be our own fault is to be delivered again', () => {
  const body = eventOf('incident.resolved');
  test.each<[string, () => void, string, RegExp]>([
    ['an unknown account', () => {}, 'other', /no such account/],
    [
      'a configuration that cannot be read',
      () => {
        state = { readable: false, sentence: 'oncall.yaml:1:1: what.' };
      },
      'main',
      /configuration cannot be read/,
    ],
    [
      'a secret that cannot be read',
      () => {
        state = policyWith(', webhook_secrets: [env:GONE]');
      },
      'main',
      /secret cannot be read/,
    ],
    ['no secret at all', () => {}, 'bare', /No webhook secret is known/],
  ])('%s', async (_what, set, account, sentence) => {
    set();
    expect(await receiver().post(body, sign(body), { account })).toEqual({
      status: 503,
      sentence: expect.stringMatching(sentence),
    });
    expect(arrivals).toEqual([]);
  });

  test('one secret of several that cannot be read is no reason to refuse what another one signed', async () => {
    state = policyWith(', webhook_secrets: [env:GONE, env:NEW]');
    const { post, health } = receiver();
    expect(await post(body, sign(body))).toMatchObject({ status: 202 });
    expect(await health()).toMatchObject({
      status: 503,
      wrong: ['A webhook secret of account main cannot be read.'],
    });
  });

  test('Temporal that refuses', async () => {
    deliver = () => Promise.reject(new Error('14 UNAVAILABLE'));
    expect(await receiver().post(body, sign(body))).toEqual({
      status: 503,
      sentence: 'Temporal cannot take it now; deliver it again.',
    });
  });

  test('Temporal that does not answer in time', async () => {
    deliver = () => new Promise(() => {});
    const { post } = receiver({ deadlineMs: 30 });
    expect(await post(body, sign(body))).toEqual({
      status: 503,
      sentence: 'Temporal has not taken it in time; deliver it again.',
    });
  });

  test('a body that does not come in time', async () => {
    const never = new ReadableStream({ pull: () => new Promise(() => {}) });
    expect(await receiver({ deadlineMs: 30 }).post(never, sign(body))).toMatchObject({ status: 503 });
  });

  test('an address that a proxy has changed', async () => {
    const { app } = receiver();
    expect((await app.request('/hooks/main', { method: 'POST', body })).status).toBe(503);
    expect((await app.request('/webhooks/main')).status).toBe(405);
    expect((await app.request('/')).status).toBe(404);
  });
});

describe('what PagerDuty signed', () => {
  test('is taken whatever its type, and brought on where the type is known', async () => {
    const { post } = receiver();
    for (const type of eventTypes) {
      const body = eventOf(type, `01-${type}`);
      expect(await post(body, sign(body)), type).toEqual({ status: 202, sentence: 'Taken.' });
    }
    expect(eventTypes).toHaveLength(30);
    expect(arrivals.map(({ webhook }) => webhook.type)).toEqual(eventTypes);
    const unknown = eventOf('incident.dreamt_of');
    expect(await post(unknown, sign(unknown))).toMatchObject({
      status: 202,
      sentence: 'Events of this type are left alone.',
    });
    expect(arrivals).toHaveLength(30);
  });

  test('brings the orders of this moment', async () => {
    const { post } = receiver();
    const body = eventOf('incident.resolved');
    await post(body, sign(body));
    expect(arrivals[0]).toMatchObject({
      account: 'main',
      webhook: { id: '01A', type: 'incident.resolved', incident: 'P1' },
      orders: new Map(),
    });
  });

  test('is answered only once Temporal has it', async () => {
    let has = (): void => {};
    deliver = () =>
      new Promise((resolve) => {
        has = () => resolve({ started: [], woken: [] });
      });
    const body = eventOf('incident.resolved');
    let isAnswered = false;
    const answer = receiver()
      .post(body, sign(body))
      .then(({ status }) => {
        isAnswered = true;
        return status;
      });
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    has();
    expect(await answer).toBe(202);
  });
});

describe('the same event', () => {
  const body = eventOf('incident.resolved');

  test('acts once, also when it comes twice at once', async () => {
    const { post } = receiver();
    const answers = await Promise.all([
      post(body, sign(body)),
      post(body, sign(body)),
      post(body, sign(body)),
    ]);
    answers.push(await post(body, sign(body)));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(answers.filter(({ sentence }) => sentence === 'Taken.')).toHaveLength(1);
    expect(arrivals).toHaveLength(1);
  });

  test('of another account is another', async () => {
    webhookSecretsIn(folder(), 'bare').keep('PSUB', secret);
    const { post } = receiver();
    await post(body, sign(body));
    await post(body, sign(body), { account: 'bare' });
    expect(arrivals.map(({ account }) => account)).toEqual(['main', 'bare']);
  });

  test('is brought on anew after it failed, to those whom it has not reached', async () => {
    const { post } = receiver();
    const taken = deliver;
    deliver = async ({ reached }) => {
      reached.add('respond:main:P1');
      throw new Error('then Temporal went away');
    };
    expect(await post(body, sign(body))).toMatchObject({ status: 503 });
    deliver = taken;
    expect(await post(body, sign(body))).toEqual({ status: 202, sentence: 'Taken.' });
    expect([...(arrivals[0]?.reached ?? [])]).toEqual(['respond:main:P1']);
  });

  test('that was taken late is not taken again', async () => {
    const waiting: (() => void)[] = [];
    let count = 0;
    deliver = async () => {
      count += 1;
      await new Promise<void>((resolve) => waiting.push(resolve));
      return { started: [], woken: [] };
    };
    const { post } = receiver({ deadlineMs: 30 });
    expect(await post(body, sign(body))).toMatchObject({ status: 503 });
    for (const go of waiting) go();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await post(body, sign(body))).toEqual({ status: 202, sentence: 'Taken before.' });
    expect(count).toBe(1);
  });
});

describe('its health', () => {
  test('is good where deliveries can be taken, and tells what came', async () => {
    const { post, health } = receiver({ now: () => Date.parse('2026-06-23T10:00:00Z') });
    await post(bodyA, signedA, { headers: { 'x-webhook-subscription': 'PSUB1' } });
    // A copy under another name is no second ping.
    await post(bodyA, signedA, { headers: { 'x-webhook-subscription': 'PSUB2' } });
    await post(bodyA, previousA);
    expect(await health()).toEqual({
      status: 200,
      ok: true,
      wrong: [],
      accounts: {
        main: {
          secrets: 1,
          answered: { 202: 2, 503: 1 },
          lastTaken: '2026-06-23T10:00:00.000Z',
          pings: { PSUB1: '2026-06-23T10:00:00.000Z' },
        },
        bare: { secrets: 0, answered: {}, lastTaken: null, pings: {} },
      },
    });
  });

  test.each<[string, Partial<ReceiverOptions>, () => void, string]>([
    ['Temporal is away', { temporal: async () => 'Temporal is away.' }, () => {}, 'Temporal is away.'],
    [
      'the configuration cannot be read',
      {},
      () => {
        state = { readable: false, sentence: 'oncall.yaml:1:1: what.' };
      },
      'The configuration cannot be read.',
    ],
    [
      'there is no secret yet',
      {},
      () => {
        state = policyWith('');
      },
      'No account has a webhook secret yet; `oncall webhook-subscriptions create` makes one.',
    ],
  ])('is bad where %s', async (_what, more, set, sentence) => {
    set();
    expect(await receiver(more).health()).toMatchObject({ status: 503, ok: false, wrong: [sentence] });
  });
});
