import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { Things } from '../gate/asked.ts';
import type { OperationName, RequestOf, ResponseOf } from '../pagerduty/catalogue/index.ts';
import type { CheckResult, Outcome, WorkflowName, Workflows } from '../workflows/contract.ts';
import { type Run, startRun } from './agent.ts';
import { askGate, questionOf } from './ask-gate.ts';
import { clientSettings, encrypted, serverSettings, type TemporalSettings } from './config.ts';
import { connect } from './connect.ts';
import { exitOf, RefusedError } from './errors.ts';
import { type AgentIdentity, readAgent } from './identity.ts';
import { readPages } from './pages.ts';

export interface OncallOptions {
  /** Name of the agent; `ONCALL_AGENT` where left out. */
  readonly agent?: string;
  /** File of its private key; `ONCALL_AGENT_KEY_FILE` where left out. */
  readonly keyFile?: string;
  /** Where Temporal is; what the environment and `temporal.toml` say where left out. */
  readonly temporal?: TemporalSettings;
  /** The account of calls and questions. Default `main`. */
  readonly account?: string;
}

/** How one operation is called. */
export interface CallOptions {
  /** Why, for people who read the run. */
  readonly reason?: string;
  /** Idempotency key: the same key joins the same run. */
  readonly key?: string;
  /** Once aborted, nobody waits any more: the run is asked to end, and the call rejects with the reason. */
  readonly signal?: AbortSignal;
}

/** oncall-runner, spoken to as one agent. */
export interface Oncall extends AsyncDisposable {
  /**
   * Starts a Workflow, or joins the run of the same subject.
   * @throws UsageError where the input is not right, OncallError where Temporal does not take it.
   */
  readonly start: <Name extends WorkflowName>(
    name: Name,
    input: Workflows[Name]['input'],
    options?: { readonly key?: string },
  ) => Promise<Run<Name>>;
  /**
   * Runs one of PagerDuty's operations through the gate, and gives PagerDuty's answer.
   * @throws RefusedError where it was not done, with the gate's or PagerDuty's sentence.
   */
  readonly call: <Name extends OperationName>(
    operation: Name,
    request: RequestOf<Name>,
    options?: CallOptions,
  ) => Promise<ResponseOf<Name>>;
  /**
   * Walks a list to its end.
   * @throws RefusedError where a page was refused.
   */
  readonly list: <Name extends OperationName>(
    operation: Name,
    request: RequestOf<Name>,
    options?: CallOptions,
  ) => Promise<{ readonly records: readonly unknown[]; readonly complete: boolean }>;
  /** What the gate would say to this agent now; nothing is sent. */
  readonly can: (action: string, things?: Things) => Promise<NonNullable<CheckResult['permission']>>;
  /** Closes the connection; runs go on. */
  readonly close: () => Promise<void>;
}

/**
 * Connects as an agent.
 * @throws UsageError where no agent or key is named, NotConnectedError where no Temporal server answers.
 */
export async function openOncall({
  agent: name,
  keyFile,
  temporal = serverSettings(),
  account = 'main',
}: OncallOptions = {}): Promise<Oncall> {
  const settings = clientSettings();
  const agent = readAgent(name ?? settings.agent, keyFile ?? settings.agentKeyFile);
  return oncallAs(await connect(encrypted(temporal), `agent:${agent.name}`), agent, account);
}

/** Speaks as an agent over a connection that is there. Closing it closes the connection. */
export function oncallAs(client: Client, agent: AgentIdentity, account: string): Oncall {
  const close = (): Promise<void> => client.connection.close();
  const start: Oncall['start'] = (workflow, input, options = {}) =>
    startRun(client, agent, workflow, input, options);
  const operate = async (
    operation: OperationName,
    request: object,
    { key = randomUUID(), signal, ...rest }: CallOptions,
    all: boolean,
  ) => {
    const run = await start(
      'runOperation',
      { account, operation, request, ...(all && { all }), ...rest },
      { key },
    );
    const result = await (signal ? unlessAborted(run, signal) : run.result());
    if (isDone[result.outcome]) return result;
    const { outcome, summary, next, error } = result;
    throw new RefusedError(summary, { outcome, next, error, run: run.workflowId }, exitOf[outcome]);
  };
  return {
    start,
    call: async (operation, request, options = {}) =>
      (await operate(operation, request, options, false)).response as never,
    list: async (operation, request, options = {}) => {
      const { walked, complete = true } = await operate(operation, request, options, true);
      return { records: walked ? await readPages(client, walked) : [], complete };
    },
    can: (action, things = {}) => askGate(client, questionOf(account, { agent: agent.name, action, things })),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What a run ends with, unless it is no longer waited for. */
async function unlessAborted<Name extends WorkflowName>(
  run: Run<Name>,
  signal: AbortSignal,
): Promise<Workflows[Name]['result']> {
  let leave = (): void => {};
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
  });
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  const result = run.result();
  try {
    return await Promise.race([result, left]);
  } catch (error) {
    if (signal.aborted) {
      result.catch(() => {});
      await run.cancel().catch(() => {});
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Whether an outcome of a call has an answer. A list that PagerDuty shows no further is one. */
const isDone: Readonly<Record<Outcome, boolean>> = {
  done: true,
  partly: true,
  nothing_to_do: true,
  denied: false,
  approval_refused: false,
  yielded_to_human: false,
  failed: false,
};
