import { Agent } from 'undici';
import type { Account, Credential, SecretRef } from '../gate/configuration.ts';
import type { Secrets } from '../gate/secrets.ts';
import { catalogue } from './catalogue/index.ts';
import { type Connection, hosts } from './http.ts';
import { type OAuthApp, type OAuthToken, requestToken } from './oauth.ts';

/** No answer of PagerDuty's is near this size; a larger one is cut off rather than held. */
const largestAnswerBytes = 32 * 1024 * 1024;

/** A token is renewed when a tenth of its life is left, so that no call starts with one that ends on the way. */
const renewedAt = 0.9;

/** Scopes that an app asks for where the configuration names none: all that operations need. */
const everyScope = [
  ...new Set(Object.values(catalogue).flatMap(({ scope }) => (scope.includes('.') ? [scope] : []))),
];

/** Who sends: the account's credential, or an agent's own where it has one. */
export interface Sender {
  readonly account: Account;
  readonly credential: Credential;
  readonly from: Readonly<Record<string, string>>;
}

export type Connector = (sender: Sender) => Promise<Connection>;

/** Makes connections. All share one pool; secrets are read anew, so a rotated key needs no restart; OAuth tokens are kept until near their end. */
export function connector(secrets: Secrets, now: () => number): Connector {
  const dispatcher = new Agent({
    connect: { timeout: 3_000 },
    maxResponseSize: largestAnswerBytes,
    pipelining: 1,
  });
  const tokens = new Map<string, Promise<OAuthToken>>();

  function tokenFor(app: OAuthApp): { readonly token: Promise<OAuthToken>; readonly drop: () => void } {
    const key = JSON.stringify([app.identityUrl, app.subdomain, app.clientId, app.clientSecret, app.scopes]);
    const known = tokens.get(key);
    const asked = known
      ? known.then((token) =>
          now() < token.issuedAt + (token.expiresAt - token.issuedAt) * renewedAt
            ? token
            : requestToken(app, now()),
        )
      : requestToken(app, now());
    tokens.set(key, asked);
    const drop = (): void => void (tokens.get(key) === asked && tokens.delete(key));
    asked.catch(drop);
    return { token: asked, drop };
  }

  return async ({ account, credential, from }) => {
    const { rest, events, identity } =
      account.region === 'custom'
        ? {
            rest: account.rest_url,
            events: account.events_url,
            identity: account.identity_url ?? account.rest_url,
          }
        : hosts[account.region];
    const common = {
      restUrl: rest,
      eventsUrl: events,
      from,
      routingKeys: new Map(Object.entries(account.routing_keys).map(([name, ref]) => [name, secrets(ref)])),
      dispatcher,
    };
    if (credential.kind !== 'oauth') {
      const scheme = credential.kind === 'token' ? 'Token token=' : 'Bearer ';
      return { ...common, authorization: `${scheme}${headerValue(credential.ref, secrets)}` };
    }
    const { client_id, client_secret, subdomain, scopes = everyScope } = credential;
    const region = account.region === 'eu' ? 'eu' : 'us';
    const { token, drop } = tokenFor({
      identityUrl: identity,
      region,
      subdomain,
      clientId: client_id,
      clientSecret: secrets(client_secret),
      scopes,
      dispatcher,
    });
    const { accessToken, scopes: granted } = await token;
    return { ...common, authorization: `Bearer ${accessToken}`, scopes: granted, drop };
  };
}

function headerValue(ref: SecretRef, secrets: Secrets): string {
  const value = secrets(ref);
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  throw new Error(`What ${ref} holds is no token: it has blanks or letters that no header can carry.`);
}
