import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dutyOf } from '../../activities/duties.ts';
import { openTimes } from '../../activities/open-times.ts';
import { Hours, isWithin } from '../../gate/hours.ts';
import type { OnCall } from '../../pagerduty/catalogue/oncalls.ts';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import type { EscalationPolicy, Schedule } from '../../simulator/model.ts';
import { findingsOf } from '../../workflows/cover-policies.ts';
import { type Duty, type Span, stretchesOf, withOverride } from '../../workflows/coverage.ts';
import { beginnings, override, people, scheduleAround } from '../support/generated-schedules.ts';
import { wireTo } from '../support/pagerduty-wire.ts';
import { day, hour, minute, offsetAt, usersByStep } from '../support/step-roster.ts';

// What reports say of who is on call, from what `GET /oncalls` answers, beside a walk through every quarter of an hour that knows
// nothing but the schedules themselves. All that is generated lies on quarters.

const seed = 20_261_125;
const schedules = 200;
const quarter = 15 * minute;
const horizonDays = 10;
const longestHours = 20;

/** One escalation policy of two schedules, and what is asked of it. */
interface Case {
  readonly policy: EscalationPolicy;
  readonly rotas: readonly [Schedule, Schedule];
  readonly span: Span;
  readonly hours?: { readonly hours: Hours; readonly days?: readonly number[] };
  readonly standIn: Span & { readonly user: string };
}

/** How the calculation is done; a plant does one part of it wrongly. */
interface Calculation {
  readonly duties: (rows: readonly OnCall[]) => readonly Duty[];
  readonly openTimes: typeof openTimes;
  readonly withOverride: typeof withOverride;
}
const ours: Calculation = { duties: (rows) => rows.map(dutyOf), openTimes, withOverride };

const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Etc/UTC'];
const hoursText = fc
  .record({
    from: fc.integer({ min: 0, max: 95 }),
    to: fc.integer({ min: 0, max: 95 }),
    zone: fc.constantFrom(...zones),
  })
  .filter(({ from, to }) => from !== to)
  .map(({ from, to, zone }) => {
    const clock = (quarters: number): string => new Date(quarters * quarter).toISOString().slice(11, 16);
    return Hours.parse(`${clock(from)}-${clock(to)} ${zone}`);
  });

const caseAround = (around: number) =>
  fc
    .record({
      first: scheduleAround(around),
      second: scheduleAround(around),
      hours: fc.option(
        fc.record({
          hours: hoursText,
          days: fc.option(fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 })),
        }),
      ),
      standIn: override(around),
    })
    .map(({ first, second, hours, standIn }) => ({
      rotas: [first, second] as const,
      ...(hours && { hours: { hours: hours.hours, ...(hours.days && { days: hours.days }) } }),
      standIn: { start: standIn.start, end: standIn.end, user: standIn.userId },
    }));

/** All cases, by the day on which they begin. */
const worlds = beginnings.map((date, index) => {
  const around = Date.parse(`${date}T00:00:00Z`);
  const share = Math.ceil(schedules / 2 / beginnings.length);
  const numRuns = Math.min(share, schedules / 2 - index * share);
  const cases = fc.sample(caseAround(around), { seed: seed + index, numRuns }).map((one, number): Case => {
    const id = `${index}X${number}`;
    const rotas = one.rotas.map((rota, level) => ({ ...rota, id: `PROTA${id}L${level + 1}` }));
    const [first, second] = rotas as [Schedule, Schedule];
    const policy: EscalationPolicy = {
      id: `PPOLICY${id}`,
      name: `Policy ${id}`,
      description: null,
      teamId: null,
      numLoops: 0,
      handoffNotifications: 'if_has_services',
      rules: rotas.map((rota, level) => ({
        id: `PRULE${id}L${level + 1}`,
        delayMinutes: 5,
        targets: [{ type: 'schedule', id: rota.id }],
      })),
    };
    return {
      ...one,
      policy,
      rotas: [first, second],
      span: { start: around, end: around + horizonDays * day },
    };
  });
  return { around, cases };
});

let simulators: readonly Simulator[];
let answers: ReadonlyMap<string, readonly OnCall[]>;

beforeAll(async () => {
  const rows = new Map<string, readonly OnCall[]>();
  simulators = await Promise.all(
    worlds.map(({ around }) => startSimulator({ now: new Date(around), clockSpeed: 0, rateLimit: 0 })),
  );
  for (const [index, { cases }] of worlds.entries()) {
    const simulator = simulators[index] as Simulator;
    for (const { rotas, policy } of cases) {
      for (const rota of rotas) simulator.world.schedules.set(rota.id, rota);
      simulator.world.policies.set(policy.id, policy);
    }
    for (const one of cases) {
      rows.set(one.policy.id, await onCallsOf(simulator, one));
      // The same with the stand-in as an override of the first schedule, placed as anybody would.
      const [first] = one.rotas;
      const { start, end, user } = one.standIn;
      const body = {
        overrides: [
          {
            start: new Date(start).toISOString(),
            end: new Date(end).toISOString(),
            user: { id: user, type: 'user_reference' },
          },
        ],
      };
      const placed = await wireTo(() => simulator.url)('POST', `/schedules/${first.id}/overrides`, body);
      expect(placed.body).toMatchObject([{ status: 201 }]);
      rows.set(`${one.policy.id} overridden`, await onCallsOf(simulator, one));
    }
  }
  answers = rows;
});
afterAll(() => Promise.all(simulators.map((simulator) => simulator.close())));

async function onCallsOf(simulator: Simulator, { policy, span }: Case): Promise<readonly OnCall[]> {
  const all: OnCall[] = [];
  for (let more = true; more; ) {
    const query = `escalation_policy_ids[]=${policy.id}&since=${new Date(span.start).toISOString()}&until=${new Date(span.end).toISOString()}&limit=100&offset=${all.length}`;
    const { body } = await wireTo(() => simulator.url)('GET', `/oncalls?${query}`);
    all.push(...(body.oncalls as OnCall[]));
    more = body.more === true;
  }
  return all;
}

/** What the walk finds of a case: who is on call at each quarter, when somebody is expected, and who would be with the stand-in. */
function walk({ rotas, span, hours, standIn }: Case) {
  const instants = Array.from(
    { length: (span.end - span.start) / quarter },
    (_, index) => span.start + index * quarter,
  );
  const [first, second] = rotas;
  const placed = { id: 'PNEW', userId: standIn.user, start: standIn.start, end: standIn.end };
  const overridden = { ...first, overrides: [...first.overrides, placed] };
  const [one, two, replaced] = [first, second, overridden].map((rota) =>
    usersByStep(rota, span.start, span.end, quarter),
  );
  return {
    instants,
    wanted: [one ?? [], two ?? []],
    replaced: [replaced ?? [], two ?? []],
    isExpected: instants.map((at) => !hours || isOpen(hours, at)),
  };
}
const walks = new Map(worlds.flatMap(({ cases }) => cases.map((one) => [one, walk(one)] as const)));

/** Where calculation and walk differ, and how much was compared. */
function compare(calculation: Calculation) {
  const differences: string[] = [];
  const counts = { schedules: 0, quarters: 0, gaps: 0, sole: 0, long: 0, hours: 0, overridden: 0, clocks: 0 };
  for (const { cases } of worlds) for (const one of cases) compareOne(one, calculation, differences, counts);
  return { differences, counts };
}

function compareOne(
  one: Case,
  calculation: Calculation,
  differences: string[],
  counts: ReturnType<typeof compare>['counts'],
): void {
  const { policy, rotas, span, hours, standIn } = one;
  const differ = (what: string, had: unknown, wanted: unknown): void => {
    if (JSON.stringify(had) !== JSON.stringify(wanted))
      differences.push(`${policy.id}: ${what}: ${JSON.stringify(had)} for ${JSON.stringify(wanted)}`);
  };
  const found = walks.get(one);
  if (!found) throw new Error('Every case was walked.');
  const { instants, wanted, replaced, isExpected } = found;
  const duties = calculation.duties(answers.get(policy.id) ?? []);
  const stretches = stretchesOf(duties, span);
  const had = rotas.map((_, index) => byQuarter(stretches, index + 1, instants));
  counts.schedules += rotas.length;
  counts.quarters += instants.length * rotas.length;
  counts.clocks += rotas.filter(({ timeZone }) => changes(timeZone, span)).length;
  differ('who is on call', had, wanted);

  if (hours) counts.hours += 1;
  const outline = {
    id: policy.id,
    name: policy.name,
    services: [],
    levels: rotas.map(({ id, name }) => ({ rotas: [{ id, name, isShiftBased: false }], users: [] })),
    ...(hours && { expected: calculation.openTimes(hours.hours, span, hours.days) }),
  };
  const findings = findingsOf(outline, duties, new Map(), { span, longestHours });
  for (const [index, users] of wanted.entries()) {
    const level = index + 1;
    const isGap = users.map((user, at) => user === undefined && isExpected[at] === true);
    const gap = findings.filter((one) => (one.kind === 'gap' || one.kind === 'ends') && one.level === level);
    counts.gaps += gap.length;
    differ(
      `hours of gaps at level ${level}`,
      sum(gap.map((one) => one.hours)),
      hoursOf(isGap, hours, gap, users, isExpected),
    );
    const first = isGap.indexOf(true);
    const starts = gap.map(({ spans }) => Date.parse(spans[0]?.start ?? ''));
    // What ends may begin outside the hours in which somebody is expected.
    if (!gap.some(({ kind }) => kind === 'ends'))
      differ(`first gap at level ${level}`, starts[0], first < 0 ? undefined : instants[first]);
  }
  const sole = instants.map((_, at) => {
    const [one, two] = wanted.map((users) => users[at]);
    return one !== undefined && one === two && isExpected[at] === true ? one : undefined;
  });
  const soles = findings.filter(({ kind }) => kind === 'same_person');
  counts.sole += soles.length;
  differ(
    'hours of one person at all levels',
    soles.map(({ person, hours: length }) => `${person} ${length}`).toSorted(),
    people
      .map((person) => [person, sole.filter((user) => user === person).length / 4] as const)
      .filter(([, length]) => length > 0)
      .map(([person, length]) => `${person} ${length}`)
      .toSorted(),
  );
  const long = findings.filter(({ kind, spans: [turn] }) => kind === 'long' && isInside(turn, span));
  counts.long += long.length;
  differ(
    'long turns',
    long.map(({ level, person, hours: length }) => [level, person, length].join(' ')).toSorted(),
    wanted.flatMap((users, index) => longIn(users, index + 1)).toSorted(),
  );

  const [first] = rotas;
  const preview = stretchesOf(
    calculation.withOverride(duties, { ...standIn, schedule: first.id }, [1]),
    span,
  );
  differ(
    'who would be on call',
    [1, 2].map((level) => byQuarter(preview, level, instants)),
    replaced,
  );
  const shown = stretchesOf(calculation.duties(answers.get(`${policy.id} overridden`) ?? []), span);
  if (JSON.stringify(replaced) !== JSON.stringify(wanted)) counts.overridden += 1;
  differ(
    'who is on call afterwards',
    [1, 2].map((level) => byQuarter(shown, level, instants)),
    replaced,
  );
}

/** What somebody at each quarter; the simulator has one at a time by a schedule. */
function byQuarter(stretches: ReturnType<typeof stretchesOf>, level: number, instants: readonly number[]) {
  let at = 0;
  return instants.map((instant) => {
    while ((stretches[at]?.end ?? Number.POSITIVE_INFINITY) <= instant) at += 1;
    return stretches[at]?.duties.find((duty) => duty.level === level)?.user;
  });
}

/** Of the gaps of a level, in hours; what ends counts whole, also where nobody is expected. */
function hoursOf(
  isGap: readonly boolean[],
  hours: Case['hours'],
  found: readonly { readonly kind: string }[],
  users: readonly (string | undefined)[],
  isExpected: readonly boolean[],
): number {
  if (!hours || !found.some(({ kind }) => kind === 'ends')) return isGap.filter(Boolean).length / 4;
  const tail = users.findLastIndex((user) => user !== undefined) + 1;
  const before = users.filter((user, at) => at < tail && user === undefined && isExpected[at] === true);
  return before.length / 4 + (users.length - tail) / 4;
}

/** Whether the hours are open, by the wall at this instant alone; what is open over midnight belongs to the day on which it opened. */
function isOpen({ hours: { from, to, zone }, days }: NonNullable<Case['hours']>, at: number): boolean {
  const wall = at + offsetAt(at, zone);
  const minutes = (wall % day) / minute;
  const isAfterMidnight = from > to && minutes < to;
  const opened = Math.floor(wall / day) - (isAfterMidnight ? 1 : 0);
  return (
    (from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to) &&
    (days?.includes(((opened + 3) % 7) + 1) ?? true)
  );
}

/** Turns of more than the longest that begin and end within. */
function longIn(users: readonly (string | undefined)[], level: number): readonly string[] {
  const long: string[] = [];
  let from = 0;
  for (let at = 1; at <= users.length; at += 1) {
    if (at < users.length && users[at] === users[from]) continue;
    const length = (at - from) / 4;
    if (users[from] !== undefined && length > longestHours && from > 0 && at < users.length)
      long.push([level, users[from], length].join(' '));
    from = at;
  }
  return long;
}

const isInside = (turn: { start: string | null; end: string | null } | undefined, span: Span): boolean =>
  turn !== undefined &&
  turn.start !== null &&
  turn.end !== null &&
  Date.parse(turn.start) > span.start &&
  Date.parse(turn.end) < span.end;

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** Whether the clocks of a zone change within a span. */
const changes = (timeZone: string, { start, end }: Span): boolean => {
  const offset = (at: number): string =>
    new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' }).format(at).split(', ')[1] ?? '';
  return offset(start) !== offset(end);
};

test('hours are open exactly where the gate says so', () => {
  const all = fc.sample(fc.tuple(hoursText, fc.constantFrom(...beginnings)), { seed, numRuns: 20 });
  for (const [hours, date] of all) {
    const start = Date.parse(`${date}T00:00:00Z`);
    const open = openTimes(hours, { start, end: start + 2 * day });
    const instants = Array.from({ length: 48 }, (_, index) => start + index * hour);
    const isIn = instants.map((at) => open.some((span) => span.start <= at && at < span.end));
    expect(isIn).toEqual(instants.map((at) => isWithin(hours, at)));
  }
});

describe(`who is on call by ${schedules} generated schedules (seed ${seed})`, () => {
  test('is what a walk through all quarters finds, gaps, lone persons and long turns as well, before and after an override', () => {
    const { differences, counts } = compare(ours);
    console.log(`seed ${seed}: ${JSON.stringify(counts)}`);
    expect(differences).toEqual([]);
    expect(counts.schedules).toBe(schedules);
    for (const [what, count] of Object.entries(counts)) expect(count, what).toBeGreaterThan(10);
  });

  test.each<[string, Partial<Calculation>]>([
    ['ends every duty a quarter late', { duties: (rows) => ours.duties(rows).map(later) }],
    [
      'forgets what the clocks did since the beginning',
      {
        openTimes: (hours, span, days) =>
          openTimes(hours, { start: span.start, end: span.start + day }, days).concat(
            openTimes(hours, { start: span.start + day, end: span.end }, days).map(({ start, end }) => ({
              start: start + hour,
              end: end + hour,
            })),
          ),
      },
    ],
    [
      'leaves the person whose turn it was on duty',
      { withOverride: (duties, { user, ...one }) => [...duties, { level: 1, user, ...one }] },
    ],
    [
      'forgets that nobody may have had the turn',
      {
        withOverride: (duties, one) =>
          duties.some(({ schedule }) => schedule === one.schedule) ? withOverride(duties, one, [1]) : duties,
      },
    ],
  ])('is not agreed upon by a calculation that %s', (_what, plant) => {
    expect(compare({ ...ours, ...plant }).differences.length).toBeGreaterThan(3);
  });
});

const later = (duty: Duty): Duty => (duty.end === null ? duty : { ...duty, end: duty.end + quarter });
