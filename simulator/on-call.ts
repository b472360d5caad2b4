import type { EscalationPolicy, Rule, Schedule } from './model.ts';
import { Roster } from './schedules/roster.ts';

/** An unbroken time of one person; `start` null: it always was so, `end` null: it never ends. */
export interface Shift {
  readonly userId: string;
  readonly start: number | null;
  readonly end: number | null;
}

/** One person on call at one level of one policy. `schedule` is null for a user who is a target himself. */
export interface OnCall extends Shift {
  readonly policy: EscalationPolicy;
  readonly level: number;
  readonly schedule: Schedule | null;
}

/** Who has the duty by a schedule: every shift that touches `since` to `until`, in order and uncut, never two at once. */
export const finalSchedule = (
  schedule: Schedule,
  since: number,
  until: number,
  roster = new Roster(),
): readonly Shift[] => roster.duties(schedule, since, until);

/** Ids of everyone whom a level reaches at an instant, each once; none where nobody is on call. */
export function onCallAt(
  rule: Pick<Rule, 'targets'>,
  schedules: ReadonlyMap<string, Schedule>,
  at: number,
  roster = new Roster(),
): readonly string[] {
  const shifts = rule.targets.flatMap((target) => shiftsOf(target, schedules, at, at, roster));
  return [...new Set(shifts.map(({ userId }) => userId))];
}

/** Everyone on call by a policy at some time between two instants: a tuple for each level, target and shift. */
export function onCalls(
  policy: EscalationPolicy,
  schedules: ReadonlyMap<string, Schedule>,
  since: number,
  until: number,
  roster = new Roster(),
): readonly OnCall[] {
  return policy.rules.flatMap((rule, index) =>
    rule.targets.flatMap((target) =>
      shiftsOf(target, schedules, since, until, roster).map((shift) => ({
        ...shift,
        policy,
        level: index + 1,
        schedule: target.type === 'schedule' ? (schedules.get(target.id) ?? null) : null,
      })),
    ),
  );
}

function shiftsOf(
  target: Rule['targets'][number],
  schedules: ReadonlyMap<string, Schedule>,
  since: number,
  until: number,
  roster: Roster,
): readonly Shift[] {
  if (target.type === 'user') return [{ userId: target.id, start: null, end: null }];
  const schedule = schedules.get(target.id);
  return schedule ? roster.duties(schedule, since, until) : [];
}
