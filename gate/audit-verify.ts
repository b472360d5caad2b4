import { type AuditRecord, hashOf, type Stamp } from './audit.ts';
import type { ChainEnd } from './audit-rows.ts';
import type { AuditRow } from './audit-store.ts';

/** A record that is not what was written, or is not there. */
export interface Finding {
  /** The false record; where only a range is known, the last of it. */
  readonly seq: number;
  /** The first that may be false; the same as `seq` where the record is known. */
  readonly from: number;
  readonly sentence: string;
}

/** A place in the chain that was judged already: what the next record must follow. */
interface Link extends Stamp {
  /** The hash it followed itself. */
  readonly prev: string | undefined;
}

/** Where every chain begins. */
const beginning: Stamp = { seq: 0, hash: '' };

/**
 * Walks the chain and gives what does not fit, in order; nothing where all of it fits. Knows the records alone: who rewrites
 * one and all hashes after it is found by witnesses outside of the store.
 * @param rows in the order of their numbers, from the one after `start` on.
 * @param start what is known to be true already.
 */
export async function* walk(
  rows: AsyncIterable<AuditRow>,
  end: ChainEnd,
  start: Stamp = beginning,
): AsyncGenerator<Finding, void, undefined> {
  let before: Link = { ...start, prev: undefined };
  let row: AuditRow | undefined;
  // What the next record was chained to tells which of two is false, so each is judged once its next is known.
  for await (const next of rows) {
    if (next.seq <= start.seq) {
      yield at(next.seq, 'is false: no record can have this number');
      continue;
    }
    if (row) {
      yield* judge(before, row, next.prev, start.seq);
      before = linkOf(before, row, next.prev);
    }
    row = next;
  }
  if (row) {
    const said = end.head?.seq === row.seq ? end.head.hash : undefined;
    yield* judge(before, row, said, start.seq);
    before = linkOf(before, row, said);
  }
  yield* judgeHead(before, end.head);
}

/** What a record's place says to those after it. Where the next record was chained to the true hash, that one counts. */
function linkOf(before: Link, row: AuditRow, said: string | undefined): Link {
  const good = hashOf(before.hash, row.record);
  return { seq: row.seq, hash: said === good ? good : row.hash, prev: before.hash };
}

/** @param said the hash under which the next record, or the head, knows this one. */
function* judge(
  before: Link,
  row: AuditRow,
  said: string | undefined,
  trusted: number,
): Generator<Finding, void, undefined> {
  const first = before.seq + 1;
  if (row.seq > first) {
    const which = row.seq === first + 1 ? 'is missing' : `and those up to #${row.seq - 1} are missing`;
    yield at(first, `${which}: the store goes on with #${row.seq}`);
  }
  const follows = row.seq === first;
  const found = (follows ? faultInChain(before, row, said, trusted) : undefined) ?? faultInColumns(row);
  if (found) yield found;
}

function faultInChain(
  before: Link,
  row: AuditRow,
  said: string | undefined,
  trusted: number,
): Finding | undefined {
  const good = hashOf(before.hash, row.record);
  const isLinked = row.prev === before.hash;
  if (row.hash === good) {
    return isLinked ? undefined : at(row.seq, 'is false: its link to the record before it was changed');
  }
  if (said === good) {
    return at(row.seq, 'is false: its hash was changed');
  }
  if (isLinked) return at(row.seq, 'is false: its text was changed (its hash is not that of its content)');
  const says = contentOf(row)?.seq;
  if (before.seq > trusted && row.prev === before.prev && row.hash !== before.hash)
    return at(before.seq, `is false: it was inserted (#${row.seq} follows the one before it)`);
  if (says !== row.seq) return at(row.seq, `is false: its text says that it is #${says}`);
  if (before.seq > trusted && row.hash === hashOf(row.prev, row.record) && said === row.hash)
    return at(
      before.seq,
      `is false: its text was changed and its hash with it (#${row.seq} follows another)`,
    );
  return at(row.seq, `is false: it does not follow #${before.seq}`);
}

const columns = [
  ['at', 'at'],
  ['kind', 'kind'],
  ['agent', 'agent'],
  ['action', 'action'],
  ['decision', 'decision'],
  ['workflow_id', 'workflowId'],
  ['incident', 'incident'],
] as const;

/** Lists filter by the columns: one that says other than the text hides a record. */
function faultInColumns(row: AuditRow): Finding | undefined {
  const record = contentOf(row);
  if (!record) return at(row.seq, 'is false: its text is no record');
  if (record.seq !== row.seq) return at(row.seq, `is false: its text says that it is #${record.seq}`);
  for (const [column, field] of columns) {
    if (row[column] !== record[field])
      return at(
        row.seq,
        `is false: its column ${column} was changed (it says ${row[column]}, the text ${record[field]})`,
      );
  }
  return undefined;
}

/** The record that a row holds; `undefined` where its text is none. */
export function contentOf({
  record,
}: Pick<AuditRow, 'record'>): (AuditRecord & { seq: number; at: string }) | undefined {
  try {
    const content: unknown = JSON.parse(record);
    return typeof content === 'object' && content !== null ? (content as never) : undefined;
  } catch {
    return undefined;
  }
}

function* judgeHead(last: Stamp, head: Stamp | undefined): Generator<Finding, void, undefined> {
  if (!head) {
    yield at(last.seq + 1, 'and others may be missing: the row that names the last record is gone');
  } else if (head.seq > last.seq) {
    yield at(last.seq + 1, `is missing: the store says that #${head.seq} is the last`);
  } else if (head.seq < last.seq && head.hash !== last.hash) {
    yield at(head.seq + 1, `is false: the store says that #${head.seq} is the last`);
  } else if (head.hash !== last.hash || head.seq !== last.seq) {
    yield at(last.seq, 'is not the one that the store names as the last: one of the two was changed');
  }
}

const at = (seq: number, words: string): Finding => ({
  seq,
  from: seq,
  sentence: `Record #${seq} ${words}.`,
});
