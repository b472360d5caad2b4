import type { Query } from '../query.ts';
import { Refusal } from '../refusal.ts';
import { type Stamp, stampIn, stampUtc } from '../times.ts';
import type { World } from '../world.ts';

/** How an answer is to be written: what is asked for in full, and in which time zone. */
export interface View {
  readonly world: World;
  /** Whether `include[]` names it: then the full object stands where a reference would. */
  readonly includes: (what: string) => boolean;
  readonly stamp: Stamp;
}

/** What writes take: references only, UTC. */
export const plainView = (world: World): View => ({ world, includes: () => false, stamp: stampUtc });

/** How to write inside an object that is there because it was included. */
export const referencesOnly = (view: View): View => ({ ...view, includes: () => false });

/**
 * In the zone that is asked for, or else in this one.
 * @throws Refusal 2001 for a time zone that does not exist.
 */
export function viewOf(world: World, query: Query, zone?: string): View {
  return {
    world,
    includes: (what) => query.includes(what),
    stamp: stampAsked(query.text('time_zone') ?? zone),
  };
}

function stampAsked(zone: string | undefined): Stamp {
  if (zone === undefined) return stampUtc;
  try {
    return stampIn(zone);
  } catch {
    throw new Refusal(2001, 'Time zone is not included in the list');
  }
}
