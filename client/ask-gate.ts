import { randomUUID } from 'node:crypto';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { type Asked, NotAsked, put } from '../gate/asked.ts';
import { closest } from '../gate/closest.ts';
import { allActions, Name } from '../gate/configuration.ts';
import {
  type CheckInput,
  type CheckResult,
  checkWorkflowId,
  workflowTaskQueue,
} from '../workflows/contract.ts';
import { OncallError, UsageError } from './errors.ts';
import { whyNotStarted } from './not-started.ts';

/**
 * A question to the gate, checked before it is asked.
 * @throws UsageError that says how it would be right.
 */
export function questionOf(account: string, asked: Asked): CheckInput {
  if (!Name.safeParse(account).success)
    throw new UsageError('--account takes an account as named in the configuration, such as main.');
  const input = { account, ...asked };
  try {
    put(input);
    return input;
  } catch (error) {
    if (!(error instanceof NotAsked)) throw error;
    const near = closest(asked.action, allActions);
    const meant = near !== undefined && near !== asked.action ? ` Did you mean ${near}?` : '';
    throw new UsageError(`It cannot be asked like that: ${error.message}.${meant}`);
  }
}

/** Asks the gate, by a Worker: it alone may read PagerDuty. Nothing is sent. */
export async function askGate(
  client: Client,
  input: CheckInput,
): Promise<NonNullable<CheckResult['permission']>> {
  try {
    const { permission, summary } = await client.workflow.execute<
      (input: CheckInput) => Promise<CheckResult>
    >('checkPermission', {
      workflowId: checkWorkflowId(input, randomUUID()),
      taskQueue: workflowTaskQueue,
      args: [input],
      workflowRunTimeout: '3 minutes',
      staticSummary: `May ${input.agent} do ${input.action}?`,
    });
    if (!permission) throw new OncallError(summary);
    return permission;
  } catch (error) {
    if (error instanceof WorkflowFailedError)
      throw new OncallError(`The gate could not be asked: ${error.cause?.message ?? error.message}`);
    throw error instanceof OncallError ? error : await whyNotStarted(client, error);
  }
}
