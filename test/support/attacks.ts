import { fileURLToPath } from 'node:url';
import {
  WorkflowClient,
  type WorkflowClientInterceptor,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker';
import { expect, inject } from 'vitest';
import { statementHeader } from '../../gate/statement.ts';
import { type RunResult, searchAttributes } from '../../workflows/contract.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** Starts a Workflow as someone would who reaches the server and has whatever header he likes. */
export async function startRaw(
  stage: Stage,
  workflowId: string,
  args: readonly unknown[],
  statement?: string | Payload,
  { type = 'resolveIncident', ...options }: Partial<WorkflowStartOptions> & { readonly type?: string } = {},
) {
  const payload = typeof statement === 'string' ? defaultPayloadConverter.toPayload(statement) : statement;
  const interceptor: WorkflowClientInterceptor = {
    startWithDetails: (input, next) =>
      next(payload === undefined ? input : { ...input, headers: { [statementHeader]: payload } }),
  };
  const { connection } = stage.client;
  const client = new WorkflowClient({ connection, namespace: stage.namespace, interceptors: [interceptor] });
  return client.start(type, { ...options, workflowId, taskQueue: 'oncall', args: [...args] });
}

/** The same to the end. */
export const runRaw = async (...start: Parameters<typeof startRaw>): Promise<RunResult> =>
  (await (await startRaw(...start)).result()) as RunResult;

/** The statement that stands readable in a run's history. */
export async function statementOf(stage: Stage, workflowId: string): Promise<string> {
  const { events } = await stage.client.workflow.getHandle(workflowId).fetchHistory();
  const header = events?.[0]?.workflowExecutionStartedEventAttributes?.header?.fields?.[statementHeader];
  if (!header) throw new Error('The run carries no statement.');
  return defaultPayloadConverter.fromPayload<string>(header);
}

/** Waits until a run that its client judges has read all that it reads before the finding. */
export async function waitsForFinding({ client }: Stage, workflowId: string): Promise<void> {
  await until('it waits for the finding', async () => {
    const { typedSearchAttributes, raw } = await client.workflow.getHandle(workflowId).describe();
    const waits = typedSearchAttributes.get(searchAttributes.waitingFor) ?? '';
    return waits.includes('finding') && (raw.pendingActivities ?? []).length === 0;
  });
}

/** The attempt was refused for this reason, nothing reached PagerDuty, and the audit has one denial under this name. */
export async function expectRefused<T>(
  stage: Stage,
  attempt: () => Promise<T>,
  { agent, reason }: { readonly agent: string; readonly reason: RegExp },
): Promise<T> {
  const requests = (await stage.requests()).length;
  const denials = (await stage.audit({ decision: 'denied' })).length;
  const result = await attempt();
  expect((await stage.requests()).slice(requests)).toEqual([]);
  const [denied, ...more] = (await stage.audit({ decision: 'denied' })).slice(denials);
  expect(more).toEqual([]);
  expect(denied).toMatchObject({ agent, sentence: expect.stringMatching(reason) });
  return result;
}

/** Somebody else's Worker in our namespace, on the Task Queue `foreign`. */
export async function foreignWorker(stage: Stage): Promise<{
  /** Runs one of the foreign Workflows; a stolen statement travels in every header it sets. */
  readonly run: (type: string, input: unknown, stolen?: string) => Promise<unknown>;
  readonly stop: () => Promise<void>;
}> {
  const workflowsPath = fileURLToPath(new URL('./foreign-workflows.ts', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [workflowsPath],
  });
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  const { namespace } = stage;
  const worker = await Worker.create({ connection, namespace, taskQueue: 'foreign', workflowBundle });
  const running = worker.run();
  return {
    run: (type, input, stolen) =>
      stage.client.workflow.execute(type, {
        workflowId: `foreign-${Math.random()}`,
        taskQueue: 'foreign',
        args: [input],
        ...(stolen !== undefined && { memo: { stolen } }),
      }),
    stop: async () => {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
