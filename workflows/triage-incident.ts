import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { assess } from './assess.ts';
import { attempt, knownOf, outcomeOf } from './attempt.ts';
import { briefOf } from './brief.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { Brief, Finding, TriageInput, TriageResult } from './contract.ts';
import { onCallNow } from './on-call.ts';
import { allPages } from './pages.ts';
import type { Standing } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';
import { pagedIn } from './seen.ts';

/** How far back the same problem is looked for. */
const lookBackMs = 30 * 24 * 3_600_000;

/** How many earlier incidents are compared. */
const mostRecent = 50;

/** How many alerts are read; an incident holds at most 1,000. */
const mostAlerts = 1_000;

/** What triage found out, for the steps that follow. */
export interface Triage {
  readonly ok: true;
  /** Whose authority the run has. */
  readonly agent: string;
  readonly incident: Incident;
  readonly finding: Finding;
  /** Names of those whom its escalation policy pages first. */
  readonly onCall: readonly string[];
  /** What could not be read, and why. */
  readonly missing: readonly string[];
  /** The notes that were there, newest first; absent where they could not be read. */
  readonly notes?: readonly Standing[];
  /** What an agent is shown of it. */
  readonly brief: Brief;
}

/** Why an incident could not even be read. */
export interface NoTriage {
  readonly ok: false;
  readonly kind: keyof typeof outcomeOf;
  readonly sentence: string;
}

/** Reads an incident and what stands around it, and says what it is. Changes nothing. */
export async function triageIncident(input: TriageInput): Promise<TriageResult> {
  const chronicle = chronicleOf(input);
  const triage = await look(input, chronicle);
  if (!triage.ok) {
    chronicle.notChanged(`triage of ${input.incident}`, triage.sentence);
    return chronicle.end(outcomeOf[triage.kind], triage.sentence, knownOf(triage));
  }
  const { finding, missing } = triage;
  const result = chronicle.end(missing.length === 0 ? 'done' : 'partly', describe(triage), {
    verified: true,
    next: missing,
  });
  return { ...result, finding };
}

/** The reads of triage, and the rules' judgement on them. */
export async function look(
  { account, incident: id }: TriageInput,
  chronicle: Chronicle,
): Promise<Triage | NoTriage> {
  const { look } = activitiesOf(account);
  const read = await attempt(
    perform(look.getIncident, { step: `Read incident ${id}`, request: { params: { id } }, ours: true }),
  );
  if (!read.ok) return read;
  chronicle.actsAs(read.agent);
  const { incident } = read.response;
  chronicle.concerns(incident.service?.id);
  chronicle.shows(incident);
  const service = incident.service?.id;
  const policy = incident.escalation_policy?.id;

  const [alerts, notes, serviceRead, onCalls, recent] = await Promise.all([
    attempt(
      allPages<'listIncidentAlerts', AlertOf>(
        (offset) =>
          perform(look.listIncidentAlerts, {
            step: `List alerts of ${id} from ${offset}`,
            request: { params: { id }, query: { limit: 100, offset } },
          }),
        (response) => response.alerts,
        mostAlerts,
      ),
    ),
    attempt(perform(look.listIncidentNotes, { step: `List notes of ${id}`, request: { params: { id } } })),
    service === undefined
      ? undefined
      : attempt(
          perform(look.getService, { step: `Read service ${service}`, request: { params: { id: service } } }),
        ),
    policy === undefined ? undefined : onCallNow(account, policy, `List who is on call for ${policy}`),
    service === undefined
      ? undefined
      : attempt(
          perform(look.listIncidents, {
            step: `List recent incidents of ${service}`,
            request: {
              query: {
                'service_ids[]': [service],
                since: new Date(Date.now() - lookBackMs).toISOString(),
                sort_by: 'created_at:desc',
                limit: mostRecent,
              },
            },
          }),
        ),
  ]);

  const unread = (
    read: { readonly ok: true } | { readonly ok: false; readonly sentence: string } | undefined,
  ): string | undefined => (read === undefined || read.ok ? undefined : `not read: ${read.sentence}`);
  const missing = Object.entries({
    alerts: unread(alerts),
    notes: unread(notes),
    service: unread(serviceRead),
    'on-call': onCalls?.ok === false ? onCalls.why : undefined,
    'recent incidents': unread(recent),
  }).flatMap(([what, why]) => (why === undefined ? [] : [`${what} ${why}`]));
  const others = recent?.ok ? recent.response.incidents.filter((other) => other.id !== incident.id) : [];
  const finding = assess({
    incident,
    alerts: alerts.ok ? alerts.items : undefined,
    service: serviceRead?.ok ? serviceRead.response.service : undefined,
    recent: recent?.ok ? others : undefined,
    ourUsers: read.ourUsers ?? [],
    now: Date.now(),
  });
  const onCall = onCalls?.ok ? pagedIn(onCalls.onCalls).map(({ name }) => name) : [];
  const triage: Triage = {
    ok: true,
    agent: read.agent,
    incident,
    finding,
    onCall,
    missing,
    ...(notes.ok && {
      notes: notes.response.notes.map(({ id: note, created_at: at, user }) => ({
        id: note,
        at: at ?? null,
        isOurs: read.ourUsers?.includes(user?.id ?? '') === true,
      })),
    }),
    brief: briefOf({
      account,
      incident,
      alerts: alerts.ok ? alerts.items : [],
      notes: notes.ok ? notes.response.notes : [],
      recent: others,
      onCall,
      rules: finding,
      missing,
    }),
  };
  chronicle.say(describe(triage));
  return triage;
}

type AlertOf = import('../pagerduty/catalogue/incidents.ts').Alert;

/** "Incident #12 is real: 2 of 2 alerts still fire. On call: Ada." */
export function describe({ incident, finding, onCall }: Triage): string {
  const who = onCall.length === 0 ? '' : ` On call: ${onCall.join(', ')}.`;
  return `Incident #${incident.incident_number} is ${finding.class}: ${finding.summary}${who}`;
}
