import { addNote } from '../incident-life.ts';
import { fieldsIn, isText } from '../input.ts';
import type { Incident } from '../model.ts';
import type { Query } from '../query.ts';
import { found, Refusal } from '../refusal.ts';
import { addMonths } from '../times.ts';
import { writeAlert, writeIncident, writeNote } from '../wire/incident.ts';
import { plainView, viewOf } from '../wire/view.ts';
import { type Call, type Outcome, ok } from './handler.ts';
import { pageOf, sorted } from './lists.ts';

export function listIncidents({ world, query }: Call<'listIncidents'>): Outcome {
  const view = viewOf(world, query);
  const key = query.text('incident_key');
  const candidates = key === undefined ? world.incidents.values() : world.incidentIndex.byKey(key);
  const matching = [...candidates].filter(asked(query, world.clock.now));
  const incidents = sorted(matching, query, {
    incident_number: ({ number }) => number,
    created_at: ({ createdAt }) => createdAt,
    resolved_at: ({ resolvedAt }) => resolvedAt,
    urgency: ({ urgency }) => (urgency === 'high' ? 1 : 0),
  });
  return ok(pageOf('incidents', incidents, query, (incident) => writeIncident(view, incident)));
}

export function getIncident({ world, params, query }: Call<'getIncident'>): Outcome {
  const incident = found(world.incident(params.id));
  return ok({ incident: writeIncident(viewOf(world, query), incident) });
}

export function listIncidentNotes({ world, params }: Call<'listIncidentNotes'>): Outcome {
  const { notes } = found(world.incidents.get(params.id));
  return ok({ notes: notes.toReversed().map((note) => writeNote(plainView(world), note)) });
}

/** PagerDuty answers 200 here, not 201, and takes notes on resolved incidents too. */
export function createIncidentNote({ world, params, body, actor }: Call<'createIncidentNote'>): Outcome {
  const incident = found(world.incidents.get(params.id));
  const { content } = fieldsIn(body, 'note');
  if (!isText(content)) throw new Refusal(2001, 'Content cannot be empty.');
  if (incident.notes.length >= maxNotes)
    throw new Refusal(2019, `An incident takes at most ${maxNotes} notes.`);
  return ok({ note: writeNote(plainView(world), addNote(world, incident, actor, content)) });
}

export function listIncidentAlerts({ world, params, query }: Call<'listIncidentAlerts'>): Outcome {
  const incident = found(world.incidents.get(params.id));
  const view = viewOf(world, query);
  const status = query.filter('statuses[]');
  const key = query.text('alert_key');
  const matching = incident.alerts.filter(
    (alert) =>
      status(alert.resolvedAt === null ? 'triggered' : 'resolved') &&
      (key === undefined || alert.key === key),
  );
  const alerts = sorted(matching, query, {
    created_at: ({ createdAt }) => createdAt,
    resolved_at: ({ resolvedAt }) => resolvedAt,
  });
  return ok(pageOf('alerts', alerts, query, (alert) => writeAlert(view, incident, alert)));
}

const maxNotes = 2000;

/** What the filters of `GET /incidents` let pass. */
function asked(query: Query, now: number): (incident: Incident) => boolean {
  checkWords(query, 'statuses[]', ['triggered', 'acknowledged', 'resolved'], statusWords);
  checkWords(query, 'urgencies[]', ['high', 'low'], 'Urgency must be a list of high or low.');
  const inTime = createdIn(query, now);
  const status = query.filter('statuses[]');
  const urgency = query.filter('urgencies[]');
  const service = query.filter('service_ids[]');
  const team = query.filter('team_ids[]');
  const user = query.filter('user_ids[]');
  const priority = query.filter('priority_ids[]');
  return (incident) =>
    inTime(incident) &&
    status(incident.status) &&
    urgency(incident.urgency) &&
    service(incident.serviceId) &&
    team(...incident.teamIds) &&
    user(...incident.assignments.map(({ userId }) => userId)) &&
    priority(incident.priorityId ?? '');
}

/** As seen live (hubot-pager-me#56). */
const statusWords = 'Status must be a list of triggered, acknowledged, or resolved.';

function checkWords(query: Query, name: `${string}[]`, words: readonly string[], otherwise: string): void {
  if (!query.values(name).every((value) => words.includes(value))) throw new Refusal(2001, otherwise);
}

/** The last month where nothing else is asked; at most six months, unless all time is. */
function createdIn(query: Query, now: number): (incident: Incident) => boolean {
  if (query.text('date_range') === 'all') return () => true;
  const until = query.instant('until') ?? now;
  const since = query.instant('since') ?? addMonths(until, -1);
  if (until < since) throw new Refusal(2004, 'until must not be before since.');
  if (addMonths(since, 6) < until)
    throw new Refusal(2005, 'The date range must not be longer than 6 months.');
  return ({ createdAt }) => {
    // As it is shown, in whole seconds: who asks from a shown instant on gets that incident.
    const shown = Math.floor(createdAt / 1000) * 1000;
    return since <= shown && shown <= until;
  };
}
