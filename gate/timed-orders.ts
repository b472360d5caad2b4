import parseDuration from 'parse-duration';
import { z } from 'zod';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { Cron } from './cron.ts';
import { zoneFault } from './hours.ts';
import { runInputs, workflowNames } from './run-inputs.ts';

/** A duration with its unit, in milliseconds. */
const span = (least: number, most: number, said: string) =>
  z.string().transform((text, context) => {
    const ms = /^(\d+(\.\d+)?\s*[a-z]+\s*)+$/i.test(text) ? parseDuration(text) : null;
    if (ms !== null && ms >= least && ms <= most && ms % 1_000 === 0) return ms;
    context.addIssue(said);
    return z.NEVER;
  });

/** What becomes of a time that comes while the run of the one before is under way. */
const overlaps = ['skip', 'buffer_one'] as const;

/** Ten minutes: an outage of a night does not bring a night of runs in the morning. */
const catchupMs = 600_000;

/** What every order with a Schedule says, whatever its times. */
const scheduled = {
  account: z.string().optional(),
  workflow: z.enum(workflowNames, `there is no such Workflow; there are ${workflowNames.join(', ')}`),
  agent: z.string(),
  overlap: z
    .enum(overlaps, 'an overlap is skip (nothing starts) or buffer_one (one starts afterwards)')
    .default('skip'),
  // Temporal counts a time as missed after ten seconds at least.
  catchup: span(
    10_000,
    86_400_000,
    'catchup is a duration of whole seconds between 10s and 24h, such as 10m',
  ).default(catchupMs),
  input: z.record(z.string(), z.unknown()).default({}),
};

/** A standing order by the clock, as it is written. */
export const CronOrder = z.strictObject({
  cron: Cron,
  zone: z.string().superRefine((zone, context) => {
    const fault = zoneFault(zone);
    if (fault !== undefined) context.addIssue(fault);
  }),
  jitter: span(0, 3_600_000, 'jitter is a duration of whole seconds of at most 1h, such as 30s').default(0),
  ...scheduled,
});
type CronOrder = z.output<typeof CronOrder>;

const Ids = z.array(Id).min(1).max(20).optional();

/** A standing order at each change of who is on call, as it is written. */
export const ShiftOrder = z
  .strictObject({
    at: z.literal('shift-change', 'an order is at shift-change; times of day are written as cron and zone'),
    schedules: Ids,
    policies: Ids,
    ...scheduled,
  })
  .superRefine(({ schedules, policies }, context) => {
    if ((schedules === undefined) === (policies === undefined))
      context.addIssue('say whose shifts: schedules, or policies, not both');
  });
export type ShiftOrder = z.output<typeof ShiftOrder> & { readonly account: string };

/** A line of the configuration that lets a Schedule start runs as an agent: by the clock, or at shift changes. */
export type TimedOrder = (CronOrder | z.output<typeof ShiftOrder>) & { readonly account: string };

export const isAtShifts = (order: TimedOrder): order is ShiftOrder => 'at' in order;

/** Whose shifts an order goes by. */
export const shiftsOf = ({
  schedules,
  policies = [],
}: Pick<ShiftOrder, 'schedules' | 'policies'>): {
  readonly by: 'schedules' | 'policies';
  readonly ids: readonly string[];
} => (schedules ? { by: 'schedules', ids: schedules } : { by: 'policies', ids: policies });

/** The same in words, as it stands in the Schedule too: `schedules PAAA, PBBB`. */
export const shiftsSaid = (order: Pick<ShiftOrder, 'schedules' | 'policies'>): string => {
  const { by, ids } = shiftsOf(order);
  return `${by} ${ids.join(', ')}`;
};

/** The input of the run that such an order starts, whenever it does. */
export const timedInput = (name: string, { account, input }: Pick<TimedOrder, 'account' | 'input'>) => ({
  ...input,
  account,
  standing: name,
});

/** The order that the input of a run names; `undefined` where it names none. */
export function standingIn(
  input: unknown,
): { readonly account: string; readonly standing: string } | undefined {
  const parsed = z.looseObject({ account: z.string(), standing: z.string() }).safeParse(input);
  return parsed.success ? { account: parsed.data.account, standing: parsed.data.standing } : undefined;
}

/** The schema of what an order's Workflow takes, and an example of it. */
export const takenBy = ({ workflow, account, input }: TimedOrder) => ({
  schema: runInputs[workflow] as z.ZodType,
  example: { ...input, account },
});
