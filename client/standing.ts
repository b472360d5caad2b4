import { type Client, type ScheduleDescription, ScheduleNotFoundError } from '@temporalio/client';
import type { Policy } from '../gate/policy.ts';
import { type Difference, linesFound, standingId, standingIds } from '../gate/schedules.ts';
import { type KeptShifts, lookAt, ofOrder } from '../gate/shift-changes.ts';
import type { StandingOrder } from '../gate/standing.ts';
import { isAtShifts, shiftsSaid, type TimedOrder } from '../gate/timed-orders.ts';
import { orderMemo, searchAttributes, workflowTaskQueue } from '../workflows/contract.ts';
import { describeRun, quoted } from './runs.ts';
import type { ShiftsReader } from './store.ts';

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
  /** What people should know of the shifts that it goes by, a sentence each. */
  readonly shifts: readonly string[];
}

const nothing = {
  paused: null,
  differences: [],
  last: null,
  running: [],
  next: [],
  missed: 0,
  skipped: 0,
  shifts: [],
};

/** Every order of the configuration, then what the server has beside them. */
export async function listOrders(
  client: Client,
  policy: Policy,
  shifts: ShiftsReader,
): Promise<readonly ListedOrder[]> {
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
  for (const [name, order] of policy.timed) orders.push(await listed(client, name, order, shifts));
  for (const { scheduleId, name, account, found } of await strangers(client, policy)) {
    const { times, zone, shifts: whose, workflow, agent } = linesFound(found);
    orders.push({
      ...nothing,
      ...(await stateOfSchedule(client, found)),
      name,
      account,
      when: whose === '' ? `${times} ${zone}`.trim() : `shift changes of ${whose}`,
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

async function listed(
  client: Client,
  name: string,
  order: TimedOrder,
  shifts: ShiftsReader,
): Promise<ListedOrder> {
  const { account, workflow, agent } = order;
  const scheduleId = standingId(account, name);
  const told = { name, account, when: whenOf(order), workflow, agent, scheduleId };
  const looked = await lookAtOrder(client, name, order, shifts);
  if (!looked) return { ...nothing, ...told, state: 'not applied' };
  const { found, kept, differences } = looked;
  const state = differences.length > 0 ? 'changed' : found.state.paused ? 'paused' : 'active';
  const of = await stateOfSchedule(client, found);
  const own = ofOrder(order, kept);
  return {
    ...of,
    ...told,
    state,
    differences,
    missed: of.missed + (own?.missed ?? 0),
    shifts: isAtShifts(order) ? shiftsTold(own) : [],
  };
}

/** When an order starts something, for people. */
export const whenOf = (order: TimedOrder): string =>
  isAtShifts(order) ? `shift changes of ${shiftsSaid(order)}` : `${order.cron.text} ${order.zone}`;

/** How long ago who is on call may have been read: it is every minute. */
const staleMs = 150_000;

function shiftsTold(kept: KeptShifts | undefined): readonly string[] {
  if (!kept)
    return ['its shifts were not read yet; a Worker does that within a minute, unless its sweep is paused'];
  const { remarks, unread, readAt } = kept;
  if (unread)
    return [
      ...remarks,
      `its shifts could not be read since ${iso(unread.since)}, so it goes by what is known of before: ${unread.why}`,
    ];
  return Date.now() - readAt <= staleMs
    ? remarks
    : [
        ...remarks,
        `its shifts were last read ${iso(readAt)}, and what changed since is not known; does a Worker run?`,
      ];
}

const iso = (at: number): string => new Date(at).toISOString();

/** An order's Schedule, and in what it is not as the order says; `undefined` where there is none. */
export const lookAtOrder = (client: Client, name: string, order: TimedOrder, shifts: ShiftsReader) =>
  lookAt(name, order, workflowTaskQueue, {
    schedule: () => findSchedule(client, standingId(order.account, name)),
    kept: () => shifts(order.account, name),
  });

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
export async function strangers(client: Client, policy: Policy): Promise<readonly Stranger[]> {
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
