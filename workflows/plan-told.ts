import type { Planned } from '../activities/index.ts';
import type { Plan } from './contract.ts';

/** How much of a hash people are shown: enough to name a plan. */
export const shownHash = 12;

/** How many requests a second the account has for such work. */
const requestsASecond = 5;
/** So many alerts a second PagerDuty resolves. */
const alertsASecond = 100;

/** What a plan takes, about: each write, and what its own attempt reads before it. */
export function costOf(writes: readonly Planned[]): Pick<Plan, 'requests' | 'seconds'> {
  const reads = (count: number): number => (count > 3 ? 1 + Math.ceil(count / 100) : count);
  const requests = writes.reduce((sum, { seen }) => {
    const kept = new Set(seen.flatMap((incident) => incident.kept?.id ?? []));
    const paging = new Set(seen.flatMap(({ pages, policy }) => (pages ? policy : [])));
    return sum + 1 + reads(seen.length) + kept.size + paging.size;
  }, 0);
  const alerts = writes
    .filter(({ operation }) => operation === 'updateIncidents')
    .reduce((sum, { seen }) => sum + seen.reduce((all, incident) => all + incident.alerts[1], 0), 0);
  return { requests, seconds: Math.ceil(requests / requestsASecond + alerts / alertsASecond) };
}

/** A plan in a few lines. */
export function told({ hash, writes, requests, seconds, needs, guards, concerned = [], left }: Plan): string {
  const paged = [...new Set(writes.flatMap(({ pages }) => pages))];
  const incidents = new Set(writes.flatMap(({ seen }) => seen.map(({ id }) => id))).size;
  const takers = [...new Set(concerned.filter(({ as }) => as === 'taker').map(({ name }) => name))];
  return [
    `The plan ${hash.slice(0, shownHash)}: ${writes.length} ${writes.length === 1 ? 'write' : 'writes'}${incidents > 0 ? ` on ${incidents} ${incidents === 1 ? 'incident' : 'incidents'}` : ''}, about ${requests} requests in ${seconds} s.`,
    paged.length === 0 ? 'Nobody is paged.' : `It pages ${paged.join(', ')}.`,
    ...(needs
      ? [
          `It needs the word of ${needs.people > 1 ? `${needs.people} of ` : ''}${needs.by.join(' or ') || 'an operator'}${guards.length > 0 ? `: ${guards.join('; ')}` : ''}.`,
        ]
      : []),
    ...(takers.length > 0 ? [`Nobody agrees in the stead of ${takers.join(' and ')}.`] : []),
    ...(left.length > 0 ? [`${left.length} ${left.length === 1 ? 'is' : 'are'} left as they are.`] : []),
  ].join(' ');
}
