import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  type ScheduleClient,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import type { Times } from '../gate/cron.ts';
import type { Policy } from '../gate/policy.ts';
import { type Difference, daysOfWeek, months, shiftsMemo, standingId } from '../gate/schedules.ts';
import { differencesFrom, type KeptShifts, ofOrder } from '../gate/shift-changes.ts';
import { isAtShifts, shiftsSaid, type TimedOrder, timedInput } from '../gate/timed-orders.ts';
import { priorityOf, searchAttributes, workflowTaskQueue } from '../workflows/contract.ts';
import { OncallError } from './errors.ts';
import { lookAtOrder, strangers } from './standing.ts';
import type { ShiftsReader } from './store.ts';

/** One thing that is to be done so that the server has what the configuration says. */
export type Change = { readonly name: string; readonly account: string; readonly scheduleId: string } & (
  | { readonly kind: 'create'; readonly order: TimedOrder; readonly kept: KeptShifts | undefined }
  | {
      readonly kind: 'update';
      readonly order: TimedOrder;
      readonly kept: KeptShifts | undefined;
      readonly differences: readonly Difference[];
    }
  | { readonly kind: 'remove' }
);

/** What is to be done; nothing where the server has it all. */
export async function changesFor(
  client: Client,
  policy: Policy,
  shifts: ShiftsReader,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const [name, order] of policy.timed) {
    const { account } = order;
    const told = { name, account, scheduleId: standingId(account, name), order };
    const looked = await lookAtOrder(client, name, order, shifts);
    if (!looked) {
      const kept = isAtShifts(order) ? await shifts(account, name) : undefined;
      changes.push({ kind: 'create', ...told, kept });
      continue;
    }
    const { kept, differences } = looked;
    if (differences.length > 0) changes.push({ kind: 'update', ...told, kept, differences });
  }
  for (const { scheduleId, account, name } of await strangers(client, policy))
    changes.push({ kind: 'remove', name, account, scheduleId });
  return changes;
}

/** Does one. An operator's pause, and its note, survive. */
export async function makeChange(client: Client, change: Change): Promise<void> {
  switch (change.kind) {
    case 'create':
      await client.schedule.create(scheduleOf(change));
      return;
    case 'update':
      return update(client, change);
    case 'remove':
      await client.schedule.getHandle(change.scheduleId).delete();
  }
}

/** How often, and how far apart, a Schedule is changed anew where it does not show the change: somebody else changed it as well. */
const mostTries = 20;
const tryAgainMs = 100;

/** @throws OncallError where somebody else changes it again and again. */
async function update(client: Client, change: Extract<Change, { kind: 'update' }>): Promise<void> {
  const { name, order, kept } = change;
  const { scheduleId, ...wanted } = scheduleOf(change);
  for (let tries = 0; tries < mostTries; tries += 1) {
    let seen: Uint8Array | null | undefined;
    const handle = guarded(client.schedule, () => seen).getHandle(scheduleId);
    await handle.update(({ raw, state: { paused, note } }) => {
      seen = raw.conflictToken;
      return { ...wanted, state: { paused, ...(note !== undefined && { note }) } };
    });
    const found = await handle.describe();
    if (differencesFrom(name, order, workflowTaskQueue, kept, found).length === 0) return;
    await sleep(tryAgainMs);
  }
  throw new OncallError(
    `The Schedule ${scheduleId} is not as it was to be: somebody changes it at the same time. Look at it with \`oncall standing list\`, then apply again.`,
  );
}

/**
 * The same Schedules, of which one is updated only where it is still as it was seen, so that an operator's pause is not undone:
 * the server drops any other update without a word. The SDK knows the token of what it has read, and does not send it.
 */
function guarded(
  schedules: ScheduleClient,
  seen: () => Uint8Array | null | undefined,
): Pick<ScheduleClient, 'getHandle'> {
  const { workflowService } = schedules;
  const updateSchedule = (request: temporal.api.workflowservice.v1.IUpdateScheduleRequest) =>
    workflowService.updateSchedule({ ...request, conflictToken: seen() ?? null });
  const service = Object.create(workflowService, { updateSchedule: { value: updateSchedule } });
  return Object.create(schedules, { workflowService: { value: service } });
}

/** The Schedule that an order describes; of one at shift changes, with the instants that are known. */
function scheduleOf({
  name,
  order,
  kept,
}: {
  readonly name: string;
  readonly order: TimedOrder;
  readonly kept: KeptShifts | undefined;
}): ScheduleOptions {
  const { account, agent, workflow, overlap, catchup } = order;
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
    ...(isAtShifts(order) && { memo: { [shiftsMemo]: shiftsSaid(order) } }),
    typedSearchAttributes: [
      { key: searchAttributes.agent, value: agent },
      { key: searchAttributes.account, value: account },
    ],
  };
  return {
    scheduleId,
    spec: isAtShifts(order)
      ? { calendars: (ofOrder(order, kept)?.times ?? []).map(instantCalendar), timezone: 'UTC' }
      : { calendars: [calendarOf(order.cron.times)], timezone: order.zone, jitter: order.jitter },
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

/** The calendar that is one instant. */
function instantCalendar(time: number) {
  const at = new Date(time);
  return {
    year: at.getUTCFullYear(),
    month: months[at.getUTCMonth()] ?? 'JANUARY',
    dayOfMonth: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
  };
}
