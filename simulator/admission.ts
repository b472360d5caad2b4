import { type Endpoint, isWrite } from '../pagerduty/catalogue/endpoint.ts';
import { isFields, parseJson } from './input.ts';
import type { Credential, User } from './model.ts';
import { Refusal } from './refusal.ts';
import { known, type World } from './world.ts';

/** A request as HTTP brought it. Header names in lower case. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/** Whose key it is; `undefined` for an unknown one or another format, such as `Token KEY` without `token=`. */
export function identify({ credentials }: World, { headers }: Received): Credential | undefined {
  const [, key] = /^Token token=(\S+)$/.exec(headers.get('authorization') ?? '') ?? [];
  return credentials.find((credential) => credential.key === key);
}

/** What a key is counted under: users are counted over all their keys. */
export const bucketOf = ({ key, userId }: Credential): string =>
  userId === null ? `key ${key}` : `user ${userId}`;

/** What a request that may be served brings along. */
export interface Admitted {
  readonly body: unknown;
  readonly actor: User | undefined;
}

/** @throws Refusal for what is wrong with a request before anybody looks at what it asks. */
export function admit(world: World, endpoint: Endpoint, credential: Credential, request: Received): Admitted {
  checkAccept(request);
  if (!isWrite(endpoint)) return { body: undefined, actor: undefined };
  if (credential.access === 'read-only') throw new Refusal(2010);
  const body = readBody(request);
  return { body, actor: endpoint.from === 'required' ? readActor(world, credential, request) : undefined };
}

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

/** As seen live (PagerDuty/go-pagerduty#89), also for a body that is no JSON object. */
function readBody({ headers, text }: Received): unknown {
  const isJson = /^application\/([\w.-]+\+)?json\b/i.test(headers.get('content-type') ?? '');
  const body = isJson ? parseJson(text) : undefined;
  if (!isFields(body)) throw new Refusal(2001, 'params must be a Hash');
  return body;
}

/** A user's key speaks for its user, whatever `From` says; an account's key needs it to know who acts. */
function readActor(world: World, { userId }: Credential, { headers }: Received): User {
  if (userId !== null) return known(world.users, userId);
  const from = headers.get('from');
  if (!from) throw new Refusal(2016);
  const user = world.userByEmail(from);
  if (!user) throw new Refusal(1008);
  return user;
}
