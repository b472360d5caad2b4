import { readFile } from 'node:fs/promises';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { type RateAlgorithm, rateAlgorithms } from './budget.ts';
import { readData } from './data/read.ts';
import { Fault, flawOf } from './faults.ts';
import { startSimulator } from './index.ts';
import { parseJson } from './input.ts';
import { type Seed, seedOf } from './seed.ts';
import { type Certificate, createCertificate } from './tls.ts';

// The simulator as a process of its own. Says where it listens on stdout; ends with SIGTERM or SIGINT, or with its parent.

interface Flags {
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
class Stop extends Error {
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

function readFlags(argv: readonly string[]): Flags {
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

const textOf = (file: string, flag: 'data' | 'faults'): Promise<string> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Stop(
      1,
      `The ${flag} file ${file} cannot be read (${error.code}); name a readable file with --${flag}.`,
    );
  });

/** @throws DataError where the file is none of ours. */
const readSeed = async (file: string): Promise<Seed> => seedOf(readData(await textOf(file, 'data'), file));

async function readFaults(file: string): Promise<readonly Fault[]> {
  const value = parseJson(await textOf(file, 'faults'));
  if (value === undefined)
    throw new Stop(1, `The faults file ${file} is not JSON; it must hold an array of faults.`);
  const faults = z.array(Fault).safeParse(value);
  if (faults.success) return faults.data;
  throw new Stop(
    1,
    `The faults file ${file} must hold a JSON array of faults, and does not: ${flawOf(faults.error)}.`,
  );
}

async function start(
  flags: Flags,
  seed: Seed | undefined,
  faults: readonly Fault[],
  tls: Certificate | undefined,
) {
  const { port, rateLimit, rateWindow, rateAlgorithm, eventsRateLimit, clockSpeed } = flags;
  try {
    return await startSimulator({
      port,
      rateLimit,
      rateWindowSeconds: rateWindow,
      rateAlgorithm,
      ...(eventsRateLimit === undefined ? {} : { eventsRateLimit }),
      clockSpeed,
      faults,
      ...(seed && { seed }),
      ...(tls && { tls }),
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${code ?? message})`;
    throw new Stop(1, `Port ${port} ${why}; choose another with --port, or 0 for a free one.`);
  }
}

async function main(): Promise<void> {
  const flags = readFlags(process.argv.slice(2));
  const seed = flags.data === undefined ? undefined : await readSeed(flags.data);
  const faults = flags.faults === undefined ? [] : await readFaults(flags.faults);
  const tls = flags.tls ? await createCertificate() : undefined;
  const simulator = await start(flags, seed, faults, tls);
  const end = () => void simulator.close().then(() => process.exit(0));
  // Ctrl-C in a terminal reaches us and our parent, who passes it on: the second must not end us by force.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
  if (flags.exitWithParent) process.stdin.once('close', end).once('end', end).resume();
  process.stdout.write(`listening on ${simulator.url}\n`);
  if (tls) process.stdout.write(tls.cert);
}

await main().catch((error: unknown) => {
  if (error instanceof CommanderError) return; // --help, said already
  process.exitCode = error instanceof Stop ? error.exitCode : 1;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
});
