import type { Client } from '@temporalio/client';
import { list, listAbout } from '../../gate/audit.ts';
import { Name } from '../../gate/configuration.ts';
import { Id } from '../../pagerduty/catalogue/wire.ts';
import type { TellResult } from '../../workflows/contract.ts';
import { startRun } from '../agent.ts';
import { colours } from '../colours.ts';
import { type ClientSettings, clientSettings, temporalSettings } from '../config.ts';
import { withClient } from '../connect.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { readOperator, whoAsks } from '../identity.ts';
import type { Output } from '../output.ts';
import { endOf } from '../run-end.ts';
import { type ListedRun, listRuns } from '../runs.ts';
import { isServed } from '../served.ts';
import { hasStore, inStore, noStore } from '../store.ts';
import { widthNow } from '../table.ts';
import { type Moment, timelineOf } from '../timeline.ts';
import { clockOf, said } from '../words.ts';

export interface WhyOptions {
  readonly account: string;
  readonly all?: boolean;
}

/** How many of our records and of the runs are told, the newest. */
const mostRecords = 2_000;
const mostRuns = 50;

/** How long a Worker has to ask PagerDuty, in milliseconds. */
const answersWithinMs = 30_000;

/** What of the three sides could not be had, and why. */
type Missing = string[];

/** `oncall why`: who did what to an incident, and why: our record, PagerDuty's log and notes, and the runs, in the order of time. */
export async function why(
  word: string,
  { account, all = false }: WhyOptions,
  output: Output,
): Promise<ExitCode> {
  const incident = word.replace(/^#/, '');
  if (!Id.safeParse(incident).success)
    throw new UsageError(
      `An incident is named by its id, such as PABC123, or its number; not ${JSON.stringify(word)}.`,
    );
  if (!Name.safeParse(account).success)
    throw new UsageError('--account takes an account as named in the configuration, such as main.');
  const settings = clientSettings();
  return withClient(temporalSettings(), `operator:${whoAsks(settings)}`, async (client) => {
    const missing: Missing = [];
    const told = await ask(client, settings, { account, incident }, missing);
    const id = told?.incident?.id ?? (await idOf(client, incident, account));
    const runs = await runsAbout(client, account, id);
    const records = await recordsAbout(settings, account, id, runs, missing);
    const timeline = timelineOf({ records, runs, ...(told && { told }) }, { all });
    if (!told && timeline.moments.length === 0)
      throw new OncallError(
        [`Nothing is known here of an incident ${incident} of account ${account}.`, ...missing].join('\n'),
      );
    for (const sentence of missing) output.say(sentence);
    output.result(
      { incident: told?.incident ?? { id }, account, ...timeline, runs, missing },
      textOf(told, id, timeline.moments, timeline.looks),
    );
    return missing.length > 0 ? exitCodes.partly : exitCodes.done;
  });
}

/** Asks PagerDuty, through the gate and as the operator of the environment; `undefined` where that cannot be, with the reason. */
async function ask(
  client: Client,
  settings: ClientSettings,
  input: { readonly account: string; readonly incident: string },
  missing: Missing,
): Promise<TellResult | undefined> {
  const without = (reason: string): undefined => {
    missing.push(`PagerDuty's own log and notes are missing: ${reason}`);
  };
  if (!(await isServed(client)))
    return without('no Worker polls for runs, and a Worker asks PagerDuty; start one: `oncall worker`.');
  let operator: ReturnType<typeof readOperator>;
  try {
    operator = readOperator(settings);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return without(`only an operator may look. ${error.message}`);
  }
  const run = await startRun(client, operator, 'tellIncident', { ...input, reason: 'oncall why' });
  const result = await inTime(run.result());
  if (!result) {
    // Whoever answers later answers nobody.
    await client.workflow.getHandle(run.workflowId, run.runId).cancel();
    return without(
      `no Worker has answered within ${answersWithinMs / 1000} s; does one run? \`oncall worker\``,
    );
  }
  if (result.incident) {
    for (const sentence of result.next) missing.push(sentence);
    return result;
  }
  return without(result.summary);
}

async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), answersWithinMs);
  });
  // What comes too late is heard by nobody.
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The id of an incident that may be named by its number, as runs know it. */
async function idOf(client: Client, word: string, account: string): Promise<string> {
  if (!/^\d+$/.test(word)) return word;
  const runs = await listRuns(client, { account }, 1_000);
  return runs.find(({ number, incident }) => number === Number(word) && incident !== null)?.incident ?? word;
}

async function runsAbout(
  client: Client,
  account: string,
  incident: string,
): Promise<readonly (ListedRun & { readonly summary?: string })[]> {
  const runs = await listRuns(client, { account, incident }, mostRuns);
  return Promise.all(
    runs.map(async (run) =>
      run.endedAt === null ? run : { ...run, summary: (await endOf(client, run)).summary },
    ),
  );
}

async function recordsAbout(
  settings: ClientSettings,
  account: string,
  incident: string,
  runs: readonly ListedRun[],
  missing: Missing,
): Promise<Awaited<ReturnType<typeof list>>> {
  if (!hasStore(settings)) {
    missing.push(`Our own record is missing: there is ${noStore(settings)}.`);
    return [];
  }
  const found = await inStore(settings, (store) =>
    listAbout(store, { incident, runs: runs.map(({ workflowId }) => workflowId), limit: mostRecords }),
  );
  return found.filter((record) => record.account === account);
}

function textOf(told: TellResult | undefined, id: string, moments: readonly Moment[], looks: number): string {
  const head = told?.incident;
  const lines = head
    ? [
        `Incident #${head.number} (${head.id}): ${said(head.title)}`,
        [
          head.status,
          `urgency ${head.urgency}`,
          `service ${said(head.service ?? 'none')}`,
          `assigned to ${said(head.assignees.join(', ') || 'nobody')}`,
        ].join(', '),
        ...(head.link === null ? [] : [said(head.link, 500)]),
      ]
    : [`Incident ${id}`];
  return [
    ...lines,
    '',
    ...moments.map(lineOf),
    ...(looks > 0 ? ['', `${looks} looks of ours are left out; --all shows them.`] : []),
  ].join('\n');
}

const marks = { person: 'PERSON   ', ours: 'ours     ', pagerduty: 'PagerDuty' } as const;

function lineOf({ at, by, name, what, rule, run, isInLog }: Moment): string {
  const mark = by === 'person' ? colours.bold(marks[by]) : marks[by];
  const rest = [
    ...(rule ? [`[${said(rule)}]`] : []),
    ...(run === undefined ? [] : [`(${said(run, 1_000)})`]),
    ...(isInLog === undefined
      ? []
      : [isInLog ? '✓ PagerDuty’s log has it.' : '✗ PagerDuty’s log does not have it.']),
  ];
  // PagerDuty says itself who it was, and our sentences begin with it.
  const isNamed = by === 'pagerduty' || what.includes(name.split(' ')[0] ?? '');
  const text = isNamed ? said(what, 1_000) : `${said(name)}: ${said(what, 1_000)}`;
  return `${mark}  ${wrapped(`${clockOf(at)}  ${[text, ...rest].join(' ')}`, 11)}`;
}

/** Text in lines that fit the terminal, those after the first indented. */
function wrapped(text: string, indent: number): string {
  const room = Math.max(40, widthNow() - indent);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\s)(?=\S)/)) {
    if (line.length + word.trimEnd().length > room && line !== '') {
      lines.push(line.trimEnd());
      line = `${' '.repeat(14)}`;
    }
    line += word;
  }
  return [...lines, line.trimEnd()].join(`\n${' '.repeat(indent)}`);
}
