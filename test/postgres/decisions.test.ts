import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, inject, test } from 'vitest';
import { verifyAudit } from '../../client/audit-verify.ts';
import { rows } from '../../gate/audit-rows.ts';
import { ofPeople, openStore, type Store } from '../../gate/audit-store.ts';
import { contentOf } from '../../gate/audit-verify.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { newKeyPair, readPrivateKey, sign } from '../../gate/statement.ts';
import { lift, liftClaim, press } from '../../gate/switches.ts';
import { asOwner, urlOf } from '../support/postgres.ts';
import { built, checkout } from '../support/processes.ts';
import { randomOf } from '../support/random.ts';
import { temporaryFolder, temporaryPlace } from '../unit/temporary-store.ts';
import { answer, TinyPagerDuty } from '../unit/tiny-pagerduty.ts';

// Several processes decide at once, on one PostgreSQL, while a person freezes and thaws, processes are killed and connections are
// ended. What must hold is read from the record itself.

const postgres = inject('postgres')!;
const place = temporaryPlace();
const folder = temporaryFolder();
const pagerduty = new TinyPagerDuty();
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const most = Number(process.env['ROUNDS'] ?? 16);
const names = ['a', 'b', 'c'] as const;

const agent = newKeyPair();
const operator = newKeyPair();
const configuration = (): string => {
  const grant = (cap: string) =>
    `{ public_key: ${agent.publicKey}, grants: { incidents.add_note: { level: full${cap} } } }`;
  return `accounts:
  main: { region: custom, rest_url: "${pagerduty.url}", events_url: "${pagerduty.url}", token: env:T, from: bot@example.com }
operators: { lead: { public_key: ${operator.publicKey} } }
agents:
  free: ${grant('')}
${Array.from({ length: most }, (_, round) => `  capped-${round}: ${grant(', cap: 1/hour')}`).join('\n')}
`;
};

const living = new Set<ChildProcess>();
afterEach(() => {
  for (const child of living) child.kill('SIGKILL');
});

/** A process that decides, and what it says. */
interface Decider {
  /** Plays a round to its end, or to that of the process. */
  readonly play: (round: number) => Promise<string | undefined>;
  readonly kill: () => Promise<void>;
  readonly isAlive: () => boolean;
}

async function decider(build: string, name: string): Promise<Decider> {
  const databaseUrl = urlOf(postgres, new URL(place()).pathname.slice(1), postgres.worker);
  const settings = { build, databaseUrl, configuration: configuration(), key: agent.privateKey, name };
  const program = fileURLToPath(new URL('./deciding.mjs', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
    cwd: checkout,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  living.add(child);
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async (): Promise<string | undefined> => (await lines.next()).value as string | undefined;
  const ended = once(child, 'exit').then(() => living.delete(child));
  expect(await said()).toBe('ready');
  return {
    play: (round) => {
      child.stdin.write(`${round}\n`);
      return said();
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    isAlive: () => living.has(child),
  };
}

/** What a campaign leaves: the record, and what came of it outside. */
interface Played {
  readonly store: Store;
  readonly faults: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Plays the rounds with processes of a build, and judges what they wrote. */
async function campaign(build: string, rounds: number, strikes: boolean): Promise<Played> {
  pagerduty.reply = (response, { body }) => {
    const { note } = JSON.parse(body || '{"note":{}}') as { note: { content?: string } };
    answer(201, { note: { id: 'N1', content: note.content ?? '' }, notes: [], users: [], more: false })(
      response,
    );
  };
  const random = randomOf(seed);
  const store = await openStore(place(), ofPeople);
  const policy = parsePolicy(configuration());
  const deciders = new Map<string, Decider>();
  const counts = { rounds: 0, kills: 0, ended: 0 };
  const later = (work: () => Promise<unknown>): Promise<unknown> =>
    new Promise((resolve) => setTimeout(resolve, random() * 60)).then(work);
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names)
      if (!deciders.get(name)?.isAlive()) deciders.set(name, await decider(build, name));
    const playing = [...deciders.values()].map((one) => one.play(round));
    const freezes = round % 4 === 3;
    const meanwhile: Promise<unknown>[] = [];
    if (freezes) {
      meanwhile.push(
        later(async () => {
          const row = await press(store, {
            kind: 'freeze',
            name: '',
            by_whom: 'ada',
            reason: `round ${round}`,
          });
          await later(async () => {
            const statement = await sign('lead', readPrivateKey(operator.privateKey), liftClaim(row));
            expect(await lift(store, policy, { row, operator: 'lead', statement })).toBe(true);
          });
        }),
      );
    }
    if (strikes && round % 6 === 2) {
      meanwhile.push(later(async () => deciders.get('a')?.kill()));
      counts.kills += 1;
    }
    if (strikes && round % 3 === 1) {
      const database = new URL(place()).pathname.slice(1);
      const others = `usename = '${postgres.worker.name}' and datname = '${database}'`;
      meanwhile.push(
        later(() =>
          asOwner(
            postgres,
            'postgres',
            `select pg_terminate_backend(pid) from pg_stat_activity where ${others}`,
          ).then((ended) => {
            counts.ended += ended.length;
          }),
        ),
      );
    }
    await Promise.all([...meanwhile, ...playing]);
    counts.rounds += 1;
  }
  for (const one of deciders.values()) await one.kill();
  const judged = await judge(store);
  return { store, faults: judged.faults, counts: { ...counts, ...judged.counts } };
}

/** Every promise that the record, and what reached PagerDuty, do not keep. */
async function judge(
  store: Store,
): Promise<{ faults: readonly string[]; counts: Readonly<Record<string, number>> }> {
  const faults: string[] = [];
  const { whole, sentence } = await verifyAudit(store, { say: () => {} });
  if (!whole) faults.push(sentence);
  const allowed = new Map<string, number>();
  let frozenSince: number | undefined;
  const counts = { allowed: 0, denied: 0, frozen: 0, calls: 0 };
  const entryOfStep = new Map<string, number>();
  for await (const row of rows(store)) {
    const record = contentOf(row);
    if (!record || record.kind !== 'entry') continue;
    if (record.operation === 'freeze') frozenSince = row.seq;
    else if (record.operation === 'thaw') frozenSince = undefined;
    else if (record.decision === 'allowed') {
      counts.allowed += 1;
      // A second try of a step is no second use.
      const step = `${record.workflowId} ${record.step}`;
      if (!entryOfStep.has(step)) allowed.set(record.agent, (allowed.get(record.agent) ?? 0) + 1);
      entryOfStep.set(step, row.seq);
      if (frozenSince !== undefined)
        faults.push(`#${row.seq} is allowed, after everything was frozen by #${frozenSince}.`);
    } else {
      counts.denied += 1;
      if (record.rule === 'freeze') counts.frozen += 1;
    }
  }
  for (const [name, times] of allowed)
    if (name.startsWith('capped-') && times > 1)
      faults.push(`${name} has a cap of 1 and was allowed ${times} steps.`);
  const sent = new Map<string, number>();
  for (const { method, body } of pagerduty.seen) {
    if (method !== 'POST') continue;
    counts.calls += 1;
    const [what = ''] = (JSON.parse(body) as { note: { content: string } }).note.content.split('\n');
    sent.set(what, (sent.get(what) ?? 0) + 1);
  }
  for (const [what, times] of sent) {
    if (times > 1) faults.push(`"${what}" was sent ${times} times.`);
    const [kind, round, , by] = what.split(' ');
    const run = kind === 'shared' ? `shared-${round}` : `capped-${round}-${by}`;
    if (!entryOfStep.has(`${run} note`)) faults.push(`"${what}" was sent without an entry.`);
  }
  return { faults, counts };
}

test('caps, freezes, claims and the chain hold among processes, whatever is killed or cut', async () => {
  const { store, faults, counts } = await campaign(built('.'), most, true);
  console.log(`SEED=${seed}: ${JSON.stringify(counts)}`);
  await store.destroy();
  expect(faults).toEqual([]);
  for (const [what, count] of Object.entries(counts)) expect(count, what).toBeGreaterThan(0);
  // Of each round, one step under the cap and the shared one, but those that were frozen or killed on their way.
  expect(counts['allowed']).toBeGreaterThan(most);
});

test('without the lock that every transaction begins with, the same campaign turns red', async () => {
  const build = join(folder(), 'dist');
  cpSync(built('.'), build, { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(folder(), 'node_modules'));
  writeFileSync(join(folder(), 'package.json'), '{"type":"module"}');
  const file = join(build, 'gate', 'store-postgres.js');
  const text = readFileSync(file, 'utf8');
  const lock = "'select 1 from audit_head where id = 1 for update'";
  expect(text).toContain(lock);
  writeFileSync(file, text.replace(lock, "'select 1'"));
  const { store, faults } = await campaign(build, 10, false);
  await store.destroy();
  console.log(`Without the lock: ${faults.length} faults, such as: ${faults[0]}`);
  expect(faults.some((fault) => fault.includes('has a cap of 1'))).toBe(true);
});
