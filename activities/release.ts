import type { Stamp } from '../gate/audit.ts';
import { mayRepeat, StoreAway, transact } from '../gate/audit-store.ts';
import * as leases from '../gate/leases.ts';
import { carryOver } from '../gate/release-journal.ts';
import { idsOf } from '../pagerduty/catalogue/users.ts';
import type { Deps } from './deps.ts';
import { factsOf } from './facts.ts';
import { toFailure } from './failures.ts';
import { ledgerFor } from './ledger.ts';
import { perform } from './perform.ts';
import type { CallResult, NotDone } from './results.ts';

/** An incident that only our own users acknowledged and no live lease holds. */
export interface Unheld {
  readonly incident: string;
  readonly number: number;
}

/** How long after its end a lease is remembered, for the escalation policy it recorded. */
const keepsLeasesMs = 24 * 3_600_000;

/** One page of the sweep. */
export interface UnheldPage {
  readonly ok: true;
  readonly unheld: readonly Unheld[];
  /** Where the next page begins; `null` after the last. */
  readonly next: number | null;
  /** The entry of its reading; it vouches for all that was written before. */
  readonly entry: Stamp;
}

/**
 * Sets an incident that a run of ours acknowledged back to triggered, on the escalation policy that was recorded when it was
 * taken; one that was handed to somebody meanwhile for that person again, and nobody else. The runner's own action, which nothing refuses; `ok: false` says that there was nothing to give back.
 */
export async function release(
  deps: Deps,
  { step, incident }: { readonly step: string; readonly incident: string },
): Promise<CallResult<'updateIncident'>> {
  const ledger = ledgerFor(deps, true);
  let lease = await ledger.lease(deps.account, incident);
  let policy = lease?.policy ?? undefined;
  let id = incident;
  if (!lease) {
    const read = await perform(deps, 'getIncident', {
      step: `${step}: its policy`,
      request: { params: { id: incident } },
    });
    if (!read.ok) return read;
    // PagerDuty reads an incident by its number too; leases know ids.
    ({ id } = read.response.incident);
    lease = await ledger.lease(deps.account, id);
    policy = lease?.policy ?? read.response.incident.escalation_policy?.id;
  }
  const give = (named: string, to: object): Promise<CallResult<'updateIncident'>> =>
    perform(deps, 'updateIncident', {
      step: named,
      request: {
        params: { id },
        body: { incident: { type: 'incident_reference', status: 'triggered', ...to } },
      },
    });
  let result = await give(
    step,
    policy === undefined ? {} : { escalation_policy: { id: policy, type: 'escalation_policy_reference' } },
  );
  const { incident: now } = result.ok ? {} : result;
  if (policy !== undefined && now?.chosen === true && now.status === 'acknowledged')
    result = await give(`${step}, to whom it was handed`, {});
  if (!result.ok && lease && isOver(result)) {
    await deps
      .store()
      .then((store) => transact(store, (tx) => leases.end(tx, deps.account, id), mayRepeat))
      .catch(onlyIfAway);
  }
  return result;
}

/** Whether people have the incident: then no lease is left to keep. */
const isOver = ({ incident }: NotDone): boolean =>
  incident !== undefined && incident.status !== 'acknowledged';

function onlyIfAway(error: unknown): void {
  if (!(error instanceof StoreAway)) throw toFailure(error);
}

/** Ids of the users whom our `From` addresses name, and named before. */
export async function listOurUsers(
  deps: Deps,
  { step }: { readonly step: string },
): Promise<{ readonly ok: true; readonly ourUsers: readonly string[]; readonly entry?: Stamp } | NotDone> {
  const named: string[] = [];
  let entry: Stamp | undefined;
  for (const address of await deps.ourAddresses()) {
    const request = { query: { query: address, limit: 100 } };
    const result = await perform(deps, 'listUsers', { step, request });
    if (!result.ok) return result;
    named.push(...idsOf(result.response.users, address));
    entry = result.entry;
  }
  return { ok: true, ourUsers: await deps.ourUsers(named), ...(entry && { entry }) };
}

/**
 * One page of all acknowledged incidents, cut to those that nobody works on: acknowledged by us alone, and no lease of a run
 * that still holds it. Also tidies the store: carries over what releases wrote down while it was away, and forgets old leases.
 */
export async function listUnheld(
  deps: Deps,
  input: { readonly step: string; readonly offset: number; readonly ourUsers: readonly string[] },
): Promise<UnheldPage | NotDone> {
  const ledger = ledgerFor(deps, true);
  try {
    const store = await deps.store();
    await carryOver(store, deps.journalFile);
    await leases.forgetBefore(store, deps.account, (await ledger.now()) - keepsLeasesMs);
  } catch (error) {
    onlyIfAway(error);
  }
  const result = await perform(deps, 'listIncidents', {
    step: input.step,
    request: {
      query: { 'statuses[]': ['acknowledged'], date_range: 'all', limit: 100, offset: input.offset },
    },
  });
  if (!result.ok) return result;
  const { incidents, more } = result.response;
  const unheld: Unheld[] = [];
  for (const incident of incidents) {
    const { acknowledgers } = factsOf(incident);
    if (acknowledgers.length === 0 || !acknowledgers.every((user) => input.ourUsers.includes(user))) continue;
    const lease = await ledger.lease(deps.account, incident.id);
    if (lease && (await deps.isLive(lease))) continue;
    unheld.push({ incident: incident.id, number: incident.incident_number });
  }
  const next = more && incidents.length > 0 ? input.offset + incidents.length : null;
  return { ok: true, unheld, next, entry: result.entry };
}
