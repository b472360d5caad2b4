import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { append, list } from '../../gate/audit.ts';
import { transact } from '../../gate/audit-store.ts';
import { memoryLog } from '../support/logged.ts';
import { type Stage, setStage, simulatorToken } from '../support/stage.ts';

// Each plants one fault: what looks at every stage when it closes must see it.

/** A stage on which triage-bot has added a note. */
async function withNote(): Promise<Stage & { readonly incident: string }> {
  const stage = await setStage({ agents: { 'triage-bot': 'incidents.add_note: full' } });
  await stage.startWorker();
  const incident = await stage.trigger();
  const input = { account: 'main', incident, note: 'Hello.' };
  expect((await stage.run('triage-bot', 'addNote', input)).outcome).toBe('done');
  return { ...stage, incident };
}

test('a request made round the gate makes the join red', async () => {
  const { incident, simulator, close } = await withNote();
  await fetch(`${simulator.url}/incidents/${incident}`, {
    headers: {
      accept: 'application/vnd.pagerduty+json;version=2',
      authorization: `Token token=${simulatorToken}`,
    },
  });
  await expect(close()).rejects.toThrow(
    new RegExp(`^GET /incidents/${incident} \\(request \\d+\\) is listed by no record of the audit$`),
  );
});

test('an entry that is missing makes the join red', async () => {
  const { incident, store, close } = await withNote();
  await store.deleteFrom('audit').where('kind', '=', 'entry').where('decision', '=', 'allowed').execute();
  await expect(close()).rejects.toThrow(
    new RegExp(
      // The read that its entry had listed is missing with it.
      `^GET /users \\(request \\d+\\) is listed by no record of the audit\nPOST /incidents/${incident}/notes \\(request \\d+\\) is an outcome without an entry: outcome `,
    ),
  );
});

test('an outcome that is missing makes the join red, twice', async () => {
  const { store, close } = await withNote();
  await store.deleteFrom('audit').where('kind', '=', 'outcome').execute();
  const error = await close().catch((reason: Error) => reason.message.split('\n'));
  expect(error).toEqual([
    expect.stringMatching(/^entry \d+ \(allowed, createIncidentNote, .*\) was allowed and has no outcome$/),
    expect.stringMatching(
      /^POST \/incidents\/\w+\/notes \(request \d+\) is listed by no record of the audit$/,
    ),
  ]);
});

test('an outcome of what was never sent makes the join red', async () => {
  const { store, close } = await withNote();
  const [done] = (await list(store, { limit: 100, decision: 'done' })).slice(-1);
  if (!done) throw new Error('Nothing was done.');
  const { seq: _seq, hash: _hash, requestId: _id, ...outcome } = done;
  await transact(store, (tx) => append(tx, [{ ...outcome, operation: 'enqueueEvent' }]));
  await expect(close()).rejects.toThrow(
    /^outcome \d+ \(done, enqueueEvent, .*\) says that enqueueEvent was answered, and nothing reached PagerDuty$/,
  );
});

test('an entry that denied what was sent makes the join red', async () => {
  const { store, close } = await withNote();
  const { record } = await store
    .selectFrom('audit')
    .select('record')
    .where('decision', '=', 'allowed')
    .executeTakeFirstOrThrow();
  await store
    .updateTable('audit')
    .set({ record: record.replace('"decision":"allowed"', '"decision":"denied"') })
    .where('record', '=', record)
    .execute();
  await expect(close()).rejects.toThrow(/ was sent on entry \d+ \(denied, .*\), which did not allow it$/);
});

test('a secret in the input of a Workflow is found in its history', async () => {
  const { client, close } = await withNote();
  await client.workflow.start('triageIncident', {
    workflowId: 'leak',
    taskQueue: 'nobody-serves-this',
    args: [{ account: 'main', incident: 'PX', reason: `the key is ${simulatorToken}` }],
  });
  await expect(close()).rejects.toThrow(
    /^the token of the account stands in the history of leak \(as it is\)$/m,
  );
});

test('a token that PagerDuty gave out meanwhile is found as well', async () => {
  const { simulator, close } = await withNote();
  const [credential] = simulator.world.credentials.values();
  if (!credential) throw new Error('There is no credential.');
  const key = 'pdus+_A_TOKEN_OF_TODAY';
  simulator.world.credentials.set(key, { ...credential, key });
  memoryLog.debug({ authorization: `Bearer ${key}` }, 'a leak');
  await expect(close()).rejects.toThrow(/^an OAuth token stands in the log \(as it is\)$/m);
});

test('a private key is found in a memo, a log and a file, in whatever form', async () => {
  const { client, home, close } = await withNote();
  const pem = readFileSync(join(home, 'triage-bot.pem'), 'utf8');
  const { d = '' } = createPrivateKey(pem).export({ format: 'jwk' });
  const memo = {
    noted: Buffer.from(`xy${Buffer.from(d, 'base64url').toString('latin1')}`, 'latin1').toString('base64'),
  };
  await client.workflow.start('triageIncident', {
    workflowId: 'leak',
    taskQueue: 'nobody-serves-this',
    args: [],
    memo,
  });
  memoryLog.debug({ key: Buffer.from(d, 'base64url').toString('hex') }, 'a leak');
  writeFileSync(join(home, 'left-behind'), pem);
  const error = await close().catch((reason: Error) => reason.message.split('\n'));
  expect(error).toEqual([
    'the private key of triage-bot stands in the history of leak (in base64)',
    'the private key of triage-bot stands in the log (in hex)',
    'the private key of triage-bot stands in the file left-behind (in base64)',
  ]);
});
