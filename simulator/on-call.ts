import type { EscalationPolicy, Rule, Schedule } from './model.ts';

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

/**
 * Who has the duty by a schedule: every shift that touches `since` to `until`, in order and uncut, never two at once.
 * The only place that knows how a schedule is made; layers, restrictions and overrides come in here.
 */
export function finalSchedule({ rotation }: Schedule, since: number, until: number): readonly Shift[] {
  const { userIds, virtualStart } = rotation;
  const turnMs = rotation.turnSeconds * 1000;
  const userOf = (turn: number) => userIds[modulo(turn, userIds.length)];
  const shifts: Shift[] = [];
  let turn = Math.floor((since - virtualStart) / turnMs);
  while (virtualStart + turn * turnMs <= until) {
    const userId = userOf(turn);
    if (userId === undefined) return [];
    if (userIds.every((other) => other === userId)) return [{ userId, start: null, end: null }];
    let first = turn;
    while (userOf(first - 1) === userId) first -= 1;
    let next = turn + 1;
    while (userOf(next) === userId) next += 1;
    shifts.push({ userId, start: virtualStart + first * turnMs, end: virtualStart + next * turnMs });
    turn = next;
  }
  return shifts;
}

/** Ids of everyone whom a level reaches at an instant, each once; none where nobody is on call. */
export function onCallAt(
  rule: Rule,
  schedules: ReadonlyMap<string, Schedule>,
  at: number,
): readonly string[] {
  const shifts = rule.targets.flatMap((target) => shiftsOf(target, schedules, at, at));
  return [...new Set(shifts.map(({ userId }) => userId))];
}

/** Everyone on call by a policy at some time between two instants: a tuple for each level, target and shift. */
export function onCalls(
  policy: EscalationPolicy,
  schedules: ReadonlyMap<string, Schedule>,
  since: number,
  until: number,
): readonly OnCall[] {
  return policy.rules.flatMap((rule, index) =>
    rule.targets.flatMap((target) =>
      shiftsOf(target, schedules, since, until).map((shift) => ({
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
): readonly Shift[] {
  if (target.type === 'user') return [{ userId: target.id, start: null, end: null }];
  const schedule = schedules.get(target.id);
  return schedule ? finalSchedule(schedule, since, until) : [];
}

/** True modulo: turns before the virtual start count backwards. */
const modulo = (value: number, base: number): number => ((value % base) + base) % base;
