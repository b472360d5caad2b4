import { resolveByKey } from '../alerts.ts';
import { acknowledge, addAlert, addNote, openIncident, resolve } from '../incident-life.ts';
import { byEvent, byUser } from '../incident-state.ts';
import type { Alert, Incident, Integration, User } from '../model.ts';
import { urgencyOf } from '../support-hours.ts';
import { known, type World } from '../world.ts';
import type { Data, IncidentData } from './format.ts';

/** Something that has happened already when the simulator starts. */
export interface Past {
  readonly minutesAgo: number;
  readonly happen: (world: World) => void;
}

/** What a data file tells of the past, from the oldest on, and the overrides that it gives in minutes from now. */
export const pastOf = ({ incidents, schedules }: Data): readonly Past[] => [
  ...incidents.flatMap(pastOfIncident).toSorted((a, b) => b.minutesAgo - a.minutesAgo),
  ...schedules.flatMap(({ id, overrides }) =>
    overrides.flatMap((override, index) =>
      'start' in override ? [] : [{ minutesAgo: 0, happen: overriding(id, index, override) }],
    ),
  ),
];

function pastOfIncident(data: IncidentData): readonly Past[] {
  const { minutes_ago: ago, alerts, acknowledged, notes, resolved } = data;
  // Each world has an incident of its own out of the same data.
  const opened = new WeakMap<World, Incident>();
  const later = (after: number, act: (world: World, incident: Incident) => void): Past => ({
    minutesAgo: ago - after,
    happen: (world) => {
      const incident = opened.get(world);
      if (incident) act(world, incident);
    },
  });
  const [, ...others] = alerts;
  return [
    {
      minutesAgo: ago,
      happen: (world) => {
        const incident = open(world, data);
        if (incident) opened.set(world, incident);
      },
    },
    ...others.map((alert) =>
      later(alert.after_minutes, (world, incident) =>
        addAlert(world, incident, alertOf(world, incident.id, data, alert)),
      ),
    ),
    ...alerts.flatMap(({ key, resolved_after_minutes: after }) =>
      after === undefined
        ? []
        : [later(after, (world) => resolveByKey(world, integrationOf(world, data), key))],
    ),
    ...(acknowledged
      ? [
          later(acknowledged.after_minutes, (world, incident) =>
            acknowledge(world, incident, byUser(actor(world, incident, acknowledged.by))),
          ),
        ]
      : []),
    ...notes.map(({ after_minutes, by, content }) =>
      later(after_minutes, (world, incident) => {
        addNote(world, incident, actor(world, incident, by), content);
      }),
    ),
    ...(resolved
      ? [
          later(resolved.after_minutes, (world, incident) =>
            resolve(world, incident, byUser(actor(world, incident, resolved.by)), resolved.resolution),
          ),
        ]
      : []),
  ];
}

function open(world: World, data: IncidentData): Incident | undefined {
  const service = known(world.services, data.service);
  const [first] = data.alerts;
  return openIncident(world, {
    service,
    title: data.title,
    urgency: data.urgency ?? urgencyOf(service, first?.severity ?? null, world.clock.now),
    incidentKey: null,
    cause: data.created_by === undefined ? byEvent(service) : byUser({ id: data.created_by }),
    priorityId: data.priority ?? null,
    ...(first ? { alertFor: (incidentId) => alertOf(world, incidentId, data, first) } : {}),
  });
}

const alertOf = (
  world: World,
  incidentId: string,
  data: IncidentData,
  { key, severity, details, summary }: IncidentData['alerts'][number],
): Alert => ({
  id: world.newId('Q'),
  key,
  incidentId,
  integrationId: integrationOf(world, data).id,
  serviceId: data.service,
  summary: summary ?? data.title,
  severity,
  createdAt: world.clock.now,
  details,
  contexts: [],
  resolvedAt: null,
});

function overriding(
  scheduleId: string,
  index: number,
  one: { user: string; in_minutes: number; minutes: number },
) {
  return (world: World): void => {
    const schedule = known(world.schedules, scheduleId);
    const start = world.clock.now + one.in_minutes * 60_000;
    const end = start + one.minutes * 60_000;
    const override = { id: `${scheduleId}O${index + 1}`, userId: one.user, start, end };
    world.schedules.set(scheduleId, { ...schedule, overrides: [...schedule.overrides, override] });
  };
}

/** Who is named, or else whoever has the incident at that time; anybody where nobody has it. */
function actor(world: World, { assignments }: Incident, id: string | undefined): User {
  const [assignment] = assignments;
  const [anybody] = world.users.keys();
  return known(world.users, id ?? assignment?.userId ?? anybody ?? '');
}

function integrationOf(world: World, { service }: IncidentData): Integration {
  const integration = [...world.integrations.values()].find(({ serviceId }) => serviceId === service);
  if (!integration) throw new Error(`The service ${service} has no integration for its alerts to come in.`);
  return integration;
}
