import type { Layer } from '../model.ts';
import { openTimes } from './restriction.ts';
import { clip, type Duty, join, within } from './span.ts';
import { instantOfWall, wallTime } from './zone.ts';

/** Who has the duty by one layer between two instants, cut there, in order. */
export function renderLayer(layer: Layer, zone: string, since: number, until: number): readonly Duty[] {
  const from = Math.max(since, layer.start);
  const to = Math.min(until, layer.end ?? Infinity);
  if (from >= to) return [];
  const turns = clip(turnsBetween(layer, zone, from, to), from, to);
  return join(within(turns, openTimes(layer.restrictions, zone, from, to)));
}

function turnsBetween(layer: Layer, zone: string, from: number, to: number): readonly Duty[] {
  const { userIds, turnSeconds, virtualStart } = layer;
  const [only] = userIds;
  if (only === undefined) return [];
  if (userIds.every((userId) => userId === only)) return [{ userId: only, start: from, end: to }];
  const startOf = handoffs(layer, zone);
  const turns: Duty[] = [];
  let turn = Math.floor((from - virtualStart) / (turnSeconds * 1000));
  // A change of the clocks moves handoffs by less than the shortest turn that follows the clock.
  while (startOf(turn) > from) turn -= 1;
  while (startOf(turn + 1) <= from) turn += 1;
  for (let start = startOf(turn); start < to; turn += 1) {
    const end = startOf(turn + 1);
    turns.push({ userId: userIds[modulo(turn, userIds.length)] ?? only, start, end });
    start = end;
  }
  return turns;
}

/**
 * When each turn begins; turn 0 at the virtual start. Turns of whole days begin at the same time by the clock on the wall,
 * whatever the clocks do in between; others are of equal length.
 */
function handoffs({ turnSeconds, virtualStart }: Layer, zone: string): (turn: number) => number {
  const days = turnSeconds / daySeconds;
  if (!Number.isInteger(days)) return (turn) => virtualStart + turn * turnSeconds * 1000;
  const first = wallTime(virtualStart, zone);
  return (turn) => instantOfWall(first.add({ days: turn * days }), zone);
}

const daySeconds = 24 * 3600;

/** True modulo: turns before the virtual start count backwards. */
const modulo = (value: number, base: number): number => ((value % base) + base) % base;
