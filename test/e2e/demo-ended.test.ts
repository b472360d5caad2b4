import { expect } from 'vitest';
import { built, checkout, test } from '../support/processes.ts';
import { endedSoon, expectNothingLeft, look, lookWhen, type MomentName } from './leftovers.ts';

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

test('`oncall demo | head` leaves nothing behind', async ({ place }) => {
  const words = `"${process.execPath}" "${built('client/cli.js')}" demo | head -n 2`;
  const { stdout, stderr } = await place.start('/bin/sh', ['-c', words]).ended;
  expect({ stdout: stdout.split('\n')[0], stderr }).toEqual({
    stdout: expect.stringMatching(/^Starting/),
    stderr: '',
  });
  await expectNothingLeft(place, { pids: [], ports: [] });
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
