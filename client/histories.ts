import { type Client, isGrpcServiceError, ServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import type { AuditRecord, Stamp } from '../gate/audit.ts';
import { undoneStep } from '../gate/people-first.ts';
import { catalogue } from '../pagerduty/catalogue/index.ts';
import { type RunId, workflowTaskQueue } from '../workflows/contract.ts';
import { OncallError } from './errors.ts';
import { decoded } from './payloads.ts';

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
    if (isGrpcServiceError(error) && isNotThere.includes(error.code)) return undefined;
    throw unreadable(error);
  }
  return { stamps, askedFor: (record) => asked.some((activity) => fits(activity, record)) };
}

interface Asked {
  readonly type: string;
  readonly step: unknown;
}

/** An operation's record has the step of its Activity, or undoes that; the runner's own Activities make several calls, each named after the step. */
function fits({ type, step }: Asked, record: Pick<AuditRecord, 'operation' | 'step'>): boolean {
  if (type in catalogue) {
    return type === record.operation && step === undoneStep(String(record.step));
  }
  return typeof step !== 'string' || String(record.step).startsWith(step);
}

/** The entry that a result names. Number 0 stands for one that went to a file while the store was away. */
function stampsIn(result: unknown): readonly Stamp[] {
  const { entry } = (result ?? {}) as { readonly entry?: Partial<Stamp> };
  const { seq, hash } = entry ?? {};
  return typeof seq === 'number' && seq > 0 && typeof hash === 'string' ? [{ seq, hash }] : [];
}

/** Of gRPC: NOT_FOUND, and INVALID_ARGUMENT for what cannot be the id of a run. */
const isNotThere: readonly number[] = [5, 3];

/** What went wrong with the server, for people; a server that ends in the middle is no proof of anything. */
function unreadable(error: unknown): unknown {
  const why = isGrpcServiceError(error)
    ? error.details
    : error instanceof ServiceError || error instanceof NamespaceNotFoundError
      ? error.message
      : undefined;
  if (why === undefined) return error;
  return new OncallError(
    `The histories cannot be read (${why}): mend that, or leave them out with --no-histories.`,
  );
}

/** Every run that the server knows, whether or not a record names it. */
export async function* knownRuns(client: Client): AsyncGenerator<RunId, void, undefined> {
  const query = `TaskQueue = "${workflowTaskQueue}"`;
  try {
    for await (const { workflowId, runId } of client.workflow.list({ query })) yield { workflowId, runId };
  } catch (error) {
    throw unreadable(error);
  }
}
