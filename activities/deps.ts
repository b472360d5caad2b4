import type { LeaseRow, Store } from '../gate/audit-store.ts';
import type { Agent } from '../gate/configuration.ts';
import type { PolicyState } from '../gate/policy-source.ts';
import type { Ordered } from '../gate/standing.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { Connection, Watch } from '../pagerduty/http.ts';
import type { Beside, SeenIncident } from '../workflows/seen.ts';
import type { Stated } from '../workflows/state.ts';
import type { FactCache } from './facts.ts';
import type { OriginReader } from './origin.ts';
import type { PagerDutyClock } from './pagerduty-clock.ts';
import type { Runs } from './runs.ts';
import type { ShiftSchedules } from './shifts.ts';

/** What the Activities of one account work with. Made once, by `createActivities`. */
export interface Deps {
  readonly account: string;
  /** The configuration at this moment. */
  readonly policy: () => PolicyState;
  /** A connection with the agent's own credential where it has one, else the account's; that from the configuration or, where it is broken, as it was last seen good. */
  readonly connection: (agent?: Agent) => Promise<Connection>;
  /** Every `From` address of the account and of the agents that have their own, in lower case. */
  readonly ourAddresses: () => Promise<readonly string[]>;
  /** The audit store, opened where it was not; rejects with `StoreAway`. */
  readonly store: () => Promise<Store>;
  /** All users our `From` addresses ever named, these included; only these where the store is away. */
  readonly ourUsers: (named: readonly string[]) => Promise<readonly string[]>;
  /** File that takes the records of releases while the store is away. */
  readonly journalFile: string;
  readonly origin: OriginReader;
  readonly cache: FactCache;
  readonly clock: PagerDutyClock;
  /** Whether a lease still holds: not run out, its run open, its agent known. */
  readonly isLive: (lease: LeaseRow) => Promise<boolean>;
  /** Whether the attempt that runs now is still waited for. */
  readonly isWanted: () => Promise<boolean>;
  /** What the server says of the account's runs. */
  readonly runs: Runs;
  /** The Schedules that sweep the account, and what comes of it while one does nothing. */
  readonly sweeps: readonly { readonly scheduleId: string; readonly without: string }[];
  /** The Schedules of orders at shift changes. */
  readonly shiftSchedules: ShiftSchedules;
  /** The id of the run that a standing order starts. */
  readonly orderedId: (workflow: string, input: Ordered) => string;
  readonly states: States;
  /** What keeps traces; absent where nobody does. */
  readonly trace?: Trace;
  /** Our own clock. What another Worker is to compare is told by the store's. */
  readonly now: () => number;
}

/** The trace of the Activity that runs now. Told names and ids, never words: a trace is read by more people than the audit. */
export interface Trace {
  readonly tell: (facts: Readonly<Record<`oncall.${string}`, string>>) => void;
  /** Traces each request to PagerDuty. */
  readonly watch: Watch;
}

/** How runs say in one line what an incident is, when such a line is old, and what is different since a plan saw it: see `workflows/state.ts` and `seen.ts`. */
export interface States {
  readonly stateOf: (incident: Stated) => string;
  readonly isOutdated: (known: string, listed: string | undefined) => boolean;
  readonly driftOf: (was: SeenIncident, now: Incident, beside: Beside) => readonly string[];
}
