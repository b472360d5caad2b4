import type { Episode } from '../activities/index.ts';
import { attempt, type Failed, type outcomeOf } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { after, begin, pageAt, pagings, type Query } from './walk.ts';

/** What came of a walk through incidents. */
export interface Walked {
  readonly episodes: readonly Episode[];
  /** What could not be read, and why. */
  readonly missing: readonly string[];
  /** Why the first page that did not come did not come. */
  readonly unread?: keyof typeof outcomeOf;
}

/** Reads incidents in the order of time, one Activity a page, and no more pages than that. */
export async function walkEpisodes(
  { account }: Errand,
  query: Query,
  { what, mostPages }: { readonly what: string; readonly mostPages: number },
  chronicle: Chronicle,
): Promise<Walked> {
  const { look } = activitiesOf(account);
  const paging = pagings.listIncidents;
  const episodes = new Map<string, Episode>();
  let hidden = 0;
  let at = begin(paging, query, Date.now());
  const seen = (why?: string): readonly string[] => [
    ...(hidden > 0 ? [`${what}: ${hidden} that the agent may not see`] : []),
    ...(why === undefined ? [] : [`${what}: ${why}`]),
  ];
  for (let page = 1; page <= mostPages; page += 1) {
    const came = await attempt(
      perform(look.listEpisodes, {
        step: `List ${what}, page ${page}`,
        query: pageAt(at, paging) as Parameters<typeof look.listEpisodes>[0]['query'],
      }),
    );
    if (!came.ok) {
      if ((came as Failed).type === 'TooLarge' && at.limit > 1) {
        at = { ...at, limit: Math.ceil(at.limit / 4) };
        continue;
      }
      return { episodes: [...episodes.values()], missing: seen(came.sentence), unread: came.kind };
    }
    chronicle.actsAs(came.agent);
    hidden += came.hidden;
    for (const episode of came.episodes) episodes.set(episode.id, episode);
    const items = Array.from({ length: came.came }, () => ({ [paging.times.field]: came.edge }));
    const step = after(at, paging, { items, hidden: came.hidden, more: came.more });
    if ('end' in step)
      return {
        episodes: [...episodes.values()],
        missing: seen(step.end === 'cut' ? 'more than PagerDuty shows' : undefined),
      };
    at = step.next;
  }
  return { episodes: [...episodes.values()], missing: seen(`more than the first ${episodes.size}`) };
}
