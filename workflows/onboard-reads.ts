import type { CallResult } from '../activities/index.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { attempt } from './attempt.ts';
import type { OnboardInput } from './contract.ts';
import { firstPaged } from './on-call.ts';
import { type NoReads, noReads } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';

/** Something that PagerDuty has by that name already. */
export interface There {
  readonly id: string;
  readonly link?: string | undefined;
}

export interface Member extends There {
  readonly email: string;
  readonly name: string;
  readonly role: string;
  readonly teams: readonly string[];
}

/** What PagerDuty has already of what is asked for. */
export interface OnboardReads {
  readonly team: There | undefined;
  /** By e-mail address, in lower case. */
  readonly users: ReadonlyMap<string, Member>;
  readonly schedules: ReadonlyMap<string, string>;
  readonly policy: There | undefined;
  readonly service: (There & { readonly policy: string | undefined }) | undefined;
  /** Whom the service's policy pages first now. */
  readonly onCall: readonly string[];
}

/** What is in the way of reading, thrown within the reads and caught around them. */
class Unread extends Error {
  readonly why: NoReads;
  constructor(why: NoReads) {
    super(why.sentence);
    this.why = why;
  }
}

/** Reads it; gives why, where that could not be done. */
export async function readWhatIsThere(input: OnboardInput): Promise<OnboardReads | NoReads> {
  try {
    return await allReads(input);
  } catch (error) {
    if (error instanceof Unread) return error.why;
    throw error;
  }
}

type Ok<Name extends OperationName> = Extract<CallResult<Name>, { ok: true }>['response'];

async function must<Name extends OperationName>(step: Promise<CallResult<Name>>): Promise<Ok<Name>> {
  const result = await attempt(step);
  if (!result.ok) throw new Unread(noReads(result));
  return result.response as Ok<Name>;
}

async function allReads({ account, team, policy, service }: OnboardInput): Promise<OnboardReads> {
  const { look } = activitiesOf(account);
  const { teams } = await must<'listTeams'>(
    perform(look.listTeams, {
      step: 'Look for the team',
      request: { query: { query: team.name, limit: 100 } },
    }),
  );
  const foundTeam = teams.find(({ name }) => isSame(name, team.name));
  const emails = new Set(
    [...team.members.map(({ email }) => email), ...policy.levels.flatMap(({ users = [] }) => users)].map(
      (email) => email.toLowerCase(),
    ),
  );
  const users = new Map<string, Member>();
  for (const email of [...emails].toSorted()) {
    const { users: found } = await must<'listUsers'>(
      perform(look.listUsers, {
        step: `Look for ${email}`,
        request: { query: { query: email, limit: 100 } },
      }),
    );
    // The search also finds parts.
    const user = found.find((one) => isSame(one.email, email));
    if (!user)
      throw new Unread({
        outcome: 'failed',
        sentence: `PagerDuty has no user ${email}; nothing was written.`,
      });
    users.set(email, {
      ...thereOf(user),
      email,
      name: user.name ?? email,
      role: user.role ?? '',
      teams: (user.teams ?? []).map(({ id }) => id),
    });
  }
  const schedules = new Map<string, string>();
  for (const id of new Set(policy.levels.flatMap(({ schedules: named = [] }) => named))) {
    const { schedule } = await must<'getSchedule'>(
      perform(look.getSchedule, { step: `Read schedule ${id}`, request: { params: { id } } }),
    );
    schedules.set(id, schedule.name ?? id);
  }
  const { escalation_policies } = await must<'listEscalationPolicies'>(
    perform(look.listEscalationPolicies, {
      step: 'Look for the escalation policy',
      request: { query: { query: policy.name, limit: 100 } },
    }),
  );
  const foundPolicy = escalation_policies.find(({ name }) => isSame(name, policy.name));
  const { services } = await must<'listServices'>(
    perform(look.listServices, {
      step: 'Look for the service',
      request: { query: { name: service.name, limit: 100 } },
    }),
  );
  const foundService = services.find(({ name }) => isSame(name, service.name));
  return {
    team: foundTeam && thereOf(foundTeam),
    users,
    schedules,
    policy: foundPolicy && thereOf(foundPolicy),
    service: foundService && { ...thereOf(foundService), policy: foundService.escalation_policy?.id },
    onCall: foundService?.escalation_policy
      ? await onCallOf(account, foundService.escalation_policy.id, 'before the test event')
      : [],
  };
}

/** Whom a policy pages first now; nobody where that may not be read. */
export const onCallOf = async (account: string, policy: string, when: string): Promise<readonly string[]> =>
  (await firstPaged(account, policy, `Read who is on call for ${policy}, ${when}`)) ?? [];

/** PagerDuty compares names without case. */
const isSame = (name: string | null | undefined, wanted: string): boolean =>
  name?.toLowerCase() === wanted.toLowerCase();

export const thereOf = (found: { readonly id: string; readonly html_url?: unknown }): There => ({
  id: found.id,
  ...(typeof found.html_url === 'string' && { link: found.html_url }),
});
