import { Client } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { type AuditReport, verifyAudit } from '../../client/audit-verify.ts';
import { verify } from '../../client/commands/audit-verify.ts';
import { append } from '../../gate/audit.ts';
import { chainEnd, rows } from '../../gate/audit-rows.ts';
import { type AuditRow, transact } from '../../gate/audit-store.ts';
import { press } from '../../gate/switches.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { cutAfter, rehash, rewrite, setHead } from '../unit/tampering.ts';

const account = 'main';
let stage: Stage;
let written: readonly AuditRow[];

beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder(), 'intern-bot': 'incidents: read' } });
  const worker = await stage.startWorker();
  const [first, second] = [await stage.trigger(), await stage.trigger()];
  await stage.run('triage-bot', 'triageIncident', { account, incident: first });
  await stage.run('triage-bot', 'addNote', { account, incident: first, note: 'Looked at.' });
  await stage.run('intern-bot', 'resolveIncident', { account, incident: first });
  const run = await stage.start('triage-bot', 'respondToIncident', {
    account,
    incident: second,
    assess: 'rules',
  });
  await run.answer('conclude', { resolution: 'Rolled back.' });
  await run.result();
  await stage.sweep();
  // Nobody writes from here on, so that what is compared stands still.
  worker.stop();
  await worker.stopped;
  for await (const row of rows(stage.store)) written = [...(written ?? []), row];
});
beforeEach(restore);
// The stage compares the audit with what the simulator saw.
afterAll(() => restore().then(stage.close));

/** Everything as it was written. */
async function restore(): Promise<void> {
  await transact(stage.store, async (tx) => {
    await tx.deleteFrom('audit').execute();
    await tx
      .insertInto('audit')
      .values([...written])
      .execute();
  });
  const last = written.at(-1);
  await setHead(stage.store, { seq: last?.seq ?? 0, hash: last?.hash ?? '' });
}

const verified = (client = stage.client): Promise<AuditReport> =>
  verifyAudit(stage.store, { client, say: () => {} });

/** Makes the store's own claims of writes agree with the records, as somebody thorough would. */
async function forgeClaims(): Promise<void> {
  const { last } = await chainEnd(stage.store);
  await transact(stage.store, async (tx) => {
    for (const { seq, hash } of await tx.selectFrom('audit').select(['seq', 'hash']).execute())
      await tx.updateTable('steps').set({ entry_hash: hash }).where('entry', '=', seq).execute();
    await tx.deleteFrom('steps').where('entry', '>', last).execute();
  });
}

/** The number of a decision that was allowed, about half-way. */
const halfway = (): number => {
  const entries = written.filter(({ kind, agent }) => kind === 'entry' && agent === 'triage-bot');
  return entries[Math.floor(entries.length / 2)]?.seq ?? 0;
};

test('what runs wrote is whole, and their histories say the same', async () => {
  const report = await verified();
  expect(report.sentence).toMatch(
    /^The audit is whole: \d+ records, \d+ runs witnessed, no signed head compared\.$/,
  );
  expect(report.records).toBe(written.length);
  expect(written.length).toBeGreaterThan(20);
  expect(report.runs?.witnessed).toBeGreaterThanOrEqual(5);
  expect(report.runs?.notWitnessed).toBe(0);
});

test('a record that was rewritten, with all hashes after it and the claims of writes, is named by the histories', async () => {
  const seq = halfway();
  await rewrite(stage.store, seq, { sentence: 'intern-bot may do anything.' });
  await rehash(stage.store, seq);
  await forgeClaims();
  const { whole, sentence, findings } = await verified();
  expect(whole).toBe(false);
  expect(findings).toHaveLength(1);
  expect(findings[0]?.seq).toBe(seq);
  expect(sentence).toMatch(/: the run \S+ knows #\d+ under another hash\.$/);
});

test('every record that is rewritten so is found, and lies in the range that is named', async () => {
  const stamped = new Set<number>();
  for (const { seq } of written) {
    await rewrite(stage.store, seq, { sentence: 'It was otherwise.' });
    await rehash(stage.store, seq);
    await forgeClaims();
    const { whole, findings } = await verified();
    const [finding] = findings;
    if (whole) {
      // Only what came after the last entry that a run was told of.
      expect(written.filter(({ seq: later, kind }) => later > seq && kind === 'entry')).toEqual([]);
    } else {
      expect(finding?.from).toBeLessThanOrEqual(seq);
      expect(finding?.seq).toBeGreaterThanOrEqual(seq);
      if (finding?.seq === seq) stamped.add(seq);
    }
    await restore();
  }
  const entries = written.filter(({ kind }) => kind === 'entry').map(({ seq }) => seq);
  expect(entries.filter((seq) => !stamped.has(seq))).toEqual([]);
});

test('a tail that was cut, with the last number set back, is named by the histories', async () => {
  const seq = halfway();
  await cutAfter(stage.store, seq - 1);
  await forgeClaims();
  const { sentence, findings } = await verified();
  expect(findings).toMatchObject([{ seq, from: seq }]);
  expect(sentence).toMatch(
    new RegExp(`^Record #${seq} (and others|is missing).* the run \\S+ knows #\\d+\\.$`),
  );
});

test('all of it cut away is named, though no record is left to name a run', async () => {
  await cutAfter(stage.store, 0);
  await forgeClaims();
  expect((await verified()).findings).toMatchObject([{ seq: 1, from: 1 }]);
});

test('a record that was put behind the last, with every hash right, names a step that its run never asked for', async () => {
  const { record } = written[halfway() - 1] ?? { record: '{}' };
  const { seq: _seq, at: _at, ...content } = JSON.parse(record);
  await transact(stage.store, (tx) => append(tx, [{ ...content, step: 'Resolve everything' }]));
  const { sentence, findings } = await verified();
  expect(findings).toMatchObject([{ seq: written.length + 1 }]);
  expect(sentence).toMatch(/ is false: the run \S+ never asked for its step "Resolve everything"\.$/);
});

test('runs whose histories are gone are counted, and are no fault', async () => {
  const { record } = written[0] ?? { record: '{}' };
  const { seq: _seq, at: _at, ...content } = JSON.parse(record);
  for (const runId of ['00000000-0000-4000-8000-000000000000', 'nonsense'])
    await transact(stage.store, (tx) => append(tx, [{ ...content, runId }]));
  expect((await verified()).sentence).toMatch(/ runs witnessed \(2 not: their histories are gone\), /);
});

test('a switch that was pressed belongs to no run, so that no history of it is missing', async () => {
  await press(stage.store, { kind: 'disable', name: 'intern-bot', by_whom: 'ada', reason: '' });
  expect((await verified()).runs?.notWitnessed).toBe(0);
});

test('a namespace without any of the runs witnesses nothing, and says so', async () => {
  const client = new Client({ connection: stage.client.connection, namespace: 'default' });
  const { whole, runs } = await verified(client);
  expect(whole).toBe(true);
  expect(runs?.witnessed).toBe(0);
  expect(runs?.notWitnessed).toBeGreaterThanOrEqual(5);
});

test('a server that cannot show its histories is no proof of anything', async () => {
  const client = new Client({ connection: stage.client.connection, namespace: 'no-such-namespace' });
  await expect(verified(client)).rejects.toThrow(/^The histories cannot be read \(.*--no-histories\.$/);
});

test('the command reads the histories of the server that the environment names', async () => {
  const before = { ...process.env };
  process.env['ONCALL_HOME'] = stage.home;
  process.env['DATABASE_URL'] = stage.databaseUrl;
  process.env['TEMPORAL_ADDRESS'] = inject('temporalAddress');
  process.env['TEMPORAL_NAMESPACE'] = stage.namespace;
  const told: string[] = [];
  const output = { say: () => {}, result: (_value: unknown, text: string) => void told.push(text) };
  try {
    expect(await verify({ histories: true }, output)).toBe(0);
    await cutAfter(stage.store, halfway() - 1);
    expect(await verify({ histories: true }, output)).toBe(1);
  } finally {
    process.env = before;
  }
  expect(told).toEqual([
    expect.stringMatching(/^The audit is whole: \d+ records, \d+ runs witnessed, /),
    expect.stringMatching(new RegExp(`^Record #${halfway()} `)),
  ]);
});
