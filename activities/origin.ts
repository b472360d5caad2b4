import { activityInfo } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type { Store } from '../gate/audit-store.ts';
import type { Policy } from '../gate/policy.ts';
import { spend } from '../gate/spent.ts';
import { claimantOf, keysAt, StatementError, statementHeader, verify } from '../gate/statement.ts';
import { nameOf } from '../gate/words.ts';

/** Workflow Types that act as the built-in runner, whoever starts them: they may only look, ask the gate and release, so no proof is asked. */
const runnerWorkflows: readonly string[] = ['releaseIncident', 'sweepLeases', 'checkPermission'];

/** A run or one of those above it. */
export interface Ancestor {
  readonly workflowId: string;
  /** Stays the same through a reset. */
  readonly firstRunId: string;
}

/** Whose run this is, as its first event proves it; `agent` is the name of who signed. `lineage` begins with the run itself. */
export type Origin = { readonly lineage: readonly [Ancestor, ...Ancestor[]] } & (
  | { readonly kind: 'agent' | 'operator'; readonly agent: string }
  | { readonly kind: 'runner' }
  | {
      readonly kind: 'nobody';
      readonly claimed: string;
      readonly why: string;
      /** The run itself can have no authority, whatever it shows and whatever the configuration says. */
      readonly isStranger?: true;
    }
);

type Started = temporal.api.history.v1.IWorkflowExecutionStartedEventAttributes;

interface FirstEvent {
  readonly attributes: Started;
  /** Milliseconds since 1970, by the server's clock. */
  readonly at: number;
}

/** How deep a run may hang below the one that carries the authority. */
const deepest = 8;

/** Runs whose first event is kept; it never changes. */
const kept = 2_000;

/** A run, or an Activity that somebody started without one. */
interface RunNow {
  readonly workflowId: string;
  readonly runId: string;
  readonly standsAlone?: true;
}

export interface OriginReader {
  (run: RunNow, policy: Policy | undefined): Promise<Origin>;
}

/** Whose Activity this is, by its own word; the origin asks the server. */
export function runNow(): { readonly run: RunNow; readonly attempt: number } {
  const { workflowExecution: run, activityId, activityRunId = '', attempt } = activityInfo();
  if (run) return { run, attempt };
  return { run: { workflowId: `activity:${activityId}`, runId: activityRunId, standsAlone: true }, attempt };
}

/**
 * Finds out whose run an Activity works for, by asking the server how the run began: the one thing no caller can forge.
 * @param account the account this Worker serves; a run whose input names another one proves nothing here.
 */
export function originReader(
  client: Client,
  store: () => Promise<Store>,
  where: { readonly taskQueue: string; readonly account: string },
): OriginReader {
  const firstEvents = new Map<string, Promise<FirstEvent>>();

  async function firstEventOf(workflowId: string, runId: string): Promise<FirstEvent> {
    const known = firstEvents.get(runId);
    if (known) return known;
    const asked = askForFirstEvent(client, workflowId, runId);
    firstEvents.set(runId, asked);
    asked.catch(() => firstEvents.delete(runId));
    for (const oldest of firstEvents.keys()) {
      if (firstEvents.size <= kept) break;
      firstEvents.delete(oldest);
    }
    return asked;
  }

  return async ({ workflowId, runId, standsAlone }, policy) => {
    if (standsAlone) {
      const lineage = [{ workflowId, firstRunId: runId }] as const;
      return {
        kind: 'nobody',
        lineage,
        claimed: 'nobody',
        why: 'it was asked by no run; start a Workflow',
        isStranger: true,
      };
    }
    const first = await firstEventOf(workflowId, runId);
    const lineage: [Ancestor, ...Ancestor[]] = [ancestor(workflowId, runId, first.attributes)];
    const nobody = (claimed: string, why: string): Origin => ({
      kind: 'nobody',
      lineage,
      claimed,
      why,
      isStranger: true,
    });
    const isRunner = runnerWorkflows.includes(first.attributes.workflowType?.name ?? '');
    let run = { workflowId, first };
    for (;;) {
      const { attributes } = run.first;
      if (attributes.taskQueue?.name !== where.taskQueue) {
        return nobody('nobody', `the run ${nameOf(run.workflowId)} was not started on ${where.taskQueue}`);
      }
      if (attributes.continuedExecutionRunId) {
        return nobody(
          'nobody',
          `the run ${nameOf(run.workflowId)} is a retry, a cron run or a continuation, and those carry no authority`,
        );
      }
      const parent = attributes.parentWorkflowExecution;
      if (!parent?.runId || !parent.workflowId) break;
      if (lineage.length >= deepest)
        return nobody('nobody', `the run hangs more than ${deepest} levels deep`);
      run = { workflowId: parent.workflowId, first: await firstEventOf(parent.workflowId, parent.runId) };
      lineage.push(ancestor(parent.workflowId, parent.runId, run.first.attributes));
    }
    if (isRunner) return { kind: 'runner', lineage };
    const root = lineage.at(-1) ?? lineage[0];
    return { lineage, ...(await authority(client, store, where.account, root, run.first, policy)) };
  };
}

type Authority =
  | { readonly kind: 'agent' | 'operator'; readonly agent: string }
  | { readonly kind: 'nobody'; readonly claimed: string; readonly why: string };

async function authority(
  client: Client,
  store: () => Promise<Store>,
  account: string,
  root: Ancestor,
  { attributes, at }: FirstEvent,
  policy: Policy | undefined,
): Promise<Authority> {
  const statement = statementOf(attributes);
  if (statement === undefined) {
    return { kind: 'nobody', claimed: 'nobody', why: 'the run was started without a statement of an agent' };
  }
  const claimed = claimantOf(statement);
  const nobody = (why: string): Authority => ({ kind: 'nobody', claimed, why });
  const agent = policy?.agents.get(claimed);
  const signer = agent ?? policy?.operators.get(claimed);
  if (!signer) return nobody(`the configuration knows no agent ${claimed}`);
  const args = await inputOf(client, attributes);
  try {
    const claim = { target: root.workflowId, type: `start:${attributes.workflowType?.name}`, input: args };
    const { jti } = await verify(statement, keysAt(signer, at), claim, at);
    if (!(await spend(await store(), { jti, ...root })))
      return nobody('the statement was already used by another run');
  } catch (error) {
    if (error instanceof StatementError) return nobody(`the statement ${error.message}`);
    throw error;
  }
  const [first] = args;
  const named = typeof first === 'object' && first !== null && 'account' in first ? first.account : undefined;
  if (named !== account) return nobody(`the statement is about another account than ${account}`);
  return { kind: agent ? 'agent' : 'operator', agent: claimed };
}

const ancestor = (workflowId: string, runId: string, { firstExecutionRunId }: Started): Ancestor => ({
  workflowId,
  firstRunId: firstExecutionRunId || runId,
});

/** The run's arguments, as its Workflow gets them. */
async function inputOf(client: Client, { input }: Started): Promise<readonly unknown[]> {
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  let payloads = [...(input?.payloads ?? [])];
  for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
  return payloads.map((payload) => payloadConverter.fromPayload<unknown>(payload));
}

function statementOf({ header }: Started): string | undefined {
  const payload = header?.fields?.[statementHeader];
  if (!payload) return undefined;
  try {
    const value = defaultPayloadConverter.fromPayload<unknown>(payload);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

async function askForFirstEvent(client: Client, workflowId: string, runId: string): Promise<FirstEvent> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const event = history?.events?.[0];
  const attributes = event?.workflowExecutionStartedEventAttributes;
  if (!attributes) throw new Error(`Temporal shows no first event of the run ${workflowId} (${runId}).`);
  const { seconds, nanos } = event.eventTime ?? {};
  return { attributes, at: Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6 };
}
