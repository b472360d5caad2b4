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

/**
 * Judges an incident by rules alone. What is named is what the evidence shows; where it is missing or contradicts itself the
 * word is `unclear`. Nothing here obeys a text: titles are compared, never read.
 */
export function assess(gathered: Gathered): Finding {
  const { incident, alerts, service, recent } = gathered;
  const finding = (kind: FindingClass, summary: string, similar: readonly Incident[] = []): Finding => ({
    class: kind,
    summary,
    evidence: {
      alerts: (alerts ?? []).map(({ id }) => id),
      similar: similar.slice(0, mostSimilar).map(({ incident_number }) => incident_number),
    },
  });

  if (service?.status === 'maintenance') {
    return finding('maintenance', `The service ${service.name ?? service.id} is in maintenance.`);
  }
  if (alerts === undefined || recent === undefined) {
    return finding(
      'unclear',
      `${alerts === undefined ? 'The alerts' : 'Earlier incidents'} could not be read.`,
    );
  }
  if (alerts.length === 0) {
    return finding('unclear', 'There is no alert to judge by; a person or a tool opened it by hand.');
  }
  if (problemOf(incident.title) === '')
    return finding('unclear', 'Its title names no problem, so it cannot be compared.');

  const same = recent.filter((other) => problemOf(other.title) === problemOf(incident.title));
  const brief = same.filter((other) => wasBrief(other, gathered.now));
  const oldestOpen = same.findLast(
    ({ status, incident_number }) => status !== 'resolved' && incident_number < incident.incident_number,
  );
  const firing = alerts.filter(({ status }) => status !== 'resolved');

  if (brief.length >= flaps) {
    return finding(
      'flapping',
      `The same came and went ${brief.length} times within six hours (${numbers(brief)}), each time for less than 15 minutes.`,
      brief,
    );
  }
  if (wasSetBack(incident, gathered.ourUsers)) {
    const alone = firing.length === 0 ? ' afterwards, though all of its alerts are resolved' : '';
    return finding('unclear', `A person set it back to triggered${alone}: it is theirs to judge.`, same);
  }
  if (firing.length === 0) {
    return finding(
      'recovered',
      `Its source has resolved ${alerts.length === 1 ? 'its alert' : `all ${alerts.length} alerts`}.`,
      same,
    );
  }
  if (oldestOpen) {
    return finding('duplicate', `The same is open as #${oldestOpen.incident_number} already.`, [oldestOpen]);
  }
  const before =
    same.length === 0 ? 'nothing like it in 30 days' : `the same was ${numbers(same.slice(0, 3))}`;
  return finding('real', `${firing.length} of ${alerts.length} alerts still fire; ${before}.`, same);
}

const numbers = (incidents: readonly Incident[]): string =>
  incidents.map(({ incident_number }) => `#${incident_number}`).join(', ');

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

function wasBrief({ status, created_at, resolved_at }: Incident, now: number): boolean {
  if (status !== 'resolved' || typeof resolved_at !== 'string') return false;
  const opened = Date.parse(created_at);
  return now - opened <= flappingWithinMs && Date.parse(resolved_at) - opened < briefMs;
}

/** Whether a person opened it again or took an acknowledge back: then there is more to it than its alerts tell. */
function wasSetBack(
  { status, created_at, last_status_change_at: at, last_status_change_by: by }: Incident,
  ourUsers: readonly string[],
): boolean {
  const isPerson = by?.type?.startsWith('user') === true && !ourUsers.includes(by.id);
  return (
    status === 'triggered' && isPerson && typeof at === 'string' && Date.parse(at) > Date.parse(created_at)
  );
}
