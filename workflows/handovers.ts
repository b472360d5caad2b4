import type { Named } from '../activities/index.ts';
import type { OnCall } from '../pagerduty/catalogue/oncalls.ts';
import { outcomeOf } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Handover, OverrideInput } from './contract.ts';
import { type Roster, readRoster } from './cover-policies.ts';
import { type Duty, endOf, type Span, startOf, stretchesOf, withOverride } from './coverage.ts';
import { activitiesOf, perform } from './proxies.ts';
import { duration, spell } from './report.ts';
import { asSaid } from './said.ts';
import { must, queryOf, Stop, type Turn } from './turns.ts';

/** How long one person may be given a duty in one piece before somebody else must agree to that as well. */
const longestMs = 24 * 3_600_000;

/** How many escalation policies are looked at. */
const mostPolicies = 20;

/** Everyone who is on call by the policies that page by the schedules, from the first turn's begin to the last one's end. */
export async function rostersOf(
  { account }: OverrideInput,
  turns: readonly Turn[],
  chronicle: Chronicle,
): Promise<readonly Roster[]> {
  const rosters: Roster[] = [];
  for (const { id } of policiesOf(turns).slice(0, mostPolicies)) {
    const roster = await readRoster({ account, span: wholeOf(turns) }, id, chronicle);
    if (!roster.ok) throw new Stop(outcomeOf[roster.kind], `Nothing was written: ${roster.missing}`);
    rosters.push(roster);
  }
  return rosters;
}

export const policiesOf = (turns: readonly Turn[]): readonly Named[] => [
  ...new Map(turns.flatMap(({ on }) => on.policies).map((policy) => [policy.id, policy])).values(),
];

export const wholeOf = (turns: readonly Turn[]): Span => ({
  start: Math.min(...turns.map(({ start }) => start)),
  end: Math.max(...turns.map(({ end }) => end)),
});

/** Who is on call by a policy once the turns have changed hands. */
export const afterOf = (
  { outline, duties }: Pick<Roster, 'outline' | 'duties'>,
  turns: readonly Turn[],
): readonly Duty[] =>
  turns.reduce<readonly Duty[]>((all, { on, taker, start, end }) => {
    const levels = outline.levels.flatMap(({ rotas }, index) =>
      rotas.some(({ id }) => id === on.id) ? [index + 1] : [],
    );
    return withOverride(all, { schedule: on.id, user: taker.id, start, end }, levels);
  }, duties);

/** When a level reaches other people by the second duties than by the first. */
export function differencesOf(
  before: readonly Duty[],
  after: readonly Duty[],
  span: Span,
): readonly (Span & {
  readonly level: number;
  readonly was: readonly string[];
  readonly is: readonly string[];
})[] {
  const cells = stretchesOf([...before, ...after], span);
  const levels = [...new Set([...before, ...after].map(({ level }) => level))].toSorted((a, b) => a - b);
  const at = (duties: readonly Duty[], level: number, instant: number): readonly string[] =>
    [
      ...new Set(
        duties
          .filter((duty) => duty.level === level && startOf(duty) <= instant && endOf(duty) > instant)
          .map(({ user }) => user),
      ),
    ].toSorted();
  return levels.flatMap((level) => {
    const found: {
      level: number;
      start: number;
      end: number;
      was: readonly string[];
      is: readonly string[];
    }[] = [];
    for (const { start, end } of cells) {
      const [was, is] = [at(before, level, start), at(after, level, start)];
      if (was.join() === is.join()) continue;
      const last = found.at(-1);
      if (last?.end === start && last.was.join() === was.join() && last.is.join() === is.join())
        last.end = end;
      else found.push({ level, start, end, was, is });
    }
    return found;
  });
}

export function previewOf(rosters: readonly Roster[], turns: readonly Turn[]): readonly Handover[] {
  const names = new Map([
    ...rosters.flatMap(({ people }) => people.map(({ id, name }) => [id, name] as const)),
    ...turns.map(({ taker }) => [taker.id, taker.name] as const),
  ]);
  const namesOf = (ids: readonly string[]): readonly string[] => ids.map((id) => names.get(id) ?? id);
  return rosters.flatMap((roster) =>
    differencesOf(roster.duties, afterOf(roster, turns), wholeOf(turns)).map(
      ({ level, start, end, was, is }) => ({
        policy: roster.outline.name,
        level,
        start: iso(start),
        end: iso(end),
        before: namesOf(was),
        after: namesOf(is),
      }),
    ),
  );
}

/** Why somebody else than the takers must say yes. */
export async function guardsOf(
  { account }: OverrideInput,
  turns: readonly Turn[],
  rosters: readonly Roster[],
): Promise<readonly string[]> {
  const guards: string[] = [];
  for (const { taker, start, end } of turns) {
    if (end - start > longestMs) guards.push(`${taker.name} gets ${duration(end - start)} in one piece`);
    const { places, isWhole } = await elsewhere(account, taker, { start, end }, turns);
    if (places.length > 0)
      guards.push(`${taker.name} is on call in that time already (${places.slice(0, 5).join(', ')})`);
    if (!isWhole) guards.push(`where else ${taker.name} is on call in that time is known only in part`);
  }
  const rest = policiesOf(turns).length - rosters.length;
  return [
    ...guards,
    ...rosters.flatMap(({ unseen }) => unseen.map((what) => `the preview lacks ${what}`)),
    ...(rest > 0 ? [`the preview lacks ${rest} more escalation policies`] : []),
  ];
}

/** Where else a person is on call in a span, once the turns have changed hands; and whether the agent may see all of it. */
async function elsewhere(
  account: string,
  person: Named,
  span: Span,
  turns: readonly Turn[],
): Promise<{ readonly places: readonly string[]; readonly isWhole: boolean }> {
  const { look } = activitiesOf(account);
  const { response, narrowed } = await must(
    perform(look.listOnCalls, {
      step: `Look where ${person.name} is on call ${spell(span)}`,
      request: { query: { ...queryOf(span), 'user_ids[]': [person.id], limit: 100 } },
      keep: ['escalation_policy', 'escalation_level', 'user', 'schedule', 'start', 'end'],
    }),
  );
  const all = response.oncalls.map((row) => ({ place: placeOf(row), duty: dutyOf(row) }));
  const places = [
    ...new Set(
      all.flatMap(({ place, duty }) => {
        const left = turns.reduce<readonly Duty[]>(
          (duties, { on, start, end }) => withOverride(duties, { schedule: on.id, user: '', start, end }, []),
          [duty],
        );
        return left.some((one) => startOf(one) < span.end && endOf(one) > span.start) ? [place] : [];
      }),
    ),
  ].toSorted();
  return { places, isWhole: narrowed === undefined };
}

const placeOf = ({ escalation_policy: policy, escalation_level: level }: OnCall): string =>
  `${asSaid(policy.summary, policy.id)} level ${level}`;

const dutyOf = ({ escalation_level: level, user, schedule, start, end }: OnCall): Duty => ({
  level,
  user: user.id,
  ...(schedule && { schedule: schedule.id }),
  start: typeof start === 'string' ? Date.parse(start) : null,
  end: typeof end === 'string' ? Date.parse(end) : null,
});

const iso = (at: number): string => new Date(at).toISOString();
