import type { Layer, Restriction, Schedule } from '../../simulator/model.ts';

// Who is on call, worked out by asking for each instant who has it. Takes nothing from the simulator or from the reports, not even
// their way to do time zones: they are what it is compared with.

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

const formats = new Map<string, Intl.DateTimeFormat>();

/** What to add to UTC for the clock on the wall, in milliseconds. */
export function offsetAt(at: number, zone: string): number {
  const format =
    formats.get(zone) ?? new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  formats.set(zone, format);
  const [, sign, hours = '0', minutes = '0'] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(format.format(at)) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * hour + Number(minutes) * minute);
}

/** The instant at which the wall shows this, given as if it were UTC: the earlier of two; counted on from before where none does. */
function instantOf(wall: number, zone: string): number {
  const before = offsetAt(wall - day, zone);
  const candidates = [wall - before, wall - offsetAt(wall + day, zone)];
  const right = candidates.filter((at) => at + offsetAt(at, zone) === wall);
  return right.length === 0 ? wall - before : Math.min(...right);
}

/** Who has the duty by a schedule at each step from an instant to another; a minute is a step where nothing is said. */
export function usersByStep(
  schedule: Schedule,
  since: number,
  until: number,
  step = minute,
): readonly (string | undefined)[] {
  const layers = schedule.layers
    .toReversed()
    .map((layer) => byMinute(layer, schedule.timeZone, since, until));
  const overrides = schedule.overrides.toReversed();
  return Array.from({ length: (until - since) / step }, (_, index) => {
    const at = since + index * step;
    const override = overrides.find(({ start, end }) => start <= at && at < end);
    return override?.userId ?? layers.map((userAt) => userAt(at)).find((userId) => userId !== undefined);
  });
}

function byMinute(layer: Layer, zone: string, since: number, until: number) {
  const { virtualStart, turnSeconds, userIds, restrictions } = layer;
  const turnMs = turnSeconds * 1000;
  const wall = virtualStart + offsetAt(virtualStart, zone);
  const handoffs: (readonly [at: number, turn: number])[] = [];
  const [low, high] = [since, until].map((at) => Math.floor((at - virtualStart) / turnMs));
  for (let turn = (low ?? 0) - 3; turn <= (high ?? 0) + 3; turn += 1) {
    const at = turnMs % day === 0 ? instantOf(wall + turn * turnMs, zone) : virtualStart + turn * turnMs;
    handoffs.push([at, turn]);
  }
  const hours = restrictions.flatMap((one) => openings(one, zone, since, until));
  let held = 0;
  return (at: number): string | undefined => {
    if (at < layer.start || at >= (layer.end ?? Infinity)) return undefined;
    if (restrictions.length > 0 && !hours.some(([opens, closes]) => opens <= at && at < closes))
      return undefined;
    // Asked in the order of time.
    while ((handoffs[held + 1]?.[0] ?? Infinity) <= at) held += 1;
    const [, turn = 0] = handoffs[held] ?? [];
    return userIds[((turn % userIds.length) + userIds.length) % userIds.length];
  };
}

function openings(
  { weekday, startSecond, durationSeconds }: Restriction,
  zone: string,
  since: number,
  until: number,
) {
  const spans: (readonly [number, number])[] = [];
  for (let date = Math.floor(since / day) - 10; date <= Math.floor(until / day) + 2; date += 1) {
    const isoWeekday = ((((date + 3) % 7) + 7) % 7) + 1;
    if (weekday !== null && weekday !== isoWeekday) continue;
    const opens = date * day + startSecond * 1000;
    spans.push([instantOf(opens, zone), instantOf(opens + durationSeconds * 1000, zone)]);
  }
  return spans;
}
