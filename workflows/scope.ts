import { executeChild, workflowInfo } from '@temporalio/workflow';
import { attempt } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { notSeen } from './pages.ts';
import { activitiesOf, perform } from './proxies.ts';
import type { Scope } from './reports.ts';
import { begin, type Position, pagings } from './walk.ts';
import { type PickIdsResult, pickIds } from './walk-pages.ts';

/** The policies that a report is about. */
export interface Policies {
  readonly ids: readonly string[];
  /** What could not be found out, and why. */
  readonly missing: readonly string[];
  /** What the first step that was refused was refused for, where nothing at all was found. */
  readonly stopped?: NonNullable<PickIdsResult['stopped']>;
}

/** How many policies one report takes; more are named as missing. */
const mostPolicies = 1_000;

/** Finds the policies of a scope: those named, those of the services, those of the teams; all where nothing is named. */
export async function policiesIn(
  { account, reason, policies = [], services = [], teams = [] }: Errand & Scope,
  chronicle: Chronicle,
): Promise<Policies> {
  const ids = new Set(policies);
  const missing: string[] = [];
  let stopped: Policies['stopped'];
  const { look } = activitiesOf(account);
  for (const service of services) {
    const found = await attempt(
      perform(look.findPolicy, { step: `Find the escalation policy of ${service}`, service }),
    );
    if (!found.ok) {
      stopped ??= found;
      missing.push(`the escalation policy of service ${service}: ${found.sentence}`);
      continue;
    }
    chronicle.actsAs(found.agent);
    if (found.policy !== null) ids.add(found.policy);
    else missing.push(`the service ${found.name} names no escalation policy`);
  }
  if (teams.length === 0 && policies.length + services.length > 0)
    return { ids: [...ids], missing, ...(stopped && { stopped }) };

  const query = teams.length === 0 ? {} : { 'team_ids[]': teams };
  let position: Position | undefined = begin(pagings.listEscalationPolicies, query, Date.now());
  for (let run = 1; position; run += 1) {
    const picked: PickIdsResult = await executeChild(pickIds, {
      workflowId: `${workflowInfo().workflowId}:policies:${run}`,
      args: [
        {
          account,
          operation: 'listEscalationPolicies',
          request: {},
          position,
          ...(reason !== undefined && { reason }),
        },
      ],
      staticSummary: 'Which escalation policies there are',
    });
    if (picked.agent !== undefined) chronicle.actsAs(picked.agent);
    if (picked.isNarrowed) missing.push(notSeen('escalation policies', picked.hidden));
    if (picked.stopped) {
      stopped ??= picked.stopped;
      missing.push(`the list of escalation policies: ${picked.stopped.sentence}`);
    }
    if (picked.end === 'cut') missing.push('escalation policies beyond the 10,000th');
    for (const id of picked.ids) ids.add(id);
    position = picked.next;
    if (ids.size > mostPolicies) break;
  }
  const all = [...ids];
  if (all.length > mostPolicies)
    missing.push(
      `escalation policies beyond the first ${mostPolicies.toLocaleString('en')}: name teams or services`,
    );
  return { ids: all.slice(0, mostPolicies), missing, ...(stopped && { stopped }) };
}
