import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EscalationPolicy, Schedule } from '../../simulator/model.ts';
import { finalSchedule, onCallAt, onCalls } from '../../simulator/on-call.ts';

const hour = 3_600_000;
const monday = Date.UTC(2026, 5, 22, 9);
const founded = Date.UTC(2024, 0, 1);

const schedule = (...userIds: readonly string[]): Schedule => ({
  id: 'PROTA',
  name: 'Rota',
  description: null,
  timeZone: 'Etc/UTC',
  kind: 'layers',
  layers: [
    {
      id: 'PLAYER',
      name: 'Layer 1',
      start: founded,
      end: null,
      virtualStart: monday,
      turnSeconds: 24 * 3600,
      userIds,
      restrictions: [],
    },
  ],
  overrides: [],
});

const schedules = new Map([['PROTA', schedule('PADA', 'PBEN')]]);

describe('a rotation', () => {
  test('gives each person a turn, from the virtual start on', () => {
    expect(finalSchedule(schedule('PADA', 'PBEN'), monday, monday + 30 * hour)).toEqual([
      { userId: 'PADA', start: monday, end: monday + 24 * hour },
      { userId: 'PBEN', start: monday + 24 * hour, end: monday + 48 * hour },
    ]);
  });

  test('hands over at the very instant: the last one is off and the next one on', () => {
    const at = (instant: number) => finalSchedule(schedule('PADA', 'PBEN'), instant, instant);
    expect(at(monday + 24 * hour - 1).map(({ userId }) => userId)).toEqual(['PADA']);
    expect(at(monday + 24 * hour).map(({ userId }) => userId)).toEqual(['PBEN']);
  });

  test('was there before its virtual start, counting backwards', () => {
    const before = finalSchedule(schedule('PADA', 'PBEN', 'PCLEO'), monday - 1, monday - 1);
    expect(before).toEqual([{ userId: 'PCLEO', start: monday - 24 * hour, end: monday }]);
  });

  test('is not cut at the range that was asked for', () => {
    const [shift] = finalSchedule(schedule('PADA', 'PBEN'), monday + hour, monday + 2 * hour);
    expect(shift).toEqual({ userId: 'PADA', start: monday, end: monday + 24 * hour });
  });

  test('joins turns of one person that touch, also over the end of the list', () => {
    expect(finalSchedule(schedule('PADA', 'PBEN', 'PADA'), monday, monday)).toEqual([
      { userId: 'PADA', start: monday - 24 * hour, end: monday + 24 * hour },
    ]);
  });

  test('of one person starts with the layer and never ends', () => {
    const shifts = finalSchedule(schedule('PADA', 'PADA'), monday, monday + 90 * 24 * hour);
    expect(shifts).toEqual([{ userId: 'PADA', start: founded, end: null }]);
  });

  test('of nobody has nobody on call', () => {
    expect(finalSchedule(schedule(), monday, monday + 48 * hour)).toEqual([]);
  });

  test('leaves no gap and never has two people at once, whoever takes part and whenever it is read', () => {
    const people = fc.array(fc.constantFrom('PADA', 'PBEN', 'PCLEO'), { minLength: 1, maxLength: 6 });
    const instant = fc.integer({ min: monday - 500 * hour, max: monday + 500 * hour });
    const length = fc.integer({ min: 0, max: 300 * hour });
    fc.assert(
      fc.property(people, instant, length, (userIds, since, lengthMs) => {
        const until = since + lengthMs;
        const shifts = finalSchedule(schedule(...userIds), since, until);
        expect(shifts[0]?.start ?? -Infinity).toBeLessThanOrEqual(since);
        expect(shifts.at(-1)?.end ?? Infinity).toBeGreaterThan(until);
        for (const [index, shift] of shifts.slice(1).entries()) {
          expect(shift.start).toBe(shifts[index]?.end);
          expect(shift.userId).not.toBe(shifts[index]?.userId);
        }
      }),
    );
  });
});

describe('a policy', () => {
  const policy: EscalationPolicy = {
    id: 'PPOLICY',
    name: 'On-call',
    description: null,
    teamId: null,
    numLoops: 0,
    handoffNotifications: 'if_has_services',
    rules: [
      {
        id: 'PRULE1',
        delayMinutes: 5,
        targets: [
          { type: 'schedule', id: 'PROTA' },
          { type: 'user', id: 'PADA' },
        ],
      },
      { id: 'PRULE2', delayMinutes: 5, targets: [{ type: 'user', id: 'PFAY' }] },
    ],
  };

  test('reaches everyone of a level, and whoever is there twice once', () => {
    const [rule] = policy.rules;
    expect(onCallAt(rule!, schedules, monday)).toEqual(['PADA']);
    expect(onCallAt(rule!, schedules, monday + 24 * hour)).toEqual(['PBEN', 'PADA']);
  });

  test('has a tuple for each level, target and shift; direct users are on call for good', () => {
    const duties = onCalls(policy, schedules, monday, monday + 24 * hour);
    expect(
      duties.map(({ level, userId, start, schedule: by }) => [level, userId, start, by?.id ?? null]),
    ).toEqual([
      [1, 'PADA', monday, 'PROTA'],
      [1, 'PBEN', monday + 24 * hour, 'PROTA'],
      [1, 'PADA', null, null],
      [2, 'PFAY', null, null],
    ]);
  });
});
