import type { Alert, Incident } from '../../pagerduty/catalogue/incidents.ts';
import type { Note } from '../../pagerduty/catalogue/notes.ts';
import type { OnCall } from '../../pagerduty/catalogue/oncalls.ts';
import type { Reference } from '../../pagerduty/catalogue/wire.ts';
import { fenced, type Row, untrusted, when } from './texts.ts';

/** An incident in a list. */
export function incidentRow(incident: Incident): Row {
  const { id, incident_number, title, status, urgency, created_at, service, assignments, alert_counts } =
    incident;
  const assigned = (assignments ?? []).map(({ assignee }) => assignee);
  return {
    line: [
      `#${incident_number} ${id} ${status}, ${urgency} urgency, opened ${when(created_at)}`,
      `on ${named(service)}`,
      ...(assigned.length > 0 ? [`assigned to ${assigned.map(named).join(', ')}`] : []),
      fenced(title),
    ].join('; '),
    data: {
      id,
      number: incident_number,
      title: untrusted(title),
      status,
      urgency,
      created_at,
      service: refer(service),
      assigned_to: assigned.map(refer),
      acknowledged_by: (incident.acknowledgements ?? []).map(({ acknowledger }) => refer(acknowledger)),
      ...(alert_counts && { alerts: { firing: alert_counts.triggered, all: alert_counts.all } }),
    },
  };
}

/** An alert of an incident. `body.details` is what its source sent. */
export function alertRow({ id, status, severity, summary, created_at, body }: Alert): Row {
  const details = body?.details === undefined ? undefined : JSON.stringify(body.details);
  return {
    line: `${id} ${status}${severity ? `, ${severity}` : ''}, since ${when(created_at)}; ${fenced(summary)}`,
    data: {
      id,
      status,
      severity: severity ?? null,
      summary: untrusted(summary),
      ...(details !== undefined && { details: untrusted(details, 600) }),
    },
  };
}

/** A note on an incident. */
export function noteRow({ content, created_at, user }: Note): Row {
  return {
    line: `${named(user)} ${when(created_at)}: ${fenced(content, 400)}`,
    data: { by: refer(user), at: created_at ?? null, text: untrusted(content, 1_000) },
  };
}

/** Who is on call at one level of a policy. */
export function onCallRow({ escalation_level, user, escalation_policy, schedule, start, end }: OnCall): Row {
  const span = `${start ? `from ${when(start)}` : 'always'}${end ? ` until ${when(end)}` : ''}`;
  return {
    line: `level ${escalation_level} of ${named(escalation_policy)}: ${named(user)}${schedule ? `, by ${named(schedule)}` : ''}, ${span}`,
    data: {
      level: escalation_level,
      user: refer(user),
      policy: refer(escalation_policy),
      schedule: schedule ? refer(schedule) : null,
      start: start ?? null,
      end: end ?? null,
    },
  };
}

/** Anything that has an id and a name. */
export function plainRow(record: { readonly id: string; readonly [field: string]: unknown }): Row {
  const { id } = record;
  const name =
    typeof record['name'] === 'string'
      ? record['name']
      : typeof record['summary'] === 'string'
        ? record['summary']
        : '';
  const kept = ['email', 'role', 'status', 'time_zone', 'num_loops'].flatMap((field) =>
    typeof record[field] === 'string' || typeof record[field] === 'number'
      ? [[field, record[field]] as const]
      : [],
  );
  const rest = kept.map(
    ([field, value]) => `${field} ${typeof value === 'string' ? fenced(value, 80) : value}`,
  );
  return {
    line: [`${id} ${fenced(name)}`, ...rest].join(', '),
    data: {
      id,
      name: untrusted(name),
      ...Object.fromEntries(
        kept.map(([field, value]) => [field, typeof value === 'string' ? untrusted(value, 80) : value]),
      ),
    },
  };
}

/** A thing that is named beside another, in a sentence. */
export const named = (reference: Reference | null | undefined): string =>
  reference ? `${fenced(reference.summary ?? reference.id, 60)} (${reference.id})` : 'nothing';

/** The same as data. */
export const refer = (reference: Reference | null | undefined) =>
  reference ? { id: reference.id, name: untrusted(reference.summary, 60) } : null;
