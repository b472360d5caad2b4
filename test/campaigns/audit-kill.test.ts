import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as passes } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { verifyAudit } from '../../client/audit-verify.ts';
import { rows } from '../../gate/audit-rows.ts';
import { ofPeople, openStore, type Store } from '../../gate/audit-store.ts';
import { contentOf } from '../../gate/audit-verify.ts';
import { randomOf } from '../support/random.ts';
import { buildGate } from '../unit/built-gate.ts';
import { record, temporaryFolder, temporaryPlace } from '../unit/temporary-store.ts';
import { TinyPagerDuty } from '../unit/tiny-pagerduty.ts';
import { campaign } from './campaign.ts';

const folder = temporaryFolder();
const place = temporaryPlace();
const { seed, isShort } = campaign;
const killsEach = Number(process.env['KILLS'] ?? (isShort ? 6 : 40));

const living = new Set<ChildProcess>();
afterEach(() => {
  for (const child of living) child.kill('SIGKILL');
});

/** A call that reached the receiver: the step it was for, and the entry that allowed it. */
interface Received {
  readonly step: string;
  readonly seq?: number;
  readonly hash?: string;
}

const pagerduty = new TinyPagerDuty();

/** Has PagerDuty take calls, and gives those that came whole. */
function takeCalls(): readonly Received[] {
  const received: Received[] = [];
  pagerduty.reply = (response, { body }) => {
    received.push(JSON.parse(body) as Received);
    response.end();
  };
  return received;
}

/** Claims, sends and settles one step after another until it is killed. With `skip` every fourth is sent without an entry. */
function sendingProgram(): string {
  const built = buildGate(join(folder(), 'build'), ['audit', 'audit-store', 'steps']);
  return `
    const { openStore, transact } = await import(${built('audit-store')});
    const { append } = await import(${built('audit')});
    const { claim, settle } = await import(${built('steps')});
    const [place, url, name, skip] = process.argv.slice(1);
    const store = await openStore(place);
    const content = ${JSON.stringify(record())};
    for (let index = 0; ; index += 1) {
      const step = name + ' ' + index;
      const key = { key: step, digest: 'd' };
      const send = (entry) => fetch(url, { method: 'POST', body: JSON.stringify({ step, ...entry }) });
      if (skip === 'skip' && index % 4 === 3) { await send({}); continue; }
      const claimed = { earlier: undefined, since: '2026-06-24T10:00:00.000Z', answerBy: 0, leaseUntil: undefined };
      try {
        const stamp = await transact(store, async (tx) => {
          const [written] = await append(tx, [{ ...content, step }]);
          await claim(tx, key, written, claimed);
          return written;
        });
        await send(stamp);
        await settle(store, key, stamp.seq, 'done', { ...content, step, kind: 'outcome', entry: stamp.seq, decision: 'done' });
      } catch (error) {
        if (error.name !== 'StoreAway') throw error;
      }
    }`;
}

/** Lets three processes send at once, and kills each at random moments, again and again. */
async function killing(
  skip: boolean,
): Promise<{ store: Store; received: readonly Received[]; kills: number }> {
  const program = sendingProgram();
  const random = randomOf(seed);
  const received = takeCalls();
  let kills = 0;
  const lane = async (name: string): Promise<void> => {
    for (let life = 0; life < killsEach; life += 1) {
      const args = [
        '--input-type=module',
        '-e',
        program,
        place(),
        pagerduty.url,
        `${name}-${life}`,
        skip ? 'skip' : '',
      ];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
      living.add(child);
      const ended = once(child, 'exit');
      // Of those that skip, one that was skipped.
      const isEnough = ({ step, seq }: Received): boolean =>
        step.startsWith(`${name}-${life} `) && (!skip || seq === undefined);
      const sent = (): boolean => received.some(isEnough);
      // Sometimes while it still opens the store, mostly while it sends.
      if (random() > 0.15) while (!sent() && child.exitCode === null) await passes(5);
      await passes(random() * 300);
      child.kill('SIGKILL');
      const [, signal] = (await ended) as [number | null, string | null];
      living.delete(child);
      if (signal === 'SIGKILL') kills += 1;
    }
  };
  await Promise.all(['a', 'b', 'c'].map(lane));
  return { store: await openStore(place(), ofPeople), received, kills };
}

/** The calls that were sent and that no entry allowed. */
async function unallowed(store: Store, received: readonly Received[]): Promise<readonly Received[]> {
  const allowed = new Map<string, { readonly seq: number; readonly hash: string }>();
  for await (const row of rows(store)) {
    const { step = '', kind, decision } = contentOf(row) ?? {};
    if (kind === 'entry' && decision === 'allowed') allowed.set(step, row);
  }
  return received.filter(({ step, seq, hash }) => {
    const entry = allowed.get(step);
    return entry === undefined || entry.seq !== seq || entry.hash !== hash;
  });
}

test('SIGKILL during appends loses no entry of a call that was sent', async () => {
  const { store, received, kills } = await killing(false);
  const claimed = await store.selectFrom('steps').select('state').execute();
  const open = claimed.filter(({ state }) => state === 'sent').length;
  console.log(
    `ONCALL_SEED=${seed}: ${kills} kills, ${received.length} calls received, ${claimed.length} claimed, ${open} left open`,
  );
  expect(kills).toBe(3 * killsEach);
  expect(received.length).toBeGreaterThan(killsEach);
  expect(await unallowed(store, received)).toEqual([]);
  const { whole, sentence } = await verifyAudit(store, { say: () => {} });
  expect(whole, sentence).toBe(true);
  await store.destroy();
});

test('a call that was sent without an entry does not pass that check', async () => {
  const { store, received, kills } = await killing(true);
  expect(kills).toBeGreaterThan(0);
  const skipped = await unallowed(store, received);
  expect(skipped.length).toBeGreaterThan(0);
  expect(skipped.every(({ step }) => Number(step.split(' ')[1]) % 4 === 3)).toBe(true);
  await store.destroy();
});
