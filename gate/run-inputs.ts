import { z } from 'zod';
import type { Endpoint } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue, operationNames } from '../pagerduty/catalogue/index.ts';
import { Id, Instant, Name } from '../pagerduty/catalogue/wire.ts';
import type { PlannedName, WorkflowName } from '../workflows/contract.ts';
import { closest } from './closest.ts';
import { Hours } from './hours.ts';

const errand = {
  account: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, 'an account is named as in the configuration, such as main'),
  reason: z.string().max(500).optional(),
  approvalSeconds: z.int().min(1).max(86_400).optional(),
};

const notByNumber =
  'an incident goes by its id, such as PABC123, not by its number: `oncall why NUMBER` tells the id';
/** The id of an incident. Runs are called after it: by the number a second run of the same incident could start beside the first. */
const IncidentId = z
  .string(notByNumber)
  .refine((id) => !/^#?\d+$/.test(id), notByNumber)
  .pipe(Id);
const subject = { ...errand, incident: IncidentId };

/** Of a run with a plan. */
const planning = {
  ...errand,
  plan: z.literal(true).optional(),
  apply: z
    .string()
    .regex(/^[0-9a-f]{12,64}$/, 'the hash of a plan, or its first 12 digits at least')
    .optional(),
};
const notBoth = [
  ({ plan, apply }: { readonly plan?: true | undefined; readonly apply?: string | undefined }) =>
    plan === undefined || apply === undefined,
  'make a plan or apply one: not both in one run',
] as const;

/** Some services, or some teams. */
const among = {
  services: z.array(Id).min(1).max(20).optional(),
  teams: z.array(Id).min(1).max(20).optional(),
};
const either = [
  ({ services, teams }: { readonly services?: unknown; readonly teams?: unknown }) =>
    (services === undefined) !== (teams === undefined),
  'name services or teams, one of the two',
] as const;
/** From an instant to another, with their zone; no longer than a turn of two weeks. */
const span = { from: Instant, until: Instant };
const longestTurnMs = 14 * 24 * 3_600_000;
const inOrder = [
  ({ from, until }: { readonly from: string; readonly until: string }) => {
    const ms = Date.parse(until) - Date.parse(from);
    return ms > 0 && ms <= longestTurnMs;
  },
  'until comes after from, by two weeks at most',
] as const;

/** What a report is about. */
const scope = {
  policies: z.array(Id).min(1).max(1_000).optional(),
  services: z.array(Id).min(1).max(100).optional(),
  teams: z.array(Id).min(1).max(100).optional(),
};

/** Text that reads as hours; the run gets the text, its Activities the hours. */
const hours = z.string().superRefine((text, context) => {
  const { error } = Hours.safeParse(text);
  for (const { message } of error?.issues ?? []) context.addIssue(message);
});

/** What each Workflow takes; strict, so that a misspelt field is an error before anything starts. */
export const runInputs = {
  triageIncident: z.strictObject(subject),
  acknowledgeIncident: z.strictObject(subject),
  addNote: z.strictObject({ ...subject, note: z.string().trim().min(1).max(20_000) }),
  resolveIncident: z.strictObject({
    ...subject,
    resolution: z.string().trim().min(1).max(20_000).optional(),
  }),
  resolveIncidents: z
    .strictObject({
      ...errand,
      incidents: z.array(IncidentId).min(1).max(10_000).optional(),
      filter: z
        .strictObject({
          services: z.array(Id).min(1).max(100),
          urgency: z.enum(['high', 'low']).optional(),
          statuses: z
            .array(z.enum(['triggered', 'acknowledged']))
            .min(1)
            .optional(),
        })
        .optional(),
      // It stands in the request once for each incident.
      resolution: z.string().trim().min(1).max(1_000).optional(),
    })
    .refine(
      ({ incidents, filter }) => (incidents === undefined) !== (filter === undefined),
      'say which incidents, or filter the open ones: { services, urgency, statuses }',
    ),
  respondToIncident: z.strictObject({
    ...subject,
    assess: z.enum(['rules', 'client', 'agent']),
    presenceSeconds: z.int().min(1).max(3_600).optional(),
    thinkSeconds: z.int().min(1).max(3_600).optional(),
    watchSeconds: z.int().min(0).max(86_400).optional(),
  }),
  waitForHumanAck: z
    .strictObject({
      ...errand,
      incident: IncidentId.optional(),
      open: z
        .strictObject({
          service: Id,
          title: z.string().trim().min(1).max(1_024),
          details: z.string().max(25_000).optional(),
          urgency: z.enum(['high', 'low']).optional(),
        })
        .optional(),
      levelSeconds: z.int().min(1).max(86_400).optional(),
      mostLevels: z.int().min(1).max(20).optional(),
      fallback: z
        .strictObject({ policy: Id.optional(), user: Id.optional(), service: Id.optional() })
        .refine((fallback) => Object.keys(fallback).length === 1, 'name one: policy, user or service')
        .optional(),
    })
    .refine(
      ({ incident, open }) => (incident === undefined) !== (open === undefined),
      'say which incident, or open one: { service, title }',
    ),
  alertLifecycle: z.strictObject({
    ...errand,
    routingKey: z.string().min(1),
    dedupKey: z.string().min(1).max(255),
    summary: z.string().trim().min(1).max(1_024),
    source: z.string().min(1),
    severity: z.enum(['critical', 'error', 'warning', 'info']),
    details: z.record(z.string(), z.unknown()).optional(),
    ttlSeconds: z.int().min(1).max(604_800).optional(),
    confirmSeconds: z.int().min(1).max(3_600).optional(),
  }),
  duplicateSweep: z
    .strictObject({
      ...planning,
      ...among,
      hours: z.int().min(1).max(4_000).optional(),
      fingerprint: z.enum(['title', 'alert_key']).optional(),
    })
    .refine(...either)
    .refine(...notBoth),
  staleSweep: z
    .strictObject({
      ...planning,
      ...among,
      acknowledgedHours: z.int().min(1).max(4_000).optional(),
      triggeredDays: z.int().min(1).max(160).optional(),
      waitHours: z.int().min(1).max(4_000).optional(),
      acknowledged: z.enum(['hand_back', 'leave']).optional(),
      triggered: z.enum(['resolve', 'leave']).optional(),
      firing: z.enum(['resolve', 'leave']).optional(),
    })
    .refine(...either)
    .refine(...notBoth),
  onboardService: z
    .strictObject({
      ...planning,
      team: z.strictObject({
        name: Name.max(100),
        description: z.string().max(1_024).optional(),
        members: z
          .array(
            z.strictObject({
              email: z.email(),
              role: z.enum(['observer', 'responder', 'manager']).optional(),
            }),
          )
          .max(50),
      }),
      policy: z.strictObject({
        name: Name,
        levels: z
          .array(
            z
              .strictObject({
                minutes: z.int().min(1).max(1_440),
                schedules: z.array(Id).min(1).max(10).optional(),
                users: z.array(z.email()).min(1).max(10).optional(),
              })
              .refine(
                ({ schedules, users }) => schedules !== undefined || users !== undefined,
                'a level pages schedules, by id, or users, by e-mail address',
              ),
          )
          .min(1)
          .max(20),
        loops: z.int().min(0).max(9).optional(),
      }),
      service: z.strictObject({
        name: Name,
        description: z.string().max(1_024).optional(),
        urgency: z.enum(['high', 'low', 'severity_based']),
        acknowledgeMinutes: z.int().min(1).max(1_440).optional(),
        autoResolveHours: z.int().min(1).max(720).optional(),
      }),
      testKey: z.string().min(1).max(40).optional(),
    })
    .refine(...notBoth),
  overrideOrSwap: z
    .strictObject({
      ...planning,
      schedule: Id,
      ...span,
      taker: z.string().trim().min(1).max(255),
      back: z
        .strictObject({ schedule: Id.optional(), ...span })
        .refine(...inOrder)
        .optional(),
    })
    .refine(...inOrder)
    .refine(...notBoth),
  stormHandling: z
    .strictObject({
      ...planning,
      ...among,
      minutes: z.int().min(1).max(10_080).optional(),
      fewest: z.int().min(1).max(100).optional(),
      fewestServices: z.int().min(1).max(100).optional(),
      notes: z.enum(['none', 'leads', 'high', 'all']).optional(),
      page: z.boolean().optional(),
      resolve: z.enum(['recovered', 'none']).optional(),
      watchSeconds: z.int().min(0).max(86_400).optional(),
      everySeconds: z.int().min(1).max(3_600).optional(),
    })
    .refine(
      ({ services, teams }) => services === undefined || teams === undefined,
      'name services or teams, or neither for all: not both',
    )
    .refine(...notBoth),
  coverageCheck: z.strictObject({
    ...errand,
    ...scope,
    days: z.int().min(1).max(90).optional(),
    expected: z
      .record(Id, z.strictObject({ hours, days: z.array(z.int().min(1).max(7)).min(1).max(7).optional() }))
      .optional(),
    longestHours: z
      .int()
      .min(1)
      .max(24 * 90)
      .optional(),
  }),
  postIncidentTimeline: z.strictObject({
    ...subject,
    quietSeconds: z.int().min(0).max(86_400).optional(),
    note: z.boolean().optional(),
  }),
  announceChangeAndWatch: z.strictObject({
    ...errand,
    routingKey: z.string().min(1),
    service: Id,
    neighbours: z.array(Id).min(1).max(50).optional(),
    summary: z.string().trim().min(1).max(1_024),
    source: z.string().min(1).max(255).optional(),
    links: z
      .array(z.strictObject({ href: z.url().max(1_000), text: z.string().max(255).optional() }))
      .max(10)
      .optional(),
    details: z.record(z.string(), z.unknown()).optional(),
    watchSeconds: z.int().min(1).max(86_400).optional(),
    everySeconds: z.int().min(1).max(3_600).optional(),
    stopAtFirst: z.boolean().optional(),
  }),
  noiseReport: z.strictObject({
    ...errand,
    services: scope.services,
    team: Id.optional(),
    days: z.int().min(7).max(30).optional(),
    night: hours.optional(),
    logsPerDay: z.int().min(0).max(100).optional(),
  }),
  handoffReport: z.strictObject({
    ...errand,
    ...scope,
    hours: z
      .int()
      .min(1)
      .max(24 * 14)
      .optional(),
    noteOn: IncidentId.optional(),
  }),
  // `oncall why` takes what a person has at hand, and nothing is written.
  tellIncident: z.strictObject({ ...errand, incident: Id }),
  runOperation: z
    .strictObject({
      ...errand,
      operation: z.enum(operationNames),
      request: z.looseObject({}),
      all: z.boolean().optional(),
      expect: z
        .strictObject({
          status: z.enum(['triggered', 'acknowledged', 'resolved']).optional(),
          assignees: z.array(Id).optional(),
          acknowledgers: z.union([z.array(Id), z.literal('ours')]).optional(),
        })
        .optional(),
    })
    .superRefine(({ operation, request, all }, context) => {
      const endpoint: Endpoint = catalogue[operation];
      const parsed = endpoint.request.safeParse(request, { reportInput: true });
      for (const { message, path } of parsed.success ? [] : inputFaults(endpoint.request, parsed.error))
        context.addIssue({ code: 'custom', path: ['request', ...path], message });
      if (all && !endpoint.paging)
        context.addIssue({
          code: 'custom',
          path: ['all'],
          message: `${operation} does not page: everything comes at once`,
        });
    }),
} as const satisfies { readonly [Name in WorkflowName]: z.ZodType };

export const workflowNames = Object.keys(runInputs) as readonly WorkflowName[];

/** Workflows with a plan. */
export const plannedNames: readonly WorkflowName[] = Object.keys({
  duplicateSweep: true,
  staleSweep: true,
  onboardService: true,
  overrideOrSwap: true,
  stormHandling: true,
} satisfies Readonly<Record<PlannedName, true>>) as readonly PlannedName[];

/** One thing that is wrong with an input. */
export interface InputFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What is wrong with a value, by field; an unknown field with those that there are. */
export function inputFaults(schema: z.ZodType, error: z.ZodError): readonly InputFault[] {
  return flatten(error.issues).map((issue) => {
    const isMissing = issue.code === 'invalid_type' && issue.input === undefined;
    if (issue.code !== 'unrecognized_keys')
      return { path: issue.path, message: isMissing ? 'is missing' : issue.message };
    const known = fieldsAt(schema, issue.path);
    const [first = ''] = issue.keys;
    const near = closest(first, known);
    const meant = near ? ` (did you mean ${near}?)` : '';
    const message = `no such field${meant}; there are ${known.join(', ') || 'none'}`;
    return { path: [...issue.path, issue.keys.join(', ')], message };
  });
}

/** A union's issues are those of the branch that came closest. */
function flatten(
  issues: readonly z.core.$ZodIssue[],
  above: readonly PropertyKey[] = [],
): readonly z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path];
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ ...issue, path }];
    const [best = []] = issue.errors.toSorted((a, b) => a.length - b.length);
    return flatten(best, path);
  });
}

/** Names of the fields that an object of a schema takes, found by its path. */
function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  type Node = Readonly<Record<string, unknown>>;
  const branches = (node: Node): readonly Node[] => [
    node,
    ...((node['anyOf'] ?? node['oneOf'] ?? []) as Node[]),
  ];
  let nodes = branches(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Node);
  for (const step of path) {
    nodes = nodes.flatMap((node) => {
      const properties = node['properties'] as Readonly<Record<string, Node>> | undefined;
      const inner =
        typeof step === 'number' ? (node['items'] as Node | undefined) : properties?.[String(step)];
      return inner ? branches(inner) : [];
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys((node['properties'] as object | undefined) ?? {})))];
}
