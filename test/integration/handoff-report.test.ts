import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onCallAt } from '../../simulator/on-call.ts';
import type { HandoffInput } from '../../workflows/reports.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { struckSince } from '../support/struck.ts';
import { approveIn, refuseIn } from '../support/words.ts';

const account = 'main';
let stage: Stage;
const reads = `incidents: read
services: read
schedules: read
escalation_policies: read
oncalls: read`;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'look-bot': reads,
      'note-bot': `${reads}
incidents.add_note: { level: full, approval: required }`,
      'tell-bot': `${reads}\nincidents.add_note: full`,
      'half-bot': reads.replace('schedules: read\n', ''),
      'no-bot': 'users: read',
    },
    operators: { lead: '' },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

const handOff = (agent: string, input: Omit<HandoffInput, 'account'>) =>
  stage.run(agent, 'handoffReport', { account, ...input });
const { now } = Date;

describe('a handoff report', () => {
  test('tells what is open, how the shift went, who is on call now and next, and which overrides come', async () => {
    const { world } = stage.simulator;
    const first = await stage.trigger({ summary: 'Card [payments](http://evil.example) `fail`' });
    const second = await stage.trigger({ summary: 'Refunds are slow', severity: 'warning' });
    await stage.asPerson('PUT', `/incidents/${second}`, {
      incident: { type: 'incident_reference', status: 'acknowledged' },
    });
    await stage.asPerson('POST', `/incidents/${second}/notes`, {
      note: { content: 'Waiting for the bank.' },
    });
    const result = await handOff('look-bot', { policies: ['PPAYMENTSONCALL', 'PDATAONCALL'], hours: 24 });
    expect(result).toMatchObject({ outcome: 'done', missing: [], verified: true, changed: [] });

    const services = new Set(
      [...world.services.values()]
        .filter(({ policyId }) => ['PPAYMENTSONCALL', 'PDATAONCALL'].includes(policyId))
        .map(({ id }) => id),
    );
    const open = [...world.incidents.values()].filter(
      ({ status, serviceId }) => status !== 'resolved' && services.has(serviceId),
    );
    expect(result.open.map(({ id }) => id).toSorted()).toEqual(open.map(({ id }) => id).toSorted());
    expect(result.open.find(({ id }) => id === second)).toMatchObject({
      status: 'acknowledged',
      owners: ['Ada Adler'],
      lastNote: 'Ada Adler: Waiting for the bank.',
      nextStep: 'ask Ada Adler, who has acknowledged it',
    });
    expect(result.open.find(({ id }) => id === first)?.nextStep).toMatch(
      /^nobody has acknowledged it for \d+ s; it is with /,
    );
    expect(result.shift?.incidents).toBe(
      [...world.incidents.values()].filter(
        ({ createdAt, serviceId }) => createdAt > now() - 24 * 3_600_000 && services.has(serviceId),
      ).length,
    );

    const policy = world.policies.get('PDATAONCALL');
    for (const [index, rule] of (policy?.rules ?? []).entries()) {
      const told = result.onCall.find(
        ({ policy: name, level }) => name === 'Data on-call' && level === index + 1,
      );
      const names = (at: number): readonly string[] =>
        onCallAt(rule, world.schedules, at).map((id) => world.users.get(id)?.name ?? id);
      expect(told?.now.toSorted()).toEqual(names(now()).toSorted());
      const at = Date.parse(told?.until ?? '');
      expect(told?.next.toSorted()).toEqual(names(at).toSorted());
      expect(told?.next.toSorted()).not.toEqual(names(at - 1).toSorted());
    }
    expect(result.overrides).toMatchObject([{ schedule: 'Data rota', person: 'Jun Park' }]);
    const [override] = world.schedules.get('PDATAROTA')?.overrides ?? [];
    expect(Date.parse(result.overrides[0]?.start ?? '')).toBe(
      Math.floor((override?.start ?? 0) / 1000) * 1000,
    );

    // On one screen, and PagerDuty's words are letters in it.
    expect(result.report.split('\n').length).toBeLessThanOrEqual(50);
    expect(result.report).toContain('\\[payments\\]');
    expect(result.report).not.toMatch(/[^\\]\]\(/);
  });

  test('names a section that could not be read, and tells the others', async () => {
    await stage.fault({ operation: 'listIncidentNotes', kind: 'status', status: 404 });
    const result = await handOff('half-bot', { policies: ['PPAYMENTSONCALL'] });
    await stage.clearFaults();
    expect(result.outcome).toBe('partly');
    expect(result.missing.some((what) => what.startsWith('overrides of Payments rota: half-bot '))).toBe(
      true,
    );
    expect(result.missing.some((what) => /^notes of #\d+: /.test(what))).toBe(true);
    expect(result.report).toContain('**Could not be read**');
    expect(result.onCall).not.toEqual([]);
  });

  test.each([
    {
      what: 'what is open and how the shift went',
      operation: 'listIncidents',
      missing: [/^open incidents: /, /^incidents of the shift: /],
      lacks: { open: [], shift: null },
    },
    {
      what: 'who is on call, and so which overrides come,',
      operation: 'listOnCalls',
      missing: [/^who is on call for Payments on-call: /, /^overrides of the schedules of PPAYMENTSONCALL: /],
      lacks: { onCall: [], overrides: [] },
    },
  ] as const)('names $what where that does not come, and tells the rest', async (row) => {
    await stage.trigger({ summary: 'Cards fail' });
    const whole = await handOff('look-bot', { services: ['PCHECKOUT'] });
    const told = ({ open, shift, onCall, overrides }: typeof whole) => ({
      // As old as it is by now.
      open: open.map(({ nextStep: _step, ...one }) => one),
      shift,
      onCall,
      overrides,
    });
    await stage.fault({ operation: row.operation, kind: 'status', status: 404 });
    const result = await handOff('look-bot', { services: ['PCHECKOUT'] });
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'partly', verified: false });
    expect(result.missing).toEqual(row.missing.map((words) => expect.stringMatching(words)));
    for (const missing of result.missing) expect(result.report).toContain(missing.split(':')[0]);
    expect(told(result)).toEqual({ ...told(whole), ...row.lacks });
  });

  test('says of a shift-based schedule that its overrides are not to be read', async () => {
    const result = await handOff('look-bot', { policies: ['PSUPPORTONCALL'] });
    expect(result.outcome).toBe('partly');
    expect(result.missing).toEqual([expect.stringMatching(/^overrides of Support shifts: .*shift-based/)]);
    expect(result.report).toContain('Look at Support shifts in PagerDuty');
    expect(result.onCall[0]?.now).toHaveLength(1);
  });

  test('is denied where its agent may read nothing of it', async () => {
    const result = await handOff('no-bot', { teams: ['PPAYMENTS'] });
    expect(result).toMatchObject({ outcome: 'denied', open: [], shift: null, onCall: [] });
    expect(result.missing.length).toBeGreaterThan(1);
  });

  test('is none the worse for a lost answer', async () => {
    await stage.fault({ operation: 'listIncidents', kind: 'drop_response', times: 1 });
    const result = await handOff('look-bot', { services: ['PCHECKOUT'] });
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'done', missing: [] });
  });

  test('stands as one note although its answer was lost, and is told without where notes are denied', async () => {
    const incident = await stage.trigger({ summary: 'Handoff of tomorrow' });
    const input = { services: ['PCHECKOUT'], noteOn: incident };
    const denied = await handOff('look-bot', input);
    expect(denied).toMatchObject({
      outcome: 'denied',
      changed: [],
      notChanged: [
        { what: `note on ${incident}`, why: expect.stringMatching(/^look-bot may not add a note/) },
      ],
    });
    expect(denied.open.map(({ id }) => id)).toContain(incident);
    expect(stage.simulator.world.notes(incident)).toEqual([]);
    const before = (await stage.requests()).length;
    await stage.fault({ operation: 'createIncidentNote', kind: 'drop_response', times: 1 });
    const noted = await handOff('tell-bot', input);
    await stage.clearFaults();
    expect(noted).toMatchObject({ outcome: 'done', verified: true, missing: [] });
    expect(await struckSince(stage, before)).toEqual(['createIncidentNote drop_response']);
    expect(stage.simulator.world.notes(incident)).toEqual([expect.stringContaining(noted.report)]);
  });

  test('stands as a note where an operator allows it, and is told without where one does not', async () => {
    const incident = await stage.trigger({ summary: 'Handoff of today' });
    for (const [word, outcome, notes] of [
      ['deny', 'approval_refused', 0],
      ['approve', 'done', 1],
    ] as const) {
      const run = await stage.start(
        'note-bot',
        'handoffReport',
        { account, policies: ['PPAYMENTSONCALL'], noteOn: incident },
        word,
      );
      await (word === 'approve' ? approveIn(stage, run) : refuseIn(stage, run, 'not now'));
      const result = await run.result();
      expect(result).toMatchObject({ outcome, missing: [] });
      expect(result.open.length).toBeGreaterThan(0);
      expect(stage.simulator.world.notes(incident)).toHaveLength(notes);
    }
    expect(stage.simulator.world.notes(incident)[0]).toContain('## Handoff');
  });
});
