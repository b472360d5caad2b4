import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { ledgerFor } from '../../activities/ledger.ts';
import { rememberAccount } from '../../gate/accounts.ts';
import { append, list, type Stamp, write } from '../../gate/audit.ts';
import { openStore, type Store, StoreAway, transact, withStore } from '../../gate/audit-store.ts';
import * as leases from '../../gate/leases.ts';
import { carryOver, journal } from '../../gate/release-journal.ts';
import { spend } from '../../gate/spent.ts';
import { findStep, StepTaken, settle } from '../../gate/steps.ts';
import { press } from '../../gate/switches.ts';
import { asOwner, urlOf } from '../support/postgres.ts';
import { type Fate, type PostgresProxy, startProxy } from '../support/postgres-proxy.ts';
import { until } from '../support/until.ts';
import { record, temporaryFolder, temporaryPlace } from '../unit/temporary-store.ts';

// What a connection that is lost does to what was under way: nothing is done twice, and nothing is taken for done that is not.

const postgres = inject('postgres')!;
const place = temporaryPlace();
const folder = temporaryFolder();
const database = (): string => new URL(place()).pathname.slice(1);

let proxy: PostgresProxy;
let store: Store;
beforeEach(async () => {
  proxy = await startProxy(postgres.port);
  store = await openStore(urlOf({ ...postgres, port: proxy.port }, database(), postgres.worker));
});
afterEach(async () => {
  await store.destroy();
  proxy.close();
});

/** Strikes the first statement that fits, once; counts how many did. */
function strike(
  pattern: RegExp,
  fate: Fate,
  alsoThen: () => void = () => {},
): { readonly seen: () => number } {
  let seen = 0;
  proxy.fate = (statement) => {
    if (!pattern.test(statement)) return 'pass';
    seen += 1;
    if (seen > 1) return 'pass';
    alsoThen();
    return fate;
  };
  return { seen: () => seen };
}

function ifAway(error: unknown): undefined {
  if (!(error instanceof StoreAway)) throw error;
}

const inAudit = async (): Promise<readonly string[]> =>
  (await asOwner(postgres, database(), 'select record from audit order by seq')).map(
    (row) => (JSON.parse(String(row['record'])) as { step: string }).step,
  );
const rowsOf = (table: string) => asOwner(postgres, database(), `select * from ${table}`);

const step = { key: 'note:main:P1 : run-1 : add the note', digest: 'd1' };
const claimed = { earlier: undefined, since: new Date().toISOString(), answerBy: 1, leaseUntil: undefined };
const lease = { account: 'main', incident: 'P1', workflow_id: 'w', first_run_id: 'r', agent: 'bot' };
const claiming = (): Promise<Stamp> =>
  ledgerFor({ store: async () => store } as never, false).decide(async (book) => {
    const stamp = await book.append(record({ step: 'a claim' }));
    await book.use({
      agent: 'bot',
      stepKey: step.key,
      caps: [{ grant: 'g', cap: { count: 1, perMs: 1, text: '' } }],
      now: 1,
    });
    await book.claim(step, stamp, claimed);
    await book.openLease({ ...lease, policy: null, expires_at: 1 });
    return stamp;
  });

/** Everything that writes, and what is left of it when it was done once. */
const works: readonly (readonly [string, () => Promise<unknown>, () => Promise<void>])[] = [
  [
    'an entry',
    () => write(store, record({ step: 'an entry' })),
    async () => expect(await inAudit()).toEqual(['an entry']),
  ],
  [
    'a decision with its claim, its use and its lease',
    async () => {
      const { seq, hash } = await claiming();
      // The caller holds the number and hash of what is there.
      expect(await rowsOf('audit')).toMatchObject([{ seq: String(seq), hash }]);
    },
    async () => {
      expect(await inAudit()).toEqual(['a claim']);
      expect(await rowsOf('steps')).toMatchObject([{ state: 'sent', entry: '1' }]);
      expect(await rowsOf('uses')).toHaveLength(1);
      expect(await rowsOf('leases')).toHaveLength(1);
    },
  ],
  [
    'a statement that is spent',
    async () => expect(await spend(store, { jti: 'j', workflowId: 'w', firstRunId: 'r' })).toBe(true),
    async () => expect(await rowsOf('statements')).toHaveLength(1),
  ],
  [
    'a switch that is pressed',
    () => press(store, { kind: 'freeze', name: '', by_whom: 'ada', reason: '' }),
    async () => {
      expect(await rowsOf('switches')).toHaveLength(1);
      expect(await inAudit()).toHaveLength(1);
    },
  ],
  [
    'releases that are carried over',
    async () => {
      const file = join(folder(), 'releases.jsonl');
      for (const name of ['one', 'two']) journal(file, record({ step: name }));
      expect(await carryOver(store, file)).toBe(2);
    },
    async () => expect(await inAudit()).toEqual(['one', 'two']),
  ],
  [
    'an account that is remembered',
    () => rememberAccount(store, 'main', {} as never),
    async () => expect(await rowsOf('accounts')).toHaveLength(1),
  ],
  [
    'leases that are forgotten',
    () => leases.forgetBefore(store, 'main', 5),
    async () => expect(await rowsOf('leases')).toEqual([]),
  ],
];

describe.each(works)('%s', (_what, work, leftOf) => {
  test.each<[string, RegExp, Fate, number]>([
    ['before its transaction begins', /^begin/, 'lose', 2],
    ['in the middle of its transaction', /^(insert|update|delete)/, 'lose', 2],
    ['with its commit', /^commit$/, 'lose', 2],
    ['after its commit, before the answer', /^commit$/, 'lose the answer', 1],
  ])('is done once where the connection is lost %s', async (_when, pattern, fate, atLeast) => {
    const { seen } = strike(pattern, fate);
    await work();
    expect(seen()).toBeGreaterThanOrEqual(atLeast);
    await leftOf();
  });
});

test('an outcome whose answer is lost is there once, with the step’s new state', async () => {
  const { seq } = await claiming();
  strike(/^commit$/, 'lose the answer');
  await settle(
    store,
    step,
    seq,
    { state: 'done', result: { ok: true } },
    record({ step: 'an outcome', kind: 'outcome', entry: seq }),
  );
  expect(await inAudit()).toEqual(['a claim', 'an outcome']);
  expect(await findStep(store, step)).toMatchObject({ state: 'done', result: '{"ok":true}' });
});

test('a read is asked again over another connection', async () => {
  await write(store, record());
  const { seen } = strike(/^select .* from "audit"/, 'lose');
  expect(await list(store, { limit: 5 })).toHaveLength(1);
  expect(seen()).toBe(2);
});

test('a commit of which nobody can say whether it is kept is no commit, and its claim decides what the next try does', async () => {
  strike(/^commit$/, 'lose the answer', () => {
    proxy.isOpen = false;
  });
  const error = await claiming().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StoreAway);
  expect((error as StoreAway).message).toMatch(
    /^The audit store cannot be used: it was lost while it committed, so whether it kept this is not known \(.+\)\.$/,
  );
  proxy.isOpen = true;
  // It was kept: the next try finds the claim, and may not send before it has looked.
  expect(await findStep(store, step)).toMatchObject({ state: 'sent' });
  await expect(claiming()).rejects.toBeInstanceOf(StepTaken);
  expect(await inAudit()).toEqual(['a claim']);
});

test('a commit that never arrived, and of which nobody can say so, leaves the step free', async () => {
  strike(/^commit$/, 'lose', () => {
    proxy.isOpen = false;
  });
  await expect(claiming()).rejects.toBeInstanceOf(StoreAway);
  proxy.isOpen = true;
  expect(await findStep(store, step)).toBeUndefined();
  expect((await claiming()).seq).toBe(1);
});

test('what fails in a transaction for a reason of its own is not tried again', async () => {
  let turns = 0;
  const mistake = transact(store, async (tx) => {
    turns += 1;
    await append(tx, [record()]);
    throw new TypeError('mine');
  });
  await expect(mistake).rejects.toThrow(new TypeError('mine'));
  expect(turns).toBe(1);
  expect(await inAudit()).toEqual([]);
});

test.each([
  ['not serializable', '40001'],
  ['one of a deadlock', '40P01'],
])('a transaction that PostgreSQL gives up as %s is done again, three times at most', async (_why, code) => {
  await asOwner(
    postgres,
    database(),
    `create sequence turns; grant usage on turns to ${postgres.worker.name};
     create function gives_up() returns trigger language plpgsql as $$ begin
       if nextval('turns') <= 2 then raise exception 'planted' using errcode = '${code}'; end if; return new; end $$;
     create trigger gives_up before insert on audit for each row execute function gives_up()`,
  );
  try {
    expect((await write(store, record())).seq).toBe(1);
    // From here on it gives up more often than that.
    await asOwner(postgres, database(), 'alter sequence turns minvalue -9 restart -9');
    await expect(write(store, record())).rejects.toThrow(
      `The audit store cannot be used: planted (${code}).`,
    );
    expect(await inAudit()).toHaveLength(1);
  } finally {
    await asOwner(
      postgres,
      database(),
      'drop trigger gives_up on audit; drop function gives_up; drop sequence turns',
    );
  }
});

test('a connection that PostgreSQL ends, idle or in use, ends no process of ours', async () => {
  await write(store, record({ step: 'before' }));
  const endAll = (): Promise<unknown> =>
    asOwner(
      postgres,
      'postgres',
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database()}'`,
    );
  await endAll();
  await write(store, record({ step: 'after an idle one' }));
  let turns = 0;
  await transact(store, async (tx) => {
    turns += 1;
    if (turns === 1) await endAll();
    await append(tx, [record({ step: 'after one in use' })]);
  });
  expect(turns).toBe(2);
  expect(await inAudit()).toEqual(['before', 'after an idle one', 'after one in use']);
});

describe('a database that hangs', () => {
  test('is away within seconds, for what reads and for what writes, and works again once it answers', async () => {
    await write(store, record({ step: 'before' }));
    proxy.fate = () => 'hold';
    const began = performance.now();
    await expect(write(store, record({ step: 'meanwhile' }))).rejects.toThrow(
      /^The audit store cannot be used: it did not answer within 2\.5 s\.$/,
    );
    const first = performance.now() - began;
    // Nobody who comes right after needs to wait as well.
    await expect(list(store, { limit: 1 })).rejects.toThrow(/: it did not answer a moment ago\.$/);
    const next = performance.now() - began - first;
    console.log(`PostgreSQL hanging: away after ${first.toFixed(0)} ms, then after ${next.toFixed(0)} ms.`);
    proxy.fate = () => 'pass';
    await until('it is asked again', () => write(store, record({ step: 'after' })).catch(ifAway));
    expect(await inAudit()).toEqual(['before', 'after']);
  });

  test('at the commit is not asked for ever whether it kept it', async () => {
    strike(/^commit$/, 'hold', () => {
      proxy.isOpen = false;
    });
    await expect(write(store, record())).rejects.toThrow(/whether it kept this is not known/);
  });
});

test('a lock that another holds is waited for no longer than SQLite would, and leaves the connection clean', async () => {
  const other = new pg.Client({ connectionString: place() });
  await other.connect();
  await other.query('begin; select 1 from audit_head for update');
  try {
    await expect(write(store, record())).rejects.toThrow(/lock timeout \(55P03\)\.$/);
  } finally {
    await other.end();
  }
  // On the same connection: what failed must not be what the next one finds itself in.
  await Promise.all([write(store, record()), list(store, { limit: 1 })]);
  expect(await inAudit()).toHaveLength(1);
});

test('a pool that is used up is the store being away, and nothing more', async () => {
  const held: (() => void)[] = [];
  const busy = Array.from({ length: 10 }, () =>
    store.connection().execute(() => new Promise<void>((resolve) => held.push(resolve))),
  );
  await expect(write(store, record())).rejects.toThrow(
    /^The audit store cannot be used: no connection was free, or made, in time\.$/,
  );
  for (const release of held) release();
  await Promise.all(busy);
  await write(store, record());
});

test('a PostgreSQL without a connection left is the store being away', async () => {
  const crowded = { name: 'crowded', password: 'crowded' };
  await asOwner(postgres, database(), "create role crowded login password 'crowded' connection limit 0");
  await expect(openStore(urlOf(postgres, database(), crowded))).rejects.toThrow(
    'The audit store on PostgreSQL cannot be opened: it has no connection left to give (53300).',
  );
});

test('what is asked of the store outside of a transaction is StoreAway too', async () => {
  proxy.isOpen = false;
  proxy.cut();
  await expect(withStore(() => store.selectFrom('steps').selectAll().execute())).rejects.toBeInstanceOf(
    StoreAway,
  );
});
