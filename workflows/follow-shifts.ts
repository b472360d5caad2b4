import { ApplicationFailure } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Followed, ReadShifts, ShiftPage } from '../activities/index.ts';
import { attempt, type Failed } from './attempt.ts';
import { clock } from './chronicle.ts';
import { type ShiftsFollowed, type SweepInput, searchAttributes } from './contract.ts';
import type { Span } from './coverage.ts';
import { activitiesOf, perform } from './proxies.ts';
import { changesOf } from './shift-changes.ts';

/** How many pages of who is on call are read for some schedules or policies, and of how many of those at once. */
const mostPages = 10;
const mostIds = 50;

/** Failures that come of what was asked for: who asks for less may get it. */
const ofTheAsked: readonly string[] = ['InvalidRequest', 'NotFound', 'Forbidden'];

/**
 * Reads when who is on call changes, and keeps that in the Schedules of the orders that go by it. The sweep of every minute
 * starts it, as the runner: it looks, and what it starts is the order's.
 */
export async function followShifts({ account }: SweepInput): Promise<ShiftsFollowed> {
  const at = Date.now();
  upsertSearchAttributes([{ key: searchAttributes.account, value: account }]);
  const { sweep: following } = activitiesOf(account);
  const found = await perform(following.listShiftOrders, { step: 'See which orders go by shifts', at });
  if (!found.ok) throw ApplicationFailure.nonRetryable(found.sentence, found.kind);
  const result: { kept: string[]; started: string[]; left: string[] } = { kept: [], started: [], left: [] };
  for (const some of lotsOf(found.orders)) {
    const together = await readShifts(account, some);
    const isTooMuch = 'type' in together && ofTheAsked.includes(together.type) && some.length > 1;
    for (const order of some) {
      const read = isTooMuch ? await readShifts(account, [order]) : together;
      const done = await attempt(
        perform(following.keepShiftChanges, {
          step: `Keep the shift changes of ${order.name}`,
          name: order.name,
          at,
          until: order.span.end,
          read: 'shifts' in read ? changesFor(order, read) : { unread: read.sentence },
        }),
      );
      if (!done.ok) {
        result.left.push(`The Schedule of ${order.name} was not kept: ${done.sentence}`);
        continue;
      }
      result.started.push(...done.started);
      result.left.push(...done.left);
      if (done.left.length === 0) result.kept.push(order.name);
    }
  }
  setCurrentDetails(detailsOf(result, at));
  return result;
}

/** Orders that are read together: by schedules or by policies, and not of too many at once. */
function lotsOf(orders: readonly Followed[]): readonly (readonly Followed[])[] {
  const lots: Followed[][] = [];
  for (const by of ['schedules', 'policies'] as const)
    for (const order of orders.filter((one) => one.by === by)) {
      const last = lots.at(-1);
      const fits = last?.[0]?.by === by && idsOf([...last, order]).length <= mostIds;
      if (fits) last.push(order);
      else lots.push([order]);
    }
  return lots;
}

const idsOf = (orders: readonly Followed[]): readonly string[] => [
  ...new Set(orders.flatMap(({ ids }) => ids)),
];

type Read = Pick<ShiftPage, 'shifts' | 'shiftBased'>;

/** All shifts of some orders, one Activity a page; or why they are not to be had. */
async function readShifts(
  account: string,
  orders: readonly Followed[],
): Promise<Read | Pick<Failed, 'type' | 'sentence'>> {
  const { sweep: following } = activitiesOf(account);
  const by = orders[0]?.by ?? 'schedules';
  const ids = idsOf(orders);
  const span: Span = {
    start: Math.min(...orders.map((order) => order.span.start)),
    end: Math.max(...orders.map((order) => order.span.end)),
  };
  const shifts: ShiftPage['shifts'][number][] = [];
  const shiftBased: ShiftPage['shiftBased'][number][] = [];
  let offset = 0;
  for (let page = 1; page <= mostPages; page += 1) {
    const came = await attempt(
      perform(following.listShifts, {
        step: `List who is on call by ${by} of ${orders.map(({ name }) => name).join(', ')}, page ${page}`,
        by,
        ids,
        span,
        offset,
      }),
    );
    if (!came.ok) return { type: 'type' in came ? came.type : came.kind, sentence: came.sentence };
    shifts.push(...came.shifts);
    shiftBased.push(...came.shiftBased);
    if (!came.more) return { shifts, shiftBased };
    offset += came.came;
  }
  return {
    type: 'InvalidRequest',
    sentence: `there are more than ${offset} shifts in that time; name fewer ${by} in one order.`,
  };
}

/** What of it is an order's. */
function changesFor({ by, ids, span }: Followed, { shifts, shiftBased }: Read): ReadShifts {
  const idOf = (place: string): string => place.split(' ')[0] ?? place;
  const own = shifts.filter(({ place }) => ids.includes(idOf(place)));
  const moved = new Map(
    shiftBased
      .filter(({ id, policy }) => ids.includes(by === 'schedules' ? id : policy))
      .map(({ id, name }) => [id, name]),
  );
  const empty = ids.filter((id) => !own.some(({ place }) => idOf(place) === id));
  const one = by === 'schedules' ? 'schedule' : 'escalation policy';
  return {
    changes: changesOf(own, span),
    remarks: [
      ...[...moved].map(
        ([id, name]) =>
          `${name} (${id}) is of PagerDuty's shift-based kind: its changes are read from who is on call, as all are`,
      ),
      ...empty.map(
        (id) =>
          `PagerDuty shows nobody on call by the ${one} ${id}: is the id right${by === 'schedules' ? ', and is it on an escalation policy' : ''}?`,
      ),
    ],
  };
}

function detailsOf({ kept, started, left }: ShiftsFollowed, at: number): string {
  return [
    `- **Read at:** ${clock(at)}`,
    `- **Kept:** ${kept.join(', ') || 'none'}`,
    ...(started.length > 0 ? [`- **Started late:** ${started.join(', ')}`] : []),
    ...left.map((sentence) => `- ${sentence}`),
  ].join('\n');
}
