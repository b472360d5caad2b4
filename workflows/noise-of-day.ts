import type { Episode } from '../activities/index.ts';
import { attempt } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import { walkEpisodes } from './episodes.ts';
import { activitiesOf, perform } from './proxies.ts';
import { spell } from './report.ts';
import type { NoiseDayInput, NoiseDayResult, NoiseLoad } from './reports.ts';

/** How many pages of one day are read: 1,000 incidents. */
const mostPages = 10;

/** How many kinds of incidents and how many people one day tells; the rare ones are left out. */
const most = { groups: 100, people: 50 };

/** Resolved by nobody within this time it need not have paged anybody; after this long it is another incident. */
const quickMs = 5 * 60_000;
export const againMs = 60 * 60_000;

type Group = NoiseDayResult['groups'][number];

/** Counts one day of a noise report: its incidents by service and title, and from some of their logs who was paged and who answered. */
export async function noiseOfDay(input: NoiseDayInput): Promise<NoiseDayResult> {
  const { account, filter, span, night, logs } = input;
  const chronicle = chronicleOf(input);
  const { look } = activitiesOf(account);
  let agent: string | undefined;
  const what = `incidents of ${spell(span)}`;
  const { episodes, missing, unread } = await walkEpisodes(
    input,
    { ...filter, since: new Date(span.start).toISOString(), until: new Date(span.end).toISOString() },
    { what, mostPages },
    {
      ...chronicle,
      actsAs: (name) => {
        agent = name;
        chronicle.actsAs(name);
      },
    },
  );
  // The last instant of one day is the first of the next.
  const ofDay = episodes.filter(({ at }) => at < span.end).toSorted((a, b) => a.at - b.at);
  const groups = new Map<string, Group>();
  for (const episode of ofDay) count(groups, episode);
  const load = new Map<string, NoiseLoad>();
  const unreadLogs: string[] = [];
  let logsRead = 0;
  for (const episode of ofDay.slice(Math.max(0, ofDay.length - logs))) {
    const trace = await attempt(
      perform(look.traceIncident, {
        step: `Read the log of #${episode.number}`,
        incident: episode.id,
        night,
      }),
    );
    if (!trace.ok) {
      unreadLogs.push(trace.sentence);
      if (trace.kind === 'PermissionDenied') break;
      continue;
    }
    logsRead += 1;
    const group = groups.get(keyOf(episode));
    if (group)
      groups.set(keyOf(episode), {
        ...group,
        read: group.read + 1,
        unanswered: group.unanswered + (trace.isAnswered ? 0 : 1),
      });
    for (const { person, isNight } of trace.paged)
      addLoad(load, { person, pages: 1, nightPages: isNight ? 1 : 0 });
  }
  const [why] = unreadLogs;
  return {
    incidents: ofDay.length,
    high: ofDay.filter(({ urgency }) => urgency === 'high').length,
    logsRead,
    groups: [...groups.values()].toSorted((a, b) => b.incidents - a.incidents).slice(0, most.groups),
    load: [...load.values()].toSorted((a, b) => b.pages - a.pages).slice(0, most.people),
    missing: [...missing, ...(why === undefined ? [] : [`logs of ${what}: ${why}`])],
    ...(agent !== undefined && { agent }),
    ...(unread && { unread }),
  };
}

function count(groups: Map<string, Group>, episode: Episode): void {
  const { at, service, resolvedAt, status, by } = episode;
  const before = groups.get(keyOf(episode));
  const isQuick =
    status === 'resolved' && by === 'pagerduty' && resolvedAt !== null && resolvedAt - at < quickMs;
  const isAgain = before !== undefined && at - before.lastAt < againMs;
  groups.set(keyOf(episode), {
    service: service?.name ?? 'no service',
    title: wordsOf(episode),
    incidents: (before?.incidents ?? 0) + 1,
    quick: (before?.quick ?? 0) + (isQuick ? 1 : 0),
    again: (before?.again ?? 0) + (isAgain ? 1 : 0),
    read: before?.read ?? 0,
    unanswered: before?.unanswered ?? 0,
    firstAt: before?.firstAt ?? at,
    lastAt: at,
  });
}

/** A title without its numbers, which differ from time to time. */
const wordsOf = ({ title }: Episode): string => title.replace(/\d+([.,:]\d+)*/g, 'N');
const keyOf = (episode: Episode): string => `${episode.service?.id ?? ''} ${wordsOf(episode)}`;

/** Adds to what a person has had to carry. */
export function addLoad(all: Map<string, NoiseLoad>, { person, pages, nightPages }: NoiseLoad): void {
  const before = all.get(person);
  all.set(person, {
    person,
    pages: (before?.pages ?? 0) + pages,
    nightPages: (before?.nightPages ?? 0) + nightPages,
  });
}
