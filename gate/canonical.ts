import { createHash } from 'node:crypto';

/** JSON with sorted keys and without `undefined`: equal values give equal text, whoever wrote them and in which order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** SHA-256 of `canonical`, in hex. */
export const digestOf = (value: unknown): string => sha256(canonical(value) ?? 'undefined');

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
