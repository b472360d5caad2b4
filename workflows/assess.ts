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
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** So often within `flappingWithinMs` the same thing came and went, each time for less than `briefMs`, to be called flapping. */
const flaps = 3;
const flappingWithinMs = 6 * 3_600_000;
const briefMs = 15 * 60_000;

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
      similar: similar.map(({ incident_number }) => incident_number),
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
  const same = recent.filter((other) => isSame(incident, other));
  const older = same.filter(
    (other) => other.status !== 'resolved' && other.incident_number < incident.incident_number,
  );
  const brief = same.filter((other) => wasBrief(other, gathered.now));
  const recovered = alerts.length > 0 && alerts.every(({ status }) => status === 'resolved');

  if (brief.length >= flaps) {
    return finding(
      'flapping',
      `The same came and went ${brief.length} times within six hours (${numbers(brief)}), each time for less than 15 minutes.`,
      brief,
    );
  }
  const oldest = older.at(-1);
  if (oldest && !recovered) {
    return finding('duplicate', `The same is open as #${oldest.incident_number} already.`, [oldest]);
  }
  if (recovered) {
    return finding('recovered', `All ${alerts.length} alerts were resolved by their source.`, same);
  }
  if (alerts.length === 0)
    return finding('unclear', 'There is no alert to judge by; a person or a tool opened it by hand.', same);
  const firing = alerts.filter(({ status }) => status !== 'resolved').length;
  const before = same[0] ? `; the same was #${same[0].incident_number}` : '; nothing like it in 30 days';
  return finding('real', `${firing} of ${alerts.length} alerts still fire${before}.`, same.slice(0, 3));
}

const numbers = (incidents: readonly Incident[]): string =>
  incidents.map(({ incident_number }) => `#${incident_number}`).join(', ');

/** The same problem: the same title, once numbers, ids and times are taken out of it. */
const isSame = (a: Incident, b: Incident): boolean => {
  const title = fingerprint(a.title);
  return title !== '' && title === fingerprint(b.title);
};

const fingerprint = (title: string | null | undefined): string =>
  (title ?? '')
    .toLowerCase()
    .replace(/\b[0-9a-f]{8,}\b|\d+/g, '#')
    .replace(/\s+/g, ' ')
    .trim();

function wasBrief({ status, created_at, resolved_at }: Incident, now: number): boolean {
  if (status !== 'resolved' || typeof resolved_at !== 'string') return false;
  const opened = Date.parse(created_at);
  return now - opened <= flappingWithinMs && Date.parse(resolved_at) - opened < briefMs;
}
