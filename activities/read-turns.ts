import type { Span } from '../workflows/coverage.ts';
import type { Deps } from './deps.ts';
import type { Read } from './duties.ts';
import { type Named, namedOf, nameIt } from './named.ts';
import { perform } from './perform.ts';
import { askForTurns, entriesIn, type Turn, turnsIn } from './turns.ts';

/** Who has a schedule in a span. */
export interface Turns extends Named {
  /** The span in the schedule's own zone, for people. */
  readonly said: string;
  /** All of the span in order, cut to it; `user` null where nobody has it. */
  readonly turns: readonly Turn[];
  /** Overrides that stand in it. */
  readonly overrides: readonly Turn[];
  /** Escalation policies that page by it. */
  readonly policies: readonly Named[];
}

/** Who has a schedule in a span. A shift-based one answers `InvalidRequest`. */
export async function readTurns(
  deps: Deps,
  { step, schedule, span }: { readonly step: string; readonly schedule: string; readonly span: Span },
): Promise<Read<Turns>> {
  const result = await perform(deps, 'getSchedule', { step, request: askForTurns(schedule, span) });
  if (!result.ok) return result;
  const found = result.response.schedule;
  const { id, name, time_zone: zone, escalation_policies: policies } = found;
  return {
    ok: true,
    ...nameIt(id, name),
    said: said(span, zone ?? 'UTC'),
    turns: turnsIn(found.final_schedule, span),
    overrides: entriesIn(found.overrides_subschedule, span),
    policies: (policies ?? []).map(namedOf),
    agent: result.agent,
    entry: result.entry,
  };
}

/** `Sat 28 Nov 09:00 – Sun 29 Nov 09:00 Europe/Berlin`. Worked out here, not in a run: rules of time zones come with Node. */
function said({ start, end }: Span, zone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    timeZone: zoneOf(zone),
  });
  const [from, to] = [start, end].map((at) => format.format(at).replaceAll(',', ''));
  return `${from} – ${to} ${zoneOf(zone)}`;
}

/** PagerDuty's names of zones are those of the zone database, but for a few. */
function zoneOf(zone: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return 'UTC';
  }
}
