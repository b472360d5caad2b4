import { randomUUID } from 'node:crypto';
import type { Endpoint } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName } from '../pagerduty/catalogue/index.ts';
import { type Admitted, admit, identify, type Received } from './admission.ts';
import { budgetHeaders, type Limiter } from './budget.ts';
import type { Budgets } from './budgets.ts';
import { htmlReply, replyInstead } from './fault-replies.ts';
import type { Fault, Faults, Operation } from './faults.ts';
import type { Outcome } from './handlers/handler.ts';
import { handlers } from './handlers/index.ts';
import type { Holds } from './holds.ts';
import { isFields, parseJson } from './input.ts';
import type { KeyMask } from './key-mask.ts';
import { issueToken } from './oauth.ts';
import { Query } from './query.ts';
import { errorBody, Refusal } from './refusal.ts';
import { emptyReply, jsonReply, type Reply, throttled } from './reply.ts';
import { bodyForLog, type RequestLog, type RequestRecord } from './request-log.ts';
import type { Deliveries } from './webhooks/deliveries.ts';
import type { World } from './world.ts';

/** Everything one simulator is made of. */
export interface Parts {
  readonly world: World;
  readonly budgets: Budgets;
  /** Per routing key; absent: no limit. */
  readonly eventsLimit: Limiter | undefined;
  readonly faults: Faults;
  readonly holds: Holds;
  readonly requests: RequestLog;
  readonly mask: KeyMask;
  readonly deliveries: Deliveries;
}

/**
 * Answers a request to an operation, or to a path that is none, unless a fault answers instead. What it does is done and noted
 * when this returns. No reply: the connection just closes.
 */
export function answer(
  parts: Parts,
  operation: Operation | null,
  request: Received,
  fault: Fault | undefined,
): Reply | undefined {
  const { world, requests, mask } = parts;
  world.clock.catchUp();
  const requestId = randomUUID();
  const reply = fault?.kind === 'drop_request' ? undefined : replyTo(parts, operation, request, fault);
  requests.add({
    at: new Date(world.clock.now).toISOString(),
    method: request.method,
    path: mask.clean(request.path),
    query: valuesOf(request.query, (value) => mask.clean(value)),
    operation,
    status: reply?.status ?? null,
    from: request.headers.get('from') ?? null,
    user_agent: request.headers.get('user-agent') ?? null,
    request_id: requestId,
    body: bodyForLog(mask, request.text),
    ...(fault ? { fault: fault.kind } : {}),
    ...(request.headers.has('x-simulator-by') ? { by: request.headers.get('x-simulator-by') ?? '' } : {}),
  });
  return reply && withRequestId(reply, operation, requestId);
}

function replyTo(
  parts: Parts,
  operation: Operation | null,
  request: Received,
  fault: Fault | undefined,
): Reply {
  if (operation === null) return jsonReply(404, errorBody(2100, 'Not Found'));
  const instead = fault && replyInstead(fault, apiOf(operation));
  if (instead) return instead;
  if (operation === 'oauthToken') return issueToken(parts.world, request);
  if (apiOf(operation) === 'events') return eventReply(parts, operation, request);
  return restReply(parts, operation, request);
}

const apiOf = (operation: Operation): Endpoint['api'] =>
  operation === 'oauthToken' ? 'rest' : catalogue[operation].api;

function restReply({ world, budgets }: Parts, operation: OperationName, request: Received): Reply {
  const credential = identify(world, request);
  if (!credential) return unauthorized(world);
  const standing = budgets.take(credential, operation, world.clock.now);
  const headers = standing ? budgetHeaders(standing) : {};
  try {
    if (standing?.allowed === false) throw new Refusal(2020);
    const admitted = admit(world, operation, catalogue[operation], credential, request);
    return replyOf(handle(world, operation, request, admitted), headers);
  } catch (error) {
    if (error instanceof Refusal) return jsonReply(error.status, error.body, headers);
    throw error;
  }
}

/** PagerDuty often sends a 401 without a body, or with a page of HTML (PagerDuty/go-pagerduty#469). */
function unauthorized({ settings }: World): Reply {
  switch (settings.unauthorized_body) {
    case 'empty':
      return emptyReply(401);
    case 'html':
      return htmlReply(401);
    case 'json':
      return jsonReply(401, new Refusal(2006).body);
  }
}

function eventReply({ world, eventsLimit }: Parts, operation: OperationName, request: Received): Reply {
  if (Buffer.byteLength(request.text) > longestEvent) {
    return jsonReply(413, { status: 'invalid event', message: 'Event object is too large' });
  }
  const body = parseJson(request.text);
  const integration = isFields(body) ? world.integrationOf(String(body['routing_key'])) : undefined;
  const standing = integration && eventsLimit?.take(integration.id, world.clock.now);
  if (standing?.allowed === false) return throttled;
  return replyOf(handle(world, operation, request, { body, actor: undefined }), {});
}

/** Longest event, in bytes. */
const longestEvent = 512 * 1024;

/** The route found the placeholders, `admit` the actor: what a handler's own type says of its call holds. */
function handle(
  world: World,
  operation: OperationName,
  request: Received,
  admitted: Omit<Admitted, 'credential'>,
): Outcome {
  const call = { world, params: request.params, query: new Query(request.query), ...admitted };
  return (handlers[operation] as (call: unknown) => Outcome)(call);
}

const replyOf = ({ status, body }: Outcome, headers: Reply['headers']): Reply => {
  if (body !== undefined) return jsonReply(status, body, headers);
  const { headers: none, text } = emptyReply(status);
  return { status, headers: { ...(status === 204 ? {} : none), ...headers }, text };
};

/** Only REST is known to send one. */
function withRequestId(reply: Reply, operation: Operation | null, requestId: string): Reply {
  if (operation !== null && apiOf(operation) === 'events') return reply;
  return { ...reply, headers: { ...reply.headers, 'x-request-id': requestId } };
}

const valuesOf = (query: URLSearchParams, clean: (value: string) => string): RequestRecord['query'] =>
  Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).map(clean)]));
