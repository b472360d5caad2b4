import { expect, test } from 'vitest';
import { addMonths, instantOf, stampIn, stampUtc } from '../../simulator/times.ts';

const at = Date.UTC(2026, 5, 23, 9, 15, 3, 999);

test('an instant is written in UTC and whole seconds', () => {
  expect(stampUtc(at)).toBe('2026-06-23T09:15:03Z');
});

test.each([
  ['Europe/Berlin', '2026-06-23T11:15:03+02:00'],
  ['America/New_York', '2026-06-23T05:15:03-04:00'],
  ['Asia/Kolkata', '2026-06-23T14:45:03+05:30'],
  ['Etc/UTC', '2026-06-23T09:15:03Z'],
])('an instant is written in the zone %s with its offset', (zone, written) => {
  expect(stampIn(zone)(at)).toBe(written);
});

test('a zone that does not exist is an error', () => {
  expect(() => stampIn('Mars/Olympus')).toThrow(RangeError);
});

test.each([
  ['2026-06-23T09:15:03Z', '2026-06-23T09:15:03.000Z'],
  ['2026-06-23T09:15:03.5Z', '2026-06-23T09:15:03.500Z'],
  ['2026-06-23T11:15:03+02:00', '2026-06-23T09:15:03.000Z'],
  ['2026-06-23T11:15:03+0200', '2026-06-23T09:15:03.000Z'],
  ['2026-06-23T09:15:03', '2026-06-23T09:15:03.000Z'],
  ['2026-06-23T09:15', '2026-06-23T09:15:00.000Z'],
  ['2026-06-23', '2026-06-23T00:00:00.000Z'],
])('%s is read as %s', (text, instant) => {
  expect(instantOf(text)).toBe(Date.parse(instant));
});

test.each(['yesterday', '', '2026-13-01', '2026-06-23T25:00:00Z', '1782206103'])('%j is no date', (text) => {
  expect(instantOf(text)).toBeUndefined();
});

test.each([
  ['2026-03-31T08:00:00Z', -1, '2026-02-28T08:00:00Z'],
  ['2026-08-31T08:00:00Z', 6, '2027-02-28T08:00:00Z'],
  ['2026-01-15T08:00:00Z', -1, '2025-12-15T08:00:00Z'],
])('%s and %i months is %s', (from, months, to) => {
  expect(stampUtc(addMonths(Date.parse(from), months))).toBe(to);
});
