import { closest } from '../../gate/closest.ts';
import { PagerDutyError } from '../../pagerduty/errors.ts';
import { some } from '../doctor/finding.ts';
import { UsageError } from '../errors.ts';
import { grouped } from '../output.ts';
import { said } from '../words.ts';
import type { Reader } from './reading.ts';

/** A service, a team or an escalation policy as people know it. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

/** A service, and who it belongs to. */
export interface NamedService extends Named {
  readonly policy: string | undefined;
  readonly teams: readonly string[];
}

/** What the key shows of an account. */
export interface Places {
  readonly services: readonly NamedService[];
  readonly teams: readonly Named[];
  readonly policies: readonly Named[];
  /** Whether that is all there is. */
  readonly complete: boolean;
}

/** Whose incidents an agent may work on; without a list those of all services. */
export interface Scope {
  readonly of: 'services' | 'teams' | 'all';
  readonly chosen: readonly Named[];
}

/** What was asked for, by names or ids. */
export interface Wanted {
  readonly services: readonly string[];
  readonly teams: readonly string[];
  readonly policies: readonly string[];
  readonly all: boolean;
}

const nothingWanted: Wanted = { services: [], teams: [], policies: [], all: false };

export const isNothing = ({ services, teams, policies, all }: Wanted): boolean =>
  !all && services.length + teams.length + policies.length === 0;

/** Reads all of them to the end. An account whose plan has no teams has none. */
export async function readPlaces(reader: Reader): Promise<Places> {
  const services: NamedService[] = [];
  const teams: Named[] = [];
  const policies: Named[] = [];
  const all = [
    await reader.walk('listServices', { sort_by: 'name:asc' }, (response) => {
      for (const { id, name, escalation_policy: policy, teams: owners } of response.services)
        services.push({
          id,
          name: said(name ?? id),
          policy: policy?.id,
          teams: (owners ?? []).map((team) => team.id),
        });
    }),
    await orNone(
      reader.walk('listTeams', {}, (response) => {
        for (const { id, name } of response.teams) teams.push({ id, name: said(name ?? id) });
      }),
    ),
    await reader.walk('listEscalationPolicies', { sort_by: 'name:asc' }, (response) => {
      for (const { id, name } of response.escalation_policies) policies.push({ id, name: said(name ?? id) });
    }),
  ];
  return {
    services: eachOnce(services),
    teams: eachOnce(teams),
    policies: eachOnce(policies),
    complete: all.every(Boolean),
  };
}

async function orNone(walked: Promise<boolean>): Promise<boolean> {
  try {
    return await walked;
  } catch (error) {
    if (error instanceof PagerDutyError && error.facts.kind === 'PlanRequired') return true;
    throw error;
  }
}

/** Where a page ends and the next begins, one may come twice. */
const eachOnce = <Each extends Named>(all: readonly Each[]): readonly Each[] => [
  ...new Map(all.map((one) => [one.id, one])).values(),
];

/**
 * Whose incidents the agent may work on. An escalation policy stands for the services that it pages for now; teams stay
 * teams, so that their next service is theirs as well, unless services are named beside them.
 * @throws UsageError for a name that nothing has.
 */
export function scopeOf(wanted: Wanted, places: Places): Scope {
  if (wanted.all) return { of: 'all', chosen: [] };
  if (isNothing(wanted)) throw new UsageError('Name a service, a team or an escalation policy; or all.');
  const teams = wanted.teams.map((word) => found(word, places.teams, 'team'));
  const policies = wanted.policies.map((word) => found(word, places.policies, 'escalation policy'));
  const services = wanted.services.map((word) => found(word, places.services, 'service'));
  if (services.length + policies.length === 0) return { of: 'teams', chosen: eachOnce(teams) };
  const behind = places.services.filter(
    ({ policy, teams: owners }) =>
      policies.some(({ id }) => id === policy) || teams.some(({ id }) => owners.includes(id)),
  );
  const chosen = eachOnce([...services, ...behind]);
  if (chosen.length === 0)
    throw new UsageError(
      `${policies.map(({ name }) => name).join(', ')} pages for no service; name another escalation policy, or services.`,
    );
  return { of: 'services', chosen };
}

/** The one that a word means: its id, or its name however it is written; else the only one whose name it is a part of. */
function found<Each extends Named>(word: string, known: readonly Each[], kind: string): Each {
  const plain = word.trim().toLowerCase();
  const exact = known.filter(({ id, name }) => id === word.trim() || name.toLowerCase() === plain);
  const near = exact.length > 0 ? exact : known.filter(({ name }) => name.toLowerCase().includes(plain));
  const [one, another] = near;
  if (one && !another && plain !== '') return one;
  if (one)
    throw new UsageError(
      `${JSON.stringify(said(word))} fits several ${kind.replace(/y$/, 'ie')}s: ${some(near.map(({ id, name }) => `${name} (${id})`))}. Name one, or its id.`,
    );
  const meant = closest(
    word.trim(),
    known.map(({ name }) => name),
  );
  throw new UsageError(
    `There is no ${kind} ${JSON.stringify(said(word))}; ${meant === undefined ? `there are ${some(known.map(({ name }) => name)) || 'none'}` : `did you mean ${meant}?`}${meant === undefined ? '.' : ''}`,
  );
}

/** What a person answers: `all`, or names parted by commas, those of teams and policies behind these words. */
export function wantedIn(answer: string, { services }: Places): Wanted {
  const text = answer.trim();
  if (/^(all|\*)$/i.test(text)) return { ...nothingWanted, all: true };
  // A name may hold a comma itself.
  const isOne = services.some(({ name }) => name.toLowerCase() === text.toLowerCase());
  const wanted = { services: [] as string[], teams: [] as string[], policies: [] as string[], all: false };
  for (const word of isOne ? [text] : text.split(',').map((one) => one.trim())) {
    if (word === '') continue;
    const [, kind, rest = ''] = /^(team|policy)\s+(.+)$/i.exec(word) ?? [];
    if (kind === undefined || services.some(({ name }) => name.toLowerCase() === word.toLowerCase()))
      wanted.services.push(word);
    else wanted[kind.toLowerCase() === 'team' ? 'teams' : 'policies'].push(rest);
  }
  return wanted;
}

/** How many names of each kind a person is shown. */
const mostShown = 20;

/** What there is, by name, in lines. */
export function placesInWords({ services, teams, policies, complete }: Places, most = mostShown): string {
  const line = (title: string, all: readonly Named[]): string =>
    `${title} (${grouped(all.length)}): ${
      all.length === 0
        ? 'none'
        : some(
            all.map(({ name }) => name),
            most,
          )
    }`;
  return [
    line('Services', services),
    line('Teams', teams),
    line('Escalation policies', policies),
    ...(complete
      ? []
      : ['PagerDuty shows no more than 10,000 of a kind; what is beyond cannot be named here; a team can.']),
  ].join('\n');
}
