import { markdown } from '../../bench/page.ts';
import { faults, type MatrixFault } from './faults.ts';
import { type Cell, faultsOf } from './tally.ts';
import { writes } from './writes.ts';

const groups = {
  http: 'On the way to PagerDuty and back',
  kill: 'What dies or goes away',
  other: 'What else may happen',
} as const;

/** A change event has no key and shows in no read: a table of its own. */
const unseen = 'enqueueChangeEvent';

/** How many runs each cell of a group is to strike. */
export interface Wanted {
  readonly http: number;
  readonly other: number;
}

const wantedOf = ({ group }: MatrixFault, wanted: Wanted): number =>
  group === 'http' ? wanted.http : wanted.other;

/** Everything that is wrong with the cells, a line each; nothing where all hold. */
export const wrongIn = (cells: readonly Cell[], wanted: Wanted): readonly string[] =>
  cells.flatMap((cell) => {
    const fault = faults.find(({ name }) => name === cell.fault);
    return fault ? faultsOf(cell, wantedOf(fault, wanted)) : [];
  });

/** The cells as Markdown: a table for each group, a row for each write, and what became of change events. */
export function tableOf(cells: readonly Cell[], wanted: Wanted): string {
  const find = (fault: string, write: string): Cell | undefined =>
    cells.find((cell) => cell.fault === fault && cell.write === write);
  const played = faults.filter(({ name }) => cells.some(({ fault }) => fault === name));
  const parts = Object.entries(groups).flatMap(([group, title]) => {
    const columns = played.filter((fault) => fault.group === group);
    if (columns.length === 0) return [];
    const rows = writes
      .map(({ operation }) => operation)
      .filter((operation) => operation !== unseen && cells.some(({ write }) => write === operation))
      .map((operation) => [
        `\`${operation}\``,
        ...columns.map((fault) => shown(fault, find(fault.name, operation), wanted)),
      ]);
    const legend = columns.map(({ name, means }) => `- **${name}**: ${means}`);
    return [`### ${title}`, [...legend].join('\n'), markdown(['', ...columns.map(({ name }) => name)], rows)];
  });
  const events = played.flatMap(({ name, means }) => {
    const cell = find(name, unseen);
    return cell
      ? [[name, means, cell.struck, cell.runs - cell.told, cell.told, cell.doubled].map(String)]
      : [];
  });
  if (events.length > 0) {
    parts.push(
      '### Change events, which nobody can look for',
      markdown(
        ['fault', 'which is', 'struck', 'done, and known to be', 'told that nobody can know', 'sent twice'],
        events,
      ),
    );
  }
  return parts.join('\n\n');
}

/** Runs that were struck; in words where something is wrong with them. */
function shown(fault: MatrixFault, cell: Cell | undefined, wanted: Wanted): string {
  if (!cell) return '–';
  const { struck, lost, doubled, unrecorded } = cell;
  if (faultsOf(cell, wantedOf(fault, wanted)).length === 0) return String(struck);
  return `**${struck}/${Math.max(cell.runs, wantedOf(fault, wanted))} struck, ${lost} lost, ${doubled} doubled, ${unrecorded} unrecorded**`;
}
