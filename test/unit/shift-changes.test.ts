import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planShifts } from '../../activities/shift-times.ts';
import type { EscalationPolicy, Schedule } from '../../simulator/model.ts';
import { onCalls } from '../../simulator/on-call.ts';
import { changesOf, type Shift } from '../../workflows/shift-changes.ts';
import { scheduleAndStart } from '../support/generated-schedules.ts';
import { day, hour, minute, usersByStep } from '../support/step-roster.ts';

const quarter = 15 * minute;
const on = (place: string, user: string, start: number | null, end: number | null): Shift => ({
  place,
  user,
  start,
  end,
});

describe('who is on call changes', () => {
  const span = { start: 0, end: 100 * hour };
  const at = (...shifts: readonly Shift[]) => changesOf(shifts, span).map((change) => change / hour);

  test('where one hands over to another, and where an override begins and ends', () =>
    expect(
      at(
        on('P', 'A', -5 * hour, 10 * hour),
        on('P', 'X', 10 * hour, 11 * hour),
        on('P', 'A', 11 * hour, 500 * hour),
      ),
    ).toEqual([10, 11]));

  test('where a gap begins and where it ends', () =>
    expect(at(on('P', 'A', null, 10 * hour), on('P', 'A', 20 * hour, null))).toEqual([10, 20]));

  test('once where several places change at one instant', () =>
    expect(
      at(
        on('P', 'A', 0, 10 * hour),
        on('P', 'B', 10 * hour, null),
        on('Q', 'B', 0, 10 * hour),
        on('Q', 'A', 10 * hour, null),
      ),
    ).toEqual([10]));

  test('not where one person goes on, comes twice, or is on call for ever', () =>
    expect(
      at(
        on('P', 'A', 0, 10 * hour),
        on('P', 'A', 10 * hour, null),
        on('P', 'A', 10 * hour, null),
        on('Q', 'B', null, null),
      ),
    ).toEqual([]));

  test('where one of several on a level goes', () =>
    expect(at(on('P 1', 'A', null, null), on('P 1', 'B', null, 10 * hour))).toEqual([10]));

  test('not where the span cuts', () => expect(at(on('P', 'A', 0, 100 * hour))).toEqual([]));

  test('at the first whole second at which it is so', () =>
    expect(changesOf([on('P', 'A', null, 10_001)], span)).toEqual([11_000]));
});

test('the changes of any schedule, around any change of the clocks, are those that a walk through it finds', () => {
  let changes = 0;
  const zones = new Set<string>();
  fc.assert(
    fc.property(scheduleAndStart, ({ around, schedule }) => {
      const until = around + 3 * day;
      const found = changesOf(shiftsOf(schedule, around, until), { start: around, end: until });
      const users = usersByStep(schedule, around, until, quarter);
      const wanted = users.flatMap((user, index) =>
        index > 0 && user !== users[index - 1] ? [around + index * quarter] : [],
      );
      expect(found).toEqual(wanted);
      changes += found.length;
      if (found.length > 0) zones.add(schedule.timeZone);
    }),
    { numRuns: 200 },
  );
  expect(changes).toBeGreaterThan(0);
  expect(zones.size).toBeGreaterThanOrEqual(5);
});

/** As `listOnCalls` shows them. */
function shiftsOf(schedule: Schedule, since: number, until: number): readonly Shift[] {
  const policy = {
    rules: [{ targets: [{ type: 'schedule', id: schedule.id }] }],
  } as unknown as EscalationPolicy;
  return onCalls(policy, new Map([[schedule.id, schedule]]), since, until).map(({ userId, start, end }) =>
    on(schedule.id, userId, start, end),
  );
}

describe('what is written into a Schedule', () => {
  const now = 1_000 * hour;
  const until = now + 14 * day;
  const plan = (
    kept: { readonly times: readonly number[]; readonly until: number } | undefined,
    changes: readonly number[],
    more: { readonly since?: number; readonly isPaused?: boolean } = {},
  ) =>
    planShifts(kept, { changes, until }, { at: now, since: 0, catchupMs: 600_000, isPaused: false, ...more });

  test('is what was read, and the second time nothing', () => {
    const first = plan(undefined, [now + hour, now + 13 * hour], { since: now });
    expect(first).toMatchObject({
      times: [now + hour, now + 13 * hour],
      late: [],
      missed: 0,
      isWritten: false,
    });
    expect(plan(first, [now + hour, now + 13 * hour])).toMatchObject({ ...first, isWritten: true });
  });

  test('is caught up where it passed unknown, and missed where that was too long ago; neither comes twice', () => {
    const changes = [now - hour, now - 60_000, now + hour];
    const found = plan({ times: [now + hour], until }, changes);
    expect(found).toMatchObject({ times: changes, late: [now - 60_000], missed: 1, isWritten: false });
    expect(plan(found, changes)).toMatchObject({ late: [], missed: 0, isWritten: true });
  });

  test('is nothing of before the order was put on the server, then and later', () => {
    const changes = [now - 120_000, now + hour];
    const first = plan(undefined, changes, { since: now - 60_000 });
    expect(first).toMatchObject({ late: [], missed: 0 });
    expect(plan(first, changes, { since: now - 60_000 })).toMatchObject({ late: [], isWritten: true });
  });

  test('is known and not started where it passed in a pause', () => {
    const paused = plan({ times: [], until }, [now - 60_000], { isPaused: true });
    expect(paused).toMatchObject({ times: [now - 60_000], late: [], missed: 0 });
    expect(plan(paused, [now - 60_000])).toMatchObject({ late: [], missed: 0, isWritten: true });
  });

  test('leaves out what is no longer to come, and keeps what has passed for two days', () => {
    const kept = { times: [now - 3 * day, now - day, now + hour, now + 2 * hour], until };
    expect(plan(kept, [now + 2 * hour])).toMatchObject({
      times: [now - day, now + 2 * hour],
      late: [],
      isWritten: false,
    });
  });

  test('is left in peace as long as a week is known, and then goes on to the end of what was read', () => {
    const coming = Array.from({ length: 14 }, (_, index) => now + (index + 0.5) * day);
    const of = (days: number) => ({ times: coming.slice(0, days), until: now + days * day });
    expect(plan(of(8), coming)).toMatchObject({ isWritten: true, until: now + 8 * day });
    expect(plan(of(6), coming)).toMatchObject({ isWritten: false, times: coming, until });
  });

  test('is no more than fifty changes to come, and then only up to the last of them', () => {
    const coming = Array.from({ length: 80 }, (_, index) => now + (index + 1) * hour);
    const first = plan(undefined, coming, { since: now });
    expect(first).toMatchObject({ times: coming.slice(0, 50), until: coming[49] });
    expect(plan(first, coming)).toMatchObject({ isWritten: true });
  });
});
