import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Run } from '../../client/agent.ts';
import { lastSweep } from '../../gate/sweeps.ts';
import { press } from '../../gate/switches.ts';
import { openIncident } from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import { known } from '../../simulator/world.ts';
import { taskQueues } from '../../workflows/contract.ts';
import { startRaw } from '../support/attacks.ts';
import { responder } from '../support/grants.ts';
import { liftAll } from '../support/lift-all.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { knownTo, sweepIncidents, untilListed } from '../support/sweeps.ts';
import { until } from '../support/until.ts';

const account = 'main';
let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: { 'triage-bot': responder(), 'note-bot': 'incidents: read\nincidents.add_note: full' },
    operators: { lead: '' },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

type Response = Run<'respondToIncident'>;

/** A run that waits for its client's finding and hears of everything meanwhile; no webhook is ever delivered here. */
async function following(): Promise<{ readonly incident: string; readonly run: Response }> {
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', {
    account,
    incident,
    assess: 'client',
    presenceSeconds: 3_600,
  });
  await until('it follows', () => knownTo(stage.client, run.workflowId));
  await untilListed(stage.client, run.workflowId);
  return { incident, run };
}

const sweep = () => sweepIncidents(stage.client);
const put = (incident: string, change: object): Promise<unknown> =>
  stage.asPerson('PUT', `/incidents/${incident}`, { incident: { type: 'incident_reference', ...change } });
const note = (incident: string, content: string): Promise<unknown> =>
  stage.asPerson('POST', `/incidents/${incident}/notes`, { note: { content } });
const toEva = { assignments: [{ assignee: { id: 'PEVA', type: 'user_reference' } }] };

/** Ids of the events by which a run was woken. */
async function wakesOf({ workflowId }: Response): Promise<readonly string[]> {
  const { events } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => {
    const [payload] = signal?.input?.payloads ?? [];
    if (!payload?.data) return [];
    return [(JSON.parse(Buffer.from(payload.data).toString('utf8')) as { event: string }).event];
  });
}

/** How often a run has read its incident anew; tries of the same reading count once. */
const looksOf = async ({ workflowId }: Response): Promise<number> => {
  const steps = (await stage.audit({ run: workflowId })).map(({ step }) => step);
  return new Set(steps.filter((step) => step.startsWith('Look again'))).size;
};

const untilReadInVain = ({ workflowId }: Response): Promise<true> =>
  until('it has read in vain', async () => {
    const { currentDetails } = await stage.client.workflow
      .getHandle(workflowId)
      .query<{ currentDetails: string }>('__temporal_workflow_metadata');
    return currentDetails.includes('What happened to it could not be read');
  });

describe('what no webhook told', () => {
  test.each<[string, (incident: string) => Promise<unknown>, RegExp]>([
    [
      'an acknowledge',
      (incident) => put(incident, { status: 'acknowledged' }),
      /Ada \w+ has acknowledged it/,
    ],
    ['a reassignment', (incident) => put(incident, toEva), /Ada \w+ has reassigned it/],
    ['a resolve', (incident) => put(incident, { status: 'resolved' }), /Ada \w+ has resolved it/],
    ['an escalation', (incident) => put(incident, { escalation_level: 2 }), /Ada \w+ has escalated it/],
    ['an answer by note', (incident) => note(incident, 'stop'), /Ada \w+ wrote “stop”/],
  ])('%s: the run learns it by the next sweep, and from the log who did it', async (_what, act, words) => {
    const { incident, run } = await following();
    await act(incident);
    const swept = await sweep();
    expect(swept.woken).toContain(run.workflowId);
    expect(await run.result()).toMatchObject({
      outcome: 'yielded_to_human',
      summary: expect.stringMatching(words),
    });
    expect(await wakesOf(run)).toHaveLength(1);
    expect((await sweep()).woken).not.toContain(run.workflowId);
  });

  test('a plain note: the run reads it once and goes on', async () => {
    const { incident, run } = await following();
    await note(incident, 'We think it is the cache.');
    expect((await sweep()).woken).toEqual([run.workflowId]);
    await until('it is read', async () =>
      (await knownTo(stage.client, run.workflowId))?.notes?.startsWith('1 '),
    );
    await untilListed(stage.client, run.workflowId);
    const after = await sweep();
    expect(after).toMatchObject({ woken: [], left: [], notesUntil: after.completeUntil });
    expect(await looksOf(run)).toBe(1);
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('takeOver');
    await run.result();
  });

  test('the end of a lease that nobody saw is told like everything else, and a run that has left is left alone', async () => {
    const incident = await stage.trigger();
    const run = await stage.start('triage-bot', 'acknowledgeIncident', { account, incident });
    await until('it is held', () => stage.simulator.world.incident(incident)?.status === 'acknowledged');
    await untilListed(stage.client, run.workflowId);
    expect((await sweep()).woken).toEqual([]);
    await put(incident, { status: 'triggered' });
    expect((await sweep()).woken).toEqual([run.workflowId]);
    expect(await run.result()).toMatchObject({ outcome: 'yielded_to_human' });
    expect(await knownTo(stage.client, run.workflowId)).toBeUndefined();
  });
});

describe('a difference', () => {
  test('that is none wakes nobody', async () => {
    const { run } = await following();
    for (let time = 0; time < 3; time += 1) expect((await sweep()).woken).toEqual([]);
    expect(await wakesOf(run)).toEqual([]);
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('takeOver');
    await run.result();
  });

  test('that stands while the run cannot read it is one wake', async () => {
    const { incident, run } = await following();
    await stage.fault({ operation: 'getIncident', kind: 'status', status: 503 });
    await put(incident, { status: 'acknowledged' });
    await sweep();
    await sweep();
    await stage.clearFaults();
    await run.result();
    const [first, second, ...more] = await wakesOf(run);
    expect(second).toBe(first);
    expect(more).toEqual([]);
    expect(await looksOf(run)).toBe(1);
  });

  test('that the run could not read at all is told it again', async () => {
    const { incident, run } = await following();
    await stage.fault({ operation: 'getIncident', kind: 'status', status: 404, times: 1 });
    await put(incident, { status: 'acknowledged' });
    expect((await sweep()).woken).toEqual([run.workflowId]);
    await untilReadInVain(run);
    expect((await sweep()).woken).toEqual([run.workflowId]);
    expect(await run.result()).toMatchObject({ outcome: 'yielded_to_human' });
  });

  test('that comes back is another one', async () => {
    const { incident, run } = await following();
    for (const urgency of ['low', 'high', 'low']) {
      await put(incident, { urgency });
      expect((await sweep()).woken).toEqual([run.workflowId]);
      await until('it knows', async () =>
        (await knownTo(stage.client, run.workflowId))?.state.includes(` ${urgency} `),
      );
      await untilListed(stage.client, run.workflowId);
    }
    expect(new Set(await wakesOf(run)).size).toBe(3);
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('takeOver');
    await run.result();
  });
});

describe('standing orders', () => {
  const order = (name: string, written: string): void =>
    stage.editConfig((text) =>
      text.includes('standing:')
        ? `${text}  ${name}: ${written}\n`
        : `${text}standing:\n  ${name}: ${written}\n`,
    );
  const resultOf = (workflowId: string) => stage.client.workflow.getHandle(workflowId).result();

  test('that were added start nothing for what was there before; what opens from then on they do not miss', async () => {
    const before = await stage.trigger();
    await sweep();
    order(
      'night',
      '{ on: incident.triggered, services: [PCHECKOUT], workflow: triageIncident, agent: triage-bot }',
    );
    const between = await stage.trigger();
    expect((await sweep()).started).toEqual([]);
    const missed = await stage.trigger();
    const swept = await sweep();
    expect(swept).toMatchObject({ started: [`triage:main:${missed}`], left: [] });
    expect(await resultOf(`triage:main:${missed}`)).toMatchObject({ outcome: 'done' });
    const entries = (await stage.audit({ run: `triage:main:${missed}` })).filter(
      ({ kind }) => kind === 'entry',
    );
    expect(entries.length).toBeGreaterThan(4);
    for (const entry of entries)
      expect(entry).toMatchObject({ agent: 'triage-bot', via: 'standing order night', decision: 'allowed' });
    expect((await sweep()).started).toEqual([]);
    for (const old of [before, between])
      await expect(stage.client.workflow.getHandle(`triage:main:${old}`).describe()).rejects.toThrow();
  });

  test('that an event has started already are not started again, nor by an event that comes late', async () => {
    const [told, missed] = [await stage.trigger(), await stage.trigger()];
    const input = (incident: string, event: string) => ({ account, incident, standing: 'night', event });
    const type = 'triageIncident';
    await startRaw(stage, `triage:main:${told}`, [input(told, '01TOLD')], undefined, { type });
    expect((await sweep()).started).toEqual([`triage:main:${missed}`]);
    await resultOf(`triage:main:${missed}`);
    const late = await startRaw(stage, `triage:main:${missed}`, [input(missed, '01LATE')], undefined, {
      type,
    });
    expect(await late.result()).toMatchObject({
      outcome: 'denied',
      summary: expect.stringContaining('the standing order night has started another run for the incident'),
    });
  });

  test('for other services start nothing, nor for an incident that is over', async () => {
    const { world } = stage.simulator;
    openIncident(world, {
      service: known(world.services, 'PLEDGER'),
      title: 'of another service',
      urgency: 'low',
      incidentKey: null,
      cause: byUser({ id: 'PADA' }),
    });
    await put(await stage.trigger(), { status: 'resolved' });
    expect((await sweep()).started).toEqual([]);
  });

  test('on other events start what the log tells, once for each, also where all happens in one second', async () => {
    order(
      'taken',
      '{ on: incident.acknowledged, services: [PCHECKOUT], workflow: addNote, agent: note-bot, input: { note: Taken. } }',
    );
    order(
      'handed',
      '{ on: incident.reassigned, services: [PCHECKOUT], workflow: addNote, agent: note-bot, input: { note: Handed. } }',
    );
    order(
      'climbed',
      '{ on: incident.escalated, services: [PCHECKOUT], workflow: addNote, agent: note-bot, input: { note: Climbed. } }',
    );
    order(
      'over',
      '{ on: incident.resolved, services: [PCHECKOUT], workflow: addNote, agent: note-bot, input: { note: Over. } }',
    );
    order(
      'again',
      '{ on: incident.reopened, services: [PCHECKOUT], workflow: addNote, agent: note-bot, input: { note: Again. } }',
    );
    const { clock } = stage.simulator.world;
    const incident = await stage.trigger();
    await sweep();
    // Set back, PagerDuty's clock stands still: its log says the same second of everything, and no run begins before it.
    const began = clock.now;
    clock.moveTo(began - 3_600_000);
    const notesOf = async (change: object): Promise<readonly string[]> => {
      const before = stage.simulator.world.notes(incident).length;
      await put(incident, change);
      const { started, left } = await sweep();
      expect(left).toEqual([]);
      for (const run of started) await resultOf(run);
      expect((await sweep()).started).toEqual([]);
      return stage.simulator.world
        .notes(incident)
        .slice(before)
        .map((text) => text.split('\n')[0] ?? '');
    };
    expect(await notesOf({ status: 'acknowledged' })).toEqual(['Taken.']);
    expect(await notesOf(toEva)).toEqual(['Handed.']);
    expect(await notesOf({ escalation_level: 2 })).toEqual(['Climbed.']);
    expect(await notesOf({ urgency: 'low' })).toEqual([]);
    expect(await notesOf({ status: 'resolved' })).toEqual(['Over.']);
    expect(await notesOf({ status: 'acknowledged' })).toEqual(['Again.']);
    expect(await notesOf({ status: 'resolved' })).toEqual(['Over.']);
    expect(clock.now).toBe(began);
    clock.moveTo(Date.now());
  });

  test('start nothing while everything is frozen, which is said; runs are told all the same, on a queue that is not stopped', async () => {
    order(
      'calm',
      '{ on: incident.triggered, services: [PCHECKOUT], workflow: addNote, agent: note-bot, input: { note: Seen. } }',
    );
    await sweep();
    const { incident, run } = await following();
    expect((await sweep()).started).toContain(`note:main:${incident}:calm`);
    const limit = (requestsPerSecond: number) =>
      stage.client.workflowService.updateTaskQueueConfig({
        namespace: stage.namespace,
        taskQueue: taskQueues.rest(account),
        taskQueueType: 2,
        updateQueueRateLimit: { rateLimit: { requestsPerSecond }, reason: 'freeze' },
      });
    const missed = await stage.trigger();
    try {
      await limit(0);
      await press(stage.store, { kind: 'freeze', name: '', by_whom: 'lead', reason: 'drill' });
      await put(incident, { status: 'acknowledged' });
      const swept = await sweep();
      expect(swept).toMatchObject({ woken: [run.workflowId], started: [] });
      expect(swept.left).toContainEqual(
        expect.stringMatching(
          /^The standing order calm starts nothing: frozen since .* by lead \(drill\)\.$/,
        ),
      );
      await untilReadInVain(run);
    } finally {
      await liftAll(stage, 'freeze');
      await limit(100_000);
    }
    // A frozen run could not read what it was told. What opened meanwhile is people's.
    expect(await sweep()).toMatchObject({ woken: [run.workflowId], started: [], left: [] });
    expect(await run.result()).toMatchObject({ outcome: 'yielded_to_human' });
    expect(stage.simulator.world.notes(missed)).toEqual([]);
  });
});

describe('many incidents', () => {
  beforeAll(async () => {
    const { world } = stage.simulator;
    for (let index = 0; index < 230; index += 1)
      openIncident(world, {
        service: known(world.services, 'PSEARCH'),
        title: `search ${index}`,
        urgency: 'low',
        incidentKey: null,
        cause: byUser({ id: 'PADA' }),
      });
  });
  const open = (): number =>
    [...stage.simulator.world.incidents.values()].filter(({ status }) => status !== 'resolved').length;

  test('are read by the page, an Activity each, and the history stays small', async () => {
    const before = (await stage.requests()).length;
    const { run } = await following();
    const swept = await sweep();
    expect(swept).toMatchObject({ open: open(), woken: [] });
    expect(open()).toBeGreaterThan(230);
    const pages = (await stage.requests())
      .slice(before)
      .filter(({ operation, query }) => operation === 'listIncidents' && query['date_range']?.[0] === 'all');
    expect(pages.map(({ query }) => query['offset']?.[0])).toEqual(['0', '100', '200']);
    const sweeps = stage.client.workflow.list({ query: "WorkflowType = 'sweepIncidents'" });
    for await (const { workflowId } of sweeps) {
      const { events } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
      const bytes = JSON.stringify(events).length;
      expect(bytes).toBeLessThan(60_000);
    }
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('takeOver');
    await run.result();
  });

  test('of which a page does not come: the run fails, the watermark stays, and the next sweep tells what it missed', async () => {
    const { incident, run } = await following();
    const complete = await sweep();
    await put(incident, { status: 'acknowledged' });
    await stage.fault({ operation: 'listIncidents', kind: 'status', status: 403, after: 1, times: 1_000 });
    await expect(sweep()).rejects.toThrow(/Workflow execution failed/);
    const stays = await lastSweep(stage.store, account);
    expect(new Date(stays?.sweep ?? 0).toISOString()).toBe(complete.completeUntil);
    expect(await wakesOf(run)).toEqual([]);
    await stage.clearFaults();
    const mended = await sweep();
    expect(mended.woken).toEqual([run.workflowId]);
    expect(Date.parse(mended.completeUntil)).toBeGreaterThan(Date.parse(complete.completeUntil));
    await run.result();
  });
});

test('nobody but the runner sweeps: a run that says so is denied, and the watermark stays', async () => {
  const before = await lastSweep(stage.store, account);
  const { workflowId } = await stage.start('triage-bot', 'triageIncident', {
    account,
    incident: await stage.trigger(),
  });
  await stage.client.workflow.getHandle(workflowId).result();
  const alone = stage.client.activity.start('completeSweep', {
    id: 'alone',
    taskQueue: taskQueues.urgent(account),
    startToCloseTimeout: '10 seconds',
    args: [{ step: 'Complete', sweep: 9e15, orders: [], untold: [], notesRead: [], notesLeft: [] }],
  });
  expect(await (await alone).result()).toMatchObject({
    ok: false,
    kind: 'PermissionDenied',
    sentence: 'nobody may not sweep incidents: that is for runner alone.',
  });
  expect(await lastSweep(stage.store, account)).toEqual(before);
});
