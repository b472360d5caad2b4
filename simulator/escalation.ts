import { tellOfIncident } from './happening.ts';
import { clearTimers, record, setStatus, setTimer, timeout } from './incident-state.ts';
import type { Cause, EscalationPath, EscalationPolicy, Incident, Rule } from './model.ts';
import { known, teamsOf, type World } from './world.ts';

/** A level where somebody is on call, and who. */
export interface Reached {
  readonly level: number;
  readonly userIds: readonly string[];
}

/** The nearest level from `from` on where somebody is on call; a level with nobody is passed over at once. */
export function reach(
  rules: readonly Rule[],
  from: number,
  onCall: (rule: Rule) => readonly string[],
): Reached | undefined {
  for (const [index, rule] of rules.entries()) {
    const userIds = index + 1 < from ? [] : onCall(rule);
    if (userIds.length > 0) return { level: index + 1, userIds };
  }
  return undefined;
}

/** Whom a policy would assign now, from a level on; `undefined` where nobody is on call. */
export const reachNow = (
  world: World,
  { rules }: Pick<EscalationPolicy, 'rules'>,
  from = 1,
): Reached | undefined => reach(rules, from, (rule) => world.onCall(rule));

/** The policy as it is now, for an incident to keep. */
export const snapshot = ({ id, rules, numLoops }: EscalationPolicy): EscalationPath => ({
  policyId: id,
  rules,
  numLoops,
  level: 1,
  loop: 0,
});

/** Hands the incident to everyone on call at a level of its policy, in place of whoever had it, and lets the level's time run. */
export function assignLevel(
  world: World,
  incident: Incident,
  { level, userIds }: Reached,
  as: keyof typeof verbs,
  cause: Cause,
): void {
  incident.path.level = level;
  const rule = incident.path.rules[level - 1];
  if (rule) world.takeTurn(rule);
  assign(world, incident, userIds, 'escalation_policy', as, cause);
}

/** Hands the incident to these users and to nobody after them: the policy no longer climbs. */
export function assignDirectly(
  world: World,
  incident: Incident,
  userIds: readonly string[],
  cause: Cause,
): void {
  assign(world, incident, userIds, 'direct_assignment', 'assign', cause);
}

/** Hands the incident on because somebody asked for it. It stays acknowledged only where one of these users did that. */
export function reassign(world: World, incident: Incident, userIds: readonly string[], cause: Cause): void {
  if (!incident.acknowledgements.some(({ by }) => userIds.includes(by.id))) takeBack(world, incident, cause);
  assignDirectly(world, incident, userIds, cause);
}

/** Moves the incident to a level because somebody asked for it. */
export function escalateTo(world: World, incident: Incident, reached: Reached, cause: Cause): void {
  takeBack(world, incident, cause);
  assignLevel(world, incident, reached, 'escalate', cause);
}

/** Starts the incident anew on a policy, which becomes its own; its team has a part in the incident from now on. */
export function delegateTo(
  world: World,
  incident: Incident,
  policy: EscalationPolicy,
  reached: Reached,
  cause: Cause,
): void {
  takeBack(world, incident, cause);
  incident.path = snapshot(policy);
  incident.teamIds = [...new Set([...incident.teamIds, ...teamsOf(policy)])];
  assignLevel(world, incident, reached, 'delegate', cause);
}

/** Whoever gets an acknowledged incident has not acknowledged it: it is triggered again, so that they are told. */
function takeBack(world: World, incident: Incident, cause: Cause): void {
  if (incident.status === 'acknowledged') setStatus(world, incident, 'triggered', cause);
}

/**
 * Lets the present level's time run from now, or stops it. Only a triggered incident of high urgency that its policy
 * assigned climbs.
 */
export function letEscalate(world: World, incident: Incident): void {
  clearTimers(world, incident, 'escalate', 'exhaust');
  const { path } = incident;
  const rule = path.rules[path.level - 1];
  const climbs = incident.status === 'triggered' && incident.urgency === 'high';
  if (!rule || !climbs || incident.assignedVia !== 'escalation_policy') return;
  const isLast = path.level === path.rules.length && path.loop >= path.numLoops;
  setTimer(world, incident, isLast ? 'exhaust' : 'escalate', rule.delayMinutes * 60_000, () =>
    climb(world, incident),
  );
}

/** The level's time is over without an acknowledge: the next level, the first again, or nobody more. */
function climb(world: World, incident: Incident): void {
  const { path } = incident;
  const cause = timeout(incident);
  const above = reachNow(world, path, path.level + 1);
  if (above) {
    assignLevel(world, incident, above, 'escalate', cause);
    return tellOfIncident(world, 'incident.escalated', incident, cause);
  }
  const again = path.loop < path.numLoops ? reachNow(world, path) : undefined;
  if (!again) {
    record(world, incident, 'exhaust_escalation_path', cause, {
      summary: 'The escalation path is exhausted.',
    });
    return;
  }
  path.loop += 1;
  record(world, incident, 'repeat_escalation_path', cause, {
    summary: 'Starting the escalation path again.',
  });
  assignLevel(world, incident, again, 'escalate', cause);
  tellOfIncident(world, 'incident.escalated', incident, cause);
}

/** The ways to get an incident, as the log tells them. */
const verbs = { assign: 'Assigned', escalate: 'Escalated', delegate: 'Delegated' } as const;

function assign(
  world: World,
  incident: Incident,
  userIds: readonly string[],
  via: Incident['assignedVia'],
  as: keyof typeof verbs,
  cause: Cause,
): void {
  incident.assignments = userIds.map((userId) => ({ at: world.clock.now, userId }));
  incident.assignedVia = via;
  letEscalate(world, incident);
  const names = userIds.map((id) => known(world.users, id).name);
  record(world, incident, as, cause, {
    summary: `${verbs[as]} to ${names.join(', ')}.`,
    assigneeIds: userIds,
  });
}
