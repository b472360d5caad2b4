import { describe, expect, test } from 'vitest';
import {
  due,
  isSettled,
  type Look,
  type Memory,
  nothingRemembered,
  remember,
} from '../../client/watchdog-memory.ts';

const patience = { awayAfterMs: 30_000, backAfterMs: 30_000 };
const well: Look = { temporal: null, worker: null, store: null, receiver: null };
const down: Look = { ...well, worker: 'No Worker polls for runs.' };

/** Plays looks by a clock; what is due is told at once, and always arrives. */
function play(looks: readonly (readonly [atS: number, look: Look])[], from: Memory = { away: {} }) {
  let memory = from;
  const told: string[] = [];
  for (const [atS, look] of looks) {
    const now = atS * 1_000;
    memory = remember(memory, look, now, patience);
    const what = due(memory, look, now, patience);
    if (what) {
      told.push(`${what} at ${atS}`);
      memory = what === 'down' ? { ...memory, told: now } : { away: memory.away };
    }
  }
  const last = looks.at(-1)?.[1] ?? well;
  return { told, memory, settled: isSettled(memory, last) };
}
const every10 = (look: Look, from: number, to: number) =>
  Array.from({ length: (to - from) / 10 + 1 }, (_, index) => [from + index * 10, look] as const);

describe('the watchdog', () => {
  test('tells of an outage once, however long it lasts, and calls it off once', () => {
    const { told, settled } = play([
      ...every10(well, 0, 20),
      ...every10(down, 30, 600),
      ...every10(well, 610, 900),
    ]);
    expect(told).toEqual(['down at 60', 'up at 640']);
    expect(settled).toBe(true);
  });

  test('tells nobody of a restart', () => {
    expect(play([...every10(well, 0, 20), ...every10(down, 30, 50), ...every10(well, 60, 200)]).told).toEqual(
      [],
    );
  });

  test('takes what comes and goes for one outage: a Worker that dies again and again is down', () => {
    const looks = Array.from(
      { length: 60 },
      (_, index) => [index * 10, index % 3 === 0 ? down : well] as const,
    );
    expect(play([...looks, ...every10(well, 600, 700)]).told).toEqual(['down at 30', 'up at 610']);
  });

  test('counts further parts to the same outage, which is over when all are back', () => {
    const both: Look = { ...down, store: 'The audit store is locked.' };
    const { told } = play([
      ...every10(down, 0, 60),
      ...every10(both, 70, 120),
      ...every10({ ...well, store: 'The audit store is locked.' }, 130, 200),
      ...every10(well, 210, 300),
    ]);
    expect(told).toEqual(['down at 30', 'up at 240']);
  });

  test('tells again after people have closed nothing but the outage was over in between', () => {
    const { told } = play([...every10(down, 0, 60), ...every10(well, 70, 120), ...every10(down, 130, 180)]);
    expect(told).toEqual(['down at 30', 'up at 100', 'down at 160']);
  });

  test('that remembers nothing calls off what it may have told, and tells of what is away', () => {
    expect(play([[0, well]], nothingRemembered).told).toEqual(['up at 0']);
    expect(play(every10(down, 0, 100), nothingRemembered).told).toEqual(['down at 30']);
  });

  test('begins anew after nobody has looked for long: what was away before the machine was off is no outage now', () => {
    const before = play([[0, down]]).memory;
    expect(play([[10_000, down]], before).told).toEqual([]);
    expect(play(every10(down, 10_000, 10_030), before).told).toEqual(['down at 10030']);
  });

  test('waits no longer where the clock was set back', () => {
    const before = play([[10_000, down]]).memory;
    expect(play(every10(down, 100, 130), before).told).toEqual(['down at 130']);
  });

  test('forgets what it is no longer to watch', () => {
    const before = play(every10({ ...well, receiver: 'away' }, 0, 60)).memory;
    expect(play([[70, { temporal: null, worker: null, store: null }]], before).told).toEqual(['up at 70']);
  });

  test.each<readonly [what: string, looks: Parameters<typeof play>[0], settled: boolean]>([
    ['all is there', [[0, well]], true],
    ['something is away, and people do not know yet', [[0, down]], false],
    ['people know', every10(down, 0, 30), true],
    ['all is back, and people do not know yet', [...every10(down, 0, 30), [40, well]], false],
    [
      'it was away for a moment',
      [
        [0, down],
        [10, well],
      ],
      true,
    ],
  ])('knows whether to look again soon: %s', (_what, looks, settled) => {
    expect(play(looks).settled).toBe(settled);
  });
});
