import type { Client } from '@temporalio/client';
import { approvalClaim, requestDigest } from '../gate/approval.ts';
import { type Hashed, hashed, planClaim, planOperation } from '../gate/plan.ts';
import { sign } from '../gate/statement.ts';
import { type ApprovalAnswer, type PendingApproval, waitingQuery } from '../workflows/contract.ts';
import { OncallError, UsageError } from './errors.ts';
import { type OperatorIdentity, operatorSigns } from './identity.ts';
import { answerOf } from './tell-run.ts';

/** A step that waits, and the run it is of. */
export interface WaitingStep extends PendingApproval {
  readonly workflowId: string;
  readonly runId: string;
}

/** What was found: the steps, and the runs that could not be asked. */
export interface Found {
  readonly steps: readonly WaitingStep[];
  readonly silent: readonly string[];
}

/** How long a run has to say what waits, in milliseconds. */
const answersWithinMs = 10_000;

/** How many runs are asked at once. */
const atOnce = 16;

/** Every step that waits for an operator, of one run or of all; what waits for the shortest time first. */
export async function waitingSteps(client: Client, run?: string, withinMs = answersWithinMs): Promise<Found> {
  const steps: WaitingStep[] = [];
  const silent: string[] = [];
  const runs = [...(await waitingRuns(client, run))];
  const askNext = async (): Promise<void> => {
    for (let next = runs.shift(); next; next = runs.shift()) {
      const { workflowId, runId } = next;
      try {
        const pending = await client.withDeadline(Date.now() + withinMs, () =>
          client.workflow.getHandle(workflowId, runId).query<readonly PendingApproval[]>('pendingApprovals'),
        );
        steps.push(...pending.map((step) => ({ ...step, workflowId, runId })));
      } catch {
        silent.push(workflowId);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, askNext));
  return { steps: steps.toSorted((a, b) => a.until - b.until), silent: silent.toSorted() };
}

export interface RunName {
  readonly workflowId: string;
  readonly runId: string;
}

/** The runs that wait for an operator: the server knows them, no Worker is asked. */
export async function waitingRuns(client: Client, run?: string): Promise<readonly RunName[]> {
  const which = run === undefined ? '' : ` and WorkflowId = '${run.replaceAll("'", "''")}'`;
  const found: RunName[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query: `${waitingQuery()}${which}` }))
    found.push({ workflowId, runId });
  return found;
}

/**
 * The one step of this short id.
 * @throws OncallError where there is none, or there are several.
 */
export async function waitingStep(client: Client, id: string, run?: string): Promise<WaitingStep> {
  if (!/^[0-9a-f]{3,64}$/.test(id))
    throw new UsageError(`${JSON.stringify(id)} is no id of a step; \`oncall approvals\` lists them.`);
  const { steps, silent } = await waitingSteps(client, run);
  const [step, ...others] = steps.filter((one) => one.id.startsWith(id));
  if (step && others.length === 0) return step;
  if (step) {
    const where = [step, ...others].map(({ id: full, workflowId }) => `${full} in ${workflowId}`);
    throw new UsageError(
      `${id} fits several steps: ${where.join('; ')}. Name the whole id, or the run by --run.`,
    );
  }
  const unheard = silent.length === 0 ? '' : ` ${noAnswer(silent)}`;
  const rest = steps.map((one) => one.id).join(', ');
  throw new OncallError(
    `Nothing waits for approval under ${id}; ${rest === '' ? 'nothing waits at all' : `there is ${rest}`}.${unheard}`,
  );
}

/** What is said of runs that did not answer. */
export const noAnswer = (silent: readonly string[]): string =>
  `No Worker answered for ${silent.join(', ')}; start one with \`oncall worker\`, then ask again.`;

/**
 * Signs what a step waits for, and gives what the gate made of it; `undefined` where the gate has not looked within a minute.
 * @throws OncallError where what the run shows is not what it asks to be signed, or the run does not take it.
 */
export async function approveStep(
  client: Client,
  operator: OperatorIdentity,
  step: WaitingStep,
): Promise<ApprovalAnswer | undefined> {
  checkShown(step);
  const { workflowId, id, claim } = step;
  const statement = await sign(operatorSigns(operator), operator.key, {
    target: workflowId,
    type: 'approve',
    input: claim,
  });
  return tell(client, step, 'approve', { id, statement });
}

/** What became of a word on a step, for whoever gave it. */
export const sentenceOn = ({ workflowId }: WaitingStep, answer: ApprovalAnswer | undefined): string =>
  answer?.sentence ??
  `The run ${workflowId} has it, and the gate has not looked at it yet; \`oncall approvals\` shows what still waits.`;

/** The longest reason of a no, in characters. */
export const longestReason = 400;

/** Says no to a step. */
export const refuseStep = (
  client: Client,
  by: string,
  step: WaitingStep,
  reason: string,
): Promise<ApprovalAnswer | undefined> => tell(client, step, 'refuse', { id: step.id, by, reason });

/** A run is only a run: an operator signs what was shown, or nothing. */
function checkShown({ id, claim, operation, request, facts, workflowId }: WaitingStep): void {
  const shown =
    operation === planOperation
      ? planClaim(claim.step, hashed(request as Hashed).hash)
      : approvalClaim({ key: claim.step, digest: requestDigest(operation, request) }, facts);
  const isShown =
    shown.request === claim.request &&
    shown.facts === claim.facts &&
    claim.step.startsWith(`${workflowId} : `);
  if (!isShown)
    throw new OncallError(
      `What the run ${workflowId} shows of ${id} is not what it asks to be signed; nothing was signed. Deny it, and look into that run.`,
    );
}

async function tell(
  client: Client,
  step: WaitingStep,
  update: 'approve' | 'refuse',
  said: object,
): Promise<ApprovalAnswer | undefined> {
  return (await answerOf<ApprovalAnswer>(client, step, update, said))?.value;
}
