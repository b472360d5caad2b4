import type { Span } from './coverage.ts';
import { shortened } from './said.ts';

/** A part of a report: its lines, the most important first. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  /** What stands there where there are none. */
  readonly empty?: string;
  /** How many lines are shown; 8 where absent. */
  readonly most?: number;
}

/** How many lines of a section are shown: with a handful of sections that is one screen. */
const mostLines = 8;

/** How long a line is. */
const longestLine = 200;

/** A report as Markdown, one screen at most: what is cut is counted, and what could not be read stands at the end of it. */
export function markdownOf(
  title: string,
  lead: string,
  sections: readonly Section[],
  missing: readonly string[],
): string {
  const all: readonly Section[] = [
    ...sections,
    ...(missing.length === 0 ? [] : [{ title: 'Could not be read', lines: missing.map(plain) }]),
  ];
  const parts = all.flatMap(({ title: name, lines, empty, most = mostLines }) => {
    const shown = lines.slice(0, most).map((line) => `- ${shortened(line, longestLine)}`);
    const left = lines.length - shown.length;
    if (shown.length === 0 && empty === undefined) return [];
    return [
      `**${name}**`,
      ...(shown.length === 0 ? [`- ${empty}`] : shown),
      ...(left > 0 ? [`- … and ${left} more`] : []),
      '',
    ];
  });
  return [`## ${title}`, '', lead, '', ...parts].join('\n').trimEnd();
}

/** PagerDuty's words as they may stand in Markdown: letters alone, no link, image, heading or code. */
export const plain = (text: string): string => text.replace(/[\\`*_[\]<>#|!~]/g, '\\$&');

/** Commands of ours, as sentences name them. What looks like one in somebody's words is code, and no more than that. */
const command = /(`oncall [\w:. -]+`)/;

/** A sentence that tells of other people's words as it may stand in Markdown: one line, and nothing but our commands is marked up. */
export const commandsAlone = (sentence: string): string =>
  sentence
    .replace(/\s+/g, ' ')
    .split(command)
    .map((part, index) => (index % 2 === 1 ? part : plain(part)))
    .join('');

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sat 28 Nov 02:00`, in UTC. */
export function moment(at: number): string {
  const date = new Date(at);
  return `${days[date.getUTCDay()]} ${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.toISOString().slice(11, 16)}`;
}

/** `Sat 28 Nov 02:00–06:00 UTC`; with both days where there are two. */
export function spell({ start, end }: Span): string {
  const isOneDay = new Date(start).toISOString().slice(0, 10) === new Date(end).toISOString().slice(0, 10);
  return `${moment(start)}–${isOneDay ? new Date(end).toISOString().slice(11, 16) : moment(end)} UTC`;
}

/** `3 gaps`, `1 gap`. */
export const count = (number: number, one: string, many = `${one}s`): string =>
  `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

/** `4 h`, `35 min`, `12 s`, `3 d`: the unit that a person would choose. */
export function duration(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
