import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { checkReferences } from './checks.ts';
import { type Fault, faultsIn, written } from './faults.ts';
import { Data } from './format.ts';

/** Why a data file cannot be used: a sentence for each thing to mend, with its line and its path. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

/**
 * Reads a company out of YAML or JSON.
 * @throws DataError naming what is wrong and where; at most ten things at once.
 */
export function readData(text: string, file: string): Data {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const [broken] = document.errors;
  if (broken) throw new DataError(`${at(broken.pos[0])}: this is neither YAML nor JSON: ${broken.message}.`);
  const result = Data.safeParse(document.toJS({ maxAliasCount: 1000 }) ?? {}, { reportInput: true });
  const faults = result.success ? checkReferences(result.data) : faultsIn(result.error.issues, keysAt);
  if (result.success && faults.length === 0) return result.data;
  const place = ({ path }: Fault) => {
    const nodes = path.map((_, index) => document.getIn(path.slice(0, path.length - index), true));
    const [offset = 0] = nodes.find(isNode)?.range ?? [];
    return at(offset);
  };
  const sentences = faults.slice(0, 10).map((fault) => {
    const where = written(fault.path);
    return `${place(fault)}: ${where === '' ? '' : `${where}: `}${fault.message}${fault.message.endsWith('?') ? '' : '.'}`;
  });
  const more = faults.length > 10 ? [`${faults.length - 10} more are not shown.`] : [];
  throw new DataError([...sentences, ...more].join('\n'));
}

/** The keys that the format knows at a place. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let here = formsOf(z.toJSONSchema(Data, { io: 'input', unrepresentable: 'any' }));
  for (const part of path) {
    here = here.flatMap(({ items, properties }) =>
      formsOf(typeof part === 'number' ? items : properties?.[String(part)]),
    );
  }
  return [...new Set(here.flatMap(({ properties = {} }) => Object.keys(properties)))];
}

/** Each of the forms that something may have. */
function formsOf(schema: unknown): readonly z.core.JSONSchema.JSONSchema[] {
  if (!isSchema(schema)) return [];
  return [schema, ...(schema.anyOf ?? []).flatMap(formsOf), ...(schema.oneOf ?? []).flatMap(formsOf)];
}

const isSchema = (value: unknown): value is z.core.JSONSchema.JSONSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
