import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import { z } from 'zod';
import { readData } from './data/read.ts';
import { Fault, flawOf } from './faults.ts';
import { type Flags, readFlags, Stop } from './flags.ts';
import { startSimulator } from './index.ts';
import { parseJson } from './input.ts';
import { type Seed, seedOf } from './seed.ts';
import { type Certificate, createCertificate } from './tls.ts';

// The simulator as a process of its own. Says where it listens on stdout; ends with SIGTERM or SIGINT, or with its parent.

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
  if (tls) process.stdout.write(`${tls.cert.trim()}\n`);
}

await main().catch((error: unknown) => {
  if (error instanceof CommanderError) return; // --help, said already
  process.exitCode = error instanceof Stop ? error.exitCode : 1;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
});
