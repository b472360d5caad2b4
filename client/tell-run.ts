import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateStage,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { RunId } from '../workflows/contract.ts';
import { exitCodes, OncallError } from './errors.ts';

/** How long a run has for its answer, in milliseconds. */
const answersWithinMs = 60_000;

/**
 * Says something to a run by an Update, and gives its answer.
 * @throws OncallError where the run refuses it, has ended, or has not answered within a minute.
 */
export async function tellRun<Answer>(
  client: Client,
  run: RunId,
  update: string,
  said: object,
): Promise<Answer> {
  const answer = await answerOf<Answer>(client, run, update, said);
  if (answer) return answer.value;
  throw new OncallError(
    `The run ${run.workflowId} has it, and has not answered within a minute; \`oncall show ${run.workflowId}\` shows what it waits for.`,
  );
}

/** The same; `undefined` where no answer has come within a minute. */
export async function answerOf<Answer>(
  client: Client,
  { workflowId, runId }: RunId,
  update: string,
  said: object,
): Promise<{ readonly value: Answer } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), answersWithinMs);
  });
  const answer = client.workflow
    .getHandle(workflowId, runId)
    .startUpdate<Answer, [object]>(update, { args: [said], waitForStage: WorkflowUpdateStage.ACCEPTED })
    .then(async (begun) => ({ value: await begun.result() }));
  // What comes too late is heard by nobody.
  answer.catch(() => {});
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError)
      throw new OncallError(`The run ${workflowId} has ended meanwhile; nothing waits there.`);
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    const { cause } = error;
    const isDenied = cause instanceof ApplicationFailure && cause.type === 'PermissionDenied';
    throw new OncallError(cause?.message ?? error.message, isDenied ? exitCodes.denied : exitCodes.failed);
  } finally {
    clearTimeout(timer);
  }
}
