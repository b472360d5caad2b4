import { describe, expect, test } from 'vitest';
import type { Layer, Restriction, Schedule } from '../../simulator/model.ts';
import { renderFinal, renderOverrides, wholeDuties } from '../../simulator/schedules/render.ts';

const day = 24 * 3600;
const at = (iso: string) => Date.parse(iso);

const layerOf = (layer: Partial<Layer>): Layer => ({
  id: 'PLAYER',
  name: 'Layer',
  start: at('2026-01-01T00:00:00Z'),
  end: null,
  virtualStart: at('2026-01-01T00:00:00Z'),
  turnSeconds: day,
  userIds: ['PADA', 'PBEN'],
  restrictions: [],
  ...layer,
});

const scheduleOf = (timeZone: string, layers: readonly Layer[], overrides: Schedule['overrides'] = []) => ({
  id: 'PROTA',
  name: 'Rota',
  description: null,
  timeZone,
  kind: 'layers' as const,
  layers,
  overrides,
});

const every = (startHour: number, hours: number, weekday: number | null = null): Restriction => ({
  weekday,
  startSecond: startHour * 3600,
  durationSeconds: hours * 3600,
});

/** `start → end user` of each part, in UTC. */
const shown = (schedule: Schedule, since: string, until: string, render = renderFinal(schedule)) =>
  render(at(since), at(until)).map(
    ({ start, end, userId }) =>
      `${new Date(start).toISOString().slice(5, 16)} → ${new Date(end).toISOString().slice(5, 16)} ${userId}`,
  );

describe('turns of whole days', () => {
  test('hand over at 09:00 in Berlin on both sides of the spring change, though that day has 23 hours', () => {
    const layer = layerOf({ virtualStart: at('2026-03-27T09:00:00+01:00') });
    expect(
      shown(scheduleOf('Europe/Berlin', [layer]), '2026-03-28T00:00:00Z', '2026-03-31T00:00:00Z'),
    ).toEqual([
      '03-28T00:00 → 03-28T08:00 PADA',
      '03-28T08:00 → 03-29T07:00 PBEN',
      '03-29T07:00 → 03-30T07:00 PADA',
      '03-30T07:00 → 03-31T00:00 PBEN',
    ]);
  });

  test('hand over at 09:00 in Berlin on both sides of the autumn change, though that day has 25 hours', () => {
    const layer = layerOf({ virtualStart: at('2026-10-23T09:00:00+02:00') });
    expect(
      shown(scheduleOf('Europe/Berlin', [layer]), '2026-10-24T07:00:00Z', '2026-10-26T08:00:00Z'),
    ).toEqual(['10-24T07:00 → 10-25T08:00 PBEN', '10-25T08:00 → 10-26T08:00 PADA']);
  });

  test('of a week keep their hour in New York through both changes of a year', () => {
    const layer = layerOf({ turnSeconds: 7 * day, virtualStart: at('2026-03-02T09:00:00-05:00') });
    const rota = scheduleOf('America/New_York', [layer]);
    expect(shown(rota, '2026-03-02T14:00:00Z', '2026-03-16T13:00:00Z')).toEqual([
      '03-02T14:00 → 03-09T13:00 PADA',
      '03-09T13:00 → 03-16T13:00 PBEN',
    ]);
    expect(shown(rota, '2026-10-26T13:00:00Z', '2026-11-09T14:00:00Z')).toEqual([
      '10-26T13:00 → 11-02T14:00 PADA',
      '11-02T14:00 → 11-09T14:00 PBEN',
    ]);
  });

  test('that begin in an hour which the clocks skip begin as much later on that day alone', () => {
    const layer = layerOf({ virtualStart: at('2026-03-28T02:30:00+01:00') });
    expect(
      shown(scheduleOf('Europe/Berlin', [layer]), '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z'),
    ).toEqual([
      '03-28T12:00 → 03-29T01:30 PADA',
      '03-29T01:30 → 03-30T00:30 PBEN',
      '03-30T00:30 → 03-30T12:00 PADA',
    ]);
  });

  test('that begin in an hour which comes twice begin the first time', () => {
    const layer = layerOf({ virtualStart: at('2026-10-24T02:30:00+02:00') });
    expect(
      shown(scheduleOf('Europe/Berlin', [layer]), '2026-10-24T12:00:00Z', '2026-10-25T12:00:00Z'),
    ).toEqual(['10-24T12:00 → 10-25T00:30 PADA', '10-25T00:30 → 10-25T12:00 PBEN']);
  });
});

test('turns of other lengths are equally long, whatever the clocks do', () => {
  const layer = layerOf({ turnSeconds: day / 2, virtualStart: at('2026-03-28T08:00:00Z') });
  expect(shown(scheduleOf('Europe/Berlin', [layer]), '2026-03-28T08:00:00Z', '2026-03-29T20:00:00Z')).toEqual(
    ['03-28T08:00 → 03-28T20:00 PADA', '03-28T20:00 → 03-29T08:00 PBEN', '03-29T08:00 → 03-29T20:00 PADA'],
  );
});

describe('a virtual start', () => {
  test('in the future counts turns backwards, so that the list is walked in its order', () => {
    const layer = layerOf({
      userIds: ['PADA', 'PBEN', 'PCLEO'],
      virtualStart: at('2027-01-01T00:00:00Z'),
    });
    expect(shown(scheduleOf('Etc/UTC', [layer]), '2026-12-29T00:00:00Z', '2027-01-02T00:00:00Z')).toEqual([
      '12-29T00:00 → 12-30T00:00 PADA',
      '12-30T00:00 → 12-31T00:00 PBEN',
      '12-31T00:00 → 01-01T00:00 PCLEO',
      '01-01T00:00 → 01-02T00:00 PADA',
    ]);
  });

  test('does not put anybody on call before the layer starts', () => {
    const layer = layerOf({ start: at('2026-06-01T12:00:00Z'), end: at('2026-06-02T06:00:00Z') });
    expect(shown(scheduleOf('Etc/UTC', [layer]), '2026-05-01T00:00:00Z', '2026-07-01T00:00:00Z')).toEqual([
      '06-01T12:00 → 06-02T00:00 PBEN',
      '06-02T00:00 → 06-02T06:00 PADA',
    ]);
  });
});

describe('restrictions', () => {
  test('of every day may cross midnight, and end by the clock on the wall when the clocks change', () => {
    const layer = layerOf({ userIds: ['PADA'], restrictions: [every(22, 10)] });
    expect(
      shown(scheduleOf('Europe/Berlin', [layer]), '2026-03-28T06:00:00Z', '2026-03-30T12:00:00Z'),
    ).toEqual([
      '03-28T06:00 → 03-28T07:00 PADA',
      '03-28T21:00 → 03-29T06:00 PADA',
      '03-29T20:00 → 03-30T06:00 PADA',
    ]);
    expect(
      shown(scheduleOf('America/New_York', [layer]), '2026-10-31T12:00:00Z', '2026-11-02T00:00:00Z'),
    ).toEqual(['11-01T02:00 → 11-01T13:00 PADA']);
  });

  test('of a week may cross midnight and the end of the week', () => {
    // Sunday 20:00 to Monday 08:00.
    const layer = layerOf({ userIds: ['PADA'], restrictions: [every(20, 12, 7)] });
    expect(shown(scheduleOf('Etc/UTC', [layer]), '2026-06-01T00:00:00Z', '2026-06-15T00:00:00Z')).toEqual([
      '06-01T00:00 → 06-01T08:00 PADA',
      '06-07T20:00 → 06-08T08:00 PADA',
      '06-14T20:00 → 06-15T00:00 PADA',
    ]);
  });

  test('are united, and a turn counts only inside them', () => {
    const layer = layerOf({
      virtualStart: at('2026-06-01T00:00:00Z'),
      restrictions: [every(8, 4), every(11, 3), every(20, 2, 1)],
    });
    expect(shown(scheduleOf('Etc/UTC', [layer]), '2026-06-01T00:00:00Z', '2026-06-03T00:00:00Z')).toEqual([
      '06-01T08:00 → 06-01T14:00 PADA',
      '06-01T20:00 → 06-01T22:00 PADA',
      '06-02T08:00 → 06-02T14:00 PBEN',
    ]);
  });

  test('of five whole days make a weekend that nobody has', () => {
    const layer = layerOf({ userIds: ['PADA'], restrictions: [every(0, 5 * 24, 1)] });
    expect(shown(scheduleOf('Etc/UTC', [layer]), '2026-06-01T00:00:00Z', '2026-06-09T00:00:00Z')).toEqual([
      '06-01T00:00 → 06-06T00:00 PADA',
      '06-08T00:00 → 06-09T00:00 PADA',
    ]);
  });
});

describe('layers', () => {
  const round = layerOf({ id: 'PROUND', userIds: ['PADA'] });
  const office = layerOf({ id: 'POFFICE', userIds: ['PBEN'], restrictions: [every(9, 8)] });

  test('lie on one another, and the last of the list is on top', () => {
    const day1 = ['2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z'] as const;
    expect(shown(scheduleOf('Etc/UTC', [round, office]), ...day1)).toEqual([
      '06-01T00:00 → 06-01T09:00 PADA',
      '06-01T09:00 → 06-01T17:00 PBEN',
      '06-01T17:00 → 06-02T00:00 PADA',
    ]);
    expect(shown(scheduleOf('Etc/UTC', [office, round]), ...day1)).toEqual([
      '06-01T00:00 → 06-02T00:00 PADA',
    ]);
  });

  test('leave a gap where none of them has anybody', () => {
    expect(shown(scheduleOf('Etc/UTC', [office]), '2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z')).toEqual([
      '06-01T09:00 → 06-01T17:00 PBEN',
    ]);
  });

  test('without users change nothing', () => {
    const empty = layerOf({ userIds: [] });
    expect(
      shown(scheduleOf('Etc/UTC', [round, empty]), '2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z'),
    ).toHaveLength(1);
  });
});

describe('overrides', () => {
  const override = (id: string, userId: string, start: string, end: string) => ({
    id,
    userId,
    start: at(start),
    end: at(end),
  });
  const older = override('PO1', 'PCLEO', '2026-06-01T06:00:00Z', '2026-06-01T18:00:00Z');
  const newer = override('PO2', 'PDEV', '2026-06-01T10:00:00Z', '2026-06-01T12:00:00Z');
  const base = layerOf({ userIds: ['PADA'] });
  const one = ['2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z'] as const;

  test('beat the layers, and the newest beats the others', () => {
    expect(shown(scheduleOf('Etc/UTC', [base], [older, newer]), ...one)).toEqual([
      '06-01T00:00 → 06-01T06:00 PADA',
      '06-01T06:00 → 06-01T10:00 PCLEO',
      '06-01T10:00 → 06-01T12:00 PDEV',
      '06-01T12:00 → 06-01T18:00 PCLEO',
      '06-01T18:00 → 06-02T00:00 PADA',
    ]);
    expect(shown(scheduleOf('Etc/UTC', [base], [newer, older]), ...one)).toContain(
      '06-01T06:00 → 06-01T18:00 PCLEO',
    );
  });

  test('fill a gap, and join the same user before and behind', () => {
    const mine = override('PO3', 'PADA', '2026-06-01T06:00:00Z', '2026-06-01T07:00:00Z');
    expect(shown(scheduleOf('Etc/UTC', [], [mine]), ...one)).toEqual(['06-01T06:00 → 06-01T07:00 PADA']);
    expect(shown(scheduleOf('Etc/UTC', [base], [mine]), ...one)).toEqual(['06-01T00:00 → 06-02T00:00 PADA']);
  });

  test('are shown by themselves as they were made, also where two of one user touch', () => {
    const first = override('PO4', 'PCLEO', '2026-06-01T06:00:00Z', '2026-06-01T07:00:00Z');
    const second = override('PO5', 'PCLEO', '2026-06-01T07:00:00Z', '2026-06-01T08:00:00Z');
    const rota = scheduleOf('Etc/UTC', [base], [first, second]);
    expect(shown(rota, ...one, renderOverrides(rota))).toEqual([
      '06-01T06:00 → 06-01T07:00 PCLEO',
      '06-01T07:00 → 06-01T08:00 PCLEO',
    ]);
  });
});

describe('whole duties', () => {
  const whole = (rota: Schedule, instant: string) =>
    wholeDuties(rota, renderFinal(rota), at(instant), at(instant));

  test('reach as far as they really do, over months', () => {
    const layer = layerOf({ turnSeconds: 90 * day });
    expect(whole(scheduleOf('Etc/UTC', [layer]), '2026-05-01T00:00:00Z')).toEqual([
      { userId: 'PBEN', start: at('2026-04-01T00:00:00Z'), end: at('2026-06-30T00:00:00Z') },
    ]);
  });

  test('of the only user start with the layer and never end', () => {
    expect(whole(scheduleOf('Etc/UTC', [layerOf({ userIds: ['PADA'] })]), '2030-01-01T00:00:00Z')).toEqual([
      { userId: 'PADA', start: at('2026-01-01T00:00:00Z'), end: null },
    ]);
  });

  test('of the only user end where an override far ahead begins', () => {
    const away = {
      id: 'PO',
      userId: 'PBEN',
      start: at('2029-01-01T00:00:00Z'),
      end: at('2029-01-02T00:00:00Z'),
    };
    const rota = scheduleOf('Etc/UTC', [layerOf({ userIds: ['PADA'] })], [away]);
    expect(whole(rota, '2026-02-01T00:00:00Z')[0]?.end).toBe(away.start);
  });

  test('are none in a gap', () => {
    expect(whole(scheduleOf('Etc/UTC', []), '2026-02-01T00:00:00Z')).toEqual([]);
  });
});
