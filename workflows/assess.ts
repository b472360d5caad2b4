import type { Alert, Incident } from '../pagerduty/catalogue/incidents.ts';
import type { Service } from '../pagerduty/catalogue/services.ts';
import type { Finding, FindingClass } from './contract.ts';

/** What triage gathered. `undefined` is what could not be read. */
export interface Gathered {
  readonly incident: Incident;
  readonly alerts: readonly Alert[] | undefined;
  readonly service: Service | undefined;
  /** Incidents of the same service in the last 30 days, this one aside, newest first. */
  readonly recent: readonly Incident[] | undefined;
  /** Ids of our own users: what they did, no person did. */
  readonly ourUsers: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** So often within `flappingWithinMs` the same thing came and went, each time for less than `briefMs`, to be called flapping. */
const flaps = 3;
const flappingWithinMs = 6 * 3_600_000;
const briefMs = 15 * 60_000;

/** How many similar incidents a finding names. */
const mostSimilar = 10;

/** What the rules go by, whoever read it. */
export interface Evidence {
  readonly number: number;
  /** See `problemOf`. */
  readonly problem: string;
  /** How many alerts it has, and how many of them still fire. `undefined` is what could not be read, here and below. */
  readonly alerts: { readonly all: number; readonly firing: number } | undefined;
  /** Name of its service, where that is in maintenance. */
  readonly maintenance?: string;
  /** Incidents of its service about the same problem in the time that was looked at; it may be one of them. */
  readonly same: Alike | undefined;
  /** That time, in words: `30 days`. */
  readonly within: string;
  /** A person opened it again or took an acknowledge back: then there is more to it than its alerts tell. */
  readonly isSetBack: boolean;
}

/** Another incident about the same problem. */
export interface Similar {
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `null` where it is open, `undefined` where nobody knows when it was resolved. */
  readonly resolvedAt: number | null | undefined;
}

/** Incidents about one problem, looked through once however many of them are judged. */
export interface Alike {
  readonly newestFirst: readonly Similar[];
  /** Those that came and went within minutes, by their numbers, in that order. */
  readonly brief: ReadonlyMap<number, Similar>;
  readonly oldestOpen: Similar | undefined;
}

/** Looks through incidents about one problem, the newest first. */
export function alike(newestFirst: readonly Similar[], now: number): Alike {
  const brief = newestFirst.filter((one) => wasBrief(one, now)).map((one) => [one.number, one] as const);
  const open = newestFirst.filter(({ resolvedAt }) => resolvedAt === null);
  const oldestOpen = open.reduce<Similar | undefined>(
    (oldest, one) => (oldest === undefined || one.number < oldest.number ? one : oldest),
    undefined,
  );
  return { newestFirst, brief: new Map(brief), oldestOpen };
}

/** What the rules say. */
export interface Verdict {
  readonly class: FindingClass;
  readonly summary: string;
  /** Numbers of the incidents it resembles. */
  readonly similar: readonly number[];
}

/** The rules' judgement on what triage gathered of one incident. */
export function assess({ incident, alerts, service, recent, ourUsers, now }: Gathered): Finding {
  const problem = problemOf(incident.title);
  const { similar, ...verdict } = judge({
    number: incident.incident_number,
    problem,
    alerts: alerts && {
      all: alerts.length,
      firing: alerts.filter(({ status }) => status !== 'resolved').length,
    },
    ...(service?.status === 'maintenance' && { maintenance: service.name ?? service.id }),
    same: recent && alike(recent.filter((other) => problemOf(other.title) === problem).map(similarOf), now),
    within: '30 days',
    isSetBack: wasSetBack(incident, ourUsers),
  });
  return { ...verdict, evidence: { alerts: (alerts ?? []).map(({ id }) => id), similar } };
}

const similarOf = ({ incident_number: number, status, created_at, resolved_at }: Incident): Similar => ({
  number,
  at: Date.parse(created_at),
  resolvedAt:
    status !== 'resolved' ? null : typeof resolved_at === 'string' ? Date.parse(resolved_at) : undefined,
});

/**
 * Judges an incident by rules alone. What is named is what the evidence shows; where it is missing or contradicts itself the
 * word is `unclear`. Nothing here obeys a text: titles are compared, never read.
 */
export function judge({ number, problem, alerts, maintenance, same, within, isSetBack }: Evidence): Verdict {
  const verdict = (kind: FindingClass, summary: string, similar: readonly Similar[] = []): Verdict => ({
    class: kind,
    summary,
    similar: similar.map((other) => other.number),
  });

  if (maintenance !== undefined)
    return verdict('maintenance', `The service ${maintenance} is in maintenance.`);
  if (alerts === undefined || same === undefined) {
    return verdict(
      'unclear',
      `${alerts === undefined ? 'The alerts' : 'Earlier incidents'} could not be read.`,
    );
  }
  const { all, firing } = alerts;
  if (all === 0) {
    return verdict('unclear', 'There is no alert to judge by; a person or a tool opened it by hand.');
  }
  if (problem === '') return verdict('unclear', 'Its title names no problem, so it cannot be compared.');

  const { newestFirst, brief, oldestOpen } = same;
  const others = (all: Iterable<Similar>): readonly Similar[] => firstBeside(number, all);
  const times = brief.size - (brief.has(number) ? 1 : 0);

  if (times >= flaps) {
    const some = others(brief.values());
    return verdict(
      'flapping',
      `The same came and went ${times} times within six hours (${numbers(some)}${times > some.length ? ', …' : ''}), each time for less than 15 minutes.`,
      some,
    );
  }
  const similar = others(newestFirst);
  if (isSetBack) {
    const alone = firing === 0 ? ' afterwards, though all of its alerts are resolved' : '';
    return verdict('unclear', `A person set it back to triggered${alone}: it is theirs to judge.`, similar);
  }
  if (firing === 0) {
    return verdict(
      'recovered',
      `Its source has resolved ${all === 1 ? 'its alert' : `all ${all} alerts`}.`,
      similar,
    );
  }
  if (oldestOpen && oldestOpen.number < number) {
    return verdict('duplicate', `The same is open as #${oldestOpen.number} already.`, [oldestOpen]);
  }
  const before =
    similar.length === 0 ? `nothing like it in ${within}` : `the same was ${numbers(similar.slice(0, 3))}`;
  return verdict('real', `${firing} of ${all} alerts still fire; ${before}.`, similar);
}

/** The first few of them that are another one. */
function firstBeside(number: number, all: Iterable<Similar>): readonly Similar[] {
  const found: Similar[] = [];
  for (const one of all) {
    if (found.length === mostSimilar) break;
    if (one.number !== number) found.push(one);
  }
  return found;
}

const numbers = (incidents: readonly Similar[]): string =>
  incidents.map(({ number }) => `#${number}`).join(', ');

/**
 * What a title is about: its words without what a monitor measures or makes up anew each time (values, times, ids, hashes)
 * and without the state in brackets before it. Names keep their digits: `db-01` and `db-02` are two problems. Empty where
 * no word is left.
 */
export function problemOf(title: string | null | undefined): string {
  const words = (title ?? '')
    .toLowerCase()
    .replace(/^(\s*\[[^\]]*\])+/, '')
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, ' ')
    .replace(/\b\d{4}-\d\d-\d\d([t ]\d\d:\d\d(:\d\d)?(\.\d+)?(z|[+-]\d\d:?\d\d)?)?\b/g, ' ')
    .split(/[\s,;()'"]+/)
    .filter((word) => !isMeasured(word));
  return words.some((word) => /\p{L}{2}/u.test(word)) ? words.join(' ') : '';
}

/** A number alone or with its sign, unit or clock form; or a hash. */
const isMeasured = (word: string): boolean =>
  word === '' ||
  /^[<>=≥≤~+-]*\d+([.,:]\d+)*(%|[a-zµ]{1,3}(\/[a-z]+)?|z)?[:.]?$/u.test(word) ||
  /^(?=.*\d)[0-9a-f]{7,}$/.test(word);

const wasBrief = ({ at, resolvedAt }: Similar, now: number): boolean =>
  typeof resolvedAt === 'number' && now - at <= flappingWithinMs && resolvedAt - at < briefMs;

/** Whether a person opened it again or took an acknowledge back. */
function wasSetBack(
  { status, created_at, last_status_change_at: at, last_status_change_by: by }: Incident,
  ourUsers: readonly string[],
): boolean {
  const isPerson = by?.type?.startsWith('user') === true && !ourUsers.includes(by.id);
  return (
    status === 'triggered' && isPerson && typeof at === 'string' && Date.parse(at) > Date.parse(created_at)
  );
}
