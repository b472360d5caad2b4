import type { Named, Outline } from '../activities/index.ts';
import { attempt, type outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { Errand } from './contract.ts';
import {
  type Duty,
  endOf,
  gapsOf,
  lengthOf,
  type Span,
  soleTimes,
  startOf,
  stretchesOf,
  turnsOf,
  within,
} from './coverage.ts';
import { notSeen } from './pages.ts';
import { activitiesOf, perform } from './proxies.ts';
import type { CoverageFinding, CoverInput, CoverResult } from './reports.ts';

/** How many pages of one policy's on-calls are read: 3,000 turns within the horizon. */
const mostPages = 30;

/** How many times of one finding are named. */
const mostSpans = 10;

/** Nobody for this long until the end of the horizon is no gap between turns: the schedule ends. */
const endMs = 7 * 24 * 3_600_000;

/** Looks at some policies of a coverage check, one after the other: PagerDuty lets on-calls be read slower than all else. */
export async function coverPolicies(input: CoverInput): Promise<CoverResult> {
  const chronicle = chronicleOf(input);
  const findings: CoverageFinding[] = [];
  const missing: string[] = [];
  const people = new Map<string, readonly Outline[]>();
  const names = new Map<string, string>();
  const shiftBased = new Set<string>();
  let levels = 0;
  let agent: string | undefined;
  let unread: CoverResult['unread'];
  for (const policy of input.policies) {
    const roster = await readRoster(input, policy, chronicle);
    if (!roster.ok) {
      missing.push(roster.missing);
      unread ??= roster.kind;
      continue;
    }
    const { outline } = roster;
    agent = roster.agent;
    levels += outline.levels.length;
    for (const { id, name } of roster.people) {
      names.set(id, name);
      people.set(id, [...(people.get(id) ?? []), outline]);
    }
    for (const name of roster.shiftBased) shiftBased.add(name);
    missing.push(...roster.unseen);
    // Of what is seen in part nothing is said: a gap may be what is hidden.
    if (roster.unseen.length === 0) findings.push(...findingsOf(outline, roster.duties, names, input));
  }
  const gone = await whoIsGone(input, people, names);
  return {
    findings: [...findings, ...gone.findings],
    missing: [...missing, ...gone.missing],
    levels,
    people: [...people.keys()],
    shiftBased: [...shiftBased],
    ...(agent !== undefined && { agent }),
    ...(unread && { unread }),
  };
}

/** A policy and everyone who is on call by it. */
export interface Roster {
  readonly ok: true;
  readonly agent: string;
  readonly outline: Outline;
  readonly duties: readonly Duty[];
  readonly people: readonly Named[];
  /** Names of its schedules of the shift-based kind. */
  readonly shiftBased: readonly string[];
  /** Which of its on-calls are not among the duties, and why. */
  readonly unseen: readonly string[];
}

/** What of a policy could not be read, and why. */
export interface Unread {
  readonly ok: false;
  readonly kind: keyof typeof outcomeOf;
  readonly missing: string;
}

/** Reads a policy and its on-calls in a span. */
export async function readRoster(
  { account, span, expected = {} }: Errand & Pick<CoverInput, 'span'> & Partial<Pick<CoverInput, 'expected'>>,
  policy: string,
  chronicle: Chronicle,
): Promise<Roster | Unread> {
  const { look } = activitiesOf(account);
  const hours = expected[policy];
  const outline = await attempt(
    perform(look.outlinePolicy, {
      step: `Read escalation policy ${policy}`,
      policy,
      span,
      ...(hours && { hours }),
    }),
  );
  if (!outline.ok)
    return {
      ok: false,
      kind: outline.kind,
      missing: `escalation policy ${policy}: ${outline.sentence}`,
    };
  chronicle.actsAs(outline.agent);
  const duties = new Map<string, Duty>();
  const people = new Map<string, Named>();
  const shiftBased = new Set<string>();
  for (const { rotas, users } of outline.levels) {
    for (const { name, isShiftBased } of rotas) if (isShiftBased) shiftBased.add(name);
    for (const user of users) people.set(user.id, user);
  }
  let offset = 0;
  let hidden = 0;
  let isNarrowed = false;
  let isCut = true;
  for (let page = 1; page <= mostPages; page += 1) {
    const came = await attempt(
      perform(look.listDuties, {
        step: `List who is on call for ${outline.name} from ${offset}`,
        policy,
        span,
        offset,
      }),
    );
    if (!came.ok)
      return {
        ok: false,
        kind: came.kind,
        missing: `who is on call for ${outline.name}: ${came.sentence}`,
      };
    // Where one page ends and the next begins a row may come twice.
    for (const duty of came.duties) duties.set(JSON.stringify(duty), duty);
    for (const person of came.people) people.set(person.id, person);
    for (const { name, isShiftBased } of came.rotas) if (isShiftBased) shiftBased.add(name);
    offset += came.came;
    hidden += came.hidden;
    isNarrowed ||= came.isNarrowed;
    if (came.more && came.came > 0) continue;
    isCut = false;
    break;
  }
  return {
    ok: true,
    agent: outline.agent,
    outline,
    duties: [...duties.values()],
    people: [...people.values()],
    shiftBased: [...shiftBased],
    unseen: [
      ...(isNarrowed ? [notSeen(`on-calls of ${outline.name}`, hidden)] : []),
      ...(isCut ? [`on-calls of ${outline.name} beyond the first ${duties.size}`] : []),
    ],
  };
}

/** What is wrong with who is on call by a policy. */
export function findingsOf(
  { id, name, levels, expected }: Outline,
  duties: readonly Duty[],
  names: ReadonlyMap<string, string>,
  { span, longestHours }: Pick<CoverInput, 'span' | 'longestHours'>,
): readonly CoverageFinding[] {
  const stretches = stretchesOf(duties, span);
  const about = { policy: id, policyName: name };
  const wanted = expected ?? [span];
  const of = (kind: CoverageFinding['kind'], spans: readonly Span[]) => ({
    ...about,
    kind,
    ...timesOf(spans),
  });
  const findings: CoverageFinding[] = [];
  if (levels.length === 0) findings.push({ ...of('no_targets', [span]) });
  for (const [index, { rotas, users }] of levels.entries()) {
    const level = index + 1;
    if (rotas.length + users.length === 0) {
      findings.push({ ...of('no_targets', [span]), level });
      continue;
    }
    const gaps = gapsOf(stretches, level);
    const tail = gaps.at(-1);
    const isEnd = tail?.end === span.end && tail.start > span.start && tail.end - tail.start >= endMs;
    const open = within(isEnd ? gaps.slice(0, -1) : gaps, wanted);
    const others = levels.flatMap((_, other) => (other + 1 === level ? [] : [other + 1]));
    const coveredBy = others.filter((other) => within(open, gapsOf(stretches, other)).length === 0);
    if (open.length > 0) findings.push({ ...of('gap', open), level, coveredBy });
    if (isEnd && tail && within([tail], wanted).length > 0) findings.push({ ...of('ends', [tail]), level });
  }
  for (const { user, spans } of soleTimes(stretches)) {
    const open = within(spans, wanted);
    if (open.length > 0) findings.push({ ...of('same_person', open), person: names.get(user) ?? user });
  }
  findings.push(...longTurns(duties, names, about, { span, longestHours }));
  return findings;
}

/** Turns by schedules that are longer than a person should have; who is a target himself was put there for all times. */
function longTurns(
  duties: readonly Duty[],
  names: ReadonlyMap<string, string>,
  about: Pick<CoverageFinding, 'policy' | 'policyName'>,
  { span, longestHours }: Pick<CoverInput, 'span' | 'longestHours'>,
): readonly CoverageFinding[] {
  const longest = longestHours * hourMs;
  return turnsOf(duties.filter(({ schedule }) => schedule !== undefined))
    .filter((turn) => endOf(turn) - startOf(turn) > longest && startOf(turn) < span.end)
    .map((turn) => {
      // Without end counts until the end of the horizon.
      const shown = { start: Math.max(startOf(turn), span.start), end: Math.min(endOf(turn), span.end) };
      const length =
        turn.start === null || turn.end === null ? shown.end - shown.start : turn.end - turn.start;
      return {
        ...about,
        kind: 'long' as const,
        level: turn.level,
        person: names.get(turn.user) ?? turn.user,
        times: 1,
        hours: hoursOf(length),
        spans: [{ start: iso(turn.start), end: iso(turn.end) }],
      };
    });
}

/** Those on call, or made to be, whom PagerDuty no longer has. */
async function whoIsGone(
  { account, span }: CoverInput,
  people: ReadonlyMap<string, readonly Outline[]>,
  names: ReadonlyMap<string, string>,
): Promise<Pick<CoverResult, 'findings' | 'missing'>> {
  const { look } = activitiesOf(account);
  const findings: CoverageFinding[] = [];
  const unread: string[] = [];
  let why = '';
  for (const [user, outlines] of people) {
    const name = names.get(user) ?? user;
    const found = await attempt(
      perform(look.findUser, { step: `Look whether ${name} is still there`, user }),
    );
    if (found.ok) continue;
    if (found.kind !== 'Failed' || found.type !== 'NotFound') {
      unread.push(name);
      why = found.sentence;
      // What is refused for one is refused for all.
      if (found.kind === 'PermissionDenied') break;
      continue;
    }
    for (const { id, name: policyName } of outlines)
      findings.push({
        kind: 'deleted_user',
        policy: id,
        policyName,
        person: name,
        ...timesOf([span]),
      });
  }
  const left = unread.length === 1 ? unread.join('') : `${unread.length} people`;
  return {
    findings,
    missing: unread.length === 0 ? [] : [`whether all who are on call are still there (${left}): ${why}`],
  };
}

function timesOf(spans: readonly Span[]): Pick<CoverageFinding, 'times' | 'hours' | 'spans'> {
  return {
    times: spans.length,
    hours: hoursOf(lengthOf(spans)),
    spans: spans.slice(0, mostSpans).map(({ start, end }) => ({ start: iso(start), end: iso(end) })),
  };
}

const hourMs = 3_600_000;
const hoursOf = (ms: number): number => Math.round(ms / 36_000) / 100;
const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
