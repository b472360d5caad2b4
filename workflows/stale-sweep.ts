import type { Named } from '../activities/index.ts';
import type { Note } from '../pagerduty/catalogue/notes.ts';
import { type Applied, restOf } from './apply.ts';
import { attempt, type Undone } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import {
  type Plan,
  planIdOf,
  type StaleIncident,
  type StaleResult,
  type StaleSweepInput,
} from './contract.ts';
import { inLots, inTurns } from './in-turns.ts';
import { onCallNow } from './on-call.ts';
import { type OpenIncident, openIncidents } from './open-incidents.ts';
import { carryOut, type Draft, type NoReads, noReads } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';
import { notesIn, pagedIn, seenOf } from './seen.ts';
import { acknowledgersOf, namesOf } from './state.ts';

/** When an incident is forgotten, and how long whoever has it may take to answer, where the input does not say. */
const defaults = { acknowledgedHours: 24, triggeredDays: 7, waitHours: 24 };

/** How many incidents are looked at by their notes; each costs a read. */
const mostStale = 250;
const atOnce = 10;

/** How many are resolved at once: their notes are read once more in the attempt that resolves them. */
const largestBatch = 20;

/** How many may go back to people, who are paged, without an operator's word. */
const fewPages = 5;

/** How a question of ours begins: by that it is found again. */
const opening = 'Is this still being worked on?';

const hourMs = 3_600_000;

/** What was read of one forgotten incident. */
export interface Forgotten {
  readonly incident: OpenIncident;
  /** The newest first. */
  readonly notes: readonly Note[];
  /** Seconds after which PagerDuty resolves it by itself, where its service says so. */
  readonly autoResolves: number | null;
}

/** What the sweep goes by. */
export interface StaleReads {
  readonly forgotten: readonly Forgotten[];
  readonly ourUsers: readonly string[];
  /** Whom an escalation policy pages now, by its id; absent where that may not be read. */
  readonly paged: ReadonlyMap<string, readonly Named[]>;
  /** Incidents that are old, and were not looked at: there are too many. */
  readonly rest: readonly OpenIncident[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Looks after open incidents that were forgotten: asks whoever has them, by a note, and where nobody has answered in time hands
 * them back to their escalation policy or resolves them, as the input says. One run does one step; the next run does the next.
 */
export async function staleSweep(input: StaleSweepInput): Promise<StaleResult> {
  const chronicle = chronicleOf(input);
  let stale: readonly StaleIncident[] = [];
  const result = await carryOut(input, chronicle, {
    type: 'staleSweep',
    planId: planIdOf('staleSweep', input),
    onTrouble: 'leave',
    nothing: 'No open incident waits for a question or a step.',
    read: async () => {
      const reads = await read(input, chronicle);
      if ('outcome' in reads) return reads;
      stale = rowsOf(input, reads);
      return (without) => staleIn(input, reads, without);
    },
    tell,
  });
  return { ...result, ...(input.apply === undefined && { stale }) };
}

async function read(input: StaleSweepInput, chronicle: Chronicle): Promise<StaleReads | NoReads> {
  const { look } = activitiesOf(input.account);
  const open = await openIncidents(input, chronicle, input);
  if ('outcome' in open) return open;
  const now = Date.now();
  const old = open.incidents.filter((incident) => isOld(input, incident, open.ourUsers, now));
  const looked = old.slice(0, mostStale);
  const services = new Map<string, number | null>();
  let failed: NoReads | undefined;
  const fail = (result: Undone): undefined => {
    failed ??= noReads(result);
  };
  const ids = [...new Set(looked.flatMap(({ service }) => service?.id ?? []))];
  await inTurns(ids, atOnce, async (id) => {
    const service = await attempt(
      perform(look.getService, { step: `Read service ${id}`, request: { params: { id } } }),
    );
    if (!service.ok) return fail(service);
    services.set(id, service.response.service.auto_resolve_timeout ?? null);
  });
  const forgotten = await inTurns(looked, atOnce, async (incident): Promise<Forgotten | undefined> => {
    const { id, service } = incident;
    if (failed) return undefined;
    const notes = await attempt(
      perform(look.listIncidentNotes, { step: `Read the notes of ${id}`, request: { params: { id } } }),
    );
    if (!notes.ok) return fail(notes);
    return { incident, notes: notes.response.notes, autoResolves: services.get(service?.id ?? '') ?? null };
  });
  if (failed) return failed;
  const policies = [...new Set(looked.flatMap(({ escalation_policy }) => escalation_policy?.id ?? []))];
  const paged = new Map<string, readonly Named[]>();
  await inTurns(policies, atOnce, async (id) => {
    const now = await onCallNow(input.account, id, `Read who is on call for ${id}`);
    // Who is paged is told as far as it may be known.
    if (now.ok) paged.set(id, pagedIn(now.onCalls));
  });
  chronicle.say(`${old.length} of them are old.`);
  return { forgotten, ourUsers: open.ourUsers, paged, rest: old.slice(mostStale), now };
}

/** Whether an incident is old enough to be asked about: acknowledged by a person for so long, or triggered and low. */
function isOld(
  { acknowledgedHours = defaults.acknowledgedHours, triggeredDays = defaults.triggeredDays }: StaleSweepInput,
  incident: OpenIncident,
  ourUsers: readonly string[],
  now: number,
): boolean {
  const { status, urgency } = incident;
  if (status === 'acknowledged') {
    // What is acknowledged by us is held under a lease, and goes back by itself.
    const isWithPeople = acknowledgersOf(incident).some((user) => !ourUsers.includes(user));
    return isWithPeople && now - sinceOf(incident) >= acknowledgedHours * hourMs;
  }
  return (
    status === 'triggered' && urgency === 'low' && now - sinceOf(incident) >= triggeredDays * 24 * hourMs
  );
}

/** Since when it stands as it does: acknowledged, or open. */
function sinceOf({ status, acknowledgements, created_at }: OpenIncident): number {
  const times = (acknowledgements ?? []).flatMap(({ at }) => (at ? [Date.parse(at)] : []));
  return status === 'acknowledged' && times.length > 0 ? Math.min(...times) : Date.parse(created_at);
}

type Turn =
  | { readonly kind: 'ask' | 'hand_back' | 'resolve' }
  | { readonly kind: 'leave'; readonly why: string };

/** Whose turn it is on a forgotten incident, by what was said on it. */
export function turnOf(
  input: StaleSweepInput,
  { incident, notes, autoResolves }: Forgotten,
  { ourUsers, now }: Pick<StaleReads, 'ourUsers' | 'now'>,
): Turn {
  const { acknowledgedHours = defaults.acknowledgedHours, waitHours = defaults.waitHours } = input;
  const isAcknowledged = incident.status === 'acknowledged';
  const then = isAcknowledged ? (input.acknowledged ?? 'hand_back') : (input.triggered ?? 'resolve');
  const leave = (why: string): Turn => ({ kind: 'leave', why });
  if (!isAcknowledged && autoResolves !== null)
    return leave(`PagerDuty resolves it by itself, as its service says`);
  const at = ({ created_at }: Note): number => (created_at ? Date.parse(created_at) : now);
  const isPersons = ({ user }: Note): boolean =>
    user?.type?.startsWith('user') === true && !ourUsers.includes(user.id);
  const asked = notes.find(
    ({ user, content }) => user && ourUsers.includes(user.id) && content.startsWith(opening),
  );
  const said = notes.find(isPersons);
  if (said && now - at(said) < acknowledgedHours * hourMs)
    return leave(
      `${said.user?.summary ?? 'somebody'} has noted something on it within ${acknowledgedHours} h`,
    );
  // A question from before somebody took it, or from before the last word of a person, is an old one.
  const isOpen = asked && at(asked) >= sinceOf(incident) && (!said || at(said) < at(asked));
  if (!asked || !isOpen) return { kind: 'ask' };
  if (now - at(asked) < waitHours * hourMs)
    return leave(
      `it was asked about, and there is time for an answer until ${minute(at(asked) + waitHours * hourMs)}`,
    );
  if (then === 'leave') return leave('nobody has answered, and the input leaves such as they are');
  if (then === 'resolve' && (incident.alert_counts?.triggered ?? 0) > 0 && input.firing !== 'resolve')
    return leave('nobody has answered, and its alerts still fire');
  return { kind: then };
}

/** The plan: pure, and the same for the same incidents and notes, until it is another one's turn. */
function staleIn(input: StaleSweepInput, reads: StaleReads, without: ReadonlyMap<string, string>): Draft {
  const left = reads.rest.map(({ id }) => ({
    what: id,
    why: `one run looks at no more than ${mostStale}; run it again`,
  }));
  const of: Record<Exclude<Turn['kind'], 'leave'>, Forgotten[]> = { ask: [], hand_back: [], resolve: [] };
  for (const one of reads.forgotten) {
    const { id } = one.incident;
    const turn = turnOf(input, one, reads);
    const why = without.get(id);
    if (turn.kind === 'leave') continue;
    if (why === undefined) of[turn.kind].push(one);
    else left.push({ what: id, why });
  }
  const batches = inLots(of.resolve, largestBatch);
  return {
    left,
    guards: [
      ...(of.resolve.length > 0 ? [`it resolves ${of.resolve.length} that nobody has answered for`] : []),
      ...(of.hand_back.length > fewPages ? [`it pages people for ${of.hand_back.length} incidents`] : []),
    ],
    writes: [
      ...of.ask.map((one) => asking(input, one)),
      ...of.hand_back.map((one) => handing(one, reads.paged)),
      ...batches.map((batch, index) => resolving(batch, index + 1)),
    ],
  };
}

const seenIn = ({ incident, notes }: Forgotten) => ({ ...seenOf(incident), notes: notesIn(notes) });

const ownersOf = ({ assignments }: OpenIncident): string =>
  namesOf((assignments ?? []).map(({ assignee }) => assignee)) || 'nobody';

function asking(input: StaleSweepInput, one: Forgotten): Draft['writes'][number] {
  const { incident } = one;
  const { waitHours = defaults.waitHours } = input;
  const isAcknowledged = incident.status === 'acknowledged';
  const then = isAcknowledged ? (input.acknowledged ?? 'hand_back') : (input.triggered ?? 'resolve');
  const what = {
    hand_back: `it goes back to its escalation policy, whose first level is paged`,
    resolve: 'the next sweep proposes to resolve it',
    leave: 'it stays as it is',
  }[then];
  return {
    step: `Ask about ${incident.id}`,
    operation: 'createIncidentNote',
    request: {
      params: { id: incident.id },
      body: {
        note: {
          content: `${opening} It is ${incident.status} since ${minute(sinceOf(incident))}, and has ${ownersOf(incident)}. Any note is an answer. Without one within ${waitHours} h ${what}.`,
        },
      },
    },
    seen: [seenIn(one)],
    effect: `Asks ${ownersOf(incident)} about #${incident.incident_number}.`,
    pages: [],
  };
}

function handing(one: Forgotten, paged: StaleReads['paged']): Draft['writes'][number] {
  const { id, incident_number: number, escalation_policy: policy } = one.incident;
  const pages = paged.get(policy?.id ?? '');
  return {
    step: `Hand back ${id}`,
    operation: 'updateIncident',
    request: {
      params: { id },
      body: {
        incident: {
          type: 'incident_reference',
          status: 'triggered',
          ...(policy && { escalation_policy: { id: policy.id, type: 'escalation_policy_reference' } }),
        },
      },
    },
    seen: [{ ...seenIn(one), ...(pages && { pages }) }],
    effect: `Hands #${number} back to ${policy?.summary ?? policy?.id ?? 'its escalation policy'}.`,
    pages: pages?.map(({ name }) => name) ?? ['whoever is on call at its first level'],
  };
}

const resolving = (batch: readonly Forgotten[], number: number): Draft['writes'][number] => ({
  step: `Resolve ${batch.length} forgotten, batch ${number}`,
  operation: 'updateIncidents',
  request: {
    body: {
      incidents: batch.map(({ incident: { id } }) => ({
        id,
        type: 'incident_reference',
        status: 'resolved',
        resolution: 'Nobody has answered for it; an operator approved that it is closed.',
      })),
    },
  },
  seen: batch.map(seenIn),
  effect: `Resolves ${batch.length} that nobody has answered for.`,
  pages: [],
});

/** All that are old, by who has them: how long, and whose turn it is. */
function rowsOf(input: StaleSweepInput, reads: StaleReads): readonly StaleIncident[] {
  const rows = reads.forgotten.map((one): StaleIncident => {
    const { incident } = one;
    const turn = turnOf(input, one, reads);
    return {
      incident: incident.id,
      number: incident.incident_number,
      owner: ownersOf(incident),
      status: incident.status,
      hours: Math.floor((reads.now - sinceOf(incident)) / hourMs),
      step: turn.kind === 'leave' ? `leave: ${turn.why}` : turn.kind,
    };
  });
  return rows.toSorted((a, b) => (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : b.hours - a.hours));
}

/** `2026-11-25 14:05 UTC`. */
const minute = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

function tell(applied: Applied, plan: Plan): string {
  const count = (operation: string): number =>
    applied.done.reduce((sum, { write }) => sum + (write.operation === operation ? write.seen.length : 0), 0);
  return [
    `${count('createIncidentNote')} were asked about, ${count('updateIncident')} went back to people, ${count('updateIncidents')} are resolved.`,
    ...restOf(applied, plan),
  ].join(' ');
}
