import type { Kysely, Transaction } from 'kysely';

/** One audit record as it lies in the store. `record` is its canonical JSON; the other columns repeat what lists filter by. */
export interface AuditRow {
  seq: number;
  at: string;
  kind: string;
  agent: string;
  action: string;
  decision: string;
  workflow_id: string;
  incident: string | null;
  record: string;
  prev: string;
  hash: string;
}

/** The claim of one write: its state, and what came of it. */
export interface StepRow {
  step_key: string;
  /** Digest of operation and request: another request under the same key is an error, never a match. */
  digest: string;
  state: 'sent' | 'unknown' | 'refused' | 'done';
  /** Sequence number of the entry that allowed the last try. */
  entry: number;
  entry_hash: string;
  /** By PagerDuty's clock, ISO 8601: no effect of the tries that are in doubt is older. */
  sent_at: string;
  /** When the last try's HTTP limit ends, by the store's clock, milliseconds since 1970: until then its answer may still come. */
  answer_by: number;
  /** Until when the incident is held, where the write is an acknowledge; milliseconds since 1970. */
  lease_until: number | null;
  result: string | null;
}

/** An incident that a run of ours holds acknowledged. One row an incident; the newest acknowledge wins. */
export interface LeaseRow {
  account: string;
  incident: string;
  workflow_id: string;
  first_run_id: string;
  agent: string;
  policy: string | null;
  /** Milliseconds since 1970. */
  expires_at: number;
}

/** An open incident as a sweep listed it. The rows of a complete sweep are what the next one is compared with. */
export interface SweptRow {
  account: string;
  incident: string;
  /** The sweep: when it began, milliseconds since 1970. */
  sweep: number;
  /** Its state in one line, as runs keep it. */
  state: string;
  service: string | null;
  /** When PagerDuty opened it, milliseconds since 1970. */
  opened_at: number;
  /** The sweep that read this state. An older one where what has happened since could not be told yet. */
  state_at: number;
  /** The sweep that last compared its notes. */
  notes_at: number | null;
}

/** The last complete sweep of an account. */
export interface SweepRow {
  account: string;
  /** When it began, milliseconds since 1970. */
  sweep: number;
  /** The oldest comparison of notes that counts; `null` before the first. */
  notes_until: number | null;
  /** Digests of the standing orders that it knew, as JSON. */
  orders: string;
}

/** When an order at shift changes is due, as the runner has read it. */
export interface ShiftRow {
  account: string;
  /** Name of the order. */
  name: string;
  /** As JSON: see `shift-changes.ts`. */
  kept: string;
}

/** A kill switch that was pressed: everything frozen, or one identity disabled. It holds until an operator's statement lifts it. */
export interface SwitchRow {
  id: string;
  kind: 'freeze' | 'disable';
  /** Who is disabled; empty where everything is frozen. */
  name: string;
  /** ISO 8601. */
  at: string;
  by_whom: string;
  reason: string;
  lifted: string | null;
  /** Milliseconds since 1970. */
  lifted_at: number | null;
}

/** Which Worker keeps the pace of an account, and what it has to remember. */
export interface PaceRow {
  account: string;
  keeper: string;
  /** Until when no other takes over, by the store's clock, milliseconds since 1970. */
  until: number;
  /** What the keeper has learned, as JSON, for whoever comes after it. */
  memory: string;
}

/** What one Worker has counted of an account's requests. */
export interface PaceCountRow {
  account: string;
  worker: string;
  /** By the store's clock, milliseconds since 1970. */
  at: number;
  /** As JSON. */
  counts: string;
}

/** The tables of the store. */
export interface Schema {
  audit: AuditRow;
  audit_head: { id: number; seq: number; hash: string };
  steps: StepRow;
  leases: LeaseRow;
  statements: { jti: string; workflow_id: string; first_run_id: string; spent_at: string };
  accounts: { name: string; configuration: string; seen_at: string };
  our_users: { account: string; user: string };
  switches: SwitchRow;
  bearers: BearerRow;
  uses: { agent: string; granted: string; step_key: string; at: number };
  sweeps: SweepRow;
  swept: SweptRow;
  shift_changes: ShiftRow;
  pace: PaceRow;
  pace_counts: PaceCountRow;
}

/** A token by which an agent comes to a front door. Of the token itself only its hash is here. */
export interface BearerRow {
  id: string;
  agent: string;
  /** SHA-256 of the whole token, in hex. */
  hash: string;
  /** ISO 8601. */
  made_at: string;
  by_whom: string;
  /** Milliseconds since 1970. */
  expires_at: number;
  /** Since when and by whom it was revoked, in words. */
  revoked: string | null;
}

export type Store = Kysely<Schema>;
export type StoreTransaction = Transaction<Schema>;
