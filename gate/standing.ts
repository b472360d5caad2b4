import { z } from 'zod';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { eventsWithService, incidentEvents } from '../pagerduty/webhooks.ts';
import type { WorkflowName } from '../workflows/contract.ts';
import { canonical } from './canonical.ts';
import { inputFaults, runInputs, workflowNames } from './run-inputs.ts';
import { CronOrder, ShiftOrder, type TimedOrder, takenBy } from './timed-orders.ts';

/** Workflows that are about one incident: what an incident's event can start. */
const aboutIncidents = workflowNames.filter((name) => 'incident' in runInputs[name].shape);

/** A standing order on an event, as it is written. */
const EventOrder = z.strictObject({
  on: z.enum(incidentEvents, `an order is on one of ${incidentEvents.join(', ')}`),
  account: z.string().optional(),
  services: z.array(Id).min(1).optional(),
  workflow: z.enum(aboutIncidents, `an event of an incident starts one of ${aboutIncidents.join(', ')}`),
  agent: z.string(),
  input: z.record(z.string(), z.unknown()).default({}),
});

/** A line of the configuration that lets a webhook start runs as an agent. */
export type StandingOrder = z.output<typeof EventOrder> & { readonly account: string };

type Written = z.output<typeof EventOrder | typeof CronOrder | typeof ShiftOrder>;

/** By which key an order says when, and what it is then. */
const kinds = { on: EventOrder, cron: CronOrder, at: ShiftOrder } as const;

/** A standing order as it is written: on an event, by the clock, or at shift changes. What is wrong is told of the kind that is meant. */
export const WrittenOrder = z.looseObject({}).transform((order, context): Written => {
  const refuse = (message: string, path: readonly string[] = []) => {
    context.addIssue({ code: 'custom', path: [...path], message });
    return z.NEVER;
  };
  const [kind, also] = (Object.keys(kinds) as (keyof typeof kinds)[]).filter((key) =>
    Object.hasOwn(order, key),
  );
  if (kind === undefined)
    return refuse(
      'say when: on (an event, such as incident.triggered), or cron and zone, or at: shift-change',
    );
  if (also !== undefined)
    return refuse(
      'an order is on an event (on) or by the clock (cron), or at shift changes (at): one of them; make it several',
      [also],
    );
  const parsed = kinds[kind].safeParse(order, { reportInput: true });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.addIssue({ ...issue });
  return z.NEVER;
});

/** Whether an order has a Schedule: it is by the clock, or at shift changes. */
export const isTimed = <Order extends Written>(
  order: Order,
): order is Extract<Order, { readonly cron: unknown } | { readonly at: unknown }> => !('on' in order);

type Fault = readonly [path: readonly PropertyKey[], message: string];

/** The order with its account named, or what only the rest of the configuration shows to be wrong. */
export function completed(
  written: Written,
  accounts: readonly string[],
  agents: readonly string[],
): { readonly order: StandingOrder | TimedOrder; readonly faults: readonly Fault[] } {
  const [only, ...others] = accounts;
  const { account = others.length === 0 ? (only ?? '') : '' } = written;
  const order: StandingOrder | TimedOrder = { ...written, account };
  const faults: Fault[] = [];
  if (!agents.includes(written.agent))
    faults.push([['agent'], `there is no agent ${written.agent}; there are ${agents.join(', ') || 'none'}`]);
  if (account === '') faults.push([[], `say which account: ${accounts.join(' or ') || 'there is none'}`]);
  else if (!accounts.includes(account)) faults.push([['account'], `there is no account ${account}`]);
  if (!isTimed(written) && written.services && !eventsWithService.includes(written.on))
    faults.push([
      ['services'],
      `an event ${written.on} does not say of which service its incident is; leave services out, and limit the grants of the agent by them`,
    ]);
  const reservedNames = ['account', 'standing', 'event', ...(isTimed(order) ? [] : ['incident'])];
  for (const reserved of reservedNames)
    if (Object.hasOwn(written.input, reserved))
      faults.push([['input', reserved], 'the order says this itself; take it out']);
  if (faults.length > 0) return { order, faults };
  const { schema, example } = isTimed(order)
    ? takenBy(order)
    : { schema: runInputs[order.workflow], example: { ...order.input, account, incident: 'PEXAMPLE' } };
  const parsed = (schema as z.ZodType).safeParse(example, { reportInput: true });
  for (const { path, message } of parsed.success ? [] : inputFaults(schema, parsed.error))
    faults.push([['input', ...path], message]);
  return { order, faults };
}

/** What a run that an order started is given. */
export interface Ordered {
  readonly account: string;
  readonly incident: string;
  /** Name of the order. */
  readonly standing: string;
  /**
   * Id of the event that started it. What no event told the sweep finds, and names the entry of the incident's log; of the
   * opening, which comes once, nothing.
   */
  readonly event?: string;
}

/** The input of the run that an order starts for an incident. */
export const orderedInput = (
  { account, input }: StandingOrder,
  { standing, incident, event }: Pick<Ordered, 'standing' | 'incident' | 'event'>,
): Ordered => ({ ...input, account, incident, standing, ...(event !== undefined && { event }) });

/** What an order, named by the input of a run, starts: its name, incident and event; `undefined` where the input names none. */
export function orderedIn(input: unknown): Ordered | undefined {
  const parsed = z
    .looseObject({
      account: z.string(),
      incident: Id,
      standing: z.string(),
      event: z.string().min(1).max(200).optional(),
    })
    .safeParse(input);
  if (!parsed.success) return undefined;
  const { account, incident, standing, event } = parsed.data;
  return { account, incident, standing, ...(event !== undefined && { event }) };
}

/** Why a run is not what an order starts, in the words that follow "the standing order NAME"; `undefined` where it is. */
export function strays(
  order: StandingOrder,
  run: { readonly type: string; readonly input: unknown; readonly ordered: Ordered },
): string | undefined {
  if (run.type !== order.workflow) return `starts ${order.workflow} and not ${run.type}`;
  const meant = canonical(orderedInput(order, run.ordered));
  return canonical(run.input) === meant ? undefined : 'was given other input than the configuration says';
}

/** The orders, by name, that an event of an incident starts; those for named services only where that is known and among them. */
export const ordersFor = (
  orders: ReadonlyMap<string, StandingOrder>,
  event: { readonly account: string; readonly type: string; readonly service?: string | undefined },
): readonly (readonly [string, StandingOrder])[] =>
  [...orders].filter(
    ([, { on, account, services }]) =>
      on === event.type &&
      account === event.account &&
      (services === undefined || (event.service !== undefined && services.includes(event.service))),
  );

/** The Workflow that an order names is one of those that there are. */
true satisfies StandingOrder['workflow'] extends WorkflowName ? true : never;
