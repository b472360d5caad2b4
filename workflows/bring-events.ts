import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  startChild,
} from '@temporalio/workflow';
import { type BringInput, type Happening, type OrderedStart, orderedStartOptions } from './contract.ts';
import { inTurns } from './in-turns.ts';
import { changed } from './people.ts';

/** Ids of the runs that it started and of those that it woke. */
export interface BringResult {
  readonly started: readonly string[];
  readonly woken: readonly string[];
}

/** How many runs are started or woken at a time. */
const atOnce = 50;

/**
 * Brings on events that came at once: starts what standing orders start for them, and wakes whoever follows. The receiver starts
 * it where events come faster than they can be brought on one by one. A run that several of them concern is told once: it reads anew.
 */
export async function bringEvents({ events }: BringInput): Promise<BringResult> {
  const starts = new Map<string, readonly [OrderedStart, Happening]>();
  const wakes = new Map<string, Happening>();
  for (const { event, starts: ordered, wakes: ids } of events) {
    for (const start of ordered)
      if (!starts.has(start.workflowId)) starts.set(start.workflowId, [start, event]);
    for (const id of ids) wakes.set(id, event);
  }
  const [started, woken] = await Promise.all([
    inTurns([...starts.values()], atOnce, ([start, event]) => startOrJoin(start, event)),
    inTurns([...wakes], atOnce, ([id, event]) => wake(id, event)),
  ]);
  setCurrentDetails(
    `${events.length} events: ${started.length} runs started or joined, ${woken.length} woken.`,
  );
  return { started, woken };
}

/** Starts what a standing order starts, as a run of the order's own: this one gives it no right. */
async function startOrJoin(start: OrderedStart, event: Happening): Promise<string> {
  try {
    await startChild(start.workflow, {
      ...orderedStartOptions(start),
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    await wake(start.workflowId, event);
  }
  return start.workflowId;
}

/** The id, where a run of that id was there to be told. */
async function wake(workflowId: string, event: Happening): Promise<string | undefined> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(changed, event);
    return workflowId;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return undefined;
  }
}
