import type { InTheWay } from '../activities/index.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { deskOf } from './approvals.ts';
import { attempt } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { allPages } from './pages.ts';
import { activitiesOf, perform } from './proxies.ts';

/** Incidents that are worked on together: no more than one request takes well. */
export interface Lot {
  readonly ids: readonly string[];
  /** Between when they were created, where that is known: few pages show them all then. */
  readonly near?: Near;
}

interface Near {
  readonly since: string;
  readonly until: string;
  readonly urgency?: 'high' | 'low';
}

/** How many incidents a lot has at most: PagerDuty's own scripts send no more at once. */
export const largestLot = 100;

export interface ResolveLotInput extends Errand {
  readonly lot: Lot;
  /** Kept by PagerDuty on each resolve log entry. */
  readonly resolution?: string;
}

export interface ResolveLotResult {
  readonly resolved: number;
  /** Incidents that were left as they are, and why. */
  readonly left: readonly InTheWay[];
  /** Whether none of those that were resolved reads open afterwards. */
  readonly verified: boolean;
  readonly agent?: string;
}

/** What of an incident is needed afterwards; the rest stays out of the history. */
const keep = ['id', 'status', 'created_at', 'service'];

/** Kinds of failure that may be one incident's alone. */
const ofOne: readonly string[] = ['InvalidRequest', 'NotFound', 'Forbidden'];

/** The longest reason that is kept for an incident, in characters. */
const longestWhy = 300;

/** How many open incidents of that time are looked through. */
const mostReadBack = 1_000;

/** The widest span that a list can be asked for, in milliseconds: half a year, less some days. */
const widestMs = 175 * 24 * 3_600_000;

/**
 * Resolves open incidents that no person works on, all in one request. Those that stand in the way (changed since, taken by
 * a person, not allowed) are set aside and the others asked for again; where PagerDuty refuses without saying which, the lot
 * is halved until the bad one stands alone.
 */
export async function resolveLot({ lot, resolution, ...errand }: ResolveLotInput): Promise<ResolveLotResult> {
  const chronicle = chronicleOf(errand);
  const desk = deskOf(errand, chronicle);
  const { bulk } = activitiesOf(errand.account);
  const left: InTheWay[] = [];
  const resolved: Kept[] = [];
  const parts: (readonly string[])[] = [lot.ids];
  let agent: string | undefined;
  const leave = (ids: readonly string[], why: string): void => {
    left.push(...ids.map((id) => ({ id, why: why.slice(0, longestWhy) })));
  };
  for (let part = parts.shift(), round = 1; part; part = parts.shift(), round += 1) {
    const ids = part;
    const result = await desk.ask<'updateIncidents'>((words) =>
      perform(bulk.updateIncidents, {
        step: `Resolve ${ids.length} from ${ids[0]}, ${round}`,
        request: { body: { incidents: ids.map((id) => resolving(id, resolution)) } },
        // Open, and with no person: what a person has taken is theirs.
        expect: { status: ['triggered', 'acknowledged'], acknowledgers: 'ours' },
        keep,
        ...(lot.near && { near: lot.near }),
        ...words,
      }),
    );
    if (result.ok) {
      agent = result.agent;
      chronicle.actsAs(agent);
      resolved.push(...(result.response.incidents as readonly Kept[]));
      continue;
    }
    const inTheWay = 'inTheWay' in result ? (result.inTheWay ?? []) : [];
    const isBad = new Set(inTheWay.map(({ id }) => id));
    const rest = ids.filter((id) => !isBad.has(id));
    if (rest.length < ids.length) {
      for (const { id, why } of inTheWay) leave([id], why);
      if (rest.length > 0) parts.unshift(rest);
    } else if (result.kind === 'Failed' && ofOne.includes(result.type) && ids.length > 1) {
      const half = Math.ceil(ids.length / 2);
      parts.unshift(ids.slice(0, half), ids.slice(half));
    } else leave(ids, result.sentence);
  }
  const verified = await isReadBack(errand, resolved, chronicle);
  chronicle.say(`${resolved.length} of ${lot.ids.length} are resolved.`);
  return { resolved: resolved.length, left, verified, ...(agent !== undefined && { agent }) };
}

type Kept = Pick<Incident, 'id' | 'status' | 'created_at' | 'service'>;

const resolving = (id: string, resolution: string | undefined) => ({
  id,
  type: 'incident_reference' as const,
  status: 'resolved' as const,
  ...(resolution !== undefined && { resolution }),
});

/** Looks whether any of them reads open. Of incidents that lie more than half a year apart their own answer is the proof. */
export async function isReadBack(
  { account }: Errand,
  resolved: readonly Kept[],
  chronicle: Chronicle,
): Promise<boolean> {
  const isOurs = new Set(resolved.map(({ id }) => id));
  if (resolved.some(({ status }) => status !== 'resolved')) return false;
  const times = resolved.map(({ created_at }) => created_at).toSorted();
  const [since, until] = [times[0], times.at(-1)];
  const services = [...new Set(resolved.flatMap(({ service }) => service?.id ?? []))];
  if (since === undefined || until === undefined || services.length === 0) return true;
  if (Date.parse(until) - Date.parse(since) > widestMs) return true;
  const { look } = activitiesOf(account);
  const back = await attempt(
    allPages<'listIncidents', Pick<Incident, 'id'>>(
      (offset) =>
        perform(look.listIncidents, {
          step: `Read back what is open still, from ${offset}`,
          request: {
            query: {
              'service_ids[]': services,
              'statuses[]': ['triggered', 'acknowledged'],
              since,
              until,
              limit: 100,
              offset,
            },
          },
          keep: ['id'],
        }),
      ({ incidents }) => incidents,
      mostReadBack,
    ),
  );
  if (!back.ok) {
    chronicle.say(`They could not be read back: ${back.sentence}`);
    return false;
  }
  const open = back.items.filter(({ id }) => isOurs.has(id));
  for (const { id } of open) chronicle.say(`Incident ${id} was resolved, and reads open again.`);
  return open.length === 0 && back.complete;
}
