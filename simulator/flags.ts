import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type RateAlgorithm, rateAlgorithms } from './budget.ts';

/** What the simulator is called with. */
export interface Flags {
  readonly port: number;
  readonly rateLimit: number;
  readonly rateWindow: number;
  readonly rateAlgorithm: RateAlgorithm;
  readonly eventsRateLimit?: number;
  readonly clockSpeed: number;
  readonly data?: string;
  readonly faults?: string;
  readonly tls?: boolean;
  readonly exitWithParent?: boolean;
}

/** Ends the process with one sentence. 1: it cannot start; 2: it was called wrongly. */
export class Stop extends Error {
  readonly exitCode: 1 | 2;

  constructor(exitCode: 1 | 2, sentence: string) {
    super(sentence);
    this.exitCode = exitCode;
  }
}

const number = (isGood: (value: number) => boolean, otherwise: string) => (text: string) => {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!isGood(value)) throw new InvalidArgumentError(otherwise);
  return value;
};

const isCount = (value: number) => Number.isInteger(value) && value >= 0;

/**
 * Reads the words of a call.
 * @throws Stop; CommanderError where only help was asked for, which has been said then.
 */
export function readFlags(argv: readonly string[]): Flags {
  const command = new Command('simulator')
    .description('A PagerDuty to develop and test against: REST and Events API, state, limits, faults.')
    .addOption(
      new Option('--port <n>', 'port on 127.0.0.1; 0 takes a free one')
        .default(8080)
        .argParser(number((n) => isCount(n) && n <= 65_535, 'it must be a port, from 0 to 65535')),
    )
    .addOption(
      new Option('--rate-limit <n>', 'REST requests a window, per key; 0 turns this and the Events limit off')
        .default(960)
        .argParser(number(isCount, 'it must be a whole number and not negative')),
    )
    .addOption(
      new Option('--rate-window <seconds>', 'length of the window')
        .default(60)
        .argParser(number((n) => n > 0 && Number.isFinite(n), 'it must be a number of seconds above 0')),
    )
    .addOption(
      new Option('--rate-algorithm <name>', 'how requests are counted')
        .default('fixed-window')
        .choices(Object.keys(rateAlgorithms)),
    )
    .addOption(
      new Option(
        '--events-rate-limit <n>',
        'events in any 60 seconds, per routing key (120); 0 is off',
      ).argParser(number(isCount, 'it must be a whole number and not negative')),
    )
    .addOption(
      new Option('--clock-speed <x>', 'simulated seconds in a real one; 0 stands still')
        .default(1)
        .argParser(number((n) => n >= 0 && Number.isFinite(n), 'it must be a number and not negative')),
    )
    .option('--data <file>', 'a company of your own, YAML or JSON, in place of the one that is built in')
    .option('--faults <file>', 'a JSON array of faults to start with')
    .option('--tls', 'speak https, with a certificate made now; it is printed, for clients to trust')
    .option('--exit-with-parent', 'end when stdin closes')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  try {
    return command.parse(argv, { from: 'user' }).opts<Flags>();
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode !== 0) throw new Stop(2, usageSentence(error));
    throw error;
  }
}

function usageSentence({ message }: CommanderError): string {
  const text = message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .replace(/\. (\w)/g, (_, letter: string) => `: ${letter.toLowerCase()}`)
    .replaceAll('\n', ' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}; --help lists the flags there are.`;
}
