import type { Stamp } from '../gate/audit.ts';
import type { Reference } from '../pagerduty/catalogue/wire.ts';
import { oneLine } from '../pagerduty/text.ts';
import type { Doer, Logged, Noted } from '../workflows/contract.ts';
import type { Deps } from './deps.ts';
import { perform } from './perform.ts';
import type { NotDone } from './results.ts';

/** How many entries a page has, how many notes are told, and how much of each text. */
const pageSize = 100;
const mostNotes = 200;
const mostCharacters = 500;

/** One page of an incident's log, newest first, cut to what a person reads. */
export async function listLog(
  deps: Deps,
  { step, incident, offset }: { readonly step: string; readonly incident: string; readonly offset: number },
): Promise<
  | { readonly ok: true; readonly log: readonly Logged[]; readonly more: boolean; readonly entry: Stamp }
  | NotDone
> {
  const result = await perform(deps, 'listIncidentLogEntries', {
    step,
    request: { params: { id: incident }, query: { limit: pageSize, offset } },
    ours: true,
  });
  if (!result.ok) return result;
  const { log_entries: log, more } = result.response;
  return {
    ok: true,
    log: log.map(({ id, type, created_at: at, agent, summary }) => ({
      id,
      at,
      what: type.replace(/_log_entry(_reference)?$/, ''),
      ...doneBy(agent, result.ourUsers),
      text: oneLine(summary ?? '', mostCharacters),
    })),
    more: more === true && log.length > 0,
    entry: result.entry,
  };
}

/** The notes of an incident, newest first, cut to what a person reads. */
export async function listNotes(
  deps: Deps,
  { step, incident }: { readonly step: string; readonly incident: string },
): Promise<
  | {
      readonly ok: true;
      readonly notes: readonly Noted[];
      readonly more: boolean;
      readonly agent: string;
      readonly entry: Stamp;
    }
  | NotDone
> {
  const result = await perform(deps, 'listIncidentNotes', {
    step,
    request: { params: { id: incident } },
    ours: true,
  });
  if (!result.ok) return result;
  const { notes } = result.response;
  return {
    ok: true,
    notes: notes.slice(0, mostNotes).map(({ id, created_at, user, content }) => ({
      id,
      at: created_at ?? null,
      ...doneBy(user, result.ourUsers),
      text: oneLine(content, mostCharacters),
    })),
    more: notes.length > mostNotes,
    agent: result.agent,
    entry: result.entry,
  };
}

/** Who did it, and what PagerDuty calls them. */
const doneBy = (
  who: Reference | null | undefined,
  ourUsers: readonly string[] | undefined,
): { readonly by: Doer; readonly name: string } => ({
  by: doerOf(who, ourUsers),
  name: oneLine(who?.summary ?? who?.id ?? 'PagerDuty', 60),
});

/** Neither services nor PagerDuty's bots are people. */
export function doerOf(who: Reference | null | undefined, ourUsers: readonly string[] = []): Doer {
  const isUser = who?.type?.startsWith('user') === true;
  return !isUser ? 'pagerduty' : ourUsers.includes(who.id) ? 'ours' : 'person';
}
