import type { ApprovalAnswer } from '../../workflows/contract.ts';
import {
  approveStep,
  longestReason,
  noAnswer,
  refuseStep,
  sentenceOn,
  type WaitingStep,
  waitingStep,
  waitingSteps,
} from '../approvals.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { withClient } from '../connect.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import { readOperator, whoAsks } from '../identity.ts';
import type { Output } from '../output.ts';
import { shown } from '../step-words.ts';

interface Which {
  readonly run?: string;
}

/** `oncall approvals`: every step that waits for an operator, the most urgent first. */
export async function approvals({ run }: Which, output: Output): Promise<ExitCode> {
  return withClient(temporalSettings(), `operator:${whoAsks(clientSettings())}`, async (client) => {
    const { steps, silent } = await waitingSteps(client, run);
    if (silent.length > 0) output.say(noAnswer(silent));
    output.result({ steps, silent }, steps.map(shown).join('\n\n') || 'Nothing waits for approval.');
    return silent.length > 0 ? exitCodes.failed : exitCodes.done;
  });
}

/** `oncall approve`: shows a step, signs it as the operator, and tells what the gate made of that. */
export async function approve(id: string, { run }: Which, output: Output): Promise<ExitCode> {
  const operator = readOperator(clientSettings());
  return withClient(temporalSettings(), `operator:${operator.name}`, async (client) => {
    const step = await waitingStep(client, id, run);
    output.say(shown(step));
    return tellOf(step, await approveStep(client, operator, step), output);
  });
}

/** `oncall deny`: a no to a step. It narrows, so nobody is asked for proof. */
export async function deny(
  id: string,
  { run, reason }: Which & { readonly reason: string },
  output: Output,
): Promise<ExitCode> {
  if (reason.trim() === '' || reason.length > longestReason)
    throw new UsageError(
      `--reason takes 1 to ${longestReason} characters: the agent and whoever reads the run see it.`,
    );
  const who = whoAsks(clientSettings());
  return withClient(temporalSettings(), `operator:${who}`, async (client) => {
    const step = await waitingStep(client, id, run);
    const answer = await refuseStep(client, who, step, reason.trim());
    const code = tellOf(step, answer, output);
    return answer?.step === 'refused' ? exitCodes.done : code;
  });
}

const codes: Readonly<Record<ApprovalAnswer['step'], ExitCode>> = {
  done: exitCodes.done,
  waits: exitCodes.approvalNeeded,
  refused: exitCodes.denied,
  denied: exitCodes.denied,
  changed: exitCodes.partly,
  failed: exitCodes.failed,
};

function tellOf(waiting: WaitingStep, answer: ApprovalAnswer | undefined, output: Output): ExitCode {
  const { id, workflowId } = waiting;
  const sentence = sentenceOn(waiting, answer);
  output.result({ id, workflowId, step: answer?.step ?? 'unknown', sentence }, sentence);
  return answer ? codes[answer.step] : exitCodes.partly;
}
