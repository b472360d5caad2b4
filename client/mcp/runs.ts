import { type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import {
  type Outcome,
  type RunResult,
  searchAttributes,
  type WorkflowName,
} from '../../workflows/contract.ts';
import type { Run } from '../agent.ts';
import { storyOf } from '../follow.ts';
import { type Answer, type Caller, type ErrorCode, type NextStep, ToolError } from './tool.ts';

/** How long a tool waits for its run at most before it answers that it goes on, in milliseconds. */
const patienceMs = 4_000;
/** What telling where a run stands may take. */
const tellingMs = 800;
const lookMs = 100;

/** How many sentences of its story an answer tells, the newest. */
const mostSentences = 6;

/** Where a run stands. */
interface Standing {
  readonly state: 'running' | 'waiting' | 'ended' | 'failed';
  /** What it waits for; `approval` is an operator's word. */
  readonly waitingFor?: string;
  readonly description: WorkflowExecutionDescription;
}

/**
 * What a run that a tool started came to: its end, or where it stands once it waits for something or has taken a few seconds.
 * It goes on without the tool.
 * @throws ToolError where it ended without doing what was asked.
 */
export async function cameTo<Name extends WorkflowName>(caller: Caller, run: Run<Name>): Promise<Answer> {
  const standing = await standingWithin(
    caller,
    run,
    Math.min(patienceMs, caller.due - tellingMs - Date.now()),
  );
  if (standing.state !== 'ended') return told(caller, standing);
  const result = await run.result();
  const code = codes[result.outcome];
  if (code === undefined) return told(caller, standing, result);
  const why = kinds[result.error ?? ''] ?? code;
  throw new ToolError(why, result.summary, [...result.next, ...advice[why]], { run: run.workflowId });
}

/** Where a run of the caller's stands, after waiting up to `waitMs` for its end. Other agents' runs are not there. */
export async function statusOf(caller: Caller, workflowId: string, waitMs: number): Promise<Answer> {
  await ownRun(caller, workflowId);
  return told(caller, await standingWithin(caller, { workflowId }, waitMs, 'end'));
}

/**
 * A run of the caller's.
 * @throws ToolError where there is none; another agent's is none.
 */
export async function ownRun(caller: Caller, workflowId: string): Promise<WorkflowExecutionDescription> {
  const none = new ToolError('not_found', `You have no run ${JSON.stringify(workflowId.slice(0, 120))}.`, [
    { tool: 'pd_run', args: { do: 'list' } },
  ]);
  let description: WorkflowExecutionDescription;
  try {
    description = await caller.client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw none;
    throw error;
  }
  if (agentOf(description) !== caller.agent.name) throw none;
  return description;
}

const agentOf = ({ typedSearchAttributes }: WorkflowExecutionDescription): string | undefined =>
  typedSearchAttributes.get(searchAttributes.agent);

async function standingWithin(
  { client, signal }: Caller,
  { workflowId, runId }: { readonly workflowId: string; readonly runId?: string },
  ms: number,
  until: 'end' | 'rest' = 'rest',
): Promise<Standing> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const deadline = Date.now() + ms;
  for (;;) {
    const standing = standingOf(await handle.describe());
    const rests = until === 'rest' && standing.state === 'waiting';
    if (rests || standing.state === 'ended' || standing.state === 'failed') return standing;
    if (Date.now() + lookMs > deadline || signal.aborted) return standing;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

function standingOf(description: WorkflowExecutionDescription): Standing {
  const { status, typedSearchAttributes } = description;
  if (status.name === 'COMPLETED') return { state: 'ended', description };
  if (status.name !== 'RUNNING' && status.name !== 'PAUSED') return { state: 'failed', description };
  const waitingFor = typedSearchAttributes.get(searchAttributes.waitingFor);
  return waitingFor ? { state: 'waiting', waitingFor, description } : { state: 'running', description };
}

/** @param known the result of a run that has ended, where it was read already. */
async function told(
  { client }: Caller,
  { state, waitingFor, description }: Standing,
  known?: RunResult,
): Promise<Answer> {
  const { workflowId, runId, type, startTime, closeTime } = description;
  const about = { run: workflowId, workflow: type, state, started_at: startTime.toISOString() };
  if (state === 'ended') {
    const { outcome, summary, changed, notChanged, verified, next } =
      known ?? ((await client.workflow.getHandle(workflowId, runId).result()) as RunResult);
    return {
      text: [
        `${outcome.replaceAll('_', ' ')}: ${summary}`,
        ...notChanged.map(({ what, why }) => `Not changed: ${what}: ${why}`),
        ...next.map((step) => `Next: ${step}`),
        `Run ${workflowId}.`,
      ].join('\n'),
      data: {
        complete: true,
        ...about,
        ended_at: closeTime?.toISOString() ?? null,
        outcome,
        summary,
        changed,
        not_changed: notChanged,
        verified,
        do_next: next,
      },
    };
  }
  const story = (await storyOf(client, workflowId, runId)).slice(-mostSentences);
  if (state === 'failed')
    return {
      text: `The run ${workflowId} ended as ${description.status.name.toLowerCase().replaceAll('_', ' ')}; what it held goes back to people.\n${story.join('\n')}`,
      data: {
        complete: true,
        ...about,
        outcome: description.status.name.toLowerCase(),
        progress: story,
        do_next: [],
      },
    };
  const isAsking = waitingFor === 'approval';
  const status: NextStep = { tool: 'pd_run', args: { run: workflowId, wait_s: 20 } };
  return {
    text: [
      isAsking
        ? 'An operator must approve it; they were asked. Do not start it again: the run waits, and goes on when they answer.'
        : `The run goes on${waitingFor === undefined ? '' : `, waiting for ${waitingFor}`}. Do not start it again.`,
      ...story.map((sentence) => `- ${sentence}`),
      `Run ${workflowId}; ask pd_run about it.`,
    ].join('\n'),
    data: {
      complete: false,
      ...about,
      ...(isAsking && { code: 'approval_needed' }),
      ...(waitingFor !== undefined && { waiting_for: waitingFor }),
      progress: story,
      check_after_s: isAsking ? 30 : 5,
      do_next: [status],
    },
  };
}

/** Which outcomes say that what was asked was not done. */
const codes: Readonly<Partial<Record<Outcome, ErrorCode>>> = {
  denied: 'denied',
  approval_refused: 'approval_refused',
  yielded_to_human: 'yielded_to_human',
  failed: 'pagerduty_error',
};

/** PagerDuty's error kinds, as an agent can act on them. */
export const kinds: Readonly<Record<string, ErrorCode>> = {
  InvalidRequest: 'invalid_input',
  NotFound: 'not_found',
  RateLimited: 'rate_limited',
  OutcomeUnknown: 'unknown_outcome',
};

/** What to do about a code, whatever the tool. */
export const advice: Readonly<Record<ErrorCode, readonly NextStep[]>> = {
  invalid_input: ['Mend the argument that is named and call again.'],
  not_found: ['Look for it with pd_find.'],
  denied: ['Ask pd_can who can grant it, or leave what you found as a note with pd_note.'],
  approval_refused: ['Do not ask again; leave what you found as a note with pd_note.'],
  conflict: ['Read it again with pd_get and decide anew.'],
  rate_limited: ['Wait; the runner has tried again already.'],
  pagerduty_error: ['Tell a person what failed; do not repeat it in a loop.'],
  unknown_outcome: ['Read it with pd_get before you do anything else: it may have been done.'],
  yielded_to_human: ['A person has it. Leave it to them.'],
  run_failed: ['Tell a person what failed.'],
  unavailable: ['Wait half a minute and call again.'],
};
