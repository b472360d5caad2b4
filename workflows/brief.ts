import type { Alert, Incident } from '../pagerduty/catalogue/incidents.ts';
import type { Note } from '../pagerduty/catalogue/notes.ts';
import type { Brief, Finding } from './contract.ts';
import { namesOf } from './state.ts';

/** What a look gathered, as far as an agent is shown it. */
export interface Looked {
  readonly account: string;
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
  readonly notes: readonly Note[];
  readonly recent: readonly Incident[];
  readonly onCall: readonly string[];
  readonly rules: Finding;
  readonly missing: readonly string[];
}

/** How many of each an agent is shown, and how much of a text: a model's patience is short, and so is a history. */
const most = { items: 20, title: 300, text: 2_000 };

/** What an agent is shown of an incident. */
export function briefOf(looked: Looked): Brief {
  const { account, incident, alerts, notes, recent, onCall, rules, missing } = looked;
  return {
    account,
    incident: {
      id: incident.id,
      number: incident.incident_number,
      title: cut(incident.title, most.title),
      status: incident.status,
      urgency: incident.urgency,
      createdAt: incident.created_at,
      service: incident.service ? namesOf([incident.service]) : '',
      escalationPolicy: incident.escalation_policy ? namesOf([incident.escalation_policy]) : '',
      assignees: (incident.assignments ?? []).map(({ assignee }) => namesOf([assignee])),
    },
    alerts: alerts.slice(0, most.items).map(({ id, status, severity, summary, body }) => ({
      id,
      status,
      severity: severity ?? '',
      summary: cut(summary, most.title),
      details: cut(body?.details === undefined ? '' : JSON.stringify(body.details), most.text),
    })),
    alertCount: alerts.length,
    notes: notes.slice(0, most.items).map(({ content, created_at, user }) => ({
      by: user ? namesOf([user]) : '',
      at: created_at ?? '',
      text: cut(content, most.text),
    })),
    recent: recent.slice(0, most.items).map((other) => ({
      number: other.incident_number,
      title: cut(other.title, most.title),
      status: other.status,
      createdAt: other.created_at,
      resolvedAt: other.resolved_at ?? null,
    })),
    onCall,
    rules,
    missing,
  };
}

const cut = (text: string | null | undefined, length: number): string =>
  (text ?? '').length > length ? `${(text ?? '').slice(0, length)}…` : (text ?? '');
