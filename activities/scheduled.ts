import { activityInfo } from '@temporalio/activity';
import { type Client, type ScheduleDescription, ScheduleNotFoundError } from '@temporalio/client';
import type { Store } from '../gate/audit-store.ts';
import { canonical } from '../gate/canonical.ts';
import { standingId } from '../gate/schedules.ts';
import { lookAt, shiftsKept } from '../gate/shift-changes.ts';
import { spend, spentBy } from '../gate/spent.ts';
import { type TimedOrder, timedInput } from '../gate/timed-orders.ts';
import { nameOf } from '../gate/words.ts';
import { TryAgain } from './failures.ts';

/** What the server says of a Schedule now; `undefined` where there is none. */
export type ScheduleReader = (scheduleId: string) => Promise<ScheduleDescription | undefined>;

export const scheduleReader =
  (client: Client): ScheduleReader =>
  async (scheduleId) => {
    try {
      return await client.schedule.getHandle(scheduleId).describe();
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return undefined;
      throw error;
    }
  };

/** How long after its start a run may be missing among what its Schedule has started: the server writes that down a moment later. */
const lagsMs = 5_000;
const askAgainMs = 250;

/** A run that names an order by the clock. */
interface Begun {
  readonly workflowId: string;
  readonly firstRunId: string;
  readonly type: string;
  readonly input: readonly unknown[];
  /** When it began, milliseconds since 1970, by the server's clock. */
  readonly at: number;
  readonly saysScheduled: boolean;
}

/**
 * Why a run is not one that the Schedule of an order started, as the configuration holds both, in the words that follow "the
 * standing order NAME"; `undefined` where it is. What a run says of itself proves nothing: the server is asked what the Schedule
 * has started. Once proved, a run stays so, whatever its Schedule has become.
 * @throws TryAgain where the server may not have written it down yet.
 */
export async function unproved(
  schedules: ScheduleReader,
  store: Store,
  asked: {
    readonly name: string;
    readonly order: TimedOrder;
    readonly taskQueue: string;
    readonly run: Begun;
  },
): Promise<string | undefined> {
  const { name, order, taskQueue, run } = asked;
  if (run.type !== order.workflow) return `starts ${order.workflow} and not ${nameOf(run.type)}`;
  if (canonical(run.input) !== canonical([timedInput(name, order)]))
    return 'was given other input than the configuration says';
  const scheduleId = standingId(order.account, name);
  const isOurs = { jti: `order ${order.account} ${name} ${run.workflowId}`, ...run };
  const known = await spentBy(store, isOurs.jti);
  if (known === run.firstRunId) return undefined;
  const again = `has started another run for ${run.workflowId.slice(scheduleId.length + 1) || 'this time'} already`;
  if (known !== undefined) return again;
  if (!run.saysScheduled)
    return 'is started by its Schedule alone; `oncall standing trigger` has it do so now';
  const looked = await lookAt(name, order, taskQueue, {
    schedule: () => schedules(scheduleId),
    kept: () => shiftsKept(store, order.account, name),
  });
  if (!looked) return 'has no Schedule; `oncall standing apply` makes it';
  const [changed] = looked.differences;
  if (changed)
    return `has a Schedule with other ${changed.line} than the configuration says; \`oncall standing\` shows it, \`oncall standing apply\` mends it`;
  const { recentActions, runningActions } = looked.found.info;
  const isStarted = [...recentActions.map(({ action }) => action), ...runningActions].some(
    ({ workflow }) =>
      workflow.workflowId === run.workflowId && workflow.firstExecutionRunId === run.firstRunId,
  );
  if (!isStarted) {
    // Both times are the server's.
    if (activityInfo().currentAttemptScheduledTimestampMs - run.at < lagsMs)
      throw new TryAgain('ScheduleLags', `The Schedule ${scheduleId} does not show this run yet.`, {
        waitMs: askAgainMs,
        why: 'until its Schedule shows it',
      });
    return 'has a Schedule that did not start this run';
  }
  return (await spend(store, isOurs)) ? undefined : again;
}
