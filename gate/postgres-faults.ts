import pg from 'pg';
import { reasonOf, StoreFault } from './store-away.ts';

/** Nothing came within its time; PostgreSQL may still be at it. */
export class TimeUp extends Error {
  override readonly name = 'TimeUp';
}

/** Whether it seems to hang: it takes no connection, or does not answer over one. A connection that was not free in time says nothing. */
export const isSilence = (error: unknown): boolean =>
  error instanceof TimeUp || (error instanceof Error && error.message.endsWith('due to connection timeout'));

/** The transaction, or what was asked, did nothing; another try at once may do. */
const givenUp = ['40001', '40P01'];

/**
 * Says that the connection is of no further use: PostgreSQL ends it, goes down, comes up or has become a standby, or nobody
 * knows what state it is in.
 */
export const isLost = (error: unknown): boolean =>
  !(error instanceof pg.DatabaseError) || /^(08|57P|25006)/.test(error.code ?? '');

/** Of a statement that was no commit: whatever it did, its transaction never was one. */
export const statementFault = (error: unknown): StoreFault =>
  error instanceof StoreFault
    ? error
    : new StoreFault(wordsOf(error), { effect: 'none', again: mayGoAgain(error) }, error);

/**
 * Of a commit. Only where PostgreSQL itself says that it gave the transaction up is that sure: a connection can end after the
 * commit and before its answer, and so can PostgreSQL's patience with a standby.
 */
export function commitFault(error: unknown): StoreFault {
  if (error instanceof StoreFault) return error;
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  if (givenUp.includes(code) || code.startsWith('23')) return statementFault(error);
  return new StoreFault(
    `it was lost while it committed, so whether it kept this is not known (${wordsOf(error)})`,
    { effect: 'unknown', again: false },
    error,
  );
}

/**
 * Of a connection that was not made. What PostgreSQL, TLS or the URL's reader say of it can hold parts of the URL, such as half a
 * password that was not escaped, so none of their words go on; nor does the error itself.
 */
export function connectFault(error: unknown): StoreFault {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const [, words] = whyNotConnected.find(([pattern]) => pattern.test(code || reasonOf(error))) ?? [];
  const shown = /^\w{1,40}$/.test(code) ? ` (${code})` : '';
  return new StoreFault(`${words ?? 'no connection could be made'}${shown}`, {
    effect: 'none',
    again: false,
  });
}

/** By code, or by the driver's own words where it gives none. */
const whyNotConnected: readonly (readonly [RegExp, string])[] = [
  [/^ECONNREFUSED$/, 'nobody listens where DATABASE_URL points to'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'the host that DATABASE_URL names is not known'],
  [/^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/, 'the host that DATABASE_URL names cannot be reached'],
  [/timeout/, 'no connection was free, or made, in time'],
  [/^(ECONNRESET|EPIPE|57P01|57P02)$|^Connection terminated/, 'it closed the connection'],
  [/^57P03$/, 'it is starting or going down'],
  [/^53300$/, 'it has no connection left to give'],
  [/^28/, 'it refuses the user or the password of DATABASE_URL'],
  [/client password must be a/, 'it asks for a password, and DATABASE_URL has none'],
  [/^3D000$/, 'it has no database of the name in DATABASE_URL'],
  [/does not support SSL/, 'it offers no TLS, and DATABASE_URL asks for it'],
  [/^(CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/, 'its TLS certificate is not trusted'],
  [/^(ENOENT|EACCES|EISDIR)$/, 'a certificate or key file that DATABASE_URL names cannot be read'],
  [
    /^ERR_INVALID_URL$|^URI malformed/,
    'DATABASE_URL cannot be read; in a password % is written %25, / %2F, # %23, ? %3F, @ %40 and : %3A',
  ],
];

/** A connection that broke, unlike one that does not answer, may be followed by a better one. */
const mayGoAgain = (error: unknown): boolean =>
  error instanceof pg.DatabaseError
    ? givenUp.includes(error.code ?? '') || isLost(error)
    : !(error instanceof TimeUp);

const wordsOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `${reasonOf(error)}${code}`;
};
