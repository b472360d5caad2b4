import { sql } from 'kysely';
import {
  type AuditRow,
  type Store,
  StoreAway,
  type StoreTransaction,
  transact,
  withStore,
} from './audit-store.ts';
import { canonical, sha256 } from './canonical.ts';
import { runner } from './runner.ts';

/** Where an entry stands: goes into the Activity's result, so that Temporal's history is a second witness. */
export interface Stamp {
  readonly seq: number;
  readonly hash: string;
}

/** A read that a decision needed, or a look for an effect: named in the entry, with PagerDuty's id of the request. */
export interface ReadDone {
  readonly operation: string;
  readonly about: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
}

/** Whose call, where and in which run. */
export interface Caller {
  readonly agent: string;
  /** The front door it speaks through, or the standing order that started its run; absent where it signed itself. */
  readonly via?: string | undefined;
  readonly account: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly step: string;
  readonly attempt: number;
  /** Digest of the configuration it was decided by; `unreadable` where there was none. */
  readonly configuration: string;
}

/** One audit record: a decision before its call, or an outcome after it. Never holds a credential. */
export type AuditRecord = Caller & {
  /** `entry`: what was decided, written before the call. `outcome`: what came of the entry with that number. `question`: what would be decided; nothing was to be sent. */
  readonly kind: 'entry' | 'outcome' | 'question';
  readonly entry?: number;
  readonly operation: string;
  /** The actions, joined by a comma. */
  readonly action: string;
  readonly incident: string | null;
  readonly decision:
    | 'allowed'
    | 'denied'
    | 'approval_needed'
    | 'changed'
    | 'undecided'
    | 'asked'
    | 'done'
    | 'refused'
    | 'unknown'
    | 'found'
    | 'lost';
  readonly rule: string;
  readonly sentence: string;
  readonly requestDigest: string;
  /** Who approved it, by which statements, and through which front door; what they saw are the facts. */
  readonly approvals?:
    | readonly { readonly operator: string; readonly jti: string; readonly via?: string | undefined }[]
    | undefined;
  readonly facts?: unknown;
  readonly reads: readonly ReadDone[];
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
};

/** An entry about what no run did, such as a switch that was pressed: of no account, unless it says so, and of nothing of PagerDuty's. */
export const entryOfNoRun = (
  entry: Pick<
    AuditRecord,
    'agent' | 'step' | 'operation' | 'decision' | 'rule' | 'sentence' | 'requestDigest'
  > &
    Partial<Pick<AuditRecord, 'via' | 'account' | 'configuration' | 'action' | 'facts'>>,
): AuditRecord => ({
  kind: 'entry',
  account: '',
  workflowId: '',
  runId: '',
  attempt: 1,
  configuration: '',
  action: entry.operation,
  incident: null,
  reads: [],
  ...entry,
});

/** The hash of a record: of the one before it, and its own text. */
export const hashOf = (prev: string, record: string): string => sha256(`${prev}\n${record}`);

/** Appends records to the chain, in their order, inside a transaction that may do more. */
export async function append(
  tx: StoreTransaction,
  records: readonly AuditRecord[],
  at = new Date(),
): Promise<readonly Stamp[]> {
  // A write comes first: SQLite takes its lock here, PostgreSQL locks the head's row, so the chain cannot fork.
  const head = await tx
    .updateTable('audit_head')
    .set((update) => ({ seq: update('seq', '+', records.length) }))
    .where('id', '=', 1)
    .returning(['seq', 'hash'])
    .executeTakeFirst();
  if (!head)
    throw new StoreAway(
      'The audit store cannot be used: the row that names its last record is gone; `oncall audit verify` tells more.',
    );
  let prev = head.hash;
  let seq = head.seq - records.length;
  const rows = records.map((content): AuditRow => {
    seq += 1;
    const record = canonical({ ...content, seq, at: at.toISOString() });
    const row = {
      seq,
      at: at.toISOString(),
      kind: content.kind,
      agent: content.agent,
      action: content.action,
      decision: content.decision,
      workflow_id: content.workflowId,
      incident: content.incident,
      record,
      prev,
      hash: hashOf(prev, record),
    };
    prev = row.hash;
    return row;
  });
  await tx.insertInto('audit').values(rows).execute();
  await tx.updateTable('audit_head').set({ hash: prev }).where('id', '=', 1).execute();
  return rows.map(({ seq, hash }) => ({ seq, hash }));
}

/** Whether the records of these stamps are in the store: by its hash a record is told from whatever took its number. */
export async function areThere(tx: StoreTransaction, stamps: readonly Stamp[]): Promise<boolean> {
  for (const { seq, hash } of stamps) {
    const row = await tx.selectFrom('audit').select('hash').where('seq', '=', seq).executeTakeFirst();
    if (row?.hash !== hash) return false;
  }
  return true;
}

/** Appends one record in a transaction of its own. */
export async function write(store: Store, record: AuditRecord): Promise<Stamp> {
  const [stamp] = await transact(store, (tx) => append(tx, [record]), areThere);
  if (!stamp) throw new Error('the audit took a record and gave no number for it');
  return stamp;
}

/** The record of a number; `undefined` where there is none. */
export async function recall(store: Store, seq: number): Promise<AuditRecord | undefined> {
  const row = await withStore(() =>
    store.selectFrom('audit').select('record').where('seq', '=', seq).executeTakeFirst(),
  );
  return row && (JSON.parse(row.record) as AuditRecord);
}

/** What `oncall audit` lists by; all of it must hold. */
export interface AuditFilter {
  readonly agent?: string | undefined;
  /** A whole action, or a resource for all of its actions. */
  readonly action?: string | undefined;
  readonly decision?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly run?: string | undefined;
  readonly incident?: string | undefined;
  /** Under PagerDuty's `operationId`, or a name of ours such as `freeze`. */
  readonly operation?: string | undefined;
  /** Leaves out what the runner only looked at: two reads a minute that tell nothing. */
  readonly withoutLooks?: boolean | undefined;
  /** Only records after this number. */
  readonly after?: number | undefined;
  /** Only records before this number. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** The newest records that fit, oldest first. */
export async function list(
  store: Store,
  filter: AuditFilter,
): Promise<readonly (AuditRecord & Stamp & { at: string })[]> {
  let query = store.selectFrom('audit').selectAll();
  if (filter.agent !== undefined) query = query.where('agent', '=', filter.agent);
  if (filter.decision !== undefined) query = query.where('decision', '=', filter.decision);
  if (filter.since !== undefined) query = query.where('at', '>=', filter.since);
  if (filter.run !== undefined) query = query.where('workflow_id', '=', filter.run);
  if (filter.incident !== undefined) query = query.where('incident', '=', filter.incident);
  if (filter.after !== undefined) query = query.where('seq', '>', filter.after);
  if (filter.before !== undefined) query = query.where('seq', '<', filter.before);
  if (filter.operation !== undefined) {
    // Keys stand in their order, so that only the record's own is before its reads; and no text in it looks like a key.
    const text = `%"operation":${JSON.stringify(filter.operation).replace(/[!%_]/g, '!$&')},"reads":%`;
    query = query.where(() => sql<boolean>`record like ${text} escape '!'`);
  }
  if (filter.withoutLooks) {
    query = query.where((is) => is.or([is('agent', '!=', runner), is('action', 'not like', '%.view')]));
  }
  const { action } = filter;
  if (action !== undefined) {
    // A record can hold several actions: "incidents.acknowledge,incidents.edit".
    // As it is written, whatever each database takes for a sign that stands for others.
    const word = action.replace(/[!%_]/g, '!$&');
    const like = (pattern: string) => sql<boolean>`action like ${pattern} escape '!'`;
    query = query.where((is) =>
      is.or([
        is('action', '=', action),
        like(`${word}.%`),
        like(`${word},%`),
        like(`%,${word}`),
        like(`%,${word},%`),
        like(`%,${word}.%`),
      ]),
    );
  }
  const rows = await withStore(() => query.orderBy('seq', 'desc').limit(filter.limit).execute());
  return rows.reverse().map(readRow);
}

/**
 * The newest records about an incident, oldest first: those that name it, those of a change of many that it was among, and what
 * people and agents said to the runs about it.
 */
export async function listAbout(
  store: Store,
  {
    incident,
    runs,
    limit,
  }: { readonly incident: string; readonly runs: readonly string[]; readonly limit: number },
): Promise<readonly (AuditRecord & Stamp & { at: string })[]> {
  const rows = await withStore(() =>
    store
      .selectFrom('audit')
      .selectAll()
      .where((is) =>
        is.or([
          is('incident', '=', incident),
          is.and([
            is('incident', 'is', null),
            is('action', 'like', 'incidents.%'),
            is('action', 'not like', '%.view'),
            is('record', 'like', `%"id":"${incident.replace(/[^A-Za-z0-9]/g, '')}"%`),
          ]),
          ...(runs.length > 0
            ? [is.and([is('workflow_id', 'in', [...runs]), is('action', 'like', 'run.%')])]
            : []),
        ]),
      )
      .orderBy('seq', 'desc')
      .limit(limit)
      .execute(),
  );
  return rows.reverse().map(readRow);
}

const readRow = (row: AuditRow): AuditRecord & Stamp & { at: string } => ({
  ...(JSON.parse(row.record) as AuditRecord),
  seq: row.seq,
  hash: row.hash,
  at: row.at,
});
