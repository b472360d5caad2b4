import { noun } from '../gate/conditions.ts';
import type { Agent } from '../gate/configuration.ts';
import { type Condition, type Grant, grantFor, resourceOf, type When } from '../gate/grants.ts';
import { join } from '../gate/words.ts';
import type { Action } from '../pagerduty/catalogue/endpoint.ts';

/** Grants in short, a line each: `incidents read`, `incidents.resolve full (when the urgency is low, with approval)`. */
export const grantsInShort = ({ grants }: Pick<Agent, 'grants'>): readonly string[] =>
  [...grants].map(([name, grant]) => {
    const limits = limitsOf(grant);
    return `${name} ${grant.level}${limits.length === 0 ? '' : ` (${limits.join(', ')})`}`;
  });

/** What a grant hangs on, in words that follow its level. */
export const limitsOf = ({
  when,
  leaseMs,
  routingKeys,
  cap,
  maxIncidents,
  until,
  approval,
}: Grant): readonly string[] => [
  ...(Object.keys(when).length === 0 ? [] : [`when ${inWords(when)}`]),
  ...(routingKeys === undefined ? [] : [`by ${anyOf(routingKeys)}`]),
  ...(leaseMs === undefined ? [] : [`lease ${leaseMs / 1000} s`]),
  ...(cap ? [`at most ${cap.text}`] : []),
  ...(maxIncidents === undefined ? [] : [`at most ${maxIncidents} incidents at once`]),
  ...(until === undefined ? [] : [`until ${new Date(until).toISOString().slice(0, 16)}Z`]),
  ...(approval ? [approvalInWords(approval)] : []),
];

const approvalInWords = ({ by, people }: NonNullable<Grant['approval']>): string => {
  const whose = by === undefined ? '' : ` of ${anyOf(by)}`;
  return people === 1 ? `with approval${whose}` : `with approval by ${people} people${whose && `,${whose}`}`;
};

/** What must be true, in words that follow "when". */
function inWords({ hours, on_call, ...compared }: When): string {
  const pairs = Object.entries(compared) as [Condition, readonly string[]][];
  return join([
    ...pairs.map(([condition, values]) => `the ${noun[condition]} is ${anyOf(values)}`),
    ...(hours ? [`it is ${hours.text}`] : []),
    ...(on_call ? ['the person it works for is on call'] : []),
  ]);
}

/** "a", "a or b", "a, b or c". */
export const anyOf = (values: readonly string[]): string =>
  values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;

/** How far an agent's grants and denies reach for one action, whatever it is asked about. */
export interface Reach {
  readonly level: Grant['level'];
  /** What that hangs on: each must hold. */
  readonly limits: readonly string[];
}

/** What the configuration says to an agent about an action. Where it says off, the gate denies it in every case. */
export function reachOf(
  { grants, deny }: Pick<Agent, 'grants' | 'deny'>,
  action: Action,
  now: number,
): Reach {
  const denies = deny.filter((one) => one.action === action || one.action === resourceOf(action));
  if (denies.some(({ when }) => Object.keys(when).length === 0))
    return { level: 'off', limits: ['denied, whatever is granted'] };
  const granted = grantedReach(grants, action, now);
  if (granted.level === 'off') return granted;
  return {
    ...granted,
    limits: [...granted.limits, ...denies.map(({ when }) => `never when ${inWords(when)}`)],
  };
}

function grantedReach(grants: Agent['grants'], action: Action, now: number): Reach {
  const { name = '', grant } = grantFor(grants, action) ?? {};
  const isView = action.endsWith('.view');
  // A full grant of one action includes reading the thing it acts on, and no list.
  const acts = [...grants].flatMap(([other, one]) =>
    isView &&
    !grants.has(action) &&
    one.level === 'full' &&
    other.startsWith(`${resourceOf(action)}.`) &&
    !other.endsWith('.create') &&
    !hasEnded(one, now)
      ? [other]
      : [],
  );
  const acted = `what it may act on by ${join(acts)}`;
  const covers = grant !== undefined && (isView ? grant.level !== 'off' : grant.level === 'full');
  if (!covers || hasEnded(grant, now)) {
    if (acts.length > 0) return { level: 'read', limits: [`only ${acted}, and no lists`] };
    return { level: 'off', limits: covers ? [`its grant on ${name} has ended`] : [] };
  }
  if (!isView) return { level: 'full', limits: limitsOf(grant) };
  const { leaseMs: _lease, approval: _approval, ...read } = grant;
  const limits = limitsOf(read);
  return {
    level: 'read',
    limits: [...limits, ...(limits.length > 0 && acts.length > 0 ? [`also ${acted}`] : [])],
  };
}

const hasEnded = ({ until = Number.POSITIVE_INFINITY }: Grant, now: number): boolean => now >= until;
