import type { OperationName } from '../pagerduty/catalogue/index.ts';
import type { Applied } from './apply.ts';
import { attempt } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import { type CheckItem, type OnboardInput, type OnboardResult, type Plan, planIdOf } from './contract.ts';
import {
  type Member,
  type OnboardReads,
  onCallOf,
  readWhatIsThere,
  type There,
  thereOf,
} from './onboard-reads.ts';
import { carryOut, type Draft, type Left } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';

/** What is still to be made, as writes after it call it. */
const newTeam = 'NEWTEAM';
const newPolicy = 'NEWPOLICY';

/** How long a service waits for an acknowledged incident, in minutes, where the input does not say: off, nothing that an agent holds would come back by itself. */
const defaultAcknowledgeMinutes = 30;

/** Users who may not have a role in a team. */
const readers: readonly string[] = ['read_only_user', 'read_only_limited_user'];

/**
 * Brings a service on call: team, members, escalation policy, service, each found by its name or made. Never changes what is
 * there and never deletes; where a step fails, another run goes on from there.
 */
export async function onboardService(input: OnboardInput): Promise<OnboardResult> {
  const chronicle = chronicleOf(input);
  let reads: OnboardReads | undefined;
  let came: Applied | undefined;
  const result = await carryOut(input, chronicle, {
    type: 'onboardService',
    planId: planIdOf('onboardService', input),
    onTrouble: 'stop',
    rereads: true,
    nothing: 'All of it is there already.',
    read: async () => {
      const found = await readWhatIsThere(input);
      if ('outcome' in found) return found;
      reads = found;
      return (without) => onboarding(input, found, without);
    },
    tell: (applied, plan) => {
      came = applied;
      return tell(applied, plan);
    },
    next: () => (came?.stopped === undefined ? [] : ['Mend that, then run it again: it goes on from there.']),
  });
  if (!reads) return result;
  const checklist = checklistOf(input, reads, came, await pagedBy(input, reads, came, chronicle));
  const asked = checklist.filter(({ state }) => state === 'to do').map(({ what }) => what);
  return { ...result, next: [...result.next, ...(input.plan ? [] : asked)], checklist };
}

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
function onboarding(
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

/** Whom the service pages now, and whether the test event came to it. */
async function pagedBy(
  { account, testKey }: OnboardInput,
  reads: OnboardReads,
  applied: Applied | undefined,
  chronicle: Chronicle,
): Promise<{ readonly names: readonly string[]; readonly tested?: string }> {
  const made = applied?.done.find(({ write: { operation } }) => operation === 'createService');
  const policy = made
    ? (made.response as { readonly service: { readonly escalation_policy?: { readonly id: string } } })
        .service.escalation_policy?.id
    : reads.service?.policy;
  const names = policy === undefined ? [] : await onCallOf(account, policy, 'at the end');
  const sent = applied?.done.some(({ write: { step } }) => step === 'Trigger the test event') === true;
  if (testKey === undefined || !reads.service || !sent) return { names };
  const { look } = activitiesOf(account);
  const found = await attempt(
    perform(look.listIncidents, {
      step: 'Look where the test event came',
      request: {
        query: {
          incident_key: `onboard ${reads.service.id}`,
          date_range: 'all',
          sort_by: 'created_at:desc',
          limit: 1,
        },
      },
    }),
  );
  const incident = found.ok ? found.response.incidents[0] : undefined;
  if (!found.ok) chronicle.say(found.sentence);
  return {
    names,
    tested:
      incident?.service?.id === reads.service.id
        ? `incident #${incident.incident_number} was opened by it and is ${incident.status}`
        : `it came to ${incident?.service?.summary ?? 'no service'}: the routing key ${testKey} is of another`,
  };
}

function checklistOf(
  { team, policy, service, testKey, plan }: OnboardInput,
  reads: OnboardReads,
  applied: Applied | undefined,
  { names, tested }: { readonly names: readonly string[]; readonly tested?: string },
): readonly CheckItem[] {
  const madeBy = (operation: OperationName): There | undefined => {
    const found = applied?.done.find(({ write: made }) => made.operation === operation);
    const [made] = Object.values((found?.response ?? {}) as Readonly<Record<string, There>>);
    return found && made && thereOf(made);
  };
  const item = (what: string, there: There | undefined, operation: OperationName): CheckItem => {
    const made = madeBy(operation);
    const of = there ?? made;
    return {
      what,
      state: there ? 'there' : made ? 'made' : 'missing',
      ...(of && { id: of.id, ...(of.link !== undefined && { link: of.link }) }),
    };
  };
  const hasService = reads.service !== undefined || madeBy('createService') !== undefined;
  return [
    item(`team ${team.name}`, reads.team, 'createTeam'),
    item(`escalation policy ${policy.name}`, reads.policy, 'createEscalationPolicy'),
    item(`service ${service.name}`, reads.service, 'createService'),
    ...(hasService && !plan
      ? [
          names.length > 0
            ? { what: `somebody is on call: ${names.join(', ')}`, state: 'there' as const }
            : {
                what: `Look who is on call for ${policy.name}: nobody shows.`,
                state: 'to do' as const,
              },
        ]
      : []),
    ...(tested !== undefined
      ? [
          {
            what: `test event: ${tested}`,
            state: tested.startsWith('incident') ? ('there' as const) : ('missing' as const),
          },
        ]
      : hasService && testKey === undefined
        ? [
            {
              what: `Put a routing key of ${service.name} into oncall.yaml by its name, and run it again with testKey: a test event shows that pages arrive.`,
              state: 'to do' as const,
            },
          ]
        : hasService && reads.service === undefined
          ? [
              {
                what: 'Run it again with testKey: the test event goes to a service that is there.',
                state: 'to do' as const,
              },
            ]
          : []),
  ];
}

function tell({ done, stopped }: Applied, { writes }: Plan): string {
  const sentence = `${done.length} of ${writes.length} steps are done.`;
  return stopped === undefined ? sentence : `${sentence} It stopped: ${stopped}`;
}
