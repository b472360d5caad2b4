import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Line, tellDown, tellUp } from '../pagerduty/runner-down.ts';
import { oneLine } from '../pagerduty/text.ts';
import { childEnvironment } from './config.ts';
import {
  due,
  isSettled,
  type Look,
  Memory,
  nothingRemembered,
  type Part,
  type Patience,
  parts,
  remember,
} from './watchdog-memory.ts';

// Nothing here knows Temporal, the store or the configuration: what is broken there is what this has to tell.

export interface WatchdogOptions extends Patience {
  readonly line: Line;
  /** Where our receiver answers; it is not watched where absent. */
  readonly receiver: string | undefined;
  /** What is remembered from one call to the next. */
  readonly memoryFile: string;
  /** How long a look may take, in milliseconds. */
  readonly looksWithinMs: number;
  readonly say: (line: string) => void;
}

/** What came of one look. */
export interface Looked {
  readonly look: Look;
  /** What people were told just now. */
  readonly told?: 'down' | 'up';
  /** Why they could not be told, in a sentence. */
  readonly failed?: string;
  /** Since when they know of an outage, ISO 8601; `null` where they know of none. */
  readonly knownSince: string | null;
  /** Whether a further look soon could change what people are told. */
  readonly settled: boolean;
}

/** Looks, and tells people where it is time to. @returns what looks once. */
export function watchdog(options: WatchdogOptions): () => Promise<Looked> {
  const { memoryFile, say } = options;
  let memory = readMemory(memoryFile, say);
  let isSaid = '';
  const keep = (next: Memory): void => {
    memory = next;
    const cannot = writeMemory(memoryFile, next);
    if (cannot !== isSaid && cannot !== '') say(cannot);
    isSaid = cannot;
  };
  return async () => {
    const look = await lookOnce(options);
    const now = Date.now();
    keep(remember(memory, look, now, options));
    const what = due(memory, look, now, options);
    let failed: string | undefined;
    if (what !== undefined) {
      failed = await tell(options.line, what, look);
      if (failed === undefined) keep(what === 'down' ? { ...memory, told: now } : { away: memory.away });
    }
    const { told } = memory;
    return {
      look,
      ...(what !== undefined && (failed === undefined ? { told: what } : { failed })),
      knownSince: typeof told === 'number' ? new Date(told).toISOString() : null,
      settled: failed === undefined && isSettled(memory, look),
    };
  };
}

const names: Readonly<Record<Part, string>> = {
  temporal: 'Temporal',
  worker: 'the Worker',
  store: 'the audit store',
  receiver: 'the webhook receiver',
};

/** The parts that are away, as people call them. */
export const awayIn = (look: Look): readonly string[] =>
  parts.filter((part) => look[part]).map((part) => names[part]);

/** @returns why people could not be told, in a sentence; `undefined` where they were. */
async function tell(line: Line, what: 'down' | 'up', look: Look): Promise<string | undefined> {
  try {
    if (what === 'up') await tellUp(line);
    else
      await tellDown(line, {
        summary: `oncall-runner is down: ${awayIn(look).join(', ')} away. Incidents page people as ever; agents do nothing.`,
        source: hostname(),
        details: {
          away: Object.fromEntries(parts.flatMap((part) => (look[part] ? [[names[part], look[part]]] : []))),
          next: 'On that machine: `oncall doctor` says what is wrong, each with its mend. This resolves by itself once all are back.',
        },
      });
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return what === 'down'
      ? `Nobody could be told that ${awayIn(look).join(', ')} is away: ${why}`
      : `The alert could not be resolved, though all is back: ${why}`;
  }
}

/** What the process that looks says of a part. */
const Said = z.strictObject({ part: z.enum(parts), away: z.string().nullable() });

/** One look, by a process of its own. What it says nothing of in time is away. */
async function lookOnce({
  receiver,
  looksWithinMs,
}: Pick<WatchdogOptions, 'receiver' | 'looksWithinMs'>): Promise<Look> {
  const program = fileURLToPath(new URL('./watchdog-look.js', import.meta.url));
  const said = new Map<Part, string | null>();
  const lastWords = await new Promise<string>((resolve) => {
    let words = '';
    const child = spawn(process.execPath, [program, ...(receiver === undefined ? [] : [receiver])], {
      env: childEnvironment({}),
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C ends us; a look that it cut short would have found everything away.
      detached: true,
    });
    const late = setTimeout(() => child.kill('SIGKILL'), looksWithinMs);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { data } = Said.safeParse(parsed(line));
      if (data) said.set(data.part, data.away);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = `${words}${text}`.slice(-2_000);
    });
    const over = (why: string): void => {
      clearTimeout(late);
      resolve(why);
    };
    child.once('error', (error) => over(error.message));
    child.once('close', (_code, signal) =>
      over(signal ? `no answer within ${looksWithinMs / 1_000} s` : words),
    );
  });
  const watched = parts.filter((part) => part !== 'receiver' || receiver !== undefined);
  const unknown = `Nothing could be learned of it: ${oneLine(lastWords.trim(), 300) || 'whoever looked said nothing'}.`;
  const words = (away: string | null | undefined): string | null =>
    away === undefined ? unknown : away && oneLine(away, 500);
  return Object.fromEntries(watched.map((part) => [part, words(said.get(part))]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readMemory(file: string, say: WatchdogOptions['say']): Memory {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return nothingRemembered;
  }
  const memory = Memory.safeParse(parsed(text));
  if (memory.success) return memory.data;
  say(`${file} holds nothing that I wrote; I begin anew.`);
  return nothingRemembered;
}

/** @returns why it could not be written, in a sentence; empty where it was. */
function writeMemory(file: string, memory: Memory): string {
  const next = `${file}.${process.pid}.new`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(next, JSON.stringify(memory));
    renameSync(next, file);
    return '';
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be written';
    return `${file} cannot be written (${why}): the next call does not know what people were told, and may tell them once more.`;
  }
}
