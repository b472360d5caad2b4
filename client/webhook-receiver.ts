import { type Context, Hono } from 'hono';
import type { Policy } from '../gate/policy.ts';
import type { PolicyState } from '../gate/policy-source.ts';
import type { Secrets } from '../gate/secrets.ts';
import { readKept, type WebhookSecrets } from '../gate/webhook-secrets.ts';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { eventTypes, isSigned, parseWebhook, type Webhook } from '../pagerduty/webhooks.ts';
import { type Deliver, refusalOf } from './deliver.ts';
import { type Feed, feedOf } from './feed.ts';
import { seenEvents } from './seen-events.ts';

/** What a receiver works with. */
export interface ReceiverOptions {
  /** The configuration at this moment. */
  readonly policy: () => PolicyState;
  readonly secrets: Secrets;
  /** The secrets that subscriptions of an account have in files of their own. */
  readonly kept: (account: string) => Pick<WebhookSecrets, 'list'>;
  readonly deliver: Deliver;
  /** Why Temporal cannot take anything now, in a sentence; `undefined` where it can. */
  readonly temporal: () => Promise<string | undefined>;
  readonly log: (level: 'debug' | 'info' | 'warn', facts: object, sentence: string) => void;
  /** How long a delivery may take until it is answered, in milliseconds; PagerDuty waits 5 s. */
  readonly deadlineMs?: number;
  readonly now?: () => number;
}

/** More than PagerDuty ever sends: it drops what is above 256 kB. */
export const largestBody = 300_000;

/** PagerDuty gives up after 5 s, and takes a late answer for none. */
const answersWithinMs = 4_000;

/**
 * 2xx: Temporal has it, or it is authentic and nothing for us. 400: it can never be PagerDuty's, which drops what it gets a 4xx for.
 * 503: it may be PagerDuty's, so it is to be delivered again. Three drops in a row would switch the subscription off for a day,
 * so whatever can be our own fault is a 503: a secret that we do not know yet is.
 */
interface Answer {
  readonly status: 202 | 400 | 503;
  /** One sentence; it never says which secret. */
  readonly sentence: string;
}

/** The webhook receiver of all accounts, over HTTP. */
export function createReceiver(options: ReceiverOptions): Hono {
  const { deadlineMs = answersWithinMs, now = Date.now, log } = options;
  const feed = feedOf(now);
  const seen = seenEvents();
  const app = new Hono();
  app.post('/webhooks/:account', async (http) => {
    const account = http.req.param('account');
    const state = options.policy();
    const { answer, facts } = await answerTo(http, account, state);
    if (state.readable && state.policy.accounts.has(account)) feed.answered(account, answer.status);
    log(
      answer.status === 202 ? 'debug' : 'warn',
      { account, status: answer.status, ...facts },
      answer.sentence,
    );
    return http.text(`${answer.sentence}\n`, answer.status);
  });
  app.all('/webhooks/:account', (http) =>
    http.text('PagerDuty posts its webhooks here.\n', 405, { allow: 'POST' }),
  );
  app.get('/health', async (http) => {
    const health = await healthOf(options, feed);
    return http.json(health, health.ok ? 200 : 503);
  });
  // A proxy that leads astray is our own fault too.
  app.post('*', (http) => http.text('Webhooks are posted to /webhooks/ACCOUNT; deliver it again.\n', 503));
  app.notFound((http) => http.text('Webhooks are posted to /webhooks/ACCOUNT.\n', 404));
  app.onError((error, http) => {
    // Nobody foresaw this one; PagerDuty is to try again.
    log('warn', { error: error.message }, 'A delivery failed that should not.');
    return http.text('This could not be taken; deliver it again.\n', 503);
  });
  return app;

  async function answerTo(http: Context, account: string, state: PolicyState): Promise<Told> {
    const late = deadline(deadlineMs);
    try {
      const signature = http.req.header('x-pagerduty-signature');
      if (!signature?.trim()) return told(400, 'There is no X-PagerDuty-Signature.');
      const body = await late.before(bodyOf(http.req.raw));
      if (body === undefined) return told(503, 'The body did not come in time; deliver it again.');
      if (body === 'too large') return told(400, `The body is larger than ${largestBody} bytes.`);
      if (body.length === 0) return told(400, 'There is no body.');
      if (!state.readable)
        return told(503, 'The configuration cannot be read now; deliver it again.', { why: state.sentence });
      const { secrets, unreadable } = secretsOf(options, state.policy, account);
      if (!isSigned(body, signature, secrets))
        return told(503, ...whyNot(state.policy, account, secrets, unreadable));
      const webhook = parseWebhook(body);
      if (!webhook) return told(202, 'This is signed, but no webhook that we know; it is left alone.');
      return await take(http, { account, webhook, policy: state.policy }, late);
    } finally {
      late.over();
    }
  }

  async function take(
    http: Context,
    { account, webhook, policy }: { account: string; webhook: Webhook; policy: Policy },
    late: Deadline,
  ): Promise<Told> {
    const { id, type, incident, service } = webhook;
    const facts = { event: id, type, incident, service };
    if (type !== ping && !(eventTypes as readonly string[]).includes(type)) {
      log('info', { account, ...facts }, 'Events of this type are left alone.');
      return told(202, 'Events of this type are left alone.', facts);
    }
    const { delivery, isFirst } = seen.once(`${account} ${id}`, async (reached) => {
      if (type === ping) return;
      const delivered = await options.deliver({ account, webhook, orders: policy.standing, reached });
      log('debug', { account, ...facts, ...delivered }, 'Temporal has it.');
    });
    try {
      const came = await late.before(delivery.then(() => 'taken' as const));
      if (came === undefined) return told(503, 'Temporal has not taken it in time; deliver it again.', facts);
    } catch (error) {
      return told(503, 'Temporal cannot take it now; deliver it again.', { ...facts, why: refusalOf(error) });
    }
    if (isFirst && type === ping)
      feed.pinged(account, Id.safeParse(http.req.header('x-webhook-subscription')).data ?? 'unknown');
    return told(202, isFirst ? 'Taken.' : 'Taken before.', facts);
  }
}

/** What a ping says it is; it is asked for, and wakes nobody. */
const ping = 'pagey.ping';

interface Told {
  readonly answer: Answer;
  /** For the log alone. */
  readonly facts: object;
}

const told = (status: Answer['status'], sentence: string, facts: object = {}): Told => ({
  answer: { status, sentence },
  facts,
});

/** The secrets of an account, those of the configuration and those that were kept; and why some cannot be read. */
function secretsOf(
  { secrets: read, kept }: Pick<ReceiverOptions, 'secrets' | 'kept'>,
  { accounts }: Policy,
  account: string,
): { readonly secrets: readonly string[]; readonly unreadable: readonly string[] } {
  const configured = accounts.get(account);
  if (!configured) return { secrets: [], unreadable: [] };
  const secrets: string[] = [];
  const unreadable: string[] = [];
  const take = (secret: () => string): void => {
    try {
      secrets.push(secret());
    } catch (error) {
      unreadable.push(error instanceof Error ? error.message : String(error));
    }
  };
  for (const ref of configured.webhook_secrets ?? []) take(() => read(ref));
  try {
    for (const one of kept(account).list()) take(() => readKept(one));
  } catch (error) {
    unreadable.push(error instanceof Error ? error.message : String(error));
  }
  return { secrets, unreadable };
}

/** Why no secret fits, for PagerDuty and for the log. */
function whyNot(
  { accounts }: Policy,
  account: string,
  secrets: readonly string[],
  unreadable: readonly string[],
): readonly [sentence: string, facts: object] {
  if (!accounts.has(account)) return ['There is no such account here; deliver it again.', {}];
  if (unreadable.length > 0)
    return ['A webhook secret cannot be read now; deliver it again.', { why: unreadable.join(' ') }];
  if (secrets.length === 0) return ['No webhook secret is known here yet; deliver it again.', {}];
  return ['The signature fits no webhook secret that is known here; deliver it again.', {}];
}

/** How a receiver is, for load balancers and for whoever checks the feed. */
export interface ReceiverHealth {
  readonly ok: boolean;
  /** What is wrong, a sentence each. */
  readonly wrong: readonly string[];
  readonly accounts: Readonly<Record<string, ReturnType<Feed['of']> & { readonly secrets: number }>>;
}

async function healthOf(options: ReceiverOptions, feed: Feed): Promise<ReceiverHealth> {
  const away = await options.temporal();
  const wrong = away === undefined ? [] : [away];
  const state = options.policy();
  if (!state.readable)
    return { ok: false, wrong: [...wrong, 'The configuration cannot be read.'], accounts: {} };
  const found = [...state.policy.accounts.keys()].map((name) => {
    const { secrets, unreadable } = secretsOf(options, state.policy, name);
    if (unreadable.length > 0) wrong.push(`A webhook secret of account ${name} cannot be read.`);
    return [name, { ...feed.of(name), secrets: secrets.length }] as const;
  });
  if (found.every(([, { secrets }]) => secrets === 0) && wrong.length === 0)
    wrong.push('No account has a webhook secret yet; `oncall webhook-subscriptions create` makes one.');
  return { ok: wrong.length === 0, wrong, accounts: Object.fromEntries(found) };
}

/** The raw bytes of a request, read no further than needed. */
async function bodyOf(request: Request): Promise<Uint8Array | 'too large'> {
  const length = Number(request.headers.get('content-length') ?? Number.NaN);
  if (length > largestBody) return 'too large';
  if (length >= 0) return new Uint8Array(await request.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > largestBody) return 'too large';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

interface Deadline {
  /** What is awaited, or `undefined` where the deadline comes first. */
  readonly before: <T>(work: Promise<T>) => Promise<T | undefined>;
  readonly over: () => void;
}

function deadline(ms: number): Deadline {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return {
    before: (work) => {
      // What loses the race may still fail, and is heard by nobody.
      work.catch(() => {});
      return Promise.race([work, late]);
    },
    over: () => clearTimeout(timer),
  };
}
