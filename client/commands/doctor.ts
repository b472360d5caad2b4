import { clientSettings, readSecret, serverSettings } from '../config.ts';
import { confirm } from '../confirm.ts';
import { type Finding, type Fix, wordsOf } from '../doctor/finding.ts';
import { type Examination, examine } from '../doctor/index.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { version } from '../version.ts';

export interface DoctorOptions {
  readonly fix?: boolean;
  readonly yes?: boolean;
  /** Commander's word for `--no-receiver` is `false`. */
  readonly receiver: string | false;
  readonly leastFree: string;
}

/** `oncall doctor`: what is wrong, each thing in a line with its mend. */
export async function doctor(options: DoctorOptions, output: Output): Promise<ExitCode> {
  const { receiver, fix = false } = options;
  if (receiver !== false && !(URL.canParse(receiver) && /^https?:$/.test(new URL(receiver).protocol)))
    throw new UsageError('--receiver takes the address of our receiver, such as http://127.0.0.1:8090.');
  const settings = clientSettings();
  const examination = await examine({
    settings,
    deployment: settings.deployment,
    temporal: serverSettings,
    secrets: readSecret,
    receiver: receiver === false ? undefined : receiver,
    leastFreeBytes: bytesOf(options.leastFree),
    now: Date.now,
  });
  try {
    const { findings } = examination;
    const { mended, done } = fix ? await mend(findings, options, output) : { mended: [], done: [] };
    const open = findings.filter((finding) => !mended.includes(finding));
    output.result(
      { findings: open.map(told), mended: done, ...seenIn(examination) },
      inWords(open, done, examination),
    );
    if (open.length === 0) return exitCodes.done;
    return mended.length > 0 ? exitCodes.partly : exitCodes.failed;
  } finally {
    await examination.close();
  }
}

const told = ({ of, what, mend: how, fix }: Finding) => ({ of, what, mend: how, fixable: fix !== undefined });

const seenIn = ({ looked, left, versions }: Examination) => ({
  looked,
  left,
  versions: { oncall: version, ...versions },
});

function inWords(open: readonly Finding[], done: readonly string[], examination: Examination): string {
  const { looked, left, versions } = seenIn(examination);
  const { oncall, node, sdk, server } = versions;
  const count = open.length === 1 ? 'One thing is' : `${open.length} things are`;
  return [
    ...done.map((sentence) => `mended: ${sentence}.`),
    ...open.map(({ of, what, mend: how }) => `${of}: ${what}. Mend: ${how}`),
    `${open.length === 0 ? 'Nothing is' : count} wrong. Looked at ${looked.join(', ')}${left.length > 0 ? `; could not look at ${left.join(', ')}` : ''}.`,
    `oncall ${oncall}, Node ${node}, Temporal’s SDK ${sdk}, Temporal server ${server}`,
  ].join('\n');
}

/** Mends what is ours to mend; what a person said no to, or what fails, stays as it is and is told. */
async function mend(
  findings: readonly Finding[],
  options: DoctorOptions,
  { say }: Output,
): Promise<{ readonly mended: readonly Finding[]; readonly done: readonly string[] }> {
  const mended: Finding[] = [];
  const done: string[] = [];
  for (const fix of new Set(findings.flatMap((finding) => (finding.fix ? [finding.fix] : [])))) {
    const about = findings.filter((finding) => finding.fix === fix);
    for (const { of, what } of about) say(`${of}: ${what}`);
    try {
      if (!(await isWanted(fix, options))) continue;
      done.push(await fix.mend());
      mended.push(...about);
    } catch (error) {
      say(`It was not mended: ${wordsOf(error)}.`);
    }
  }
  return { mended, done };
}

const isWanted = async ({ asks }: Fix, { yes = false }: DoctorOptions): Promise<boolean> =>
  asks === undefined || (await confirm(asks, { yes }));

/** `500MB`, `2 GB`. */
function bytesOf(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*(MB|GB|TB)$/i.exec(text.trim()) ?? [];
  const powers = { mb: 6, gb: 9, tb: 12 } as const;
  const power = powers[unit.toLowerCase() as keyof typeof powers];
  if (number === undefined || power === undefined)
    throw new UsageError(`--least-free takes a size such as 500MB or 2GB, not ${JSON.stringify(text)}.`);
  return Number(number) * 10 ** power;
}
