import { type Dispatcher, request as fetchOverHttp } from 'undici';
import { z } from 'zod';
import { PagerDutyError } from './errors.ts';
import { oneLine } from './text.ts';

/** An OAuth app of an account: it acts for itself, on the whole account, as far as its scopes reach. */
export interface OAuthApp {
  readonly identityUrl: string;
  readonly region: 'us' | 'eu';
  readonly subdomain: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly dispatcher: Dispatcher;
}

/** A bearer token, good until `expiresAt` (milliseconds since 1970). */
export interface OAuthToken {
  readonly accessToken: string;
  /** What PagerDuty granted; it drops scopes it does not know, or did not give the app, without a word. */
  readonly scopes: ReadonlySet<string>;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

const Granted = z.looseObject({
  access_token: z.string().min(1),
  expires_in: z.number().positive(),
  scope: z.string().default(''),
});

/** How long PagerDuty has to answer. */
const limitMs = 3_000;

/**
 * Asks for an app's token by client credentials.
 * @throws PagerDutyError that never holds the secret: the app is refused, or PagerDuty does not answer.
 * @see https://developer.pagerduty.com/docs/app-oauth-token
 */
export async function requestToken(app: OAuthApp, now: number): Promise<OAuthToken> {
  const asked = [`as_account-${app.region}.${app.subdomain}`, ...app.scopes];
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: app.clientId,
    client_secret: app.clientSecret,
    scope: asked.join(' '),
  });
  let status: number;
  let text: string;
  try {
    const answer = await fetchOverHttp(`${app.identityUrl.replace(/\/+$/, '')}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: form.toString(),
      signal: AbortSignal.timeout(limitMs),
      dispatcher: app.dispatcher,
    });
    status = answer.statusCode;
    text = await answer.body.text();
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    throw new PagerDutyError(`PagerDuty did not answer the request for an OAuth token (${why}).`, {
      kind: 'Unavailable',
      effect: 'nothing',
    });
  }
  if (status >= 500 || status === 429) {
    throw new PagerDutyError(`PagerDuty answered ${status} to the request for an OAuth token.`, {
      kind: status === 429 ? 'RateLimited' : 'Unavailable',
      effect: 'nothing',
      status,
    });
  }
  const granted = Granted.safeParse(jsonIn(text));
  if (status < 200 || status > 299 || !granted.success) {
    throw new PagerDutyError(
      `PagerDuty refused an OAuth token to the app ${oneLine(app.clientId, 60)} (${status}${reason(text)}); check its client_id, client_secret, subdomain and scopes.`,
      { kind: 'Unauthenticated', effect: 'nothing', status },
    );
  }
  const { access_token, expires_in, scope } = granted.data;
  return {
    accessToken: access_token,
    scopes: new Set(scope.split(/\s+/).filter(Boolean)),
    issuedAt: now,
    expiresAt: now + expires_in * 1000,
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The error's own word, such as `invalid_client`; its description may repeat what was sent. */
function reason(text: string): string {
  const parsed = z.looseObject({ error: z.string().regex(/^[a-z_]{1,40}$/) }).safeParse(jsonIn(text));
  return parsed.success ? `, ${parsed.data.error}` : '';
}
