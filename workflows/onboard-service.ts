import type { OperationName } from '../pagerduty/catalogue/index.ts';
import type { Applied } from './apply.ts';
import { attempt } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import { type CheckItem, type OnboardInput, type OnboardResult, type Plan, planIdOf } from './contract.ts';
import { onboarding } from './onboard-plan.ts';
import { type OnboardReads, onCallOf, readWhatIsThere, type There, thereOf } from './onboard-reads.ts';
import { carryOut } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';

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
