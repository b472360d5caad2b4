import { describe, expect, test } from 'vitest';
import type { Build, Deployment } from '../../client/builds.ts';
import { remark } from '../../client/commands/builds.ts';
import { faultsOf } from '../../client/doctor/builds.ts';

const build = (id: string, state: Build['state'], runs: number, workers: number): Build => ({
  id,
  state,
  runs,
  workers,
});
const deployment = (
  current: string | undefined,
  unversioned: number,
  ...builds: readonly Build[]
): Deployment => ({
  name: 'oncall',
  ...(current !== undefined && { current }),
  builds,
  unversioned,
});

describe('what is wrong with builds', () => {
  test.each<[string, Deployment, readonly string[]]>([
    ['all is served', deployment('2', 0, build('2', 'current', 3, 2), build('1', 'draining', 1, 1)), []],
    [
      'nothing is current and Workers have builds',
      deployment(undefined, 0, build('1', 'waiting', 0, 2)),
      ['oncall has no current build: new runs wait, and nothing happens → oncall builds use 1'],
    ],
    ['nothing is current and Workers have none', deployment(undefined, 2, build('1', 'waiting', 0, 1)), []],
    [
      'the current build has no Worker and another has',
      deployment('2', 0, build('2', 'current', 0, 0), build('1', 'draining', 1, 2)),
      [
        'new runs begin on build 2, and no Worker of it asks for work → start Workers with TEMPORAL_WORKER_BUILD_ID=2, or: oncall builds use 1',
      ],
    ],
    ['no Worker is there at all', deployment('2', 0, build('2', 'current', 0, 0)), []],
    [
      'runs stand still',
      deployment('2', 0, build('2', 'current', 0, 1), build('1', 'draining', 4, 0)),
      [
        '4 runs that began on build 1 stand still: no Worker of it asks for work → start a Worker with TEMPORAL_WORKER_BUILD_ID=1 until `oncall builds` says that it is drained; docs/deploy.md says how to move them where that cannot be',
      ],
    ],
    [
      'a drained build is stopped',
      deployment('2', 0, build('2', 'current', 0, 1), build('1', 'drained', 0, 0)),
      [],
    ],
  ])('where %s', (_where, seen, wanted) => {
    expect(faultsOf(seen).map(({ what, mend }) => `${what} → ${mend}`)).toEqual(wanted);
  });
});

test('what follows for who runs the Workers is said of each build', () => {
  const said = (state: Build['state'], runs: number, workers: number): string =>
    remark({ state, runs, workers });
  expect(said('current', 2, 1)).toBe('new runs begin on it');
  expect(said('current', 0, 0)).toBe('new runs wait for a Worker of it');
  expect(said('draining', 1, 1)).toBe('runs that began on it go on: keep its Workers');
  expect(said('draining', 1, 0)).toBe('its runs stand still: start a Worker of it');
  expect(said('drained', 0, 1)).toBe('nothing needs it: its Workers may end');
  expect(said('waiting', 0, 1)).toBe('takes nothing yet');
});
