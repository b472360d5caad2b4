import fc from 'fast-check';
import type { Layer, Restriction, Schedule } from '../../simulator/model.ts';
import { hour, minute } from './step-roster.ts';

const zones = ['Etc/UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'];

/** A day before each change of the clocks in these zones, and an ordinary day. */
export const beginnings = [
  '2026-03-07',
  '2026-03-28',
  '2026-04-03',
  '2026-06-10',
  '2026-10-03',
  '2026-10-24',
  '2026-10-31',
];

export const people = ['PADA', 'PBEN', 'PCLEO', 'PDEV'];
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

export const override = (around: number) =>
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

/** Any schedule, and an instant around which much of it happens. All that it says lies on quarters of an hour. */
export const scheduleAndStart = fc.constantFrom(...beginnings).chain((date) => {
  const around = Date.parse(`${date}T00:00:00Z`);
  return fc.record({ around: fc.constant(around), schedule: scheduleAround(around) });
});

/** Any schedule much of which happens around an instant. */
export const scheduleAround = (around: number): fc.Arbitrary<Schedule> =>
  fc.record({
    id: fc.constant('PROTA'),
    name: fc.constant('Rota'),
    description: fc.constant(null),
    kind: fc.constant('layers' as const),
    timeZone: fc.constantFrom(...zones),
    layers: fc.array(layer(around), { maxLength: 3 }),
    overrides: fc.array(override(around), { maxLength: 3 }),
  });
