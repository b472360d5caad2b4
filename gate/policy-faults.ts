import type { Document } from 'yaml';
import type { z } from 'zod';

/** Something that is wrong with a configuration, and where in it. */
export interface Fault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Zod's issues as one sentence each: an unknown key is named where it stands, a union by the branch that came closest. */
export function flatten(
  issues: readonly z.core.$ZodIssue[],
  above: readonly PropertyKey[] = [],
): readonly Fault[] {
  return issues.flatMap((issue): readonly Fault[] => {
    const path = [...above, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], message: 'no such key; is it misspelt?' }));
    }
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const closest = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0] ?? [];
      // Where no branch came close, the union itself says what it takes.
      if (depth(closest) === 0 && issue.message !== 'Invalid input')
        return [{ path, message: issue.message }];
      return flatten(closest, path);
    }
    if (issue.code === 'invalid_key') return flatten(issue.issues, path);
    if (issue.code === 'too_small' || issue.code === 'too_big') {
      const [bound, by] =
        issue.code === 'too_small' ? ([issue.minimum, 'least'] as const) : ([issue.maximum, 'most'] as const);
      const isCounted = issue.origin !== 'number' && issue.origin !== 'int';
      const what = isCounted && issue.code === 'too_small' ? 'one value' : String(bound);
      return [{ path, message: `takes at ${by} ${what}` }];
    }
    if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid input'))
      return [{ path, message: `takes ${issue.values.map(String).join(' or ')}` }];
    if (issue.code === 'invalid_type') {
      return [
        {
          path,
          message:
            issue.input === undefined ? 'is missing' : `takes ${kinds[issue.expected] ?? issue.expected}`,
        },
      ];
    }
    return [{ path, message: issue.message }];
  });
}

/** What zod calls a type, and what people call it. */
const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list: [a, b]',
  object: 'keys and values: { key: value }',
  record: 'keys and values: { key: value }',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

const depth = (issues: readonly z.core.$ZodIssue[]): number =>
  Math.max(0, ...issues.map(({ path }) => path.length));

/** Offset of the node at `path`, or of the closest one above it that exists; of a pair's key rather than its value. */
export function nearest(document: Document, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (typeof parent !== 'object' || parent === null || !('items' in parent) || !Array.isArray(parent.items))
      continue;
    for (const item of parent.items as readonly {
      key?: { value?: unknown; range?: readonly number[] };
      range?: readonly number[];
    }[]) {
      if (String(item.key?.value) === String(last)) return item.key?.range?.[0];
    }
    const element: unknown = typeof last === 'number' ? parent.items[last] : undefined;
    if (
      typeof element === 'object' &&
      element !== null &&
      'range' in element &&
      Array.isArray(element.range)
    ) {
      return element.range[0] as number;
    }
  }
  return undefined;
}
