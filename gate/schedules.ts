import type { ScheduleDescription } from '@temporalio/client';
import { canonical } from './canonical.ts';
import { cronOf, type Times } from './cron.ts';
import { isAtShifts, shiftsSaid, type TimedOrder, timedInput } from './timed-orders.ts';

/** Id of the Schedule of a standing order; the ids of its runs begin with it too. */
export const standingId = (account: string, name: string): string => `${standingIds}${account}:${name}`;
export const standingIds = 'standing:';

/** Search attributes that runs of an order are found by. */
export const runAttributes = { agent: 'OncallAgent', account: 'OncallAccount' } as const;

/** Where a Schedule says whose shifts it goes by: in the memo of the runs that it starts. */
export const shiftsMemo = 'shiftsOf';

/** What decides when a Schedule starts what, as people compare it: a line each. */
export interface ScheduleLines {
  /** A cron line, or instants. */
  readonly times: string;
  /** Whose shift changes; empty of an order by the clock. */
  readonly shifts: string;
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

/**
 * The lines of a Schedule that is as an order says.
 * @param changes of an order at shift changes: the instants that the runner has read, milliseconds since 1970.
 */
export const linesOf = (
  name: string,
  order: TimedOrder,
  taskQueue: string,
  changes: readonly number[] = [],
): ScheduleLines => ({
  ...(isAtShifts(order)
    ? { times: instantsSaid(changes), shifts: shiftsSaid(order), zone: 'UTC', jitter: seconds(0) }
    : { times: cronOf(order.cron.times), shifts: '', zone: order.zone, jitter: seconds(order.jitter) }),
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
  const { [shiftsMemo]: shifts = '', ...memo } = action.memo ?? {};
  const more = { ...others, ...memo };
  return {
    times: timesFound(spec),
    shifts: typeof shifts === 'string' ? shifts : canonical(shifts),
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
  const instants = instantsFound(spec);
  if (instants !== undefined) return instants;
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

/** The instants of a Schedule that has nothing else, as they stand in a line; `undefined` where it has. */
export function instantsFound({
  calendars = [],
  intervals = [],
  skip = [],
  startAt,
  endAt,
}: ScheduleDescription['spec']): string | undefined {
  const instants = calendars.map(instantIn);
  const isAll = instants.every((at) => at !== undefined);
  return isAll && intervals.length + skip.length === 0 && !startAt && !endAt
    ? instantsSaid(instants)
    : undefined;
}

/** Instants as they stand in a line, in order. */
export const instantsSaid = (instants: readonly number[]): string =>
  instants
    .toSorted((a, b) => a - b)
    .map((at) => `${new Date(at).toISOString().slice(0, 19)}Z`)
    .join(' ') || 'none';

/** The one instant that a calendar is; `undefined` where it is more, or less. */
function instantIn({
  year,
  month,
  dayOfMonth,
  hour,
  minute,
  second,
  dayOfWeek,
}: Calendar): number | undefined {
  const isEveryDay = numbers(dayOfWeek, daysOfWeek).length === daysOfWeek.length;
  const fields = [
    numbers(year),
    numbers(month, months, 1),
    ...[dayOfMonth, hour, minute, second].map((field) => numbers(field)),
  ];
  if (!isEveryDay || fields.some((values) => values.length !== 1)) return undefined;
  const [inYear = 0, inMonth = 1, ...time] = fields.flat();
  return Date.UTC(inYear, inMonth - 1, ...time);
}

type Calendar = NonNullable<ScheduleDescription['spec']['calendars']>[number];

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
