import { readFileSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import { closest } from '../../gate/closest.ts';
import { PolicyError, parsePolicy } from '../../gate/policy.ts';
import { plannedNames, workflowNames } from '../../gate/run-inputs.ts';
import type { PlanResult, RunResult, WorkflowName, Workflows } from '../../workflows/contract.ts';
import type { ReportResult } from '../../workflows/reports.ts';
import { type ClientSettings, clientSettings, temporalSettings } from '../config.ts';
import { agree, pagingOf } from '../confirm.ts';
import { type ExitCode, exitCodes, exitOf, OncallError, UsageError } from '../errors.ts';
import { readAgent } from '../identity.ts';
import { checkKey, parseInput } from '../inputs.ts';
import type { Output } from '../output.ts';
import { asStep } from '../tracing.ts';

export interface RunOptions {
  readonly input: string;
  readonly detach?: boolean;
  readonly key?: string;
  /** Only make the plan. */
  readonly plan?: boolean;
  /** Apply the plan of this hash. */
  readonly apply?: string;
  /** Does not ask before people are paged. */
  readonly yes?: boolean;
}

/** `oncall run`: starts a Workflow as the agent of the environment, follows it and prints what it ended with. */
export async function run(name: string, options: RunOptions, output: Output): Promise<ExitCode> {
  const workflow = workflowNamed(name);
  const input = withPlan(workflow, readJson(options.input), options);
  return execute(workflow, input, options, output, async (result) => ({
    value: result,
    text: describe(result),
  }));
}

/** The input with what --plan and --apply say. */
function withPlan(
  workflow: WorkflowName,
  input: unknown,
  { plan, apply }: Pick<RunOptions, 'plan' | 'apply'>,
): unknown {
  if (!plan && apply === undefined) return input;
  if (!plannedNames.includes(workflow))
    throw new UsageError(`${workflow} makes no plan: --plan and --apply are for ${plannedNames.join(', ')}.`);
  if (plan && apply !== undefined)
    throw new UsageError('--plan makes a plan and --apply carries one out: one of the two.');
  const said = plan ? { plan: true } : { apply };
  return typeof input === 'object' && input !== null ? { ...input, ...said } : input;
}

/** What a command prints of a result: as JSON, and for people. */
export interface Printed {
  readonly value: object;
  readonly text: string;
}

/** Starts a Workflow as the agent of the environment, follows it and prints its result. */
export async function execute<Name extends WorkflowName>(
  workflow: Name,
  written: unknown,
  options: Pick<RunOptions, 'detach' | 'key' | 'yes'>,
  output: Output,
  print: (result: Workflows[Name]['result'], client: Client) => Promise<Printed>,
): Promise<ExitCode> {
  const input = parseInput(workflow, written);
  checkKey(workflow, input, options.key);
  const settings = clientSettings();
  const agent = readAgent(settings.agent, settings.agentKeyFile);
  checkAgent(settings, agent.name);
  const temporal = temporalSettings();
  if (!options.yes)
    await agree('operation' in input ? input.operation : workflow, await pagingOf(workflow, input));
  // What is wrong so far is said before Temporal's client has loaded.
  const [{ connect }, { startRun }, { isServed }] = await Promise.all([
    import('../connect.ts'),
    import('../agent.ts'),
    import('../served.ts'),
  ]);
  const client = await connect(temporal, `agent:${agent.name}`);
  try {
    const facts = {
      'oncall.agent': agent.name,
      'oncall.account': input.account,
      ...('operation' in input && { 'oncall.operation': input.operation }),
      ...('incident' in input && { 'oncall.incident': input.incident }),
    };
    const started = await asStep(`oncall ${workflow}`, facts, () =>
      startRun(client, agent, workflow, input, { key: options.key }),
    );
    const { workflowId, runId } = started;
    output.say(
      started.joined
        ? `Joined the run ${workflowId}, which was there already.`
        : `Started the run ${workflowId}.`,
    );
    if (options.detach) {
      output.result({ workflowId, runId }, `${workflowId} ${runId}`);
      return exitCodes.done;
    }
    if (!(await isServed(client)))
      output.say('No Worker polls for runs; it waits until one starts: `oncall worker`.');
    process.once('SIGINT', () => {
      output.say(`The run goes on without you; look at ${workflowId} in the Temporal UI.`);
      process.exit(exitCodes.partly);
    });
    for await (const sentence of started.follow()) output.say(`  ${sentence}`);
    const result = await started.result();
    const { value, text } = await print(result, client);
    output.result({ workflowId, runId, ...value }, text);
    return exitOf[result.outcome];
  } finally {
    await client.connection.close();
  }
}

/** A result for people, with its report where it has one; of a plan, what it would write. */
export function describe({
  outcome,
  summary,
  notChanged,
  next,
  plan,
  report,
}: RunResult & Pick<PlanResult, 'plan'> & Partial<Pick<ReportResult, 'report'>>): string {
  return [
    `${outcome}: ${summary}`,
    ...(report === undefined ? [] : ['', report, '']),
    ...(plan?.writes ?? []).flatMap(({ operation, effect, pages, decision, sentence }, index) => [
      `  ${index + 1}. ${effect} (${operation}; ${pages.length === 0 ? 'pages nobody' : `pages ${pages.join(', ')}`})`,
      `     ${decision}: ${sentence}`,
    ]),
    ...(plan ? [`  hash: ${plan.hash}`] : []),
    ...notChanged.map(({ what, why }) => `  not changed: ${what}: ${why}`),
    ...next.map((step) => `  next: ${step}`),
  ].join('\n');
}

function workflowNamed(name: string): WorkflowName {
  const found = workflowNames.find((known) => known === name);
  if (found) return found;
  const near = closest(name, workflowNames);
  throw new UsageError(
    `There is no Workflow ${name}${near ? `; did you mean ${near}?` : '.'} There are ${workflowNames.join(', ')}.`,
  );
}

/** `--input`: JSON itself, or `@FILE`. */
export function readJson(text: string): unknown {
  let source = text;
  if (text.startsWith('@')) {
    try {
      source = readFileSync(text.slice(1), 'utf8');
    } catch {
      throw new UsageError(`The input file ${text.slice(1)} cannot be read.`);
    }
  }
  try {
    return JSON.parse(source) as unknown;
  } catch (error) {
    throw new UsageError(
      `--input is not JSON (${error instanceof Error ? error.message : 'unreadable'}); give an object, or @FILE.`,
    );
  }
}

/** Where the configuration lies beside us, tells at once what the gate would say of an unknown agent. */
export function checkAgent({ configFile }: ClientSettings, agent: string): void {
  let text: string;
  try {
    text = readFileSync(configFile, 'utf8');
  } catch {
    // A client need not hold the configuration: the Worker does.
    return;
  }
  try {
    const { agents } = parsePolicy(text, configFile);
    if (agents.has(agent)) return;
    const near = closest(agent, [...agents.keys()]);
    throw new UsageError(
      `${configFile} knows no agent ${agent}${near ? `; did you mean ${near}?` : `; add it with \`oncall agents add ${agent}\`.`}`,
    );
  } catch (error) {
    if (error instanceof PolicyError) throw new OncallError(error.message);
    throw error;
  }
}
