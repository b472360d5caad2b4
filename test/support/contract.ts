import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { z } from 'zod';
import type { Exchange } from './recorder.ts';

// A document that nobody typed: looked into by name.
type Json = ReturnType<typeof JSON.parse>;

/** An exchange that PagerDuty's published documents know. */
export interface Checked {
  /** PagerDuty's operationId, as the published documents have it. */
  readonly operation: string;
  /** What does not fit, a sentence each. */
  readonly faults: readonly string[];
}

/** Where PagerDuty's published OpenAPI documents lie; they are not part of this project. */
export const openApiFolder = (): string | undefined => process.env['ONCALL_OPENAPI'];

/** The published documents, as a check of exchanges. */
export function loadContract(folder: string): (exchange: Exchange) => Checked {
  const rest = document(join(folder, 'pagerduty-openapi.json'));
  const events = document(join(folder, 'pagerduty-events-openapi.json'));
  return (exchange) => {
    const log = logEntries(exchange);
    if (log) return log;
    const isEvent = exchange.path.startsWith('/v2/');
    const path = isEvent ? exchange.path.slice('/v2'.length) : exchange.path;
    const { operation, faults } = (isEvent ? events : rest)({ ...exchange, path });
    return {
      operation,
      faults: faults.filter((fault) => !waivers.some(({ fits }) => fits(fault, exchange))),
    };
  };
}

function document(file: string): (exchange: Exchange) => Checked {
  if (!existsSync(file)) throw new Error(`PagerDuty's OpenAPI document ${file} is not there.`);
  const spec = lenient(JSON.parse(readFileSync(file, 'utf8'))) as Json;
  // Its formats are its own: times without a zone, addresses that leave out the machine itself.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(spec, 'pd');
  const at = (pointer: string): Json =>
    pointer
      .slice(2)
      .split('/')
      .reduce((node, key) => node[key.replaceAll('~1', '/').replaceAll('~0', '~')] as Json, spec);
  const deref = (node: Json): Json => (node?.['$ref'] ? deref(at(String(node['$ref']))) : node);
  const paths = spec['paths'] as Json;
  // Fixed words before placeholders: /users/me before /users/{id}.
  const routes = Object.keys(paths)
    .map((path) => ({ path, match: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`) }))
    .toSorted((a, b) => a.path.split('{').length - b.path.split('{').length);
  const validators = new Map<string, ValidateFunction>();
  const check = (what: string, raw: Json, pointer: string, value: unknown): readonly string[] => {
    const holder = raw && deref(raw);
    if (!holder?.['content']?.['application/json']?.['schema']) return [];
    const base = raw?.['$ref'] ? String(raw['$ref']).slice(1) : pointer;
    const $ref = `pd#${encodeURI(`${base}/content/application~1json/schema`)}`;
    const validate = validators.get($ref) ?? ajv.compile({ $ref });
    validators.set($ref, validate);
    if (validate(withoutNulls(value))) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${what}${instancePath} ${message} ${Object.values(params as object).join()}`,
    );
  };

  return (exchange) => {
    const method = exchange.method.toLowerCase();
    const route = routes.find(({ path, match }) => match.test(exchange.path) && paths[path]?.[method]);
    if (!route)
      return { operation: 'none', faults: [`${exchange.method} ${exchange.path} is not published`] };
    const item = paths[route.path] as Json;
    const operation = item[method] as Json;
    const pointer = `/paths/${route.path.replaceAll('/', '~1')}/${method}`;
    const parameters = [
      ...((item['parameters'] ?? []) as unknown as Json[]),
      ...((operation['parameters'] ?? []) as unknown as Json[]),
    ].map(deref);
    const faults: string[] = [];
    for (const parameter of parameters) {
      const name = String(parameter['name']);
      const isSent =
        parameter['in'] === 'header'
          ? exchange.headers[name.toLowerCase()] !== undefined
          : parameter['in'] !== 'query' || exchange.query.has(name);
      // Content-Type stands there as required on GET too, which sends no content.
      const isMeant = name !== 'Content-Type' || exchange.method !== 'GET';
      if (parameter['required'] && !isSent && isMeant) faults.push(`${name} is required`);
    }
    for (const [name, values] of exchange.query) {
      const parameter = parameters.find((one) => one['in'] === 'query' && one['name'] === name);
      if (!parameter) faults.push(`query ${name} is not published`);
      else faults.push(...strangeValues(name, values, parameter['schema'] as Json));
    }
    if (exchange.body === undefined) {
      if (deref(operation['requestBody'] as Json)?.['required']) faults.push('a body is required');
    } else if (operation['requestBody'])
      faults.push(
        ...check('request', operation['requestBody'] as Json, `${pointer}/requestBody`, exchange.body),
      );
    const responses = operation['responses'] as Json;
    const published = responses[String(exchange.status)];
    if (!published) faults.push(`status ${exchange.status} is not published`);
    else if (exchange.status !== 204)
      faults.push(
        ...check('response', published, `${pointer}/responses/${exchange.status}`, exchange.response),
      );
    return { operation: String(operation['operationId']), faults };
  };
}

/** Repeated values are published as one string with an enum: each is compared alone. */
function strangeValues(name: string, values: readonly string[], schema: Json): readonly string[] {
  const allowed = (schema?.['enum'] ?? schema?.['items']?.['enum']) as unknown as
    | readonly string[]
    | undefined;
  if (!allowed) return [];
  const all = name === 'sort_by' ? values.flatMap((value) => value.split(',')) : values;
  return all
    .filter((value) => !allowed.includes(value))
    .map((value) => `query ${name}=${value} is not published`);
}

/**
 * The documents in the words of the checker. What reads must never be sent is no matter here: PagerDuty marks the id and type of
 * every reference so, and demands them.
 */
function lenient(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(lenient);
  if (typeof node !== 'object' || node === null) return node;
  const {
    example: _example,
    examples: _examples,
    discriminator: _discriminator,
    readOnly: _readOnly,
    nullable,
    ...rest
  } = node as Record<string, unknown>;
  const schema = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, lenient(value)]));
  for (const [flag, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[flag] !== 'boolean') continue;
    if (schema[flag]) {
      schema[flag] = schema[bound];
      delete schema[bound];
    } else delete schema[flag];
  }
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

/** What is not required may be null, says PagerDuty's guide, and the documents mark almost none of it: nulls count as left out. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner)]));
}

interface Waiver {
  readonly why: string;
  readonly fits: (fault: string, exchange: Exchange) => boolean;
}

/** Where the documents of August 2026 are known to differ from PagerDuty itself. */
const waivers: readonly Waiver[] = [
  {
    why: 'a service is updated in parts; the document demands its policy each time',
    fits: (fault, { method }) =>
      method === 'PUT' && fault.startsWith("request/service must have required property 'escalation_policy'"),
  },
  {
    why: 'full objects in the place of references are modelled for incidents alone',
    fits: (fault, { query }) =>
      query.has('include[]') &&
      /\/type must be equal to one of the allowed|\/schedule must match exactly one schema/.test(fault),
  },
  {
    why: 'the details of a new incident are a string; the document says object',
    fits: (fault) => fault.startsWith('request/incident/body/details must be object'),
  },
  {
    why: 'these statuses occur everywhere, and are left out of some operations',
    fits: (fault, { status }) =>
      fault === `status ${status} is not published` && [400, 401, 402, 403, 404, 429].includes(status),
  },
  {
    why: 'creating a webhook subscription answers 201, as everything that creates',
    fits: (fault, { path }) => fault === 'status 201 is not published' && path === '/webhook_subscriptions',
  },
  {
    why: 'the error of /users/me is a bare string',
    fits: (fault, { path }) => path === '/users/me' && fault.startsWith('response/error'),
  },
  {
    why: 'a 401 need not be JSON',
    fits: (fault, { status }) => status === 401 && fault.startsWith('response'),
  },
];

const LogEntry = z.looseObject({
  id: z.string(),
  type: z
    .string()
    .regex(
      /^(acknowledge|annotate|assign|delegate|escalate|exhaust_escalation_path|notify|reach_ack_limit|reach_trigger_limit|repeat_escalation_path|resolve|snooze|trigger|unacknowledge|urgency_change|field_value_change|custom_field_value_change)_log_entry$/,
    ),
  summary: z.string(),
  self: z.string(),
  created_at: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/),
  agent: z.looseObject({ id: z.string(), type: z.string(), summary: z.string() }).nullable(),
  channel: z.looseObject({ type: z.string() }),
  service: z.looseObject({ id: z.string(), type: z.string() }),
  incident: z.looseObject({ id: z.string(), type: z.string() }),
  teams: z.array(z.looseObject({ id: z.string(), type: z.string() })),
});
const LogEntries = z.looseObject({ log_entries: z.array(LogEntry) });

/** The log of an incident is not among the documents: its shape is PagerDuty's guide's. */
function logEntries({ method, path, status, response }: Exchange): Checked | undefined {
  if (method !== 'GET' || !/^\/incidents\/[^/]+\/log_entries$/.test(path)) return undefined;
  const parsed = status === 200 ? LogEntries.safeParse(response) : undefined;
  const faults = parsed?.error?.issues.map(({ path: at, message }) => `response/${at.join('/')} ${message}`);
  return { operation: 'listIncidentLogEntries', faults: faults ?? [] };
}
