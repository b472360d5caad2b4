/** How wide a line may be: the terminal's width; no limit where nobody looks. */
export const widthNow = (): number => process.stdout.columns ?? Number.POSITIVE_INFINITY;

/** A column; one that is `flexible` is cut where the lines would be too wide, the last one first. */
export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string;
  readonly flexible?: true;
}

/** Rows under their titles, as wide as the terminal lets them be. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width = widthNow(),
): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ of }) => of(row)))];
  const widths = columns.map((_, index) =>
    Math.max(...cells.map((line) => Array.from(line[index] ?? '').length)),
  );
  let excess = widths.reduce((sum, one) => sum + one + gap.length, -gap.length) - width;
  for (const [index, { flexible, title }] of [...columns.entries()].toReversed()) {
    if (excess <= 0) break;
    const at = widths[index] ?? 0;
    const cut = flexible ? Math.min(excess, Math.max(0, at - Math.max(title.length, narrowest))) : 0;
    widths[index] = at - cut;
    excess -= cut;
  }
  return cells
    .map((line) =>
      line
        .map((cell, index) => fitted(cell, widths[index] ?? 0))
        .join(gap)
        .trimEnd(),
    )
    .join('\n');
}

const gap = '  ';

/** No column is cut to less. */
const narrowest = 8;

function fitted(text: string, width: number): string {
  const letters = Array.from(text);
  const cut = letters.length <= width ? letters : [...letters.slice(0, Math.max(0, width - 1)), '…'];
  return cut.join('') + ' '.repeat(Math.max(0, width - cut.length));
}
