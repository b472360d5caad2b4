import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { freePorts } from '../../client/ports.ts';
import { type Place, test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { endedSoon, expectNothingLeft, isOpen, lives, lookWhen, type MomentName } from './leftovers.ts';

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
