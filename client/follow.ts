import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { isFrozen } from './frozen.ts';
import { readable, saidBy } from './payloads.ts';

const { EventType, PendingActivityState } = proto.temporal.api.enums.v1;
type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;

/** How long the history may stay silent before pending steps are asked why. */
const silenceMs = 1_500;

/**
 * Tells what happens in a run, a sentence each, from its beginning to its end: the gate's word on each call, what is waited
 * for, what is tried again and why. Reads the history as it grows; no Worker is asked.
 */
export async function* follow(client: Client, workflowId: string, runId: string): AsyncIterable<string> {
  const execution = { workflowId, runId };
  const { namespace } = client.options;
  const scheduled = new Map<string, string>();
  const told = new Set<string>();
  let nextPageToken: Uint8Array | undefined;
  for (;;) {
    const page = client.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution,
      waitNewEvent: true,
      ...(nextPageToken && { nextPageToken }),
    });
    while ((await within(page, silenceMs)) === 'silence') {
      for (const sentence of await retries(client, workflowId, runId)) {
        if (!told.has(sentence)) yield sentence;
        told.add(sentence);
      }
    }
    const { history, nextPageToken: next } = await page;
    for (const event of history?.events ?? []) {
      const sentence = await tell(client, event, scheduled);
      if (sentence !== undefined) yield sentence;
    }
    if (!next?.length) return;
    nextPageToken = next;
  }
}

/** What has happened in a run so far, a sentence each; no Worker is asked. */
export async function storyOf(client: Client, workflowId: string, runId: string): Promise<readonly string[]> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const scheduled = new Map<string, string>();
  const story: string[] = [];
  for (const event of events ?? []) {
    const sentence = await tell(client, event, scheduled);
    if (sentence !== undefined) story.push(sentence);
  }
  return story;
}

async function within(work: Promise<unknown>, ms: number): Promise<'done' | 'silence'> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<'silence'>((resolve) => {
    timer = setTimeout(() => resolve('silence'), ms);
  });
  try {
    return await Promise.race([work.then(() => 'done' as const), silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Why steps that wait for another try failed the last time, and which do not begin because their account is frozen. */
async function retries(client: Client, workflowId: string, runId: string): Promise<readonly string[]> {
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const found: string[] = [];
  for (const { attempt, lastFailure, activityType, state, activityOptions } of raw.pendingActivities ?? []) {
    const failed = await saidBy(client, lastFailure);
    if (failed) found.push(`${activityType?.name}, try ${attempt}: ${failed}`);
    const queue = activityOptions?.taskQueue?.name;
    if (
      state === PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED &&
      queue &&
      (await isFrozen(client, queue))
    )
      found.push(`${activityType?.name} waits until \`oncall thaw\`: the account is frozen.`);
  }
  return found;
}

async function tell(
  client: Client,
  event: HistoryEvent,
  scheduled: Map<string, string>,
): Promise<string | undefined> {
  const written = await readable(client, event.userMetadata?.summary);
  const summary = typeof written === 'string' ? written : undefined;
  switch (event.eventType) {
    case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
      scheduled.set(
        String(event.eventId),
        summary ?? event.activityTaskScheduledEventAttributes?.activityType?.name ?? '',
      );
      return undefined;
    case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: {
      const result = await readable(
        client,
        event.activityTaskCompletedEventAttributes?.result?.payloads?.[0],
      );
      return typeof result === 'object' && result !== null && 'sentence' in result
        ? String(result.sentence)
        : undefined;
    }
    case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: {
      const attributes = event.activityTaskFailedEventAttributes;
      return `${scheduled.get(String(attributes?.scheduledEventId))}: ${await saidBy(client, attributes?.failure)}`;
    }
    case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: {
      const attributes = event.activityTaskTimedOutEventAttributes;
      const cause = await saidBy(client, attributes?.failure?.cause ?? attributes?.failure);
      return `${scheduled.get(String(attributes?.scheduledEventId))}: not done in time (${cause}).`;
    }
    case EventType.EVENT_TYPE_TIMER_STARTED: {
      const seconds = Number(event.timerStartedEventAttributes?.startToFireTimeout?.seconds ?? 0);
      return `Waiting up to ${seconds} s: ${summary ?? 'a timer'}.`;
    }
    case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
      return `${summary ?? event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId}.`;
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
      return 'Someone asked to cancel the run.';
    case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
      return 'The run was terminated; the sweep gives back what it held.';
    default:
      return undefined;
  }
}
