import { executeChild, workflowInfo } from '@temporalio/workflow';
import { outcomeOf } from './attempt.ts';
import { childOr } from './child.ts';
import { chronicleOf } from './chronicle.ts';
import type { Outcome } from './contract.ts';
import { coverPolicies } from './cover-policies.ts';
import { inLots } from './in-turns.ts';
import { count, markdownOf, moment, plain, type Section, spell } from './report.ts';
import type { CoverageFinding, CoverageInput, CoverageResult, CoverInput, CoverResult } from './reports.ts';
import { policiesIn } from './scope.ts';

/** How far ahead is looked, in days, and how long a turn may be, in hours, where the input does not say. */
const defaults = { days: 30, longestHours: 168 };

/** How many policies one run of its own looks at, so that no history grows with the account. */
const lot = 20;

/** How many findings a result has; the report counts them all. */
const mostFindings = 200;

/**
 * Will somebody answer? Looks at who is on call by each policy of the scope until the horizon, and says what is wrong. Where
 * something could not be read the verdict is `unknown`: half a look finds no gap in the other half.
 */
export async function coverageCheck(input: CoverageInput): Promise<CoverageResult> {
  const {
    account,
    reason,
    days = defaults.days,
    longestHours = defaults.longestHours,
    expected = {},
  } = input;
  const chronicle = chronicleOf(input);
  // Whole seconds, as PagerDuty shows times; a minute less than its limit of 90 days, which moves on while we ask.
  const start = Math.floor(Date.now() / 1_000) * 1_000;
  const span = { start, end: start + days * dayMs - 60_000 };
  const { ids, missing: unknown, stopped } = await policiesIn(input, chronicle);
  const looked: Looked = {
    findings: [],
    missing: [...unknown],
    levels: 0,
    people: new Set(),
    shiftBased: new Set(),
  };
  for (const [index, policies] of inLots(ids, lot).entries()) {
    add(
      looked,
      await cover(index + 1, {
        account,
        policies,
        span,
        expected,
        longestHours,
        ...(reason !== undefined && { reason }),
      }),
    );
    chronicle.say(
      `${Math.min((index + 1) * lot, ids.length)} of ${count(ids.length, 'policy', 'policies')} looked at.`,
    );
  }
  if (looked.agent !== undefined) chronicle.actsAs(looked.agent);

  const { findings, missing, levels, people, shiftBased, unread = stopped?.kind } = looked;
  const counts = { policies: ids.length, levels, people: people.size };
  const gaps = findings.filter(isGap);
  const verdict =
    missing.length > 0 ? 'unknown' : gaps.length > 0 ? 'gaps' : findings.length > 0 ? 'remarks' : 'ok';
  const isNothing = ids.length === 0 && missing.length === 0;
  const outcome: Outcome = isNothing
    ? 'nothing_to_do'
    : levels === 0 && unread
      ? outcomeOf[unread]
      : outcomes[verdict];
  const summary = isNothing
    ? 'There is no escalation policy to look at.'
    : summaryOf(
        verdict,
        findings,
        missing,
        `${count(ids.length, 'policy', 'policies')} in ${count(days, 'day')}`,
      );
  const shown = findings.toSorted((a, b) => rank(a) - rank(b));
  return {
    ...chronicle.end(outcome, summary, {
      verified: missing.length === 0,
      next: nextOf(shown, missing),
    }),
    verdict,
    findings: shown.slice(0, mostFindings),
    counts,
    shiftBased: [...shiftBased],
    report: reportOf(summary, shown, [...shiftBased], missing, { ...counts, days }),
    missing,
  };
}

interface Looked {
  readonly findings: CoverageFinding[];
  readonly missing: string[];
  levels: number;
  readonly people: Set<string>;
  readonly shiftBased: Set<string>;
  agent?: string;
  unread?: CoverResult['unread'];
}

function add(
  looked: Looked,
  { findings, missing, levels, people, shiftBased, agent, unread }: CoverResult,
): void {
  looked.findings.push(...findings);
  looked.missing.push(...missing);
  looked.levels += levels;
  for (const person of people) looked.people.add(person);
  for (const name of shiftBased) looked.shiftBased.add(name);
  if (agent !== undefined) looked.agent = agent;
  if (unread) looked.unread ??= unread;
}

/** Some policies, looked at by a run of its own; where that fails, they are missing. */
const cover = (number: number, input: CoverInput): Promise<CoverResult> =>
  childOr<CoverResult>(
    executeChild(coverPolicies, {
      workflowId: `${workflowInfo().workflowId}:${number}`,
      args: [input],
      staticSummary: `Who is on call by ${input.policies.length} policies`,
    }),
    (why) => ({
      findings: [],
      missing: [`escalation policies ${input.policies.join(', ')}: ${why}`],
      levels: 0,
      people: [],
      shiftBased: [],
    }),
    'their run failed',
  );

/** A gap is bad news, and no run is green with it; what could not be read is neither good nor bad. */
const outcomes: Readonly<Record<CoverageResult['verdict'], Outcome>> = {
  ok: 'done',
  remarks: 'done',
  gaps: 'failed',
  unknown: 'partly',
};

const gapKinds: readonly CoverageFinding['kind'][] = ['gap', 'ends', 'no_targets', 'deleted_user'];
const isGap = ({ kind }: CoverageFinding): boolean => gapKinds.includes(kind);

/** Whom nobody covers comes first. */
function rank({ kind, coveredBy = [] }: CoverageFinding): number {
  if (kind === 'gap') return coveredBy.length === 0 ? 0 : 2;
  return { ends: 1, no_targets: 1, deleted_user: 1, same_person: 3, long: 4 }[kind];
}

function summaryOf(
  verdict: CoverageResult['verdict'],
  findings: readonly CoverageFinding[],
  missing: readonly string[],
  whole: string,
): string {
  const [first] = findings.toSorted((a, b) => rank(a) - rank(b));
  const found = first && `${count(findings.length, 'finding')}, first: ${describe(first)}`;
  switch (verdict) {
    case 'ok':
      return `Somebody answers at every level: ${whole}.`;
    case 'remarks':
      return `Somebody answers at every level: ${whole}. ${found}`;
    case 'gaps':
      return `Not every level reaches somebody: ${whole}. ${found}`;
    case 'unknown':
      return `Unknown whether somebody answers: ${count(missing.length, 'part')} could not be read. ${found ?? ''}`.trim();
  }
}

function nextOf(findings: readonly CoverageFinding[], missing: readonly string[]): readonly string[] {
  const [first] = findings.filter(({ kind }) => kind === 'gap' || kind === 'ends');
  const start = first?.spans[0]?.start;
  return [
    ...missing.slice(0, 3).map((what) => `Not read: ${what}`),
    ...(first && start
      ? [
          `Put somebody on level ${first.level} of ${first.policyName} from ${moment(Date.parse(start))} UTC, by an override or in the schedule.`,
        ]
      : []),
  ];
}

/** One finding, as a sentence. */
function describe({
  kind,
  policyName,
  level,
  person = '',
  times,
  hours,
  spans,
  coveredBy = [],
}: CoverageFinding): string {
  const [first] = spans;
  const when =
    first?.start && first.end
      ? spell({ start: Date.parse(first.start), end: Date.parse(first.end) })
      : 'always';
  const where = level === undefined ? policyName : `${policyName} level ${level}`;
  const others = times > 1 ? `, ${times} times, ${hours} h in all` : '';
  switch (kind) {
    case 'gap': {
      const by =
        coveredBy.length === 0
          ? 'no other level surely covers it'
          : `level ${coveredBy.join(' and ')} covers it`;
      return `${where} reaches nobody ${when}${others}; ${by}.`;
    }
    case 'ends':
      return `${where} reaches nobody any more from ${first?.start ? moment(Date.parse(first.start)) : 'now'} UTC.`;
    case 'no_targets':
      return `${where} has no targets.`;
    case 'deleted_user':
      return `${where} names ${person}, whom PagerDuty no longer has.`;
    case 'same_person':
      return `${where} reaches ${person} alone, whatever the level, ${when}${others}.`;
    case 'long':
      return `${where} has ${person} for ${hours} h without a break, ${when}.`;
  }
}

function reportOf(
  summary: string,
  findings: readonly CoverageFinding[],
  shiftBased: readonly string[],
  missing: readonly string[],
  { policies, levels, people, days }: CoverageResult['counts'] & { readonly days: number },
): string {
  const lines = (which: (finding: CoverageFinding) => boolean): readonly string[] =>
    findings.filter(which).map((finding) => plain(describe(finding)));
  const sections: readonly Section[] = [
    {
      title: 'Nobody answers',
      lines: lines(isGap),
      empty: missing.length > 0 ? 'nothing found so far' : 'never',
    },
    { title: 'Worth a look', lines: lines((finding) => !isGap(finding)) },
    {
      title: 'Shift-based schedules',
      lines:
        shiftBased.length === 0
          ? []
          : [
              `${plain(shiftBased.join(', '))}: counted by who is on call; their shifts are not to be read here`,
            ],
    },
    {
      title: 'Looked at',
      lines: [
        `${count(policies, 'policy', 'policies')}, ${count(levels, 'level')}, ${count(people, 'person', 'people')}, ${count(days, 'day')} from now; times in UTC`,
      ],
    },
  ];
  return markdownOf('Coverage', plain(summary), sections, missing);
}

const dayMs = 24 * 3_600_000;
