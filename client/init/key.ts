import { resolve } from 'node:path';
import { type Account, type Credential, SecretRef } from '../../gate/configuration.ts';
import type { Secrets } from '../../gate/secrets.ts';
import { lookAtCredential } from '../doctor/credentials.ts';
import { OncallError, UsageError } from '../errors.ts';
import { Stopped } from '../processes.ts';
import { said } from '../words.ts';
import type { Reader } from './reading.ts';

/** Where an account stands: PagerDuty's own regions, or two addresses. */
export type Region =
  | { readonly region: 'us' | 'eu' }
  | { readonly region: 'custom'; readonly rest_url: string; readonly events_url: string };

/** Where the key lies, as a person says it. A key itself is refused, and not repeated. */
export function refOf(words: string): SecretRef {
  const [, path] = /^file:(\S.*)$/.exec(words) ?? [];
  const parsed = SecretRef.safeParse(path === undefined ? words : `file:${resolve(path)}`);
  if (parsed.success) return parsed.data;
  throw new UsageError(
    path === undefined
      ? '--token says where the key lies, and is never the key: env:NAME, or file:PATH of a file that only you can read.'
      : '--token names a file whose path has blanks, which oncall.yaml cannot; move it.',
  );
}

/** Region by its name. */
export function regionOf(word: string): Region {
  const region = word.trim().toLowerCase();
  if (region === 'us' || region === 'eu') return { region };
  throw new UsageError('--region is us or eu: a key is taken by the region of its account alone.');
}

/** A key or a token that is kept in one place. */
export type Kept = Extract<Credential, { readonly kind: 'token' | 'bearer' }>;

/** What a key is: an OAuth token can be told by its beginning. */
export function credentialOf(ref: SecretRef, secrets: Secrets): Kept {
  try {
    return { kind: /^pd(us|eu)\+/.test(secrets(ref)) ? 'bearer' : 'token', ref };
  } catch {
    // Whoever looks at it says that it cannot be read.
    return { kind: 'token', ref };
  }
}

/** An account that is to be looked at, before all of it is known. */
export const accountAt = (region: Region, credential: Credential): Account => ({
  ...region,
  credential,
  from: {},
  routing_keys: {},
});

/** Roles that can change nothing. */
const readers = ['read_only_user', 'read_only_limited_user'];

/**
 * Looks whether PagerDuty takes the key, and what kind of key it is.
 * @param elsewhere the same key in the other region, where there is another.
 * @returns what to be warned of, a sentence each with its mend.
 * @throws OncallError with the mend, where nothing can be read with it.
 */
export async function lookAtKey(
  look: { readonly account: Account; readonly secrets: Secrets },
  reader: Reader,
  elsewhere: (() => Promise<boolean>) | undefined,
): Promise<readonly string[]> {
  const { account } = look;
  const { findings, isReadable } = await lookAtCredential(look, {
    of: 'main',
    looker: reader,
    credential: account.credential,
    agents: [],
  });
  const [finding] = findings;
  if (!isReadable) {
    if (await elsewhere?.()) {
      const [here, there] = account.region === 'us' ? ['us', 'eu'] : ['eu', 'us'];
      throw new OncallError(
        `This is a key of the other region: PagerDuty (${here}) does not take it, PagerDuty (${there}) does. Call this with --region ${there}.`,
      );
    }
    throw new OncallError(`${capital(finding?.what ?? 'Nothing can be read')}. Mend: ${finding?.mend}.`);
  }
  // An account's own key: nothing but a write would show whether it may.
  if (!finding) return [];
  const { role } = (await reader.read('getCurrentUser', {})).response.user;
  const mayWrite = readers.includes(role ?? '')
    ? ''
    : `; with the role ${said(role ?? 'of a user', 40)} it may write`;
  return [`${capital(finding.what)}${mayWrite}. Mend: ${readOnly}.`];
}

/** What to take instead. */
export const readOnly =
  'make a read-only API key of the account in PagerDuty (Integrations → API Access Keys, tick Read-only) and put it there';

/** Whether PagerDuty takes a key at all; where it cannot be asked, nobody knows that it does. */
export async function isTaken(reader: Reader): Promise<boolean> {
  try {
    await reader.read('listServices', { query: { limit: 1 } });
    return true;
  } catch (error) {
    if (error instanceof Stopped) throw error;
    return false;
  }
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
