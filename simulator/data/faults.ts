import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';

/** Something wrong with a data file, and its mend. */
export interface Fault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What a schema found, one fault for each thing to mend. Needs `reportInput`. */
export function faultsIn(
  issues: readonly z.core.$ZodIssue[],
  knownKeys: (path: readonly PropertyKey[]) => readonly string[],
  above: readonly PropertyKey[] = [],
): readonly Fault[] {
  return issues.flatMap((issue): readonly Fault[] => {
    const path = [...above, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, knownKeys(path)) }));
    }
    if (issue.code === 'invalid_union' && issue.errors.length > 0 && issue.message === 'Invalid input') {
      const closest = issue.errors.toSorted((a, b) => depth(b) - depth(a) || a.length - b.length)[0] ?? [];
      return faultsIn(closest, knownKeys, path);
    }
    if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
      return [{ path, message: 'this is none of the types there are' }];
    }
    if (issue.code === 'invalid_type' && issue.input === undefined) {
      return [{ path, message: 'this is missing; write it' }];
    }
    return [{ path, message: inOurWords(issue.message) }];
  });
}

const depth = (issues: readonly z.core.$ZodIssue[]): number =>
  Math.max(0, ...issues.map(({ path }) => path.length));

const inOurWords = (message: string): string =>
  message.startsWith('Invalid') || message.startsWith('Too')
    ? `${message.charAt(0).toLowerCase()}${message.slice(1)}`
    : message;

function unknownKey(key: string, known: readonly string[]): string {
  const [closest] = known.toSorted((a, b) => distance(key, a) - distance(key, b));
  const isClose = closest !== undefined && distance(key, closest) <= Math.max(2, key.length / 3);
  const mend = isClose ? `did you mean ${closest}?` : `there are ${known.join(', ')}`;
  return known.length === 0 ? 'there is no such key; take it out' : `there is no such key; ${mend}`;
}

/** `services[2].escalation_policy`. */
export const written = (path: readonly PropertyKey[]): string =>
  path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
