import { type Client, isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { orderedInput, ordersFor, type StandingOrder } from '../gate/standing.ts';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { followedEvents, type Webhook } from '../pagerduty/webhooks.ts';
import {
  followerIds,
  type Happening,
  incidentChanged,
  orderedWorkflowId,
  searchAttributes,
  type WorkflowName,
  workflowTaskQueue,
} from '../workflows/contract.ts';

/** What an event came to. */
export interface Delivered {
  /** Ids of the runs that standing orders started, or joined. */
  readonly started: readonly string[];
  /** Ids of the runs that were told of it. */
  readonly woken: readonly string[];
}

/** An event, and where it came in. */
export interface Arrival {
  readonly account: string;
  readonly webhook: Webhook;
  /** The orders of the configuration at this moment. */
  readonly orders: ReadonlyMap<string, StandingOrder>;
  /** Ids of runs that heard of this event when it was delivered before; grows. */
  readonly reached: Set<string>;
}

/** Gives an event to Temporal; when it resolves Temporal has it, when it rejects it must be delivered again. */
export type Deliver = (arrival: Arrival) => Promise<Delivered>;

/** PagerDuty gives up after 48 hours; what comes later is no delivery of PagerDuty's, but a copy of one. */
const oldestOrderedMs = 49 * 3_600_000;

/** How old what the server lists may be, in milliseconds: however many events come, it is asked once in that time. */
const listedForMs = 1_000;

/** How many runs that opened their incident themselves are known at a time. */
const mostOpeners = 1_000;

/** How many runs about one service are told of a change to it. */
const mostOfService = 500;

/** How many Signals are under way for one event. */
const atOnce = 20;

/**
 * Brings events to Temporal: standing orders that match start their runs, and whoever follows the incident or looks at the
 * service is woken. The Signal carries no words of PagerDuty's: runs read anew.
 */
export function deliverTo(client: Client, now: () => number = Date.now): Deliver {
  const { workflow } = client;

  async function startOrdered(
    { account, webhook, reached }: Arrival,
    [name, order]: readonly [string, StandingOrder],
    incident: string,
  ): Promise<string> {
    const input = orderedInput(order, { standing: name, incident, event: webhook.id });
    const workflowId = orderedWorkflowId(order.workflow, input);
    if (reached.has(workflowId)) return workflowId;
    await workflow.signalWithStart(order.workflow, {
      workflowId,
      taskQueue: workflowTaskQueue,
      args: [input],
      signal: incidentChanged,
      signalArgs: [happeningOf(webhook)],
      priority: { priorityKey: 3, fairnessKey: order.agent },
      staticSummary: `${order.workflow} ${incident} of account ${account}, by the standing order ${name}`,
      typedSearchAttributes: [
        { key: searchAttributes.agent, value: order.agent },
        { key: searchAttributes.account, value: account },
        { key: searchAttributes.incident, value: incident },
      ],
    });
    reached.add(workflowId);
    return workflowId;
  }

  async function wake({ webhook, reached }: Arrival, workflowId: string): Promise<readonly string[]> {
    if (reached.has(workflowId)) return [];
    try {
      await workflow.getHandle(workflowId).signal(incidentChanged, happeningOf(webhook));
    } catch (error) {
      // Nobody works on it: there is nobody to wake.
      if (error instanceof WorkflowNotFoundError) return [];
      throw error;
    }
    reached.add(workflowId);
    return [workflowId];
  }

  /** All are tried, and all have ended, before the first that failed is told. */
  async function wakeAll(arrival: Arrival, ids: readonly string[]): Promise<readonly string[]> {
    const woken: string[] = [];
    for (let from = 0; from < ids.length; from += atOnce) {
      const some = ids.slice(from, from + atOnce);
      const ends = await Promise.allSettled(some.map((id) => wake(arrival, id)));
      for (const end of ends) {
        if (end.status === 'rejected') throw end.reason;
        woken.push(...end.value);
      }
    }
    return woken;
  }

  /** Runs that opened their incident themselves, so that their id does not name it: account and incident → their ids. */
  const openers = keptFor(listedForMs, now, async (): Promise<ReadonlyMap<string, readonly string[]>> => {
    const found = new Map<string, string[]>();
    const query = `WorkflowType = '${opener}' and ExecutionStatus = 'Running'`;
    let count = 0;
    for await (const { workflowId, typedSearchAttributes: attributes } of workflow.list({ query })) {
      const key = `${attributes.get(searchAttributes.account)} ${attributes.get(searchAttributes.incident)}`;
      found.set(key, [...(found.get(key) ?? []), workflowId]);
      count += 1;
      if (count >= mostOpeners) break;
    }
    return found;
  });

  async function followersOf(account: string, incident: string): Promise<readonly string[]> {
    // A list that cannot be had keeps nobody from being told whose id names the incident; the others look by themselves.
    const opened = await openers().catch(() => undefined);
    return [
      ...new Set([...followerIds({ account, incident }), ...(opened?.get(`${account} ${incident}`) ?? [])]),
    ];
  }

  async function lookingAt(account: string, service: string): Promise<readonly string[]> {
    const ids: string[] = [];
    const query =
      `${searchAttributes.account.name} = '${account}' and ${searchAttributes.service.name} = '${service}' ` +
      `and ExecutionStatus = 'Running'`;
    for await (const { workflowId } of workflow.list({ query })) {
      ids.push(workflowId);
      if (ids.length >= mostOfService) break;
    }
    return ids;
  }

  return async (arrival) => {
    const { account, webhook, orders } = arrival;
    const { type, service } = webhook;
    const isFollowed = (followedEvents as readonly string[]).includes(type);
    const incident = idIn(webhook.incident);
    if (incident === undefined) {
      const ofService = idIn(service);
      if (!isFollowed || ofService === undefined) return { started: [], woken: [] };
      return { started: [], woken: await wakeAll(arrival, await lookingAt(account, ofService)) };
    }
    const isCopy = now() - Date.parse(webhook.occurredAt) > oldestOrderedMs;
    const matching = isCopy ? [] : ordersFor(orders, { account, type, service });
    const started: string[] = [];
    // One after the other: two orders can mean the same run, which the first then starts.
    for (const order of matching) started.push(await startOrdered(arrival, order, incident));
    // Nobody can follow an incident that has only begun, but for those whom it has just started.
    const isFirst = type === 'incident.triggered';
    const followers = isFollowed && !isFirst ? await followersOf(account, incident) : [];
    const others = followers.filter((id) => !started.includes(id));
    return { started: [...new Set(started)], woken: await wakeAll(arrival, others) };
  };
}

/** The Workflow that can open the incident it is about. */
const opener: WorkflowName = 'waitForHumanAck';

/** The answer to a question, kept for a time; of several who ask at once one does. */
function keptFor<T>(ms: number, now: () => number, ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly asked: Promise<T>; readonly at: number } | undefined;
  return () => {
    if (last && now() - last.at < ms) return last.asked;
    const asked = ask();
    last = { asked, at: now() };
    return asked;
  };
}

/** Temporal's own words about why it did not take something. */
export function refusalOf(error: unknown): string {
  const cause = error instanceof ServiceError ? error.cause : error;
  if (isGrpcServiceError(cause)) return cause.details;
  return error instanceof Error ? error.message : String(error);
}

const happeningOf = ({ id: event, type, occurredAt }: Webhook): Happening => ({ event, type, occurredAt });

/** What cannot be an id of PagerDuty's names nothing of ours either. */
const idIn = (id: string | undefined): string | undefined => Id.safeParse(id).data;
