import { afterEach, expect, test } from 'vitest';
import { frozenAmong } from '../../client/frozen.ts';
import { pendingSteps } from '../../client/pending.ts';
import { press } from '../../gate/switches.ts';
import { limitOf, setLimit } from '../../worker/pace.ts';
import { taskQueues } from '../../workflows/contract.ts';
import { everything, responder } from '../support/grants.ts';
import { liftAll } from '../support/lift-all.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage | undefined;
afterEach(() => stage?.close());

const [rest, urgent, events] = [
  taskQueues.rest('main'),
  taskQueues.urgent('main'),
  taskQueues.events('main'),
];

/** A stage on which nobody has set a limit: the pace-keeper's work. */
async function paced(options: Partial<Parameters<typeof setStage>[0]> = {}): Promise<Stage> {
  const set = await setStage({ agents: { 'triage-bot': responder() }, operators: { lead: '' }, ...options });
  stage = set;
  for (const queue of [rest, urgent, events])
    await setLimit(set.client, queue, undefined, 'as on a new server');
  return set;
}

const rateOf = async (at: Stage, queue: string): Promise<number | undefined> =>
  (await limitOf(at.client, queue)).rate;

/** The keeper as the store knows it. */
const keeperOf = (at: Stage) => at.store.selectFrom('pace').selectAll().executeTakeFirst();

test('an idle account may go at full speed, and what PagerDuty says is left brings the limit down', async () => {
  const at = await paced({ simulator: { rateLimit: 60 } });
  const incident = await at.trigger();
  await at.startWorker();
  // Of the usual 960 a short job may take all it can get.
  await until('the keeper has set the pace', async () => ((await rateOf(at, rest)) ?? 0) > 50);
  const request = { params: { id: incident } };
  const read = () =>
    at.run('triage-bot', 'runOperation', { account: 'main', operation: 'getIncident', request });
  expect(await read()).toMatchObject({ outcome: 'done' });
  await until('it has heard that there are 60', async () => ((await rateOf(at, rest)) ?? 100) < 20);
  const { queueRateLimit } = (
    await at.client.workflowService.describeTaskQueue({
      namespace: at.namespace,
      taskQueue: { name: rest },
      taskQueueType: 2,
      reportConfig: true,
    })
  ).config as { queueRateLimit: { metadata: { reason: string } } };
  expect(queueRateLimit.metadata.reason).toMatch(/^oncall-runner: \d+ of 60 requests are left/);
  expect(await rateOf(at, urgent)).toBeGreaterThanOrEqual(3);
});

test('more than PagerDuty takes is never sent: what has no room waits, and urgent work goes on', async () => {
  const limit = 100;
  const at = await paced({ simulator: { rateLimit: limit } });
  const incident = await at.trigger({ severity: 'info' });
  await at.startWorker();
  await until('the keeper has set the pace', async () => ((await rateOf(at, rest)) ?? 0) > 50);
  const request = { params: { id: incident } };
  const start = () =>
    at.start('triage-bot', 'runOperation', { account: 'main', operation: 'getIncident', request });
  const reads = await Promise.all(Array.from({ length: limit + 20 }, start));
  // Not all can come: a window has room for fewer, and some of it is not ours.
  await until('the limit is near nothing', async () => ((await rateOf(at, rest)) ?? 9) <= 0.6);
  const run = await at.start('triage-bot', 'acknowledgeIncident', { account: 'main', incident });
  await until('it is acknowledged', () => at.simulator.world.incident(incident)?.status === 'acknowledged');
  const requests = await at.requests();
  // It did not wait for the next window: in this one no more would have been taken.
  expect(requests.filter(({ path }) => path.startsWith('/v2/') === false).length).toBeLessThan(limit);
  expect(requests.map(({ status }) => status)).not.toContain(429);
  await run.cancel();
  for (const read of reads) await read.cancel();
});

test('a freeze stops all that is not urgent, a release starts all the same, and a thaw ends it', async () => {
  const at = await paced();
  const incident = await at.trigger();
  await at.startWorker();
  const held = await at.start('triage-bot', 'respondToIncident', {
    account: 'main',
    incident,
    assess: 'rules',
  });
  await until('it is held', () => at.simulator.world.incident(incident)?.status === 'acknowledged');
  await press(at.store, { kind: 'freeze', name: '', by_whom: 'lead', reason: 'drill' });
  await until(
    'nothing ordinary starts',
    async () => (await rateOf(at, rest)) === 0 && (await rateOf(at, events)) === 0,
  );
  expect(await rateOf(at, urgent)).toBeGreaterThanOrEqual(3);
  await at.sweep();
  expect(at.simulator.world.incident(incident)?.status).toBe('triggered');
  // What is asked for meanwhile waits, and whoever looks is told for what.
  const before = (await at.requests()).length;
  const waiting = await at.start('triage-bot', 'triageIncident', { account: 'main', incident });
  const pending = await until('its read waits', async () => {
    const [step] = await pendingSteps(at.client, waiting);
    return step;
  });
  expect(pending.sentence).toBe('getIncident waits until `oncall thaw`: the account is frozen.');
  const told: string[] = [];
  const following = (async () => {
    for await (const sentence of waiting.follow()) told.push(sentence);
  })();
  await until('it is told', () => told.includes(pending.sentence));
  expect(await frozenAmong(at.client, ['main', 'other', 'main'])).toEqual(['main']);
  expect((await at.requests()).length).toBe(before);
  await liftAll(at, 'freeze');
  await until(
    'it goes on',
    async () => ((await rateOf(at, rest)) ?? 0) > 0 && (await rateOf(at, events)) === undefined,
  );
  expect(await waiting.result()).toMatchObject({ outcome: 'done' });
  await following;
  expect(await frozenAmong(at.client, ['main'])).toEqual([]);
  await held.cancel();
});

test('a limit that an operator set stays', async () => {
  const at = await paced();
  await at.client.workflowService.updateTaskQueueConfig({
    namespace: at.namespace,
    taskQueue: rest,
    taskQueueType: 2,
    updateQueueRateLimit: { rateLimit: { requestsPerSecond: 2 }, reason: 'while we move house' },
  });
  await at.startWorker();
  await until('the keeper has set the others', async () => ((await rateOf(at, urgent)) ?? 0) > 3);
  expect(await rateOf(at, rest)).toBe(2);
});

test('of two Workers one keeps the pace; when it stops, the other does', async () => {
  const at = await paced();
  const first = await at.startWorker();
  const before = await until('there is a keeper', () => keeperOf(at));
  await at.startWorker();
  first.stop();
  await first.stopped;
  await until('another has taken over', async () => (await keeperOf(at))?.keeper !== before.keeper);
});

test('each routing key is paced by itself: its name is the fairness key of its events', async () => {
  const at = await paced({ agents: { 'all-bot': everything() } });
  await at.startWorker();
  const body = {
    event_action: 'trigger',
    dedup_key: 'paced',
    payload: { summary: 'Disk full', source: 'test', severity: 'info' },
  } as const;
  const run = await at.start('all-bot', 'runOperation', {
    account: 'main',
    operation: 'enqueueEvent',
    request: { routingKey: 'checkout', body },
  });
  expect(await run.result()).toMatchObject({ outcome: 'done' });
  const { events: history } = await at.client.workflow.getHandle(run.workflowId).fetchHistory();
  const scheduled = (history ?? []).flatMap(
    ({ activityTaskScheduledEventAttributes: attributes }) => attributes ?? [],
  );
  const sent = scheduled.find(({ activityType }) => activityType?.name === 'enqueueEvent');
  expect(sent).toMatchObject({ taskQueue: { name: events }, priority: { fairnessKey: 'checkout' } });
  const { config } = await at.client.workflowService.describeTaskQueue({
    namespace: at.namespace,
    taskQueue: { name: events },
    taskQueueType: 2,
    reportConfig: true,
  });
  expect(config?.fairnessKeysRateLimitDefault?.rateLimit?.requestsPerSecond).toBeLessThanOrEqual(2);
});
