import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ApplicationFailure, ParentClosePolicy, setCurrentDetails, startChild } from '@temporalio/workflow';
import { releaseWorkflowId, type SweepInput } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { releaseIncident } from './release-incident.ts';

/** What a sweep found: ids of the incidents that it had given back. */
export interface SweepResult {
  readonly released: readonly string[];
}

/**
 * Finds every incident that only our own users acknowledged and that no live lease holds, and has each given back. A Schedule
 * starts it every minute, so that an incident whose run was killed is with people again soon.
 */
export async function sweepLeases({ account }: SweepInput): Promise<SweepResult> {
  const { sweep } = activitiesOf(account);
  const ours = await perform(sweep.listOurUsers, { step: 'Find our own users' });
  if (!ours.ok) throw ApplicationFailure.nonRetryable(ours.sentence, ours.kind);
  const released: string[] = [];
  for (let offset: number | null = 0; offset !== null; ) {
    const page: Awaited<ReturnType<typeof sweep.listUnheld>> = await perform(sweep.listUnheld, {
      step: `List acknowledged incidents from ${offset}`,
      offset,
      ourUsers: ours.ourUsers,
    });
    if (!page.ok) throw ApplicationFailure.nonRetryable(page.sentence, page.kind);
    for (const { incident } of page.unheld) {
      await startRelease(account, incident);
      released.push(incident);
    }
    offset = page.next;
  }
  setCurrentDetails(
    released.length === 0
      ? 'Every acknowledged incident is held by somebody.'
      : `Given back: ${released.join(', ')}.`,
  );
  return { released };
}

async function startRelease(account: string, incident: string): Promise<void> {
  try {
    await startChild(releaseIncident, {
      workflowId: releaseWorkflowId({ account, incident }),
      args: [{ account, incident, reason: 'no run of ours holds it any more' }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Give ${incident} back to people`,
      priority: { priorityKey: 1 },
    });
  } catch (error) {
    // Another release of the same incident is under way already.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
