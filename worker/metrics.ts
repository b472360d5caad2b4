import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { AccountMeter } from '../activities/meter.ts';
import { waitsSince } from '../activities/runs.ts';
import { type Store, StoreAway } from '../gate/audit-store.ts';
import { leasesOf } from '../gate/leases.ts';
import type { PolicyState } from '../gate/policy-source.ts';
import { lastSweep } from '../gate/sweeps.ts';
import { pressedSwitches } from '../gate/switches.ts';
import { forApproval, waitingQuery } from '../workflows/contract.ts';

/** How often an account is looked at, in milliseconds: Prometheus asks no more often by default. */
const everyMs = 15_000;

/** The same after a look that failed: waiting for a file that is locked holds up the whole process. */
const awayEveryMs = 60_000;

/** How many runs that wait are looked at for the one that has waited longest. */
const mostWaiting = 1_000;

export interface Watched {
  readonly account: string;
  readonly client: Client;
  readonly store: () => Promise<Store>;
  readonly policy: () => PolicyState;
  readonly meter: AccountMeter;
  readonly log: Logger;
}

/**
 * Shows how one account stands as metrics. Every Worker of it shows the same of what all share: take the largest. The Activities
 * count what they do themselves.
 * @returns what ends it.
 */
export function showMetrics(watched: Watched): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const gauges = new AccountGauges(watched);
  const done = (async () => {
    let isTold = false;
    while (!stopping.signal.aborted) {
      const isWhole = await gauges.look().then(
        () => true,
        (error: unknown) => {
          const why = error instanceof Error ? error.message : String(error);
          if (!isTold && !stopping.signal.aborted)
            watched.log.warn({ account: watched.account }, `Some metrics are old: ${why}`);
          return false;
        },
      );
      isTold = !isWhole;
      const pause = isWhole ? everyMs : awayEveryMs;
      await sleep(pause, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}

class AccountGauges {
  readonly #watched: Watched;
  readonly #gauge: (name: string, says: string) => (value: number, tags?: Record<string, string>) => void;
  /** Requests by Task Queue that were counted already. */
  readonly #counted = new Map<string, number>();

  constructor(watched: Watched) {
    this.#watched = watched;
    const { metricMeter } = Runtime.instance();
    this.#gauge = (name, says) => {
      const gauge = metricMeter.createGauge(name, 'float', undefined, says);
      return (value, tags) => gauge.set(value, { account: watched.account, ...tags });
    };
  }

  /** Shows each thing that can be read, and then throws for the first that cannot. */
  async look(): Promise<void> {
    this.#showBudget();
    const looks = await Promise.allSettled([this.#showApprovals(), this.#showStore()]);
    const failed = looks.find((look) => look.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** What PagerDuty said of each credential's limit, and what has left. */
  #showBudget(): void {
    const { account, meter } = this.#watched;
    const { used, requests } = meter.counts;
    const limit = this.#gauge('oncall_budget_limit', 'Requests that PagerDuty gives the credential');
    const remaining = this.#gauge('oncall_budget_remaining', 'Requests that are left of them');
    for (const [credential, { heard }] of Object.entries(used)) {
      if (!heard) continue;
      limit(heard.limit, { credential });
      // Once its time is over, what was heard says nothing of what is left.
      const isOver = Date.now() >= heard.at + heard.resetMs;
      remaining(isOver ? heard.limit : heard.remaining, { credential });
    }
    const counter = Runtime.instance().metricMeter.createCounter(
      'oncall_requests_total',
      undefined,
      'Requests that left for PagerDuty’s REST API',
    );
    for (const [queue, count] of Object.entries(requests)) {
      const fresh = count - (this.#counted.get(queue) ?? 0);
      this.#counted.set(queue, count);
      if (fresh > 0) counter.add(fresh, { account, task_queue: queue });
    }
  }

  /** The runs that wait for an operator's word, and how long the oldest has. */
  async #showApprovals(): Promise<void> {
    const { account, client } = this.#watched;
    let [waiting, oldest] = [0, Number.POSITIVE_INFINITY];
    for await (const { memo } of client.workflow.list({ query: waitingQuery(account) })) {
      waiting += 1;
      oldest = Math.min(oldest, waitsSince(memo, forApproval));
      if (waiting === mostWaiting) break;
    }
    const age = Number.isFinite(oldest) ? Math.max(0, Date.now() - oldest) / 1_000 : 0;
    this.#gauge('oncall_approvals_waiting', 'Runs that wait for an operator’s word')(waiting);
    this.#gauge('oncall_approval_oldest_seconds', 'How long the oldest of them has waited')(age);
  }

  /** What the store knows, and whether it can be read. */
  async #showStore(): Promise<void> {
    const { account, policy } = this.#watched;
    const isThere = this.#gauge('oncall_store_up', 'Whether the audit store can be read');
    try {
      const store = await this.#watched.store();
      const held = await leasesOf(store, account);
      const sweep = await lastSweep(store, account);
      isThere(1);
      this.#gauge('oncall_leases', 'Incidents that runs hold')(held.length);
      if (sweep)
        this.#gauge(
          'oncall_sweep_complete_until_seconds',
          'Until when the sweep knows all, since 1970',
        )(sweep.sweep / 1_000);
      const state = policy();
      const isFrozen = state.readable && (await pressedSwitches(store, state.policy, 'freeze')).length > 0;
      this.#gauge('oncall_frozen', 'Whether everything is frozen')(isFrozen ? 1 : 0);
    } catch (error) {
      if (error instanceof StoreAway) isThere(0);
      throw error;
    }
  }
}
