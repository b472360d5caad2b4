/** Where a command writes: progress to stderr, the result to stdout; with `--json` one JSON value and nothing else. */
export interface Output {
  /** Progress, for people. */
  readonly say: (line: string) => void;
  /** The result, once. */
  readonly result: (value: unknown, text: string) => void;
}

export function outputOf(json: boolean): Output {
  return {
    say: (line) => void process.stderr.write(`${line}\n`),
    result: (value, text) => void process.stdout.write(`${json ? JSON.stringify(value, null, 2) : text}\n`),
  };
}

/** A number as people read it: `1,234`. */
export const grouped = (number: number): string => number.toLocaleString('en-US');
