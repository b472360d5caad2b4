import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addUp, addUpProcesses, openTally, type ProcessTally, type Tally } from '../support/tally.ts';
import { temporaryFolder } from './temporary-store.ts';

// The campaigns print what they looked at, and are red where that was nothing: a suite that looks at nothing is green for ever.

const folder = temporaryFolder();
const stage: Tally = {
  requests: 1_100,
  writes: 3,
  reads: 9,
  entries: 10,
  denials: 2,
  excused: 0,
  secrets: 4,
  histories: 5,
  historyBytes: 6,
  storeBytes: 7,
  logBytes: 8,
  fileBytes: 9,
};
const place: ProcessTally = {
  secrets: 3,
  programs: 2,
  outputBytes: 100,
  files: 4,
  fileBytes: 1_000,
  histories: 1,
  historyBytes: 50,
};

test('what was looked at is added up and told', () => {
  openTally<Tally>(folder())(stage);
  openTally<Tally>(folder())(stage);
  const { lines, faults } = addUp(folder(), true);
  expect(faults).toEqual([]);
  expect(lines).toEqual([
    'Request logs and audits of 2 stages joined one to one: 2,200 requests (6 writes, 18 reads), 20 entries, 4 denials; 0 excused while the store was locked.',
    'Searched for 8 secrets: 10 histories (12 bytes), stores (14 bytes), logs (16 bytes), files (18 bytes).',
  ]);
});

test.each(Object.keys(stage).filter((key) => key !== 'excused'))(
  'a whole run without any %s is red',
  (key) => {
    openTally<Tally>(folder())({ ...stage, [key]: 0 });
    expect(addUp(folder(), true).faults).toEqual([
      `Over the whole suite the count of ${key} is 0: nothing was looked at.`,
    ]);
    expect(addUp(folder(), false).faults).toEqual([]);
  },
);

test.each(Object.keys(place))('a whole run of processes without any %s is red', (key) => {
  openTally<ProcessTally>(folder())({ ...place, [key]: 0 });
  expect(addUpProcesses(folder(), true).faults).toEqual([
    `Over the whole suite the count of ${key} is 0: nothing was looked at.`,
  ]);
});

test('a stage that was set and never looked at is red, in a part of the suite as well', () => {
  openTally<Tally>(folder())(stage);
  openTally<Tally>(folder());
  expect(addUp(folder(), false).faults).toEqual(['1 of 2 were set up and never looked at.']);
});

test('a suite that set up nothing is red for everything', () => {
  mkdirSync(folder(), { recursive: true });
  expect(addUp(folder(), true).faults).toHaveLength(11);
  expect(addUpProcesses(folder(), true).faults).toHaveLength(7);
});
