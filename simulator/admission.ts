import type { Endpoint } from '../pagerduty/catalogue/endpoint.ts';
import { isFields, parseJson } from './input.ts';
import type { Credential, User } from './model.ts';
import { checkMayWrite, checkScope } from './permissions.ts';
import { PlainRefusal, Refusal } from './refusal.ts';
import type { World } from './world.ts';

/** A request as HTTP brought it. Header names in lower case. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/**
 * Whose key or token it is; `undefined` for an unknown or expired one, for one of the other kind (`Bearer` with an API key), or
 * for another format, such as `Token KEY` without `token=`.
 */
export function identify({ credentials, clock }: World, { headers }: Received): Credential | undefined {
  const header = headers.get('authorization') ?? '';
  const [, apiKey] = /^Token token=(\S+)$/.exec(header) ?? [];
  const [, token] = /^Bearer (\S+)$/i.exec(header) ?? [];
  const credential = credentials.get(apiKey ?? token ?? '');
  if (!credential || (credential.scheme === 'Bearer') !== (token !== undefined)) return undefined;
  return (credential.expiresAt ?? Number.POSITIVE_INFINITY) > clock.now ? credential : undefined;
}

/** What a request that may be served brings along. */
export interface Admitted {
  /** What was sent, as JSON. */
  readonly body: unknown;
  readonly credential: Credential;
  /** In whose name: by the credential, or by `From`. */
  readonly actor: User | undefined;
}

/** @throws Refusal for what is wrong with a request before anybody looks at what it asks. */
export function admit(
  world: World,
  name: string,
  endpoint: Endpoint,
  credential: Credential,
  request: Received,
): Admitted {
  const { settings } = world;
  if (settings.account_expired) throw new Refusal(2012);
  checkAccept(request);
  checkScope(endpoint, credential);
  checkAbilities(settings.missing_abilities, name, endpoint, request);
  if (endpoint.token === 'user' && credential.userId === null) throw new PlainRefusal(accountKeySentence);
  const user = credential.userId === null ? undefined : world.users.get(credential.userId);
  if (endpoint.method === 'GET') return { body: undefined, credential, actor: user };
  const body = readBody(endpoint, request);
  const actor = user ?? readFrom(world, endpoint, request);
  checkMayWrite(endpoint, actor);
  return { body, credential, actor };
}

/** By this answer PagerDuty's own clients tell the kinds of keys apart: the error is a text, not an object. */
const accountKeySentence =
  "This endpoint needs a user's own credential: it does not work with an account-level access token.";

/**
 * PagerDuty's OpenAPI marks the header as required on every call and names no status for its absence; a missing argument is
 * 400 by its error list, which has no 406.
 */
function checkAccept({ headers }: Received): void {
  const accepted = (headers.get('accept') ?? '')
    .split(',')
    .map((type) => type.replace(/\s/g, '').toLowerCase());
  if (accepted.includes('application/vnd.pagerduty+json;version=2')) return;
  throw new Refusal(2001, 'The Accept header must be application/vnd.pagerduty+json;version=2.');
}

function checkAbilities(
  missing: readonly string[],
  name: string,
  { scope }: Endpoint,
  { query }: Received,
): void {
  if (missing.length === 0) return;
  const needed = [
    name,
    ...(scope.startsWith('teams.') || query.has('team_ids[]') ? ['teams'] : []),
    ...(query.has('urgencies[]') ? ['urgencies'] : []),
  ];
  if (needed.some((ability) => missing.includes(ability))) throw new Refusal(2014);
}

/** As seen live (PagerDuty/go-pagerduty#89), also for a body that is no JSON object. */
function readBody({ request }: Endpoint, { headers, text }: Received): unknown {
  const schema = request.shape['body'];
  const isOptional = !schema || schema.safeParse(undefined).success;
  if (isOptional && text === '') return {};
  const isJson = /^application\/([\w.-]+\+)?json\b/i.test(headers.get('content-type') ?? '');
  const body = isJson ? parseJson(text) : undefined;
  if (!isFields(body)) throw new Refusal(2001, 'params must be a Hash');
  return body;
}

/** A user's key speaks for its user, whatever `From` says; an account's key, or an app's token, needs it to know who acts. */
function readFrom(world: World, { from: need }: Endpoint, { headers }: Received): User | undefined {
  const from = headers.get('from');
  if (need === 'none' || (need === 'optional' && !from)) return undefined;
  if (!from) throw new Refusal(2016);
  const user = world.userByEmail(from);
  if (!user) throw new Refusal(1008);
  return user;
}
