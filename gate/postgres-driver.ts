import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import type pg from 'pg';
import { commitFault, connectFault, isLost, isSilence, statementFault, TimeUp } from './postgres-faults.ts';
import { StoreFault } from './store-away.ts';

/** How long PostgreSQL may take, in milliseconds. */
export interface Patience {
  /** Until a connection is free, or made. */
  readonly connectMs: number;
  /** For one statement, and what it waits for. */
  readonly statementMs: number;
  /** From the beginning of a transaction to its end. */
  readonly transactionMs: number;
}

/** Leaves PostgreSQL the time to say itself what took too long: first of a lock, then of a statement. */
const graceMs = 250;

/** How long a database that did not answer is left alone: a release asks several times, and must not wait each time. */
const restMs = 3_000;

/**
 * PostgreSQL for Kysely, by a driver of its own. Kysely's would hand on a connection whose transaction never began or never
 * ended, take the answer `ROLLBACK` to a commit for a commit, hide why a transaction failed behind the rollback that failed too,
 * and wait without end for a database that hangs.
 * @param begin what begins a transaction, beside `begin` itself.
 */
export const postgresDialect = (pool: pg.Pool, patience: Patience, begin: string): Dialect => ({
  createDriver: () => new PostgresDriver(pool, patience, begin),
  createQueryCompiler: () => new PostgresQueryCompiler(),
  createAdapter: () => new PostgresAdapter(),
  createIntrospector: (db) => new PostgresIntrospector(db),
});

class PostgresDriver implements Driver {
  readonly #pool: pg.Pool;
  readonly #patience: Patience;
  readonly #begin: string;
  /** Until when nothing is asked, by `performance.now()`. */
  #restsUntil = 0;

  constructor(pool: pg.Pool, patience: Patience, begin: string) {
    this.#pool = pool;
    this.#patience = patience;
    this.#begin = begin;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PostgresConnection> {
    if (performance.now() < this.#restsUntil)
      throw new StoreFault('it did not answer a moment ago', { effect: 'none', again: false });
    const rest = (): void => {
      this.#restsUntil = performance.now() + restMs;
    };
    try {
      return new PostgresConnection(await this.#pool.connect(), this.#patience, rest);
    } catch (error) {
      if (isSilence(error)) rest();
      throw connectFault(error);
    }
  }

  beginTransaction(connection: PostgresConnection): Promise<void> {
    return connection.begin(this.#begin);
  }

  commitTransaction(connection: PostgresConnection): Promise<void> {
    return connection.commit();
  }

  rollbackTransaction(connection: PostgresConnection): Promise<void> {
    return connection.rollback();
  }

  async releaseConnection(connection: PostgresConnection): Promise<void> {
    connection.release();
  }

  destroy(): Promise<void> {
    return this.#pool.end();
  }
}

class PostgresConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient;
  readonly #patience: Patience;
  readonly #onSilence: () => void;
  /** When the transaction under way must be over, by `performance.now()`. */
  #until = Number.POSITIVE_INFINITY;
  #isLost = false;

  constructor(client: pg.PoolClient, patience: Patience, onSilence: () => void) {
    this.#client = client;
    this.#patience = patience;
    this.#onSilence = onSilence;
  }

  async begin(more: string): Promise<void> {
    const { statementMs, transactionMs } = this.#patience;
    this.#until = performance.now() + transactionMs;
    // One message, one answer. The limits end with the transaction, so that a pool between us and PostgreSQL may hand on the connection.
    const all = [
      'begin isolation level read committed read write',
      `set local lock_timeout = ${statementMs}`,
      `set local statement_timeout = ${statementMs + graceMs}`,
      // A Worker that stands still must not keep the others waiting for its lock.
      `set local idle_in_transaction_session_timeout = ${transactionMs}`,
      more,
    ];
    try {
      await this.#ask(all.join('; '));
    } catch (error) {
      // `begin` itself may have been done.
      await this.rollback();
      throw statementFault(error);
    }
  }

  async commit(): Promise<void> {
    let command: string;
    try {
      ({ command } = await this.#ask('commit'));
    } catch (error) {
      throw commitFault(error);
    }
    // The answer to the commit of a transaction in which something had failed; it is no error.
    if (command !== 'COMMIT') throw new StoreFault('it rolled back', { effect: 'none', again: false });
  }

  /** Never fails: a connection that cannot roll back is closed, and that rolls back. */
  async rollback(): Promise<void> {
    if (this.#isLost) return;
    try {
      await this.#ask('rollback');
    } catch {
      this.#isLost = true;
    }
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    try {
      const { command, rowCount, rows } = await this.#ask(sql, parameters);
      const isWrite = ['INSERT', 'UPDATE', 'DELETE'].includes(command);
      return { rows: rows as R[], ...(isWrite && { numAffectedRows: BigInt(rowCount ?? 0) }) };
    } catch (error) {
      throw statementFault(error);
    }
  }

  streamQuery(): AsyncIterableIterator<never> {
    throw new Error('The audit store is read by the page.');
  }

  release(): void {
    const isIdle = this.#client.getTransactionStatus() === 'I';
    this.#client.release(this.#isLost || !isIdle);
  }

  async #ask(sql: string, parameters?: readonly unknown[]): Promise<pg.QueryResult> {
    const limitMs = Math.min(this.#patience.statementMs + 2 * graceMs, this.#until - performance.now());
    try {
      if (limitMs <= 0)
        throw new StoreFault('the transaction took too long', { effect: 'none', again: false });
      return await within(limitMs, this.#client.query(sql, parameters && [...parameters]));
    } catch (error) {
      if (isLost(error)) this.#isLost = true;
      if (isSilence(error)) this.#onSilence();
      throw error;
    }
  }
}

/** @throws TimeUp */
async function within<T>(ms: number, asked: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const words = `it did not answer within ${ms / 1_000} s`;
    // A process that stood still finds its timers run out before it has read what came: it reads first.
    timer = setTimeout(() => setImmediate(() => reject(new TimeUp(words))), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
    asked.catch(() => {});
  }
}
