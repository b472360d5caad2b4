import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { expect } from 'vitest';
import type { Ended, Place, Program } from '../support/processes.ts';
import { until } from '../support/until.ts';

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
  // Seconds, on an idle machine; a part that does not end is killed after five.
  expect(Date.now() - told, 'milliseconds until it ended').toBeLessThan(60_000);
  return ended;
}

type Wait = (place: Place, demo: Program) => Promise<unknown>;

/** The moments at which a demo is ended, from its first breath on. */
const moments = {
  'as soon as it speaks': (_, demo) => demo.line(/^Starting/),
  'while the Temporal server starts': (place) =>
    until('the Temporal server lives', lives(place, ' server start-dev ')),
  'while the Worker starts': (place) => until('the Worker lives', lives(place, 'worker/main.js')),
  'in the middle of the story': (_, demo) => demo.line(/triage-bot responds/),
  'while the intern tries': (_, demo) => demo.line(/intern-bot tries/),
} as const satisfies Record<string, Wait>;
export type MomentName = keyof typeof moments;

/** Waits for a moment of a demo, and looks what lives then. */
export async function lookWhen(place: Place, demo: Program, when: MomentName): Promise<Moment> {
  const early = demo.ended.then(({ stdout, stderr }) => {
    throw new Error(`The demo ended before "${when}":\n${stdout}\n${stderr}`);
  });
  await Promise.race([moments[when](place, demo), early]);
  return look(place);
}
