import { randomUUID } from 'node:crypto';
import {
  type Client,
  WorkflowClient,
  type WorkflowClientInterceptor,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionStatusName,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { sign, statementHeader } from '../gate/statement.ts';
import {
  type AgentUpdates,
  priorityOf,
  searchAttributes,
  type WorkflowName,
  type Workflows,
  workflowIds,
  workflowTaskQueue,
} from '../workflows/contract.ts';
import { exitCodes, OncallError, RunError } from './errors.ts';
import { follow } from './follow.ts';
import { type AgentIdentity, signsAs } from './identity.ts';
import { checkKey, parseInput } from './inputs.ts';
import { whyNotStarted } from './not-started.ts';
import { signed } from './signed.ts';
import { tracedCalls } from './tracing.ts';

/** A run that an agent started, or joined because it was under way already. */
export interface Run<Name extends WorkflowName> {
  readonly workflowId: string;
  readonly runId: string;
  /** Whether the run was under way, or done under the same key, before. */
  readonly joined: boolean;
  /** What happens in the run, a sentence each, until it ends. */
  readonly follow: () => AsyncIterable<string>;
  /**
   * Tells the run something, signed by the agent.
   * @throws OncallError where the run does not take it.
   */
  readonly answer: <Update extends keyof AgentUpdates>(
    update: Update,
    value: AgentUpdates[Update],
  ) => Promise<string>;
  /**
   * What the run ends with.
   * @throws RunError where it failed, was cancelled or was terminated.
   */
  readonly result: () => Promise<Workflows[Name]['result']>;
  /** Where Temporal says it stands: `RUNNING`, `COMPLETED`… */
  readonly status: () => Promise<WorkflowExecutionStatusName>;
  /** Asks the run to end; what it holds goes back to people first. */
  readonly cancel: () => Promise<void>;
}

/**
 * Starts runs as an agent: each start carries a statement that only this agent can sign and that fits no other start.
 * @throws OncallError where the input is not right, or Temporal does not take the start.
 */
export async function startRun<Name extends WorkflowName>(
  client: Client,
  agent: AgentIdentity,
  name: Name,
  input: Workflows[Name]['input'],
  options: { readonly key?: string | undefined } = {},
): Promise<Run<Name>> {
  const parsed = parseInput(name, input);
  checkKey(name, parsed, options.key);
  const workflowId = workflowIds[name](parsed, options.key ?? randomUUID());
  const signing = signingClient(client, agent, await tracedCalls());
  try {
    const handle = await signing.start(name, {
      workflowId,
      taskQueue: workflowTaskQueue,
      args: [parsed],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: options.key === undefined ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
      priority: { priorityKey: priorityOf(name, parsed), fairnessKey: agent.name },
      staticSummary: `${titleOf(name, parsed)} of account ${parsed.account}, asked by ${agent.name}`,
      typedSearchAttributes: [
        { key: searchAttributes.agent, value: agent.name },
        { key: searchAttributes.account, value: parsed.account },
        ...('incident' in parsed ? [{ key: searchAttributes.incident, value: parsed.incident }] : []),
      ],
    });
    return runOf(client, agent, name, handle, handle.firstExecutionRunId, false);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw await whyNotStarted(client, error);
    const handle = client.workflow.getHandle(workflowId);
    const { runId } = await handle.describe();
    return runOf(client, agent, name, client.workflow.getHandle(workflowId, runId), runId, true);
  }
}

const titleOf = <Name extends WorkflowName>(name: Name, input: Workflows[Name]['input']): string =>
  'incident' in input ? `${name} ${input.incident}` : 'operation' in input ? input.operation : name;

function runOf<Name extends WorkflowName>(
  client: Client,
  agent: AgentIdentity,
  name: Name,
  handle: WorkflowHandle,
  runId: string,
  joined: boolean,
): Run<Name> {
  const { workflowId } = handle;
  return {
    workflowId,
    runId,
    joined,
    follow: () => follow(client, workflowId, runId),
    answer: (update, value) => tellRun(client, agent, { workflowId, runId }, update, value),
    status: async () => (await handle.describe()).status.name,
    cancel: async () => void (await handle.cancel()),
    result: async () => {
      try {
        return (await handle.result()) as Workflows[Name]['result'];
      } catch (error) {
        if (!(error instanceof WorkflowFailedError)) throw error;
        throw new RunError(
          `The run ${workflowId} of ${name} did not end well: ${error.cause?.message ?? error.message}`,
          workflowId,
        );
      }
    },
  };
}

/** Why a run did not take what was said, in its own words. */
function notTaken(error: unknown): unknown {
  if (!(error instanceof WorkflowUpdateFailedError)) return error;
  const { cause } = error;
  const isDenied = cause instanceof ApplicationFailure && cause.type === 'PermissionDenied';
  return new OncallError(cause?.message ?? error.message, isDenied ? exitCodes.denied : exitCodes.failed);
}

/** Tells a run something as its agent. */
export async function tellRun<Update extends keyof AgentUpdates>(
  client: Client,
  agent: AgentIdentity,
  { workflowId, runId }: { readonly workflowId: string; readonly runId?: string },
  update: Update,
  value: AgentUpdates[Update],
): Promise<string> {
  const said = await signed(agent, workflowId, update, value);
  try {
    return await client.workflow
      .getHandle(workflowId, runId)
      .executeUpdate<string, [typeof said]>(update, { args: [said] });
  } catch (error) {
    throw notTaken(error);
  }
}

function signingClient(
  client: Client,
  agent: AgentIdentity,
  traced: readonly WorkflowClientInterceptor[],
): WorkflowClient {
  const interceptor: WorkflowClientInterceptor = {
    startWithDetails: async (input, next) => {
      const { workflowId, args } = input.options;
      const claim = { target: workflowId, type: `start:${input.workflowType}`, input: args };
      const statement = await sign(signsAs(agent), agent.key, claim);
      return next({
        ...input,
        headers: { ...input.headers, [statementHeader]: defaultPayloadConverter.toPayload(statement) },
      });
    },
  };
  const { connection, options } = client;
  return new WorkflowClient({
    connection,
    namespace: options.namespace,
    identity: `agent:${agent.name}`,
    dataConverter: options.dataConverter,
    interceptors: [...traced, interceptor],
  });
}
