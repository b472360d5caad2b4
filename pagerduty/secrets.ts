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
