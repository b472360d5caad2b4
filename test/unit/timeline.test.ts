import { describe, expect, test } from 'vitest';
import type { ListedRun } from '../../client/runs.ts';
import { type Recorded, timelineOf } from '../../client/timeline.ts';
import type { Logged, Noted } from '../../workflows/contract.ts';
import { record } from './temporary-store.ts';

const at = (second: number, ms = 0): string =>
  new Date(Date.UTC(2026, 10, 23, 14, 0, second, ms)).toISOString();

const wrote = (
  seq: number,
  second: number,
  action: string,
  more: Partial<Recorded> = {},
): readonly Recorded[] => {
  const sentence = `bot may ${action}.`;
  const entry = {
    ...record({ action: `incidents.${action}`, sentence }),
    seq,
    hash: '',
    at: at(second, 400),
    ...more,
  };
  const outcome = {
    ...record({
      action: `incidents.${action}`,
      kind: 'outcome',
      decision: 'done',
      sentence: 'PagerDuty answered 200.',
    }),
    entry: seq,
    seq: seq + 1,
    hash: '',
    at: at(second, 600),
  };
  return entry.decision === 'allowed' ? [entry, outcome] : [entry];
};
const logged = (what: string, second: number, by: Logged['by'], text = `${what}.`): Logged => ({
  id: `R${second}`,
  at: at(second),
  what,
  by,
  name: by === 'person' ? 'Ada' : 'Bot',
  text,
});
const noted = (second: number, by: Noted['by'], text: string): Noted => ({
  id: `N${second}`,
  at: at(second),
  by,
  name: by === 'person' ? 'Ada' : 'Bot',
  text,
});
const all = { all: false };

describe('three sides are one story', () => {
  test('in the order of time, a write of ours once, and what people did beside it', () => {
    const { moments } = timelineOf(
      {
        records: [...wrote(1, 3, 'acknowledge'), ...wrote(3, 4, 'add_note')],
        told: {
          log: [
            logged('trigger', 1, 'pagerduty'),
            logged('acknowledge', 3, 'ours'),
            logged('annotate', 4, 'ours'),
            logged('annotate', 7, 'person'),
            logged('resolve', 9, 'person'),
          ],
          notes: [noted(4, 'ours', 'Found it.'), noted(7, 'person', 'Thanks.')],
          isWhole: true,
        },
        runs: [],
      },
      all,
    );
    expect(moments.map(({ by, what, isInLog }) => [by, what, isInLog])).toEqual([
      ['pagerduty', 'trigger.', undefined],
      ['ours', 'bot may acknowledge. PagerDuty answered 200.', true],
      ['ours', 'bot may add_note. PagerDuty answered 200. Note: “Found it.”', true],
      ['person', 'note: “Thanks.”', undefined],
      ['person', 'resolve.', undefined],
    ]);
  });

  test('what our user did and no record of ours tells stands out', () => {
    const { moments } = timelineOf(
      { records: [], told: { log: [logged('resolve', 5, 'ours')], notes: [], isWhole: true }, runs: [] },
      all,
    );
    expect(moments).toEqual([
      { at: at(5), by: 'ours', name: 'Bot', what: 'resolve. No record here says why.' },
    ]);
  });

  test('what we wrote and PagerDuty’s log does not show stands out; where the log was not read, nothing is said of it', () => {
    const records = wrote(1, 3, 'resolve');
    const whole = timelineOf({ records, told: { log: [], notes: [], isWhole: true }, runs: [] }, all);
    expect(whole.moments[0]).toMatchObject({ isInLog: false });
    const part = timelineOf({ records, told: { log: [], notes: [], isWhole: false }, runs: [] }, all);
    expect(part.moments[0]).not.toHaveProperty('isInLog');
    expect(timelineOf({ records, runs: [] }, all).moments[0]).not.toHaveProperty('isInLog');
  });

  test('a denial is told with its rule; looks are counted, and shown where asked', () => {
    const records = [
      ...wrote(1, 1, 'view'),
      ...wrote(3, 2, 'resolve', { decision: 'denied', rule: 'grants', sentence: 'bot may not resolve.' }),
    ];
    const short = timelineOf({ records, runs: [] }, all);
    expect(short.looks).toBe(1);
    expect(short.moments).toMatchObject([{ what: 'bot may not resolve.', rule: 'grants', record: 3 }]);
    expect(timelineOf({ records, runs: [] }, { all: true })).toMatchObject({
      looks: 0,
      moments: [{ what: 'bot may view. PagerDuty answered 200.' }, { record: 3 }],
    });
  });

  test('runs begin and come to their end', () => {
    const run: ListedRun & { summary: string } = {
      workflowId: 'respond:main:P1',
      runId: 'r',
      workflow: 'respondToIncident',
      agent: 'bot',
      account: 'main',
      incident: 'P1',
      number: 1,
      service: null,
      state: 'partly',
      waits: [],
      startedAt: at(1),
      endedAt: at(9),
      summary: 'Left to people.',
    };
    const { moments } = timelineOf({ records: [], runs: [run] }, all);
    expect(moments.map(({ what }) => what)).toEqual([
      'began respondToIncident.',
      'respondToIncident came to partly: Left to people.',
    ]);
  });
});
