import type { OperationName, RequestOf } from '../pagerduty/catalogue/index.ts';
import type { Schedule } from '../pagerduty/catalogue/schedules.ts';
import type { Span } from '../workflows/coverage.ts';
import type { SeenTurns } from '../workflows/seen.ts';
import type { Call } from './call.ts';
import { type Named, namedOf, nameIt } from './named.ts';
import type { InTheWay } from './results.ts';

/** A part of a span, and who has it. */
export type Turn = Span & { readonly user: Named | null };

/** What is different of the turns that a planned override is about, read in the attempt that sends it. */
export async function turned<Name extends OperationName>({
  name,
  turns = [],
  request,
  reader,
}: Pick<Call<Name>, 'name' | 'turns' | 'request' | 'reader'>): Promise<readonly InTheWay[]> {
  if (name !== 'createScheduleOverride') return [];
  const { id } = (request as RequestOf<'createScheduleOverride'>).params;
  const found: InTheWay[] = [];
  for (const was of turns) {
    const { schedule } = await reader.ask('getSchedule', askForTurns(id, was), id);
    const now = turnsIn(schedule.final_schedule, was);
    const isSame = JSON.stringify(now.map(bare)) === JSON.stringify(was.turns.map(plain));
    if (isSame) continue;
    const who = now.map(({ start, end, user }) => `${user?.name ?? 'nobody'} ${iso(start)} to ${iso(end)}`);
    found.push({
      id,
      why: `the turns of ${nameIt(id, schedule.name).name} have changed since the plan: ${who.slice(0, mostNamed).join(', ')} now`,
    });
  }
  return found;
}

const bare = ({ start, end, user }: Turn) => ({ start, end, user: user?.id ?? null });
const plain = ({ start, end, user }: SeenTurns['turns'][number]) => ({ start, end, user });

/** Asks for a schedule as it is in a span. */
export const askForTurns = (id: string, { start, end }: Span) => ({
  params: { id },
  query: { since: iso(start), until: iso(end), overflow: true },
});

/** Everything of a span, also where nobody is: what touches and is one person's is one turn. */
export function turnsIn(sub: Schedule['final_schedule'], span: Span): readonly Turn[] {
  const turns: { start: number; end: number; user: Named | null }[] = [];
  const add = (start: number, end: number, user: Named | null): void => {
    if (start >= end) return;
    const last = turns.at(-1);
    if (last && last.user?.id === user?.id) last.end = end;
    else turns.push({ start, end, user });
  };
  let reached = span.start;
  for (const { start, end, user } of entriesIn(sub, span)) {
    add(reached, start, null);
    add(Math.max(start, reached), end, user);
    reached = Math.max(reached, end);
  }
  add(reached, span.end, null);
  return turns;
}

/** What of the rendered entries lies in a span, in order and cut to it. */
export const entriesIn = (sub: Schedule['final_schedule'], span: Span): readonly Turn[] =>
  (sub?.rendered_schedule_entries ?? [])
    .map(({ start, end, user }) => ({
      start: Math.max(Date.parse(start), span.start),
      end: Math.min(Date.parse(end), span.end),
      user: user ? namedOf(user) : null,
    }))
    .filter(({ start, end }) => start < end)
    .toSorted((a, b) => a.start - b.start);

const iso = (at: number): string => new Date(at).toISOString();

const mostNamed = 5;
