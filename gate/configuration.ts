import { z } from 'zod';
import { type Action, actionsOf, type Resource } from '../pagerduty/catalogue/endpoint.ts';
import { Id } from '../pagerduty/catalogue/wire.ts';
import { Encryption } from './encryption.ts';
import { Denies, Grants } from './grants.ts';
import { WrittenOrder } from './standing.ts';

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

/** All that `oncall.yaml` may hold. */
export const Configuration = z.strictObject({
  accounts: section(Account),
  agents: section(Agent),
  operators: section(Operator),
  front_doors: section(FrontDoor),
  standing: section(WrittenOrder),
  encryption: Encryption.optional(),
});

/** `oncall.yaml`, each section by itself found good. */
export type Configuration = z.output<typeof Configuration>;

const isAction = (name: string): boolean => (allActions as readonly string[]).includes(name);

/** Every action there is. */
export const allActions: readonly Action[] = (Object.keys(actionsOf) as Resource[]).flatMap((resource) =>
  actionsOf[resource].map((verb) => `${resource}.${verb}` as Action),
);
