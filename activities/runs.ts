import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Known } from '../workflows/contract.ts';

/** A running run that follows an incident, and what it knows of it. */
export interface Follower {
  readonly workflowId: string;
  readonly runId: string;
  readonly known: Known;
}

/** The newest run of an id. */
export interface LastRun {
  readonly isOpen: boolean;
  /** Milliseconds since 1970, by the server's clock. */
  readonly startedAt: number;
  /** Id of the log's entry for which the sweep started it; absent where something else did. Kept in its memo under `startedFor`. */
  readonly entry?: string;
}

/** What the server says of the runs of an account. */
export interface Runs {
  /** The runs that follow an incident. The server's list lags behind them a little: what one of them knows is asked for by `known`. */
  readonly followers: () => Promise<readonly Follower[]>;
  /** What a run knows at this moment; `undefined` where it listens no more. */
  readonly known: (run: Pick<Follower, 'workflowId' | 'runId'>) => Promise<Known | undefined>;
  /** The newest run of an id; `undefined` where the server knows none. */
  readonly last: (workflowId: string) => Promise<LastRun | undefined>;
  /** What the runs of an id and a Workflow Type have ended with, the newest first. */
  readonly results: (workflowId: string, type: string) => AsyncIterable<unknown>;
}

/** How many runs of one id are looked through. */
const mostRuns = 100;

/** @param followersQuery finds the running runs of the account. */
export function runsOf(client: Client, followersQuery: string): Runs {
  const describe = async (workflowId: string, runId?: string) => {
    try {
      return await client.workflow.getHandle(workflowId, runId).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  };
  return {
    followers: async () => {
      const found: Follower[] = [];
      for await (const { workflowId, runId, memo } of client.workflow.list({ query: followersQuery })) {
        const known = knownIn(memo);
        if (known) found.push({ workflowId, runId, known });
      }
      return found;
    },
    known: async ({ workflowId, runId }) => {
      const run = await describe(workflowId, runId);
      return run?.status.name === 'RUNNING' ? knownIn(run.memo) : undefined;
    },
    last: async (workflowId) => {
      const run = await describe(workflowId);
      if (!run) return undefined;
      const entry = run.memo?.['startedFor'];
      return {
        isOpen: run.status.name === 'RUNNING',
        startedAt: run.startTime.getTime(),
        ...(typeof entry === 'string' && { entry }),
      };
    },
    results: async function* (workflowId, type) {
      // The list lags behind a little; the newest run is known by its id.
      const newest = await describe(workflowId);
      if (!newest) return;
      const isOf = (run: { readonly type: string; readonly status: { readonly name: string } }): boolean =>
        run.type === type && run.status.name === 'COMPLETED';
      const resultOf = (runId: string): Promise<unknown> =>
        client.workflow.getHandle(workflowId, runId).result();
      if (isOf(newest)) yield await resultOf(newest.runId);
      let looked = 0;
      const query = `WorkflowId = '${workflowId.replaceAll("'", "''")}'`;
      for await (const run of client.workflow.list({ query })) {
        if (looked >= mostRuns) return;
        looked += 1;
        if (run.runId !== newest.runId && isOf(run)) yield await resultOf(run.runId);
      }
    },
  };
}

/** Anyone who may start a run writes its memo: only what has the right shape counts. */
function knownIn(memo: Readonly<Record<string, unknown>> | undefined): Known | undefined {
  const { incident, number, state, notes, changes } = (memo?.['known'] ?? {}) as Partial<
    Record<keyof Known, unknown>
  >;
  if (typeof incident !== 'string' || typeof state !== 'string') return undefined;
  return {
    incident,
    number: typeof number === 'number' ? number : 0,
    state,
    ...(typeof notes === 'string' && { notes }),
    changes: typeof changes === 'number' ? changes : 0,
  };
}
