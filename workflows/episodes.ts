import type { Episode, Unseen } from '../activities/index.ts';
import { attempt, type Undone } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Errand } from './contract.ts';
import { othersNotSeen } from './pages.ts';
import { activitiesOf, perform } from './proxies.ts';
import { begin, eachPage, type Position, pageAt, pagings, type Query, type Step } from './walk.ts';

/** What came of a walk through incidents. */
export interface Walked {
  readonly episodes: readonly Episode[];
  /** What could not be read, and why. */
  readonly missing: readonly string[];
  /** Why the first page that did not come did not come. */
  readonly unread?: Undone['kind'];
}

/** Reads incidents in the order of time, one Activity a page, and no more pages than that. */
export async function walkEpisodes(
  errand: Errand,
  query: Query,
  { what, mostPages }: { readonly what: string; readonly mostPages: number },
  chronicle: Chronicle,
): Promise<Walked> {
  const position = begin(pagings.listIncidents, query, Date.now());
  const { episodes, hidden, isNarrowed, walked } = await someEpisodes(
    errand,
    position,
    { what, mostPages },
    chronicle,
  );
  return {
    episodes,
    missing: [
      ...(isNarrowed ? [`${what}: ${othersNotSeen(hidden)}`] : []),
      ...endOf(walked, episodes.length).map((why) => `${what}: ${why}`),
    ],
    ...('stopped' in walked && { unread: walked.stopped.kind }),
  };
}

/** Reads some pages from a position on, and says where another walk goes on, or how this one ended. */
export async function someEpisodes(
  { account }: Errand,
  position: Position,
  { what, mostPages }: { readonly what: string; readonly mostPages: number },
  chronicle: Pick<Chronicle, 'actsAs'>,
): Promise<
  Unseen & {
    readonly episodes: readonly Episode[];
    readonly walked: Step | { readonly stopped: Undone };
  }
> {
  const { look } = activitiesOf(account);
  const paging = pagings.listIncidents;
  const episodes = new Map<string, Episode>();
  let hidden = 0;
  let isNarrowed = false;
  const walked = await eachPage(
    { position, paging, mostPages },
    (at, page) =>
      attempt(
        perform(look.listEpisodes, {
          step: `List ${what}, page ${page}`,
          query: pageAt(at, paging) as Parameters<typeof look.listEpisodes>[0]['query'],
        }),
      ),
    (came) => {
      chronicle.actsAs(came.agent);
      hidden += came.hidden;
      isNarrowed ||= came.isNarrowed;
      for (const episode of came.episodes) episodes.set(episode.id, episode);
      const items = Array.from({ length: came.came }, () => ({ [paging.times.field]: came.edge }));
      return { items, hidden: came.hidden, more: came.more };
    },
  );
  return { episodes: [...episodes.values()], hidden, isNarrowed, walked };
}

/** Why not all of it was read; nothing where all was. */
function endOf(walked: Step | { readonly stopped: Undone }, read: number): readonly string[] {
  if ('stopped' in walked) return [walked.stopped.sentence];
  if ('next' in walked) return [`more than the first ${read}`];
  return walked.end === 'cut' ? ['more than PagerDuty shows'] : [];
}
