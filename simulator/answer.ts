import { randomUUID } from 'node:crypto';
import type { Endpoint } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName } from '../pagerduty/catalogue/index.ts';
import { type Admitted, admit, bucketOf, identify, type Received } from './admission.ts';
import { budgetHeaders, type Limiter } from './budget.ts';
import { replyInstead } from './fault-replies.ts';
import type { Fault, Faults } from './faults.ts';
import type { Outcome } from './handlers/handler.ts';
import { handlers } from './handlers/index.ts';
import { isFields, parseJson } from './input.ts';
import { Query } from './query.ts';
import { errorBody, Refusal } from './refusal.ts';
import { emptyReply, jsonReply, type Reply, throttled } from './reply.ts';
import { bodyForLog, type RequestLog, type RequestRecord, withoutKeys } from './request-log.ts';
import type { World } from './world.ts';

/** Everything one simulator is made of. */
export interface Parts {
  readonly world: World;
  /** Per key, or per user over all their keys; absent: no limit, and no headers. */
  readonly restLimit: Limiter | undefined;
  /** Per routing key; absent: no limit. */
  readonly eventsLimit: Limiter | undefined;
  readonly faults: Faults;
  readonly requests: RequestLog;
}

/** The reply to a request, and the fault that strikes it on its way. Without a reply the connection just closes. */
export interface Answer {
  readonly reply: Reply | undefined;
  readonly fault: Fault | undefined;
}

/** Answers a request to an operation, or to a path that is none. What it does is done and noted when this returns. */
export function answer(parts: Parts, operation: OperationName | null, request: Received): Answer {
  const { world, faults, requests } = parts;
  world.clock.catchUp();
  const requestId = randomUUID();
  const fault = operation === null ? undefined : faults.strike(operation);
  const reply = fault?.kind === 'drop_request' ? undefined : replyTo(parts, operation, request, fault);
  requests.add({
    at: new Date(world.clock.now).toISOString(),
    method: request.method,
    path: withoutKeys(world, request.path),
    query: valuesOf(request.query, (value) => withoutKeys(world, value)),
    operation,
    status: reply?.status ?? null,
    from: request.headers.get('from') ?? null,
    request_id: requestId,
    body: bodyForLog(world, request.text),
    ...(fault ? { fault: fault.kind } : {}),
    ...(request.headers.has('x-simulator-by') ? { by: request.headers.get('x-simulator-by') ?? '' } : {}),
  });
  return { reply: reply && withRequestId(reply, operation, requestId), fault };
}

function replyTo(
  parts: Parts,
  operation: OperationName | null,
  request: Received,
  fault: Fault | undefined,
): Reply {
  if (operation === null) return jsonReply(404, errorBody(2100, 'Not Found'));
  const { api } = catalogue[operation];
  const instead = fault && replyInstead(fault, api);
  return (
    instead ??
    (api === 'events' ? eventReply(parts, operation, request) : restReply(parts, operation, request))
  );
}

function restReply({ world, restLimit }: Parts, operation: OperationName, request: Received): Reply {
  const credential = identify(world, request);
  // PagerDuty often sends a 401 without a body (PagerDuty/go-pagerduty#469).
  if (!credential) return emptyReply(401);
  const standing = restLimit?.take(bucketOf(credential), world.clock.now);
  const headers = standing ? budgetHeaders(standing) : {};
  try {
    if (standing?.allowed === false) throw new Refusal(2020);
    const endpoint: Endpoint = catalogue[operation];
    const outcome = handle(world, operation, request, admit(world, endpoint, credential, request));
    return jsonReply(outcome.status, outcome.body, headers);
  } catch (error) {
    if (error instanceof Refusal) return jsonReply(error.status, error.body, headers);
    throw error;
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
  const outcome = handle(world, operation, request, { body, actor: undefined });
  return jsonReply(outcome.status, outcome.body);
}

/** Longest event, in bytes. */
const longestEvent = 512 * 1024;

/** The route found the placeholders, `admit` the actor: what a handler's own type says of its call holds. */
function handle(world: World, operation: OperationName, request: Received, admitted: Admitted): Outcome {
  const call = { world, params: request.params, query: new Query(request.query), ...admitted };
  return (handlers[operation] as (call: unknown) => Outcome)(call);
}

/** Only REST is known to send one. */
function withRequestId(reply: Reply, operation: OperationName | null, requestId: string): Reply {
  if (operation !== null && catalogue[operation].api === 'events') return reply;
  return { ...reply, headers: { ...reply.headers, 'x-request-id': requestId } };
}

const valuesOf = (query: URLSearchParams, clean: (value: string) => string): RequestRecord['query'] =>
  Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).map(clean)]));
