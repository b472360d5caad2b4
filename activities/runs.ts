import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { oneLine } from '../pagerduty/text.ts';
import type { forApproval, Known, PendingApproval, Wait } from '../workflows/contract.ts';

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

/** A step of a run that waits for an operator's word. */
export interface WaitingStep {
  /** Short, for people: what it is approved by. */
  readonly id: string;
  readonly run: string;
  /** Name of the step, and whose it is. */
  readonly step: string;
  readonly agent: string;
  /** The incident that it is about; `null` where it is about none, or several. */
  readonly incident: string | null;
  /** Since when the run has waited for a word, ISO 8601; `null` where that is not known. */
  readonly since: string | null;
  /** When it is given up. */
  readonly until: string;
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
  /** What waits for an operator in that many runs at most, the runs that gave no answer in time, and whether there are more. */
  readonly waiting: (
    most: number,
    withinMs: number,
  ) => Promise<{
    readonly steps: readonly WaitingStep[];
    readonly silent: readonly string[];
    readonly more: boolean;
  }>;
}

/** How many runs of one id are looked through. */
const mostRuns = 100;

/** How much of a step's name is told, in characters. */
const mostCharacters = 200;

/** @param queries find the running runs of the account, and those of them that wait for an operator. */
export function runsOf(
  client: Client,
  queries: { readonly running: string; readonly waiting: string },
): Runs {
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
      for await (const { workflowId, runId, memo } of client.workflow.list({ query: queries.running })) {
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
    waiting: async (most, withinMs) => {
      const runs: { readonly workflowId: string; readonly runId: string; readonly since: number }[] = [];
      for await (const { workflowId, runId, memo } of client.workflow.list({ query: queries.waiting })) {
        runs.push({ workflowId, runId, since: waitsSince(memo, approval) });
        if (runs.length > most) break;
      }
      const silent: string[] = [];
      const steps = await Promise.all(
        runs.slice(0, most).map(async ({ workflowId, runId, since }) => {
          try {
            const pending = await client.withDeadline(Date.now() + withinMs, () =>
              client.workflow
                .getHandle(workflowId, runId)
                .query<readonly PendingApproval[]>(pendingApprovals),
            );
            return pending.slice(0, most).map((step) => stepIn(step, workflowId, since));
          } catch {
            silent.push(workflowId);
            return [];
          }
        }),
      );
      return { steps: steps.flat(), silent: silent.toSorted(), more: runs.length > most };
    },
  };
}

const approval: typeof forApproval = 'approval';
const pendingApprovals = 'pendingApprovals';

/** Since when a run has waited for that, by its memo, milliseconds since 1970; infinity where it does not say. */
export function waitsSince(memo: Readonly<Record<string, unknown>> | undefined, awaited: string): number {
  const waits = memo?.['waits'];
  const known = Array.isArray(waits) ? (waits as readonly Partial<Wait>[]) : [];
  return Math.min(
    ...known.flatMap(({ what, since }) => (what === awaited && typeof since === 'number' ? [since] : [])),
  );
}

/**
 * A step that waits, cut to what a report tells.
 * @throws where what the run answers is no such step: anyone who may start a run answers its Queries.
 */
function stepIn(
  { id, agent, claim, facts, until }: PendingApproval,
  run: string,
  since: number,
): WaitingStep {
  const [incident, ...others] = facts.incidents ?? [];
  return {
    id: oneLine(id, mostCharacters),
    run,
    // A step's key is the run's id, its first run's, and the name.
    step: oneLine(claim.step.slice(run.length).split(' : ').slice(2).join(' : '), mostCharacters),
    agent: oneLine(agent, mostCharacters),
    incident: incident && others.length === 0 ? oneLine(incident.id, mostCharacters) : null,
    since: Number.isFinite(since) ? new Date(since).toISOString() : null,
    until: new Date(until).toISOString(),
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
