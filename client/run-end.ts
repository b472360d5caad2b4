import { type Client, WorkflowFailedError } from '@temporalio/client';
import { type Outcome, outcomes, type RunId, type RunResult } from '../workflows/contract.ts';

/** What a run ended with. */
export interface RunEnd {
  /** Its outcome; absent where it has none: it failed, was cancelled or terminated, or is none of an agent's. */
  readonly outcome?: Outcome;
  readonly summary: string;
  readonly next: readonly string[];
  /** All that it gave. */
  readonly result?: unknown;
}

/** Waits for the end of a run, however it comes. */
export async function endOf(client: Client, { workflowId, runId }: RunId): Promise<RunEnd> {
  try {
    const result: unknown = await client.workflow.getHandle(workflowId, runId).result();
    const { outcome, summary, next } = (result ?? {}) as Partial<RunResult>;
    const known = outcomes.find((one) => one === outcome);
    return {
      ...(known && { outcome: known }),
      summary: typeof summary === 'string' ? summary : 'It has ended.',
      next: Array.isArray(next) ? (next as readonly string[]) : [],
      result,
    };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return { summary: `It did not end well: ${error.cause?.message ?? error.message}`, next: [] };
  }
}
