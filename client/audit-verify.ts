import type { KeyObject } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { type BadLine, readHeads } from '../gate/audit-head.ts';
import { chainEnd, rows } from '../gate/audit-rows.ts';
import type { AuditRow, Store } from '../gate/audit-store.ts';
import { contentOf, type Finding, walk } from '../gate/audit-verify.ts';
import { claims, Witnesses } from '../gate/audit-witness.ts';
import { grouped } from './output.ts';
import { hearRuns, note } from './run-witnesses.ts';

export interface VerifyOptions {
  /** The server whose histories are compared; none are where it is left out. */
  readonly client?: Client | undefined;
  /** The signed heads, and the key that must have signed them. */
  readonly heads?: { readonly file: string; readonly text: string; readonly key: KeyObject } | undefined;
  /** Progress, for people. */
  readonly say: (line: string) => void;
}

export interface AuditReport {
  readonly whole: boolean;
  /** The answer: that it is whole, or the first false record. */
  readonly sentence: string;
  readonly records: number;
  readonly runs?: { readonly witnessed: number; readonly notWitnessed: number };
  readonly heads?: { readonly signed: number; readonly last: number };
  /** What does not fit, the first false record first; cut short where a change made very many doubtful. */
  readonly findings: readonly Finding[];
  /** Lines of the file of heads that prove nothing. */
  readonly badLines: readonly BadLine[];
}

/** Of each sort. */
const mostFindings = 100;
const progressEvery = 100_000;

/** Walks the audit's chain and compares it with all who saw it: the claims of writes, the signed heads, the runs' histories. */
export async function verifyAudit(store: Store, options: VerifyOptions): Promise<AuditReport> {
  const findings: Finding[] = [];
  const end = await chainEnd(store);
  const named = new Map<string, Set<string>>();
  let records = 0;
  async function* noticed(): AsyncGenerator<AuditRow> {
    for await (const row of rows(store, { upTo: end.last })) {
      records += 1;
      const { workflowId, runId } = contentOf(row) ?? {};
      // Whoever pressed a switch did so outside of any run.
      if (typeof workflowId === 'string' && typeof runId === 'string' && workflowId !== '')
        note(named, workflowId, runId);
      if (records % progressEvery === 0) options.say(`${grouped(records)} records read.`);
      yield row;
    }
  }
  for await (const finding of walk(noticed(), end)) {
    if (findings.length < mostFindings) findings.push(finding);
  }

  const witnesses = new Witnesses(store);
  for await (const some of claims(store)) await witnesses.hear(some);
  const signed = options.heads && readHeads(options.heads.text, options.heads.key);
  await witnesses.hear(
    (signed?.heads ?? []).map((head) => ({ ...head, by: `the head signed at ${head.at}` })),
  );
  const runs =
    options.client && (await hearRuns(options.client, store, named, witnesses, end.last, options.say));
  const contradicted = witnesses.finding((await chainEnd(store)).last);
  if (contradicted) findings.push(contradicted);
  findings.push(...(runs?.unasked ?? []));
  findings.sort((one, other) => one.seq - other.seq);

  const heads = signed && {
    signed: signed.heads.length,
    last: signed.heads.reduce((last, { seq }) => Math.max(last, seq), 0),
  };
  const badLines = signed?.bad ?? [];
  const whole = findings.length === 0 && badLines.length === 0;
  const report = {
    whole,
    records,
    ...(runs && { runs: { witnessed: runs.witnessed, notWitnessed: runs.notWitnessed } }),
    ...(heads && { heads }),
    findings,
    badLines,
  };
  return { ...report, sentence: tell(report, options.heads?.file) };
}

function tell(
  { whole, records, runs, heads, findings, badLines }: Omit<AuditReport, 'sentence'>,
  headsFile: string | undefined,
): string {
  if (!whole) {
    const [first] = findings;
    const others = findings.length + badLines.length - 1;
    const words =
      first?.sentence ?? `Line ${badLines[0]?.line} of ${headsFile} ${badLines[0]?.why}; the records fit.`;
    return others > 0
      ? `${words} ${grouped(others)} more ${others === 1 ? 'thing does' : 'things do'} not fit.`
      : words;
  }
  const gone =
    runs && runs.notWitnessed > 0 ? ` (${grouped(runs.notWitnessed)} not: their histories are gone)` : '';
  return `The audit is whole: ${[
    count(records, 'record'),
    runs ? `${count(runs.witnessed, 'run')} witnessed${gone}` : 'no histories compared',
    heads ? `head signed at #${heads.last}` : 'no signed head compared',
  ].join(', ')}.`;
}

const count = (number: number, what: string): string =>
  `${grouped(number)} ${what}${number === 1 ? '' : 's'}`;
