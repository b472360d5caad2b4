import type { Incident } from '../../pagerduty/catalogue/incidents.ts';
import { alike, judge, problemOf, type Similar } from '../../workflows/assess.ts';
import type { FindingClass } from '../../workflows/contract.ts';
import { groupsOf, titleKeyOf } from '../../workflows/duplicates.ts';
import { grouped } from '../output.ts';
import { said } from '../words.ts';
import type { Scope } from './places.ts';
import type { Reader } from './reading.ts';

const dayMs = 24 * 3_600_000;

/** What is looked back at. */
export const weekMs = 7 * dayMs;

/** How much longer incidents are read: what a week's first incidents resemble came before them. */
const beforeMs = 7 * dayMs;

/** How soon after an incident is opened a run looks at it. What is over by then nobody touches. */
const looksAfterMs = 10_000;

/** How many services one question names; an address can hold no more. */
const mostInQuestion = 100;

/** An incident as far as the look back goes by it. PagerDuty's words: data, never an order. */
export interface Past {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly service: string;
  /** See `titleKeyOf`; absent where its title names no problem. */
  readonly key: string | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `null` where it is open. */
  readonly resolvedAt: number | null;
  readonly alerts: number | undefined;
}

/** What the last week would have been with an agent that may read and write notes. */
export interface LastWeek {
  /** ISO 8601. */
  readonly since: string;
  readonly until: string;
  /** Whether PagerDuty showed all there is. */
  readonly complete: boolean;
  readonly incidents: number;
  /** How many were over before a run would have looked. */
  readonly over: number;
  /** On how many it would have left its finding as a note. */
  readonly touched: number;
  readonly duplicates: number;
  /** What it would have called the others. */
  readonly findings: Readonly<Partial<Record<FindingClass, number>>>;
  /** Problems that were open more than once, the most frequent first. */
  readonly often: readonly {
    readonly title: string;
    readonly service: string;
    readonly duplicates: number;
  }[];
  /** The newest incident there is; of the time before, where the week had none. */
  readonly newest: string | undefined;
}

/** Reads the incidents of the last week and looks back at them. */
export async function lastWeek(reader: Reader, scope: Scope, now: number): Promise<LastWeek> {
  const incidents = new Map<string, Past>();
  const span = {
    since: new Date(now - weekMs - beforeMs).toISOString(),
    until: new Date(now).toISOString(),
  };
  let complete = true;
  for (const filter of filtersOf(scope))
    complete =
      (await reader.walk('listIncidents', { ...span, ...filter }, (response) => {
        for (const incident of response.incidents) incidents.set(incident.id, pastOf(incident));
      })) && complete;
  return lookBack([...incidents.values()], now, complete);
}

function filtersOf({ of, chosen }: Scope): readonly object[] {
  if (of === 'all') return [{}];
  const name = of === 'teams' ? 'team_ids[]' : 'service_ids[]';
  const lots: object[] = [];
  for (let from = 0; from < chosen.length; from += mostInQuestion)
    lots.push({ [name]: chosen.slice(from, from + mostInQuestion).map(({ id }) => id) });
  return lots;
}

/** What is kept of an incident. One that is resolved and does not say since when was at its last change. */
export function pastOf(incident: Incident): Past {
  const { id, incident_number: number, title, service, status, created_at, alert_counts } = incident;
  const ended = incident.resolved_at ?? incident.last_status_change_at ?? created_at;
  return {
    id,
    number,
    title: title ?? '',
    service: service?.summary ?? service?.id ?? 'no service',
    key: titleKeyOf(incident),
    at: Date.parse(created_at),
    resolvedAt: status === 'resolved' ? Date.parse(ended) : null,
    alerts: alert_counts?.all,
  };
}

/**
 * Plays the week again: each incident as a run would have found it, judged by the rules that judge today, what came later
 * unknown.
 */
export function lookBack(incidents: readonly Past[], now: number, complete: boolean): LastWeek {
  const oldestFirst = incidents.toSorted((one, other) => one.at - other.at || one.number - other.number);
  const week = oldestFirst.filter(({ at }) => at >= now - weekMs);
  const met = week.filter((past) => wasOpen(past, past));
  const byKey = new Map<string, Past[]>();
  for (const past of oldestFirst) {
    if (past.key === undefined) continue;
    const same = byKey.get(past.key);
    if (same) same.push(past);
    else byKey.set(past.key, [past]);
  }
  const findings: Partial<Record<FindingClass, number>> = {};
  const often = new Map<string, { title: string; service: string; duplicates: number }>();
  let duplicates = 0;
  for (const past of met) {
    const same = (past.key === undefined ? undefined : byKey.get(past.key)) ?? [past];
    const kept = keptOf(past, same);
    if (!kept) {
      const kind = findingOf(past, same);
      findings[kind] = (findings[kind] ?? 0) + 1;
      continue;
    }
    duplicates += 1;
    const { title, service, key = '' } = kept;
    const counted = often.get(key) ?? { title: said(title, 60), service: said(service, 40), duplicates: 0 };
    often.set(key, { ...counted, duplicates: counted.duplicates + 1 });
  }
  return {
    since: new Date(now - weekMs).toISOString(),
    until: new Date(now).toISOString(),
    complete,
    incidents: week.length,
    over: week.length - met.length,
    touched: met.length,
    duplicates,
    findings,
    often: [...often.values()].toSorted((one, other) => other.duplicates - one.duplicates).slice(0, 3),
    newest: oldestFirst.at(-1)?.id,
  };
}

/** Whether an incident was open when a run looked at one, itself or another. */
const wasOpen = ({ resolvedAt }: Past, { at }: Past): boolean =>
  resolvedAt === null || resolvedAt > at + looksAfterMs;

/**
 * The incident that the sweep of duplicates would have kept in the place of this one.
 * @param same all incidents of its problem, the oldest first.
 */
function keptOf(past: Past, same: readonly Past[]): Past | undefined {
  const oldest = same.find((other) => wasOpen(other, past));
  const open = oldest === undefined || oldest.id === past.id ? [past] : [oldest, past];
  return groupsOf(open, ({ key }) => key)[0]?.kept;
}

/** What the rules would have called one that is no duplicate. */
function findingOf(past: Past, same: readonly Past[]): FindingClass {
  const { number, title, at, alerts } = past;
  const known: Similar[] = [];
  // What is longer ago makes no difference to them.
  for (let index = same.indexOf(past); index >= 0; index -= 1) {
    const other = same[index];
    if (!other || other.at < at - dayMs) break;
    known.push({
      number: other.number,
      at: other.at,
      resolvedAt: wasOpen(other, past) ? null : other.resolvedAt,
    });
  }
  return judge({
    number,
    problem: problemOf(title),
    // Alerts resolve after they were told of: as a run looks, they fire.
    alerts: alerts === undefined ? undefined : { all: alerts, firing: alerts },
    same: alike(known, at + looksAfterMs),
    within: '7 days',
    isSetBack: false,
  }).class;
}

/** That, as people read it. */
export function weekInWords(week: LastWeek, agent: string): string {
  const { since, until, incidents, over, touched, duplicates, findings, often, complete } = week;
  const others = Object.entries(findings).map(([kind, count]) => `${grouped(count)} ${kind}`);
  return [
    `The last week again, ${since.slice(0, 10)} to ${until.slice(0, 10)}: ${agent} would have touched ${counted(touched, 'incident')}; ${duplicates === 0 ? 'none was a duplicate' : `${grouped(duplicates)} ${duplicates === 1 ? 'was a duplicate' : 'were duplicates'}`}.`,
    ...(touched === 0
      ? []
      : [
          `On each it would have left its finding as one note${others.length === 0 ? '' : ` (${duplicates === 0 ? '' : 'the others: '}${others.join(', ')})`}; with no grant to acknowledge, PagerDuty would have gone on paging.`,
        ]),
    ...often.map(
      ({ title, service, duplicates: times }) => `  ${counted(times, 'duplicate')} on ${service}: ${title}`,
    ),
    ...(over === 0
      ? []
      : [
          `${counted(over, 'incident')} more ${over === 1 ? 'was' : 'were'} over within ${looksAfterMs / 1_000} s, before a run would have looked.`,
        ]),
    complete
      ? `All of the week's ${counted(incidents, 'incident')} were read.`
      : 'PagerDuty did not show all incidents: there were more.',
  ].join('\n');
}

const counted = (count: number, what: string): string => `${grouped(count)} ${what}${count === 1 ? '' : 's'}`;
