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

/** How many events at once are so many that the server is asked which runs there are, rather than for each that there could be. */
const busyFrom = 25;

/** How many runs are listed at a time; where there are more, each that there could be is asked for. */
const mostListed = 5_000;

/** How long a run that was started here may be missing in a list, in milliseconds. */
const listedWithinMs = 60_000;

/** How many runs about one service are told of a change to it. */
const mostOfService = 500;

/** How many Signals are under way for one event. */
const atOnce = 20;

/**
 * Brings events to Temporal: standing orders that match start their runs, and whoever follows the incident or looks at the
 * service is woken. The Signal carries no words of PagerDuty's: runs read anew. When very many come at once, whether a run is
 * there is taken from the server's list; one that began a moment ago and is not listed yet is brought up to date by the sweep.
 */
export function deliverTo(client: Client, now: () => number = Date.now): Deliver {
  const { workflow } = client;
  let underWay = 0;
  /** Id of a run that was started here → when, milliseconds since 1970. */
  const startedHere = new Map<string, number>();
  const remember = (id: string): void => {
    startedHere.delete(id);
    startedHere.set(id, now());
    for (const [oldest, at] of startedHere) {
      if (now() - at < listedWithinMs) break;
      startedHere.delete(oldest);
    }
  };

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
    remember(workflowId);
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

  /** Runs that opened their incident themselves, so that their id does not name it. */
  const openers = keptFor(listedForMs, now, () => listed(`WorkflowType = '${opener}'`));

  /** Of an account, all runs that follow an incident; the list may lack the very newest. */
  const following = new Map<string, () => Promise<Listed | undefined>>();
  function followingIn(account: string): Promise<Listed | undefined> {
    const known = following.get(account);
    if (known) return known();
    const prefixes = followerIds({ account, incident: '' }).map((id) => `WorkflowId STARTS_WITH '${id}'`);
    const ask = keptFor(listedForMs, now, () => listed(`(${prefixes.join(' or ')})`));
    following.set(account, ask);
    return ask();
  }

  /** Running runs, where there are not too many. */
  async function listed(which: string): Promise<Listed | undefined> {
    const ids = new Set<string>();
    const byIncident = new Map<string, readonly string[]>();
    const query = `ExecutionStatus = 'Running' and ${which}`;
    for await (const { workflowId, typedSearchAttributes: attributes } of workflow.list({ query })) {
      const key = `${attributes.get(searchAttributes.account)} ${attributes.get(searchAttributes.incident)}`;
      ids.add(workflowId);
      byIncident.set(key, [...(byIncident.get(key) ?? []), workflowId]);
      if (ids.size > mostListed) return undefined;
    }
    return { ids, byIncident };
  }

  async function followersOf(account: string, incident: string): Promise<readonly string[]> {
    const possible = followerIds({ account, incident });
    const isBusy = underWay > busyFrom;
    // Where no list can be had, whoever's id names the incident is told; the others look by themselves.
    const list = await (isBusy ? followingIn(account) : openers()).catch(() => undefined);
    const named =
      isBusy && list ? possible.filter((id) => list.ids.has(id) || startedHere.has(id)) : possible;
    return [...new Set([...named, ...(list?.byIncident.get(`${account} ${incident}`) ?? [])])];
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

  async function bring(arrival: Arrival): Promise<Delivered> {
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
  }

  return async (arrival) => {
    underWay += 1;
    try {
      return await bring(arrival);
    } finally {
      underWay -= 1;
    }
  };
}

/** What the server lists: ids of runs, and which are about an incident of an account. */
interface Listed {
  readonly ids: ReadonlySet<string>;
  readonly byIncident: ReadonlyMap<string, readonly string[]>;
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
