import { afterEach, expect, test } from 'vitest';
import { approveStep } from '../../client/approvals.ts';
import { press } from '../../gate/switches.ts';
import { searchAttributes, sweepScheduleId } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { liftAll } from '../support/lift-all.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { theStepOf } from '../support/words.ts';

let stage: Stage;
afterEach(() => stage.close());

const account = 'main';
async function set(): Promise<string> {
  stage = await setStage({
    agents: {
      'triage-bot': responder(),
      'other-bot': responder(),
      'note-bot': 'incidents.add_note: { level: full, approval: required }',
    },
    operators: { lead: '' },
  });
  await stage.startWorker();
  return stage.trigger();
}
async function hold(incident: string, agent = 'triage-bot') {
  const run = await stage.start(agent, 'respondToIncident', { account, incident, assess: 'rules' });
  await until('the run holds the incident', async () => {
    const { typedSearchAttributes } = await stage.client.workflow.getHandle(run.workflowId).describe();
    return typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
  });
  return run;
}
const freeze = () => press(stage.store, { kind: 'freeze', name: '', by_whom: 'ada', reason: 'drill' });
const disable = (name: string) =>
  press(stage.store, { kind: 'disable', name, by_whom: 'ada', reason: 'it loops' });
const statusOf = (incident: string) => stage.simulator.world.incident(incident)?.status;

test('frozen, no call of any agent leaves and PagerDuty is not even read; thawed, the grants hold again', async () => {
  const incident = await set();
  await freeze();
  const before = (await stage.requests()).length;
  for (const agent of ['triage-bot', 'other-bot']) {
    const result = await stage.run(agent, 'resolveIncident', { account, incident });
    expect(result).toMatchObject({
      outcome: 'denied',
      summary: expect.stringMatching(/: everything is frozen since \S+Z by ada \(drill\)\.$/),
    });
  }
  expect(await stage.requests()).toHaveLength(before);
  expect((await stage.audit({ decision: 'denied' })).map(({ rule }) => rule)).toEqual(['freeze', 'freeze']);
  await liftAll(stage, 'freeze');
  expect(await stage.run('triage-bot', 'resolveIncident', { account, incident })).toMatchObject({
    outcome: 'done',
  });
  expect(statusOf(incident)).toBe('resolved');
});

test('frozen, what is held goes back to people by the next sweep, and the run that held it can do no more', async () => {
  const incident = await set();
  const run = await hold(incident);
  await freeze();
  await stage.sweep();
  expect(statusOf(incident)).toBe('triggered');
  await run.answer('conclude', { resolution: 'Rolled back.' });
  const result = await run.result();
  expect(result.outcome).not.toBe('done');
  expect(statusOf(incident)).toBe('triggered');
  const given = (await stage.audit()).filter(({ sentence }) => sentence.includes('gives incident'));
  expect(given).toHaveLength(1);
});

test('the sweep’s Schedule can be triggered, as `oncall freeze` does, so that nobody waits for the minute', async () => {
  const incident = await set();
  await hold(incident);
  await disable('triage-bot');
  await stage.client.schedule.getHandle(sweepScheduleId(account)).trigger();
  await until('people have it', () => statusOf(incident) === 'triggered');
});

test('a disabled agent loses what it holds and may nothing; another keeps what it holds', async () => {
  const mine = await set();
  const theirs = await stage.trigger();
  await hold(mine);
  await hold(theirs, 'other-bot');
  await disable('triage-bot');
  await stage.sweep();
  expect(statusOf(mine)).toBe('triggered');
  expect(statusOf(theirs)).toBe('acknowledged');
  expect(await stage.run('triage-bot', 'addNote', { account, incident: mine, note: 'Hi.' })).toMatchObject({
    outcome: 'denied',
    summary: expect.stringMatching(/: it is disabled since \S+Z by ada \(it loops\)\.$/),
  });
  await liftAll(stage, 'disable', 'triage-bot');
  expect(await stage.run('triage-bot', 'addNote', { account, incident: mine, note: 'Hi.' })).toMatchObject({
    outcome: 'done',
  });
});

test('an approval does not get a step past a freeze', async () => {
  const incident = await set();
  const run = await stage.start('note-bot', 'addNote', { account, incident, note: 'Hi.' });
  const step = await theStepOf(stage, run);
  await freeze();
  expect(await approveStep(stage.client, stage.operator('lead'), step)).toMatchObject({
    step: 'denied',
    sentence: expect.stringContaining('everything is frozen'),
  });
  expect(await run.result()).toMatchObject({ outcome: 'denied' });
  expect(stage.simulator.world.notes(incident)).toEqual([]);
});

test('a switch holds in a Worker that was started after it was pressed', async () => {
  const incident = await set();
  await disable('triage-bot');
  await stage.startWorker();
  const results = await Promise.all(
    [1, 2, 3, 4].map(() => stage.run('triage-bot', 'addNote', { account, incident, note: 'Hi.' })),
  );
  expect(results.map(({ outcome }) => outcome)).toEqual(['denied', 'denied', 'denied', 'denied']);
  expect(stage.simulator.world.notes(incident)).toEqual([]);
});
