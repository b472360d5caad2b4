import { afterEach, expect, inject, test } from 'vitest';
import { CannotStart } from '../../worker/config.ts';
import { startWorker } from '../../worker/index.ts';
import { setPace } from '../../worker/pace.ts';
import { taskQueues } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { memoryLog } from '../support/logged.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage | undefined;
afterEach(() => stage?.close());

const activityQueue = 2;

/** The limits that the server holds for a Task Queue, starts a second. */
async function limitsOf(
  at: Stage,
  taskQueue: string,
): Promise<{ queue?: number | undefined; key?: number | undefined }> {
  const { config } = await at.client.workflowService.describeTaskQueue({
    namespace: at.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: activityQueue,
    reportConfig: true,
  });
  return {
    queue: config?.queueRateLimit?.rateLimit?.requestsPerSecond ?? undefined,
    key: config?.fairnessKeysRateLimitDefault?.rateLimit?.requestsPerSecond ?? undefined,
  };
}

const start = (at: Stage, namespace: string) =>
  startWorker({
    temporal: { connectionOptions: { address: inject('temporalAddress') }, namespace },
    configFile: at.configFile,
    home: at.home,
    workflowBundle: inject('workflowBundle'),
    log: memoryLog,
  });

test('a Worker refuses to start where a search attribute is missing, and names it with the mend', async () => {
  stage = await setStage({ agents: { 'a-bot': 'incidents: read' } });
  const namespace = `bare-${Date.now()}`;
  await stage.client.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  const at = stage;
  // A new namespace is known to the whole server a moment later.
  const refusal = await until('the namespace is there', async () => {
    const error = await start(at, namespace).then(
      () => new Error('it started'),
      (reason: Error) => reason,
    );
    return !error.message.includes('cannot be used') && error;
  });
  expect(refusal).toBeInstanceOf(CannotStart);
  expect(refusal.message).toMatch(
    /lacks the search attributes OncallAgent, OncallAccount, .*temporal operator search-attribute create/,
  );
});

test('a Worker refuses a namespace that does not exist and a server that does not answer', async () => {
  stage = await setStage({ agents: { 'a-bot': 'incidents: read' } });
  await expect(start(stage, 'no-such-namespace')).rejects.toThrow(
    /The Temporal namespace no-such-namespace cannot be used/,
  );
  await expect(
    startWorker({
      temporal: { connectionOptions: { address: '127.0.0.1:1' } },
      configFile: stage.configFile,
      home: stage.home,
      workflowBundle: inject('workflowBundle'),
      log: memoryLog,
    }),
  ).rejects.toThrow(
    'No Temporal server answers at 127.0.0.1:1. Start one with `oncall temporal` or `oncall dev`, or set TEMPORAL_ADDRESS to yours.',
  );
});

test('the pace is set on the server for all Workers, and what an operator set stays', async () => {
  stage = await setStage({ agents: { 'a-bot': responder() } });
  await setPace(stage.client, 'fresh');
  expect(await limitsOf(stage, taskQueues.rest('fresh'))).toEqual({ queue: 5, key: undefined });
  expect(await limitsOf(stage, taskQueues.urgent('fresh'))).toEqual({ queue: 3, key: undefined });
  expect(await limitsOf(stage, taskQueues.events('fresh'))).toEqual({ queue: undefined, key: 1.75 });
  await stage.client.workflowService.updateTaskQueueConfig({
    namespace: stage.namespace,
    taskQueue: taskQueues.rest('fresh'),
    taskQueueType: activityQueue,
    updateQueueRateLimit: { rateLimit: { requestsPerSecond: 0 }, reason: 'freeze' },
  });
  const at = stage;
  // What was set shows a moment later.
  await until('it shows', async () => (await limitsOf(at, taskQueues.rest('fresh'))).queue === 0);
  await setPace(stage.client, 'fresh');
  expect((await limitsOf(stage, taskQueues.rest('fresh'))).queue).toBe(0);
});
