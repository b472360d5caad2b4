/** Something that is wrong, and how to mend it. */
export interface Finding {
  /** What was looked at, as people call it: `Temporal`, `account main`. */
  readonly of: string;
  /** What is wrong, as it follows "account main: ". */
  readonly what: string;
  /** The command or the setting that mends it. */
  readonly mend: string;
  /** What mends it, where that is ours to do; the same one stands at all findings that it mends. */
  readonly fix?: Fix;
}

export interface Fix {
  /** What a person is asked first; absent where it is safe without. */
  readonly asks?: string;
  /** Gives what was done, in a sentence. */
  readonly mend: () => Promise<string>;
}

/** A clock that is not ours, asked between two looks at ours. Milliseconds since 1970. */
export interface Clock {
  readonly whose: string;
  readonly says: number;
  readonly between: readonly [before: number, after: number];
}

/** So far clocks may differ: a header tells whole seconds, and machines keep time by the network. */
const toleratedMs = 5_000;

/** That a clock differs from ours; nothing where it does not. */
export function skewOf(of: string, { whose, says, between: [before, after] }: Clock): readonly Finding[] {
  const ahead = says > after + toleratedMs ? says - after : 0;
  const behind = says < before - toleratedMs ? before - says : 0;
  if (ahead === 0 && behind === 0) return [];
  const seconds = Math.round(Math.max(ahead, behind) / 1_000);
  return [
    {
      of,
      what: `${whose} clock is ${seconds.toLocaleString('en-US')} s ${ahead > 0 ? 'ahead of' : 'behind'} this machine’s`,
      mend: 'let both keep time by the network; `timedatectl` on each says whether they do, `sudo timedatectl set-ntp true` has them',
    },
  ];
}

/** Some of many, by name: `a, b, c and 4 more`. */
export function some(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** An error's own words, as they stand inside a sentence. */
export const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
