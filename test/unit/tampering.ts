import { type AuditRecord, hashOf } from '../../gate/audit.ts';
import { type AuditRow, type Store, transact } from '../../gate/audit-store.ts';
import { canonical } from '../../gate/canonical.ts';

// What somebody with the rights of the database user can do to the store.

/** Sets columns of one row. */
export async function setColumns(store: Store, seq: number, columns: Partial<AuditRow>): Promise<void> {
  await transact(store, (tx) => tx.updateTable('audit').set(columns).where('seq', '=', seq).execute());
}

/** Changes the content of a record, its columns with it; the hashes stay as they are. */
export async function rewrite(store: Store, seq: number, change: Partial<AuditRecord>): Promise<void> {
  const row = await rowAt(store, seq);
  const content = { ...(JSON.parse(row.record) as AuditRecord), ...change };
  const { kind, agent, action, decision, workflowId, incident } = content;
  await setColumns(store, seq, {
    record: canonical(content),
    kind,
    agent,
    action,
    decision,
    workflow_id: workflowId,
    incident,
  });
}

/** Gives every record from one to another a hash that fits again; to the end, the head too. */
export async function rehash(store: Store, from: number, to = Number.POSITIVE_INFINITY): Promise<void> {
  const all = await store.selectFrom('audit').selectAll().orderBy('seq').execute();
  let prev = all.findLast(({ seq }) => seq < from)?.hash ?? '';
  await transact(store, async (tx) => {
    for (const { seq, record } of all) {
      if (seq < from || seq > to) continue;
      const hash = hashOf(prev, record);
      await tx.updateTable('audit').set({ prev, hash }).where('seq', '=', seq).execute();
      prev = hash;
    }
  });
  if (to === Number.POSITIVE_INFINITY) await setHead(store, { seq: all.at(-1)?.seq ?? 0, hash: prev });
}

export async function setHead(store: Store, head: { seq?: number; hash?: string }): Promise<void> {
  await transact(store, (tx) => tx.updateTable('audit_head').set(head).execute());
}

/** Removes the records from one to another. */
export async function remove(store: Store, from: number, to = from): Promise<void> {
  await transact(store, (tx) =>
    tx.deleteFrom('audit').where('seq', '>=', from).where('seq', '<=', to).execute(),
  );
}

/** Cuts everything after a record, and lets the head say so. */
export async function cutAfter(store: Store, seq: number): Promise<void> {
  await remove(store, seq + 1, Number.MAX_SAFE_INTEGER);
  await setHead(store, { seq, hash: seq === 0 ? '' : (await rowAt(store, seq)).hash });
}

/** Gives a record's number and all after it to the next, so that its own is free. */
export async function makeRoom(store: Store, seq: number): Promise<void> {
  const later = await store.selectFrom('audit').select('seq').where('seq', '>=', seq).execute();
  for (const { seq: old } of later.toSorted((one, other) => other.seq - one.seq))
    await setColumns(store, old, { seq: old + 1 });
  await transact(store, (tx) =>
    tx
      .updateTable('audit_head')
      .set((head) => ({ seq: head('seq', '+', 1) }))
      .execute(),
  );
}

/** Puts a record at a free number; its hash is that of its content, after the record before it. */
export async function insertAt(store: Store, seq: number, content: AuditRecord): Promise<void> {
  const prev = seq === 1 ? '' : (await rowAt(store, seq - 1)).hash;
  const at = '2026-06-24T10:00:00.000Z';
  const record = canonical({ ...content, seq, at });
  const { kind, agent, action, decision, workflowId, incident } = content;
  const row = { seq, at, kind, agent, action, decision, workflow_id: workflowId, incident, record, prev };
  await transact(store, (tx) =>
    tx
      .insertInto('audit')
      .values({ ...row, hash: hashOf(prev, record) })
      .execute(),
  );
}

/** Lets two records change places, with everything but their numbers. */
export async function swap(store: Store, one: number, other: number): Promise<void> {
  const [{ seq: _one, ...first }, { seq: _other, ...second }] = [
    await rowAt(store, one),
    await rowAt(store, other),
  ];
  await setColumns(store, one, second);
  await setColumns(store, other, first);
}

export const rowAt = (store: Store, seq: number): Promise<AuditRow> =>
  store.selectFrom('audit').selectAll().where('seq', '=', seq).executeTakeFirstOrThrow();
