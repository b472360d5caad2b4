import { type Client, QueryNotRegisteredError } from '@temporalio/client';
import { sign } from '../../gate/statement.ts';
import type { Pause } from '../../workflows/contract.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { withClient } from '../connect.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { readOperator, whoAsks } from '../identity.ts';
import { inside } from '../inside.ts';
import type { Output } from '../output.ts';
import { checkRunName, findRun, type ListedRun } from '../runs.ts';
import { isServed } from '../served.ts';
import { tellRun } from '../tell-run.ts';
import { clockOf, said } from '../words.ts';

/** `oncall cancel`: asks a run to end; what it holds it gives back first. Narrows, so nobody is asked for proof. */
export const cancel = (word: string, output: Output): Promise<ExitCode> =>
  steer(word, output, 'cancel', async (client, { workflowId, runId }) => {
    await client.workflow.getHandle(workflowId, runId).cancel();
    return (await isServed(client))
      ? 'It was asked to end: what it holds it gives back first. `oncall wait` shows how it ends.'
      : 'It was asked to end, and hears of it when a Worker runs: `oncall worker`. Until then PagerDuty alone can give back what it holds, by the time-out of the acknowledge.';
  });

/** `oncall pause`: a run writes nothing until an operator resumes it. Narrows, so nobody is asked for proof. */
export async function pause(
  word: string,
  { reason = '' }: { readonly reason?: string },
  output: Output,
): Promise<ExitCode> {
  if (reason.length > 400) throw new UsageError('--reason takes at most 400 characters.');
  const by = whoAsks(clientSettings());
  return steer(word, output, 'pause', (client, run) =>
    update(client, run, 'pause', { by, ...(reason !== '' && { reason: said(reason, 400) }) }),
  );
}

/** `oncall take-over`: a run stops writing and gives its incident back, because a person has it. Narrows too. */
export const takeOver = (word: string, output: Output): Promise<ExitCode> =>
  steer(word, output, 'take over', (client, run) =>
    update(client, run, 'takeOver', { by: whoAsks(clientSettings()) }),
  );

/** `oncall resume`: ends a pause, by the operator's signature on exactly that pause. */
export async function resume(word: string, output: Output): Promise<ExitCode> {
  const operator = readOperator(clientSettings());
  return steer(word, output, 'resume', async (client, run) => {
    await checkTakes(client, run, 'resume');
    const paused = await pauseOf(client, run);
    if (!paused) return 'It is not paused.';
    output.say(`Paused by ${said(paused.by)} since ${clockOf(paused.at)}.`);
    const statement = await sign(operator.name, operator.key, {
      target: run.workflowId,
      type: 'update:resume',
      input: paused,
    });
    return update(client, run, 'resume', { value: paused, statement });
  });
}

async function pauseOf(client: Client, { workflowId, runId }: ListedRun): Promise<Pause | null> {
  try {
    return await client.workflow.getHandle(workflowId, runId).query<Pause | null>('paused');
  } catch (error) {
    if (error instanceof QueryNotRegisteredError) return null;
    throw error;
  }
}

/** Finds the run, and does it; one that has ended needs none of it. */
async function steer(
  word: string,
  output: Output,
  what: string,
  does: (client: Client, run: ListedRun) => Promise<string>,
): Promise<ExitCode> {
  checkRunName(word);
  return withClient(temporalSettings(), `operator:${whoAsks(clientSettings())}`, async (client) => {
    const run = await findRun(client, word);
    const { workflowId, runId, state, endedAt } = run;
    const sentence =
      endedAt === null
        ? await does(client, run)
        : `It has ended already (${state}, ${clockOf(endedAt)}); there is nothing to ${what}.`;
    output.result({ workflowId, runId, done: endedAt === null, sentence }, `${workflowId}: ${sentence}`);
    return exitCodes.done;
  });
}

async function update(client: Client, run: ListedRun, name: string, value: object): Promise<string> {
  await checkTakes(client, run, name);
  return tellRun<string>(client, run, name, value);
}

/** Whether the run takes such a word, and whether somebody is there to take it. */
async function checkTakes(client: Client, run: ListedRun, name: string): Promise<void> {
  const says = await inside(client, run);
  if (!says)
    throw new OncallError(
      `No Worker answers for ${run.workflowId}, so it did not hear of it; start one with \`oncall worker\`, then say it again. Without a Worker it writes nothing either. \`oncall cancel\` waits for it until then.`,
    );
  if (says.updates.includes(name)) return;
  throw new OncallError(
    `${run.workflow} takes no such word; ${says.updates.length === 0 ? 'it takes none' : `it takes ${says.updates.join(', ')}`}. \`oncall cancel ${run.workflowId}\` ends it.`,
  );
}
