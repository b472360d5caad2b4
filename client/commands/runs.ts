import { closest } from '../../gate/closest.ts';
import { Name } from '../../gate/configuration.ts';
import { Id } from '../../pagerduty/catalogue/wire.ts';
import { type Outcome, outcomes } from '../../workflows/contract.ts';
import { completeUntil, told } from '../complete-until.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { withClient } from '../connect.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import { frozenAmong, waitsForThaw } from '../frozen.ts';
import { whoAsks } from '../identity.ts';
import type { Output } from '../output.ts';
import { type ListedRun, listRuns, type RunFilter } from '../runs.ts';
import { isServed } from '../served.ts';
import { type Column, table } from '../table.ts';
import { clockOf, said } from '../words.ts';

export interface RunsOptions {
  readonly agent?: string;
  readonly account?: string;
  readonly incident?: string;
  readonly outcome?: string;
  readonly waiting?: string | true;
  readonly limit: string;
}

/** `oncall runs`: the runs that there are, those that run first, and until when they know what happened. */
export async function runs(options: RunsOptions, output: Output): Promise<ExitCode> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000)
    throw new UsageError('--limit takes a whole number from 1 to 1000.');
  const filter = filterOf(options);
  const who = whoAsks(clientSettings());
  return withClient(temporalSettings(), `operator:${who}`, async (client) => {
    const [found, accounts, served] = await Promise.all([
      listRuns(client, filter, limit),
      completeUntil(client, filter.account),
      isServed(client),
    ]);
    const frozen = await frozenAmong(client, [
      ...accounts.map(({ account }) => account),
      ...found.flatMap(({ account }) => account ?? []),
    ]);
    if (!served) output.say(unserved);
    for (const account of frozen)
      output.say(`${said(account)} is frozen: steps that are not urgent ${waitsForThaw}.`);
    const listed = found.length === 0 ? 'No run fits.' : table(columns, found);
    output.result(
      { runs: found, accounts, served, frozen },
      [listed, ...(accounts.length > 0 ? ['', ...accounts.map(told)] : [])].join('\n'),
    );
    return exitCodes.done;
  });
}

const unserved =
  'No Worker polls for runs: they wait where they are until one starts (`oncall worker`). A run that no Worker has seen yet shows no agent, account or incident unless its starter named them.';

function filterOf({ agent, account, incident, outcome, waiting }: RunsOptions): RunFilter {
  for (const [option, name] of [
    ['--agent', agent],
    ['--account', account],
  ] as const)
    if (name !== undefined && !Name.safeParse(name).success)
      throw new UsageError(
        `${option} takes a name as in the configuration, such as main; not ${JSON.stringify(name)}.`,
      );
  if (incident !== undefined && !Id.safeParse(incident).success)
    throw new UsageError(
      `--incident takes PagerDuty's id, such as PABC123; not ${JSON.stringify(incident)}.`,
    );
  if (waiting === '' || (typeof waiting === 'string' && waiting.length > 200))
    throw new UsageError(
      '--waiting takes what a run waits for, such as approval, in at most 200 characters; or nothing.',
    );
  return { agent, account, incident, outcome: outcomeNamed(outcome), waitingFor: waiting };
}

function outcomeNamed(word: string | undefined): Outcome | undefined {
  if (word === undefined) return undefined;
  const found = outcomes.find((one) => one === word);
  if (found) return found;
  const near = closest(word, outcomes);
  throw new UsageError(
    `There is no outcome ${JSON.stringify(word)}${near ? `; did you mean ${near}?` : '.'} There are ${outcomes.join(', ')}.`,
  );
}

const columns: readonly Column<ListedRun>[] = [
  { title: 'RUN', of: ({ workflowId }) => said(workflowId, 1_000) },
  { title: 'AGENT', of: ({ agent }) => said(agent ?? '-') },
  {
    title: 'INCIDENT',
    of: ({ incident, number }) => `${said(incident ?? '-')}${number === null ? '' : ` #${number}`}`,
  },
  { title: 'STATE', of: ({ state }) => state },
  { title: 'WAITS FOR', of: waitOf, flexible: true },
  { title: 'UNTIL', of: untilOf },
];

/** A person's word comes before all else. */
const mainWait = ({ waits }: ListedRun) => waits.find(({ what }) => what === 'approval') ?? waits.at(-1);

function waitOf(run: ListedRun): string {
  const wait = mainWait(run);
  return wait ? said(wait.what) : run.endedAt === null ? '-' : `(ended ${clockOf(run.endedAt)})`;
}

function untilOf(run: ListedRun): string {
  const { until } = mainWait(run) ?? {};
  return until === undefined ? '-' : clockOf(until);
}
