import { type AuditRecord, type Stamp, write } from '../gate/audit.ts';
import { type LeaseRow, type StepRow, StoreAway, type StoreTransaction } from '../gate/audit-store.ts';
import { leaseOn } from '../gate/leases.ts';
import { journal } from '../gate/release-journal.ts';
import { claim, findStep, type Step, settle } from '../gate/steps.ts';
import type { Deps } from './deps.ts';

/** What `perform` writes down, and what it claims. */
export interface Ledger {
  readonly find: (step: Step) => Promise<StepRow | undefined>;
  readonly entry: (record: AuditRecord) => Promise<Stamp>;
  readonly claim: (
    step: Step,
    record: AuditRecord,
    claimed: Parameters<typeof claim>[3],
    also: (tx: StoreTransaction) => Promise<void>,
  ) => Promise<Stamp>;
  readonly settle: (
    step: Step,
    stamp: Stamp,
    state: 'refused' | 'unknown' | 'done',
    record: AuditRecord,
    result: unknown,
    also: (tx: StoreTransaction) => Promise<void>,
  ) => Promise<void>;
  readonly lease: (account: string, incident: string) => Promise<LeaseRow | undefined>;
}

/** The ledger of one attempt. For the runner, and for it alone, a store that is away gives way to a local file. */
export function ledgerFor(deps: Deps, mayJournal: boolean): Ledger {
  const inStore = storeLedger(deps);
  if (!mayJournal) return inStore;
  const inFile = journalLedger(deps.journalFile);
  let isAway = false;
  // Once away, away for the rest of the attempt: a locked store answers late each time.
  const either =
    <Args extends readonly unknown[], T>(
      first: (...args: Args) => Promise<T>,
      second: (...args: Args) => Promise<T>,
    ) =>
    async (...args: Args): Promise<T> => {
      if (isAway) return second(...args);
      try {
        return await first(...args);
      } catch (error) {
        if (!(error instanceof StoreAway)) throw error;
        isAway = true;
        return second(...args);
      }
    };
  return {
    find: either(inStore.find, inFile.find),
    entry: either(inStore.entry, inFile.entry),
    claim: either(inStore.claim, inFile.claim),
    settle: either(inStore.settle, inFile.settle),
    lease: either(inStore.lease, inFile.lease),
  };
}

function storeLedger({ store }: Deps): Ledger {
  return {
    find: async (step) => findStep(await store(), step),
    entry: async (record) => write(await store(), record),
    claim: async (step, record, claimed, also) => claim(await store(), step, record, claimed, also),
    settle: async (step, stamp, state, record, result, also) =>
      settle(await store(), step, stamp.seq, state, record, result, also),
    lease: async (account, incident) => leaseOn(await store(), account, incident),
  };
}

/** Remembers no step: a release reads the incident in each attempt, and one that is triggered again is not sent twice. */
function journalLedger(file: string): Ledger {
  const write = async (record: AuditRecord): Promise<Stamp> => {
    journal(file, record);
    return { seq: 0, hash: 'journal' };
  };
  return {
    find: async () => undefined,
    entry: write,
    claim: async (_step, record) => write(record),
    settle: async (_step, _stamp, _state, record) => void (await write(record)),
    lease: async () => undefined,
  };
}
