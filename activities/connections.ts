import { StoreAway } from '../gate/audit-store.ts';
import { type Permit, spent } from '../gate/permit.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import { type Answer, type Connection, send } from '../pagerduty/http.ts';
import { countRefused } from './telemetry.ts';

/** What a request is about that was refused and is sent again. */
export const staleToken = 'an OAuth token that had run out';

/** There is no way to PagerDuty, for a reason of ours: a credential that cannot be read, an account that is gone. Nothing was sent. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected';
}

/**
 * Sends what a permit allows, and once more with a new OAuth token where PagerDuty takes the old one no longer: a 401 has done
 * nothing.
 * @param onStale hears of the first request, so that it is listed like the second.
 * @param leftMs how much time is left for it; the operation's own limit where absent.
 * @throws PagerDutyError, or NotConnected.
 */
export async function sendOver<Name extends OperationName>(
  connect: () => Promise<Connection>,
  permit: Permit<Name>,
  onStale: (facts: PagerDutyError['facts']) => void,
  leftMs: () => number | undefined = () => undefined,
): Promise<Answer<Name>> {
  const { name } = permit;
  const request = spent(permit);
  const connection = await connected(connect);
  try {
    return await send(connection, name, request, leftMs());
  } catch (error) {
    countRefused(name, error);
    const isStale = error instanceof PagerDutyError && error.facts.kind === 'Unauthenticated';
    if (!isStale || !connection.drop) throw error;
    connection.drop();
    onStale(error.facts);
    return send(await connected(connect), name, request, leftMs());
  }
}

async function connected(connect: () => Promise<Connection>): Promise<Connection> {
  try {
    return await connect();
  } catch (error) {
    // These tell for themselves that nothing was sent.
    if (error instanceof PagerDutyError || error instanceof StoreAway) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new NotConnected(`${why} Nothing was sent.`, { cause: error });
  }
}
