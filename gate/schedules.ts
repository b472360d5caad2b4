import type { ScheduleDescription } from '@temporalio/client';
import { canonical } from './canonical.ts';
import { cronOf, type Times } from './cron.ts';
import { type TimedOrder, timedInput } from './timed-orders.ts';

/** Id of the Schedule of a standing order; the ids of its runs begin with it too. */
export const standingId = (account: string, name: string): string => `${standingIds}${account}:${name}`;
export const standingIds = 'standing:';

/** Search attributes that runs of an order are found by. */
export const runAttributes = { agent: 'OncallAgent', account: 'OncallAccount' } as const;

/** What decides when a Schedule starts what, as people compare it: a line each. */
export interface ScheduleLines {
  readonly times: string;
  readonly zone: string;
  readonly jitter: string;
  readonly overlap: string;
  readonly catchup: string;
  readonly workflow: string;
  readonly input: string;
  readonly agent: string;
  /** Task Queue, ids, and whatever else a run is started with. */
  readonly start: string;
}

/** The lines of a Schedule that is as an order says. */
export const linesOf = (name: string, order: TimedOrder, taskQueue: string): ScheduleLines => ({
  times: cronOf(order.cron.times),
  zone: order.zone,
  jitter: seconds(order.jitter),
  overlap: order.overlap,
  catchup: seconds(order.catchup),
  workflow: order.workflow,
  input: canonical([timedInput(name, order)]),
  agent: order.agent,
  start: canonical({ taskQueue, workflowId: standingId(order.account, name), account: order.account }),
});

/** The lines of a Schedule as the server has it. What no order can say stands in them too, so that it differs. */
export function linesFound({
  spec,
  action,
  policies,
  state,
}: Pick<ScheduleDescription, 'spec' | 'action' | 'policies' | 'state'>): ScheduleLines {
  const { agent, account } = runAttributes;
  const held = action.typedSearchAttributes ?? [];
  const pairs = Array.isArray(held) ? held : held.getAll();
  const attributes: Readonly<Record<string, unknown>> = Object.fromEntries(
    pairs.map(({ key, value }) => [key.name, value]),
  );
  const { [agent]: ofAgent, [account]: ofAccount, ...others } = attributes;
  const { taskQueue, workflowId, retry, workflowExecutionTimeout, workflowRunTimeout } = action;
  const more = { ...others, ...action.memo };
  return {
    times: timesFound(spec),
    zone: spec.timezone ?? '',
    jitter: seconds(spec.jitter ?? 0),
    overlap: `${(policies.overlap ?? '').toLowerCase()}${policies.pauseOnFailure ? ', paused by a failure' : ''}`,
    catchup: seconds(policies.catchupWindow),
    workflow: action.workflowType,
    input: canonical(action.args ?? []),
    agent: typeof ofAgent === 'string' ? ofAgent : '',
    start: canonical({
      taskQueue,
      workflowId,
      account: ofAccount,
      retry,
      workflowExecutionTimeout,
      workflowRunTimeout,
      // An absent limit is told as none.
      runsLeft: state.remainingActions || undefined,
      more: Object.keys(more).length > 0 ? more : undefined,
    }),
  };
}

const seconds = (ms: number): string => `${ms / 1_000} s`;

function timesFound(spec: ScheduleDescription['spec']): string {
  const { calendars = [], intervals = [], skip = [], startAt, endAt } = spec;
  const [calendar] = calendars;
  const isPlain =
    calendar &&
    calendars.length + intervals.length + skip.length === 1 &&
    !startAt &&
    !endAt &&
    calendar.year.length === 0 &&
    canonical(numbers(calendar.second)) === '[0]';
  if (!isPlain) return canonical({ calendars, intervals, skip, startAt, endAt });
  const times: Times = {
    minute: numbers(calendar.minute),
    hour: numbers(calendar.hour),
    dayOfMonth: numbers(calendar.dayOfMonth),
    month: numbers(calendar.month, months, 1),
    dayOfWeek: numbers(calendar.dayOfWeek, daysOfWeek),
  };
  return cronOf(times);
}

/** As the SDK calls them. */
export const months = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;
export const daysOfWeek = [
  'SUNDAY',
  'MONDAY',
  'TUESDAY',
  'WEDNESDAY',
  'THURSDAY',
  'FRIDAY',
  'SATURDAY',
] as const;

interface Range {
  readonly start: number | string;
  readonly end: number | string;
  readonly step: number;
}

/** Every value of some ranges, ascending. */
function numbers(ranges: readonly Range[], words: readonly string[] = [], first = 0): readonly number[] {
  const value = (of: number | string): number => (typeof of === 'number' ? of : words.indexOf(of) + first);
  const all = new Set<number>();
  for (const { start, end, step } of ranges)
    for (let one = value(start); one <= value(end); one += Math.max(1, step)) all.add(one);
  return [...all].toSorted((a, b) => a - b);
}

/** One thing in which a Schedule is not as its order says. */
export interface Difference {
  readonly line: keyof ScheduleLines;
  readonly wanted: string;
  readonly found: string;
}

export const differences = (wanted: ScheduleLines, found: ScheduleLines): readonly Difference[] =>
  (Object.keys(wanted) as (keyof ScheduleLines)[]).flatMap((line) =>
    wanted[line] === found[line] ? [] : [{ line, wanted: wanted[line], found: found[line] }],
  );
