import { type Dispatcher, request as fetchOverHttp } from 'undici';
import { type Endpoint, isWrite } from './catalogue/endpoint.ts';
import { catalogue, type OperationName, type RequestOf, type ResponseOf } from './catalogue/index.ts';
import { effectOf, explain, kindOf, PagerDutyError } from './errors.ts';
import { first, type Headers, type Meter, retryAfterMs, standingOf } from './rate-limit.ts';
import { type SecretKeeper, secretIn, withoutSecretFields, withPlace } from './secrets.ts';
import { cleanAll, oneLine } from './text.ts';

/** Who calls where, with which credential. Made from the account's configuration inside the Worker; never leaves it. */
export interface Connection {
  readonly restUrl: string;
  readonly eventsUrl: string;
  /** The whole `Authorization` value: `Token token=KEY` or `Bearer TOKEN`. */
  readonly authorization: string;
  /** Login e-mail for the `From` header, by action; `default` for all others. */
  readonly from: Readonly<Record<string, string>>;
  /** What an OAuth app was granted; absent for other credentials. */
  readonly scopes?: ReadonlySet<string>;
  /** Forgets an OAuth token that PagerDuty takes no longer. */
  readonly drop?: () => void;
  /** Routing key by its name in the configuration. */
  readonly routingKeys: ReadonlyMap<string, string>;
  /** Who keeps what an answer tells only once; where there is none it is withheld, and lost. */
  readonly keeper?: SecretKeeper;
  /** Who counts what is sent; where there is none nothing is counted, or held back. */
  readonly meter?: Meter;
  /** Who traces what is sent; PagerDuty is told nothing of it. */
  readonly watch?: Watch;
  readonly dispatcher: Dispatcher;
  /** What asks where it is not a run, for people who look at who uses the key. */
  readonly by?: string;
}

/** Hears of each request as it leaves, and gives who hears how it ended: the answer's status, and the kind of what went wrong. */
export type Watch = (request: {
  readonly method: string;
  /** As the catalogue has it, without an id. */
  readonly path: string;
  readonly host: string;
}) => (ended: { readonly status?: number | undefined; readonly kind?: string }) => void;

/** A 2xx, parsed. */
export interface Answer<Name extends OperationName> {
  readonly response: ResponseOf<Name>;
  readonly status: number;
  readonly requestId: string | undefined;
  /** PagerDuty's clock as it answered, milliseconds since 1970; absent where it did not say. */
  readonly at: number | undefined;
}

/** How long a request may take, in milliseconds: 3 s a read, 8 s a write. */
export const timeLimitMs = (endpoint: Endpoint): number => (isWrite(endpoint) ? 8_000 : 3_000);

/** With less time than this a request is not worth sending: it would be cut off, and nobody would know what came of it. */
const leastMs = 1_000;

/** Where PagerDuty's two APIs stand, by region. */
export const hosts = {
  us: {
    rest: 'https://api.pagerduty.com',
    events: 'https://events.pagerduty.com',
    identity: 'https://identity.pagerduty.com',
  },
  eu: {
    rest: 'https://api.eu.pagerduty.com',
    events: 'https://events.eu.pagerduty.com',
    identity: 'https://identity.pagerduty.com',
  },
} as const;

const userAgent = 'oncall-runner/0.1.0';

type Scalar = string | number | boolean;

/** What travels, once the catalogue has parsed it. */
interface Parsed {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, Scalar | readonly Scalar[] | undefined>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly routingKey?: string;
}

/**
 * Sends one request and parses its answer. The only place that talks to PagerDuty; `activities/perform.ts` is its only user.
 * Never retries: a wait belongs to the Task Queue, where people see it.
 * @param limitMs how long it may take, from now on; with less than a second left nothing is sent.
 * @throws PagerDutyError for everything but a 2xx that parses; its facts say whether a write can have had an effect.
 */
export async function send<Name extends OperationName>(
  connection: Connection,
  name: Name,
  request: RequestOf<Name>,
  limitMs: number = timeLimitMs(catalogue[name]),
): Promise<Answer<Name>> {
  const endpoint: Endpoint = catalogue[name];
  const parsed = endpoint.request.parse(request) as Parsed;
  const what = `${endpoint.method} ${pathOf(endpoint, parsed)}`;
  checkScope(connection, endpoint, what);
  if (endpoint.tellsSecret) prepareToKeep(connection, what);
  if (limitMs < leastMs) {
    throw new PagerDutyError(`${what} was not sent: the time for it was over before it could leave.`, {
      kind: 'Unavailable',
      effect: 'nothing',
    });
  }
  checkPace(connection, name, what);
  const limit = AbortSignal.timeout(Math.ceil(limitMs));
  let sent = false;
  const answered = connection.meter?.leaves(name);
  const { method, path } = endpoint;
  let ended: ReturnType<Watch> | undefined;
  try {
    const url = urlOf(connection, endpoint, parsed);
    ended = connection.watch?.({ method, path, host: new URL(url).host });
    const answer = await fetchOverHttp(url, {
      method,
      headers: headersOf(connection, endpoint, request),
      body: bodyOf(connection, parsed),
      signal: limit,
      dispatcher: connection.dispatcher,
    });
    sent = true;
    answered?.(standingOf(answer.headers));
    const text = await answer.body.text();
    const understood = understand(connection, name, what, answer.statusCode, answer.headers, text);
    ended?.({ status: answer.statusCode });
    return understood;
  } catch (error) {
    const failed = error instanceof PagerDutyError ? error : lost(what, error, sent, limit.aborted, limitMs);
    ended?.(failed.facts);
    throw failed;
  }
}

/** The path with its parameters filled in; each is one segment, whatever it holds. Ids are letters and digits, so none is a dot. */
export const pathOf = (endpoint: Pick<Endpoint, 'path'>, { params = {} }: Pick<Parsed, 'params'>): string =>
  endpoint.path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params[key] ?? ''));

function urlOf(connection: Connection, endpoint: Endpoint, parsed: Parsed): string {
  const base = endpoint.api === 'events' ? connection.eventsUrl : connection.restUrl;
  const url = new URL(`${base.replace(/\/+$/, '')}${pathOf(endpoint, parsed)}`);
  for (const [key, value] of Object.entries(parsed.query ?? {})) {
    for (const one of [value].flat()) if (one !== undefined) url.searchParams.append(key, String(one));
  }
  return url.href;
}

/** An app's token lacks the scopes that PagerDuty dropped: it is told here, in words, rather than by a 403 without a code. */
function checkScope({ scopes }: Connection, { scope }: Endpoint, what: string): void {
  if (!scopes || !scope.includes('.') || scopes.has(scope)) return;
  throw new PagerDutyError(
    `${what} needs the OAuth scope ${scope}, which PagerDuty did not give this app; add it to the app in PagerDuty.`,
    { kind: 'Forbidden', effect: 'nothing' },
  );
}

/** What PagerDuty would refuse now is not sent: it waits as after a refusal, and costs nobody a request. */
function checkPace({ meter }: Connection, name: OperationName, what: string): void {
  const waitMs = meter?.waitMs(name) ?? 0;
  if (waitMs <= 0) return;
  throw new PagerDutyError(`${what} was not sent: PagerDuty's limit has no room for it now.`, {
    kind: 'RateLimited',
    effect: 'nothing',
    retryAfterMs: waitMs,
  });
}

function headersOf(connection: Connection, endpoint: Endpoint, request: unknown): Record<string, string> {
  const headers: Record<string, string> = {
    'user-agent': connection.by === undefined ? userAgent : `${userAgent} (${connection.by})`,
  };
  if (endpoint.method !== 'GET') headers['content-type'] = 'application/json';
  if (endpoint.api === 'events') return headers;
  headers['accept'] = 'application/vnd.pagerduty+json;version=2';
  headers['authorization'] = connection.authorization;
  if (endpoint.from !== 'none') {
    const [action = ''] = endpoint.actions(request as never, () => undefined);
    headers['from'] = connection.from[action] ?? connection.from['default'] ?? '';
  }
  return headers;
}

function bodyOf(connection: Connection, { body, routingKey }: Parsed): string | null {
  if (routingKey === undefined) return body === undefined ? null : JSON.stringify(body);
  const key = connection.routingKeys.get(routingKey);
  if (key === undefined) {
    throw new PagerDutyError(
      `This account has no routing key named ${oneLine(routingKey)}; add it under routing_keys in the configuration.`,
      { kind: 'InvalidRequest', effect: 'nothing' },
    );
  }
  return JSON.stringify({ routing_key: key, ...body });
}

function understand<Name extends OperationName>(
  connection: Connection,
  name: Name,
  what: string,
  status: number,
  headers: Headers,
  text: string,
): Answer<Name> {
  const endpoint: Endpoint = catalogue[name];
  const requestId = first(headers['x-request-id']);
  const { read, value } = json(text);
  const isDone = status >= 200 && status <= 299;
  const place =
    endpoint.tellsSecret && isDone ? kept(connection, what, value, { status, requestId }) : undefined;
  const clean = withoutSecretFields(cleanAll(value));
  const body = place === undefined ? clean : withPlace(clean, place);
  if (!isDone) {
    const { message, code } = explain(body);
    throw new PagerDutyError(
      `PagerDuty answered ${status} to ${what}: ${withoutSecrets(connection, oneLine(message, 500))}`,
      {
        kind: kindOf(status),
        effect: effectOf(status),
        status,
        code,
        requestId,
        retryAfterMs: status === 429 ? retryAfterMs(headers) : undefined,
      },
    );
  }
  if (!read) {
    throw new PagerDutyError(`PagerDuty answered ${status} to ${what} with something that is not JSON.`, {
      kind: 'Unavailable',
      effect: 'unknown',
      status,
      requestId,
    });
  }
  const response = endpoint.response.safeParse(body);
  if (!response.success) {
    const where = response.error.issues[0]?.path.join('.') || 'the body';
    throw new PagerDutyError(
      `PagerDuty answered ${status} to ${what}, but ${where} is not as its documentation says.`,
      {
        kind: 'UnexpectedResponse',
        effect: 'unknown',
        status,
        requestId,
      },
    );
  }
  const date = Date.parse(first(headers['date']) ?? '');
  return {
    response: response.data as ResponseOf<Name>,
    status,
    requestId,
    at: Number.isFinite(date) ? date : undefined,
  };
}

/** @throws PagerDutyError before anything is sent, where the secret that will be told could not be kept. */
function prepareToKeep({ keeper }: Connection, what: string): void {
  try {
    keeper?.prepare();
  } catch (error) {
    throw new PagerDutyError(
      `${what} was not sent: the secret that PagerDuty tells only once could not be kept (${reasonOf(error)}).`,
      {
        kind: 'InvalidRequest',
        effect: 'nothing',
        mend: 'Let the Worker write below ONCALL_HOME/webhook-secrets, then create the subscription again.',
      },
    );
  }
}

/** Keeps the secret that an answer tells, and gives its place. */
function kept(
  { keeper }: Connection,
  what: string,
  answer: unknown,
  came: Pick<PagerDutyError['facts'], 'status' | 'requestId'>,
): string | undefined {
  const told = secretIn(answer);
  if (!told || !keeper) return undefined;
  try {
    return keeper.keep(told.subscription, told.secret);
  } catch (error) {
    throw new PagerDutyError(
      `PagerDuty answered ${what} with the webhook subscription ${told.subscription}, but its secret, which is told only once, could not be kept (${reasonOf(error)}).`,
      {
        ...came,
        kind: 'UnexpectedResponse',
        effect: 'unknown',
        mend: `Delete the webhook subscription ${told.subscription}: nobody knows its secret. Then let the Worker write below ONCALL_HOME/webhook-secrets, and create another.`,
      },
    );
  }
}

/** A system's code, never its words: they could hold what was to be written. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'it could not be written';

/** No answer, or half of one. Only a connection that was never made proves that nothing happened. */
function lost(
  what: string,
  error: unknown,
  sent: boolean,
  timedOut: boolean,
  limitMs: number,
): PagerDutyError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const never =
    !sent &&
    ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_INVALID_ARG'].includes(
      code,
    );
  const why = timedOut
    ? `no answer within ${Math.round(limitMs / 1000)} s`
    : code || (error instanceof Error ? error.name : 'no reason');
  return new PagerDutyError(
    never
      ? `PagerDuty cannot be reached for ${what} (${why}).`
      : `The answer of PagerDuty to ${what} was lost (${why}).`,
    { kind: 'Unavailable', effect: never ? 'nothing' : 'unknown' },
  );
}

function json(text: string): { readonly read: boolean; readonly value?: unknown } {
  if (text === '') return { read: true };
  try {
    return { read: true, value: JSON.parse(text) };
  } catch {
    return { read: false };
  }
}

/** PagerDuty's words without what an answer repeats of the request. */
function withoutSecrets({ authorization, routingKeys }: Connection, words: string): string {
  const secrets = [authorization.replace(/^(Token token=|Bearer )/, ''), ...routingKeys.values()].filter(
    Boolean,
  );
  return secrets.reduce((text, secret) => text.replaceAll(secret, '(secret)'), words);
}
