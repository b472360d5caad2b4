import { ApplicationFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, executeChild, ParentClosePolicy, sleep } from '@temporalio/workflow';
import { chronicleOf } from './chronicle.ts';
import { type ReleaseInput, type ReleaseResult, releaseWorkflowId } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';

/** How often a release that did not stand is sent again. */
const mostTries = 3;

/**
 * Gives one incident back to people: triggered again, on its own escalation policy, and read back. Runs as the runner, which
 * needs no grant for this. A run of its own, so that it goes on when the run that held the incident is killed.
 */
export async function releaseIncident(input: ReleaseInput): Promise<ReleaseResult> {
  const { account, incident: id } = input;
  const { release } = activitiesOf(account);
  const chronicle = chronicleOf(input);
  for (let attempt = 1; attempt <= mostTries; attempt += 1) {
    const given = await perform(release.release, { step: `Give back ${id}, try ${attempt}`, incident: id });
    chronicle.actsAs(given.agent);
    // Refused on what PagerDuty said: people have it, or a run that still works on it. Anything else must not look like an end.
    if (!given.ok && !given.incident) throw stranded(given.sentence);
    if (!given.ok)
      return { ...chronicle.end('nothing_to_do', given.sentence, { verified: true }), withPeople: true };
    const back = await perform(release.getIncident, {
      step: `Read back ${id}, try ${attempt}`,
      request: { params: { id } },
    });
    if (!back.ok) throw stranded(`Incident ${id} was given back, but not read back: ${back.sentence}`);
    const { incident } = back.response;
    const name = `Incident #${incident.incident_number} (${id})`;
    if (incident.status === 'acknowledged' && isOnlyOurs(incident.acknowledgements, given.ourUsers)) continue;
    chronicle.changed(`${name} was given back to people: ${input.reason}.`);
    if (incident.status !== 'triggered') {
      const summary = `${name} is ${incident.status} by someone else now; people have it.`;
      return { ...chronicle.end('done', summary, { verified: true }), withPeople: true };
    }
    const onCall = await perform(release.listOnCalls, {
      step: `Check who is on call for ${id}, try ${attempt}`,
      request: {
        query: {
          ...(incident.escalation_policy && { 'escalation_policy_ids[]': [incident.escalation_policy.id] }),
          limit: 100,
        },
      },
    });
    const people = new Set(onCall.ok ? onCall.response.oncalls.map(({ user }) => user.id) : []);
    const theirs = (incident.assignments ?? []).filter(
      ({ assignee }) => !given.ourUsers?.includes(assignee.id),
    );
    // Whom a person chose is paged, on call or not.
    const isChosen = incident.assigned_via === 'direct_assignment';
    const paged = isChosen ? theirs : theirs.filter(({ assignee }) => people.has(assignee.id));
    if (paged.length === 0) {
      throw stranded(
        `${name} is triggered again, but nobody on call is assigned. Look at its escalation policy now.`,
      );
    }
    const names = paged.map(({ assignee }) => assignee.summary ?? assignee.id).join(', ');
    return {
      ...chronicle.end('done', `${name} is triggered again and pages ${names}.`, { verified: true }),
      withPeople: true,
    };
  }
  throw stranded(
    `Incident ${id} is still acknowledged by us after ${mostTries} releases. Un-acknowledge it by hand now.`,
  );

  function stranded(sentence: string): ApplicationFailure {
    chronicle.end('failed', sentence);
    return ApplicationFailure.nonRetryable(sentence, 'Stranded');
  }
}

const isOnlyOurs = (
  acknowledgements: readonly { readonly acknowledger: { readonly id: string } }[] | null | undefined,
  ourUsers: readonly string[] | undefined,
): boolean => (acknowledgements ?? []).every(({ acknowledger }) => ourUsers?.includes(acknowledger.id));

/**
 * Starts the release of an incident and waits for it, whatever is cancelled meanwhile. A release that someone else already
 * started is waited for by looking again.
 */
export function giveBack(input: ReleaseInput): Promise<ReleaseResult> {
  return CancellationScope.nonCancellable(async () => {
    for (;;) {
      try {
        return await executeChild(releaseIncident, {
          workflowId: releaseWorkflowId(input),
          args: [input],
          parentClosePolicy: ParentClosePolicy.ABANDON,
          staticSummary: `Give ${input.incident} back to people`,
          priority: { priorityKey: 1 },
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        await sleep('2 seconds', { summary: 'another release of the same incident is under way' });
      }
    }
  });
}
