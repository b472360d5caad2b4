import type { Stamp } from './audit.ts';
import { hashesAt } from './audit-rows.ts';
import { type Store, withStore } from './audit-store.ts';
import type { Finding } from './audit-verify.ts';

/** Somebody who knows what hash a record had. */
export interface Testimony extends Stamp {
  /** Who says so, as it stands before "knows": `the run triage:main:P1`. */
  readonly by: string;
}

/**
 * Compares the store with those who saw it earlier. A chain that was rewritten from some record on is whole in itself, and
 * every testimony from there on contradicts it, while every earlier one agrees.
 */
export class Witnesses {
  readonly #store: Store;
  readonly #agreed: number[] = [];
  #first: (Testimony & { readonly isThere: boolean }) | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Hears testimonies, in any order. */
  async hear(testimonies: readonly Testimony[]): Promise<void> {
    const hashes = await hashesAt(this.#store, [...new Set(testimonies.map(({ seq }) => seq))]);
    for (const testimony of testimonies) {
      const found = hashes.get(testimony.seq);
      if (found === testimony.hash) this.#agreed.push(testimony.seq);
      else if (testimony.seq < (this.#first?.seq ?? Number.POSITIVE_INFINITY))
        this.#first = { ...testimony, isThere: found !== undefined };
    }
  }

  /** What the first contradiction tells; nothing where all agree. @param last the last record that is there. */
  finding(last: number): Finding | undefined {
    if (!this.#first) return undefined;
    const { seq, by, isThere } = this.#first;
    const good = this.#agreed.reduce((most, agreed) => (agreed < seq ? Math.max(most, agreed) : most), 0);
    if (!isThere) {
      const first = seq > last ? last + 1 : seq;
      const others = seq === first ? 'is missing' : `and others up to #${seq} at least are missing`;
      return { seq: first, from: first, sentence: `Record #${first} ${others}: ${by} knows #${seq}.` };
    }
    const from = good + 1;
    const range = from === seq ? `Record #${seq} is false` : `A record from #${from} to #${seq} is false`;
    return {
      seq,
      from,
      sentence: `${range}: ${by} knows #${seq} under another hash.`,
    };
  }
}

/** What the store's own claims of writes know: who rewrites the records must think of these too. */
export async function* claims(store: Store): AsyncGenerator<readonly Testimony[], void, undefined> {
  const pageSize = 1_000;
  for (let after = ''; ; ) {
    const page = store
      .selectFrom('steps')
      .select(['step_key', 'entry', 'entry_hash'])
      .where('step_key', '>', after)
      .orderBy('step_key')
      .limit(pageSize);
    const found = await withStore(() => page.execute());
    yield found.map(({ step_key, entry, entry_hash }) => ({
      seq: entry,
      hash: entry_hash,
      by: `the claim of the step ${JSON.stringify(step_key)}`,
    }));
    const next = found.at(-1)?.step_key;
    if (next === undefined || found.length < pageSize) return;
    after = next;
  }
}
