import { createHash, randomUUID } from 'node:crypto';
import type { OperationName, RequestOf } from '../../pagerduty/catalogue/index.ts';
import type { OperationResult, Workflows } from '../../workflows/contract.ts';
import type { Run } from '../agent.ts';
import { cameTo } from './runs.ts';
import type { Answer, Caller } from './tool.ts';

/** How often the same is asked for anew, each time after the last came to nothing or is over. */
const mostTimes = 50;

/**
 * Starts a one-off run, or joins the one that the same words started: asked for twice, it is done once. One that was refused, or
 * whose effect is over, is done with: then another is started, the same for all who ask now.
 */
export async function once<Name extends 'runOperation' | 'addNote'>(
  start: (key: string) => Promise<Run<Name>>,
  words: readonly unknown[],
  isOver: (result: Workflows[Name]['result']) => Promise<boolean> = async () => false,
): Promise<Run<Name>> {
  let run = await start(keyOf(...words));
  for (let time = 1; time < mostTimes && run.joined && (await run.status()) === 'COMPLETED'; time += 1) {
    const result = await run.result();
    const wasRefused = ['denied', 'approval_refused', 'yielded_to_human'].includes(result.outcome);
    if (!wasRefused && !(await isOver(result))) return run;
    run = await start(keyOf(...words, time));
  }
  return run;
}

/** The same words ask for the same run, however often. */
const keyOf = (...parts: readonly unknown[]): string =>
  `mcp-${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)}`;

/** Runs one operation, and tells what came of it. */
export async function operate<Name extends OperationName>(
  caller: Caller,
  operation: Name,
  request: RequestOf<Name>,
  { reason, expect, words, isOver }: How,
): Promise<Answer> {
  const input = { account: caller.account, operation, request, reason, ...(expect && { expect }) };
  const start = (key: string) => caller.oncall.start('runOperation', input, { key });
  return cameTo(caller, words ? await once(start, [operation, ...words], isOver) : await start(randomUUID()));
}

interface How {
  readonly reason: string;
  /** What must still be so when it is sent. */
  readonly expect?: object;
  /** What makes it the same request when it is asked again; absent where each is its own. */
  readonly words?: readonly unknown[];
  readonly isOver?: (result: OperationResult) => Promise<boolean>;
}
