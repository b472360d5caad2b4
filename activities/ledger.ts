import { type AuditRecord, append, areThere, recall, type Stamp, write } from '../gate/audit.ts';
import {
  type LeaseRow,
  type StepRow,
  StoreAway,
  type StoreTransaction,
  transact,
  withStore,
} from '../gate/audit-store.ts';
import type { Switches } from '../gate/facts.ts';
import * as leases from '../gate/leases.ts';
import type { Policy } from '../gate/policy.ts';
import { journal } from '../gate/release-journal.ts';
import { claim, findStep, type Settled, type Step, settle } from '../gate/steps.ts';
import { storeClock } from '../gate/store-clock.ts';
import { switchesFor, use } from '../gate/switches.ts';
import type { Deps } from './deps.ts';
import { tellRecord } from './telemetry.ts';

type Asked = Parameters<typeof switchesFor>[2];

/** What one transaction of a decision can do. */
export interface Book {
  /** The clock that all Workers share, milliseconds since 1970. */
  readonly now: () => Promise<number>;
  readonly switches: (policy: Policy, asked: Asked) => Promise<Switches>;
  readonly append: (record: AuditRecord) => Promise<Stamp>;
  readonly use: (asked: Asked) => Promise<void>;
  readonly claim: (step: Step, stamp: Stamp, claimed: Parameters<typeof claim>[3]) => Promise<void>;
  readonly openLease: (lease: LeaseRow) => Promise<void>;
}

/** What `perform` writes down, and what it claims. */
export interface Ledger {
  /** The clock that all Workers share, milliseconds since 1970. */
  readonly now: () => Promise<number>;
  readonly find: (step: Step) => Promise<StepRow | undefined>;
  readonly entry: (record: AuditRecord) => Promise<Stamp>;
  /**
   * The last word of the gate and all that hangs on it: together, or not at all. `work` may be done again, where nothing was
   * kept of it.
   */
  readonly decide: <T>(work: (book: Book) => Promise<T>) => Promise<T>;
  readonly settle: (
    step: Step,
    stamp: Stamp,
    settled: Settled,
    record: AuditRecord,
    also?: (tx: StoreTransaction) => Promise<void>,
  ) => Promise<void>;
  readonly lease: (account: string, incident: string) => Promise<LeaseRow | undefined>;
  /** The record of that number; `undefined` where it is not in the store. */
  readonly recall: (stamp: Stamp) => Promise<AuditRecord | undefined>;
}

/** The ledger of one attempt; what it keeps is counted. For the runner, and for it alone, a store that is away gives way to a local file. */
export function ledgerFor(deps: Deps, mayJournal: boolean): Ledger {
  const ledger = mayJournal ? eitherLedger(deps) : storeLedger(deps);
  return telling(ledger, (record) => tellRecord(deps, record));
}

function eitherLedger(deps: Deps): Ledger {
  const inStore = storeLedger(deps);
  const inFile = journalLedger(deps);
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
    now: either(inStore.now, inFile.now),
    find: either(inStore.find, inFile.find),
    entry: either(inStore.entry, inFile.entry),
    decide: (work) =>
      either(
        () => inStore.decide(work),
        () => inFile.decide(work),
      )(),
    settle: either(inStore.settle, inFile.settle),
    lease: either(inStore.lease, inFile.lease),
    recall: either(inStore.recall, inFile.recall),
  };
}

/** A ledger that tells of each record once it stands, and not before. */
export function telling(ledger: Ledger, stands: (record: AuditRecord) => void): Ledger {
  return {
    ...ledger,
    entry: async (record) => {
      const stamp = await ledger.entry(record);
      stands(record);
      return stamp;
    },
    settle: async (step, stamp, settled, record, also) => {
      await ledger.settle(step, stamp, settled, record, also);
      stands(record);
    },
    decide: async (work) => {
      let records: AuditRecord[] = [];
      const result = await ledger.decide((book) => {
        // Done again, it appends anew.
        records = [];
        const append: Book['append'] = (record) => {
          records.push(record);
          return book.append(record);
        };
        return work({ ...book, append });
      });
      for (const record of records) stands(record);
      return result;
    },
  };
}

function storeLedger({ store }: Deps): Ledger {
  return {
    now: async () => {
      const open = await store();
      return withStore(() => storeClock(open));
    },
    find: async (step) => findStep(await store(), step),
    entry: async (record) => write(await store(), record),
    decide: async (work) => {
      let stamps: Stamp[] = [];
      return transact(
        await store(),
        (tx) => {
          stamps = [];
          return work(bookIn(tx, stamps));
        },
        (tx) => areThere(tx, stamps),
      );
    },
    settle: async (step, stamp, settled, record, also) =>
      settle(await store(), step, stamp.seq, settled, record, also),
    lease: async (account, incident) => leases.leaseOn(await store(), account, incident),
    recall: async ({ seq }) => recall(await store(), seq),
  };
}

/** @param stamps takes those of what is appended. */
const bookIn = (tx: StoreTransaction, stamps: Stamp[]): Book => ({
  now: () => storeClock(tx),
  switches: (policy, asked) => switchesFor(tx, policy, asked),
  append: async (record) => {
    const [stamp] = await append(tx, [record]);
    if (!stamp) throw new Error('the audit took a record and gave no number for it');
    stamps.push(stamp);
    return stamp;
  },
  use: (asked) => use(tx, asked),
  claim: (step, stamp, claimed) => claim(tx, step, stamp, claimed),
  openLease: (lease) => leases.open(tx, lease),
});

/** Remembers no step: a release reads the incident in each attempt, and one that is triggered again is not sent twice. */
function journalLedger({ journalFile: file, now: ours }: Deps): Ledger {
  const now = async (): Promise<number> => ours();
  const record = async (content: AuditRecord): Promise<Stamp> => {
    journal(file, content);
    return { seq: 0, hash: 'journal' };
  };
  const book: Book = {
    now,
    switches: async () => ({ frozen: null, disabled: null, uses: {} }),
    append: record,
    use: async () => {},
    claim: async () => {},
    openLease: async () => {},
  };
  return {
    now,
    find: async () => undefined,
    entry: record,
    decide: (work) => work(book),
    settle: async (_step, _stamp, _settled, content) => void (await record(content)),
    lease: async () => undefined,
    recall: async () => undefined,
  };
}
