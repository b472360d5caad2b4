import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Somebody who has signed in. */
export interface Session {
  /** Names the session where it may be read: in what is signed, and in the record. It opens nothing. */
  readonly id: string;
  /** Who signed in. */
  readonly name: string;
  /** Stands in every form of this session, and in no other place. */
  readonly formToken: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Why it is over before its time, in a sentence. */
  over?: string;
  /** What is to be told on the next page, once. */
  told?: { readonly sentence: string; readonly isRefusal: boolean };
}

/** What came of a link: who may sign in by it, or why nobody may, in the words that follow "the link". */
export type Shown =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly why: string };

/** Links by which people sign in, each once, and those who have: in this process alone, so that its end ends them. */
export interface Sessions {
  /** A link's secret. */
  readonly invite: (name: string) => string;
  /** Whose link it is, without using it up: whatever looks at a link before its person does must not spend it. */
  readonly look: (link: string) => Shown;
  /** Uses a link up. What it gives opens the session, and is shown to nobody else. */
  readonly signIn: (link: string) => { readonly secret: string; readonly session: Session } | Shown;
  readonly of: (secret: string | undefined) => Session | undefined;
  /** Ends a session for good, and keeps why. */
  readonly end: (session: Session, why: string) => void;
  /** Why the session is over, where it was ended before its time. */
  readonly whyOver: (secret: string | undefined) => string | undefined;
  readonly signOut: (secret: string) => void;
}

/** How long a link can be used, in milliseconds. */
export const linkMs = 5 * 60_000;

/** How long somebody stays signed in: a shift. */
export const sessionMs = 8 * 3_600_000;

interface Link {
  readonly name: string;
  readonly expiresAt: number;
  isUsed: boolean;
}

export function sessionsAt(now: () => number = Date.now): Sessions {
  // By the hash of the secret: what takes longer or shorter to find tells nothing of it.
  const links = new Map<string, Link>();
  const sessions = new Map<string, Session>();

  function forget(): void {
    for (const [key, { expiresAt }] of links) if (expiresAt + sessionMs < now()) links.delete(key);
    for (const [key, { expiresAt }] of sessions) if (expiresAt < now()) sessions.delete(key);
  }

  function linkOf(secret: string): Link | string {
    const link = links.get(keyOf(secret));
    if (!link) return 'is none of this console’s';
    if (link.isUsed) return 'was used already, and each works once';
    return link.expiresAt < now() ? 'is too old: each works for five minutes' : link;
  }

  return {
    invite: (name) => {
      forget();
      const secret = newSecret();
      links.set(keyOf(secret), { name, expiresAt: now() + linkMs, isUsed: false });
      return secret;
    },
    look: (secret) => {
      const link = linkOf(secret);
      return typeof link === 'string' ? { ok: false, why: link } : { ok: true, name: link.name };
    },
    signIn: (written) => {
      const link = linkOf(written);
      if (typeof link === 'string') return { ok: false, why: link };
      link.isUsed = true;
      const secret = newSecret();
      const session: Session = {
        id: randomBytes(8).toString('hex'),
        name: link.name,
        formToken: newSecret(),
        expiresAt: now() + sessionMs,
      };
      sessions.set(keyOf(secret), session);
      return { secret, session };
    },
    of: (secret = '') => {
      const session = sessions.get(keyOf(secret));
      return session && session.over === undefined && session.expiresAt >= now() ? session : undefined;
    },
    end: (session, why) => {
      session.over = why;
    },
    whyOver: (secret = '') => sessions.get(keyOf(secret))?.over,
    signOut: (secret) => void sessions.delete(keyOf(secret)),
  };
}

/** Whether a form is one that this session was shown. */
export function isFormOf({ formToken }: Session, sent: string): boolean {
  const [mine, theirs] = [formToken, sent].map((text) => createHash('sha256').update(text).digest());
  return mine !== undefined && theirs !== undefined && timingSafeEqual(mine, theirs);
}

const newSecret = (): string => randomBytes(32).toString('base64url');
const keyOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
