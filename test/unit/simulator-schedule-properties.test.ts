import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderFinal, wholeDuties } from '../../simulator/schedules/render.ts';
import { Roster } from '../../simulator/schedules/roster.ts';
import { scheduleAndStart } from '../support/generated-schedules.ts';
import { day, hour, minute, usersByStep } from '../support/step-roster.ts';

// The same schedules rendered twice: by the simulator, and minute by minute. A failure prints the seed that repeats it.

describe('any schedule, rendered over three days around a change of the clocks', () => {
  test('has in every minute whom a walk through all minutes finds there', () => {
    fc.assert(
      fc.property(scheduleAndStart, ({ around, schedule }) => {
        const until = around + 3 * day;
        const duties = renderFinal(schedule)(around, until);
        const wanted = usersByStep(schedule, around, until);
        const had = wanted.map((_, index) => {
          const at = around + index * minute;
          return duties.find(({ start, end }) => start <= at && at < end)?.userId;
        });
        expect(had).toEqual(wanted);
      }),
      { numRuns: 150 },
    );
  });

  test('has one person at a time, in order, and nobody twice in a row without a gap', () => {
    fc.assert(
      fc.property(scheduleAndStart, ({ around, schedule }) => {
        const duties = renderFinal(schedule)(around, around + 3 * day);
        for (const [index, duty] of duties.entries()) {
          expect(duty.end).toBeGreaterThan(duty.start);
          const before = duties[index - 1];
          if (!before) continue;
          expect(duty.start).toBeGreaterThanOrEqual(before.end);
          if (duty.start === before.end) expect(duty.userId).not.toBe(before.userId);
        }
      }),
    );
  });

  test('is the same rendered at once or in two pieces, and whole duties cut to the range are what is rendered', () => {
    fc.assert(
      fc.property(scheduleAndStart, fc.integer({ min: 1, max: 71 }), ({ around, schedule }, hours) => {
        const render = renderFinal(schedule);
        const [middle, until] = [around + hours * hour, around + 3 * day];
        const at = (duties: ReturnType<typeof render>, instant: number) =>
          duties.find(({ start, end }) => start <= instant && instant < end)?.userId;
        const all = render(around, until);
        const roster = new Roster();
        const pieces = [...render(around, middle), ...render(middle, until)];
        for (let instant = around; instant < until; instant += 15 * minute) {
          expect(at(pieces, instant)).toBe(at(all, instant));
          expect(roster.userAt(schedule, instant)).toBe(at(all, instant));
        }
        const whole = wholeDuties(schedule, render, around, until - 1);
        const cut = whole.map(({ userId, start, end }) => ({
          userId,
          start: Math.max(start, around),
          end: Math.min(end ?? until, until),
        }));
        expect(cut).toEqual(all.map(({ userId, start, end }) => ({ userId, start, end })));
        // One millisecond before and behind there is somebody else, or nobody.
        for (const { userId, start, end } of whole) {
          expect(at(render(start - 1, start), start - 1)).not.toBe(userId);
          if (end !== null) expect(at(render(end, end + 1), end)).not.toBe(userId);
        }
      }),
    );
  });
});
