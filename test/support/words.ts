import { approveStep, refuseStep, type WaitingStep, waitingSteps } from '../../client/approvals.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** The one step of a run that waits, once it does. */
export const theStepOf = (
  stage: Stage,
  { workflowId }: { readonly workflowId: string },
): Promise<WaitingStep> =>
  until('one step of the run waits', async () => {
    const { steps } = await waitingSteps(stage.client, workflowId);
    const [step, ...others] = steps;
    return step !== undefined && others.length === 0 && step;
  });

export const approveIn = async (stage: Stage, run: { readonly workflowId: string }, operator = 'lead') =>
  approveStep(stage.client, stage.operator(operator), await theStepOf(stage, run));

export const refuseIn = async (stage: Stage, run: { readonly workflowId: string }, reason: string) =>
  refuseStep(stage.client, 'lead', await theStepOf(stage, run), reason);
