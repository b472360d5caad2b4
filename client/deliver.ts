import { randomUUID } from 'node:crypto';
import { type Client, isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { orderedInput, ordersFor, type StandingOrder } from '../gate/standing.ts';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { followedEvents, type Webhook } from '../pagerduty/webhooks.ts';
import {
  type BringInput,
  type Bringing,
  bringEventsType,
  followerIds,
  type Happening,
  incidentChanged,
  type OrderedStart,
  orderedStartOptions,
  orderedWorkflowId,
  searchAttributes,
  type WorkflowName,
  workflowTaskQueue,
} from '../workflows/contract.ts';
import { gathered } from './gathered.ts';

/** What an event came to. */
export interface Delivered {
  /** Ids of the runs that standing orders started, or joined. */
  readonly started: readonly string[];
  /** Ids of the runs that were told of it. */
  readonly woken: readonly string[];
  /** It went with others to a run that starts and wakes them. */
  readonly isHandedOver?: true;
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

/** How many events are brought on one by one at a time; so few that each is answered in time on a small machine. */
const mostOneByOne = 8;

/** How long Temporal has to take them, in milliseconds. */
const handsOverWithinMs = 3_000;

/** How many events go to one run that brings them on, at most. */
const mostTogether = 200;

/**
 * Brings events to Temporal: standing orders that match start their runs, and whoever follows the incident or looks at the
 * service is woken. The Signal carries no words of PagerDuty's: runs read anew. What comes while many are under way is given
 * to a run together, `bringEvents`, which then does the same: one write to Temporal for hundreds of events, and PagerDuty has
 * its answer.
 */
export function deliverTo(client: Client, now: () => number = Date.now): Deliver {
  const { workflow } = client;
  let underWay = 0;

  const handOver = gathered(mostTogether, async (events: readonly Bringing[]) => {
    const input: BringInput = { events };
    const handing = {
      workflowId: `events:${randomUUID()}`,
      taskQueue: workflowTaskQueue,
      args: [input],
      // Before the steps of runs, however many there are: what people have done is among what it tells.
      priority: { priorityKey: 2 },
      staticSummary: `${events.length} events that came at once`,
    };
    // A deadline of its own, not of the event that happened to be the first.
    await client.withDeadline(Date.now() + handsOverWithinMs, () => workflow.start(bringEventsType, handing));
  });

  async function startOrdered(start: OrderedStart, event: Happening, reached: Set<string>): Promise<void> {
    if (reached.has(start.workflowId)) return;
    const { workflow: type, workflowId } = start;
    await workflow.signalWithStart(type, {
      ...orderedStartOptions(start),
      taskQueue: workflowTaskQueue,
      signal: incidentChanged,
      signalArgs: [event],
    });
    reached.add(workflowId);
  }

  async function wake(
    workflowId: string,
    event: Happening,
    reached: Set<string>,
  ): Promise<readonly string[]> {
    if (reached.has(workflowId)) return [];
    try {
      await workflow.getHandle(workflowId).signal(incidentChanged, event);
    } catch (error) {
      // Nobody works on it: there is nobody to wake.
      if (error instanceof WorkflowNotFoundError) return [];
      throw error;
    }
    reached.add(workflowId);
    return [workflowId];
  }

  /** All are tried, and all have ended, before the first that failed is told. */
  async function wakeAll({ event, wakes }: Bringing, reached: Set<string>): Promise<readonly string[]> {
    const woken: string[] = [];
    for (let from = 0; from < wakes.length; from += atOnce) {
      const some = wakes.slice(from, from + atOnce);
      const ends = await Promise.allSettled(some.map((id) => wake(id, event, reached)));
      for (const end of ends) {
        if (end.status === 'rejected') throw end.reason;
        woken.push(...end.value);
      }
    }
    return woken;
  }

  async function bring(bringing: Bringing, reached: Set<string>): Promise<Delivered> {
    // One after the other: two orders can mean the same run, which the first then starts.
    for (const start of bringing.starts) await startOrdered(start, bringing.event, reached);
    return {
      started: bringing.starts.map(({ workflowId }) => workflowId),
      woken: await wakeAll(bringing, reached),
    };
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

  /** Whom an event concerns. */
  async function meant({ account, webhook, orders }: Arrival): Promise<Bringing> {
    const { type, service } = webhook;
    const event = happeningOf(webhook);
    const isFollowed = (followedEvents as readonly string[]).includes(type);
    const incident = idIn(webhook.incident);
    if (incident === undefined) {
      const ofService = idIn(service);
      const looking = isFollowed && ofService !== undefined ? await lookingAt(account, ofService) : [];
      return { event, starts: [], wakes: looking };
    }
    const isCopy = now() - Date.parse(webhook.occurredAt) > oldestOrderedMs;
    const starts = new Map<string, OrderedStart>();
    for (const [standing, order] of isCopy ? [] : ordersFor(orders, { account, type, service })) {
      const { workflow: started, agent } = order;
      const input = orderedInput(order, { standing, incident, event: webhook.id });
      const workflowId = orderedWorkflowId(started, input);
      if (!starts.has(workflowId)) starts.set(workflowId, { workflow: started, workflowId, agent, input });
    }
    // Nobody can follow an incident that has only begun, but for those whom it has just started.
    const isFirst = type === 'incident.triggered';
    const followers = isFollowed && !isFirst ? await followersOf(account, incident) : [];
    return {
      event,
      starts: [...starts.values()],
      wakes: followers.filter((id) => !starts.has(id)),
    };
  }

  return async (arrival) => {
    underWay += 1;
    const isOneOfMany = underWay > mostOneByOne;
    try {
      const bringing = await meant(arrival);
      if (bringing.starts.length + bringing.wakes.length === 0) return { started: [], woken: [] };
      if (!isOneOfMany) return await bring(bringing, arrival.reached);
      await handOver(bringing);
      return { started: [], woken: [], isHandedOver: true };
    } finally {
      underWay -= 1;
    }
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
