import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as passes } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { verifyAudit } from '../../client/audit-verify.ts';
import { list } from '../../gate/audit.ts';
import { ofPeople, openStore, type Store } from '../../gate/audit-store.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { randomOf } from '../support/random.ts';
import { buildRooms } from '../unit/built-gate.ts';
import { temporaryFolder, temporaryPlace } from '../unit/temporary-store.ts';
import { answer, TinyPagerDuty } from '../unit/tiny-pagerduty.ts';
import { campaign } from './campaign.ts';

// The real `perform`, in processes of their own that are killed at any moment while they write entries and send.

const folder = temporaryFolder();
const place = temporaryPlace();
const { seed, isShort } = campaign;
const killsEach = Number(process.env['KILLS'] ?? (isShort ? 3 : 20));
const lanes = ['a', 'b'];

const living = new Set<ChildProcess>();
afterEach(() => {
  for (const child of living) child.kill('SIGKILL');
});

const pagerduty = new TinyPagerDuty();

/** Has PagerDuty take notes, and know no users; gives the text of each note whose request came whole. */
function takeNotes(): readonly string[] {
  const received: string[] = [];
  pagerduty.reply = (response, { method, body }) => {
    if (method === 'GET') return answer(200, { users: [], limit: 100, offset: 0, more: false })(response);
    const { note } = JSON.parse(body) as { note: { content: string } };
    received.push(note.content.split('\n')[0] ?? '');
    const id = `N${received.length}`;
    answer(201, { note: { id, content: note.content } }, { 'x-request-id': id })(response);
  };
  return received;
}

/**
 * Adds one note after the other by the Activity as it is shipped, each in a run of its own that its agent has signed. With
 * `skip` every fourth goes round `perform`.
 */
function sendingProgram(): string {
  const built = buildRooms(join(folder(), 'build'), [
    'activities/index.ts',
    'gate/audit-store.ts',
    'gate/policy.ts',
    'gate/statement.ts',
  ]);
  return `
    const { asyncLocalStorage } = await import('@temporalio/activity');
    const { defaultPayloadConverter, noopMetricMeter: metricMeter } = await import('@temporalio/common');
    const log = { debug() {}, info() {} };
    const { createActivities } = await import(${built('activities/index.ts')});
    const { openStore } = await import(${built('gate/audit-store.ts')});
    const { parsePolicy } = await import(${built('gate/policy.ts')});
    const { readPrivateKey, sign, statementHeader } = await import(${built('gate/statement.ts')});
    const [place, journalFile, url, name, skip, publicKey, privateKey] = process.argv.slice(1);
    const store = await openStore(place);
    const policy = parsePolicy(JSON.stringify({
      accounts: { main: { region: 'custom', rest_url: url, events_url: url, token: 'env:TOKEN', from: 'bot@example.com' } },
      agents: { bot: { public_key: publicKey, grants: { 'incidents.add_note': 'full' } } },
    }));
    const input = [{ account: 'main', incident: 'P1' }];
    const statements = new Map();
    const getWorkflowExecutionHistory = async ({ execution: { workflowId } }) => ({ history: { events: [{
      eventTime: { seconds: Math.floor(Date.now() / 1000) },
      workflowExecutionStartedEventAttributes: {
        workflowType: { name: 'addNote' },
        taskQueue: { name: 'oncall' },
        input: { payloads: input.map((one) => defaultPayloadConverter.toPayload(one)) },
        header: { fields: { [statementHeader]: defaultPayloadConverter.toPayload(statements.get(workflowId)) } },
      },
    }] } });
    const client = { options: { namespace: 'default', loadedDataConverter: { payloadConverter: defaultPayloadConverter, payloadCodecs: [] } }, workflowService: { getWorkflowExecutionHistory } };
    const activities = createActivities({
      account: 'main', client, workflowTaskQueue: 'oncall', policy: () => ({ readable: true, policy }), secrets: () => 'token',
      store: async () => store, journalFile, orderedId: () => '', runningQuery: () => '', waitingQuery: () => '', sweepsOf: () => [],
    });
    for (let index = 0; ; index += 1) {
      const step = name + ' ' + index;
      if (skip === 'skip' && index % 4 === 3) {
        await fetch(url + '/incidents/P1/notes', { method: 'POST', body: JSON.stringify({ note: { content: step } }) });
        continue;
      }
      const workflowId = 'note ' + step;
      const claim = { target: workflowId, type: 'start:addNote', input };
      statements.set(workflowId, await sign('bot', readPrivateKey(privateKey), claim));
      const info = { workflowExecution: { workflowId, runId: step }, activityId: '1', attempt: 1, scheduledTimestampMs: Date.now() };
      const request = { params: { id: 'P1' }, body: { note: { content: step } } };
      try {
        const result = await asyncLocalStorage.run({ info, log, metricMeter }, () => activities.createIncidentNote({ step, request }));
        if (!result.ok) throw new Error(result.sentence);
      } catch (error) {
        if (error.type !== 'AuditAway' && error.type !== 'OutcomeUnknown') throw error;
      }
    }`;
}

/** Lets several processes send at once, and kills each at random moments, again and again. */
async function killing(
  lives: number,
  skip = false,
): Promise<{ store: Store; received: readonly string[]; kills: number }> {
  const journalFile = join(folder(), 'releases.jsonl');
  const program = sendingProgram();
  const { publicKey, privateKey } = newKeyPair();
  const random = randomOf(seed);
  const received = takeNotes();
  let kills = 0;
  const lane = async (name: string): Promise<void> => {
    for (let life = 0; life < lives; life += 1) {
      const signer = [publicKey, privateKey];
      const said = [place(), journalFile, pagerduty.url, `${name}-${life}`, skip ? 'skip' : '', ...signer];
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, ...said], {
        cwd: join(folder(), 'build'),
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      living.add(child);
      const ended = once(child, 'exit');
      const sent = (): boolean =>
        skip ? received.length >= 10 : received.some((step) => step.startsWith(`${name}-${life} `));
      while (!sent() && child.exitCode === null) await passes(5);
      await passes(random() * 300);
      child.kill('SIGKILL');
      const [, signal] = (await ended) as [number | null, string | null];
      living.delete(child);
      if (signal === 'SIGKILL') kills += 1;
    }
  };
  await Promise.all(lanes.map(lane));
  return { store: await openStore(place(), ofPeople), received, kills };
}

/** The calls that PagerDuty got and that no entry allowed. */
async function unallowed(store: Store, received: readonly string[]): Promise<readonly string[]> {
  const entries = await list(store, { limit: 100_000, decision: 'allowed' });
  const allowed = new Set(
    entries
      .filter(({ kind, operation }) => kind === 'entry' && operation === 'createIncidentNote')
      .map(({ step }) => step),
  );
  return received.filter((step) => !allowed.has(step));
}

test('SIGKILL at any moment of a call loses no entry of what was sent', async () => {
  const { store, received, kills } = await killing(killsEach);
  const claimed = await store.selectFrom('steps').select('state').execute();
  const open = claimed.filter(({ state }) => state === 'sent').length;
  console.log(
    `ONCALL_SEED=${seed}: ${kills} kills of the real perform, ${received.length} calls received, ${claimed.length} claimed, ${open} left open`,
  );
  expect(kills).toBe(lanes.length * killsEach);
  expect(received.length).toBeGreaterThanOrEqual(lanes.length * killsEach);
  expect(await unallowed(store, received)).toEqual([]);
  const { whole, sentence } = await verifyAudit(store, { say: () => {} });
  expect(whole, sentence).toBe(true);
  await store.destroy();
}, 300_000);

test('a call that went round it does not pass that check', async () => {
  const { store, received, kills } = await killing(1, true);
  expect(kills).toBeGreaterThan(0);
  const skipped = await unallowed(store, received);
  expect(skipped.length).toBeGreaterThan(0);
  expect(skipped.every((step) => Number(step.split(' ')[1]) % 4 === 3)).toBe(true);
  await store.destroy();
}, 300_000);
