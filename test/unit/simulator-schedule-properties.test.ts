import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Layer, Restriction, Schedule } from '../../simulator/model.ts';
import { renderFinal, wholeDuties } from '../../simulator/schedules/render.ts';
import { Roster } from '../../simulator/schedules/roster.ts';

// The same schedules rendered twice: by the simulator, and here, minute by minute, by asking for each minute who has it. The
// second one takes nothing from the first, not even its way to do time zones. A failure prints the seed that repeats it.

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const zones = ['Etc/UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'];

/** A day before each change of the clocks in these zones, and an ordinary day. */
const beginnings = [
  '2026-03-07',
  '2026-03-28',
  '2026-04-03',
  '2026-06-10',
  '2026-10-03',
  '2026-10-24',
  '2026-10-31',
];

/** What to add to UTC for the clock on the wall, in milliseconds. */
function offsetAt(at: number, zone: string): number {
  const text = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).format(at);
  const [, sign, hours = '0', minutes = '0'] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(text) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * hour + Number(minutes) * minute);
}

/** The instant at which the wall shows this, given as if it were UTC: the earlier of two; counted on from before where none does. */
function instantOf(wall: number, zone: string): number {
  const before = offsetAt(wall - day, zone);
  const candidates = [wall - before, wall - offsetAt(wall + day, zone)];
  const right = candidates.filter((at) => at + offsetAt(at, zone) === wall);
  return right.length === 0 ? wall - before : Math.min(...right);
}

function usersByMinute(schedule: Schedule, since: number, until: number): readonly (string | undefined)[] {
  const layers = schedule.layers
    .toReversed()
    .map((layer) => byMinute(layer, schedule.timeZone, since, until));
  const overrides = schedule.overrides.toReversed();
  return Array.from({ length: (until - since) / minute }, (_, index) => {
    const at = since + index * minute;
    const override = overrides.find(({ start, end }) => start <= at && at < end);
    return override?.userId ?? layers.map((userAt) => userAt(at)).find((userId) => userId !== undefined);
  });
}

function byMinute(layer: Layer, zone: string, since: number, until: number) {
  const { virtualStart, turnSeconds, userIds, restrictions } = layer;
  const turnMs = turnSeconds * 1000;
  const wall = virtualStart + offsetAt(virtualStart, zone);
  const handoffs: (readonly [at: number, turn: number])[] = [];
  const [low, high] = [since, until].map((at) => Math.floor((at - virtualStart) / turnMs));
  for (let turn = (low ?? 0) - 3; turn <= (high ?? 0) + 3; turn += 1) {
    const at = turnMs % day === 0 ? instantOf(wall + turn * turnMs, zone) : virtualStart + turn * turnMs;
    handoffs.push([at, turn]);
  }
  const hours = restrictions.map((one) => openings(one, zone, since, until));
  return (at: number): string | undefined => {
    if (at < layer.start || at >= (layer.end ?? Infinity)) return undefined;
    if (hours.length > 0 && !hours.flat().some(([opens, closes]) => opens <= at && at < closes))
      return undefined;
    const [, turn = 0] = handoffs.findLast(([start]) => start <= at) ?? [];
    return userIds[((turn % userIds.length) + userIds.length) % userIds.length];
  };
}

function openings(
  { weekday, startSecond, durationSeconds }: Restriction,
  zone: string,
  since: number,
  until: number,
) {
  const spans: (readonly [number, number])[] = [];
  for (let date = Math.floor(since / day) - 10; date <= Math.floor(until / day) + 2; date += 1) {
    const isoWeekday = ((((date + 3) % 7) + 7) % 7) + 1;
    if (weekday !== null && weekday !== isoWeekday) continue;
    const opens = date * day + startSecond * 1000;
    spans.push([instantOf(opens, zone), instantOf(opens + durationSeconds * 1000, zone)]);
  }
  return spans;
}

const people = ['PADA', 'PBEN', 'PCLEO', 'PDEV'];
const quarter = 15 * 60;

const restriction: fc.Arbitrary<Restriction> = fc
  .record({
    weekday: fc.option(fc.integer({ min: 1, max: 7 })),
    // More often than by chance in the hours that the clocks skip or show twice.
    startSecond: fc
      .oneof(fc.integer({ min: 0, max: 95 }), fc.integer({ min: 3, max: 12 }))
      .map((n) => n * quarter),
    quarters: fc.integer({ min: 1, max: 96 * 7 }),
  })
  .map(({ weekday, startSecond, quarters }) => ({
    weekday,
    startSecond,
    durationSeconds: (weekday === null ? ((quarters - 1) % 96) + 1 : quarters) * quarter,
  }));

const layer = (around: number): fc.Arbitrary<Layer> =>
  fc
    .record({
      start: fc.integer({ min: -40 * 24, max: 60 }),
      end: fc.option(fc.integer({ min: -10, max: 100 })),
      virtualStart: fc.integer({ min: -30 * 96, max: 30 * 96 }),
      turnHours: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(24, 48, 24 * 7)),
      userIds: fc.array(fc.constantFrom(...people), { minLength: 1, maxLength: 4 }),
      restrictions: fc.array(restriction, { maxLength: 2 }),
    })
    .map(({ start, end, virtualStart, turnHours, ...rest }) => ({
      ...rest,
      id: 'PLAYER',
      name: 'Layer',
      start: around + start * hour,
      end: end === null ? null : around + end * hour,
      virtualStart: around + virtualStart * 15 * minute,
      turnSeconds: turnHours * 3600,
    }));

const override = (around: number) =>
  fc
    .record({
      userId: fc.constantFrom(...people),
      start: fc.integer({ min: -100, max: 300 }),
      length: fc.integer({ min: 1, max: 200 }),
    })
    .map(({ userId, start, length }) => ({
      id: 'POVERRIDE',
      userId,
      start: around + start * 15 * minute,
      end: around + (start + length) * 15 * minute,
    }));

const scheduleAndStart = fc.constantFrom(...beginnings).chain((date) => {
  const around = Date.parse(`${date}T00:00:00Z`);
  return fc.record({
    around: fc.constant(around),
    schedule: fc.record({
      id: fc.constant('PROTA'),
      name: fc.constant('Rota'),
      description: fc.constant(null),
      kind: fc.constant('layers' as const),
      timeZone: fc.constantFrom(...zones),
      layers: fc.array(layer(around), { maxLength: 3 }),
      overrides: fc.array(override(around), { maxLength: 3 }),
    }),
  });
});

describe('any schedule, rendered over three days around a change of the clocks', () => {
  test('has in every minute whom a walk through all minutes finds there', () => {
    fc.assert(
      fc.property(scheduleAndStart, ({ around, schedule }) => {
        const until = around + 3 * day;
        const duties = renderFinal(schedule)(around, until);
        const wanted = usersByMinute(schedule, around, until);
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
