import type { Client } from '@temporalio/client';
import { rows } from '../gate/audit-rows.ts';
import type { Store } from '../gate/audit-store.ts';
import { contentOf, type Finding } from '../gate/audit-verify.ts';
import type { Witnesses } from '../gate/audit-witness.ts';
import { knownRuns, readHistory } from './histories.ts';
import { grouped } from './output.ts';

/** What the histories of the runs said. */
export interface RunsHeard {
  /** Runs whose history was compared. */
  readonly witnessed: number;
  /** Runs that a record names and whose history is gone. */
  readonly notWitnessed: number;
  /** Records of steps that their runs never asked for. */
  readonly unasked: readonly Finding[];
}

const runsAtOnce = 8;
const mostFindings = 100;

/**
 * Compares the store with the history of every run that a record names, or that the server knows.
 * @param upTo the last record that was there before: a history that is read now knows what was asked for it.
 */
export async function hearRuns(
  client: Client,
  store: Store,
  named: ReadonlyMap<string, ReadonlySet<string>>,
  witnesses: Witnesses,
  upTo: number,
  say: (line: string) => void,
): Promise<RunsHeard> {
  const all = new Map([...named].map(([workflowId, runIds]) => [workflowId, new Set(runIds)]));
  for await (const { workflowId, runId } of knownRuns(client)) note(all, workflowId, runId);
  const unasked: Finding[] = [];
  let witnessed = 0;
  let notWitnessed = 0;
  let read = 0;
  const waiting = all.entries();
  const work = async (): Promise<void> => {
    for (const [workflowId, runIds] of waiting) {
      for (const runId of runIds) {
        const isNamed = named.get(workflowId)?.has(runId) ?? false;
        const history = await readHistory(client, { workflowId, runId });
        if (!history && isNamed) notWitnessed += 1;
        if (!history) continue;
        if (isNamed || history.stamps.length > 0) witnessed += 1;
        await witnesses.hear(history.stamps.map((stamp) => ({ ...stamp, by: `the run ${workflowId}` })));
        if (!isNamed) continue;
        for await (const row of rows(store, { run: workflowId, upTo })) {
          const record = contentOf(row);
          if (!record || record.runId !== runId || history.askedFor(record)) continue;
          const sentence = `Record #${row.seq} is false: the run ${workflowId} never asked for its step ${JSON.stringify(record.step)}.`;
          if (unasked.length < mostFindings) unasked.push({ seq: row.seq, from: row.seq, sentence });
        }
      }
      read += 1;
      if (read % 500 === 0) say(`${grouped(read)} of ${grouped(all.size)} runs compared.`);
    }
  };
  await Promise.all(Array.from({ length: runsAtOnce }, work));
  return { witnessed, notWitnessed, unasked };
}

/** Remembers a run. */
export function note(runs: Map<string, Set<string>>, workflowId: string, runId: string): void {
  const known = runs.get(workflowId) ?? new Set();
  runs.set(workflowId, known.add(runId));
}
