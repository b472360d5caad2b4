import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { freePorts } from '../../client/ports.ts';
import { checkout, type Place, type Program, test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { endedSoon, expectNothingLeft, isOpen, lives, look, type Moment } from './leftovers.ts';

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
type MomentName = keyof typeof moments;

/** Waits for a moment of a demo, and looks what lives then. */
async function lookWhen(place: Place, demo: Program, when: MomentName): Promise<Moment> {
  const early = demo.ended.then(({ stdout, stderr }) => {
    throw new Error(`The demo ended before "${when}":\n${stdout}\n${stderr}`);
  });
  await Promise.race([moments[when](place, demo), early]);
  return look(place);
}

test.for<readonly [NodeJS.Signals, MomentName]>([
  ['SIGINT', 'as soon as it speaks'],
  ['SIGINT', 'while the Temporal server starts'],
  ['SIGINT', 'while the Worker starts'],
  ['SIGINT', 'in the middle of the story'],
  ['SIGINT', 'while the intern tries'],
  ['SIGTERM', 'while the Worker starts'],
  ['SIGTERM', 'while the intern tries'],
  ['SIGHUP', 'in the middle of the story'],
])('%s %s ends the demo in order, and leaves nothing behind', async ([signal, when], { place }) => {
  const demo = place.oncall(['demo']);
  const moment = await lookWhen(place, demo, when);
  demo.send(signal);
  const ended = await endedSoon(demo);
  expect(ended, ended.stdout).toMatchObject({ code: 1, stderr: '' });
  expect(ended.stdout.trimEnd().split('\n').at(-1)).toBe('Stopped.');
  await expectNothingLeft(place, moment);
});

test('SIGINT before the demo listens for it leaves nothing behind', async ({ place }) => {
  const demo = place.oncall(['demo']);
  demo.send('SIGINT');
  const { code, stderr } = await endedSoon(demo);
  // Node's own end by the signal; on a busy machine the demo may have begun to listen.
  expect([null, 1]).toContain(code);
  expect(stderr).toBe('');
  await expectNothingLeft(place, { pids: [], ports: [] });
});

test.for<MomentName>([
  'as soon as it speaks',
  'while the Temporal server starts',
  'while the Worker starts',
  'in the middle of the story',
])('SIGKILL of the demo %s: its parts notice, and end', async (when, { place }) => {
  const demo = place.oncall(['demo']);
  const moment = await lookWhen(place, demo, when);
  demo.send('SIGKILL');
  expect(await demo.ended).toMatchObject({ signal: 'SIGKILL', stderr: '' });
  await until('no part lives', () => place.living().length === 0);
  await until('no port is open', async () => !(await Promise.all(moment.ports.map(isOpen))).includes(true));
});

test('Ctrl-C in a terminal ends `npm run demo` with all its parts', async ({ place }) => {
  const demo = place.start('npm', ['run', 'demo'], { cwd: checkout });
  await demo.line(/triage-bot responds/);
  const moment = look(place);
  demo.sendToGroup('SIGINT');
  const ended = await endedSoon(demo);
  expect([ended.code, ended.signal]).not.toEqual([0, null]);
  await expectNothingLeft(place, moment);
});

describe('`oncall temporal`', () => {
  /** Starts it on ports of its own. */
  const startTemporal = async (place: Place, env: Readonly<Record<string, string>> = {}) => {
    const [port = 0, uiPort = 0] = await freePorts(2);
    const args = ['temporal', '--port', String(port), '--ui-port', String(uiPort)];
    return { program: place.oncall(args, { env }), moment: { pids: [], ports: [port, uiPort] } };
  };

  test.for<NodeJS.Signals>(['SIGINT', 'SIGTERM', 'SIGHUP'])(
    '%s while its server starts ends that too',
    async (signal, { place }) => {
      const { program, moment } = await startTemporal(place);
      await until('the Temporal server lives', lives(place, ' server start-dev '));
      program.sendToGroup(signal);
      await endedSoon(program);
      await expectNothingLeft(place, moment);
    },
  );

  test.for<NodeJS.Signals>(['SIGINT', 'SIGTERM'])(
    '%s while the server is being installed ends the installer, and keeps no half of it',
    async (signal, { place }) => {
      // An installer that never ends, and no `temporal` on PATH.
      const programs = join(place.folder, 'bin');
      const cache = join(place.folder, 'cache');
      mkdirSync(programs);
      writeFileSync(join(programs, 'python3'), '#!/bin/sh\nexec /bin/sleep 600\n', { mode: 0o755 });
      const { program, moment } = await startTemporal(place, { PATH: programs, XDG_CACHE_HOME: cache });
      await until('the installer lives', lives(place, 'sleep 600'));
      program.send(signal);
      const ended = await endedSoon(program);
      expect(ended.stderr).toMatch(/^Installing the Temporal server once, into your cache …\nStopped\.\n$/);
      await expectNothingLeft(place, moment);
      expect(readdirSync(join(cache, 'oncall-runner'))).toEqual([]);
    },
  );

  test('SIGKILL of it ends its server too', async ({ place }) => {
    const { program, moment } = await startTemporal(place);
    await program.line(/^listening on /);
    program.send('SIGKILL');
    await until('nothing lives', () => place.living().length === 0);
    await expectNothingLeft(place, moment);
  });
});

test('Ctrl-C in a terminal ends `oncall simulator` in order', async ({ place }) => {
  const program = place.oncall(['simulator', '--port', '0']);
  await program.line(/^listening on /);
  program.sendToGroup('SIGINT');
  expect(await endedSoon(program)).toMatchObject({ code: 0, stderr: '' });
  await expectNothingLeft(place, { pids: [], ports: [] });
});
