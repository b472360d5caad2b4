import parseDuration from 'parse-duration';
import { list } from '../../gate/audit.ts';
import { clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { inStore } from '../store.ts';

export interface AuditOptions {
  readonly agent?: string;
  readonly action?: string;
  readonly decision?: string;
  readonly since?: string;
  readonly run?: string;
  readonly incident?: string;
  readonly limit: string;
}

/** `oncall audit`: the newest records that fit, oldest first. */
export async function audit(options: AuditOptions, output: Output): Promise<ExitCode> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw new UsageError('--limit takes a whole number from 1 to 10000.');
  const since = options.since === undefined ? undefined : instant(options.since);
  return inStore(clientSettings(), async (store) => {
    // A quiet night must not bury what happened in it.
    const withoutLooks =
      options.agent === undefined && options.run === undefined && options.action === undefined;
    const records = await list(store, { ...options, since, limit, withoutLooks });
    const lines = records.map(({ at, kind, seq, entry, sentence }) => {
      const time = at.slice(0, 19).replace('T', ' ');
      return kind === 'outcome'
        ? `${time}  #${seq}    → of #${entry}: ${sentence}`
        : `${time}  #${seq}  ${sentence}`;
    });
    output.result(records, lines.join('\n') || 'Nothing in the audit fits.');
    return exitCodes.done;
  });
}

/** `2026-11-23T14:00:00Z`, `2026-11-23`, or how long ago: `30m`, `1h 30m`. */
export function instant(text: string, option = '--since'): string {
  const isAge = /^(\d+(\.\d+)?\s*[a-z]+\s*)+$/i.test(text);
  const ago = isAge ? parseDuration(text) : null;
  const written = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  const at = new Date(ago === null ? written : Date.now() - ago);
  if (Number.isNaN(at.getTime()))
    throw new UsageError(
      `${option} takes a time such as 2026-11-23T14:00:00Z, or an age such as 30m; not ${JSON.stringify(text)}.`,
    );
  return at.toISOString();
}
