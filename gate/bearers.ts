import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type AuditRecord, append, entryOfNoRun } from './audit.ts';
import { type BearerRow, type Store, transact, withStore } from './audit-store.ts';
import { digestOf, sha256 } from './canonical.ts';
import { nameOf } from './words.ts';

type Reads = Pick<Store, 'selectFrom'>;

/** What the token of an agent looks like; `oncall_ID_SECRET`. */
const shape = /^oncall_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

/**
 * Makes a token by which an agent comes to a front door, and writes down that it was made. Only its hash is kept.
 * @returns the token, which nobody can show again, and its id.
 */
export async function giveBearer(
  store: Store,
  given: { readonly agent: string; readonly byWhom: string; readonly expiresAt: number },
  now = new Date(),
): Promise<{ readonly token: string; readonly id: string }> {
  const id = randomBytes(8).toString('hex');
  const token = `oncall_${id}_${randomBytes(32).toString('base64url')}`;
  const { agent, expiresAt } = given;
  const byWhom = nameOf(given.byWhom);
  const row: BearerRow = {
    id,
    agent,
    hash: sha256(token),
    made_at: now.toISOString(),
    by_whom: byWhom,
    expires_at: expiresAt,
    revoked: null,
  };
  const until = `${new Date(expiresAt).toISOString().slice(0, 16)}Z`;
  await transact(store, async (tx) => {
    await tx.insertInto('bearers').values(row).execute();
    const sentence = `${byWhom} gave ${agent} the token ${id}, until ${until}.`;
    await append(tx, [recordOf(row, 'give', byWhom, sentence)], now);
  });
  return { token, id };
}

/**
 * Revokes all tokens of an agent, or one of them: from the next decision and the next request on, on every machine.
 * @returns the ids of those that held until now.
 */
export async function revokeBearers(
  store: Store,
  revoked: { readonly agent: string; readonly id?: string | undefined; readonly byWhom: string },
  now = new Date(),
): Promise<readonly string[]> {
  const byWhom = nameOf(revoked.byWhom);
  const words = `since ${now.toISOString().slice(0, 16)}Z by ${byWhom}`;
  return transact(store, async (tx) => {
    const { agent, id } = revoked;
    const rows = await tx
      .selectFrom('bearers')
      .selectAll()
      .where('agent', '=', agent)
      .where('revoked', 'is', null)
      .$if(id !== undefined, (query) => query.where('id', '=', id ?? ''))
      .execute();
    const records = rows.map((row) =>
      recordOf(row, 'revoke', byWhom, `${byWhom} revoked the token ${row.id} of ${agent}.`),
    );
    for (const row of rows)
      await tx.updateTable('bearers').set({ revoked: words }).where('id', '=', row.id).execute();
    if (records.length > 0) await append(tx, records, now);
    return rows.map((row) => row.id);
  });
}

/** The tokens that were given to an agent, the newest first; of what they are only what may be told. */
export const bearersOf = (store: Store, agent: string): Promise<readonly Omit<BearerRow, 'hash'>[]> =>
  withStore(() =>
    store
      .selectFrom('bearers')
      .select(['id', 'agent', 'made_at', 'by_whom', 'expires_at', 'revoked'])
      .where('agent', '=', agent)
      .orderBy('made_at', 'desc')
      .execute(),
  );

/** Whose token it is, or why it is good for nothing. `agent` stands beside a refusal where the token was once good. */
export type Presented =
  | { readonly ok: true; readonly id: string; readonly agent: string; readonly expiresAt: number }
  | { readonly ok: false; readonly why: string; readonly agent?: string };

/** Looks up a token that somebody shows. */
export async function bearerShown(store: Store, token: string, now = Date.now()): Promise<Presented> {
  const [, id] = shape.exec(token) ?? [];
  const row = id === undefined ? undefined : await withStore(() => rowOf(store, id));
  const isIts = row !== undefined && timingSafeEqual(Buffer.from(row.hash), Buffer.from(sha256(token)));
  if (!isIts) return { ok: false, why: 'the token is none that was given' };
  const { agent, expires_at: expiresAt } = row;
  const lost = await withStore(() => bearerLost(store, row));
  if (lost !== null) return { ok: false, why: lost, agent };
  if (expiresAt <= now)
    return {
      ok: false,
      why: `the token expired at ${new Date(expiresAt).toISOString().slice(0, 16)}Z`,
      agent,
    };
  return { ok: true, id: row.id, agent, expiresAt };
}

/** Why what came by this token counts no more, in words; `null` where it does. Asked in the transaction of a decision, it holds on all machines. */
export async function bearerLost(
  db: Reads,
  { id, agent }: { readonly id: string; readonly agent: string },
): Promise<string | null> {
  const row = await rowOf(db, id);
  if (row?.agent !== agent) return 'the token by which it came is none that was given to it';
  if (row.revoked !== null) return `the token by which it came was revoked ${row.revoked}`;
  // The record knows it as well: one whose row was changed afterwards is revoked as it was.
  const records = await db
    .selectFrom('audit')
    .select('record')
    .where('workflow_id', '=', '')
    .where('action', '=', 'bearer.revoke')
    .execute();
  const revoking = records
    .map(({ record }) => JSON.parse(record) as AuditRecord & { readonly at: string })
    .find(({ step }) => step === id);
  return revoking
    ? `the token by which it came was revoked since ${revoking.at.slice(0, 16)}Z by ${revoking.agent}`
    : null;
}

const rowOf = (db: Reads, id: string): Promise<BearerRow | undefined> =>
  db.selectFrom('bearers').selectAll().where('id', '=', id).executeTakeFirst();

/** A token's own record: no account, no run. */
const recordOf = (
  { id, agent }: BearerRow,
  what: 'give' | 'revoke',
  who: string,
  sentence: string,
): AuditRecord =>
  entryOfNoRun({
    agent: who,
    step: id,
    operation: `bearer.${what}`,
    decision: 'allowed',
    rule: what === 'give' ? 'widens by hand' : 'narrows',
    sentence,
    requestDigest: digestOf([id, agent]),
  });
