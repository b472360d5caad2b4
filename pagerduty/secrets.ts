import { z } from 'zod';
import { Id } from './catalogue/wire.ts';

/** Fields whose value unlocks something: who has it can read calendars, send events or sign webhooks. */
const secretFields: ReadonlySet<string> = new Set([
  'http_cal_url',
  'web_cal_url',
  'integration_key',
  'service_key',
  'routing_key',
  'secret',
]);

/** What stands in the place of a secret. */
export const withheld = '(withheld)';

/** A JSON value without the secrets that PagerDuty puts into it, wherever they stand. Nulls stay: they are none. */
export function withoutSecretFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecretFields);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      secretFields.has(key) && typeof inner === 'string' ? withheld : withoutSecretFields(inner),
    ]),
  );
}

/** Takes what PagerDuty tells only once, so that it goes no further. */
export interface SecretKeeper {
  /** Makes sure that a secret could be kept; throws before anything is sent. */
  readonly prepare: () => void;
  /** Keeps the secret of a webhook subscription, and says where. */
  readonly keep: (subscription: string, secret: string) => string;
}

const Told = z.looseObject({
  webhook_subscription: z.looseObject({
    id: Id,
    delivery_method: z.looseObject({ secret: z.string().min(1).nullish() }),
  }),
});

/** The subscription that an answer tells the secret of; `undefined` where it tells none. */
export function secretIn(
  answer: unknown,
): { readonly subscription: string; readonly secret: string } | undefined {
  const told = Told.safeParse(answer);
  const { id: subscription, delivery_method } = told.data?.webhook_subscription ?? {};
  const secret = delivery_method?.secret;
  return subscription && secret ? { subscription, secret } : undefined;
}

/** An answer without its secret: in its place stands where that is kept. */
export function withPlace(answer: unknown, place: string): unknown {
  const { webhook_subscription: subscription, ...rest } = Told.parse(answer);
  const delivery_method = { ...subscription.delivery_method, secret: `${keptIn}${place})` };
  return { ...rest, webhook_subscription: { ...subscription, delivery_method } };
}

const keptIn = '(kept in ';

/** Where a secret is kept, as an answer without it says; `undefined` where it says nothing. */
export const placeIn = (secret: string | null | undefined): string | undefined =>
  secret?.startsWith(keptIn) ? secret.slice(keptIn.length, -1) : undefined;
