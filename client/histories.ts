import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { AuditRecord, Stamp } from '../gate/audit.ts';
import { catalogue } from '../pagerduty/catalogue/index.ts';
import { type RunId, workflowTaskQueue } from '../workflows/contract.ts';
import { decoded } from './pages.ts';

/** What the history of a run knows of the audit. */
export interface RunHistory {
  /** The entries that its Activities were told of. */
  readonly stamps: readonly Stamp[];
  /** Whether the run asked for what a record says of it. */
  readonly askedFor: (record: Pick<AuditRecord, 'operation' | 'step'>) => boolean;
}

/** Reads a run's history; `undefined` where the server has it no longer. */
export async function readHistory(
  client: Client,
  { workflowId, runId }: RunId,
): Promise<RunHistory | undefined> {
  const stamps: Stamp[] = [];
  const asked: Asked[] = [];
  try {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of events ?? []) {
      const scheduled = event.activityTaskScheduledEventAttributes;
      const [result] = event.activityTaskCompletedEventAttributes?.result?.payloads ?? [];
      if (result) stamps.push(...stampsIn(await decoded(client, result)));
      if (!scheduled) continue;
      const [input] = scheduled.input?.payloads ?? [];
      const { step } = ((input && (await decoded(client, input))) ?? {}) as { readonly step?: unknown };
      asked.push({ type: scheduled.activityType?.name ?? '', step });
    }
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
  return { stamps, askedFor: (record) => asked.some((activity) => fits(activity, record)) };
}

interface Asked {
  readonly type: string;
  readonly step: unknown;
}

/** An operation's record has the step of its Activity; the runner's own Activities make several calls, each named after the step. */
function fits({ type, step }: Asked, record: Pick<AuditRecord, 'operation' | 'step'>): boolean {
  if (type in catalogue) return type === record.operation && step === record.step;
  return typeof step !== 'string' || record.step.startsWith(step);
}

/** The entry that a result names. Number 0 stands for one that went to a file while the store was away. */
function stampsIn(result: unknown): readonly Stamp[] {
  const { entry } = (result ?? {}) as { readonly entry?: Partial<Stamp> };
  const { seq, hash } = entry ?? {};
  return typeof seq === 'number' && seq > 0 && typeof hash === 'string' ? [{ seq, hash }] : [];
}

/** Every run that the server knows, whether or not a record names it. */
export async function* knownRuns(client: Client): AsyncGenerator<RunId, void, undefined> {
  for await (const { workflowId, runId } of client.workflow.list({
    query: `TaskQueue = "${workflowTaskQueue}"`,
  }))
    yield { workflowId, runId };
}
