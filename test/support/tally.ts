import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the stages of a run joined and searched, added up over all test files. */
export interface Tally {
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

/** Notes in a folder that all test files share that a stage was set; what it gives is called when the stage has closed. */
export function openTally(folder: string): (tally: Tally) => void {
  const name = join(folder, 'tally', randomUUID());
  mkdirSync(join(folder, 'tally'), { recursive: true });
  writeFileSync(`${name}.opened`, '');
  return (tally) => writeFileSync(`${name}.closed`, JSON.stringify(tally));
}

/** The whole run in two lines, and what of it makes the run red. */
export function addUp(
  folder: string,
  isWhole: boolean,
): { readonly lines: readonly string[]; readonly faults: readonly string[] } {
  const names = existsSync(join(folder, 'tally')) ? readdirSync(join(folder, 'tally')) : [];
  const closed = names.filter((name) => name.endsWith('.closed'));
  const opened = names.filter((name) => name.endsWith('.opened'));
  const tallies = closed.map(
    (name) => JSON.parse(readFileSync(join(folder, 'tally', name), 'utf8')) as Tally,
  );
  const sum = (key: keyof Tally): number => tallies.reduce((total, tally) => total + tally[key], 0);
  const say = (key: keyof Tally): string => sum(key).toLocaleString('en');
  const mustCount: readonly (keyof Tally)[] = [
    'requests',
    'writes',
    'reads',
    'entries',
    'denials',
    'secrets',
    'histories',
    'historyBytes',
    'storeBytes',
    'logBytes',
    'fileBytes',
  ];
  return {
    lines: [
      `Request logs and audits of ${closed.length} stages joined one to one: ${say('requests')} requests (${say('writes')} writes, ${say('reads')} reads), ${say('entries')} entries, ${say('denials')} denials; ${say('excused')} excused while the store was locked.`,
      `Searched for ${say('secrets')} secrets: ${say('histories')} histories (${say('historyBytes')} bytes), stores (${say('storeBytes')} bytes), logs (${say('logBytes')} bytes), files (${say('fileBytes')} bytes).`,
    ],
    faults: [
      ...(opened.length === closed.length ? [] : [`${opened.length - closed.length} stages did not close.`]),
      ...mustCount
        .filter((key) => isWhole && sum(key) === 0)
        .map((key) => `Over the whole suite the count of ${key} is 0: nothing was looked at.`),
    ],
  };
}
