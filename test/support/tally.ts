import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Counts of what was looked at, by name. */
type Counts = Readonly<Record<string, number>>;

/** What a stage joined and searched. */
export interface Tally extends Counts {
  readonly requests: number;
  readonly writes: number;
  readonly reads: number;
  readonly entries: number;
  readonly denials: number;
  readonly excused: number;
  readonly secrets: number;
  readonly histories: number;
  readonly historyBytes: number;
  readonly storeBytes: number;
  readonly logBytes: number;
  readonly fileBytes: number;
}

/** What was searched of the processes of a place. */
export interface ProcessTally extends Counts {
  readonly secrets: number;
  readonly programs: number;
  readonly outputBytes: number;
  readonly files: number;
  readonly fileBytes: number;
  readonly histories: number;
  readonly historyBytes: number;
}

/** Notes in a folder that all test files share that something was set up; what it gives is called when that was looked at. */
export function openTally<Kind extends Counts>(folder: string): (tally: Kind) => void {
  const name = join(folder, 'tally', randomUUID());
  mkdirSync(join(folder, 'tally'), { recursive: true });
  writeFileSync(`${name}.opened`, '');
  return (tally) => writeFileSync(`${name}.closed`, JSON.stringify(tally));
}

/** A run in a few lines, and what of it makes the run red. */
export interface Sum {
  readonly lines: readonly string[];
  readonly faults: readonly string[];
}

/** The stages of a run, added up over all test files. */
export const addUp = (folder: string, isWhole: boolean): Sum =>
  summed<Tally>(folder, isWhole, ['excused'], (count, say) => [
    `Request logs and audits of ${count} stages joined one to one: ${say('requests')} requests (${say('writes')} writes, ${say('reads')} reads), ${say('entries')} entries, ${say('denials')} denials; ${say('excused')} excused while the store was locked.`,
    `Searched for ${say('secrets')} secrets: ${say('histories')} histories (${say('historyBytes')} bytes), stores (${say('storeBytes')} bytes), logs (${say('logBytes')} bytes), files (${say('fileBytes')} bytes).`,
  ]);

/** The places of a run, added up over all test files. */
export const addUpProcesses = (folder: string, isWhole: boolean): Sum =>
  summed<ProcessTally>(folder, isWhole, [], (count, say) => [
    `Searched for ${say('secrets')} secrets of ${count} places: what ${say('programs')} programs said (${say('outputBytes')} bytes), ${say('files')} files (${say('fileBytes')} bytes), ${say('histories')} histories (${say('historyBytes')} bytes).`,
  ]);

/** @param mayBeNone counts that a whole run may have none of. */
function summed<Kind extends Counts>(
  folder: string,
  isWhole: boolean,
  mayBeNone: readonly (keyof Kind)[],
  tell: (count: number, say: (key: keyof Kind & string) => string) => readonly string[],
): Sum {
  const names = existsSync(join(folder, 'tally')) ? readdirSync(join(folder, 'tally')) : [];
  const closed = names.filter((name) => name.endsWith('.closed'));
  const opened = names.filter((name) => name.endsWith('.opened'));
  const tallies = closed.map((name) => JSON.parse(readFileSync(join(folder, 'tally', name), 'utf8')) as Kind);
  const told = new Set<string>();
  const sum = (key: string): number => tallies.reduce((total, tally) => total + (tally[key] ?? 0), 0);
  const lines = tell(closed.length, (key) => {
    told.add(key);
    return sum(key).toLocaleString('en');
  });
  const none = [...told].filter((key) => !mayBeNone.includes(key) && sum(key) === 0);
  return {
    lines,
    faults: [
      ...(opened.length === closed.length
        ? []
        : [`${opened.length - closed.length} of ${opened.length} were set up and never looked at.`]),
      ...(isWhole
        ? none.map((key) => `Over the whole suite the count of ${key} is 0: nothing was looked at.`)
        : []),
    ],
  };
}
