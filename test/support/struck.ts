import type { Stage } from './stage.ts';

/** What faults struck since PagerDuty's log had so many requests, in their order: `createIncident drop_response`. */
export const struckSince = async (stage: Stage, before: number): Promise<readonly string[]> =>
  (await stage.requests())
    .slice(before)
    .flatMap(({ operation, fault }) => (fault === undefined ? [] : [`${operation} ${fault}`]));
