import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { isOpen } from '../e2e/leftovers.ts';
import { checkout, cleanEnvironment, type Program, startProgram } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** What a block of commands came to. */
export interface Came {
  readonly code: number | null;
  readonly said: string;
}

/** A checkout as it is cloned: nothing installed, nothing built. Commands run in it as somebody would type them. */
export interface FreshCheckout {
  readonly folder: string;
  /** Runs a block to its end. What it exports is there for all that come after it. */
  readonly run: (text: string) => Promise<Came>;
  /** Starts a block that stays, in a terminal of its own, where nothing was exported, and waits for the line that says that it is ready. */
  readonly stay: (text: string, ready: RegExp) => Promise<void>;
  /** Ctrl-C in the last terminal in which something stays; waits until nothing listens on its ports any more. */
  readonly interrupt: (...ports: readonly number[]) => Promise<void>;
  /**
   * Writes a block of code where its first line says: `// FILE` is that file, or more of one that is there already, `// FILE, anew` all
   * of it, and `// FILE, in NAME` the end of what is declared there under that name.
   */
  readonly write: (text: string) => void;
  /** What took how long, from the first on. */
  readonly times: readonly { readonly seconds: number; readonly line: string }[];
  readonly clear: () => Promise<void>;
}

/**
 * A source with lines more at the end of what it declares under a name.
 * @throws Error where there is no such declaration.
 */
function putIn(source: string, name: string, code: string): string {
  const lines = source.split('\n');
  const from = lines.findIndex((line) =>
    new RegExp(`^export (const|interface) ${name}\\b|^const ${name}\\b`).test(line),
  );
  const end = lines.findIndex((line, index) => index > from && line.startsWith('}') && !line.endsWith('{'));
  if (from < 0 || end < 0) throw new Error(`Nothing is declared as ${name}.`);
  return [...lines.slice(0, end), code.trimEnd(), ...lines.slice(end)].join('\n');
}

/** What is made here, and no clone holds. */
const made = new Set(['node_modules', 'dist', '.git', '.oncall', '.bench', '.venv']);

export function freshCheckout(): FreshCheckout {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-newcomer-'));
  cpSync(checkout, folder, {
    recursive: true,
    filter: (from) => !made.has(basename(from)) && !from.endsWith('.tsbuildinfo'),
  });
  const env = { ...cleanEnvironment(), NO_COLOR: '1' };
  const staying: Program[] = [];
  const times: { seconds: number; line: string }[] = [];
  let exported = '';
  const begin = (text: string): Program =>
    startProgram('bash', ['-e', '-o', 'pipefail', '-c', text], { cwd: folder, env });
  const timed = async <T>(text: string, work: Promise<T>): Promise<T> => {
    const began = Date.now();
    const came = await work;
    times.push({ seconds: (Date.now() - began) / 1_000, line: text.split('\n')[0] ?? '' });
    return came;
  };
  return {
    folder,
    times,
    run: async (text) => {
      const { code, stdout, stderr } = await timed(text, begin(`${exported}${text}`).ended);
      if (text.startsWith('export ')) exported += text;
      return { code, said: stripVTControlCharacters(`${stdout}\n${stderr}`) };
    },
    stay: async (text, ready) => {
      const program = begin(text);
      staying.push(program);
      await timed(text, program.line(ready));
    },
    interrupt: async (...ports) => {
      const program = staying.pop();
      if (!program) throw new Error('Nothing stays.');
      program.sendToGroup('SIGINT');
      // What npm itself comes to then is npm's own.
      await program.ended;
      for (const port of ports)
        await until(`nothing listens on port ${port}`, async () => !(await isOpen(port)));
    },
    write: (text) => {
      const [, path = '', anew, name] = /^\/\/ (\S+?)(?:, (anew)|, in (\w+))?\n/.exec(text) ?? [];
      const file = join(folder, path);
      const code = text.slice(text.indexOf('\n') + 1);
      const before = existsSync(file) && !anew ? readFileSync(file, 'utf8') : '';
      writeFileSync(file, name === undefined ? before + code : putIn(before, name, code));
    },
    clear: async () => {
      for (const program of staying.splice(0)) {
        program.sendToGroup('SIGKILL');
        await program.ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
