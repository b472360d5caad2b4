import { type OnCall, onCalls } from '../on-call.ts';
import type { Query } from '../query.ts';
import { Refusal } from '../refusal.ts';
import { policyIn, userIn } from '../wire/account.ts';
import { asReference, scheduleHead } from '../wire/references.ts';
import { lookAheadMs, writeSchedule } from '../wire/schedule.ts';
import { type View, viewOf } from '../wire/view.ts';
import { type Call, type Outcome, ok } from './handler.ts';
import { pageOf } from './lists.ts';

export function listOnCalls({ world, query }: Call<'listOnCalls'>): Outcome {
  const { since, until } = range(query, world.clock.now);
  const view = viewOf(world, query);
  const policy = query.filter('escalation_policy_ids[]');
  const user = query.filter('user_ids[]');
  const schedule = query.filter('schedule_ids[]');
  const duties = [...world.policies.values()]
    .filter(({ id }) => policy(id))
    .flatMap((one) => onCalls(one, world.schedules, since, until, world.roster))
    // A literal `null` among the schedules asks for the users who are targets themselves.
    .filter((duty) => user(duty.userId) && schedule(duty.schedule?.id ?? 'null'));
  const shown = query.flag('earliest') ? earliest(duties) : duties;
  return ok(pageOf('oncalls', shown, query, (duty) => writeOnCall(view, duty)));
}

function range(query: Query, now: number): { readonly since: number; readonly until: number } {
  const since = query.instant('since') ?? now;
  const until = query.instant('until') ?? Math.max(since, now);
  if (until < since) throw new Refusal(2004, 'until must not be before since.');
  if (until > now + lookAheadMs) throw new Refusal(2005, 'On-calls can be read at most 90 days ahead.');
  return { since, until };
}

/** The first of each policy, level and user. */
function earliest(duties: readonly OnCall[]): readonly OnCall[] {
  const byStart = duties.toSorted((a, b) => (a.start ?? -Infinity) - (b.start ?? -Infinity));
  const firsts = new Map<string, OnCall>();
  for (const duty of byStart) {
    const key = `${duty.policy.id} ${duty.level} ${duty.userId}`;
    if (!firsts.has(key)) firsts.set(key, duty);
  }
  const kept = new Set(firsts.values());
  return duties.filter((duty) => kept.has(duty));
}

function writeOnCall(view: View, { policy, level, userId, schedule, start, end }: OnCall) {
  return {
    escalation_policy: policyIn(view, policy.id),
    escalation_level: level,
    schedule:
      schedule &&
      (view.includes('schedules')
        ? writeSchedule(view, schedule)
        : asReference(scheduleHead(view, schedule))),
    user: userIn(view, userId, 'users'),
    start: start === null ? null : view.stamp(start),
    end: end === null ? null : view.stamp(end),
  };
}
