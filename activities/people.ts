import { type Act, actsSince } from '../gate/people-first.ts';
import type { Deps } from './deps.ts';
import { factsOf, type Seen } from './facts.ts';
import { type Done, type NotDone, perform } from './perform.ts';

/** What happened to an incident since it was seen. */
export interface Acts {
  readonly ok: true;
  /** What people did, in their order. */
  readonly acts: readonly Act[];
  readonly entry: Done<'listIncidentLogEntries'>['entry'];
}

/** How many entries of an incident's log are looked at. */
const mostEntries = 100;

/**
 * What people did to an incident since a run saw it, from the incident's log. What the log does not show is not guessed: an
 * empty list says that no person did it.
 */
export async function listActs(
  deps: Deps,
  { step, incident }: { readonly step: string; readonly incident: Seen },
): Promise<Acts | NotDone> {
  const result = await perform(deps, 'listIncidentLogEntries', {
    step,
    request: { params: { id: incident.id }, query: { limit: mostEntries } },
    ours: true,
  });
  if (!result.ok) return result;
  const { log_entries: log } = result.response;
  const acts = actsSince(log, factsOf(incident), result.ourUsers ?? []);
  return { ok: true, acts, entry: result.entry };
}
