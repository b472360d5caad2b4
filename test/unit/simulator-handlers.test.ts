import { describe, expect, test } from 'vitest';
import { catalogue, type OperationName, operationNames } from '../../pagerduty/catalogue/index.ts';
import type { Call, Outcome } from '../../simulator/handlers/handler.ts';
import { handlers } from '../../simulator/handlers/index.ts';
import { createWorld } from '../../simulator/index.ts';
import { Query } from '../../simulator/query.ts';
import { seedIds } from '../../simulator/seed.ts';
import type { World } from '../../simulator/world.ts';

const now = Date.UTC(2026, 5, 24, 10);

/** A call that is answered with 2xx, and with something in every list; an operation without one does not compile. */
const calls: { readonly [Name in OperationName]: (world: World) => Partial<Call<Name>> } = {
  listIncidents: () => ({ query: query('include[]=users&include[]=services&include[]=body') }),
  getIncident: () => ({ params: { id: '1' } }),
  updateIncident: (world) => ({
    params: { id: openIncident(world) },
    body: { incident: { type: 'incident', status: 'acknowledged', priority: 'P1' } },
    actor: world.users.get(seedIds.users.bot)!,
  }),
  createIncident: (world) => ({
    body: {
      incident: {
        type: 'incident',
        title: 'Somebody should look',
        service: { id: seedIds.services.ledger, type: 'service_reference' },
      },
    },
    actor: world.users.get(seedIds.users.bot)!,
  }),
  updateIncidents: (world) => ({
    body: { incidents: [{ id: openIncident(world), type: 'incident', status: 'resolved' }] },
    actor: world.users.get(seedIds.users.bot)!,
  }),
  listIncidentLogEntries: (world) => ({
    params: { id: incidentWithNotes(world) },
    query: query('include[]=channels&include[]=incidents&include[]=services&include[]=teams'),
  }),
  listIncidentNotes: (world) => ({ params: { id: incidentWithNotes(world) } }),
  createIncidentNote: (world) => ({
    params: { id: openIncident(world) },
    body: { note: { content: 'Looking.' } },
    actor: world.users.get(seedIds.users.bot)!,
  }),
  listIncidentAlerts: (world) => ({ params: { id: openIncident(world) } }),
  getService: () => ({ params: { id: seedIds.services.checkout }, query: query('include[]=integrations') }),
  listServices: () => ({ query: query('include[]=teams&include[]=escalation_policies') }),
  createService: () => ({
    body: {
      service: {
        type: 'service',
        name: 'Invoices',
        escalation_policy: { id: seedIds.policies.payments, type: 'escalation_policy_reference' },
      },
    },
  }),
  updateService: () => ({
    params: { id: seedIds.services.ledger },
    body: { service: { status: 'disabled' } },
  }),
  listSchedules: () => ({ query: query('include[]=schedule_layers&include[]=final_schedule') }),
  getSchedule: () => ({
    params: { id: seedIds.schedules.data },
    query: query('since=2026-06-24T00:00:00Z&include_next_oncall_for_user=PGUS'),
  }),
  createScheduleOverride: () => ({
    params: { id: seedIds.schedules.data },
    body: {
      overrides: [
        {
          start: '2026-06-24T12:00:00Z',
          end: '2026-06-24T13:00:00Z',
          user: { id: seedIds.users.kim, type: 'user_reference' },
        },
      ],
    },
  }),
  listEscalationPolicies: () => ({ query: query('include[]=targets&include[]=services&include[]=teams') }),
  getEscalationPolicy: () => ({
    params: { id: seedIds.policies.data },
    query: query('include[]=escalation_rule_assignment_strategies'),
  }),
  createEscalationPolicy: () => ({
    body: {
      escalation_policy: {
        type: 'escalation_policy',
        name: 'Nights',
        escalation_rules: [
          {
            escalation_delay_in_minutes: 5,
            targets: [{ id: seedIds.schedules.nights, type: 'schedule_reference' }],
          },
        ],
      },
    },
  }),
  listUsers: () => ({ query: query('include[]=teams') }),
  getUser: () => ({
    params: { id: seedIds.users.ada },
    query: query('include[]=contact_methods&include[]=notification_rules&include[]=subdomains'),
  }),
  getCurrentUser: (world) => ({ actor: world.users.get(seedIds.users.ada)! }),
  createUser: (world) => ({
    body: { user: { type: 'user', name: 'Lou Reiter', email: 'lou@example.com' } },
    actor: world.users.get(seedIds.users.fay)!,
  }),
  listTeams: () => ({}),
  createTeam: () => ({ body: { team: { type: 'team', name: 'Mobile' } } }),
  updateTeamUser: () => ({
    params: { id: seedIds.teams.payments, user_id: seedIds.users.kim },
    body: { role: 'observer' },
  }),
  listOnCalls: () => ({}),
  enqueueEvent: () => ({
    body: {
      routing_key: seedIds.routingKeys.checkout,
      event_action: 'trigger',
      payload: { summary: 'It broke', source: 'test', severity: 'error' },
    },
  }),
  enqueueChangeEvent: () => ({
    body: { routing_key: seedIds.routingKeys.checkout, payload: { summary: 'Released' } },
  }),
  listWebhookSubscriptions: (world) => ({ params: { id: subscription(world) } }),
  getWebhookSubscription: (world) => ({ params: { id: subscription(world) } }),
  createWebhookSubscription: () => ({ body: newSubscription, credential }),
  updateWebhookSubscription: (world) => ({
    params: { id: subscription(world) },
    body: { webhook_subscription: { description: 'Another' } },
    credential,
  }),
  deleteWebhookSubscription: (world) => ({ params: { id: subscription(world) } }),
  enableWebhookSubscription: (world) => ({ params: { id: subscription(world) } }),
  testWebhookSubscription: (world) => ({ params: { id: subscription(world) } }),
};

const credential = { key: 'k', access: 'full', userId: null } as const;

const newSubscription = {
  webhook_subscription: {
    type: 'webhook_subscription',
    events: ['incident.triggered'],
    filter: { type: 'account_reference' },
    delivery_method: {
      type: 'http_delivery_method',
      url: 'http://127.0.0.1:9/',
      custom_headers: [{ name: 'X-Own', value: 'secret' }],
    },
  },
};

function subscription(world: World): string {
  const call = { world, body: newSubscription, credential, params: {}, query: query(''), actor: undefined };
  handlers.createWebhookSubscription(call);
  return world.subscriptions.list()[0]?.id ?? 'none';
}

/** 200 but for these. */
const statuses: Partial<Record<OperationName, number>> = {
  createIncident: 201,
  createService: 201,
  createScheduleOverride: 201,
  createEscalationPolicy: 201,
  createUser: 201,
  createTeam: 201,
  updateTeamUser: 204,
  createWebhookSubscription: 201,
  deleteWebhookSubscription: 204,
  testWebhookSubscription: 202,
  enqueueEvent: 202,
  enqueueChangeEvent: 202,
};

function answerTo(name: OperationName): Outcome {
  const world = createWorld(now, { clockSpeed: 0 });
  const call = {
    world,
    params: {},
    query: query(''),
    body: undefined,
    actor: undefined,
    ...calls[name](world),
  };
  return (handlers[name] as (call: unknown) => Outcome)(call);
}

const query = (text: string) => new Query(new URLSearchParams(text));

const openIncident = (world: World) =>
  [...world.incidents.values()].find(({ status }) => status === 'triggered')?.id ?? 'none';

const incidentWithNotes = (world: World) =>
  [...world.incidents.values()].find(({ notes }) => notes.length > 0)?.id ?? 'none';

describe.each(operationNames)('%s', (name) => {
  test('answers what the catalogue says PagerDuty answers', () => {
    const { status, body } = answerTo(name);
    expect(status).toBe(statuses[name] ?? 200);
    expect(catalogue[name].response.safeParse(body).error).toBeUndefined();
  });

  test('answers nothing that JSON would lose, and no empty list where there is something to see', () => {
    const { body = {} } = answerTo(name);
    expect(JSON.parse(JSON.stringify(body))).toEqual(body);
    for (const value of Object.values(body as object))
      if (Array.isArray(value)) expect(value).not.toEqual([]);
  });
});

describe('the seed world', () => {
  const world = createWorld(now, { clockSpeed: 0 });

  test('has a past: resolved incidents, and one open one of low urgency', () => {
    const incidents = [...world.incidents.values()];
    expect(incidents.map(({ status, urgency }) => `${status} ${urgency}`)).toEqual([
      'resolved high',
      'resolved high',
      'resolved high',
      'triggered low',
    ]);
    expect(world.clock.now).toBe(now);
  });

  test('has nobody of ours on call: the bot stands on no schedule and on no policy', () => {
    const rotas = [...world.schedules.values()].flatMap(({ layers, overrides }) => [
      ...layers.flatMap(({ userIds }) => userIds),
      ...overrides.map(({ userId }) => userId),
    ]);
    const targets = [...world.policies.values()].flatMap(({ rules }) =>
      rules.flatMap((rule) => rule.targets.map(({ id }) => id)),
    );
    expect([...rotas, ...targets]).not.toContain(seedIds.users.bot);
    expect(world.userByEmail(seedIds.from)?.id).toBe(seedIds.users.bot);
  });

  test('has routing keys that PagerDuty would take', () => {
    for (const key of Object.values(seedIds.routingKeys)) expect(key).toMatch(/^[a-z0-9]{32}$/);
  });

  test('names nothing that is not there', () => {
    const { teams, schedules, policies, services, priorities, users } = seedIds;
    const has = (things: ReadonlyMap<string, unknown>, ids: object) =>
      Object.values(ids).filter((id) => !things.has(id));
    expect(has(world.users, users)).toEqual([]);
    expect(has(world.teams, teams)).toEqual([]);
    expect(has(world.schedules, schedules)).toEqual([]);
    expect(has(world.policies, policies)).toEqual([]);
    expect(has(world.services, services)).toEqual([]);
    expect(has(world.priorities, priorities)).toEqual([]);
  });

  test('is new for every simulator: what happens in one is not seen in another', () => {
    const other = createWorld(now, { clockSpeed: 0 });
    other.services.get(seedIds.services.ledger)!.mode = 'disabled';
    expect(world.services.get(seedIds.services.ledger)?.mode).toBe('enabled');
  });

  test('has other incident ids in every run', () => {
    const other = createWorld(now, { clockSpeed: 0 });
    const ids = new Set([...world.incidents.keys(), ...other.incidents.keys()]);
    expect(ids.size).toBe(8);
  });
});
