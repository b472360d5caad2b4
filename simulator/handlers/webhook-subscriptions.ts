import { randomBytes } from 'node:crypto';
import { eventTypes } from '../../pagerduty/webhooks.ts';
import { type Fields, fieldsIn, idOf, isFields, isText } from '../input.ts';
import type { Credential } from '../model.ts';
import { found, Refusal, ScopeRefusal } from '../refusal.ts';
import type { CustomHeader, Filter, Subscription } from '../webhooks/subscription.ts';
import { writeSubscription } from '../wire/subscription.ts';
import type { World } from '../world.ts';
import { type Call, created, noContent, type Outcome, ok } from './handler.ts';
import { pageOf } from './lists.ts';

export function listWebhookSubscriptions({ world, query }: Call<'listWebhookSubscriptions'>): Outcome {
  const type = query.text('filter_type');
  const id = query.text('filter_id');
  if (type !== undefined && !['account', 'service', 'team'].includes(type)) {
    throw new Refusal(2001, 'filter_type must be account, service or team.');
  }
  if (type !== undefined && type !== 'account' && id === undefined) {
    throw new Refusal(2001, `filter_id is needed with filter_type ${type}.`);
  }
  const matching = world.subscriptions
    .list()
    .filter(
      ({ filter }) =>
        type === undefined || (filter.type === type && ('id' in filter ? filter.id : id) === id),
    );
  return ok(pageOf('webhook_subscriptions', matching, query, (one) => writeSubscription(one)));
}

/** The only answer that has the secret. 201, as PagerDuty's own rule for creates has it; its OpenAPI file says 200. */
export function createWebhookSubscription({
  world,
  body,
  credential,
}: Call<'createWebhookSubscription'>): Outcome {
  const asked = fieldsIn(body, 'webhook_subscription');
  const method = fieldsIn(asked, 'delivery_method');
  const filter = readFilter(world, asked['filter']);
  const events = readEvents(asked['events'], credential);
  const { url, type } = method;
  if (type !== 'http_delivery_method') {
    throw new Refusal(2001, 'Delivery method type must be http_delivery_method.');
  }
  if (!isText(url) || !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) {
    throw new Refusal(2001, 'Delivery method url must be an http or https address.');
  }
  if (!world.subscriptions.hasRoomFor(filter)) {
    throw new Refusal(2019, 'There are 10 subscriptions with this filter already.');
  }
  const secret = randomBytes(32).toString('hex');
  const subscription: Subscription = {
    id: world.newId('P'),
    url,
    deliveryMethodId: world.newId('P'),
    customHeaders: readHeaders(method['custom_headers']),
    description: isText(asked['description']) ? asked['description'] : null,
    events,
    filter,
    active: asked['active'] !== false,
    secrets: [secret],
    drops: 0,
    disabledUntil: null,
  };
  world.subscriptions.add(subscription);
  return created({ webhook_subscription: writeSubscription(subscription, secret) });
}

export function getWebhookSubscription({ world, params }: Call<'getWebhookSubscription'>): Outcome {
  return answer(found(world.subscriptions.get(params.id)));
}

/** All but where it delivers to. */
export function updateWebhookSubscription({
  world,
  params,
  body,
  credential,
}: Call<'updateWebhookSubscription'>): Outcome {
  const subscription = found(world.subscriptions.get(params.id));
  const asked = fieldsIn(body, 'webhook_subscription');
  const { description, active } = asked;
  const events = asked['events'] === undefined ? undefined : readEvents(asked['events'], credential);
  const filter = asked['filter'] === undefined ? undefined : readFilter(world, asked['filter']);
  if (events) subscription.events = events;
  if (filter) world.subscriptions.refile(subscription, filter);
  if (typeof description === 'string') subscription.description = description;
  if (typeof active === 'boolean') subscription.active = active;
  return answer(subscription);
}

export function deleteWebhookSubscription({ world, params }: Call<'deleteWebhookSubscription'>): Outcome {
  world.subscriptions.remove(found(world.subscriptions.get(params.id)));
  return noContent;
}

/** Lifts what three drops in a row did. What was thrown away meanwhile stays lost. */
export function enableWebhookSubscription({ world, params }: Call<'enableWebhookSubscription'>): Outcome {
  const subscription = found(world.subscriptions.get(params.id));
  subscription.disabledUntil = null;
  subscription.drops = 0;
  return answer(subscription);
}

/** Delivered whatever the subscription is about. */
export function testWebhookSubscription({ world, params }: Call<'testWebhookSubscription'>): Outcome {
  const { id } = found(world.subscriptions.get(params.id));
  world.tell({
    type: 'pagey.ping',
    resource: { type: 'pagey', id: world.newId('P') },
    serviceId: null,
    teamIds: [],
    agent: null,
    data: { message: 'Hello from your friend Pagey!', type: 'ping' },
    subscriptionId: id,
  });
  return { status: 202 };
}

const answer = (subscription: Subscription): Outcome =>
  ok({ webhook_subscription: writeSubscription(subscription) });

/** Whoever subscribes must be able to read what the events carry. */
function readEvents(asked: unknown, { scopes }: Credential): readonly string[] {
  const known: readonly unknown[] = eventTypes;
  if (!Array.isArray(asked) || asked.length === 0) {
    throw new Refusal(2001, 'Events must be a list with at least one event type.');
  }
  if (!asked.every((type) => known.includes(type)) || new Set(asked).size < asked.length) {
    throw new Refusal(2001, 'Events must be event types that PagerDuty has, each once.');
  }
  const events = asked.map(String);
  const needed = new Set(events.map((type) => `${type.split('.')[0]}s.read`));
  const missing = [...needed].filter((scope) => scopes && !scopes.includes(scope));
  if (missing.length > 0) throw new ScopeRefusal(missing);
  return events;
}

function readFilter(world: World, asked: unknown): Filter {
  const type = isFields(asked) ? asked['type'] : undefined;
  if (type === 'account_reference') return { type: 'account' };
  const id = idOf(asked) ?? '';
  if (type === 'service_reference' && world.services.has(id)) return { type: 'service', id };
  if (type === 'team_reference' && world.teams.has(id)) return { type: 'team', id };
  throw new Refusal(
    2001,
    'Filter must be account_reference, or a service_reference or team_reference that exists.',
  );
}

function readHeaders(asked: unknown): readonly CustomHeader[] {
  if (asked === undefined || asked === null) return [];
  const headers = Array.isArray(asked) ? asked.filter(isFields).flatMap(readHeader) : [];
  const names = new Set(headers.map(({ name }) => name.toLowerCase()));
  if (!Array.isArray(asked) || headers.length < asked.length || names.size < headers.length) {
    throw new Refusal(2001, 'Custom headers must be a list of names and values, each name once.');
  }
  return headers;
}

function readHeader({ name, value }: Fields): readonly CustomHeader[] {
  const isGood =
    typeof name === 'string' &&
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) &&
    typeof value === 'string' &&
    /^[\t\x20-\x7e]*$/.test(value);
  return isGood ? [{ name, value }] : [];
}
