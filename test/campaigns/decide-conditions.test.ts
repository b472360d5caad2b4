import { expect, test } from 'vitest';
import { fatesOf, seed, sources } from '../support/faulty-gate.ts';
import { type TakenOut, takenOut } from '../support/taken-out.ts';

/** The sources that decide; of some, the part that does. What reads the configuration has proofs of its own. */
const deciding: readonly (readonly [path: string, begin?: string, end?: string])[] = [
  ['gate/decide.ts'],
  ['gate/forbidden.ts'],
  ['gate/granted.ts'],
  ['gate/approval.ts'],
  ['gate/conditions.ts'],
  ['gate/facts.ts', 'export const incidentOf'],
  ['gate/runner.ts'],
  ['gate/grants.ts', 'export function grantFor'],
  ['gate/hours.ts', 'export function isWithin', 'const noZone'],
  ['activities/narrow.ts'],
];

/** What changes nothing when it is gone, by a piece of its words, and why. */
const idle: readonly (readonly [path: string, words: string, why: string])[] = [
  ['gate/decide.ts', 'without: narrowing &&', 'spreads a field that is undefined'],
  ['gate/granted.ts', 'without: until !== undefined &&', 'spreads a field that is undefined'],
  ['gate/granted.ts', 'without: grant.leaseMs !== undefined &&', 'spreads a field that is undefined'],
  ['gate/granted.ts', 'without: grant.approval &&', 'spreads a field that is undefined'],
  ['gate/decide.ts', "without: && granted.kind === 'yes'", 'what needs facts still needs them'],
  ['activities/narrow.ts', 'without: !paging ||', 'throws a line later'],
  ['gate/decide.ts', "always: touch.kind === 'list'", 'in the words of a cut list: nothing else is cut'],
];

interface Removal extends TakenOut {
  readonly path: string;
  readonly text: string;
}

const removals: readonly Removal[] = deciding.flatMap(([path, begin, end]) => {
  const source = sources.get(path) ?? '';
  const first = begin === undefined ? 0 : source.indexOf(begin);
  const last = end === undefined ? source.length : source.indexOf(end);
  return takenOut(source)
    .filter(({ from }) => from >= first && from < last)
    .map((one) => ({ ...one, path, text: source.slice(0, one.from) + one.becomes + source.slice(one.to) }));
});
const isIdle = ({ path, what }: Removal): boolean =>
  idle.some(([where, words]) => where === path && what.includes(words));

test('what is said to change nothing is one condition each, and few', () => {
  const meant = idle.map(
    ([path, words]) => removals.filter((one) => one.path === path && one.what.includes(words)).length,
  );
  expect(meant).toEqual(idle.map(() => 1));
  expect(idle.length).toBeLessThanOrEqual(7);
});

test('taking out any one condition of the engine turns a proof red', { timeout: 600_000 }, async () => {
  const { told, survived } = await fatesOf(removals.filter((one) => !isIdle(one)));
  process.stdout.write(`seed ${seed}, every condition taken out in turn: ${told}\n`);
  expect(survived).toEqual([]);
});
