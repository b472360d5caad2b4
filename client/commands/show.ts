import type { Client } from '@temporalio/client';
import type { Pause, PendingApproval } from '../../workflows/contract.ts';
import { waitingSteps } from '../approvals.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { withClient } from '../connect.ts';
import { type ExitCode, exitCodes } from '../errors.ts';
import { storyOf } from '../follow.ts';
import { whoAsks } from '../identity.ts';
import { inside } from '../inside.ts';
import { linkTo, temporalUi } from '../links.ts';
import type { Output } from '../output.ts';
import { type PendingStep, pendingSteps } from '../pending.ts';
import { endOf, type RunEnd } from '../run-end.ts';
import { checkRunName, findRun, type ListedRun } from '../runs.ts';
import { shown as shownStep } from '../step-words.ts';
import { clockOf, said, spanOf } from '../words.ts';

/** How many lines of its story are shown. */
const mostLines = 12;

/** All that is shown of a run. */
interface Shown extends ListedRun {
  /** Why it was started, as its starter said. */
  readonly summary: string | null;
  /** Who paused it; `null` where nobody has, or nobody answers. */
  readonly paused: Pause | null;
  /** The last lines of its story. */
  readonly story: readonly string[];
  /** Steps that are under way, or wait for another try. */
  readonly pending: readonly PendingStep[];
  /** Steps that wait for an operator's word. */
  readonly approvals: readonly PendingApproval[];
  /** What it ended with; `null` while it runs. */
  readonly end: RunEnd | null;
  /** Whether a Worker answered for it. */
  readonly answered: boolean;
  /** In the Temporal UI; `null` where that is not known. */
  readonly link: string | null;
}

/** `oncall show`: what a run is, what it waits for, and what came of it. */
export async function show(word: string, output: Output): Promise<ExitCode> {
  checkRunName(word);
  const settings = clientSettings();
  const temporal = temporalSettings();
  return withClient(temporal, `operator:${whoAsks(settings)}`, async (client) => {
    const run = await findRun(client, word);
    const ui = temporalUi(settings, temporal.connectionOptions.address);
    const link = ui === undefined ? null : linkTo(ui, client.options.namespace, run);
    const found = await shownOf(client, run, link);
    if (!found.answered)
      output.say(
        'No Worker answers for it: its story is read from its history, and what it waits for may be old.',
      );
    output.result(found, textOf(found));
    return exitCodes.done;
  });
}

async function shownOf(client: Client, run: ListedRun, link: string | null): Promise<Shown> {
  const { workflowId, runId } = run;
  const handle = client.workflow.getHandle(workflowId, runId);
  const isRunning = run.state === 'running';
  const [says, { staticSummary }, pending, end] = await Promise.all([
    inside(client, run),
    handle.describe().then(async (described) => ({ staticSummary: await described.staticSummary() })),
    pendingSteps(client, run),
    isRunning ? null : endOf(client, run),
  ]);
  const paused = isRunning && says ? await handle.query<Pause | null>('paused').catch(() => null) : null;
  const { steps } = isRunning && says ? await waitingSteps(client, workflowId) : { steps: [] };
  const story = says?.story.length ? says.story : await storyOf(client, workflowId, runId);
  return {
    ...run,
    summary: staticSummary ?? null,
    paused,
    story: story.slice(-mostLines),
    pending,
    approvals: steps,
    end,
    answered: says !== undefined,
    link,
  };
}

function textOf(run: Shown): string {
  const { workflowId, workflow, agent, account, incident, number, service, state, startedAt, endedAt } = run;
  const now = Date.now();
  const began = Date.parse(startedAt);
  const line = (name: string, value: string | null): readonly string[] =>
    value === null ? [] : [`  ${name.padEnd(9)} ${value}`];
  return [
    `${said(workflowId, 1_000)} (${workflow})`,
    ...line(
      'state',
      endedAt === null
        ? `running for ${spanOf(now - began)}, since ${clockOf(began, now)}`
        : `${state}, ended ${clockOf(endedAt, now)} after ${spanOf(Date.parse(endedAt) - began)}`,
    ),
    ...line('agent', agent === null ? 'not proved yet' : said(agent)),
    ...line(
      'incident',
      incident === null
        ? null
        : `${said(incident)}${number === null ? '' : ` (#${number})`}${service === null ? '' : `, service ${said(service)}`}${account === null ? '' : `, account ${said(account)}`}`,
    ),
    ...line('why', run.summary === null ? null : said(run.summary)),
    ...run.waits.flatMap(({ what, until }) =>
      line(
        'waits for',
        `${said(what)}${until === undefined ? '' : `, until ${clockOf(until, now)} (${until > now ? `${spanOf(until - now)} left` : 'over'})`}`,
      ),
    ),
    ...line(
      'paused',
      run.paused === null
        ? null
        : `by ${said(run.paused.by)} since ${clockOf(run.paused.at, now)}; \`oncall resume\` ends it`,
    ),
    ...run.pending.flatMap(({ sentence }) => line('pending', sentence)),
    ...(run.end === null ? [] : endLines(run.end).flatMap(([name, value]) => line(name, value))),
    ...line('link', run.link),
    ...(run.story.length === 0 ? [] : ['  story', ...run.story.map((text) => `    ${said(text, 500)}`)]),
    ...run.approvals.map((step) => `\n${shownStep({ ...step, workflowId, runId: run.runId })}`),
  ].join('\n');
}

const endLines = ({ summary, next }: RunEnd): readonly (readonly [string, string])[] => [
  ['came to', said(summary, 1_000)],
  ...next.map((step) => ['next', said(step, 500)] as const),
];
