import { type Alike, alike, judge, type Similar, type Verdict } from './assess.ts';
import { clock } from './chronicle.ts';
import type { FindingClass } from './contract.ts';
import { count, markdownOf, plain } from './report.ts';
import type { StormCause, StormInput, StormSituation } from './reports.ts';
import type { Surveyed } from './survey-incidents.ts';

// What a storm is made of, from what was read of it. Pure.

/** How far back the same problem is looked for: what flaps shows in that time. */
export const lookBack = { ms: 6 * 3_600_000, words: 'six hours' } as const;

/** What is known of a service, no older than a minute when it is used. */
export interface ServiceFacts {
  /** Milliseconds since 1970. */
  readonly readAt: number;
  readonly name: string;
  readonly isInMaintenance: boolean;
}

/** All that was read so far. */
export interface StormReads {
  /** By id, as they were last seen. */
  readonly incidents: ReadonlyMap<string, Surveyed>;
  /** Resolved before, on the same services, in the hours in which flapping shows. */
  readonly earlier: readonly Surveyed[];
  /** By the id of a service; one that is not in it could not be read. */
  readonly services: ReadonlyMap<string, ServiceFacts>;
  /** Names, by the id of an escalation policy. */
  readonly onCall: ReadonlyMap<string, readonly string[]>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** One problem of one service. */
export interface Cause {
  /** The one that stands for all: the oldest of high urgency, else the oldest. */
  readonly lead: Surveyed;
  /** The oldest first, the lead among them. */
  readonly members: readonly Surveyed[];
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

const isHigh = ({ urgency }: Surveyed): boolean => urgency === 'high';
const isOpen = ({ status }: Surveyed): boolean => status !== 'resolved';
const isFiring = (incident: Surveyed): boolean => isOpen(incident) && incident.alerts?.firing !== 0;
const isTaken = (incident: Surveyed): boolean => isOpen(incident) && incident.isTaken;

const serviceOf = ({ service }: Surveyed): string => service?.name ?? 'no service';

/**
 * Groups incidents by service and by what their titles are about, and judges each by the rules that triage goes by. One whose title
 * names no problem is a cause of its own.
 * @param leads who stood for a cause before; a cause keeps its lead.
 */
export function causesIn(reads: StormReads, leads: ReadonlySet<string> = new Set()): readonly Cause[] {
  const keyOf = ({ number, problem, service }: Surveyed): string =>
    `${service?.id ?? ''} ${problem === '' ? `#${number}` : problem}`;
  const groups = new Map<string, Surveyed[]>();
  const before = new Map<string, Surveyed[]>();
  const add = (to: Map<string, Surveyed[]>, incident: Surveyed): void => {
    const key = keyOf(incident);
    const known = to.get(key);
    if (known) known.push(incident);
    else to.set(key, [incident]);
  };
  for (const incident of reads.incidents.values()) add(groups, incident);
  for (const incident of reads.earlier) if (!reads.incidents.has(incident.id)) add(before, incident);
  const causes = [...groups].flatMap(([key, some]): readonly Cause[] => {
    const members = some.toSorted((a, b) => a.number - b.number);
    const lead = members.find(({ id }) => leads.has(id)) ?? members.find(isHigh) ?? members[0];
    if (!lead) return [];
    const newestFirst = [...members, ...(before.get(key) ?? [])].toSorted((a, b) => b.number - a.number);
    const same = alike(newestFirst.map(similarOf), reads.now);
    const verdicts = new Map(members.map((member) => [member.id, verdictOn(member, same, reads)] as const));
    return [{ lead, members, verdicts }];
  });
  const highIn = ({ members }: Cause): number => members.filter(isHigh).length;
  return causes.toSorted(
    (a, b) => highIn(b) - highIn(a) || b.members.length - a.members.length || a.lead.number - b.lead.number,
  );
}

const similarOf = (incident: Surveyed): Similar => ({
  number: incident.number,
  at: incident.at,
  resolvedAt: isOpen(incident) ? null : (incident.resolvedAt ?? undefined),
});

function verdictOn(
  { number, problem, service, alerts, isSetBack }: Surveyed,
  same: Alike,
  { services }: StormReads,
): Verdict {
  const facts = services.get(service?.id ?? '');
  return judge({
    number,
    problem,
    alerts: alerts ?? undefined,
    ...(facts?.isInMaintenance && { maintenance: facts.name }),
    same,
    within: lookBack.words,
    isSetBack,
  });
}

/** How the storm stands. */
export function situationOf(
  causes: readonly Cause[],
  { onCall, now }: Pick<StormReads, 'onCall' | 'now'>,
  {
    looks,
    noted,
    pages,
    missing,
  }: {
    readonly looks: number;
    readonly noted: ReadonlySet<string>;
    readonly pages: StormSituation['pages'];
    readonly missing: readonly string[];
  },
): StormSituation {
  const all = causes.flatMap(({ members }) => members);
  const many = (is: (incident: Surveyed) => boolean): number => all.filter(is).length;
  return {
    at: new Date(now).toISOString(),
    looks,
    incidents: all.length,
    high: many(isHigh),
    open: many(isOpen),
    firing: many(isFiring),
    taken: many(isTaken),
    services: new Set(all.map(({ service }) => service?.id ?? '')).size,
    causes: causes.length,
    noted: noted.size,
    pages,
    largest: causes.slice(0, mostCauses).map((cause) => told(cause, onCall)),
    missing: missing.slice(0, mostMissing),
  };
}

/** How many causes a situation tells, and how much of what is missing. */
const mostCauses = 50;
const mostMissing = 100;

function told({ lead, members, verdicts }: Cause, onCall: StormReads['onCall']): StormCause {
  const many = (is: (incident: Surveyed) => boolean): number => members.filter(is).length;
  const classes: Partial<Record<FindingClass, number>> = {};
  for (const { class: kind } of verdicts.values()) classes[kind] = (classes[kind] ?? 0) + 1;
  return {
    service: serviceOf(lead),
    title: lead.title,
    lead: lead.id,
    number: lead.number,
    incidents: members.length,
    high: many(isHigh),
    open: many(isOpen),
    firing: many(isFiring),
    taken: many(isTaken),
    classes,
    onCall: onCall.get(lead.policy ?? '') ?? [],
  };
}

/** A note that is still to be written. */
export interface StormNote {
  readonly incident: string;
  readonly content: string;
}

/**
 * The notes that the input wants on open incidents, those of high urgency first, and of each urgency the leads first.
 * @param done incidents that were noted, or could not be.
 */
export function notesFor(
  causes: readonly Cause[],
  wanted: NonNullable<StormInput['notes']>,
  reads: StormReads,
  { since, done }: { readonly since: number; readonly done: ReadonlySet<string> },
): readonly StormNote[] {
  if (wanted === 'none') return [];
  const rank = (incident: Surveyed, isLead: boolean): number => (isHigh(incident) ? 0 : 2) + (isLead ? 0 : 1);
  const notes: (StormNote & { readonly rank: number })[] = [];
  for (const cause of causes) {
    const { lead, members, verdicts } = cause;
    for (const member of members) {
      const isLead = member === lead;
      const verdict = verdicts.get(member.id);
      const isWanted =
        wanted === 'all' || (wanted === 'high' && isHigh(member)) || (isLead && members.length > 1);
      if (!isWanted || !isOpen(member) || done.has(member.id) || !verdict) continue;
      const lines =
        isLead && members.length > 1
          ? leadNote(cause, verdict, reads, since)
          : memberNote(cause, verdict, since);
      notes.push({ incident: member.id, content: lines.join('\n'), rank: rank(member, isLead) });
    }
  }
  return notes.toSorted((a, b) => a.rank - b.rank).map(({ incident, content }) => ({ incident, content }));
}

function leadNote(
  { lead, members }: Cause,
  { class: kind, summary }: Verdict,
  { incidents, onCall }: StormReads,
  since: number,
): readonly string[] {
  const [high, firing] = [members.filter(isHigh).length, members.filter(isFiring).length];
  const people = onCall.get(lead.policy ?? '') ?? [];
  return [
    `Part of a storm of ${count(incidents.size, 'incident')} since ${clock(since)}. ${count(members.length, 'incident')} of ${serviceOf(lead)} so far are like this one, ${high} of high urgency; ${firing} still fire.`,
    `This one is ${kind}: ${summary}`,
    ...(people.length === 0 ? [] : [`On call: ${people.join(', ')}.`]),
  ];
}

function memberNote(
  { lead, members }: Cause,
  { class: kind, summary }: Verdict,
  since: number,
): readonly string[] {
  return [
    `Part of a storm since ${clock(since)}. It is ${kind}: ${summary}`,
    ...(members.length === 1
      ? []
      : [
          `One of ${count(members.length, 'incident')} of ${serviceOf(lead)} like #${lead.number} (${lead.id}), which stands for them.`,
        ]),
  ];
}

/** The storm in a sentence or two. */
export function stormSaid(situation: StormSituation, since: number): string {
  const { incidents, high, services, causes, open, firing, taken, noted, pages } = situation;
  return [
    `${count(incidents, 'incident')} on ${count(services, 'service')} since ${clock(since)}, by ${count(causes, 'cause')}; ${high} of high urgency, triaged first.`,
    `${open} are open, ${firing} of them with alerts that fire, ${taken} with people.`,
    ...(noted === 0 ? [] : [`${count(noted, 'note')} written.`]),
    ...(pages.length === 0
      ? []
      : [`${count(pages.length, 'escalation policy', 'escalation policies')} paged once.`]),
  ].join(' ');
}

/** The storm on one screen. */
export function stormReport(summary: string, { largest, pages, missing }: StormSituation): string {
  const byClass = (classes: StormCause['classes']): string =>
    Object.entries(classes)
      .map(([kind, many]) => `${many} ${kind}`)
      .join(', ');
  const people = new Map<string, Set<string>>();
  for (const { service, onCall } of largest)
    for (const person of onCall) people.set(person, (people.get(person) ?? new Set()).add(service));
  return markdownOf(
    'Storm',
    plain(summary),
    [
      {
        title: 'By cause',
        lines: largest.map(
          ({ service, title, number, incidents, high, open, firing, classes }) =>
            `#${number} ${plain(`${service}: ${title}`)}: ${count(incidents, 'incident')}, ${high} high, ${open} open, ${firing} firing; ${byClass(classes)}`,
        ),
        empty: 'none',
        most: 10,
      },
      {
        title: 'On call',
        lines: [...people].map(([person, services]) => plain(`${person}: ${[...services].join(', ')}`)),
      },
      {
        title: 'Paged for it',
        lines: pages.map(({ number, policy }) => `#${number} by ${plain(policy)}`),
      },
    ],
    missing,
  );
}
