import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Asked, Things } from '../../gate/asked.ts';
import { press } from '../../gate/switches.ts';
import {
  type CheckInput,
  type CheckResult,
  checkWorkflowId,
  workflowTaskQueue,
} from '../../workflows/contract.ts';
import { type Stage, setStage } from '../support/stage.ts';

let stage: Stage;
let incident: string;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'low-bot': `incidents: read
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } }
incidents.resolve: { level: full, approval: { by: [lead] } }
incidents.add_note: { level: full, cap: 1/hour }
events.trigger: { level: full, routing_keys: [checkout] }`,
      'off-bot': 'incidents: read',
    },
    operators: { lead: '', ops: '' },
  });
  await stage.startWorker();
  incident = await stage.trigger();
});
afterAll(() => stage.close());

async function can(agent: string, action: string, things: Things = {}): Promise<CheckResult> {
  const input: CheckInput = { account: 'main', agent, action, things } satisfies Asked & { account: string };
  return stage.client.workflow.execute<(input: CheckInput) => Promise<CheckResult>>('checkPermission', {
    workflowId: checkWorkflowId(input, randomUUID()),
    taskQueue: workflowTaskQueue,
    args: [input],
  });
}
const since = async (before: number) => (await stage.requests()).slice(before);

test('the answer is the gate’s own: decision, rule, sentence, facts, and who can grant it', async () => {
  const { permission } = await can('low-bot', 'incidents.acknowledge', { incident });
  expect(permission).toMatchObject({
    decision: 'denied',
    rule: 'agents.low-bot.grants.incidents.acknowledge',
    sentence: expect.stringMatching(
      /^low-bot may not acknowledge incident #\d+ .*: the urgency is high; its grant covers low\.$/,
    ),
    facts: { incidents: [{ id: incident, status: 'triggered', urgency: 'high' }] },
    grantedBy: 'Whoever may change oncall.yaml, at agents.low-bot.grants.incidents.acknowledge.',
  });
});

test('nothing is sent but what the gate reads, and the audit says that it was only asked', async () => {
  const before = (await stage.requests()).length;
  const { permission } = await can('low-bot', 'incidents.resolve', { incident });
  expect(permission).toMatchObject({
    decision: 'approval_needed',
    grantedBy: 'lead can approve it with `oncall approve`, once a step asks for it.',
  });
  expect((await since(before)).map(({ method, path }) => `${method} ${path}`)).toEqual([
    `GET /incidents/${incident}`,
  ]);
  const last = (await stage.audit()).at(-1);
  expect(last).toMatchObject({
    seq: permission?.entry.seq,
    kind: 'question',
    decision: 'asked',
    agent: 'runner',
    incident,
    sentence: `Only asked, nothing was to be sent: ${permission?.sentence}`,
    reads: [{ operation: 'getIncident', status: 200 }],
  });
});

test('what needs no fact asks PagerDuty nothing', async () => {
  const before = (await stage.requests()).length;
  expect(await can('low-bot', 'events.trigger', { routingKey: 'checkout' })).toMatchObject({
    permission: { decision: 'allowed', facts: {} },
  });
  expect(await can('off-bot', 'users.view')).toMatchObject({ permission: { decision: 'denied' } });
  expect(await can('nobody-bot', 'incidents.view')).toMatchObject({
    permission: { decision: 'denied', sentence: expect.stringContaining('knows no agent of that name') },
  });
  expect(await since(before)).toEqual([]);
});

test('asking uses up nothing of a cap, and says when it is used up', async () => {
  for (let time = 0; time < 3; time += 1)
    expect(await can('low-bot', 'incidents.add_note', { incident })).toMatchObject({
      permission: { decision: 'allowed' },
    });
  await stage.run('low-bot', 'addNote', { account: 'main', incident, note: 'Hello.' });
  expect(await can('low-bot', 'incidents.add_note', { incident })).toMatchObject({
    permission: {
      decision: 'denied',
      sentence: expect.stringMatching(/is capped at 1\/hour, and 1 are used up\.$/),
    },
  });
});

test('an incident that is not there, and a question that cannot be asked, are told', async () => {
  expect(await can('low-bot', 'incidents.resolve', { incident: 'PNONE' })).toMatchObject({
    outcome: 'failed',
    summary: expect.stringMatching(/PNONE|not found/i),
  });
  const odd = await can('low-bot', 'incidents.smash', { incident });
  expect(odd).toMatchObject({
    outcome: 'failed',
    summary: expect.stringContaining('no action "incidents.smash"'),
  });
  expect(odd.permission).toBeUndefined();
});

test('a broken configuration and a freeze are the answer where they are the reason', async () => {
  stage.editConfig((text) => `${text}\nno such key: true\n`);
  expect(await can('off-bot', 'incidents.view')).toMatchObject({
    permission: { decision: 'denied', rule: 'configuration', grantedBy: 'Whoever mends oncall.yaml.' },
  });
  stage.editConfig((text) => text.replace('\nno such key: true\n', ''));
  await press(stage.store, { kind: 'freeze', name: '', by_whom: 'ada', reason: '' });
  expect(await can('off-bot', 'incidents.view')).toMatchObject({
    permission: {
      decision: 'denied',
      rule: 'freeze',
      grantedBy: 'lead and ops can lift it with `oncall thaw`.',
    },
  });
});
