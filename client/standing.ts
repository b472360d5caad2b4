import {
  type Client,
  type ScheduleDescription,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Times } from '../gate/cron.ts';
import type { Policy } from '../gate/policy.ts';
import {
  type Difference,
  daysOfWeek,
  differences,
  linesFound,
  linesOf,
  months,
  standingId,
  standingIds,
} from '../gate/schedules.ts';
import type { StandingOrder } from '../gate/standing.ts';
import { type TimedOrder, timedInput } from '../gate/timed-orders.ts';
import { orderMemo, priorityOf, searchAttributes, workflowTaskQueue } from '../workflows/contract.ts';
import { describeRun, quoted } from './runs.ts';

/** A standing order, as the configuration and the server have it. */
export interface ListedOrder {
  readonly name: string;
  readonly account: string;
  /** When it starts something, for people. */
  readonly when: string;
  readonly workflow: string;
  readonly agent: string;
  /**
   * `on events`; of one by the clock: `active`, `paused`, `not applied` (there is no Schedule), `changed` (its Schedule is not
   * as the configuration says: the gate refuses its runs), `not in the configuration`.
   */
  readonly state: 'on events' | 'active' | 'paused' | 'not applied' | 'changed' | 'not in the configuration';
  readonly scheduleId: string | null;
  /** Whether an operator paused it, and the note that was left. */
  readonly paused: string | null;
  readonly differences: readonly Difference[];
  readonly last: { readonly at: string; readonly run: string; readonly state: string } | null;
  /** Workflow Ids of what runs now. */
  readonly running: readonly string[];
  /** ISO 8601; the next five. */
  readonly next: readonly string[];
  /** Times at which nothing was started: the server came too late, or the run before was under way. */
  readonly missed: number;
  readonly skipped: number;
}

const nothing = { paused: null, differences: [], last: null, running: [], next: [], missed: 0, skipped: 0 };

/** Every order of the configuration, then what the server has beside them. */
export async function listOrders(client: Client, policy: Policy): Promise<readonly ListedOrder[]> {
  const orders: ListedOrder[] = [];
  for (const [name, order] of policy.standing) {
    const { account, on, workflow, agent } = order;
    orders.push({
      ...nothing,
      ...(await runsOnEvents(client, name, order)),
      name,
      account,
      when: `on ${on}`,
      workflow,
      agent,
      state: 'on events',
      scheduleId: null,
    });
  }
  for (const [name, order] of policy.timed) orders.push(await listed(client, name, order));
  for (const { scheduleId, name, account, found } of await strangers(client, policy)) {
    const { times, zone, workflow, agent } = linesFound(found);
    orders.push({
      ...(await stateOfSchedule(client, found)),
      name,
      account,
      when: `${times} ${zone}`.trim(),
      workflow,
      agent,
      state: 'not in the configuration',
      scheduleId,
      differences: [],
    });
  }
  return orders;
}

/** How many of the newest runs of an order's Workflow are looked through for those that it started. */
const mostSearched = 200;

/** What an order on events has started: the newest of it, and what runs now. */
async function runsOnEvents(
  client: Client,
  name: string,
  { account, workflow, agent }: StandingOrder,
): Promise<Pick<ListedOrder, 'last' | 'running'>> {
  const query = [
    `WorkflowType = ${quoted(workflow)}`,
    `${searchAttributes.agent.name} = ${quoted(agent)}`,
    `${searchAttributes.account.name} = ${quoted(account)}`,
  ].join(' and ');
  const started: { readonly workflowId: string; readonly at: Date; readonly isRunning: boolean }[] = [];
  let searched = 0;
  for await (const { workflowId, startTime, status, memo } of client.workflow.list({
    query,
    pageSize: mostSearched,
  })) {
    if (memo?.[orderMemo] === name)
      started.push({ workflowId, at: startTime, isRunning: status.name === 'RUNNING' });
    searched += 1;
    if (searched === mostSearched) break;
  }
  const newest = started.toSorted((a, b) => b.at.getTime() - a.at.getTime())[0];
  const run = newest && (await describeRun(client, newest.workflowId));
  return {
    last: newest
      ? {
          at: newest.at.toISOString(),
          run: newest.workflowId,
          state: run?.state ?? 'gone from the server',
        }
      : null,
    running: started.filter(({ isRunning }) => isRunning).map(({ workflowId }) => workflowId),
  };
}

async function listed(client: Client, name: string, order: TimedOrder): Promise<ListedOrder> {
  const { account, workflow, agent, cron, zone } = order;
  const scheduleId = standingId(account, name);
  const told = { name, account, when: `${cron.text} ${zone}`, workflow, agent, scheduleId };
  const found = await findSchedule(client, scheduleId);
  if (!found) return { ...nothing, ...told, state: 'not applied' };
  const differ = differencesOf(name, order, found);
  const state = differ.length > 0 ? 'changed' : found.state.paused ? 'paused' : 'active';
  return { ...(await stateOfSchedule(client, found)), ...told, state, differences: differ };
}

export const differencesOf = (name: string, order: TimedOrder, found: ScheduleDescription) =>
  differences(linesOf(name, order, workflowTaskQueue), linesFound(found));

async function stateOfSchedule(client: Client, { state, info }: ScheduleDescription) {
  const last = info.recentActions.at(-1);
  const run = last && (await describeRun(client, last.action.workflow.workflowId));
  return {
    paused: state.paused ? state.note || 'no note was left' : null,
    last: last
      ? {
          at: last.takenAt.toISOString(),
          run: last.action.workflow.workflowId,
          state: run?.state ?? 'gone from the server',
        }
      : null,
    running: info.runningActions.map(({ workflow }) => workflow.workflowId),
    next: state.paused ? [] : info.nextActionTimes.slice(0, 5).map((at) => at.toISOString()),
    missed: info.numActionsMissedCatchupWindow,
    skipped: info.numActionsSkippedOverlap,
  };
}

/** The Schedule of an id; `undefined` where there is none. */
export async function findSchedule(
  client: Client,
  scheduleId: string,
): Promise<ScheduleDescription | undefined> {
  try {
    return await client.schedule.getHandle(scheduleId).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

interface Stranger {
  readonly scheduleId: string;
  readonly account: string;
  readonly name: string;
  readonly found: ScheduleDescription;
}

/** Schedules that look like those of orders, and are of none that the configuration has. */
async function strangers(client: Client, policy: Policy): Promise<readonly Stranger[]> {
  const ours = new Set([...policy.timed].map(([name, { account }]) => standingId(account, name)));
  const found: Stranger[] = [];
  for await (const { scheduleId } of client.schedule.list()) {
    if (!scheduleId.startsWith(standingIds) || ours.has(scheduleId)) continue;
    // The list is some moments old.
    const schedule = await findSchedule(client, scheduleId);
    const [account = '', ...rest] = scheduleId.slice(standingIds.length).split(':');
    if (schedule) found.push({ scheduleId, account, name: rest.join(':'), found: schedule });
  }
  return found;
}

/** One thing that is to be done so that the server has what the configuration says. */
export type Change = { readonly name: string; readonly account: string; readonly scheduleId: string } & (
  | { readonly kind: 'create'; readonly order: TimedOrder }
  | { readonly kind: 'update'; readonly order: TimedOrder; readonly differences: readonly Difference[] }
  | { readonly kind: 'remove' }
);

/** What is to be done; nothing where the server has it all. */
export async function changesFor(client: Client, policy: Policy): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const [name, order] of policy.timed) {
    const { account } = order;
    const scheduleId = standingId(account, name);
    const found = await findSchedule(client, scheduleId);
    if (!found) {
      changes.push({ kind: 'create', name, account, scheduleId, order });
      continue;
    }
    const differ = differencesOf(name, order, found);
    if (differ.length > 0)
      changes.push({ kind: 'update', name, account, scheduleId, order, differences: differ });
  }
  for (const { scheduleId, account, name } of await strangers(client, policy))
    changes.push({ kind: 'remove', name, account, scheduleId });
  return changes;
}

/** Does one. An operator's pause, and its note, survive. */
export async function makeChange(client: Client, change: Change): Promise<void> {
  const handle = client.schedule.getHandle(change.scheduleId);
  switch (change.kind) {
    case 'create':
      await client.schedule.create(scheduleOf(change.name, change.order));
      return;
    case 'update': {
      const { scheduleId: _id, ...wanted } = scheduleOf(change.name, change.order);
      await handle.update(({ state: { paused, note } }) => ({
        ...wanted,
        state: { paused, ...(note !== undefined && { note }) },
      }));
      return;
    }
    case 'remove':
      await handle.delete();
  }
}

/** The Schedule that an order describes. */
function scheduleOf(name: string, order: TimedOrder): ScheduleOptions {
  const { account, agent, workflow, cron, zone, jitter, overlap, catchup } = order;
  const scheduleId = standingId(account, name);
  const input = timedInput(name, order);
  const action = {
    type: 'startWorkflow' as const,
    workflowType: workflow,
    workflowId: scheduleId,
    taskQueue: workflowTaskQueue,
    args: [input],
    // Says only what comes first, so it is no line that the gate compares. The SDK sends it, though its type does not name it.
    priority: { priorityKey: priorityOf(workflow, input), fairnessKey: agent },
    staticSummary: `${workflow} of account ${account}, by the standing order ${name}`,
    typedSearchAttributes: [
      { key: searchAttributes.agent, value: agent },
      { key: searchAttributes.account, value: account },
    ],
  };
  return {
    scheduleId,
    spec: { calendars: [calendarOf(cron.times)], timezone: zone, jitter },
    policies: {
      overlap: overlap === 'skip' ? ScheduleOverlapPolicy.SKIP : ScheduleOverlapPolicy.BUFFER_ONE,
      catchupWindow: catchup,
      pauseOnFailure: false,
    },
    action,
  };
}

const calendarOf = (times: Times) => ({
  minute: times.minute.map(asRange),
  hour: times.hour.map(asRange),
  dayOfMonth: times.dayOfMonth.map(asRange),
  month: times.month.map((month) => months[month - 1] ?? 'JANUARY'),
  dayOfWeek: times.dayOfWeek.map((day) => daysOfWeek[day] ?? 'SUNDAY'),
});
const asRange = (value: number) => ({ start: value, end: value, step: 1 });
