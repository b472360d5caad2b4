import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leasesOf } from '../../gate/leases.ts';
import { onCallAt } from '../../simulator/on-call.ts';
import { forApproval, searchAttributes, sweepsOf, waitingQuery } from '../../workflows/contract.ts';
import type { HandoffInput } from '../../workflows/reports.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { struckSince } from '../support/struck.ts';
import { until } from '../support/until.ts';
import { approveIn, refuseIn, theStepOf } from '../support/words.ts';

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
      'checkout-bot': reads.replace(
        'incidents: read',
        'incidents: { level: read, when: { services: [PCHECKOUT] } }',
      ),
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

  test('says that there may be more where its agent may see the incidents of some services alone', async () => {
    await stage.trigger({ summary: 'Cards fail' });
    const result = await handOff('checkout-bot', { teams: ['PPAYMENTS'] });
    expect(result.open.length).toBeGreaterThan(0);
    expect(result.outcome).toBe('partly');
    expect(result.missing).toEqual(
      expect.arrayContaining([expect.stringMatching(/^open incidents: those that the agent may not see$/)]),
    );
    expect(result.report).toContain('open incidents: those that the agent may not see');
  });

  test('is denied where its agent may read nothing of it', async () => {
    const result = await handOff('no-bot', { teams: ['PPAYMENTS'] });
    const own = { leases: null, approvals: null, schedules: null };
    expect(result).toMatchObject({ outcome: 'denied', open: [], shift: null, onCall: [], own });
    expect(result.missing.length).toBeGreaterThan(1);
    const [why] = result.missing.filter((what) => what.startsWith('what oncall-runner holds'));
    expect(why).toMatch(/^what oncall-runner holds and waits for: no-bot may not list incidents/);
    expect(result.report).toContain('**Held by oncall-runner**\n- not read');
    const denials = await stage.audit({ decision: 'denied' });
    expect(denials.filter(({ operation }) => operation === 'readOwnState')).toHaveLength(1);
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

describe('what oncall-runner holds and waits for', () => {
  let own: Stage;
  beforeAll(async () => {
    own = await setStage({
      agents: {
        'look-bot': reads,
        'hold-bot': responder().replace(
          'incidents.resolve: full',
          'incidents.resolve: { level: full, approval: required }',
        ),
      },
      operators: { lead: '' },
    });
    await own.startWorker();
  });
  afterAll(() => own.close());

  const tell = (service = 'PCHECKOUT') =>
    own.run('look-bot', 'handoffReport', { account, services: [service] });
  const schedule = (id: string) => own.client.schedule.getHandle(id);
  const sectionIn = (report: string): readonly string[] =>
    report.split('**Held by oncall-runner**\n')[1]?.split('\n\n')[0]?.split('\n') ?? [];

  test('is told as nothing where it is nothing', async () => {
    const sweeps = sweepsOf(account).map(({ scheduleId }) => schedule(scheduleId));
    for (const sweep of sweeps) await sweep.unpause();
    const result = await tell();
    for (const sweep of sweeps) await sweep.pause('a test sweeps by hand');
    expect(result).toMatchObject({
      outcome: 'done',
      missing: [],
      own: { leases: [], approvals: [], schedules: [] },
    });
    expect(sectionIn(result.report)).toEqual(['- nothing, and nothing is paused']);
    expect(result.report).not.toContain('oncall approvals');
    const asked = await own.audit({ decision: 'asked' });
    expect(asked.map(({ kind, operation, agent }) => ({ kind, operation, agent }))).toEqual([
      { kind: 'question', operation: 'readOwnState', agent: 'look-bot' },
    ]);
  });

  test('is told: a lease, an approval that waits, a sweep and a standing order that are paused, one that has no Schedule', async () => {
    const held = await own.trigger({ summary: 'Cards [fail](http://evil.example)' });
    const holds = await own.start('hold-bot', 'respondToIncident', {
      account,
      incident: held,
      assess: 'rules',
    });
    await until('it is held and noted', () => own.simulator.world.notes(held).length === 1);
    const asked = await own.trigger({ summary: 'Refunds `fail`' });
    const asks = await own.start('hold-bot', 'resolveIncident', { account, incident: asked });
    const { id } = await theStepOf(own, asks);
    const numberOf = (incident: string) => own.simulator.world.incident(incident)?.number;
    await schedule('sweep-incidents:main').pause('the vendor moves [its](http://evil.example) database');
    const orders = ['rest', 'dawn'].map(
      (name) => `  ${name}: { cron: "0 6 * * *", zone: UTC, workflow: handoffReport, agent: look-bot }\n`,
    );
    own.editConfig((text) => `${text}\nstanding:\n${orders.join('')}`);
    await own.client.schedule.create({
      scheduleId: 'standing:main:rest',
      spec: { calendars: [{ hour: 6 }] },
      action: { type: 'startWorkflow', workflowType: 'handoffReport', taskQueue: 'oncall', args: [] },
      state: { paused: true },
    });
    const result = await tell();
    const [lease] = await leasesOf(own.store, account);
    expect(result).toMatchObject({ outcome: 'done', verified: true, missing: [] });
    expect(result.own).toEqual({
      leases: [
        {
          incident: held,
          number: numberOf(held),
          title: 'Cards [fail](http://evil.example)',
          agent: 'hold-bot',
          run: holds.workflowId,
          until: new Date(lease?.expires_at ?? 0).toISOString(),
        },
      ],
      approvals: [
        {
          id,
          incident: asked,
          number: numberOf(asked),
          title: 'Refunds `fail`',
          agent: 'hold-bot',
          run: asks.workflowId,
          step: `Resolve ${asked}`,
          since: expect.any(String),
          until: expect.any(String),
        },
      ],
      schedules: [
        {
          scheduleId: 'sweep:main',
          state: 'paused',
          note: 'a test sweeps by hand',
          without: expect.any(String),
        },
        {
          scheduleId: 'sweep-incidents:main',
          state: 'paused',
          note: 'the vendor moves [its](http://evil.example) database',
          without: 'what no webhook tells is not found',
        },
        {
          scheduleId: 'standing:main:rest',
          state: 'paused',
          note: null,
          without: 'the standing order rest starts nothing',
        },
        {
          scheduleId: 'standing:main:dawn',
          state: 'missing',
          note: null,
          without: 'the standing order dawn starts nothing',
        },
      ],
    });
    expect(sectionIn(result.report)).toEqual([
      '- The Schedule sweep:main is paused (a test sweeps by hand): what nobody holds any more is not given back',
      '- The Schedule sweep-incidents:main is paused (the vendor moves \\[its\\](http://evil.example) database): what no webhook tells is not found',
      '- The Schedule standing:main:rest is paused (no note was left): the standing order rest starts nothing',
      '- There is no Schedule standing:main:dawn: the standing order dawn starts nothing',
      expect.stringMatching(
        new RegExp(
          `^- ${id}: hold-bot has waited \\d+ s for an operator in ${asks.workflowId}: Resolve ${asked}, #${numberOf(asked)} Refunds \\\\\`fail\\\\\`$`,
        ),
      ),
      expect.stringMatching(
        new RegExp(`^- #${numberOf(held)} until .* UTC by hold-bot in ${holds.workflowId}: Cards `),
      ),
    ]);
    expect(result.report).toContain(
      '**Asked of you**\n- Approve or refuse 1 step: `oncall approvals` shows what waits for an operator.',
    );
    expect(result.report.split('\n').length).toBeLessThanOrEqual(50);

    // Of what the report does not cover the id alone, and what does not fit is counted.
    own.editConfig((text) => text.replace('  dawn:', `${orders[0]?.replace('rest', 'noon')}  dawn:`));
    const other = await tell('PSEARCH');
    expect(other.own.leases).toMatchObject([{ incident: held, number: null, title: null }]);
    expect(other.own.approvals).toMatchObject([{ incident: asked, number: null, title: null }]);
    expect(other.report).not.toMatch(/Cards|Refunds/);
    expect(sectionIn(other.report)).toHaveLength(7);
    expect(sectionIn(other.report).at(-1)).toBe('- … and 1 more');
  });

  test('is no lease of a run that is over', async () => {
    const incident = await own.trigger({ summary: 'Vouchers fail' });
    const run = await own.start('hold-bot', 'respondToIncident', { account, incident, assess: 'rules' });
    await until('it is held and noted', () => own.simulator.world.notes(incident).length === 1);
    const heldIn = async () => (await tell()).own.leases?.map((lease) => lease.incident);
    expect(await heldIn()).toContain(incident);
    await own.client.workflow.getHandle(run.workflowId).terminate('from outside');
    expect((await leasesOf(own.store, account)).map((lease) => lease.incident)).toContain(incident);
    expect(await heldIn()).not.toContain(incident);
  });

  test('is named where the store does not give it, and the rest is told', async () => {
    await sql`alter table leases rename to leases_away`.execute(own.store);
    const result = await tell();
    await sql`alter table leases_away rename to leases`.execute(own.store);
    expect(result).toMatchObject({ outcome: 'partly', verified: false, own: { leases: null } });
    expect(result.missing).toEqual([expect.stringMatching(/^leases: The audit store cannot be used: /)]);
    expect(result.report).toContain('**Could not be read**\n- leases: ');
    expect(result.own.schedules?.length).toBeGreaterThan(0);
    expect(result.open.length).toBeGreaterThan(0);
  });

  test('is named where a run does not say what waits in it', async () => {
    const silent = await own.client.workflow.start('respondToIncident', {
      workflowId: 'respond:main:silent',
      taskQueue: 'nobody-there',
      args: [],
      typedSearchAttributes: [
        { key: searchAttributes.account, value: account },
        { key: searchAttributes.waitingFor, value: forApproval },
      ],
    });
    await until('it is listed', async () => {
      for await (const { workflowId } of own.client.workflow.list({ query: waitingQuery(account) }))
        if (workflowId === silent.workflowId) return true;
      return false;
    });
    const result = await tell();
    await silent.terminate('from outside');
    expect(result).toMatchObject({
      outcome: 'partly',
      missing: ['what waits in respond:main:silent: no answer came in time'],
    });
  });
});
