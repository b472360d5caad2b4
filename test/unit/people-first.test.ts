import { describe, expect, test } from 'vitest';
import { actsAfter, actsBetween, actsFrom, happenedSince, tellAct } from '../../gate/acts.ts';
import type { IncidentFacts } from '../../gate/facts.ts';
import { amendsFor, amendsOfOurs } from '../../gate/people-first.ts';
import type { LogEntry } from '../../pagerduty/catalogue/incidents.ts';
import type { IncidentEvent } from '../../pagerduty/webhooks.ts';

/** Entries in the order in which they happened: who, what, and to whom it went. */
function log(...lines: readonly string[]): readonly LogEntry[] {
  return lines
    .map((line, index): LogEntry => {
      const [who = '', what = '', ...to] = line.split(' ');
      const type = who === 'service' ? 'service_reference' : 'user_reference';
      return {
        id: `R${index}`,
        type: `${what}_log_entry`,
        // All in one second, as it can be: only the order tells.
        created_at: '2026-11-23T14:00:00Z',
        agent: { id: who, type, summary: who },
        ...(to.length > 0 && { assignees: to.map((id) => ({ id, type: 'user_reference' })) }),
      };
    })
    .toReversed();
}

const incident: IncidentFacts = {
  id: 'P1',
  number: 1,
  status: 'triggered',
  urgency: 'high',
  service: 'PS',
  policy: 'PE',
  teams: [],
  assignees: ['ben'],
  acknowledgers: [],
};
const held = { ...incident, status: 'acknowledged', acknowledgers: ['bot'] };
const opened = ['service trigger', 'service assign ben'];
const taken = [...opened, 'bot acknowledge'];

type Written = 'triggered' | 'acknowledged' | 'resolved';

/** What was done before our write and not seen ⇒ what undoes ours; `-` where nothing does. */
const cases: readonly (readonly [string, Written, IncidentFacts, readonly string[], string, object | '-'])[] =
  [
    ['nothing', 'acknowledged', incident, [...opened, 'bot acknowledge'], '', '-'],
    [
      'a resolve',
      'acknowledged',
      incident,
      [...opened, 'ada resolve', 'bot acknowledge', 'bot assign bot'],
      'ada resolved it',
      { status: 'resolved' },
    ],
    [
      'an acknowledge',
      'acknowledged',
      incident,
      [...opened, 'ada acknowledge', 'bot acknowledge'],
      'ada acknowledged it',
      '-',
    ],
    [
      'an acknowledge, and ours took the assignment',
      'acknowledged',
      incident,
      [...opened, 'ada acknowledge', 'ada assign ada', 'bot acknowledge', 'bot assign bot'],
      'ada acknowledged it and ada reassigned it',
      { assignees: ['ada'] },
    ],
    [
      'a reassignment',
      'acknowledged',
      incident,
      [...opened, 'ada assign eva', 'bot acknowledge'],
      'ada reassigned it',
      { status: 'triggered' },
    ],
    [
      'a reassignment, and ours took the assignment',
      'acknowledged',
      incident,
      [...opened, 'ada assign eva', 'bot acknowledge', 'bot assign bot'],
      'ada reassigned it',
      { status: 'triggered', assignees: ['eva'] },
    ],
    [
      'an escalation',
      'acknowledged',
      incident,
      [...opened, 'ada escalate eva', 'bot acknowledge'],
      'ada escalated it',
      { status: 'triggered' },
    ],
    [
      'the time-out of a level',
      'acknowledged',
      incident,
      [...opened, 'service escalate eva', 'bot acknowledge'],
      '',
      '-',
    ],
    [
      'what was seen already',
      'acknowledged',
      { ...incident, assignees: ['eva'] },
      [...opened, 'ada assign eva', 'bot acknowledge'],
      '',
      '-',
    ],
    [
      'a person’s resolve long ago, opened again since',
      'acknowledged',
      incident,
      [...opened, 'ada resolve', 'ada trigger', 'bot acknowledge'],
      '',
      '-',
    ],
    [
      'a resolve after ours',
      'acknowledged',
      incident,
      [...opened, 'bot acknowledge', 'ada resolve'],
      '',
      '-',
    ],
    [
      'an acknowledge',
      'resolved',
      held,
      [...taken, 'ada acknowledge', 'bot resolve'],
      'ada acknowledged it',
      { status: 'triggered', assignees: ['ada'] },
    ],
    [
      'a reassignment',
      'resolved',
      held,
      [...taken, 'ada assign eva', 'bot resolve'],
      'ada reassigned it',
      { status: 'triggered', assignees: ['eva'] },
    ],
    [
      'an un-acknowledge',
      'resolved',
      held,
      [...taken, 'ada unacknowledge', 'bot resolve'],
      'ada un-acknowledged it',
      { status: 'triggered', assignees: ['ben'] },
    ],
    ['only notes', 'resolved', held, [...taken, 'ada annotate', 'bot resolve'], '', '-'],
    [
      'an acknowledge',
      'triggered',
      held,
      [...taken, 'ada acknowledge', 'bot unacknowledge', 'bot delegate ben'],
      'ada acknowledged it',
      { assignees: ['ada'] },
    ],
    [
      'a resolve',
      'triggered',
      held,
      [...taken, 'ada resolve', 'bot trigger', 'bot delegate ben'],
      'ada resolved it',
      { status: 'resolved' },
    ],
    [
      'a reassignment',
      'triggered',
      held,
      [...taken, 'ada assign eva', 'bot delegate ben'],
      'ada reassigned it',
      { assignees: ['eva'] },
    ],
    [
      'two people',
      'resolved',
      held,
      [...taken, 'ada acknowledge', 'eva acknowledge', 'bot resolve'],
      'ada acknowledged it and eva acknowledged it',
      { status: 'triggered', assignees: ['ada', 'eva'] },
    ],
    [
      'an acknowledge and a resolve',
      'acknowledged',
      incident,
      [...opened, 'ada acknowledge', 'ada resolve', 'bot acknowledge'],
      'ada acknowledged it and ada resolved it',
      { status: 'resolved' },
    ],
  ];

describe('between our look and our write', () => {
  test.each(cases)('%s, and ours set it to %s', (_what, written, seen, entries, who, amends) => {
    const acts = actsBetween(log(...entries), seen, written, ['bot']);
    expect(acts.map(tellAct).join(' and ')).toBe(who);
    const assigned =
      entries
        .findLast((line) => / (assign|delegate|escalate) /.test(line))
        ?.split(' ')
        .slice(2) ?? [];
    const after = { ...incident, status: written, assignees: written === 'resolved' ? [] : assigned };
    expect(acts.length === 0 ? '-' : (amendsFor(acts, seen, written, after) ?? '-')).toEqual(amends);
  });
});

test('what people left with us alone, because we had reopened it, goes to its policy: somebody is to be paged', () => {
  const reopened = { ...incident, status: 'acknowledged', assignees: ['PBOT'], acknowledgers: ['PBOT'] };
  const acts = actsBetween(log('PADA unacknowledge', 'PBOT resolve'), reopened, 'resolved', ['PBOT']);
  expect(acts.map(({ kind }) => kind)).toEqual(['unacknowledge']);
  const after = { ...reopened, status: 'resolved', assignees: [], acknowledgers: [] };
  expect(amendsFor(acts, reopened, 'resolved', after, ['PBOT'])).toEqual({
    status: 'triggered',
    policy: reopened.policy,
  });
});

describe('while ours is undone by naming whose it is', () => {
  const back = { ...incident, assignees: ['fay'] };
  test.each<[string, readonly string[], Partial<IncidentFacts>, string, object | '-']>([
    ['nobody came', ['bot assign fay'], {}, '', '-'],
    ['a reassignment', ['ada assign eva', 'bot assign fay'], {}, 'ada reassigned it', { assignees: ['eva'] }],
    ['a reassignment to the same', ['ada assign fay', 'bot assign fay'], {}, 'ada reassigned it', '-'],
    [
      'an acknowledge that ours took',
      ['eva acknowledge', 'bot assign fay'],
      {},
      'eva acknowledged it',
      { assignees: ['eva'] },
    ],
    [
      'an acknowledge that ours left',
      ['eva acknowledge', 'bot assign fay'],
      { status: 'acknowledged', acknowledgers: ['fay', 'eva'] },
      'eva acknowledged it',
      '-',
    ],
    ['a reassignment after ours', ['bot assign fay', 'ada assign eva'], {}, '', '-'],
  ])('%s', (_what, entries, left, who, amends) => {
    // What led to it stands in the log as well, and was answered already.
    const before = log(...taken, 'ada escalate fay', 'bot delegate ben');
    const all = log(...taken, 'ada escalate fay', 'bot delegate ben', ...entries);
    const acts = actsAfter(all, before[0]?.id, 'handed', ['bot']);
    expect(acts.map(tellAct).join(' and ')).toBe(who);
    expect(amendsFor(acts, incident, 'handed', { ...back, ...left }, ['bot']) ?? '-').toEqual(amends);
  });
});

describe('an incident that people acted on while it was with us alone', () => {
  const withUs = { ...incident, assignees: ['bot'] };
  test.each<[string, IncidentFacts, object | '-']>([
    ['pages again by its policy', withUs, { policy: 'PE' }],
    ['is acknowledged by us', { ...held, assignees: ['bot'] }, { status: 'triggered', policy: 'PE' }],
    [
      'is acknowledged by a person',
      { ...held, assignees: ['bot'], acknowledgers: ['bot', 'eva'] },
      { assignees: ['eva'] },
    ],
    ['is resolved', { ...withUs, status: 'resolved', assignees: [] }, '-'],
    ['is with a person as well', { ...withUs, assignees: ['bot', 'ben'] }, '-'],
    ['has no policy that is known', { ...withUs, policy: undefined }, '-'],
  ])('%s', (_what, now, amends) => {
    expect(amendsOfOurs(now, ['bot']) ?? '-').toEqual(amends);
  });
});

describe('since it was seen', () => {
  test.each<[string, IncidentFacts, readonly string[], string, 'pagerduty' | 'ours' | null]>([
    ['nothing happened', held, taken, '', null],
    ['PagerDuty took it back', held, [...taken, 'service unacknowledge'], '', 'pagerduty'],
    ['we gave it back', held, [...taken, 'bot unacknowledge', 'bot delegate ben'], '', 'ours'],
    ['a person took it back', held, [...taken, 'ada unacknowledge'], 'ada un-acknowledged it', null],
    [
      'it was handed on, and handed back',
      held,
      [...taken, 'ada assign eva', 'eva assign ben'],
      'ada reassigned it and eva reassigned it',
      null,
    ],
    [
      'it was handed on, and climbed back to whom it was with',
      held,
      [...taken, 'ada assign eva', 'service escalate ben'],
      'ada reassigned it',
      null,
    ],
    [
      'it was resolved and opened again long before',
      incident,
      [...opened, 'ada resolve', 'ada trigger', 'eva acknowledge'],
      'eva acknowledged it',
      null,
    ],
    [
      'what a person did was seen already, whoever came on call when it was taken back',
      { ...incident, assignees: ['ben', 'eva'] },
      [...taken, 'service unacknowledge', 'ada escalate ben eva', 'service unacknowledge', 'eva resolve'],
      'eva resolved it',
      null,
    ],
  ])('%s', (_what, seen, entries, who, takenBack) => {
    const since = happenedSince(log(...entries), seen, ['bot']);
    expect(since.acts.map(tellAct).join(' and ')).toBe(who);
    expect(since.takenBack).toBe(takenBack);
  });
});

describe('since a run began', () => {
  const second = (seconds: number): number => Date.parse('2026-11-23T14:00:00Z') + seconds * 1000;
  /** A log whose lines begin with their second. */
  const timed = (...lines: readonly string[]): readonly LogEntry[] =>
    log(...lines.map((line) => line.replace(/^\d+ /, '')))
      .toReversed()
      .map((entry, index) => ({
        ...entry,
        created_at: new Date(second(Number.parseInt(lines[index] ?? '', 10))).toISOString(),
      }))
      .toReversed();
  test.each<[string, number, IncidentEvent | undefined, readonly string[], string]>([
    ['nobody did anything', 9.5, undefined, ['1 service trigger', '1 service assign ben'], ''],
    [
      'what was done before is not told',
      9.5,
      undefined,
      ['1 service trigger', '1 service assign ben', '8 ada assign eva'],
      '',
    ],
    [
      'what was done since is, in the same second too',
      9.5,
      undefined,
      ['1 service trigger', '1 service assign ben', '9 ada assign eva', '10 eva escalate ben'],
      'ada reassigned it and eva escalated it',
    ],
    [
      'whom it goes to when a person opens it is no act, but the next is',
      0,
      undefined,
      ['1 ada trigger', '1 ada assign eva', '1 ada assign ben'],
      'ada reassigned it',
    ],
    ['what we did, and PagerDuty, is no person’s', 0, undefined, taken.map((line) => `1 ${line}`), ''],
    [
      'all since the opening counts where that started it, however late',
      60,
      'incident.triggered',
      ['1 ada trigger', '1 ada assign eva', '3 ada escalate ben'],
      'ada escalated it',
    ],
    [
      'the act that started it does not count, and what came after it does',
      8,
      'incident.escalated',
      ['1 service trigger', '1 service assign ben', '8 ada escalate eva', '8 eva assign ben'],
      'eva reassigned it',
    ],
    [
      'what is not in the log yet is not waited for',
      8,
      'incident.escalated',
      ['1 service trigger', '1 service assign ben', '8 ada acknowledge'],
      'ada acknowledged it',
    ],
    [
      'an act of the same kind that is older started another',
      8,
      'incident.escalated',
      [
        '1 service trigger',
        '2 ada escalate eva',
        '3 ada assign ben',
        '8 ada escalate eva',
        '9 eva assign ben',
      ],
      'eva reassigned it',
    ],
  ])('%s', (_what, at, on, lines, who) => {
    const began = { at: second(at), ...(on && { on }) };
    expect(
      actsFrom(timed(...lines), began, ['bot'], true)
        .map(tellAct)
        .join(' and '),
    ).toBe(who);
  });
});
