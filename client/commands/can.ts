import { randomUUID } from 'node:crypto';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { NotAsked, put, type Things } from '../../gate/asked.ts';
import { closest } from '../../gate/closest.ts';
import { allActions, Name } from '../../gate/policy.ts';
import {
  type CheckInput,
  type CheckResult,
  checkWorkflowId,
  workflowTaskQueue,
} from '../../workflows/contract.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { connect } from '../connect.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { whoAsks } from '../identity.ts';
import { whyNotStarted } from '../not-started.ts';
import type { Output } from '../output.ts';
import { factsOf } from './approvals.ts';
import { isServed } from './run.ts';

export type CanOptions = Things & { readonly account: string };

/** `oncall can`: what the gate would say to an agent now. A Worker asks it, since it alone may read PagerDuty; nothing is sent. */
export async function can(
  agent: string,
  action: string,
  options: CanOptions,
  output: Output,
): Promise<ExitCode> {
  const input = inputOf(agent, action, options);
  const client = await connect(temporalSettings(), `operator:${whoAsks(clientSettings())}`);
  try {
    if (!(await isServed(client)))
      throw new OncallError(
        'No Worker polls for runs, and a Worker asks the gate; start one: `oncall worker`.',
      );
    const { permission, summary } = await ask(client, input);
    if (!permission) throw new OncallError(summary);
    const { decision, rule, sentence, facts, grantedBy } = permission;
    output.result(
      { agent, action, account: input.account, ...permission },
      [
        `${decision.replace('_', ' ')}: ${sentence}`,
        `  rule: ${rule}`,
        ...factsOf(facts).map((line) => `  ${line}`),
        ...(grantedBy === undefined ? [] : [`  who can grant it: ${grantedBy}`]),
      ].join('\n'),
    );
    return { allowed: exitCodes.done, denied: exitCodes.denied, approval_needed: exitCodes.approvalNeeded }[
      decision
    ];
  } finally {
    await client.connection.close();
  }
}

function inputOf(agent: string, action: string, { account, ...written }: CanOptions): CheckInput {
  if (!Name.safeParse(account).success)
    throw new UsageError('--account takes an account as named in the configuration, such as main.');
  const things = Object.fromEntries(Object.entries(written).filter(([thing]) => known.has(thing)));
  const input = { account, agent, action, things };
  try {
    put(input);
    return input;
  } catch (error) {
    if (!(error instanceof NotAsked)) throw error;
    const near = closest(action, allActions);
    const meant = near !== undefined && near !== action ? ` Did you mean ${near}?` : '';
    throw new UsageError(`It cannot be asked like that: ${error.message}.${meant}`);
  }
}

const known: ReadonlySet<string> = new Set<keyof Things>([
  'incident',
  'service',
  'policy',
  'schedule',
  'user',
  'team',
  'urgency',
  'routingKey',
]);

async function ask(client: Client, input: CheckInput): Promise<CheckResult> {
  try {
    return await client.workflow.execute<(input: CheckInput) => Promise<CheckResult>>('checkPermission', {
      workflowId: checkWorkflowId(input, randomUUID()),
      taskQueue: workflowTaskQueue,
      args: [input],
      workflowRunTimeout: '3 minutes',
      staticSummary: `May ${input.agent} do ${input.action}?`,
    });
  } catch (error) {
    if (error instanceof WorkflowFailedError)
      throw new OncallError(`The gate could not be asked: ${error.cause?.message ?? error.message}`);
    throw await whyNotStarted(client, error);
  }
}
