import type { Stamp } from '../gate/audit.ts';
import { type SweepRow, withStore } from '../gate/audit-store.ts';
import { digestOf } from '../gate/canonical.ts';
import { eventsIn, type ToldEvent } from '../gate/log-events.ts';
import { type Ordered, orderedInput, ordersFor, type StandingOrder } from '../gate/standing.ts';
import { lastSweep } from '../gate/sweeps.ts';
import { switchesFor } from '../gate/switches.ts';
import type { IncidentEvent } from '../pagerduty/webhooks.ts';
import type { Deps } from './deps.ts';
import { graceMs } from './pagerduty-clock.ts';
import { perform } from './perform.ts';
import type { NotDone } from './results.ts';
import { asRunner } from './runner-only.ts';
import type { LastRun } from './runs.ts';
import { mostEntries } from './untouched.ts';

/** An incident to which something has happened that standing orders may be about. */
export interface Touched {
  readonly incident: string;
  /** The services it may be of. */
  readonly services: readonly string[];
}

/** The standing orders of an account, as far as a sweep has to do with them. */
export interface Orders {
  /** Those that it may carry out, by name. */
  readonly orders: readonly (readonly [string, StandingOrder])[];
  /** Digests of all that there are. */
  readonly digests: readonly string[];
  /** Why some start nothing now, a sentence each. */
  readonly stopped: readonly string[];
}

/**
 * The orders that a sweep may carry out: those that the last complete sweep knew as they are, so that one that was added or
 * changed since starts nothing for what happened before. None that could not act anyway: frozen, or its agent disabled.
 */
export async function ordersOf(deps: Deps, before: SweepRow | undefined): Promise<Orders> {
  const state = deps.policy();
  if (!state.readable) return { orders: [], digests: [], stopped: [] };
  const known = new Set(JSON.parse(before?.orders ?? '[]') as readonly string[]);
  const orders: (readonly [string, StandingOrder])[] = [];
  const digests: string[] = [];
  const stopped: string[] = [];
  for (const [name, order] of state.policy.standing) {
    if (order.account !== deps.account) continue;
    const digest = digestOf({ name, order });
    digests.push(digest);
    if (!known.has(digest)) continue;
    const asked = { agent: order.agent, stepKey: '', caps: [], now: deps.now() };
    const { frozen, disabled } = await withStore(async () =>
      switchesFor(await deps.store(), state.policy, asked),
    );
    const why = frozen === null ? disabled && `${order.agent} is disabled ${disabled}` : `frozen ${frozen}`;
    if (why === null) orders.push([name, order]);
    else stopped.push(`The standing order ${name} starts nothing: ${why}.`);
  }
  return { orders, digests, stopped };
}

/** Whether an order may be about an incident. */
export const isFor = ({ services: of }: StandingOrder, { services }: Touched): boolean =>
  of === undefined || services.some((service) => of.includes(service));

/** What an incident's log tells of. */
export interface Told {
  readonly ok: true;
  readonly events: readonly ToldEvent[];
  /** Whether all of the log since then was looked at. */
  readonly isWhole: boolean;
  readonly entry: Stamp;
}

/** What an incident's log tells of since an instant of our clock, milliseconds since 1970. */
export async function listEvents(
  deps: Deps,
  { step, incident, since }: { readonly step: string; readonly incident: string; readonly since: number },
): Promise<Told | NotDone> {
  const result = await perform(deps, 'listIncidentLogEntries', {
    step,
    request: { params: { id: incident }, query: { limit: mostEntries } },
  });
  if (!result.ok) return result;
  const { log_entries: log, more } = result.response;
  const oldest = log.at(-1);
  const from = deps.clock.of(since, deps.now()) - graceMs;
  const isWhole = more !== true || (oldest !== undefined && Date.parse(oldest.created_at) < from);
  return { ok: true, events: eventsIn(log, from, more !== true), isWhole, entry: result.entry };
}

/** A run that a standing order starts. */
export interface Missed {
  readonly order: string;
  readonly agent: string;
  readonly on: IncidentEvent;
  readonly workflow: string;
  readonly workflowId: string;
  readonly input: Ordered;
}

/** What happened to incidents since the last complete sweep. */
export interface Happened {
  readonly opened: readonly Touched[];
  readonly told: readonly (Touched & { readonly events: readonly ToldEvent[] })[];
}

/**
 * The runs that standing orders should have started and no event has. An incident is triggered once: where an order's run was
 * ever there, that is enough. Of everything else the newest event counts, since its run reads what those before it tell too.
 */
export async function listMissed(
  deps: Deps,
  { step, opened, told }: Happened & { readonly step: string },
): Promise<{ readonly ok: true; readonly missed: readonly Missed[] } | NotDone> {
  return asRunner(deps, step, async () => {
    const { orders } = await ordersOf(deps, await lastSweep(await deps.store(), deps.account));
    const missed = new Map<string, Missed>();
    for (const touched of opened)
      await add(deps, missed, orders, { touched, on: 'incident.triggered', isEnough: () => true });
    for (const { events, ...touched } of told)
      for (const { type: on, at, entry } of newestOf(events))
        if (on !== 'incident.triggered')
          await add(deps, missed, orders, { touched, on, entry, isEnough: isEnoughFor(deps, at, entry) });
    return { ok: true, missed: [...missed.values()] };
  });
}

/** The newest event of each type. */
const newestOf = (events: readonly ToldEvent[]): Iterable<ToldEvent> =>
  new Map(events.map((event) => [event.type, event])).values();

/**
 * Whether a run was there for an order's newest event. PagerDuty's log knows seconds, and in one of them an incident can be
 * resolved, opened and resolved again: a run that the sweep started names its entry. One that a webhook started names none; it
 * is enough where it began with the event or later, as far as two clocks can tell.
 */
const isEnoughFor =
  ({ clock, now }: Deps, at: string, newest: string) =>
  ({ isOpen, startedAt, entry }: LastRun): boolean => {
    if (isOpen || entry !== undefined) return isOpen || entry === newest;
    return clock.of(startedAt, now()) + graceMs >= Date.parse(at);
  };

/** Adds what the orders on an event start that has no run yet. */
async function add(
  deps: Deps,
  missed: Map<string, Missed>,
  orders: Orders['orders'],
  {
    touched: { incident, services },
    on,
    entry: event,
    isEnough,
  }: {
    readonly touched: Touched;
    readonly on: IncidentEvent;
    /** Id of the log's entry that tells of it, where the log was read. */
    readonly entry?: string;
    readonly isEnough: (last: LastRun) => boolean;
  },
): Promise<void> {
  const { account } = deps;
  const those = new Map(
    (services.length === 0 ? [undefined] : services).flatMap((service) =>
      ordersFor(new Map(orders), { account, type: on, service }),
    ),
  );
  for (const [order, { workflow, agent, ...rest }] of those) {
    const input = orderedInput(
      { workflow, agent, ...rest },
      { standing: order, incident, ...(event !== undefined && { event }) },
    );
    const workflowId = deps.orderedId(workflow, input);
    if (missed.has(workflowId)) continue;
    const last = await deps.runs.last(workflowId);
    if (!last || !isEnough(last)) missed.set(workflowId, { order, agent, on, workflow, workflowId, input });
  }
}
