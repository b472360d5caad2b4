/** A JSON object from outside. */
export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object under a name, or an empty one: what PagerDuty does not find it ignores. */
export function fieldsIn(value: unknown, name: string): Fields {
  const inner = isFields(value) ? value[name] : undefined;
  return isFields(inner) ? inner : {};
}

/** The id that a reference names. */
export function idOf(reference: unknown): string | undefined {
  const id = isFields(reference) ? reference['id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** A text that is there and says something. */
export const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

/** JSON, or `undefined` where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
