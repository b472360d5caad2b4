import { describe, expect, expectTypeOf, test } from 'vitest';
import { conditionsOf } from '../../gate/grants.ts';
import {
  actionsOf,
  type Endpoint,
  isWrite,
  type LookFirst,
  operatorActions,
  type Touch,
  type Trace,
} from '../../pagerduty/catalogue/endpoint.ts';
import {
  type OperationName,
  operationNames,
  catalogue as operations,
  type RequestOf,
  type ResponseOf,
} from '../../pagerduty/catalogue/index.ts';
import { sampleAnswers, sampleRequests } from './sample-requests.ts';

const catalogue: Readonly<Record<string, Endpoint>> = operations;
const entries = Object.entries(catalogue);

/** PagerDuty's own words about its operations: method and path, scope, whether `From` is required, how it pages. */
const documented: Readonly<
  Record<string, readonly [string, string, 'From' | 'perhaps From' | '', 'pages' | '' | 'unsaid']>
> = {
  listIncidents: ['GET /incidents', 'incidents.read', '', 'pages'],
  getIncident: ['GET /incidents/{id}', 'incidents.read', '', ''],
  createIncident: ['POST /incidents', 'incidents.write', 'From', ''],
  updateIncident: ['PUT /incidents/{id}', 'incidents.write', 'From', ''],
  updateIncidents: ['PUT /incidents', 'incidents.write', 'From', 'unsaid'],
  listIncidentNotes: ['GET /incidents/{id}/notes', 'incidents.read', '', ''],
  createIncidentNote: ['POST /incidents/{id}/notes', 'incidents.write', 'From', ''],
  listIncidentAlerts: ['GET /incidents/{id}/alerts', 'incidents.read', '', 'pages'],
  listIncidentLogEntries: ['GET /incidents/{id}/log_entries', 'incidents.read', '', 'unsaid'],
  listServices: ['GET /services', 'services.read', '', 'pages'],
  getService: ['GET /services/{id}', 'services.read', '', ''],
  createService: ['POST /services', 'services.write', '', ''],
  updateService: ['PUT /services/{id}', 'services.write', '', ''],
  listSchedules: ['GET /schedules', 'schedules.read', '', 'pages'],
  getSchedule: ['GET /schedules/{id}', 'schedules.read', '', ''],
  createScheduleOverride: ['POST /schedules/{id}/overrides', 'schedules.write', '', ''],
  listEscalationPolicies: ['GET /escalation_policies', 'escalation_policies.read', '', 'pages'],
  getEscalationPolicy: ['GET /escalation_policies/{id}', 'escalation_policies.read', '', ''],
  createEscalationPolicy: ['POST /escalation_policies', 'escalation_policies.write', 'perhaps From', ''],
  listUsers: ['GET /users', 'users.read', '', 'pages'],
  getUser: ['GET /users/{id}', 'users.read', '', ''],
  getCurrentUser: ['GET /users/me', 'none', '', ''],
  createUser: ['POST /users', 'users.write', 'From', ''],
  listTeams: ['GET /teams', 'teams.read', '', 'pages'],
  createTeam: ['POST /teams', 'teams.write', '', ''],
  updateTeamUser: ['PUT /teams/{id}/users/{user_id}', 'teams.write', '', ''],
  listOnCalls: ['GET /oncalls', 'oncalls.read', '', 'pages'],
  enqueueEvent: ['POST /v2/enqueue', 'routing key', '', ''],
  enqueueChangeEvent: ['POST /v2/change/enqueue', 'routing key', '', ''],
  listWebhookSubscriptions: ['GET /webhook_subscriptions', 'webhook_subscriptions.read', '', 'pages'],
  getWebhookSubscription: ['GET /webhook_subscriptions/{id}', 'webhook_subscriptions.read', '', ''],
  createWebhookSubscription: ['POST /webhook_subscriptions', 'webhook_subscriptions.write', '', ''],
  updateWebhookSubscription: ['PUT /webhook_subscriptions/{id}', 'webhook_subscriptions.write', '', ''],
  deleteWebhookSubscription: ['DELETE /webhook_subscriptions/{id}', 'webhook_subscriptions.write', '', ''],
  enableWebhookSubscription: [
    'POST /webhook_subscriptions/{id}/enable',
    'webhook_subscriptions.write',
    '',
    '',
  ],
  testWebhookSubscription: ['POST /webhook_subscriptions/{id}/ping', 'webhook_subscriptions.write', '', ''],
};

/** Ids that would leave their place in a path, or fill a log. */
const escapes = [
  '',
  '.',
  '..',
  '../x',
  'P1/notes',
  'P1?x=1',
  'P1#x',
  'P1%2Fnotes',
  'P1 ',
  'P1\n',
  'P1\u0000',
  'Ｐ１',
  'P'.repeat(41),
];

const allActions: readonly string[] = [
  ...Object.entries(actionsOf).flatMap(([resource, verbs]) => verbs.map((verb) => `${resource}.${verb}`)),
  ...operatorActions,
];

/** What an `include[]` may name that is of the same resource, or is no resource that a grant knows. */
const ownIncludes: ReadonlySet<string> = new Set([
  'auto_pause_notifications_parameters',
  'calendar_urls',
  'channels',
  'conference_bridge',
  'contact_methods',
  'custom_fields',
  'escalation_rule_assignment_strategies',
  'final_schedule',
  'first_trigger_log_entries',
  'incidents',
  'integrations',
  'notification_rules',
  'overrides_subschedule',
  'priorities',
  'schedule_layers',
  'subdomains',
]);

describe.each(entries)('%s', (name, endpoint) => {
  const samples = sampleRequests(endpoint);
  const paths = placeholders(endpoint.path);

  test('is as PagerDuty documents it', () => {
    const [call, scope, from, pages] = documented[name] ?? [];
    expect(`${endpoint.method} ${endpoint.path}`).toBe(call);
    expect(endpoint.scope).toBe(scope);
    const words = { From: 'required', 'perhaps From': 'optional', '': 'none' } as const;
    expect(endpoint.from).toBe(words[from ?? '']);
    if (pages !== 'unsaid') expect(endpoint.paging !== undefined).toBe(pages === 'pages');
  });

  test('has a scope that fits its method and its API', () => {
    if (endpoint.api === 'events') expect(endpoint.scope).toBe('routing key');
    else if (name === 'getCurrentUser') expect(endpoint.scope).toBe('none');
    else expect(endpoint.scope).toMatch(isWrite(endpoint) ? /^[a-z_]+\.write$/ : /^[a-z_]+\.read$/);
  });

  test('is summed up by an imperative phrase', () => {
    expect(endpoint.summary).toMatch(
      /^(Add|Announce|Create|Delete|Enable|List|Override|Read|Send|Test|Update)( [A-Za-z-]+){1,7}$/,
    );
  });

  test('has the parameters that its path names, and no others', () => {
    expect(samples.length).toBeGreaterThan(0);
    for (const sample of samples) expect(Object.keys(sample['params'] ?? {}).toSorted()).toEqual(paths);
    for (const missing of paths) {
      const [{ params, ...rest } = {}] = samples;
      const others = Object.entries(params ?? {}).filter(([key]) => key !== missing);
      expect(endpoint.request.safeParse({ ...rest, params: Object.fromEntries(others) }).success).toBe(false);
    }
  });

  test('refuses a key it does not know, wherever it stands', () => {
    const taken = new Set<string>();
    for (const sample of samples) {
      for (const [path, changed] of withStranger(sample)) {
        if (endpoint.request.safeParse(changed).success) taken.add(path);
      }
    }
    // What monitoring tools put into an alert is theirs to name.
    expect([...taken].filter((path) => path !== '.body.payload.custom_details')).toEqual([]);
  });

  test('asks the gate for actions that exist, of its own resource first, and whatever else it would show', () => {
    const resource = endpoint.api === 'events' ? 'events' : endpoint.path.split('/')[1];
    for (const sample of samples) {
      for (const status of ['triggered', 'acknowledged', 'resolved', undefined]) {
        const actions = endpoint.actions(sample as never, () => status);
        expect(actions.length).toBeGreaterThan(0);
        expect(new Set(actions).size).toBe(actions.length);
        for (const action of actions) {
          expect(allActions).toContain(action);
          expect(action.endsWith('.view')).toBe(!isWrite(endpoint));
        }
        expect(actions[0]?.split('.')[0]).toBe(resource);
        const others = actions.filter((action) => action.split('.')[0] !== resource);
        const { query = {} } = sample as { readonly query?: { readonly 'include[]'?: readonly string[] } };
        const included = (query['include[]'] ?? []).filter((name) => !ownIncludes.has(name));
        expect(others.length > 0, `${included.join()} brings ${others.join()}`).toBe(included.length > 0);
      }
    }
  });

  test('says what it touches: what its path names, a list, or a routing key', () => {
    for (const sample of samples) {
      const touches = endpoint.touches(sample as never);
      if (endpoint.api === 'events') {
        expect(touches).toEqual([{ kind: 'routing key', name: sample['routingKey'] }]);
      } else if (paths.length > 0) {
        const { id } = sample['params'] as { id: string };
        expect(touches).toContainEqual({ kind: expect.not.stringMatching(/list|routing key/), id });
      } else if (endpoint.paging) {
        expect(touches).toEqual([{ kind: 'list', within: expect.any(Object) }]);
      }
    }
  });

  test('takes answers with fields that PagerDuty adds without notice', () => {
    const refused = sampleAnswers(endpoint)
      .flatMap((sample) => withStranger(sample))
      .filter(([, changed]) => !endpoint.response.safeParse(changed).success);
    expect(sampleAnswers(endpoint).length).toBeGreaterThan(0);
    expect(refused).toEqual([]);
  });
});

describe.each(entries.filter(([, { path }]) => path.includes('{')))('%s, by its path,', (_name, endpoint) => {
  test.each(escapes)('refuses the id %j', (id) => {
    const [sample = {}] = sampleRequests(endpoint);
    for (const key of placeholders(endpoint.path)) {
      const request = { ...sample, params: { ...(sample['params'] as object), [key]: id } };
      expect(endpoint.request.safeParse(request).success).toBe(false);
    }
  });
});

test.each(entries.filter(([, { paging }]) => paging))(
  '%s pages, and finds the records of a page under the key that it declares',
  (_name, endpoint) => {
    const items = endpoint.paging?.items ?? '';
    expect(endpoint.response.safeParse({ [items]: [], more: false }).success).toBe(true);
    expect(endpoint.response.safeParse({ more: false }).success).toBe(false);
    const [sample = {}] = sampleRequests(endpoint);
    const takes = (query: object) => endpoint.request.safeParse({ ...sample, query }).success;
    expect(takes({ limit: 100, offset: 9_900, total: true })).toBe(true);
    expect(takes({ limit: 101 })).toBe(false);
    expect(takes({ offset: 10_000 })).toBe(false);
  },
);

test.each(entries.filter(([, endpoint]) => !isWrite(endpoint)))(
  '%s may be read again',
  (_name, { repeat }) => {
    expect(repeat).toBe('safe');
  },
);

test.each(entries)('%s says what shows its effect, if it has any', (_name, endpoint) => {
  const { shownBy, repeat } = endpoint;
  expect(shownBy === undefined).toBe(!isWrite(endpoint));
  // What a look is to show must have one.
  expect(shownBy === 'look' && typeof repeat !== 'object').toBe(false);
});

test.each(entries.filter(([, { repeat }]) => typeof repeat === 'object'))(
  '%s looks for its effect with a read of the catalogue, and signs nothing but what it sends',
  (_name, endpoint) => {
    const { find, ask, sign, also = [] } = endpoint.repeat as LookFirst;
    const trace: Trace = { ourUsers: ['PBOT'], since: '2026-06-24T10:00:00.000Z', mark: '[mark 1]' };
    const isRead = (name: string, asked: unknown): boolean => {
      const reader = catalogue[name];
      return reader?.method === 'GET' && reader.request.safeParse(asked).success;
    };
    let isSigned = false;
    const further = new Set<string>();
    for (const sample of sampleRequests(endpoint)) {
      for (const asked of [ask(sample as never, trace)].flat()) expect(isRead(find, asked)).toBe(true);
      for (const look of also) {
        const first = { incident: { id: 'P1' }, incidents: [{ id: 'P1' }] };
        const asked = look.ask(sample as never, trace, first as never);
        if (!asked) continue;
        further.add(look.find);
        expect(isRead(look.find, asked)).toBe(true);
      }
      if (!sign) continue;
      const signed = sign(sample as never, '[mark 1]');
      expect(endpoint.request.safeParse(signed).success).toBe(true);
      isSigned ||= JSON.stringify(signed).includes('[mark 1]');
      expect(JSON.stringify(sample)).not.toContain('[mark 1]');
    }
    expect(isSigned).toBe(sign !== undefined);
    expect([...further].toSorted()).toEqual(also.map((look) => look.find).toSorted());
  },
);

test.each(
  entries.filter(([name, { paging }]) => paging && !/^listIncident./.test(name.replace('listIncidents', ''))),
)(
  '%s shows whatever a grant on its resource can ask for, so that it can be cut to that',
  (_name, { actions, narrows }) => {
    const [action = ''] = actions({} as never, () => undefined);
    const resource = action.split('.')[0] as keyof typeof conditionsOf;
    if (!(resource in conditionsOf)) return;
    expect(Object.keys(narrows?.shows ?? {}).toSorted()).toEqual(conditionsOf[resource].toSorted());
    expect(Object.keys(narrows?.shows ?? {})).toEqual(expect.arrayContaining(Object.keys(narrows?.by ?? {})));
  },
);

test('every operation of the catalogue stands in the table of what PagerDuty documents', () => {
  expect(operationNames.filter((name) => !(name in documented))).toEqual([]);
});

test.each<[OperationName, object, readonly Touch[]]>([
  ['getIncident', { params: { id: 'P1' } }, [{ kind: 'incident', id: 'P1' }]],
  ['updateIncident', { params: { id: 'P1' }, body: { incident: {} } }, [{ kind: 'incident', id: 'P1' }]],
  [
    'updateIncident',
    { params: { id: 'P1' }, body: { incident: { service: { id: 'PS' }, escalation_policy: { id: 'PE' } } } },
    [
      { kind: 'incident', id: 'P1' },
      { kind: 'service', id: 'PS' },
      { kind: 'escalation policy', id: 'PE' },
    ],
  ],
  [
    'updateIncidents',
    {
      body: {
        incidents: [
          { id: 'P1', assignments: [{ assignee: { id: 'PU' } }] },
          { id: 'P2', assignments: [{ assignee: { id: 'PU' } }] },
        ],
      },
    },
    [
      { kind: 'incident', id: 'P1' },
      { kind: 'incident', id: 'P2' },
      { kind: 'user', id: 'PU' },
    ],
  ],
  [
    'createIncident',
    { body: { incident: { service: { id: 'PS' }, urgency: 'low' } } },
    [{ kind: 'new incident', service: 'PS', urgency: 'low', policy: undefined, assignees: [] }],
  ],
  ['createIncidentNote', { params: { id: '17' } }, [{ kind: 'incident', id: '17' }]],
  ['getService', { params: { id: 'PS' } }, [{ kind: 'service', id: 'PS' }]],
  ['listIncidents', {}, [{ kind: 'list', within: {} }]],
  [
    'listIncidents',
    { query: { 'user_ids[]': ['PU'], incident_key: 'k' } },
    [{ kind: 'list', within: { assignee: ['PU'] } }],
  ],
  [
    'listIncidents',
    {
      query: {
        'service_ids[]': ['PS'],
        'team_ids[]': ['PT'],
        'urgencies[]': ['low'],
        'statuses[]': ['resolved'],
      },
    },
    [{ kind: 'list', within: { services: ['PS'], teams: ['PT'], urgency: ['low'], status: ['resolved'] } }],
  ],
  ['listUsers', { query: { 'team_ids[]': ['PT'] } }, [{ kind: 'list', within: { teams: ['PT'] } }]],
  ['listOnCalls', {}, [{ kind: 'list', within: {} }]],
  [
    'listOnCalls',
    { query: { 'escalation_policy_ids[]': ['PE'] } },
    [{ kind: 'list', within: { policies: ['PE'] } }],
  ],
  ['enqueueEvent', { routingKey: 'checkout' }, [{ kind: 'routing key', name: 'checkout' }]],
])('%s with %j touches %j', (name, request, touches) => {
  expect(catalogue[name]?.touches(request as never)).toEqual(touches);
});

test('an event needs a key of its own, and a trigger its payload', () => {
  const { request } = operations.enqueueEvent;
  const body = { event_action: 'resolve', dedup_key: 'k' };
  expect(request.safeParse({ routingKey: 'checkout', body }).success).toBe(true);
  expect(request.safeParse({ routingKey: 'checkout', body: { event_action: 'resolve' } }).success).toBe(
    false,
  );
  expect(
    request.safeParse({ routingKey: 'checkout', body: { ...body, event_action: 'trigger' } }).success,
  ).toBe(false);
  expect(
    request.safeParse({ routingKey: 'checkout', body: { ...body, dedup_key: 'k'.repeat(256) } }).success,
  ).toBe(false);
  expect(request.safeParse({ routingKey: 'checkout', body: { ...body, routing_key: 'R0' } }).success).toBe(
    false,
  );
});

test('requests and answers have the types of their declarations', () => {
  expectTypeOf<RequestOf<'getIncident'>['params']>().toEqualTypeOf<{ id: string }>();
  expectTypeOf<RequestOf<'createIncidentNote'>['body']>().toEqualTypeOf<{ note: { content: string } }>();
  expectTypeOf<NonNullable<RequestOf<'updateIncident'>['body']['incident']['status']>>().toEqualTypeOf<
    'triggered' | 'acknowledged' | 'resolved'
  >();
  expectTypeOf<RequestOf<'listIncidents'>>().toExtend<{
    query?: { limit?: number | undefined } | undefined;
  }>();
  // @ts-expect-error: a typo does not compile
  const typo: RequestOf<'getIncident'> = { param: { id: 'P1' } };
  expectTypeOf(typo).not.toBeAny();
  expectTypeOf<ResponseOf<'getIncident'>['incident']['status']>().toEqualTypeOf<string>();
  expectTypeOf<ResponseOf<'listIncidents'>['incidents'][number]['id']>().toEqualTypeOf<string>();
  expectTypeOf<ResponseOf<'listIncidents'>['more']>().toEqualTypeOf<boolean | null | undefined>();
  expectTypeOf<ResponseOf<'createIncidentNote'>['note']['content']>().toEqualTypeOf<string>();
  expectTypeOf<'nosuch'>().not.toExtend<OperationName>();
});

/** Names in the braces of a path, sorted. */
function placeholders(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, key = '']) => key).toSorted();
}

/** The value with an unknown key in each of its objects, one at a time, and where that is. */
function withStranger(value: unknown, path = ''): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null) return [];
  const deeper = Object.entries(value).flatMap(([key, inner]) =>
    withStranger(inner, `${path}.${key}`).map(([where, changed]) => {
      const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
      copy[key] = changed;
      return [where, copy] as const;
    }),
  );
  return Array.isArray(value) ? deeper : [[path, { ...value, brand_new: 'x' }], ...deeper];
}
