import type { Duration } from '@temporalio/common';
import { type ActivityOptions, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { type AgentActivities, agentTaskQueue, taskQueues } from './contract.ts';

/** How much a step matters: a page before a sweep. */
const priorities = { urgent: 1, sweep: 2, ordinary: 3, bulk: 5 } as const;

/** What a run that stands behind others asks for stands there as well: a report's reads are no more urgent than the report. */
const ordinary = (): number =>
  Math.max(priorities.ordinary, workflowInfo().priority?.priorityKey ?? priorities.ordinary);

/**
 * The Activities of an account, by how long each is still worth doing. One attempt is longer than the longest HTTP request
 * (8 s), so that it is ours to end; between attempts waits what PagerDuty says, else 1 s doubling to 30 s.
 */
export function activitiesOf(account: string) {
  const on = (taskQueue: string, priorityKey: number, worthDoing: Duration) =>
    proxyActivities<Activities>({
      taskQueue,
      priority: { priorityKey },
      startToCloseTimeout: '15 seconds',
      scheduleToCloseTimeout: worthDoing,
      // A lease that ends does not wait for a request that is under way: what came of it is read afterwards.
      cancellationType: 'TRY_CANCEL',
      retry: {
        initialInterval: '1 second',
        backoffCoefficient: 2,
        maximumInterval: '30 seconds',
      },
    } satisfies ActivityOptions);
  return {
    /** Reads that a step waits for. */
    look: on(taskQueues.rest(account), ordinary(), '2 minutes'),
    /** Notes and other writes that can wait a little. */
    write: on(taskQueues.rest(account), ordinary(), '1 hour'),
    /** Acknowledges, resolves and what they need. */
    urgent: on(taskQueues.urgent(account), priorities.urgent, '10 minutes'),
    /** Many at once: behind all that is about one. */
    bulk: on(taskQueues.rest(account), priorities.bulk, '1 hour'),
    /** The Events API. */
    events: on(taskQueues.events(account), priorities.ordinary, '1 hour'),
    /** Giving back: worth doing until it is done. */
    release: on(taskQueues.urgent(account), priorities.urgent, '1 day'),
    /** Asking the gate, which sends nothing and must answer while everything is frozen. */
    ask: on(taskQueues.urgent(account), priorities.ordinary, '2 minutes'),
    /** Looking for what must be given back, and for what runs were not told: on the queue that no freeze stops. */
    sweep: on(taskQueues.urgent(account), priorities.sweep, '50 seconds'),
  };
}

/** How long an agent may be silent before it counts as gone. */
const silence = '10 seconds';

/**
 * What an agent does on its own Task Queue. One that nobody takes up in time has no agent; one that stops beating has lost it.
 * Never tried again: another try would be another agent, and the incident belongs to people meanwhile.
 */
export const agentOn = (agent: string, { presenceMs, thinkMs }: { presenceMs: number; thinkMs: number }) =>
  proxyActivities<AgentActivities>({
    taskQueue: agentTaskQueue(agent),
    scheduleToStartTimeout: presenceMs,
    startToCloseTimeout: thinkMs,
    heartbeatTimeout: silence,
    cancellationType: 'TRY_CANCEL',
    retry: { maximumAttempts: 1 },
  });

/** PagerDuty limits each routing key by itself, so each is paced by itself: its name is the fairness key. */
const keyed = (input: {
  readonly step: string;
  readonly request?: object;
}): Pick<ActivityOptions, 'priority'> => {
  const { routingKey } = (input.request ?? {}) as { readonly routingKey?: unknown };
  if (typeof routingKey !== 'string') return {};
  return {
    priority: { priorityKey: priorities.ordinary, fairnessKey: routingKey.slice(0, longestFairnessKey) },
  };
};

/** The server takes no longer fairness key, in bytes. Names of routing keys are plain letters. */
const longestFairnessKey = 64;

/** Runs one Activity; its step is what operators read beside it. */
export const perform = <Input extends { readonly step: string }, Result>(
  activity: {
    (input: Input): Promise<Result>;
    executeWithOptions(options: ActivityOptions, args: [Input]): Promise<Result>;
  },
  input: Input,
): Promise<Result> => activity.executeWithOptions({ summary: input.step, ...keyed(input) }, [input]);
