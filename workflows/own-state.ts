import type { Episode, OwnState } from '../activities/index.ts';
import { count, duration, moment, plain, type Section } from './report.ts';
import type { HandoffResult } from './reports.ts';

type Own = HandoffResult['own'];

/** What we hold, with what is known of the incidents that are open. */
export function ownOf(own: OwnState | undefined, open: readonly Episode[]): Own {
  const known = new Map(open.map(({ id, number, title }) => [id, { number, title }]));
  const withIncident = <T extends { readonly incident: string | null }>(all: readonly T[] | null = null) =>
    all?.map((one) => ({ ...one, ...(known.get(one.incident ?? '') ?? { number: null, title: null }) })) ??
    null;
  return {
    leases: withIncident(own?.leases),
    approvals: withIncident(own?.approvals),
    schedules: own?.schedules ?? null,
  };
}

/** How many lines it has at most. */
const mostLines = 6;

/** The part of a report that tells it. */
export const ownSection = (own: Own, now: number): Section => ({
  title: 'Held by oncall-runner',
  lines: linesOf(own, now),
  empty: emptyOf(own),
  most: mostLines,
});

/** What an operator is asked for. */
export const ownAsks = ({ approvals }: Own): readonly string[] =>
  approvals === null || approvals.length === 0
    ? []
    : [
        `Approve or refuse ${count(approvals.length, 'step')}: \`oncall approvals\` shows what waits for an operator.`,
      ];

/** What stands still first: nobody hears of that otherwise. */
const linesOf = ({ leases, approvals, schedules }: Own, now: number): readonly string[] => [
  ...(schedules ?? []).map(({ scheduleId, state, note, without }) =>
    plain(
      state === 'missing'
        ? `There is no Schedule ${scheduleId}: ${without}`
        : `The Schedule ${scheduleId} is paused (${note ?? 'no note was left'}): ${without}`,
    ),
  ),
  ...(approvals ?? []).map(({ id, agent, step, run, since, number, title }) => {
    const waits = since === null ? 'waits' : `has waited ${duration(Math.max(0, now - Date.parse(since)))}`;
    const about = number === null ? '' : `, #${number} ${plain(title ?? '')}`;
    return `${plain(`${id}: ${agent} ${waits} for an operator in ${run}: ${step}`)}${about}`;
  }),
  ...(leases ?? []).map(({ incident, agent, run, until, number, title }) => {
    const held = `until ${moment(Date.parse(until))} UTC by ${plain(agent)} in ${plain(run)}`;
    return number === null ? `${plain(incident)} ${held}` : `#${number} ${held}: ${plain(title ?? '')}`;
  }),
];

function emptyOf({ leases, approvals, schedules }: Own): string {
  const unread = [leases, approvals, schedules].filter((part) => part === null).length;
  return unread === 0
    ? 'nothing, and nothing is paused'
    : unread === 3
      ? 'not read'
      : 'not all of it was read';
}
