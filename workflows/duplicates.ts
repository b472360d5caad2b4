import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { problemOf } from './assess.ts';

/** One problem, and the open incidents about it; the oldest is kept. */
export interface Group<Each> {
  readonly kept: Each;
  readonly duplicates: readonly Each[];
}

/** What an incident is about: a problem on a service. `undefined` where its title names none, or it has no service. */
export function titleKeyOf({ title, service }: Pick<Incident, 'title' | 'service'>): string | undefined {
  const problem = problemOf(title);
  return problem === '' || !service ? undefined : `${service.id} ${problem}`;
}

/**
 * The problems that are open more than once.
 * @param open the open incidents, the oldest first.
 * @param keyOf what an incident is about; one without a key is like no other.
 */
export function groupsOf<Each>(
  open: readonly Each[],
  keyOf: (incident: Each) => string | undefined,
): readonly Group<Each>[] {
  const byKey = new Map<string, Each[]>();
  for (const incident of open) {
    const key = keyOf(incident);
    if (key === undefined) continue;
    const same = byKey.get(key);
    if (same) same.push(incident);
    else byKey.set(key, [incident]);
  }
  return [...byKey.values()].flatMap(([kept, ...duplicates]) =>
    kept !== undefined && duplicates.length > 0 ? [{ kept, duplicates }] : [],
  );
}
