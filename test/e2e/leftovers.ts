import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { expect } from 'vitest';
import type { Ended, Place, Program } from '../support/processes.ts';

/** What lives and listens at a moment of a demo. */
export interface Moment {
  readonly pids: readonly number[];
  readonly ports: readonly number[];
}

/** Looks at what lives in a place, and at the ports that its arguments name. */
export function look(place: Place): Moment {
  const living = place.living();
  const ports = living.flatMap(({ command }) =>
    [...command.matchAll(/ --(?:ui-)?port (\d+)/g)].map(([, port]) => Number(port)),
  );
  return { pids: living.map(({ pid }) => pid), ports: [...new Set(ports)] };
}

/** Whether a part whose arguments say so lives. */
export const lives = (place: Place, part: string) => (): boolean =>
  place.living().some(({ command }) => command.includes(part));

/** Whether something listens on a port. */
export const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });

/** Checks that nothing is left of a demo that has ended in order: now, not a little later. */
export async function expectNothingLeft(place: Place, { ports }: Moment): Promise<void> {
  expect(place.living().map(({ command }) => command.slice(0, 200))).toEqual([]);
  for (const port of ports) expect(await isOpen(port), `port ${port} is open`).toBe(false);
  expect(folders(place)).toEqual([]);
}

const folders = (place: Place): readonly string[] =>
  readdirSync(place.temporary).filter((name) => name.startsWith('oncall-'));

/** Waits until a process that was told to end has done so; Ctrl-C that nothing follows upon makes people press it again. */
export async function endedSoon(program: Program): Promise<Ended> {
  const told = Date.now();
  const ended = await program.ended;
  expect(Date.now() - told, 'milliseconds until it ended').toBeLessThan(15_000);
  return ended;
}
