import { LineCounter } from 'yaml';
import { z } from 'zod';
import { type Action, actionsOf, type Resource } from '../pagerduty/catalogue/endpoint.ts';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { sha256 } from './canonical.ts';
import { Encryption } from './encryption.ts';
import { Denies, Grants } from './grants.ts';
import { type Fault, flatten, nearest } from './policy-faults.ts';
import { reservedNames } from './runner.ts';
import { completed, isTimed, type StandingOrder, WrittenOrder } from './standing.ts';
import type { TimedOrder } from './timed-orders.ts';
import { readYaml, type Yaml, YamlFault } from './yaml.ts';

/** Where a secret lies; never the secret itself. */
export const SecretRef = z
  .string()
  .regex(/^(env|file):\S+$/, 'a secret is named, never written here: env:NAME or file:PATH')
  .brand('SecretRef');
export type SecretRef = z.output<typeof SecretRef>;

/** A name in the configuration. */
export const Name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'a name is lower-case letters, digits and dashes, such as triage-bot');

const Url = z.url({ protocol: /^https?$/, error: 'an address is http://… or https://…' });

/** An OAuth app that asks for its own tokens. Its scopes are all that operations need, where none are named. */
const OAuth = z.strictObject({
  client_id: z.string().min(1),
  client_secret: SecretRef,
  subdomain: z.string().regex(/^[a-z0-9-]+$/, 'a subdomain is what stands before .pagerduty.com'),
  scopes: z
    .array(z.string().regex(/^[a-z_]+\.(read|write)$/, 'a scope is such as incidents.read'))
    .min(1)
    .optional(),
});

/** An API key, a user's OAuth token, or an OAuth app: references to secrets. */
export type Credential =
  | { readonly kind: 'token' | 'bearer'; readonly ref: SecretRef }
  | ({ readonly kind: 'oauth' } & z.output<typeof OAuth>);

const credential = { token: SecretRef.optional(), bearer: SecretRef.optional(), oauth: OAuth.optional() };

interface Named {
  readonly token?: SecretRef | undefined;
  readonly bearer?: SecretRef | undefined;
  readonly oauth?: z.output<typeof OAuth> | undefined;
}
type WithCredential<Written> = Written extends unknown
  ? Omit<Written, keyof Named> & { readonly credential: Credential }
  : never;

/** Puts the one credential that is named in the place of the three that can be. */
function withCredential<Written extends Named>(
  { token, bearer, oauth, ...rest }: Written,
  context: z.RefinementCtx,
): WithCredential<Written> {
  const named: readonly Credential[] = [
    ...(token === undefined ? [] : [{ kind: 'token', ref: token } as const]),
    ...(bearer === undefined ? [] : [{ kind: 'bearer', ref: bearer } as const]),
    ...(oauth === undefined ? [] : [{ kind: 'oauth', ...oauth } as const]),
  ];
  const [credential, second] = named;
  if (credential && !second) return { ...rest, credential } as unknown as WithCredential<Written>;
  const message = second
    ? 'one credential is enough: token, bearer or oauth'
    : 'a credential is missing: name a token (an API key), a bearer (a user’s OAuth token) or an oauth app';
  context.addIssue({ code: 'custom', path: second ? [second.kind] : [], message });
  return z.NEVER;
}

/** Login e-mails for `From`: one, or a default and others for some actions. */
const From = z
  .union([
    z.email(),
    z.record(z.string(), z.email()).refine((addresses) => 'default' in addresses, 'from needs a default'),
  ])
  .transform((from, context): Readonly<Record<string, string>> => {
    if (typeof from === 'string') return { default: from };
    for (const name of Object.keys(from)) {
      if (name !== 'default' && !isAction(name))
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'no such action; give default, or an action such as users.create',
        });
    }
    return from;
  });

const account = {
  ...credential,
  from: From,
  routing_keys: z.record(Name, SecretRef).default({}),
  // Several while one is being rotated; a delivery that any of them signed is PagerDuty's.
  webhook_secrets: z.array(SecretRef).min(1).max(10).optional(),
};

const Account = z
  .discriminatedUnion(
    'region',
    [
      z.strictObject({ region: z.enum(['us', 'eu']), ...account }),
      z.strictObject({
        region: z.literal('custom'),
        rest_url: Url,
        events_url: Url,
        identity_url: Url.optional(),
        ...account,
      }),
    ],
    {
      error: ({ code }) =>
        code === 'invalid_union' ? 'say us or eu; or custom, with its rest_url and events_url' : undefined,
    },
  )
  .transform(withCredential);
/** An account as configured: references to secrets, no secrets. */
export type Account = z.output<typeof Account>;

/** 32 bytes of an Ed25519 public key, base64url. */
export const PublicKey = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'a public key is the 43 characters that `oncall agents add` wrote');

/** A key of before a rotation: it still proves what was signed before that. */
const PreviousKey = z.strictObject({ public_key: PublicKey, until: z.iso.datetime({ offset: true }) });

const Agent = z.strictObject({
  // Without one it speaks through a front door alone.
  public_key: PublicKey.optional(),
  previous_keys: z.array(PreviousKey).optional(),
  // The person whom it works for; `on_call` asks whether that person is.
  pagerduty_user: Id.optional(),
  grants: Grants.default(new Map()),
  deny: Denies.default([]),
  // Its own credential in an account; PagerDuty's own limits then hold for it too.
  credentials: z
    .record(Name, z.strictObject({ ...credential, from: From.optional() }).transform(withCredential))
    .optional(),
});
export type Agent = z.output<typeof Agent>;

const Operator = z.strictObject({
  public_key: PublicKey,
  previous_keys: z.array(PreviousKey).optional(),
  pagerduty_user: Id.optional(),
  approve_by: z
    .array(z.enum(['key', 'note']))
    .min(1)
    .default(['key']),
});
/** A person who may approve, and lift what narrows. */
export type Operator = z.output<typeof Operator>;

const FrontDoor = z.strictObject({
  public_key: PublicKey,
  previous_keys: z.array(PreviousKey).optional(),
  may_speak_for: z.array(Name).min(1).default([]),
  may_speak_for_operators: z.array(Name).min(1).default([]),
});
/** A process that signs for those who come to it: for agents with a token, the MCP server over HTTP; for operators, `oncall console`. */
export type FrontDoor = z.output<typeof FrontDoor>;

// A section whose key stands there with nothing under it is an empty section.
const section = <T extends z.ZodType>(value: T) =>
  z.preprocess((written) => written ?? {}, z.record(Name, value));

const Configuration = z.strictObject({
  accounts: section(Account),
  agents: section(Agent),
  operators: section(Operator),
  front_doors: section(FrontDoor),
  standing: section(WrittenOrder),
  encryption: Encryption.optional(),
});

type Written = z.output<typeof Configuration>;

/** What only the whole configuration can show to be wrong. */
function faultsWithin({ accounts, agents, operators, front_doors, standing }: Written): readonly Fault[] {
  const names = Object.keys(operators).filter((name) => Object.hasOwn(agents, name));
  const taken = { agents, operators, front_doors };
  const reserved = (Object.keys(taken) as (keyof typeof taken)[]).flatMap((section) =>
    reservedNames
      .filter((name) => Object.hasOwn(taken[section], name))
      .map((name) => ({ path: [section, name], message: 'the audit uses this name itself; choose another' })),
  );
  return [
    ...reserved,
    ...names.map((name) => ({ path: ['operators', name], message: 'an agent has this name already' })),
    ...Object.entries(front_doors).flatMap(([name, door]) =>
      faultsOfDoor(name, door, { agents, operators, front_doors }),
    ),
    ...Object.entries(agents).flatMap(([name, { public_key }]) =>
      public_key !== undefined || Object.values(front_doors).some((door) => door.may_speak_for.includes(name))
        ? []
        : [
            {
              path: ['agents', name, 'public_key'],
              message: 'is missing, and no front door may speak for it',
            },
          ],
    ),
    ...Object.entries(agents).flatMap(([name, agent]) =>
      faultsAcross(agent, accounts, operators).map(([path, message]) => ({
        path: ['agents', name, ...path],
        message,
      })),
    ),
    ...Object.entries(standing).flatMap(([name, written]) =>
      completed(written, Object.keys(accounts), Object.keys(agents)).faults.map(([path, message]) => ({
        path: ['standing', name, ...path],
        message,
      })),
    ),
  ];
}

/** What a front door says that only the rest of the configuration can show to be wrong. */
function faultsOfDoor(
  name: string,
  { public_key, may_speak_for, may_speak_for_operators }: FrontDoor,
  { agents, operators, front_doors }: Pick<Written, 'agents' | 'operators' | 'front_doors'>,
): readonly Fault[] {
  const path = ['front_doors', name];
  const sharing = [agents, operators, front_doors]
    .flatMap((some) => Object.entries<{ readonly public_key?: string | undefined }>(some))
    .find(([other, { public_key: theirs }]) => theirs === public_key && other !== name);
  const unknown = (key: string, named: readonly string[], kind: string, known: object): readonly Fault[] =>
    named.flatMap((one, index) =>
      Object.hasOwn(known, one)
        ? []
        : [
            {
              path: [...path, key, index],
              message: `there is no ${kind} ${one}; there are ${Object.keys(known).join(', ') || 'none'}`,
            },
          ],
    );
  const owner = Object.hasOwn(agents, name)
    ? 'agent'
    : Object.hasOwn(operators, name)
      ? 'operator'
      : undefined;
  return [
    ...(owner ? [{ path, message: `an ${owner} has this name already` }] : []),
    ...(sharing
      ? [
          {
            path: [...path, 'public_key'],
            message: `this is the key of ${sharing[0]}; a front door has its own`,
          },
        ]
      : []),
    ...(may_speak_for.length === 0 && may_speak_for_operators.length === 0
      ? [{ path, message: 'name whom it speaks for: may_speak_for, or may_speak_for_operators' }]
      : []),
    // Whoever holds its key could ask for a thing and approve it.
    ...(may_speak_for.length > 0 && may_speak_for_operators.length > 0
      ? [{ path, message: 'it speaks for agents or for operators, not for both: use two front doors' }]
      : []),
    ...unknown('may_speak_for', may_speak_for, 'agent', agents),
    ...unknown('may_speak_for_operators', may_speak_for_operators, 'operator', operators),
  ];
}

/** What an agent says that only the rest of the configuration can show to be wrong. */
function faultsAcross(
  { grants, deny, credentials = {}, pagerduty_user }: Agent,
  accounts: object,
  operators: object,
): readonly (readonly [readonly PropertyKey[], string])[] {
  const faults: [readonly PropertyKey[], string][] = [];
  const asksDuty =
    'on_call asks whether a person is on call: name that person as pagerduty_user of the agent';
  for (const [name, { when, approval }] of grants) {
    if (when.on_call && pagerduty_user === undefined) faults.push([['grants', name], asksDuty]);
    for (const operator of approval?.by ?? [])
      if (!Object.hasOwn(operators, operator))
        faults.push([
          ['grants', name],
          `there is no operator ${operator}; there are ${Object.keys(operators).join(', ') || 'none'}`,
        ]);
  }
  for (const [index, { when }] of deny.entries())
    if (when.on_call && pagerduty_user === undefined) faults.push([['deny', index], asksDuty]);
  for (const account of Object.keys(credentials))
    if (!Object.hasOwn(accounts, account))
      faults.push([['credentials', account], 'there is no such account']);
  return faults;
}

/** One `oncall.yaml`, read and found good. */
export interface Policy {
  readonly accounts: ReadonlyMap<string, Account>;
  readonly agents: ReadonlyMap<string, Agent>;
  readonly operators: ReadonlyMap<string, Operator>;
  readonly frontDoors: ReadonlyMap<string, FrontDoor>;
  /** Standing orders on events; those by the clock are `timed`. No name is in both. */
  readonly standing: ReadonlyMap<string, StandingOrder>;
  readonly timed: ReadonlyMap<string, TimedOrder>;
  /** Where what Temporal keeps is encrypted; read when a process starts. */
  readonly encryption?: Encryption;
  /** SHA-256 of the file's bytes; stands in each audit entry. */
  readonly digest: string;
}

/** Why `oncall.yaml` can't be used: sentences with `file:line:column`. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/**
 * Reads the text of `oncall.yaml`.
 * @throws PolicyError naming every fault with its line.
 */
export function parsePolicy(text: string, file = 'oncall.yaml'): Policy {
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  let read: Yaml;
  try {
    read = readYaml(text, lines);
  } catch (error) {
    if (error instanceof YamlFault)
      throw new PolicyError(`${at(error.offset)}: this is not YAML: ${error.message}`);
    throw error;
  }
  const result = Configuration.safeParse(read.value ?? {}, { reportInput: true });
  const faults = result.success
    ? faultsWithin(result.data)
    : flatten(result.error.issues.slice(0, mostFaults));
  if (result.success && faults.length === 0) {
    const { accounts, agents, operators, front_doors, standing, encryption } = result.data;
    const orders = Object.entries(standing).map(
      ([name, written]) =>
        [name, completed(written, Object.keys(accounts), Object.keys(agents)).order] as const,
    );
    return {
      accounts: new Map(Object.entries(accounts)),
      agents: new Map(Object.entries(agents)),
      operators: new Map(Object.entries(operators)),
      frontDoors: new Map(Object.entries(front_doors)),
      standing: new Map(orders.flatMap(([name, order]) => (isTimed(order) ? [] : [[name, order]]))),
      timed: new Map(orders.flatMap(([name, order]) => (isTimed(order) ? [[name, order]] : []))),
      ...(encryption && { encryption }),
      digest: sha256(text),
    };
  }
  const sentences = faults.slice(0, mostFaults).map(({ path, message }) => {
    const where = nearest(read.document, path) ?? read.document.contents?.range?.[0] ?? 0;
    return `${at(where)}: ${path.join('.') || 'the file'}: ${message}`;
  });
  throw new PolicyError([...new Set(sentences)].join('\n'));
}

/** How many faults are told at once; the rest shows when these are mended. */
const mostFaults = 50;

const isAction = (name: string): boolean => (allActions as readonly string[]).includes(name);

/** Every action there is. */
export const allActions: readonly Action[] = (Object.keys(actionsOf) as Resource[]).flatMap((resource) =>
  actionsOf[resource].map((verb) => `${resource}.${verb}` as Action),
);
