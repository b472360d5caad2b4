import type { RunResult } from '../../workflows/contract.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { withClient } from '../connect.ts';
import { type ExitCode, exitCodes, exitOf, OncallError } from '../errors.ts';
import { follow } from '../follow.ts';
import { whoAsks } from '../identity.ts';
import type { Output } from '../output.ts';
import { endOf } from '../run-end.ts';
import { checkRunName, findRun } from '../runs.ts';
import { isServed } from '../served.ts';
import { describe } from './run.ts';

/** `oncall wait`: follows a run to its end, prints its result, and ends as its outcome says. */
export async function wait(word: string, output: Output): Promise<ExitCode> {
  checkRunName(word);
  return withClient(temporalSettings(), `operator:${whoAsks(clientSettings())}`, async (client) => {
    const run = await findRun(client, word);
    const { workflowId, runId, state } = run;
    if (state === 'running') {
      output.say(`Waiting for ${workflowId}.`);
      if (!(await isServed(client)))
        output.say('No Worker polls for runs; it waits until one starts: `oncall worker`.');
      process.once('SIGINT', () => {
        output.say(`The run goes on without you: \`oncall wait ${workflowId}\` comes back to it.`);
        process.exit(exitCodes.partly);
      });
      for await (const sentence of follow(client, workflowId, runId)) output.say(`  ${sentence}`);
    }
    const { outcome, summary, result } = await endOf(client, run);
    if (outcome === undefined && result === undefined) throw new OncallError(`${workflowId}: ${summary}`);
    const value = typeof result === 'object' && result !== null ? result : { result };
    output.result(
      { workflowId, runId, ...value },
      outcome === undefined ? JSON.stringify(result, null, 2) : describe(result as RunResult),
    );
    return outcome === undefined ? exitCodes.done : exitOf[outcome];
  });
}
