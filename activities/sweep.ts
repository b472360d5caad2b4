import type { Stamp } from '../gate/audit.ts';
import type { SweepRow, SweptRow } from '../gate/audit-store.ts';
import * as sweeps from '../gate/sweeps.ts';
import type { RequestOf } from '../pagerduty/catalogue/index.ts';
import type { Deps } from './deps.ts';
import { isFor, ordersOf, type Touched } from './missed.ts';
import { perform } from './perform.ts';
import type { NotDone } from './results.ts';
import { asRunner } from './runner-only.ts';
import type { Follower } from './runs.ts';
import { shiftOrdersOf } from './shifts.ts';

/**
 * Of how many incidents one sweep reads the notes: a tenth of what PagerDuty allows in a minute, which is read in half a minute also
 * where the urgent queue goes at its slowest. The rest comes with the next.
 */
const mostNotes = 96;

/** Of how many incidents one sweep reads the log. */
const mostLogs = 20;

/** How far PagerDuty's clock may be behind ours. */
const clocksDifferMs = 120_000;

/** How many runs are asked at a time what they know. */
const runsAtOnce = 20;

/** A page of the open incidents, kept in the store. */
export interface OpenPage {
  readonly ok: true;
  readonly came: number;
  readonly more: boolean;
  /** When the last of them was opened, ISO 8601. */
  readonly edge?: string;
  readonly entry: Stamp;
}

/** One page of all open incidents: what of them is compared goes into the store, beside what the last complete sweep left there. */
export async function listOpen(
  deps: Deps,
  {
    step,
    sweep,
    query,
  }: {
    readonly step: string;
    /** When the sweep began, milliseconds since 1970. */
    readonly sweep: number;
    readonly query: NonNullable<RequestOf<'listIncidents'>['query']>;
  },
): Promise<OpenPage | NotDone> {
  return asRunner(deps, step, async () => {
    const result = await perform(deps, 'listIncidents', { step, request: { query } });
    if (!result.ok) return result;
    const { incidents, more } = result.response;
    const listed = incidents.map((incident) => ({
      incident: incident.id,
      state: deps.states.stateOf(incident),
      service: incident.service?.id ?? null,
      opened_at: Date.parse(incident.created_at),
    }));
    await sweeps.keepPage(await deps.store(), deps.account, sweep, listed);
    const edge = incidents.at(-1)?.created_at;
    return {
      ok: true,
      came: incidents.length,
      more: more === true,
      ...(edge !== undefined && { edge }),
      entry: result.entry,
    };
  });
}

/** A run to be woken. The event's id says what differs, so that the same difference is one wake. */
export interface Wake {
  readonly workflowId: string;
  readonly runId: string;
  readonly event: string;
}

/** A run that listens to notes, and what it knows of them. */
export interface Listener {
  readonly workflowId: string;
  readonly runId: string;
  readonly incident: string;
  readonly notes: string;
  readonly changes: number;
}

/** What a sweep found in the store and in Temporal. */
export interface Compared {
  readonly ok: true;
  readonly open: number;
  readonly following: number;
  readonly wakes: readonly Wake[];
  /** Whose notes are to be compared now, and the incidents whose notes come later. */
  readonly listeners: readonly Listener[];
  readonly notesLeft: readonly string[];
  /** Incidents that opened since the last complete sweep. */
  readonly opened: readonly Touched[];
  /** Incidents whose log is to be read now, since when by our clock (milliseconds), and those whose log comes later. */
  readonly unclear: readonly (Touched & { readonly since: number })[];
  readonly untold: readonly string[];
  /** Digests of the standing orders that there are. */
  readonly orders: readonly string[];
  /** Whether others go by shift changes. */
  readonly byShifts: boolean;
  /** Why some of them start nothing for what happened, a sentence each. */
  readonly stopped: readonly string[];
}

/** Compares what was listed with what runs know, and with the last complete sweep. Asks PagerDuty nothing. */
export async function compareOpen(
  deps: Deps,
  { step, sweep }: { readonly step: string; readonly sweep: number },
): Promise<Compared | NotDone> {
  return asRunner(deps, step, async () => {
    const { account } = deps;
    const store = await deps.store();
    const now = await sweeps.sweptIn(store, account, sweep);
    const before = await sweeps.lastSweep(store, account);
    const was = before ? await sweeps.sweptIn(store, account, before.sweep) : undefined;
    const followers = await deps.runs.followers();
    const { outdated, same } = await compareRuns(deps, followers, now);
    const listeners = listenersAmong(same).toSorted((a, b) => notesAt(was, a) - notesAt(was, b));
    const { orders, digests, stopped } = await ordersOf(deps, before);
    const differing = before && was ? differences(before, was, now) : { opened: [], unclear: [] };
    const unclear = differing.unclear.filter((touched) =>
      orders.some(([, order]) => order.on !== 'incident.triggered' && isFor(order, touched)),
    );
    return {
      ok: true,
      open: now.size,
      following: followers.length,
      wakes: outdated.map(({ workflowId, runId, known: { incident, state, changes } }) => ({
        workflowId,
        runId,
        event: `sweep ${changes}: ${state} → ${now.get(incident)?.state ?? 'no longer open'}`,
      })),
      listeners: listeners.slice(0, mostNotes),
      notesLeft: listeners.slice(mostNotes).map(({ incident }) => incident),
      opened: differing.opened.filter((touched) =>
        orders.some(([, order]) => order.on === 'incident.triggered' && isFor(order, touched)),
      ),
      unclear: unclear.slice(0, mostLogs),
      untold: unclear.slice(mostLogs).map(({ incident }) => incident),
      orders: digests,
      byShifts: shiftOrdersOf(deps).length > 0,
      stopped: differing.unclear.length > 0 ? stopped : [],
    };
  });
}

type Rows = ReadonlyMap<string, SweptRow>;

/** The runs whose knowledge is old, by their own word: the server's list of runs may lag behind it. */
async function compareRuns(
  { runs, states }: Deps,
  followers: readonly Follower[],
  now: Rows,
): Promise<{ readonly outdated: readonly Follower[]; readonly same: readonly Follower[] }> {
  const isOutdated = ({ known }: Follower): boolean =>
    states.isOutdated(known.state, now.get(known.incident)?.state);
  const differing = followers.filter(isOutdated);
  const outdated: Follower[] = [];
  for (let from = 0; from < differing.length; from += runsAtOnce) {
    const some = differing.slice(from, from + runsAtOnce);
    const asked = await Promise.all(some.map(async (run) => ({ run, known: await runs.known(run) })));
    for (const { run, known } of asked)
      if (known && isOutdated({ ...run, known })) outdated.push({ ...run, known });
  }
  return { outdated, same: followers.filter((run) => !isOutdated(run)) };
}

const listenersAmong = (runs: readonly Follower[]): readonly Listener[] =>
  runs.flatMap(({ workflowId, runId, known: { incident, notes, changes } }) =>
    notes === undefined ? [] : [{ workflowId, runId, incident, notes, changes }],
  );

const notesAt = (was: Rows | undefined, { incident }: Listener): number => was?.get(incident)?.notes_at ?? 0;

/** What happened between two sweeps, as far as their lists show it. */
function differences(before: SweepRow, was: Rows, now: Rows): Pick<Compared, 'opened' | 'unclear'> {
  const opened: Touched[] = [];
  const unclear: (Touched & { readonly since: number })[] = [];
  for (const incident of new Set([...was.keys(), ...now.keys()])) {
    const [old, fresh] = [was.get(incident), now.get(incident)];
    if (old?.state === fresh?.state) continue;
    const services = [...new Set([old?.service, fresh?.service])].filter((id) => typeof id === 'string');
    unclear.push({ incident, services, since: old?.state_at ?? before.sweep });
    if (!old && fresh && fresh.opened_at >= before.sweep - clocksDifferMs)
      opened.push({ incident, services });
  }
  return { opened, unclear };
}

/** How many notes an incident has, and which is the newest. */
export async function countNotes(
  deps: Deps,
  { step, incident }: { readonly step: string; readonly incident: string },
): Promise<
  | { readonly ok: true; readonly count: number; readonly newest: string | null; readonly entry: Stamp }
  | NotDone
> {
  const result = await perform(deps, 'listIncidentNotes', { step, request: { params: { id: incident } } });
  if (!result.ok) return result;
  const { notes } = result.response;
  return { ok: true, count: notes.length, newest: notes[0]?.id ?? null, entry: result.entry };
}

/** Makes this sweep the last complete one; says until when notes are complete then (milliseconds), `null` where they never were. */
export async function completeSweep(
  deps: Deps,
  { step, ...completed }: Omit<sweeps.Completed, 'account'> & { readonly step: string },
): Promise<{ readonly ok: true; readonly notesUntil: number | null } | NotDone> {
  return asRunner(deps, step, async () => ({
    ok: true,
    notesUntil: await sweeps.complete(await deps.store(), { account: deps.account, ...completed }),
  }));
}
