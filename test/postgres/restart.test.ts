import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { verifyAudit } from '../../client/audit-verify.ts';
import { list, type Stamp, write } from '../../gate/audit.ts';
import { ofPeople, openStore, type Store, StoreAway, transact } from '../../gate/audit-store.ts';
import { createDatabase, findPostgres, type Postgres, startPostgres, urlOf } from '../support/postgres.ts';
import { built } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { record } from '../unit/temporary-store.ts';

// On a server of its own, that is ended, killed and made to hang.

let postgres: Postgres;
beforeAll(async () => {
  // As somebody may have set it who never thought of an audit: what was committed may be lost in a crash.
  postgres = await startPostgres(findPostgres() ?? '', ['synchronous_commit=off', 'wal_writer_delay=10s']);
});
afterAll(() => postgres.remove());

const living = new Set<ChildProcess>();
afterEach(() => {
  for (const child of living) child.kill('SIGKILL');
});

const imported = `
  const { openStore, transact, ofPeople } = await import(${JSON.stringify(built('gate/audit-store.js'))});
  const { append, write } = await import(${JSON.stringify(built('gate/audit.js'))});
  const [place, name] = process.argv.slice(1);
  const content = ${JSON.stringify(record())};`;

function start(program: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '-e', imported + program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}

const lines = (child: ChildProcess) => createInterface({ input: child.stdout! });

test('what was acknowledged outlives PostgreSQL’s restarts and crashes, and no process need start anew', async () => {
  const place = urlOf(postgres, await createDatabase(postgres));
  const store = await openStore(place, ofPeople);
  const acknowledged: Stamp[] = [];
  let away = 0;
  const program = `
    const store = await openStore(place);
    for (let index = 0; ; index += 1) {
      const step = name + ' ' + index;
      try {
        process.stdout.write(JSON.stringify(await write(store, { ...content, step })) + '\\n');
      } catch (error) {
        if (error.name !== 'StoreAway') throw error;
        process.stdout.write('away\\n');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }`;
  for (const name of ['a', 'b', 'c'])
    lines(start(program, place, name)).on('line', (line) => {
      if (line === 'away') away += 1;
      else acknowledged.push(JSON.parse(line) as Stamp);
    });
  const more = (): Promise<unknown> => {
    const before = acknowledged.length;
    return until('all go on', () => acknowledged.length > before + 30);
  };
  await more();
  for (const how of ['immediate', 'fast', 'immediate'] as const) {
    const before = away;
    await postgres.end(how);
    await until('somebody has noticed', () => away > before);
    await postgres.start();
    await more();
  }
  for (const child of living) child.kill('SIGKILL');
  await until('they have ended', () => living.size === 0);
  const { whole, sentence, records } = await verifyAudit(store, { say: () => {} });
  expect(whole, sentence).toBe(true);
  expect(records).toBeGreaterThanOrEqual(acknowledged.length);
  const written = await list(store, { limit: 1_000_000 });
  const hashes = new Map(written.map(({ seq, hash }) => [seq, hash]));
  expect(acknowledged.filter(({ seq, hash }) => hashes.get(seq) !== hash)).toEqual([]);
  // Whoever was told that the store was away went on with the next step: no step is there twice.
  expect(new Set(written.map(({ step }) => step)).size).toBe(written.length);
  console.log(`${acknowledged.length} acknowledged, ${records} there, ${away} times away, over 3 restarts.`);
  await store.destroy();
});

test('a transaction is kept as surely as PostgreSQL can, whatever it was set to', async () => {
  const store = await openStore(urlOf(postgres, await createDatabase(postgres)));
  const setting = async (db: Store, name: string): Promise<string | undefined> =>
    (await sql<{ is: string }>`select current_setting(${name}) as "is"`.execute(db)).rows[0]?.is;
  expect(await setting(store, 'synchronous_commit')).toBe('off');
  expect(await transact(store, (tx) => setting(tx, 'synchronous_commit'))).toBe('on');
  expect(await transact(store, (tx) => setting(tx, 'transaction_isolation'))).toBe('read committed');
  await store.destroy();
});

test('a process that stands still in a transaction keeps the others waiting for seconds, and loses its own', async () => {
  const place = urlOf(postgres, await createDatabase(postgres));
  const store = await openStore(place);
  const holder = start(
    `
    const store = await openStore(place);
    await transact(store, async (tx) => {
      await append(tx, [{ ...content, step: 'never committed' }]);
      process.stdout.write('holds\\n');
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    });`,
    place,
    'holder',
  );
  await once(lines(holder), 'line');
  holder.kill('SIGSTOP');
  let away = 0;
  const began = performance.now();
  await until('another gets the lock', () =>
    write(store, record({ step: 'of another' })).catch((error: unknown) => {
      if (!(error instanceof StoreAway)) throw error;
      away += 1;
      return undefined;
    }),
  );
  console.log(
    `A process that stood still held the lock for ${((performance.now() - began) / 1_000).toFixed(1)} s.`,
  );
  expect(away).toBeGreaterThan(0);
  expect((await list(store, { limit: 10 })).map(({ step }) => step)).toEqual(['of another']);
  await store.destroy();
});

test('a server that hangs is away within seconds, and is asked again once it goes on', async () => {
  const store = await openStore(urlOf(postgres, await createDatabase(postgres)));
  await write(store, record({ step: 'before' }));
  postgres.freeze(true);
  const began = performance.now();
  await expect(write(store, record({ step: 'meanwhile' }))).rejects.toBeInstanceOf(StoreAway);
  expect(performance.now() - began).toBeLessThan(30_000);
  postgres.freeze(false);
  await until('it is asked again', () => write(store, record({ step: 'after' })).catch(() => undefined));
  const steps = (await list(store, { limit: 10 })).map(({ step }) => step);
  // What was asked while it hung was never committed, so it is not there either.
  expect(steps).toEqual(['before', 'after']);
  await store.destroy();
});
