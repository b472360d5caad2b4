import { activityInfo } from '@temporalio/activity';
import { type Client, isGrpcServiceError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type { Store } from '../gate/audit-store.ts';
import type { Policy } from '../gate/policy.ts';
import type { PolicyState } from '../gate/policy-source.ts';
import { spend } from '../gate/spent.ts';
import { type Ordered, orderedIn, strays } from '../gate/standing.ts';
import { keysAt, StatementError, statementHeader, verify } from '../gate/statement.ts';
import { standingIn } from '../gate/timed-orders.ts';
import { voiceOf } from '../gate/voice.ts';
import { nameOf } from '../gate/words.ts';
import type { IncidentEvent } from '../pagerduty/webhooks.ts';
import { type ScheduleReader, scheduleReader, unproved } from './scheduled.ts';

/** Workflow Types that act as the built-in runner, whoever starts them: they may only look, ask the gate and release, so no proof is asked. */
const runnerWorkflows: readonly string[] = [
  'releaseIncident',
  'sweepLeases',
  'sweepIncidents',
  'bringEvents',
  'followShifts',
  'checkPermission',
];

/** A run or one of those above it. */
export interface Ancestor {
  readonly workflowId: string;
  /** Stays the same through a reset. */
  readonly firstRunId: string;
}

/** Whose run this is, as its first event proves it; `agent` is the name of who signed. `lineage` begins with the run itself. */
export type Origin = {
  readonly lineage: readonly [Ancestor, ...Ancestor[]];
  /** When the run began, milliseconds since 1970, by the server's clock. */
  readonly startedAt: number;
} & (
  | {
      readonly kind: 'agent';
      readonly agent: string;
      /** The standing order that started the run, or the front door through which its agent speaks. */
      readonly via?: string;
      /** The event on which a standing order started it. */
      readonly on?: IncidentEvent;
      /** Id of the token by which the agent came to the front door. */
      readonly bearer?: string;
      /** Where a standing order for some services started it. */
      readonly ordered?: {
        readonly name: string;
        readonly incident: string;
        readonly services: readonly string[];
      };
    }
  | { readonly kind: 'operator'; readonly agent: string }
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
  /** The run's arguments, as its Workflow gets them. */
  readonly input: readonly unknown[];
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

/** What the runs must fit that a Worker works for. */
export interface Where {
  readonly taskQueue: string;
  readonly account: string;
  /** The id of the run that a standing order starts; another id is another run. */
  readonly orderedId: (workflow: string, input: Ordered) => string;
}

export interface OriginReader {
  (run: RunNow, policy: Policy | undefined): Promise<Origin>;
}

/** Whose Activity this is, by its own word; the origin asks the server. `askedAt` is the server's time of the first asking, in milliseconds since 1970. */
export function runNow(): { readonly run: RunNow; readonly attempt: number; readonly askedAt: number } {
  const { workflowExecution, activityId, activityRunId = '', attempt, scheduledTimestampMs } = activityInfo();
  const run = workflowExecution ?? {
    workflowId: `activity:${activityId}`,
    runId: activityRunId,
    standsAlone: true as const,
  };
  return { run, attempt, askedAt: scheduledTimestampMs };
}

/** Whose run this Activity works for. */
export const originNow = (
  { policy, origin }: { readonly policy: () => PolicyState; readonly origin: OriginReader },
  state = policy(),
): Promise<Origin> => origin(runNow().run, state.readable ? state.policy : undefined);

/**
 * Finds out whose run an Activity works for, by asking the server how the run began: the one thing no caller can forge.
 * @param account the account this Worker serves; a run whose input names another one proves nothing here.
 */
export function originReader(client: Client, store: () => Promise<Store>, where: Where): OriginReader {
  const firstEvents = new Map<string, Promise<FirstEvent>>();
  const schedules = scheduleReader(client);

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
        startedAt: 0,
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
      startedAt: first.at,
      claimed,
      why,
      isStranger: true,
    });
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
      const above = await firstEventOf(parent.workflowId, parent.runId).catch(ifGone);
      if (!above) {
        // The runner's authority comes from nobody above it: giving back must not hang on what the server has kept.
        if (isOfRunner(first)) break;
        return nobody(
          'nobody',
          `the run ${nameOf(parent.workflowId)} that started it is gone from the server`,
        );
      }
      // What the sweep starts for a standing order is the order's, not the sweep's.
      if (isOfRunner(above) && !isOfRunner(run.first) && orderedIn(run.first.input[0])) break;
      run = { workflowId: parent.workflowId, first: above };
      lineage.push(ancestor(parent.workflowId, parent.runId, run.first.attributes));
    }
    if (isOfRunner(first)) return { kind: 'runner', lineage, startedAt: first.at };
    const root = lineage.at(-1) ?? lineage[0];
    const found = await authorityOf(root, run.first);
    return { lineage, startedAt: first.at, ...found };

    async function authorityOf(root: Ancestor, began: FirstEvent): Promise<Authority> {
      const isSigned = statementOf(began.attributes) !== undefined;
      const named = isSigned ? undefined : standingIn(began.input[0]);
      if (named && policy?.timed.has(named.standing))
        return timedOf(schedules, { store, where, root, began, named, policy });
      const ordered = isSigned ? undefined : orderedIn(began.input[0]);
      if (ordered) return orderOf(store, where, root, began, ordered, policy);
      if (named) return { kind: 'nobody', claimed: 'nobody', why: noOrder(named.standing) };
      return authority(store, where.account, root, began, policy);
    }
  };
}

/** `undefined` where the server has the run no longer. */
function ifGone(error: unknown): undefined {
  if (!isGrpcServiceError(error) || error.code !== grpcNotFound) throw error;
}

export const grpcNotFound = 5;

const isOfRunner = ({ attributes }: FirstEvent): boolean =>
  runnerWorkflows.includes(attributes.workflowType?.name ?? '');

type Unproved<Kind> = Kind extends unknown ? Omit<Kind, 'lineage' | 'startedAt'> : never;
type Authority = Exclude<Unproved<Origin>, { kind: 'runner' }>;

const noOrder = (name: string): string => `the configuration has no standing order ${nameOf(name)}`;

/** The authority of a run that a standing order started: the configuration's, where the run is exactly what the order starts. */
async function orderOf(
  store: () => Promise<Store>,
  { account, orderedId }: Where,
  root: Ancestor,
  { attributes, input }: FirstEvent,
  ordered: Ordered,
  policy: Policy | undefined,
): Promise<Authority> {
  const name = nameOf(ordered.standing);
  const nobody = (why: string): Authority => ({ kind: 'nobody', claimed: 'nobody', why });
  const order = policy?.standing.get(ordered.standing);
  if (!order) return nobody(noOrder(ordered.standing));
  const type = attributes.workflowType?.name ?? '';
  const fault = input.length === 1 ? strays(order, { type, input: input[0], ordered }) : 'takes one argument';
  if (fault !== undefined) return nobody(`the standing order ${name} ${fault}`);
  if (ordered.account !== account)
    return nobody(`the standing order ${name} is for another account than ${account}`);
  if (orderedId(type, ordered) !== root.workflowId)
    return nobody(`the standing order ${name} starts no run of the id ${nameOf(root.workflowId)}`);
  // An incident is triggered once, whoever tells of it and how late; any other event starts nothing again.
  const isOnce = order.on === 'incident.triggered';
  const once = isOnce ? ordered.incident : ordered.event;
  const jti = `order ${account} ${ordered.standing} ${once}`;
  if (once !== undefined && !(await spend(await store(), { jti, ...root }))) {
    const what = isOnce ? `for the incident ${nameOf(once)}` : `for the event ${nameOf(once)}`;
    return nobody(`the standing order ${name} has started another run ${what} already`);
  }
  return {
    kind: 'agent',
    agent: order.agent,
    via: `standing order ${name}`,
    on: order.on,
    ...(order.services && { ordered: { name, incident: ordered.incident, services: order.services } }),
  };
}

/** The authority of a run that a Schedule started: the configuration's, where both are exactly what the order says. */
async function timedOf(
  schedules: ScheduleReader,
  {
    store,
    where: { account, taskQueue },
    root,
    began,
    named,
    policy,
  }: {
    readonly store: () => Promise<Store>;
    readonly where: Where;
    readonly root: Ancestor;
    readonly began: FirstEvent;
    readonly named: { readonly account: string; readonly standing: string };
    readonly policy: Policy;
  },
): Promise<Authority> {
  const name = nameOf(named.standing);
  const nobody = (why: string): Authority => ({
    kind: 'nobody',
    claimed: 'nobody',
    why: `the standing order ${name} ${why}`,
  });
  const order = policy.timed.get(named.standing);
  if (!order) return nobody('is not in the configuration');
  if (named.account !== account || order.account !== account)
    return nobody(`is for another account than ${account}`);
  const { attributes, input, at } = began;
  const type = attributes.workflowType?.name ?? '';
  const why = await unproved(schedules, await store(), {
    name: named.standing,
    order,
    taskQueue,
    run: { ...root, type, input, at, saysScheduled: saysScheduled(attributes) },
  });
  return why === undefined
    ? { kind: 'agent', agent: order.agent, via: `standing order ${name}` }
    : nobody(why);
}

/** Whether the run says itself that a Schedule started it: so does every one that was, and whoever wants to. */
const saysScheduled = ({ searchAttributes }: Started): boolean =>
  searchAttributes?.indexedFields?.['TemporalScheduledById'] !== undefined;

async function authority(
  store: () => Promise<Store>,
  account: string,
  root: Ancestor,
  { attributes, input: args, at }: FirstEvent,
  policy: Policy | undefined,
): Promise<Authority> {
  const statement = statementOf(attributes);
  if (statement === undefined) {
    return { kind: 'nobody', claimed: 'nobody', why: 'the run was started without a statement of an agent' };
  }
  const voice = voiceOf(statement, policy);
  const nobody = (why: string): Authority => ({ kind: 'nobody', claimed: voice.name, why });
  if (voice.kind === 'nobody') return nobody(voice.why);
  try {
    const claim = { target: root.workflowId, type: `start:${attributes.workflowType?.name}`, input: args };
    const { jti } = await verify(statement, keysAt(voice.signer, at), claim, at);
    if (!(await spend(await store(), { jti, ...root })))
      return nobody('the statement was already used by another run');
  } catch (error) {
    if (error instanceof StatementError) return nobody(`the statement ${error.message}`);
    throw error;
  }
  const [first] = args;
  const named = typeof first === 'object' && first !== null && 'account' in first ? first.account : undefined;
  if (named !== account) return nobody(`the statement is about another account than ${account}`);
  if (voice.kind === 'operator') return { kind: 'operator', agent: voice.name };
  return {
    kind: 'agent',
    agent: voice.name,
    ...(voice.door && { via: voice.door.name, bearer: voice.door.bearer }),
  };
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
  try {
    return payloads.map((payload) => payloadConverter.fromPayload<unknown>(payload));
  } catch {
    // What nobody can read, nobody signed and no order starts.
    return [];
  }
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
  const input = await inputOf(client, attributes);
  return { attributes, input, at: Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6 };
}
