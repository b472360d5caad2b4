import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RunResult } from '../../workflows/contract.ts';
import { expectRefused, runRaw } from '../support/attacks.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';

/** An incident of checkout, and what the order `night` starts for it. */
let stage: Stage;
let incident: string;
let input: object;
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder(), 'look-bot': 'incidents: read' } });
  stage.editConfig(
    (text) => `${text}
standing:
  night:
    { on: incident.triggered, services: [PCHECKOUT], workflow: triageIncident, agent: triage-bot, input: { reason: at night } }
  ledger: { on: incident.triggered, services: [PLEDGER], workflow: triageIncident, agent: triage-bot }
  after: { on: incident.resolved, workflow: triageIncident, agent: triage-bot }
  notes: { on: incident.triggered, workflow: addNote, agent: look-bot, input: { note: Seen. } }
`,
  );
  await stage.startWorker();
});
afterAll(() => stage.close());
beforeEach(async () => {
  incident = await stage.trigger();
  input = { reason: 'at night', account: 'main', incident, standing: 'night' };
});

/** Starts a run without any statement, as the receiver does and as anybody can. */
const start = (id: string, args: object, type = 'triageIncident'): Promise<RunResult> =>
  runRaw(stage, id, [args], undefined, { type });

test('a run that an order starts acts as the order’s agent, and the audit says so', async () => {
  const run = `triage:main:${incident}`;
  const result = await start(run, { ...input, event: `01A${incident}` });
  expect(result).toMatchObject({ outcome: 'done' });
  const entries = (await stage.audit({ run })).filter(({ kind }) => kind === 'entry');
  expect(entries.length).toBeGreaterThan(4);
  for (const entry of entries) {
    expect(entry).toMatchObject({ agent: 'triage-bot', via: 'standing order night', decision: 'allowed' });
    expect(entry.sentence).toMatch(/^triage-bot via standing order night may /);
  }
  // Which service the incident is of was read once, for the first decision, and is listed there. Who is who may be asked anew.
  const read = entries.flatMap(({ reads }) => reads).map(({ operation }) => operation);
  expect(read.filter((operation) => operation !== 'listUsers')).toEqual(['getIncident']);
});

describe('who says that an order started it gets nothing', () => {
  const why = (reason: string) => ({ agent: 'nobody', reason: new RegExp(`: the standing order ${reason}`) });

  test('where there is no such order', () =>
    expectRefused(stage, () => start(`triage:main:${incident}`, { ...input, standing: 'dawn' }), {
      agent: 'nobody',
      reason: /: the configuration has no standing order dawn\.$/,
    }));

  test('that the order does not start', () =>
    expectRefused(
      stage,
      () => start(`resolve:main:${incident}`, input, 'resolveIncident'),
      why('night starts triageIncident and not resolveIncident'),
    ));

  test('with other input than the order gives', () =>
    expectRefused(
      stage,
      () => start(`triage:main:${incident}`, { ...input, reason: 'because' }),
      why('night was given other input than the configuration says'),
    ));

  test('with more input than the order gives', () =>
    expectRefused(
      stage,
      () => start(`triage:main:${incident}`, { ...input, approvalSeconds: 86_400 }),
      why('night was given other input than the configuration says'),
    ));

  test('under another id than the order’s, of which there could be any number', () =>
    expectRefused(
      stage,
      () => start(`triage:main:${incident}:2`, input),
      why('night starts no run of the id triage:'),
    ));

  test('by way of `bringEvents`, which anybody can start: the run is judged for itself', async () => {
    const id = `triage:main:${incident}`;
    const forged = { ...input, reason: 'because' };
    const bring = async (): Promise<RunResult> => {
      const start = { workflow: 'triageIncident', workflowId: id, agent: 'triage-bot', input: forged };
      const event = { event: '01Z', type: 'incident.triggered', occurredAt: new Date().toISOString() };
      const events = [{ event, starts: [start], wakes: [] }];
      await runRaw(stage, `events:${incident}`, [{ events }], undefined, { type: 'bringEvents' });
      return stage.client.workflow.getHandle(id).result();
    };
    await expectRefused(stage, bring, why('night was given other input than the configuration says'));
  });

  test('for an event that has started another run already', async () => {
    const [event, other] = [`01B${incident}`, await stage.trigger()];
    const resolved = { account: 'main', standing: 'after', event };
    await start(`triage:main:${incident}`, { ...resolved, incident });
    await expectRefused(stage, () => start(`triage:main:${other}`, { ...resolved, incident: other }), {
      agent: 'nobody',
      reason: /: the standing order after has started another run for the event 01B\w+ already\.$/,
    });
  });

  test('for an incident of whose opening it was told before, by whatever event', async () => {
    await start(`triage:main:${incident}`, { ...input, event: `01C${incident}` });
    await expectRefused(
      stage,
      () => start(`triage:main:${incident}`, { ...input, event: `01D${incident}` }),
      {
        agent: 'nobody',
        reason: /: the standing order night has started another run for the incident \w+ already\.$/,
      },
    );
    await expectRefused(stage, () => start(`triage:main:${incident}`, input), {
      agent: 'nobody',
      reason: /: the standing order night has started another run for the incident \w+ already\.$/,
    });
  });

  test('for an incident of another service, as PagerDuty says', async () => {
    const result = await start(`triage:main:${incident}`, {
      account: 'main',
      incident,
      standing: 'ledger',
    });
    expect(result).toMatchObject({ outcome: 'denied' });
    const [denied] = (await stage.audit({ run: `triage:main:${incident}` })).filter(
      ({ kind }) => kind === 'entry',
    );
    expect(denied).toMatchObject({ agent: 'triage-bot', decision: 'denied', rule: 'standing.ledger' });
    expect(denied?.sentence).toMatch(
      /: the standing order ledger covers services PLEDGER, and its incident is of service PCHECKOUT\.$/,
    );
  });

  test('more than the agent may do', async () => {
    const note = { note: 'Seen.', account: 'main', incident, standing: 'notes' };
    const result = await start(`note:main:${incident}:notes`, note, 'addNote');
    expect(result).toMatchObject({ outcome: 'denied' });
    expect(result.summary).toMatch(/^look-bot via standing order notes may not add a note/);
  });
});

test('two orders on the same event each act once', async () => {
  const event = `01C${incident}`;
  const note = { note: 'Seen.', account: 'main', incident, standing: 'notes', event };
  expect(await start(`triage:main:${incident}`, { ...input, event })).toMatchObject({ outcome: 'done' });
  const noted = await start(`note:main:${incident}:notes`, note, 'addNote');
  // The gate knows whose run it is; what look-bot misses is the grant.
  expect(noted.summary).toMatch(/^look-bot via standing order notes may not add a note/);
});

test('an order that was taken out of the configuration stops its runs at the next call', async () => {
  const run = `triage:main:${incident}`;
  const before = stage.configText();
  stage.editConfig((text) => text.replace('  night:', '  other:'));
  try {
    expect(await start(run, input)).toMatchObject({ outcome: 'denied' });
  } finally {
    stage.editConfig(() => before);
  }
});
