import { type Act, actsFrom, tellAct } from '../gate/acts.ts';
import { join } from '../gate/words.ts';
import type { OperationName, ResponseOf } from '../pagerduty/catalogue/index.ts';
import type { Call } from './call.ts';
import type { Deps } from './deps.ts';
import type { AllFacts } from './facts.ts';
import type { Origin } from './origin.ts';
import { graceMs } from './pagerduty-clock.ts';

/** How many entries of an incident's log are looked at. */
export const mostEntries = 100;

/**
 * What people did to the incident of a write since its run began, in words; `undefined` where they did nothing. What they did
 * before the run first saw the incident shows in no comparison of what it saw, and is theirs all the same.
 */
export async function touched<Name extends OperationName>(
  { expect, deps, origin, reader }: Call<Name>,
  { incidents = [] }: AllFacts,
): Promise<string | undefined> {
  const [incident, ...others] = incidents;
  if (expect?.untouched !== true || !incident || others.length > 0) return undefined;
  const ours = await reader.ourUsers();
  const log = await reader.ask(
    'listIncidentLogEntries',
    { params: { id: incident.id }, query: { limit: mostEntries } },
    incident.id,
  );
  const acts = actsSinceStart(deps, origin, log, ours);
  return acts.length === 0 ? undefined : `${join(acts.map(tellAct))} before we could`;
}

/** What people did to an incident since a run began, by PagerDuty's clock and the incident's log. */
export function actsSinceStart(
  { clock, now }: Pick<Deps, 'clock' | 'now'>,
  origin: Origin,
  { log_entries: log, more }: ResponseOf<'listIncidentLogEntries'>,
  ours: readonly string[],
): readonly Act[] {
  const began = {
    at: clock.of(origin.startedAt, now()) - graceMs,
    ...(origin.kind === 'agent' && origin.on !== undefined && { on: origin.on }),
  };
  return actsFrom(log, began, ours, more !== true);
}
