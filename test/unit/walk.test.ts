import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { after, begin, type Page, type Paging, pageAt, pagings, type Query } from '../../workflows/walk.ts';

const now = Date.UTC(2026, 10, 23, 12);
const day = 24 * 3_600_000;

interface RecordOf {
  readonly id: string;
  readonly created_at: string;
}

const iso = (at: number): string => new Date(at).toISOString().replace('.000', '');

/** Records spread over some days before now, oldest first; whole seconds, as PagerDuty's are. */
const recordsOver = (count: number, days: number): readonly RecordOf[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `P${index}`,
    created_at: iso(Math.floor((now - days * day + (index * days * day) / count) / 1000) * 1000),
  }));

/** A list as PagerDuty keeps it: half a year and 10,000 records at most for one question, a month where none is said. */
function listOf(records: readonly RecordOf[], order: 'ascending' | 'descending', short: number) {
  const asked: Query[] = [];
  const answers = new Map<string, readonly RecordOf[]>();
  return {
    asked,
    page: (query: Query): Page => {
      asked.push(query);
      const { limit, offset, since, until, date_range } = query as {
        limit: number;
        offset: number;
        since?: string;
        until?: string;
        date_range?: 'all';
      };
      if (limit + offset > 10_000) throw new Error('400: offset and limit go beyond 10,000');
      const to = until === undefined ? now : Date.parse(until);
      const from = since === undefined ? to - 30 * day : Date.parse(since);
      if (date_range === undefined && to - from > 184 * day) throw new Error('400: the span is too wide');
      const question = JSON.stringify([since, until, date_range]);
      const sorted = answers.get(question) ?? find();
      answers.set(question, sorted);
      const items = sorted.slice(offset, offset + Math.max(1, limit - short));
      return { items: items as unknown as readonly Query[], more: offset + items.length < sorted.length };

      function find(): readonly RecordOf[] {
        const found = records.filter(({ created_at }) => {
          const at = Date.parse(created_at);
          return date_range === 'all' || order === 'descending'
            ? (until === undefined || at < to) && (since === undefined || at >= from)
            : at >= from && at <= to;
        });
        return order === 'descending' ? found.toReversed() : found;
      }
    },
  };
}

function walkThrough(paging: Paging, query: Query, page: (query: Query) => Page) {
  const seen = new Set<string>();
  let pages = 0;
  let at = begin(paging, query, now);
  for (;;) {
    const answer = page(pageAt(at, paging));
    pages += 1;
    for (const item of answer.items) seen.add(String(item['id']));
    const step = after(at, paging, answer);
    if ('end' in step) return { seen, pages, end: step.end };
    at = step.next;
    if (pages > 2_000) throw new Error('The walk does not end.');
  }
}

describe('a list with times is walked to its end', () => {
  test.each([
    [99, 10],
    [100, 10],
    [10_000, 300],
    [10_001, 300],
    [25_000, 700],
    [25_000, 3],
  ])('%i records over %i days, all times', (count, days) => {
    const { page } = listOf(recordsOver(count, days), 'ascending', 0);
    const { seen, end } = walkThrough(pagings.listIncidents, { date_range: 'all' }, page);
    expect([seen.size, end]).toEqual([count, 'complete']);
  });

  test('whatever their number and times, and however few come on a page', () => {
    let sliced = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 15_000 }),
        fc.integer({ min: 1, max: 900 }),
        fc.constantFrom(0, 1, 37),
        (count, days, short) => {
          const { page, asked } = listOf(recordsOver(count, days), 'ascending', short);
          const { seen, end } = walkThrough(pagings.listIncidents, { date_range: 'all' }, page);
          expect([seen.size, end]).toEqual([count, 'complete']);
          if (asked.some(({ since }) => since !== undefined)) sliced += 1;
        },
      ),
      { numRuns: 25 },
    );
    expect(sliced).toBeGreaterThan(0);
  });

  test('newest first, where the list comes so', () => {
    const { page } = listOf(recordsOver(23_456, 20), 'descending', 0);
    const { seen, end } = walkThrough(pagings.listIncidentLogEntries, {}, page);
    expect([seen.size, end]).toEqual([23_456, 'complete']);
  });

  test('and within the times that were asked, no further', () => {
    const records = recordsOver(30_000, 100);
    const query = { since: iso(now - 50 * day), until: iso(now - 10 * day) };
    const { page } = listOf(records, 'ascending', 0);
    const { seen, end } = walkThrough(pagings.listIncidents, query, page);
    const wanted = records.filter(({ created_at }) => created_at >= query.since && created_at <= query.until);
    expect([seen.size, end]).toEqual([wanted.length, 'complete']);
  });
});

test('more than 10,000 records of one second are not told as all there are', () => {
  const records = Array.from({ length: 10_500 }, (_, index) => ({
    id: `P${index}`,
    created_at: iso(now - day),
  }));
  const { page } = listOf(records, 'ascending', 0);
  const { seen, end } = walkThrough(pagings.listIncidents, { date_range: 'all' }, page);
  expect([seen.size, end]).toEqual([10_000, 'cut']);
});

test('a list in an order of its own is not sliced, and is not told as all there is', () => {
  const { page } = listOf(recordsOver(12_000, 20), 'ascending', 0);
  const { end } = walkThrough(pagings.listIncidents, { date_range: 'all', sort_by: 'urgency' }, page);
  expect(end).toBe('cut');
});

test('a list without times ends where PagerDuty ends it', () => {
  const { page } = listOf(recordsOver(12_000, 20), 'ascending', 0);
  const { seen, end } = walkThrough(pagings.listUsers, { date_range: 'all' }, page);
  expect([seen.size, end]).toEqual([10_000, 'cut']);
});

test('a list by cursor is walked until there is none', () => {
  const paging: Paging = { style: 'cursor', items: 'records' };
  const pages: Readonly<Record<string, readonly [readonly string[], string | null]>> = {
    '': [['a', 'b'], 'second'],
    second: [['c'], 'third'],
    third: [['d'], null],
  };
  const page = ({ cursor = '' }: { cursor?: string }): Page => {
    const [ids, nextCursor] = pages[cursor] ?? [[], null];
    return { items: ids.map((id) => ({ id })), more: false, nextCursor };
  };
  const { seen, end } = walkThrough(paging, { limit: 5, cursor: 'ignored' }, page as (query: Query) => Page);
  expect([[...seen], end]).toEqual([['a', 'b', 'c', 'd'], 'complete']);
});
