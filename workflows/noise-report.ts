import { executeChild, workflowInfo } from '@temporalio/workflow';
import { outcomeOf } from './attempt.ts';
import { childOr } from './child.ts';
import { chronicleOf } from './chronicle.ts';
import type { Outcome } from './contract.ts';
import { addLoad, againMs, noiseOfDay } from './noise-of-day.ts';
import { count, markdownOf, plain, type Section } from './report.ts';
import type {
  NoiseDayInput,
  NoiseDayResult,
  NoiseGroup,
  NoiseInput,
  NoiseLoad,
  NoiseResult,
} from './reports.ts';

const defaults = { days: 7, night: '22:00-07:00 UTC', logsPerDay: 20 };

/** How many kinds and people a result names, and how many kinds are kept while days are added up. */
const most = { top: 10, load: 20, kept: 2_000 };

/** How many kinds the report shows. */
const shown = 5;

/** What wakes people for nothing: incidents by service and title, what would spare people, and who was paged how often. Changes nothing. */
export async function noiseReport(input: NoiseInput): Promise<NoiseResult> {
  const {
    account,
    reason,
    services,
    team,
    days = defaults.days,
    night = defaults.night,
    logsPerDay = defaults.logsPerDay,
  } = input;
  const chronicle = chronicleOf(input);
  // A minute ahead, since PagerDuty's clock may be: what just happened counts.
  const until = Math.floor(Date.now() / 1_000) * 1_000 + 60_000;
  const filter = {
    ...(services && { 'service_ids[]': services }),
    ...(team !== undefined && { 'team_ids[]': [team] }),
  };
  const all: Sum = { groups: new Map(), load: new Map(), missing: [], incidents: 0, high: 0, logsRead: 0 };
  for (let day = days; day > 0; day -= 1) {
    const span = { start: until - day * dayMs, end: until - (day - 1) * dayMs };
    const result = await countDay(days - day + 1, {
      account,
      filter,
      span,
      night,
      logs: logsPerDay,
      ...(reason !== undefined && { reason }),
    });
    add(all, result);
    if (result.agent !== undefined) chronicle.actsAs(result.agent);
    chronicle.say(`${days - day + 1} of ${count(days, 'day')} counted.`);
    // What is denied for one day is denied for all.
    if (result.unread === 'PermissionDenied') break;
  }
  const top = [...all.groups.values()]
    .map((group) => ({ ...published(group), ...proposalsFor(group, days) }))
    .toSorted((a, b) => b.savedPerWeek - a.savedPerWeek || b.incidents - a.incidents)
    .slice(0, most.top);
  const load = [...all.load.values()].toSorted((a, b) => b.pages - a.pages).slice(0, most.load);
  const counts = { incidents: all.incidents, high: all.high, days, logsRead: all.logsRead };
  const { missing } = all;
  const outcome: Outcome =
    all.incidents === 0 && all.unread
      ? outcomeOf[all.unread]
      : missing.length > 0
        ? 'partly'
        : all.incidents === 0
          ? 'nothing_to_do'
          : 'done';
  const summary = summaryOf(counts, top, missing);
  return {
    ...chronicle.end(outcome, summary, {
      verified: missing.length === 0,
      next: missing.slice(0, 3).map((what) => `Not read: ${what}`),
    }),
    counts,
    top,
    load,
    report: markdownOf('Noise', plain(summary), sectionsOf(counts, top, load, night), missing),
    missing,
  };
}

type Group = NoiseDayResult['groups'][number];

/** All days so far. */
interface Sum {
  readonly groups: Map<string, Group>;
  readonly load: Map<string, NoiseLoad>;
  readonly missing: string[];
  incidents: number;
  high: number;
  logsRead: number;
  unread?: NoiseDayResult['unread'];
}

function add(all: Sum, { groups, load, missing, incidents, high, logsRead, unread }: NoiseDayResult): void {
  all.incidents += incidents;
  all.high += high;
  all.logsRead += logsRead;
  all.missing.push(...missing);
  if (unread) all.unread ??= unread;
  for (const one of load) addLoad(all.load, one);
  for (const group of groups) {
    const key = `${group.service} ${group.title}`;
    const before = all.groups.get(key);
    if (!before && all.groups.size >= most.kept) continue;
    // The first of a day may follow the last of the day before.
    const again = before && group.firstAt - before.lastAt < againMs ? 1 : 0;
    all.groups.set(key, {
      ...group,
      incidents: group.incidents + (before?.incidents ?? 0),
      quick: group.quick + (before?.quick ?? 0),
      again: group.again + (before?.again ?? 0) + again,
      read: group.read + (before?.read ?? 0),
      unanswered: group.unanswered + (before?.unanswered ?? 0),
      firstAt: before?.firstAt ?? group.firstAt,
    });
  }
}

const published = ({ firstAt: _first, lastAt: _last, ...group }: Group): NoiseGroup => group;

/** One day, counted by a run of its own; where that fails, it is missing. */
const countDay = (number: number, input: NoiseDayInput): Promise<NoiseDayResult> =>
  childOr<NoiseDayResult>(
    executeChild(noiseOfDay, {
      workflowId: `${workflowInfo().workflowId}:${number}`,
      args: [input],
      staticSummary: `Noise of day ${number}`,
    }),
    (why) => ({
      incidents: 0,
      high: 0,
      logsRead: 0,
      groups: [],
      load: [],
      missing: [`day ${number}: ${why}`],
    }),
    'its run failed',
  );

/** Fewer than this of a kind are no pattern. */
const fewest = 3;

/** What would spare people, the most sparing first, and how many incidents a week it would have been. */
function proposalsFor(
  { incidents, quick, again, read, unanswered }: NoiseGroup,
  days: number,
): { readonly proposals: readonly string[]; readonly savedPerWeek: number } {
  if (incidents < fewest) return { proposals: [], savedPerWeek: 0 };
  const options = [
    {
      saves: quick,
      isWorth: quick * 2 >= incidents,
      text: `pause notifications for five minutes: ${quick} of ${incidents} were over by then`,
    },
    {
      saves: again,
      isWorth: again * 3 >= incidents,
      text: `group its alerts for an hour: ${again} of ${incidents} came within an hour after the one before`,
    },
    {
      // Of the logs that were read, taken for all.
      saves: read === 0 ? 0 : Math.round((incidents * unanswered) / read),
      isWorth: read >= fewest && unanswered * 5 >= read * 4,
      text: `ask who needs it, or make its urgency low: nobody acknowledged ${unanswered} of ${read}`,
    },
  ]
    .filter(({ isWorth }) => isWorth)
    .toSorted((a, b) => b.saves - a.saves);
  const perWeek = ((options[0]?.saves ?? 0) * 7) / days;
  return { proposals: options.map(({ text }) => text), savedPerWeek: Math.round(perWeek * 10) / 10 };
}

function summaryOf(
  { incidents, days }: NoiseResult['counts'],
  top: NoiseResult['top'],
  missing: readonly string[],
): string {
  const worth = top.slice(0, shown).filter(({ savedPerWeek }) => savedPerWeek > 0);
  const saved = worth.reduce((sum, { savedPerWeek }) => sum + savedPerWeek, 0);
  return [
    `${count(incidents, 'incident')} in ${count(days, 'day')}.`,
    ...(worth.length === 0
      ? []
      : [
          `${count(worth.length, 'proposal')} would spare people ${Math.round(saved * 10) / 10} incidents a week.`,
        ]),
    ...(missing.length === 0 ? [] : [`${count(missing.length, 'part')} could not be read.`]),
  ].join(' ');
}

function sectionsOf(
  { incidents, high, logsRead }: NoiseResult['counts'],
  top: NoiseResult['top'],
  load: NoiseResult['load'],
  night: string,
): readonly Section[] {
  const pages = load.reduce((sum, one) => sum + one.pages, 0);
  const mean = pages / Math.max(1, load.length);
  const [first] = load;
  return [
    {
      title: 'Most worth a change',
      lines: top
        .slice(0, shown)
        .map(
          ({ service, title, incidents: many, proposals, savedPerWeek }) =>
            `${plain(`${service}: ${title}`)}: ${count(many, 'incident')}; ${proposals[0] === undefined ? 'nothing to propose' : `${plain(proposals[0])} (${savedPerWeek} a week)`}`,
        ),
      empty: 'nothing',
    },
    {
      title: 'Who was paged',
      lines: load.map(
        ({ person, pages: many, nightPages }) =>
          `${plain(person)}: ${count(many, 'page')}, ${nightPages} of them at night`,
      ),
      empty: 'nobody, in the logs that were read',
    },
    {
      title: 'How this was counted',
      lines: [
        `${count(incidents, 'incident')}, ${high} of high urgency; the logs of ${logsRead} were read; night is ${plain(night)}`,
        ...(first && load.length > 1
          ? [
              `${plain(first.person)} had ${(first.pages / mean).toFixed(1)} times the average of those who were paged`,
            ]
          : []),
      ],
    },
  ];
}

const dayMs = 24 * 3_600_000;
