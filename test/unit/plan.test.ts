import { describe, expect, test } from 'vitest';
import { hashed, type PlannedRequest, planOf } from '../../gate/plan.ts';
import { duplicatesIn } from '../../workflows/duplicate-sweep.ts';
import type { OpenIncident } from '../../workflows/open-incidents.ts';
import { driftOf, keptOf, pagedIn, type SeenIncident, seenOf } from '../../workflows/seen.ts';
import { randomOf } from '../support/random.ts';

const head = { account: 'main', agent: 'bot' };
const seen = (id: string) => ({ id });
const noteOn = (id: string): PlannedRequest => ({
  operation: 'createIncidentNote',
  request: { params: { id }, body: { note: { content: 'x' } } },
  seen: [seen(id)],
});
const resolving = (ids: readonly string[]): PlannedRequest => ({
  operation: 'updateIncidents',
  request: {
    body: { incidents: ids.map((id) => ({ id, type: 'incident_reference', status: 'resolved' })) },
  },
  seen: ids.map(seen),
});

describe('the hash of a plan', () => {
  test('is shown by every write of it, and by every part of a bulk update, whatever the size of the plan', () => {
    let parts = 0;
    for (let count = 1; count <= 24; count += 1) {
      const ids = Array.from({ length: count }, (_, index) => `P${index}`);
      const writes = [...ids.map(noteOn), resolving(ids)];
      const { hash, proofs } = hashed({ head, writes });
      for (const [index, write] of writes.entries()) expect(planOf(write, proofs[index] ?? [])).toBe(hash);
      const some = ids.filter((_, index) => index % 2 === 0);
      const own = (proofs.at(-1) ?? []).filter((_, index) => index % 2 === 0);
      expect(planOf(resolving(some), own)).toBe(hash);
      parts += writes.length + some.length;
    }
    expect(parts).toBeGreaterThan(400);
  });

  test('is the same for the same, in whatever order its fields stand, and another for anything else', () => {
    const writes = [noteOn('P1'), resolving(['P1', 'P2'])];
    const { hash } = hashed({ head, writes });
    const turned: PlannedRequest = {
      seen: [{ id: 'P1' }],
      request: { body: { note: { content: 'x' } }, params: { id: 'P1' } },
      operation: 'createIncidentNote',
    };
    expect(
      hashed({ head: { agent: 'bot', account: 'main' }, writes: [turned, resolving(['P1', 'P2'])] }).hash,
    ).toBe(hash);
    const others = [
      { head: { ...head, agent: 'other' }, writes },
      { head, writes: writes.toReversed() },
      { head, writes: [noteOn('P1')] },
      { head, writes: [noteOn('P2'), resolving(['P1', 'P2'])] },
      { head, writes: [{ ...noteOn('P1'), seen: [{ id: 'P1', title: 'y' }] }, resolving(['P1', 'P2'])] },
      { head, writes: [noteOn('P1'), resolving(['P2', 'P1'])] },
      { head, writes: [{ ...noteOn('P1'), turns: [{ start: 0 }] }, resolving(['P1', 'P2'])] },
      { head: { ...head, concerned: [{ user: 'P1', as: 'taker' }] }, writes },
    ];
    expect(new Set([hash, ...others.map((one) => hashed(one).hash)]).size).toBe(others.length + 1);
  });

  test('is not shown by what is not in it: another request, another look, another proof', () => {
    const random = randomOf(7);
    let tried = 0;
    for (let round = 0; round < 200; round += 1) {
      const ids = Array.from({ length: 1 + Math.floor(random() * 12) }, (_, index) => `P${index}`);
      const writes = ids.map(noteOn);
      const { hash, proofs } = hashed({ head, writes });
      const at = Math.floor(random() * ids.length);
      const [mine, proof] = [writes[at], proofs[at]];
      if (!mine || !proof) throw new Error('There is none.');
      const other = proofs[(at + 1) % ids.length] ?? [];
      const forged: readonly (readonly [PlannedRequest, readonly (readonly string[])[]])[] = [
        [noteOn('PX'), proof],
        [{ ...mine, seen: [] }, proof],
        [{ ...mine, operation: 'createIncident' }, proof],
        [mine, proof.map((path) => path.slice(1))],
        [mine, []],
        ...(ids.length > 1 ? [[mine, other] as const] : []),
      ];
      for (const [write, shown] of forged) {
        tried += 1;
        expect(planOf(write, shown)).not.toBe(hash);
      }
    }
    expect(tried).toBeGreaterThan(1_000);
  });
});

const incident = (number: number, more: Partial<OpenIncident> = {}): OpenIncident => ({
  id: `P${number}`,
  incident_number: number,
  title: 'Queue is full',
  status: 'triggered',
  urgency: 'low',
  created_at: '2026-11-25T10:00:00Z',
  service: { id: 'PS' },
  escalation_policy: { id: 'PE' },
  assignments: [{ assignee: { id: 'PADA' } }],
  acknowledgements: [],
  alert_counts: { all: 1, triggered: 1, resolved: 0 },
  ...more,
});

describe('what changed of an incident', () => {
  test('is every field that a plan saw, and nothing else', () => {
    const was = seenOf(incident(1));
    expect(driftOf(was, incident(1, { last_status_change_at: '2026-11-25T11:00:00Z' }))).toEqual([]);
    const changes: Readonly<
      Record<Exclude<keyof SeenIncident, 'id' | 'number' | 'notes' | 'kept' | 'pages'>, Partial<OpenIncident>>
    > = {
      title: { title: `${'x'.repeat(300)}y` },
      status: { status: 'resolved' },
      urgency: { urgency: 'high' },
      priority: { priority: { id: 'P1' } },
      service: { service: { id: 'PT' } },
      policy: { escalation_policy: { id: 'PF' } },
      assignees: { assignments: [] },
      acknowledgers: { acknowledgements: [{ acknowledger: { id: 'PBEN' } }] },
      alerts: { alert_counts: { all: 2, triggered: 1, resolved: 1 } },
    };
    expect(Object.keys(changes).toSorted()).toEqual(
      Object.keys(was)
        .filter((field) => field !== 'id' && field !== 'number')
        .toSorted(),
    );
    for (const change of Object.values(changes)) expect(driftOf(was, incident(1, change))).toHaveLength(1);
    const noted = { ...was, notes: '1 PNOTE' };
    expect(driftOf(noted, incident(1), { notes: [{ id: 'PNOTE' }] })).toEqual([]);
    expect(driftOf(noted, incident(1), { notes: [{ id: 'POTHER' }, { id: 'PNOTE' }] })).toEqual([
      'somebody has noted something on it',
    ]);
    const duplicate = { ...was, kept: keptOf(incident(7)) };
    expect(driftOf(duplicate, incident(1), { kept: incident(7, { status: 'acknowledged' }) })).toEqual([]);
    for (const now of [
      undefined,
      incident(7, { status: 'resolved' }),
      incident(7, { title: 'Else' }),
      incident(7, { service: null }),
    ])
      expect(driftOf(duplicate, incident(1), { kept: now })).toEqual([
        expect.stringMatching(/^#7, which is kept in its stead, is /),
      ]);
    const long = seenOf(incident(1, { title: `${'x'.repeat(300)}y` }));
    expect(driftOf(long, incident(1, { title: `${'x'.repeat(300)}z` }))).toHaveLength(1);
  });

  test('is also whom handing it back pages, where the plan knew that', () => {
    const onCall = (level: number, id: string, summary: string | null = null) => ({
      escalation_level: level,
      user: { id, summary },
    });
    const [ada, ben] = [onCall(1, 'PADA', 'Ada'), onCall(1, 'PBEN', 'Ben')];
    const was = { ...seenOf(incident(1)), pages: pagedIn([ada, ada, onCall(2, 'PFAY', 'Fay')]) };
    expect(was.pages).toEqual([{ id: 'PADA', name: 'Ada' }]);
    expect(pagedIn([ben, ada])).toEqual(pagedIn([ada, ben]));
    // A level with nobody is passed over.
    expect(pagedIn([onCall(3, 'PADA'), onCall(2, 'PFAY')])).toEqual([{ id: 'PFAY', name: 'PFAY' }]);
    expect(pagedIn([])).toEqual([]);
    const drift = (...onCalls: Parameters<typeof pagedIn>[0][number][]) =>
      driftOf(was, incident(1), { onCalls });
    expect(drift(onCall(1, 'PADA', 'Ada Adler'), onCall(2, 'PGUS'))).toEqual([]);
    const says = (who: string) => [`handing it back would page ${who} now, and the plan says Ada`];
    expect(drift(ben)).toEqual(says('Ben'));
    expect(drift(ada, ben)).toEqual(says('Ada and Ben'));
    expect(drift()).toEqual(says('nobody'));
    expect(driftOf(seenOf(incident(1)), incident(1), { onCalls: [ben] })).toEqual([]);
  });
});

describe('the plan of duplicates', () => {
  const plan = (count: number, more: (number: number) => Partial<OpenIncident> = () => ({})) => {
    const incidents = Array.from({ length: count }, (_, index) => incident(index + 1, more(index + 1)));
    const keys = new Map(incidents.map(({ id }) => [id, 'one']));
    return duplicatesIn({ incidents, ourUsers: ['PBOT'], complete: true }, keys, new Map());
  };

  test('closes in batches of a hundred, never more than 250, each incident once with one note before it', () => {
    const { writes, left = [] } = plan(300);
    const bulk = writes.filter(({ operation }) => operation === 'updateIncidents');
    expect(bulk.map(({ seen: { length } }) => length)).toEqual([100, 100, 50]);
    const noted = writes
      .filter(({ operation }) => operation === 'createIncidentNote')
      .flatMap(({ seen: all }) => all);
    expect(noted).toEqual(bulk.flatMap(({ seen: all }) => all));
    expect(new Set(noted.map(({ id }) => id)).size).toBe(250);
    expect(noted.map(({ id }) => id)).not.toContain('P1');
    expect(left).toHaveLength(49);
    expect(new Set(writes.map(({ step }) => step)).size).toBe(writes.length);
  });

  test.each([
    [6, {}, []],
    [7, {}, ['it closes 6 incidents']],
    [2, { urgency: 'high' }, ['1 of them are of high urgency']],
    [2, { acknowledgements: [{ acknowledger: { id: 'PADA' } }] }, ['people have acknowledged 1 of them']],
    [2, { acknowledgements: [{ acknowledger: { id: 'PBOT' } }] }, []],
  ] as const)('of %i incidents that are %j asks for a word because %j', (count, more, guards) => {
    expect(plan(count, () => more as Partial<OpenIncident>).guards).toEqual(guards);
  });
});
