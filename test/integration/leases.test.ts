import { afterEach, expect, test } from 'vitest';
import { leasesOf } from '../../gate/leases.ts';
import {
  releaseWorkflowId,
  searchAttributes,
  sweepScheduleId,
  taskQueues,
} from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { type Stage, type StageOptions, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage;
afterEach(() => stage.close());

const subject = { account: 'main', assess: 'rules' } as const;

/** A stage on which triage-bot holds an incident for `lease`. */
async function held(lease: string, options: Partial<StageOptions> = {}) {
  stage = await setStage({
    agents: { 'triage-bot': responder(lease), 'other-bot': 'incidents: read' },
    ...options,
  });
  const worker = await stage.startWorker();
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', { ...subject, incident });
  await until('the run holds the incident', async () => {
    const { typedSearchAttributes } = await stage.client.workflow.getHandle(run.workflowId).describe();
    return typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
  });
  return { incident, run, worker };
}

/** Triggered again and assigned to a person; no lease runs on. */
async function expectWithPeople(incident: string): Promise<void> {
  await until(
    'the incident is triggered',
    () => stage.simulator.world.incident(incident)?.status === 'triggered',
  );
  const { assignments, acknowledgements } = stage.simulator.world.incident(incident) ?? {};
  expect(acknowledgements).toEqual([]);
  expect(assignments?.length).toBeGreaterThan(0);
  expect(assignments?.map(({ userId }) => userId)).not.toContain('PBOT');
  // PagerDuty shows it before the record of it is written.
  await until('no lease runs on', async () => {
    const leases = await leasesOf(stage.store, 'main');
    return leases.every(({ expires_at }) => expires_at <= Date.now());
  });
}

test('an incident that nobody concludes goes back to people when the lease ends', async () => {
  const { incident, run } = await held('1s');
  const result = await run.result();
  expect(result.outcome).toBe('partly');
  expect(result.summary).toMatch(/is triggered again and pages /);
  await expectWithPeople(incident);
});

test('anyone may hand an incident back at once', async () => {
  const { incident, run } = await held('5m');
  await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
  expect((await run.result()).outcome).toBe('partly');
  await expectWithPeople(incident);
});

test('a cancelled run gives back what it held', async () => {
  const { incident, run } = await held('5m');
  await stage.client.workflow.getHandle(run.workflowId).cancel();
  await expect(run.result()).rejects.toThrow(/did not end well/);
  await expectWithPeople(incident);
});

test('what a terminated run held is given back by the sweep, before its lease ends', async () => {
  const { incident, run } = await held('5m');
  await stage.sweep();
  expect(stage.simulator.world.incident(incident)?.status).toBe('acknowledged');
  await stage.client.workflow.getHandle(run.workflowId).terminate('from outside');
  await stage.sweep();
  await expectWithPeople(incident);
});

test('the sweep gives back what an agent held that is no longer in the configuration', async () => {
  const { incident } = await held('5m');
  stage.editConfig((text) => text.replace('triage-bot:', 'renamed-bot:'));
  await stage.sweep();
  await expectWithPeople(incident);
});

test('at the end of the lease an agent that was removed can still give back', async () => {
  const { incident, run } = await held('2s');
  stage.editConfig((text) => text.replace('triage-bot:', 'renamed-bot:'));
  expect((await run.result()).outcome).toBe('partly');
  await expectWithPeople(incident);
});

test('a broken configuration denies everything but giving back, also in a Worker that was started beside it', async () => {
  const { incident, run, worker } = await held('2s');
  stage.editConfig((text) => `${text}\nno such key: true\n`);
  worker.stop();
  await worker.stopped;
  await stage.startWorker();
  const denied = await stage.run('other-bot', 'resolveIncident', { account: 'main', incident });
  expect(denied.outcome).toBe('denied');
  expect(denied.summary).toMatch(
    /everything is denied until the configuration is mended \(.*oncall\.yaml:\d+:\d+/,
  );
  expect((await run.result()).outcome).toBe('partly');
  await expectWithPeople(incident);
});

test('an incident goes back to people though the run that held it is gone from the server, with its history', async () => {
  const { incident, run, worker } = await held('5m');
  await stage.fault({ operation: 'updateIncident', kind: 'status', status: 500, times: 1_000 });
  await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
  const release = stage.client.workflow.getHandle(releaseWorkflowId({ account: 'main', incident }));
  await until('the release is tried', async () => {
    const { raw } = await release.describe().catch(() => ({ raw: undefined }));
    return (raw?.pendingActivities?.[0]?.attempt ?? 0) > 1;
  });
  worker.stop();
  await worker.stopped;
  await stage.client.workflow.getHandle(run.workflowId).terminate('from outside');
  await stage.deleteRun(run);
  await stage.clearFaults();
  await stage.startWorker();
  await expectWithPeople(incident);
  expect((await release.result()).outcome).toBe('done');
});

test('by its number an incident is no less held than by its id', async () => {
  const { incident, run } = await held('5m');
  const { number } = stage.simulator.world.incident(incident) ?? {};
  const result = await stage.client.workflow.execute('releaseIncident', {
    workflowId: 'release-by-number',
    taskQueue: 'oncall',
    args: [{ account: 'main', incident: String(number), reason: 'I want it' }],
  });
  expect(result).toMatchObject({
    outcome: 'nothing_to_do',
    summary: expect.stringMatching(/triage-bot holds it under a lease that still runs/),
  });
  expect(stage.simulator.world.incident(incident)?.status).toBe('acknowledged');
  await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
  await run.result();
});

test('with the store locked a release is written to a file and carried over', async () => {
  const { incident, run } = await held('1s');
  const unlock = await stage.lockStore();
  await until(
    'the incident is triggered',
    () => stage.simulator.world.incident(incident)?.status === 'triggered',
  );
  // A sweep that comes meanwhile cannot carry anything over, and must lose nothing.
  await stage.sweep();
  await unlock();
  expect((await run.result()).outcome).toBe('partly');
  await stage.sweep();
  await expectWithPeople(incident);
  const given = (await stage.audit()).filter(({ sentence }) => sentence.includes('gives incident'));
  expect(given).toHaveLength(1);
});

test('a store that locks between the acknowledge and its record keeps nobody from the incident', async () => {
  stage = await setStage({ agents: { 'triage-bot': responder('1s') } });
  await stage.startWorker();
  const incident = await stage.trigger();
  await stage.start('triage-bot', 'respondToIncident', { ...subject, incident });
  await until(
    'PagerDuty has the acknowledge',
    () => stage.simulator.world.incident(incident)?.status === 'acknowledged',
  );
  const unlock = await stage.lockStore();
  await until('a sweep has given it back', async () => {
    await stage.sweep();
    return stage.simulator.world.incident(incident)?.status === 'triggered';
  });
  await unlock();
});

test('what was acknowledged under an earlier From address is still ours to give back', async () => {
  const { incident } = await held('5m');
  stage.editConfig((text) => text.replace('from: oncall-bot@example.com', 'from: eva@example.com'));
  stage.editConfig((text) => text.replace('triage-bot:', 'renamed-bot:'));
  await stage.sweep();
  await expectWithPeople(incident);
});

test('what a person handed on before our acknowledge came through goes back to whom it was handed', async () => {
  stage = await setStage({ agents: { 'triage-bot': responder() } });
  await stage.startWorker();
  const incident = await stage.trigger();
  const put = (change: object, from?: string): Promise<unknown> =>
    stage.asPerson(
      'PUT',
      `/incidents/${incident}`,
      { incident: { type: 'incident_reference', ...change } },
      from,
    );
  await put({ assignments: [{ assignee: { id: 'PEVA', type: 'user_reference' } }] });
  await put({ status: 'acknowledged' }, 'oncall-bot@example.com');
  await stage.sweep();
  expect(stage.simulator.world.incident(incident)).toMatchObject({
    status: 'triggered',
    assignments: [{ userId: 'PEVA' }],
    acknowledgements: [],
  });
  const said = (await stage.audit()).filter(
    ({ kind, incident: of, operation }) =>
      kind === 'entry' && of === incident && operation === 'updateIncident',
  );
  expect(said.map(({ decision, sentence }) => [decision, sentence])).toEqual([
    ['denied', expect.stringMatching(/it was handed to PEVA, and goes back to nobody else\.$/)],
    ['allowed', expect.stringMatching(/^runner gives incident #/)],
  ]);
});

test('where a person has acknowledged too, nothing is given back', async () => {
  const { incident, run } = await held('1s');
  await stage.asPerson('PUT', `/incidents/${incident}`, {
    incident: { type: 'incident_reference', status: 'acknowledged' },
  });
  const result = await run.result();
  expect(result.summary).toMatch(/a person has acknowledged it as well/);
  expect(stage.simulator.world.incident(incident)?.status).toBe('acknowledged');
});

test('a person who resolves while we hold keeps it resolved, whatever the run concludes', async () => {
  const { incident, run } = await held('5m');
  await stage.asPerson('PUT', `/incidents/${incident}`, {
    incident: { type: 'incident_reference', status: 'resolved' },
  });
  await run.answer('conclude', { resolution: 'Too late.' });
  const result = await run.result();
  expect(result.outcome).toBe('yielded_to_human');
  expect(stage.simulator.world.incident(incident)?.status).toBe('resolved');
});

test('nobody else can make the runner take a held incident away', async () => {
  const { incident } = await held('5m');
  const input = { account: 'main', incident, reason: 'because' };
  const result = await stage.client.workflow.execute('releaseIncident', {
    workflowId: 'a-stranger',
    taskQueue: 'oncall',
    args: [input],
  });
  expect(result).toMatchObject({ outcome: 'nothing_to_do' });
  expect(stage.simulator.world.incident(incident)?.status).toBe('acknowledged');
});

test('an incident whose service never un-acknowledges is not held', async () => {
  stage = await setStage({ agents: { 'triage-bot': responder() } });
  await stage.startWorker();
  const { services } = stage.simulator.world;
  const checkout = services.get('PCHECKOUT');
  if (checkout) services.set(checkout.id, { ...checkout, acknowledgementTimeout: null });
  const incident = await stage.trigger();
  const result = await stage.run('triage-bot', 'respondToIncident', { ...subject, incident });
  expect(result.outcome).toBe('partly');
  expect(result.notChanged[0]?.why).toMatch(/set an acknowledgement time-out on the service/);
  await expectWithPeople(incident);
});

test('nothing is acknowledged while our own From user is on call', async () => {
  stage = await setStage({ agents: { 'triage-bot': responder() } });
  await stage.startWorker();
  const { policies } = stage.simulator.world;
  const policy = policies.get('PPAYMENTSONCALL');
  const bot = { id: 'PRULEBOT', delayMinutes: 5, targets: [{ type: 'user', id: 'PBOT' }] } as const;
  if (policy) policies.set(policy.id, { ...policy, rules: [...policy.rules, bot] });
  const incident = await stage.trigger();
  const result = await stage.run('triage-bot', 'respondToIncident', { ...subject, incident });
  expect(result.notChanged[0]?.why).toMatch(/our own From user is on call/);
  expect(stage.simulator.world.incident(incident)?.status).toBe('triggered');
});

test('a frozen account still gives back', async () => {
  const { incident } = await held('2s');
  for (const queue of [taskQueues.rest('main'), taskQueues.events('main')]) {
    await stage.client.workflowService.updateTaskQueueConfig({
      namespace: stage.namespace,
      taskQueue: queue,
      taskQueueType: 2,
      updateQueueRateLimit: { rateLimit: { requestsPerSecond: 0 }, reason: 'freeze' },
    });
  }
  await expectWithPeople(incident);
});

test('a Schedule sweeps every minute, and a restarted Worker leaves it as it is', async () => {
  const { worker } = await held('5m');
  const schedule = stage.client.schedule.getHandle(sweepScheduleId('main'));
  await schedule.pause('an operator');
  worker.stop();
  await worker.stopped;
  await stage.startWorker();
  const { spec, state, action, policies } = await schedule.describe();
  expect(spec.intervals).toMatchObject([{ every: 60_000 }]);
  expect(state).toMatchObject({ paused: true, note: 'an operator' });
  expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 60_000 });
  expect(action).toMatchObject({
    workflowType: 'sweepLeases',
    taskQueue: 'oncall',
    args: [{ account: 'main' }],
  });
});
