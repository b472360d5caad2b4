import type { OperationName } from '../../pagerduty/catalogue/index.ts';
import { trigger } from '../../simulator/alerts.ts';
import type { Incident, Integration } from '../../simulator/model.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import type { World } from '../../simulator/world.ts';

/** One write that is about to be made: its request, and what PagerDuty must hold of it afterwards. */
export interface Prepared {
  readonly request: object;
  /** Incidents by whose ids its requests are told, beside the token that stands in all of them. */
  readonly incidents?: readonly string[];
  /** How often its effect is there. */
  readonly effects: (world: World) => number;
  /** Whether it sets what is set already, so that PagerDuty's state cannot tell two from one. */
  readonly isSetting?: true;
}

/** One of the 13 writes. `prepare` makes what the request needs; the token stands in every request of it, the seed varies it. */
export interface Write {
  readonly operation: OperationName;
  readonly prepare: (world: World, token: string, seed: number) => Prepared;
}

const { users, services, policies, schedules, routingKeys } = seedIds;

/** The writes of the 28 operations, in the order of the catalogue. */
export const writes: readonly Write[] = [
  {
    operation: 'createIncident',
    prepare: (_world, token, seed) => ({
      request: {
        body: {
          incident: {
            type: 'incident',
            title: token,
            service: { id: services.search, type: 'service_reference' },
            // With a key of the caller's own, and with ours.
            ...(seed % 2 === 1 && { incident_key: token }),
          },
        },
      },
      effects: (world) => count(world.incidents.values(), ({ title }) => title === token),
    }),
  },
  { operation: 'updateIncident', prepare: updateOne },
  { operation: 'updateIncidents', prepare: updateMany },
  {
    operation: 'createIncidentNote',
    prepare: (world, token) => {
      const { id } = opened(world, token);
      return {
        request: { params: { id }, body: { note: { content: token } } },
        incidents: [id],
        effects: () => count(world.notes(id), (content) => content.startsWith(token)),
      };
    },
  },
  {
    operation: 'createService',
    prepare: (_world, token) => ({
      request: {
        body: {
          service: {
            type: 'service',
            name: token,
            escalation_policy: { id: policies.data, type: 'escalation_policy_reference' },
          },
        },
      },
      effects: (world) => count(world.services.values(), ({ name }) => name === token),
    }),
  },
  {
    operation: 'updateService',
    prepare: (world, token, seed) => {
      const before = world.services.get(services.reports);
      if (!before) throw new Error('The seed world has lost a service.');
      const id = token;
      world.services.set(id, { ...before, id, name: `Service ${token}` });
      const seconds = 600 + 60 * (seed % 10);
      return {
        request: {
          params: { id },
          body: { service: { type: 'service', description: token, acknowledgement_timeout: seconds } },
        },
        effects: () => {
          const { description, acknowledgementTimeout } = world.services.get(id) ?? {};
          return description === token && acknowledgementTimeout === seconds ? 1 : 0;
        },
      };
    },
  },
  {
    operation: 'createScheduleOverride',
    prepare: (world, token, seed) => {
      const ada = world.users.get(users.ada);
      if (!ada) throw new Error('The seed world has lost a user.');
      // A person of its own: nothing else in the request could carry the token.
      world.users.set(token, { ...ada, id: token, email: `${token.toLowerCase()}@example.com` });
      // An hour of its own for each fault and seed.
      const start = Date.UTC(2031, 0, 1) + (Number(token.slice(2, 4)) * 1_000 + seed) * 3_600_000;
      const overrides = Array.from({ length: 1 + (seed % 2) }, (_, index) => ({
        start: new Date(start + index * 1_800_000).toISOString(),
        end: new Date(start + (index + 1) * 1_800_000).toISOString(),
        user: { id: token, type: 'user_reference' },
      }));
      const standing = (): number =>
        count(world.schedules.get(schedules.platform)?.overrides ?? [], ({ userId }) => userId === token);
      return {
        request: { params: { id: schedules.platform }, body: { overrides } },
        effects: () => standing() / overrides.length,
      };
    },
  },
  {
    operation: 'createEscalationPolicy',
    prepare: (_world, token, seed) => ({
      request: {
        body: {
          escalation_policy: {
            type: 'escalation_policy',
            name: token,
            escalation_rules: [
              {
                escalation_delay_in_minutes: 5 + (seed % 20),
                targets: [{ id: users.ben, type: 'user_reference' }],
              },
            ],
          },
        },
      },
      effects: (world) => count(world.policies.values(), ({ name }) => name === token),
    }),
  },
  {
    operation: 'createUser',
    prepare: (_world, token) => {
      const email = `${token.toLowerCase()}@example.com`;
      return {
        request: { body: { user: { type: 'user', name: token, email } } },
        effects: (world) => count(world.users.values(), (user) => user.email === email),
      };
    },
  },
  {
    operation: 'createTeam',
    prepare: (_world, token) => ({
      request: { body: { team: { type: 'team', name: token, description: `Team ${token}` } } },
      effects: (world) => count(world.teams.values(), ({ name }) => name === token),
    }),
  },
  {
    operation: 'updateTeamUser',
    prepare: (world, token, seed) => {
      const name = `Team of ${token}`;
      world.teams.set(token, {
        id: token,
        name,
        description: null,
        defaultRole: 'manager',
        parentId: null,
        members: [],
      });
      const hasRole = seed % 2 === 1;
      return {
        request: {
          params: { id: token, user_id: users.dev },
          ...(hasRole && { body: { role: 'responder' } }),
        },
        ...(hasRole && { isSetting: true }),
        effects: () => count(world.teams.get(token)?.members ?? [], ({ userId }) => userId === users.dev),
      };
    },
  },
  { operation: 'enqueueEvent', prepare: sendEvent },
  {
    operation: 'enqueueChangeEvent',
    prepare: (_world, token) => ({
      request: { routingKey: 'checkout', body: { payload: { summary: token, source: 'matrix' } } },
      effects: (world) => count(world.changeEvents, ({ summary }) => summary === token),
    }),
  },
];

/** A status, or a level that only the log shows; each with a title, so that the token stands in it. */
function updateOne(world: World, token: string, seed: number): Prepared {
  const incident = opened(world, token);
  const changes = [
    [{ status: 'resolved' }, 'resolve'],
    [{ status: 'acknowledged' }, 'acknowledge'],
    [{ escalation_level: 2 }, 'escalate'],
    [{ status: 'resolved', resolution: 'Rolled back.' }, 'resolve'],
  ] as const;
  const [change, entry] = changes[seed % changes.length] ?? changes[0];
  return {
    request: {
      params: { id: incident.id },
      body: { incident: { type: 'incident_reference', title: token, ...change } },
    },
    incidents: [incident.id],
    effects: () => loggedByUs(incident, entry),
  };
}

function updateMany(world: World, token: string, seed: number): Prepared {
  const incidents = Array.from({ length: 2 + (seed % 3) }, (_, index) => opened(world, `${token} ${index}`));
  return {
    request: {
      body: {
        incidents: incidents.map(({ id }) => ({
          id,
          type: 'incident_reference',
          status: 'resolved',
          title: token,
        })),
      },
    },
    incidents: incidents.map(({ id }) => id),
    effects: () => {
      const times = incidents.map((incident) => loggedByUs(incident, 'resolve'));
      return Math.min(...times) === 0 ? 0 : Math.max(...times);
    },
  };
}

function sendEvent(world: World, token: string, seed: number): Prepared {
  const action = (['trigger', 'acknowledge', 'resolve'] as const)[seed % 3] ?? 'trigger';
  const incident = action === 'trigger' ? undefined : opened(world, token);
  const payload = { summary: token, source: 'matrix', severity: 'error' };
  return {
    request: {
      routingKey: 'checkout',
      body: { event_action: action, dedup_key: token, ...(action === 'trigger' && { payload }) },
    },
    effects: () => {
      const incidents = incident ? [incident] : world.incidentIndex.byKey(token);
      return incidents.reduce((sum, { log }) => sum + count(log, ({ type }) => type === action), 0);
    },
  };
}

/** A new incident with an alert, of which nobody has taken notice. */
function opened(world: World, key: string): Incident {
  trigger(world, checkout(world), {
    key,
    summary: `Opened for ${key.slice(-6)}`,
    severity: 'critical',
    details: {},
    contexts: [],
  });
  const [incident] = world.incidentIndex.byKey(key);
  if (!incident) throw new Error('Nobody is on call for checkout in the seed world.');
  return incident;
}

function checkout(world: World): Integration {
  const integration = world.integrationOf(routingKeys.checkout);
  if (!integration) throw new Error('The seed world has lost an integration.');
  return integration;
}

const loggedByUs = ({ log }: Incident, entry: string): number =>
  count(log, ({ type, cause }) => type === entry && cause.agent.id === users.bot);

function count<T>(things: Iterable<T>, isOne: (thing: T) => boolean): number {
  let found = 0;
  for (const thing of things) if (isOne(thing)) found += 1;
  return found;
}
