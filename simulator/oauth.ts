import { randomBytes } from 'node:crypto';
import type { Received } from './admission.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { World } from './world.ts';

/** The account's name in `as_account-us.NAME`. */
export const subdomain = 'example';

/**
 * `POST /oauth/token` with client credentials, as on PagerDuty's identity host. Scopes that are unknown, or that the app has
 * not, are dropped without a word: the answer says which are left.
 */
export function issueToken(world: World, { text, headers }: Received): Reply {
  const type = headers.get('content-type') ?? '';
  if (!/^application\/x-www-form-urlencoded\b/i.test(type)) {
    return oauthError(400, 'invalid_request', 'The request must be a form.');
  }
  const form = new URLSearchParams(text);
  if (form.get('grant_type') !== 'client_credentials') {
    return oauthError(
      400,
      'unsupported_grant_type',
      'The simulator gives tokens for client_credentials only.',
    );
  }
  const client = world.oauthClients.get(form.get('client_id') ?? '');
  if (!client || client.secret !== form.get('client_secret')) {
    return oauthError(401, 'invalid_client', 'Client authentication failed.');
  }
  const asked = (form.get('scope') ?? '').split(/\s+/).filter((scope) => scope !== '');
  const accounts = asked.filter((scope) => scope.startsWith('as_account-'));
  if (accounts.length !== 1 || !/^as_account-(us|eu)\./.test(accounts[0] ?? '')) {
    return oauthError(400, 'invalid_request', 'Invalid scope');
  }
  if (accounts[0]?.slice('as_account-us.'.length) !== subdomain) {
    return oauthError(400, 'invalid_request', 'The app is not of that account.');
  }
  const scopes = [...new Set(asked)].filter((scope) => client.scopes.includes(scope));
  const seconds = world.settings.oauth_token_seconds;
  // The real ones start so too.
  const token = `pdus+_SIMULATOR${randomBytes(18).toString('hex')}`;
  world.credentials.set(token, {
    key: token,
    access: 'full',
    userId: null,
    scheme: 'Bearer',
    scopes,
    clientId: client.id,
    expiresAt: world.clock.now + seconds * 1000,
  });
  return jsonReply(200, {
    access_token: token,
    token_type: 'bearer',
    expires_in: seconds,
    scope: [...accounts, ...scopes].join(' '),
  });
}

/** Every token that was given out ends now; those of the seed stay. */
export function expireTokens(world: World): number {
  const issued = [...world.credentials.values()].filter(({ expiresAt }) => expiresAt !== undefined);
  for (const credential of issued) world.credentials.set(credential.key, { ...credential, expiresAt: 0 });
  return issued.length;
}

const oauthError = (status: number, error: string, description: string): Reply =>
  jsonReply(status, { error, error_description: description });
