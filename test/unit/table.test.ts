import { expect, test } from 'vitest';
import { table } from '../../client/table.ts';
import { clockOf, spanOf } from '../../client/words.ts';

const columns = [
  { title: 'RUN', of: ({ id }: Row) => id },
  { title: 'WAITS FOR', of: ({ what }: Row) => what, flexible: true as const },
  { title: 'UNTIL', of: ({ until }: Row) => until },
];
interface Row {
  readonly id: string;
  readonly what: string;
  readonly until: string;
}
const rows: readonly Row[] = [
  { id: 'respond:main:PABC123', what: 'an operator to resume it (paused by Ada: let me look)', until: '-' },
  { id: 'note:main:P1:x', what: 'approval', until: '14:05:10 UTC' },
];

test('a table that nobody looks at is as wide as it needs to be', () => {
  expect(table(columns, rows, Number.POSITIVE_INFINITY).split('\n')).toEqual([
    'RUN                   WAITS FOR                                              UNTIL',
    'respond:main:PABC123  an operator to resume it (paused by Ada: let me look)  -',
    'note:main:P1:x        approval                                               14:05:10 UTC',
  ]);
});

test.each([80, 60, 50])('a table on %i columns is cut where it may be, and ids stay whole', (width) => {
  const lines = table(columns, rows, width).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
  expect(lines[1]).toMatch(/^respond:main:PABC123 {2}an op.*…/);
  expect(lines[2]).toMatch(/14:05:10 UTC$/);
});

test('a terminal that is too narrow for the ids gets them whole all the same', () => {
  expect(table(columns, rows, 20)).toContain('respond:main:PABC123');
});

test('times are told as people say them', () => {
  const now = Date.parse('2026-11-23T14:05:10.900Z');
  expect(clockOf(now, now)).toBe('14:05:10 UTC');
  expect(clockOf('2026-11-22T14:05:10Z', now)).toBe('2026-11-22 14:05:10 UTC');
  expect([0, 37_000, 720_000, 10_800_000, 172_800_000].map(spanOf)).toEqual([
    '0 s',
    '37 s',
    '12 min',
    '3 h',
    '2 days',
  ]);
});
