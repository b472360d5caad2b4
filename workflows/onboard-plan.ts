import type { OnboardInput } from './contract.ts';
import type { Member, OnboardReads } from './onboard-reads.ts';
import type { Draft, Left } from './plan.ts';

/** What is still to be made, as writes after it call it. */
const newTeam = 'NEWTEAM';
const newPolicy = 'NEWPOLICY';

/** How long a service waits for an acknowledged incident, in minutes, where the input does not say: off, nothing that an agent holds would come back by itself. */
const defaultAcknowledgeMinutes = 30;

/** Users who may not have a role in a team. */
const readers: readonly string[] = ['read_only_user', 'read_only_limited_user'];

type Write = Draft['writes'][number];

const write = (
  step: string,
  operation: Write['operation'],
  request: object,
  effect: string,
  more: Partial<Write> = {},
): Write => ({
  step,
  operation,
  request,
  seen: [],
  effect,
  pages: [],
  ...more,
});

/** The plan: pure, and the same for the same input and what is there. */
export function onboarding(
  { team, policy, service, testKey }: OnboardInput,
  reads: OnboardReads,
  _without: ReadonlyMap<string, string>,
): Draft {
  const left: Left[] = [];
  const teamId = reads.team?.id ?? newTeam;
  const policyId = reads.policy?.id ?? newPolicy;
  const userOf = (email: string): Member | undefined => reads.users.get(email.toLowerCase());
  const writes: Write[] = [];
  if (!reads.team)
    writes.push(
      write(
        `Create team ${team.name}`,
        'createTeam',
        {
          body: {
            team: {
              type: 'team',
              name: team.name,
              ...(team.description !== undefined && { description: team.description }),
            },
          },
        },
        `Creates the team ${team.name}.`,
        { gives: newTeam },
      ),
    );
  for (const { email, role } of team.members) {
    const user = userOf(email);
    if (!user) continue;
    if (readers.includes(user.role))
      left.push({ what: `${user.name} in the team`, why: `a ${user.role} cannot have a role in a team` });
    else if (reads.team === undefined || !user.teams.includes(reads.team.id))
      writes.push(
        write(
          `Add ${user.id} to the team`,
          'updateTeamUser',
          { params: { id: teamId, user_id: user.id }, ...(role && { body: { role } }) },
          `Adds ${user.name} to the team ${team.name}${role ? ` as ${role}` : ''}.`,
        ),
      );
  }
  if (!reads.policy)
    writes.push(
      write(
        `Create escalation policy ${policy.name}`,
        'createEscalationPolicy',
        {
          body: {
            escalation_policy: {
              type: 'escalation_policy',
              name: policy.name,
              num_loops: policy.loops ?? 1,
              teams: [{ id: teamId, type: 'team_reference' }],
              escalation_rules: policy.levels.map(({ minutes, users = [], schedules = [] }) => ({
                escalation_delay_in_minutes: minutes,
                targets: [
                  ...schedules.map((id) => ({ id, type: 'schedule_reference' })),
                  ...users.flatMap((email) => {
                    const user = userOf(email);
                    return user ? [{ id: user.id, type: 'user_reference' }] : [];
                  }),
                ],
              })),
            },
          },
        },
        `Creates the escalation policy ${policy.name} with ${policy.levels.length} ${policy.levels.length === 1 ? 'level' : 'levels'}.`,
        { gives: newPolicy },
      ),
    );
  if (!reads.service) {
    const {
      acknowledgeMinutes = defaultAcknowledgeMinutes,
      autoResolveHours,
      urgency,
      description,
    } = service;
    writes.push(
      write(
        `Create service ${service.name}`,
        'createService',
        {
          body: {
            service: {
              type: 'service',
              name: service.name,
              ...(description !== undefined && { description }),
              escalation_policy: { id: policyId, type: 'escalation_policy_reference' },
              acknowledgement_timeout: acknowledgeMinutes * 60,
              auto_resolve_timeout: autoResolveHours === undefined ? null : autoResolveHours * 3_600,
              alert_creation: 'create_alerts_and_incidents',
              incident_urgency_rule: { type: 'constant', urgency },
            },
          },
        },
        `Creates the service ${service.name}, which pages by ${policy.name}.`,
      ),
    );
  } else if (reads.service.policy !== reads.policy?.id)
    left.push({
      what: `the service ${service.name}`,
      why: `it is there, and goes to escalation policy ${reads.service.policy ?? 'none'}; what is there is not changed`,
    });
  const tests = testKey !== undefined && reads.service !== undefined;
  const tested = reads.onCall.length > 0 ? reads.onCall : ['whoever is on call for the service'];
  if (tests) {
    const dedup_key = `onboard ${reads.service.id}`;
    const payload = {
      summary: `Test of the service ${service.name}: no action is needed`,
      source: 'oncall-runner',
      severity: 'info',
    };
    writes.push(
      write(
        'Trigger the test event',
        'enqueueEvent',
        { routingKey: testKey, body: { event_action: 'trigger', dedup_key, payload } },
        `Sends a test event to the routing key ${testKey}.`,
        { pages: tested },
      ),
      write(
        'Resolve the test event',
        'enqueueEvent',
        { routingKey: testKey, body: { event_action: 'resolve', dedup_key } },
        'Resolves the test event.',
      ),
    );
  }
  return {
    writes,
    left,
    guards: writes.length > 0 ? ['it sets up who is paged'] : [],
    basis: [
      `team ${team.name}: ${reads.team?.id ?? 'none'}`,
      ...[...reads.users.values()].map(({ email, id, role }) => `user ${email}: ${id}, ${role}`),
      ...[...reads.schedules].map(([id, name]) => `schedule ${id}: ${name}`),
      `escalation policy ${policy.name}: ${reads.policy?.id ?? 'none'}`,
      `service ${service.name}: ${reads.service ? `${reads.service.id} by ${reads.service.policy ?? 'none'}` : 'none'}`,
      ...(tests ? [`the test event pages ${tested.join(', ')}`] : []),
    ],
  };
}
