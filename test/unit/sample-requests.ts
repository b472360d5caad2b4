import { z } from 'zod';
import type { Endpoint } from '../../pagerduty/catalogue/endpoint.ts';

type Json = Record<string, unknown>;

/** Requests that an operation takes. */
export const sampleRequests = ({ request }: Endpoint): readonly Json[] => samplesFor(request);

/** Answers that an operation reads. */
export const sampleAnswers = ({ response }: Endpoint): readonly Json[] => samplesFor(response);

/**
 * Values that a schema takes, made from itself: the smallest, the fullest, and each of the two with every optional field and
 * every value of a choice. What the schema refuses as a whole is left out.
 */
function samplesFor(schema: z.ZodType): readonly Json[] {
  const described = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json;
  const distinct = new Map(samplesOf(described).map((sample) => [JSON.stringify(sample), sample]));
  return [...distinct.values()].filter((sample) => schema.safeParse(sample).success) as Json[];
}

/** Smallest first, fullest last. */
function samplesOf(schema: Json): readonly unknown[] {
  if ('const' in schema) return [schema['const']];
  if (Array.isArray(schema['enum'])) return schema['enum'];
  const branches = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(branches)) return branches.flatMap((branch) => samplesOf(branch as Json));
  switch (schema['type']) {
    case 'object':
      return objects(schema);
    case 'array':
      return samplesOf(schema['items'] as Json).map((item) => [item]);
    case 'string':
      return [textFor(schema)];
    case 'integer':
    case 'number':
      return [schema['minimum'] ?? 1];
    case 'boolean':
      return [true];
    case 'null':
      return [null];
    default:
      return ['anything'];
  }
}

function objects(schema: Json): readonly Json[] {
  if (!schema['properties']) return [{ key: 'value' }];
  const required = (schema['required'] ?? []) as readonly string[];
  const fields = Object.entries(schema['properties'] as Record<string, Json>).map(
    // What ends must end later than it starts.
    ([name, field]) => [name, name === 'end' && field['pattern'] ? [later] : samplesOf(field)] as const,
  );
  const smallest = Object.fromEntries(
    fields.filter(([name]) => required.includes(name)).map(([name, samples]) => [name, samples[0]]),
  );
  const fullest = Object.fromEntries(fields.map(([name, samples]) => [name, samples.at(-1)]));
  const varied = fields.flatMap(([name, samples]) =>
    samples.flatMap((sample) => [
      { ...smallest, [name]: sample },
      { ...fullest, [name]: sample },
    ]),
  );
  return [smallest, ...varied, fullest];
}

const later = '2026-06-24T18:00:00Z';

const texts = ['PABC123', 'created_at', '2026-06-24T10:00:00Z', '2026-06-24', '08:00:00', 'ada@example.com'];

function textFor({ pattern, format, minLength = 0, maxLength = 100 }: Json): string {
  if (format === 'uri') return 'https://example.com/hook';
  const fits = new RegExp(typeof pattern === 'string' ? pattern : '');
  const found = texts.find(
    (text) => fits.test(text) && text.length >= Number(minLength) && text.length <= Number(maxLength),
  );
  if (found === undefined)
    throw new Error(`No sample text matches ${String(pattern)}: add one to \`texts\`.`);
  return found;
}
