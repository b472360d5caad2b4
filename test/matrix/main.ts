import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { writeInto } from '../../bench/page.ts';
import { campaign, writesOf } from './campaign.ts';
import { faults } from './faults.ts';
import { tableOf, wrongIn } from './table.ts';
import type { Cell } from './tally.ts';

// The fault matrix: everything that can break, on each of the 13 writes. Prints its table, then what is wrong; 1 where something is.

interface Flags {
  readonly seed: number;
  readonly seeds?: number;
  readonly parallel: number;
  readonly short?: boolean;
  readonly write?: boolean;
  readonly keep?: string;
  readonly table?: boolean;
  readonly list?: boolean;
}

const count = (text: string): number => {
  if (!/^\d{1,4}$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('it must be a number from 1 to 9999');
  return Number(text);
};

const command = new Command('matrix')
  .description(
    'Lets everything break on each write, and looks whether anything was lost, doubled or unrecorded.',
  )
  .argument('[cells...]', 'names such as reset/createTeam, reset, or */createTeam; all where none is given')
  .option('--seed <n>', 'the first seed', count, 1)
  .option(
    '--seeds <n>',
    'seeds a cell; 200 for HTTP faults and 20 for the others where it is not given',
    count,
  )
  .option('--parallel <n>', 'faults that are played at a time', count, 3)
  .option('--short', 'one seed a cell, as CI does')
  .option('--write', 'writes the tables into docs/reliability.md')
  .option('--keep <file>', 'adds each fault once it is played to this file, and shows all that it holds')
  .option('--table', 'shows what the file of --keep holds, and plays none')
  .option('--list', 'names the cells, and plays none')
  .parse();
const { seed, seeds, parallel, short, write, keep, table, list } = command.opts<Flags>();
const cells = command.args;

/** What was played, with what it took. */
interface Kept {
  readonly cells: readonly Cell[];
  readonly seconds: number;
}

/** What a file holds; nothing where there is none yet. */
const keptIn = (file: string): Kept =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept) : { cells: [], seconds: 0 };

/** The same with these cells, in place of what was played of them before. */
const withCells = (kept: Kept, fresh: readonly Cell[], seconds: number): Kept => ({
  cells: [
    ...kept.cells.filter(
      ({ fault, write: of }) => !fresh.some((one) => one.fault === fault && one.write === of),
    ),
    ...fresh,
  ],
  seconds: kept.seconds + seconds,
});

// Servers and Workers end with us, also where we are told to.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

if (list) {
  for (const fault of faults)
    for (const { operation } of writesOf(fault, cells)) console.log(`${fault.name}/${operation}`);
} else {
  const wanted = { http: short ? 1 : (seeds ?? 200), other: short ? 1 : (seeds ?? 20) };
  let kept: Kept = keep === undefined ? { cells: [], seconds: 0 } : keptIn(keep);
  let began = Date.now();
  if (!table)
    await campaign({
      cells,
      firstSeed: seed,
      httpSeeds: wanted.http,
      otherSeeds: wanted.other,
      parallel,
      say: (sentence) => console.error(sentence),
      played: (fresh) => {
        kept = withCells(kept, fresh, (Date.now() - began) / 1_000);
        began = Date.now();
        if (keep !== undefined) writeFileSync(keep, `${JSON.stringify(kept, undefined, 2)}\n`);
      },
    });
  const runs = kept.cells.reduce((sum, cell) => sum + cell.runs, 0);
  const struck = kept.cells.reduce((sum, cell) => sum + cell.struck, 0);
  const wrong = wrongIn(kept.cells, wanted);
  const head = `Seeds ${seed} to ${seed + wanted.http - 1} of the HTTP faults, ${seed} to ${seed + wanted.other - 1} of the others: ${kept.cells.length} cells, ${runs.toLocaleString('en')} runs, ${struck.toLocaleString('en')} of them struck; lost ${sum('lost')}, doubled ${sum('doubled')}, unrecorded ${sum('unrecorded')}. ${Math.round(kept.seconds / 60)} minutes on ${availableParallelism()} cores.`;
  const unplayed = faults.filter(({ name }) => !kept.cells.some(({ fault }) => fault === name));
  const rest = `Not played in full yet: ${unplayed.map(({ name }) => name).join(', ')}.`;
  const text = [head, ...(unplayed.length > 0 ? [rest] : []), tableOf(kept.cells, wanted)].join('\n\n');
  console.log(text);
  if (write) writeInto('reliability.md', 'npm run matrix -- --write', text);
  for (const line of wrong) console.error(`FAILED ${line}`);
  if (wrong.length > 0 || struck === 0) process.exitCode = 1;

  function sum(what: 'lost' | 'doubled' | 'unrecorded'): number {
    return kept.cells.reduce((total, cell) => total + cell[what], 0);
  }
}
