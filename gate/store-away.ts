/** The store can't be opened, read or written. Without it nothing is sent, except releases. */
export class StoreAway extends Error {
  override readonly name: string = 'StoreAway';
}

/** The store is there and its tables are not those of this program: no waiting mends that, so no Worker starts on it. */
export class StoreUnfit extends StoreAway {
  override readonly name = 'StoreUnfit';
}

/** What a driver knows of a failure. */
export interface Failed {
  /** Whether what was asked may have been kept nevertheless: `unknown` where the answer to a commit was lost. */
  readonly effect: 'none' | 'unknown';
  /** Whether asking again at once may do. */
  readonly again: boolean;
}

/** The database did not do what it was asked; the message says why, as it follows "cannot be used". Never leaves the gate. */
export class StoreFault extends Error {
  override readonly name = 'StoreFault';
  readonly failed: Failed;

  constructor(why: string, failed: Failed, cause?: unknown) {
    super(why, cause === undefined ? undefined : { cause });
    this.failed = failed;
  }
}

/**
 * What of an error is the store's own fault; `undefined` where the error is another's. SQLite says of each of its errors that
 * nothing was kept, and has waited by itself where that could help.
 */
export function faultOf(error: unknown): StoreFault | undefined {
  if (error instanceof StoreFault) return error;
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : error.name;
  if (!/^(SQLITE_|SqliteError)/.test(code)) return undefined;
  return new StoreFault(reasonOf(error), { effect: 'none', again: false }, error);
}

/** An error's own words, as they stand inside a sentence. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
