import type { Client } from '@temporalio/client';
import { closest } from '../../gate/closest.ts';
import { operationNames } from '../../pagerduty/catalogue/index.ts';
import type { OperationResult } from '../../workflows/contract.ts';
import { type ExitCode, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { readPages } from '../pages.ts';
import { describe, execute, type Printed, readJson } from './run.ts';

export interface CallOptions {
  readonly input: string;
  readonly account: string;
  readonly all?: boolean;
  readonly reason?: string;
  readonly key?: string;
  /** Does not ask before people are paged. */
  readonly yes?: boolean;
}

/** `oncall call`: one operation through the gate, as the agent of the environment. */
export async function call(operation: string, options: CallOptions, output: Output): Promise<ExitCode> {
  const { account, all, reason, key, yes = false } = options;
  const input = {
    account,
    operation: operationNamed(operation),
    request: readJson(options.input),
    ...(all && { all }),
    ...(reason !== undefined && { reason }),
  };
  return execute('runOperation', input, { yes, ...(key !== undefined && { key }) }, output, print);
}

/** The answer itself; of a list that was walked all records, and whether these are all. */
async function print(result: OperationResult, client: Client): Promise<Printed> {
  const { walked, response, complete, ...rest } = result;
  const told = describe(rest);
  const known = complete === undefined ? {} : { complete };
  if (!walked) {
    const lines = response === undefined ? [told] : [JSON.stringify(response, null, 2), told];
    if (complete === false) lines.push('  next: there is more; --all walks the list to its end');
    return {
      value: { ...rest, ...known, ...(response !== undefined && { response }) },
      text: lines.join('\n'),
    };
  }
  const records = await readPages(client, walked);
  return {
    value: { ...rest, ...known, count: records.length, response: { [walked.items]: records } },
    text: [JSON.stringify(records, null, 2), `${records.length} ${walked.items}. ${told}`].join('\n'),
  };
}

function operationNamed(name: string): string {
  if ((operationNames as readonly string[]).includes(name)) return name;
  const near = closest(name, operationNames);
  throw new UsageError(
    `There is no operation ${name}; ${near ? `did you mean ${near}?` : `there are ${operationNames.join(', ')}.`}`,
  );
}
