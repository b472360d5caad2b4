import { expect, test } from 'vitest';
import { readFlags } from '../../simulator/flags.ts';

const help = '; --help lists the flags there are.';
const portIs = ' is invalid: it must be a port, from 0 to 65535';

test.each([
  ...['abc', '70000', '1.5', '-1', ''].map((port) => [
    `--port=${port}`,
    `Option '--port <n>' argument '${port}'${portIs}`,
  ]),
  ['--rate-limit=-1', 'it must be a whole number and not negative'],
  ['--rate-limit=1.5', 'it must be a whole number and not negative'],
  ['--rate-window=0', 'it must be a number of seconds above 0'],
  ['--rate-window=Infinity', 'it must be a number of seconds above 0'],
  ['--rate-algorithm=leaky', 'fixed-window, sliding-window, token-bucket'],
  ['--events-rate-limit=x', 'it must be a whole number and not negative'],
  ['--clock-speed=-1', 'it must be a number and not negative'],
  ['--prot=1', "Unknown option '--prot=1'"],
  ['--data', 'argument missing'],
  ['extra', 'oo many arguments'],
])('%s is refused as wrong usage, in a sentence', (word, says) => {
  const refused = (() => {
    try {
      return readFlags([word]);
    } catch (error) {
      return error;
    }
  })();
  expect(refused).toMatchObject({ exitCode: 2, message: expect.stringContaining(says) });
  expect((refused as Error).message.endsWith(help), String(refused)).toBe(true);
});

test('what is left out has a value', () => {
  expect(readFlags([])).toEqual({
    port: 8080,
    rateLimit: 960,
    rateWindow: 60,
    rateAlgorithm: 'fixed-window',
    clockSpeed: 1,
  });
});

test('what is given is taken', () => {
  const words =
    '--port 0 --rate-limit 0 --rate-window 0.5 --rate-algorithm token-bucket --events-rate-limit 7 --clock-speed 60 --data d --faults f --tls --exit-with-parent';
  expect(readFlags(words.split(' '))).toEqual({
    port: 0,
    rateLimit: 0,
    rateWindow: 0.5,
    rateAlgorithm: 'token-bucket',
    eventsRateLimit: 7,
    clockSpeed: 60,
    data: 'd',
    faults: 'f',
    tls: true,
    exitWithParent: true,
  });
});
