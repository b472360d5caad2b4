import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { rows } from '../../gate/audit-rows.ts';
import type { AuditRow, Store } from '../../gate/audit-store.ts';
import { contentOf } from '../../gate/audit-verify.ts';
import { clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import { inStore } from '../store.ts';
import { instant } from './audit.ts';

export interface ExportOptions {
  readonly since?: string;
  readonly after?: string;
}

/** `oncall audit export`: every record as a line of JSON, oldest first. Whoever reads may stop reading. */
export async function exportAudit(options: ExportOptions, to: Writable): Promise<ExitCode> {
  const since = options.since === undefined ? undefined : instant(options.since);
  const after = options.after === undefined ? undefined : Number(options.after);
  if (after !== undefined && (!Number.isInteger(after) || after < 0))
    throw new UsageError(`--after takes the number of a record, such as 1200; not ${options.after}.`);
  return inStore(clientSettings(), async (store) => {
    try {
      await pipeline(Readable.from(lines(store, { since, after })), to, { end: false });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
    }
    return exitCodes.done;
  });
}

async function* lines(store: Store, range: Parameters<typeof rows>[1]): AsyncGenerator<string> {
  for await (const row of rows(store, range)) yield `${JSON.stringify(exported(row))}\n`;
}

/** The record with its place in the chain; where its text is none, the row as it lies there. */
function exported(row: AuditRow): object {
  const { seq, at, prev, hash } = row;
  const content = contentOf(row);
  return content ? { ...content, seq, at, prev, hash } : row;
}
