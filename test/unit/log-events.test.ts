import { describe, expect, test } from 'vitest';
import { eventsIn } from '../../gate/log-events.ts';
import type { LogEntry } from '../../pagerduty/catalogue/incidents.ts';

const at = (second: number): string =>
  new Date(Date.UTC(2026, 10, 23, 14, 0, second)).toISOString().replace('.000', '');
const since = (second: number): number => Date.parse(at(second));

/** A log as PagerDuty lists it, from its words with their seconds, oldest first. */
const log = (...entries: readonly (readonly [word: string, second: number])[]): readonly LogEntry[] =>
  entries
    .map(([word, second], index) => ({ id: `R${index}`, type: `${word}_log_entry`, created_at: at(second) }))
    .toReversed();

const typesIn = (entries: readonly LogEntry[], from = 0, isWhole = true): readonly string[] =>
  eventsIn(entries, since(from), isWhole).map(({ type }) => type.replace('incident.', ''));

describe('a log tells', () => {
  test.each<[string, readonly (readonly [string, number])[], readonly string[]]>([
    [
      'the opening, and not whom it goes to then',
      [
        ['trigger', 1],
        ['assign', 1],
      ],
      ['triggered'],
    ],
    [
      'an acknowledge',
      [
        ['trigger', 1],
        ['acknowledge', 2],
      ],
      ['triggered', 'acknowledged'],
    ],
    [
      'an acknowledge of what was resolved as an opening again',
      [
        ['trigger', 1],
        ['resolve', 2],
        ['acknowledge', 3],
        ['assign', 3],
      ],
      ['triggered', 'resolved', 'reopened'],
    ],
    [
      'a second trigger as an opening again',
      [
        ['trigger', 1],
        ['resolve', 2],
        ['trigger', 3],
        ['delegate', 3],
      ],
      ['triggered', 'resolved', 'reopened', 'delegated'],
    ],
    [
      'a reassignment later on',
      [
        ['trigger', 1],
        ['assign', 1],
        ['assign', 5],
      ],
      ['triggered', 'reassigned'],
    ],
    [
      'that it climbed, came back and has a note',
      [
        ['trigger', 1],
        ['escalate', 2],
        ['acknowledge', 3],
        ['unacknowledge', 4],
        ['annotate', 5],
      ],
      ['triggered', 'escalated', 'acknowledged', 'unacknowledged', 'annotated'],
    ],
    [
      'nothing of what it has no word for',
      [
        ['trigger', 1],
        ['notify', 2],
        ['field_value_change', 3],
        ['snooze', 4],
      ],
      ['triggered'],
    ],
  ])('%s', (_what, entries, events) => {
    expect(typesIn(log(...entries))).toEqual(events);
  });

  test('a reassignment right after an acknowledge, where somebody else gets it or gives it', () => {
    const [assign, acknowledge, ...rest] = log(['trigger', 1], ['acknowledge', 3], ['assign', 3]);
    const user = (id: string) => ({ id, type: 'user_reference' });
    const told = (by: string, to: string): readonly string[] =>
      assign && acknowledge
        ? typesIn([
            { ...assign, agent: user(by), assignees: [user(to)] },
            { ...acknowledge, agent: user('ada') },
            ...rest,
          ])
        : [];
    expect(told('ada', 'ada')).toEqual(['triggered', 'acknowledged']);
    expect(told('ada', 'eva')).toEqual(['triggered', 'acknowledged', 'reassigned']);
    expect(told('eva', 'eva')).toEqual(['triggered', 'acknowledged', 'reassigned']);
  });

  test('only what happened since, the whole second of it', () => {
    const entries = log(['trigger', 1], ['acknowledge', 5], ['resolve', 9]);
    expect(typesIn(entries, 5)).toEqual(['acknowledged', 'resolved']);
    expect(eventsIn(entries, since(5) + 900, true)).toEqual([
      { type: 'incident.acknowledged', at: at(5), entry: 'R1' },
      { type: 'incident.resolved', at: at(9), entry: 'R2' },
    ]);
    expect(typesIn(entries, 6)).toEqual(['resolved']);
  });

  test('no opening where its beginning is not in sight', () => {
    expect(typesIn(log(['acknowledge', 5], ['resolve', 9]), 0, false)).toEqual(['acknowledged', 'resolved']);
    expect(typesIn(log(['trigger', 5]), 0, false)).toEqual(['reopened']);
  });
});
