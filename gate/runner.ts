import type { Decision, Question, Undecided } from './decide.ts';
import type { IncidentFacts } from './facts.ts';
import { saying } from './permit.ts';
import { join, phrase } from './words.ts';

/** The built-in runner's name in the audit. It has no key and no grants: it may look, and give incidents back to people. */
export const runner = 'runner';

/** Who asks without proof. */
export const nobody = 'nobody';

/** Names that the audit needs for itself: no agent and no operator has them. */
export const reservedNames: readonly string[] = [runner, nobody];

const looks = new Set(['incidents.view', 'oncalls.view', 'users.view']);

/** What the runner's decision knows. */
export interface ReleaseFacts {
  readonly incidents?: readonly IncidentFacts[];
  /** Ids of the users whom our `From` addresses name. */
  readonly ourUsers?: readonly string[];
  /** Who holds the incident under a live lease; `null` where nobody does or the store cannot be asked. */
  readonly holder?: {
    readonly workflowId: string;
    readonly isAsking: boolean;
    readonly agent: string;
  } | null;
  /** The escalation policy recorded when our acknowledge was sent; `null` where none is recorded. */
  readonly recordedPolicy?: string | null;
}

/** What the runner wants to send. */
export interface ReleaseRequest {
  readonly body?: {
    readonly incident: {
      readonly status?: string | undefined;
      readonly escalation_policy?: { readonly id: string } | undefined;
    };
  };
}

/** Whether somebody was named who has the incident, and is not ours: then it pages that person again, and no policy. */
export const isChosen = (
  { chosen, assignees }: Pick<IncidentFacts, 'chosen' | 'assignees'>,
  ourUsers: readonly string[],
): boolean => chosen === true && assignees.some((user) => !ourUsers.includes(user));

/**
 * May the runner do this? It may view, and it may release: set an incident that only our own users acknowledged back to
 * triggered, on its own escalation policy or for whom it was handed to. No grant, cap, freeze or unreadable policy enters here, so nothing refuses that.
 */
export function decideForRunner(
  question: Question,
  request: ReleaseRequest,
  facts: ReleaseFacts,
): Decision | Undecided {
  const { actions } = question;
  if (actions.length > 0 && actions.every((action) => looks.has(action))) {
    return saying(question, {
      decision: 'allowed',
      rule: 'runner may view',
      sentence: `runner may ${phrase(question)}: it may look.`,
    });
  }
  const { incidents = [], ourUsers, holder, recordedPolicy } = facts;
  const [incident] = incidents;
  const refuse = (why: string): Decision => ({
    decision: 'denied',
    rule: 'runner may release',
    sentence: `runner may not ${phrase(question, incidents)}: ${why}.`,
  });
  const change = request.body?.incident;
  const isRelease =
    question.operation === 'updateIncident' &&
    change?.status === 'triggered' &&
    Object.keys(change).every((field) => ['type', 'status', 'escalation_policy'].includes(field));
  if (!isRelease) return refuse('it may only look, and give incidents back to people');
  if (!incident) return { decision: 'needs', needs: ['incidents'] };
  if (!ourUsers || holder === undefined || recordedPolicy === undefined) {
    return { decision: 'needs', needs: ['ourUsers', 'holder', 'recordedPolicy'] };
  }
  if (incident.status !== 'acknowledged')
    return refuse(`the incident is ${incident.status}, so there is nothing to give back`);
  const others = incident.acknowledgers.filter((user) => !ourUsers.includes(user));
  if (incident.acknowledgers.length === 0) return refuse('nobody is said to have acknowledged it');
  if (others.length > 0) return refuse(`a person has acknowledged it as well (${join(others)})`);
  if (holder && !holder.isAsking)
    return refuse(`${holder.agent} holds it under a lease that still runs (${holder.workflowId})`);
  const theirs = incident.assignees.filter((user) => !ourUsers.includes(user));
  const isHanded = isChosen(incident, ourUsers);
  const home = isHanded ? undefined : (recordedPolicy ?? incident.policy);
  if (isHanded && change.escalation_policy)
    return refuse(`it was handed to ${join(theirs)}, and goes back to nobody else`);
  if (change.escalation_policy?.id !== home) {
    return refuse(`it belongs to escalation policy ${home ?? 'none'}, and goes back nowhere else`);
  }
  return saying(question, {
    decision: 'allowed',
    rule: 'runner may release',
    sentence: `runner gives incident #${incident.number} (${incident.id}) back to people: only our own user has acknowledged it, and giving back is never refused.`,
  });
}
