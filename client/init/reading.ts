import { setTimeout as passes } from 'node:timers/promises';
import type { RequestOf, ResponseOf } from '../../pagerduty/catalogue/index.ts';
import { PagerDutyError } from '../../pagerduty/errors.ts';
import type { Looker, Reading } from '../../pagerduty/looking.ts';
import {
  begin,
  eachPage,
  type Page,
  type PagedName,
  type Position,
  pageAt,
  pagings,
} from '../../workflows/walk.ts';
import { OncallError } from '../errors.ts';
import { Stopped } from '../processes.ts';

/** How long one waits for PagerDuty, and how often. */
export interface Patience {
  /** After a 429 that does not say how long, in milliseconds. */
  readonly unsaidMs: number;
  /** How often one question is asked again after a 429. */
  readonly refusals: number;
  /** How long after an answer that was lost, or a fault of PagerDuty's, in milliseconds; once for each. */
  readonly faultsMs: readonly number[];
}

/** A key's limit is by the minute, so that it opens again within one; others may use the key as well. */
export const usualPatience: Patience = { unsaidMs: 20_000, refusals: 10, faultsMs: [500, 2_000, 5_000] };

/** What reads, and who is told when that takes longer. */
export interface Reader extends Looker {
  /**
   * Reads a list to its end, page by page.
   * @param take gets what each page brings.
   * @returns whether that is all there is: beyond 10,000 PagerDuty shows no more where a list cannot be cut by time.
   */
  readonly walk: <Name extends PagedReading>(
    name: Name,
    query: NonNullable<QueryOf<Name>>,
    take: (response: ResponseOf<Name>) => void,
  ) => Promise<boolean>;
}

/** Lists that page and stand by themselves. */
export type PagedReading = Exclude<PagedName, 'listIncidentAlerts' | 'listIncidentLogEntries'> & Reading;

type QueryOf<Name extends PagedReading> = RequestOf<Name> extends { query?: infer Query } ? Query : never;

export interface Reads {
  readonly say: (line: string) => void;
  /** Once aborted, nothing more is asked. */
  readonly stop: AbortSignal;
  readonly patience: Patience;
  readonly now: () => number;
}

/**
 * A looker that waits where PagerDuty asks it to, one request at a time. Outside of Temporal nobody else waits for it.
 * @throws Stopped once it was to stop; OncallError where PagerDuty's limit has no room for too long.
 */
export function readerOf(looker: Looker, { say, stop, patience, now }: Reads): Reader {
  const read: Looker['read'] = async (name, request) => {
    let [refusals, faults] = [0, 0];
    for (;;) {
      if (stop.aborted) throw new Stopped();
      try {
        return await unless(stop, looker.read(name, request));
      } catch (error) {
        const waitMs = error instanceof PagerDutyError ? waitAfter(error) : undefined;
        if (waitMs === undefined) throw error;
        await passes(waitMs, undefined, { signal: stop }).catch(() => {
          throw new Stopped();
        });
      }
    }

    /** Milliseconds to wait before the same is asked again; `undefined` where that is of no use. */
    function waitAfter({ facts: { kind, effect, retryAfterMs } }: PagerDutyError): number | undefined {
      if (kind === 'RateLimited') {
        refusals += 1;
        if (refusals > patience.refusals)
          throw new OncallError(
            `PagerDuty refused ${name} ${refusals} times, since this key's limit is used up: others use it as well. Call this again when they do less, or take a key of its own.`,
          );
        const waitMs = retryAfterMs ?? patience.unsaidMs;
        say(`PagerDuty's limit for this key is used up; going on in ${Math.ceil(waitMs / 1_000)} s.`);
        return waitMs;
      }
      // Where it cannot be reached at all, that is the answer.
      if (kind !== 'Unavailable' || effect === 'nothing') return undefined;
      faults += 1;
      return patience.faultsMs[faults - 1];
    }
  };

  return {
    ...looker,
    read,
    walk: async (name, query, take) => {
      const paging = pagings[name];
      const ask = async (at: Position) => {
        const { response } = await read(name, { query: pageAt(at, paging) } as RequestOf<typeof name>);
        return { ok: true as const, response };
      };
      const walked = await eachPage(
        {
          position: begin(paging, query as Readonly<Record<string, unknown>>, now()),
          paging,
          mostPages: Infinity,
        },
        ask,
        ({ response }): Page => {
          take(response);
          const { more, [paging.items]: items } = response as Readonly<Record<string, unknown>>;
          return { items: items as Page['items'], more: more === true };
        },
      );
      return 'end' in walked && walked.end === 'complete';
    },
  };
}

/** What is under way when it is to stop is not waited for. */
async function unless<T>(stop: AbortSignal, work: Promise<T>): Promise<T> {
  let leave: () => void = () => {};
  const stopped = new Promise<never>((_, reject) => {
    leave = () => reject(new Stopped());
    stop.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stop.removeEventListener('abort', leave);
    stopped.catch(() => {});
  }
}
