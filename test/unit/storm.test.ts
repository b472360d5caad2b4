import { describe, expect, test } from 'vitest';
import { problemOf } from '../../workflows/assess.ts';
import type { OpenIncident } from '../../workflows/open-incidents.ts';
import { recoveredIn } from '../../workflows/resolve-recovered.ts';
import { causesIn, notesFor, type StormReads } from '../../workflows/storm.ts';
import type { Surveyed } from '../../workflows/survey-incidents.ts';
import { randomOf } from '../support/random.ts';

const at = Date.parse('2026-11-26T03:00:00Z');
const incident = (number: number, { title = 'disk is full', ...more }: Partial<Surveyed> = {}): Surveyed => ({
  id: `P${number}`,
  number,
  title,
  problem: problemOf(title),
  status: 'triggered',
  urgency: 'low',
  at: at + number * 1_000,
  resolvedAt: null,
  service: { id: 'PSERVICE', name: 'Service' },
  policy: 'PPOLICY',
  alerts: { all: 1, firing: 1 },
  isTaken: false,
  isSetBack: false,
  ...more,
});
const readsOf = (incidents: readonly Surveyed[], more: Partial<StormReads> = {}): StormReads => ({
  incidents: new Map(incidents.map((one) => [one.id, one])),
  earlier: [],
  services: new Map(),
  onCall: new Map(),
  now: at + 3_600_000,
  ...more,
});

describe('the causes of a storm', () => {
  test('are by service and by what titles are about; what names no problem is a cause of its own', () => {
    const causes = causesIn(
      readsOf([
        incident(1, { title: 'Disk is full: 91 %' }),
        incident(2, { title: '[FIRING] disk is full: 97 %' }),
        incident(3, { service: { id: 'POTHER', name: 'Other' } }),
        incident(4, { title: '42' }),
        incident(5, { title: '43' }),
        incident(6, { service: null }),
      ]),
    );
    expect(causes.map(({ members }) => members.map(({ number }) => number))).toEqual([
      [1, 2],
      [3],
      [4],
      [5],
      [6],
    ]);
  });

  test('are stood for by the oldest of high urgency, and keep who stood for them', () => {
    const some = [incident(1), incident(2, { urgency: 'high' }), incident(3, { urgency: 'high' })];
    expect(causesIn(readsOf(some)).map(({ lead }) => lead.number)).toEqual([2]);
    expect(causesIn(readsOf(some), new Set(['P3'])).map(({ lead }) => lead.number)).toEqual([3]);
    expect(causesIn(readsOf([incident(1), incident(2)])).map(({ lead }) => lead.number)).toEqual([1]);
  });

  test('are judged by the rules of triage, and each word hangs on what was read', () => {
    const classOf = (one: Surveyed, more: Partial<StormReads> = {}): string | undefined =>
      causesIn(readsOf([one], more))[0]?.verdicts.get(one.id)?.class;
    expect(classOf(incident(1))).toBe('real');
    expect(classOf(incident(1, { alerts: { all: 2, firing: 0 } }))).toBe('recovered');
    expect(classOf(incident(1, { alerts: null }))).toBe('unclear');
    expect(classOf(incident(1, { isSetBack: true }))).toBe('unclear');
    const services = new Map([['PSERVICE', { readAt: at, name: 'Service', isInMaintenance: true }]]);
    expect(classOf(incident(1), { services })).toBe('maintenance');
    const brief = [7, 8, 9].map((number) =>
      incident(number, { status: 'resolved', resolvedAt: at + number * 1_000 + 60_000 }),
    );
    expect(classOf(incident(10), { earlier: brief })).toBe('flapping');
    // What nobody knows the end of did not come and go.
    expect(classOf(incident(10), { earlier: brief.map((one) => ({ ...one, resolvedAt: null })) })).toBe(
      'real',
    );
  });

  test('are many thousand incidents in well under the time that a Workflow Task has', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => incident(index, { urgency: 'high' }));
    const causes = causesIn(readsOf(many));
    expect(causes).toHaveLength(1);
    expect(
      [...(causes[0]?.verdicts.values() ?? [])].filter(({ class: kind }) => kind === 'duplicate'),
    ).toHaveLength(4_999);
  });
});

describe('the notes of a storm', () => {
  const seed = Date.now();

  test(`are at most one an incident, on open ones alone, those of high urgency first, whatever the storm (seed ${seed})`, () => {
    const random = randomOf(seed);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
    let written = 0;
    for (let round = 0; round < 200; round += 1) {
      const some = Array.from({ length: 1 + Math.floor(random() * 30) }, (_, index) =>
        incident(index, {
          title: pick(['disk is full', 'queue is full', '7']),
          urgency: pick(['high', 'low']),
          status: pick(['triggered', 'acknowledged', 'resolved']),
        }),
      );
      const reads = readsOf(some);
      const done = new Set(some.filter(() => random() < 0.2).map(({ id }) => id));
      const wanted = pick(['none', 'leads', 'high', 'all'] as const);
      const notes = notesFor(causesIn(reads), wanted, reads, { since: at, done });
      const noted = notes.map(({ incident: id }) => some.find((one) => one.id === id));
      expect(new Set(noted).size).toBe(notes.length);
      for (const one of noted) {
        expect(one?.status).not.toBe('resolved');
        expect(done.has(one?.id ?? '')).toBe(false);
      }
      const urgencies = noted.map((one) => one?.urgency);
      const firstLow = urgencies.indexOf('low');
      if (firstLow >= 0) expect(urgencies.lastIndexOf('high')).toBeLessThan(firstLow);
      if (wanted === 'none') expect(notes).toEqual([]);
      const due = (one: Surveyed): boolean => one.status !== 'resolved' && !done.has(one.id);
      if (wanted === 'all') expect(notes).toHaveLength(some.filter(due).length);
      if (wanted === 'high')
        for (const one of some) if (due(one) && one.urgency === 'high') expect(noted).toContain(one);
      written += notes.length;
    }
    expect(written).toBeGreaterThan(500);
  });
});

describe('the plan for what has recovered', () => {
  const open = (number: number, more: Partial<OpenIncident> = {}): OpenIncident =>
    ({
      id: `P${number}`,
      incident_number: number,
      status: 'triggered',
      urgency: 'low',
      title: 'disk is full',
      created_at: new Date(at).toISOString(),
      service: { id: number % 2 === 0 ? 'PEVEN' : 'PODD', type: 'service_reference' },
      alert_counts: { all: 1, triggered: 0, resolved: 1 },
      ...more,
    }) as OpenIncident;
  const among = (incidents: readonly OpenIncident[]) => ({ incidents, ourUsers: ['PBOT'], complete: true });
  const acknowledgedBy = (id: string) => ({
    status: 'acknowledged' as const,
    acknowledgements: [{ at: null, acknowledger: { id, type: 'user_reference' } }] as never,
  });

  test('takes what no alert of fires and no person has, in lots of a hundred, those of one service together', () => {
    const {
      writes,
      left = [],
      guards,
    } = recoveredIn(
      among([
        ...Array.from({ length: 240 }, (_, index) => open(index)),
        open(1_000, acknowledgedBy('PADA')),
        open(1_001, acknowledgedBy('PBOT')),
        open(1_002, { alert_counts: { all: 2, triggered: 1, resolved: 1 } }),
        open(1_003, { alert_counts: { all: 0, triggered: 0, resolved: 0 } }),
        open(1_004, { alert_counts: null }),
      ]),
      new Map([['P7', 'its grant does not cover it']]),
    );
    expect(writes.map(({ seen }) => seen.length)).toEqual([100, 100, 40]);
    expect(writes.map(({ seen }) => new Set(seen.map(({ service }) => service)).size)).toEqual([1, 2, 1]);
    const ids = writes.flatMap(({ seen }) => seen.map(({ id }) => id));
    expect(ids).toContain('P1001');
    for (const id of ['P7', 'P1000', 'P1002', 'P1003', 'P1004']) expect(ids).not.toContain(id);
    expect(left).toEqual([
      { what: 'P7', why: 'its grant does not cover it' },
      { what: 'P1000', why: 'a person has acknowledged it' },
    ]);
    expect(guards).toEqual(['it resolves 240 of a storm whose alerts have all been resolved']);
  });

  test('takes 500 at most, and names the others, as it names that there are more than it saw', () => {
    const all = among(Array.from({ length: 503 }, (_, index) => open(index)));
    const { writes, left = [] } = recoveredIn({ ...all, complete: false }, new Map());
    expect(writes.flatMap(({ seen }) => seen)).toHaveLength(500);
    expect(left.map(({ what }) => what)).toEqual(['P500', 'P501', 'P502', 'incidents beyond the first 503']);
  });
});
