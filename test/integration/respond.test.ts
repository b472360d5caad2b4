import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OncallError } from '../../client/errors.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import { searchAttributes } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'triage-bot': responder(),
      'look-bot': 'incidents: read',
      'note-bot': 'incidents: read\nservices: read\noncalls: read\nincidents.add_note: full',
      'low-bot': `incidents: read
services: read
oncalls: read
incidents.add_note: full
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } }`,
      'checkout-bot': 'incidents: { level: read, when: { services: [PCHECKOUT] } }',
    },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

const account = 'main';
const statusOf = (incident: string): string | undefined => stage.simulator.world.incident(incident)?.status;
const notesOf = (incident: string): readonly string[] => stage.simulator.world.notes(incident);

test('an incident goes from triggered to resolved, with one note that names its evidence, and is read back', async () => {
  const incident = await stage.trigger({ summary: 'Checkout answers 500' });
  const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
  await until('the note is there', () => notesOf(incident).length === 1);
  const alert = stage.simulator.world.incident(incident)?.alerts[0]?.id ?? '';
  expect(notesOf(incident)[0]).toMatch(
    /^Incident #\d+ is real: 1 of 1 alerts still fire; nothing like it in 30 days\. On call: /,
  );
  expect(notesOf(incident)[0]).toContain(`Alerts: ${alert}`);
  expect(notesOf(incident)[0]).toMatch(
    /triage-bot holds it until \d\d:\d\d:\d\d UTC; then it goes back to people\.\nAnswer with a note: “stop” \(give it back now\), “mine” \(I take it\)\.\n\n\[oncall-runner [0-9a-f]{10}\]$/,
  );
  await run.answer('conclude', { resolution: 'Rolled back.' });
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'done', verified: true, notChanged: [] });
  expect(result.changed).toHaveLength(3);
  expect(statusOf(incident)).toBe('resolved');
  expect(notesOf(incident)).toHaveLength(1);
});

test('the client that judges is waited for, and without its finding nothing is acknowledged', async () => {
  const incident = await stage.trigger();
  const result = await stage.run('triage-bot', 'respondToIncident', {
    account,
    incident,
    assess: 'client',
    presenceSeconds: 1,
  });
  expect(result.outcome).toBe('partly');
  expect(result.summary).toMatch(/was left to people: no finding came from the client/);
  expect(statusOf(incident)).toBe('triggered');
  expect(notesOf(incident)).toEqual([]);
});

test('the finding of the client is acted upon and stands in the note', async () => {
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'client' });
  await run.answer('giveFinding', {
    class: 'real',
    summary: 'The release of 14:02 broke the cache.',
    evidence: { alerts: [], similar: [] },
  });
  await until('it is acknowledged and noted', () => notesOf(incident).length === 1);
  expect(notesOf(incident)[0]).toContain('is real: The release of 14:02 broke the cache.');
  await expect(
    run.answer('giveFinding', { class: 'real', summary: 'Again.', evidence: { alerts: [], similar: [] } }),
  ).rejects.toThrow(new OncallError('This run has its finding already.'));
  await run.answer('conclude', { resolution: 'Rolled back.' });
  expect((await run.result()).outcome).toBe('done');
});

test('an unclear finding acknowledges nothing and says so in a note', async () => {
  const incident = await stage.trigger({ summary: '[FIRING:1]  ( )' });
  const result = await stage.run('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
  expect(result.outcome).toBe('partly');
  expect(statusOf(incident)).toBe('triggered');
  expect(notesOf(incident)[0]).toContain(
    'Not acknowledged by triage-bot: the finding is unclear, so PagerDuty keeps paging',
  );
});

test('without a grant to acknowledge, triage and one note are done while PagerDuty keeps paging', async () => {
  const incident = await stage.trigger();
  const result = await stage.run('note-bot', 'respondToIncident', { account, incident, assess: 'rules' });
  expect(result.outcome).toBe('partly');
  expect(result.notChanged).toEqual([
    {
      what: `acknowledge ${incident}`,
      why: `note-bot may not acknowledge incident ${incident}: its grant on incidents is read, and incidents.acknowledge needs full.`,
    },
  ]);
  expect(statusOf(incident)).toBe('triggered');
  expect(notesOf(incident)).toHaveLength(1);
});

test('high urgency is not acknowledged on a grant for low, and the sentence says both', async () => {
  const high = await stage.trigger({ severity: 'critical' });
  const result = await stage.run('low-bot', 'respondToIncident', {
    account,
    incident: high,
    assess: 'rules',
  });
  expect(result.notChanged[0]?.why).toMatch(/: the urgency is high; its grant covers low\.$/);
  expect(statusOf(high)).toBe('triggered');
  const low = await stage.trigger({ severity: 'info' });
  const run = await stage.start('low-bot', 'respondToIncident', { account, incident: low, assess: 'rules' });
  await until('the low one is acknowledged', () => statusOf(low) === 'acknowledged');
  await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
  await run.result();
});

test('what an agent may not do is a result with the sentence, no request leaves, and the audit has it', async () => {
  const incident = await stage.trigger();
  const before = (await stage.requests()).length;
  const result = await stage.run('look-bot', 'addNote', { account, incident, note: 'Hello.' });
  const sentence = `look-bot may not add a note to incident ${incident}: its grant on incidents is read, and incidents.add_note needs full.`;
  expect(result).toMatchObject({ outcome: 'denied', summary: sentence });
  expect(await stage.requests()).toHaveLength(before);
  const [denial] = (await stage.audit({ decision: 'denied' })).filter(
    (record) => record.incident === incident,
  );
  expect(denial).toMatchObject({ agent: 'look-bot', sentence, rule: 'agents.look-bot.grants.incidents' });
});

test('an agent that may not resolve concludes in vain: the sentence names the rule and people get the incident', async () => {
  stage.editConfig((text) => text.replace('incidents.resolve: full', 'incidents.resolve: off'));
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
  await run.answer('conclude', { resolution: 'Rolled back.' });
  const result = await run.result();
  stage.editConfig((text) => text.replace('incidents.resolve: off', 'incidents.resolve: full'));
  expect(result.outcome).toBe('denied');
  expect(result.summary).toMatch(/may not resolve incident .*: its grant on incidents\.resolve is off/);
  expect(statusOf(incident)).toBe('triggered');
});

test('a grant with a condition covers what PagerDuty says is within it, and a list only where its filter is', async () => {
  const inside = await stage.trigger();
  const result = await stage.run('checkout-bot', 'triageIncident', { account, incident: inside });
  // Services and on-calls are not granted: triage says what it could not read, and judges by the rest.
  expect(result.outcome).toBe('partly');
  expect(result.next).toEqual([
    'service not read: checkout-bot may not read service PCHECKOUT: no grant covers services.view.',
    'on-call not read: checkout-bot may not list who is on call (policies PPAYMENTSONCALL): no grant covers oncalls.view.',
  ]);
  const outside = [...stage.simulator.world.incidents.values()].find(
    ({ serviceId }) => serviceId !== 'PCHECKOUT',
  );
  const refused = await stage.run('checkout-bot', 'triageIncident', { account, incident: outside?.id ?? '' });
  expect(refused.summary).toMatch(/: the service is P\w+; its grant covers PCHECKOUT\.$/);
});

test('where nobody is on call at the first level, triage names whom PagerDuty pages in their stead', async () => {
  const { schedules } = stage.simulator.world;
  const rota = schedules.get(seedIds.schedules.payments);
  if (!rota) throw new Error('The seed world has lost the payments rota.');
  schedules.set(rota.id, { ...rota, layers: [] });
  try {
    const incident = await stage.trigger();
    const { summary } = await stage.run('triage-bot', 'triageIncident', { account, incident });
    expect(summary).toContain(' On call: Fay Novak.');
  } finally {
    schedules.set(rota.id, rota);
  }
});

test('a second start of the same response joins the first', async () => {
  const incident = await stage.trigger();
  const first = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
  const second = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
  expect(second).toMatchObject({ workflowId: first.workflowId, runId: first.runId, joined: true });
  await first.answer('conclude', { resolution: 'Done.' });
  expect(await second.result()).toEqual(await first.result());
});

test('an acknowledge by itself is held, and given back at once when asked', async () => {
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'acknowledgeIncident', { account, incident });
  await until('it is acknowledged', () => statusOf(incident) === 'acknowledged');
  await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
  expect((await run.result()).outcome).toBe('partly');
  expect(statusOf(incident)).toBe('triggered');
});

test('resolving what is resolved is nothing to do, and a person who works on it is not overruled', async () => {
  const incident = await stage.trigger();
  await stage.asPerson('PUT', `/incidents/${incident}`, {
    incident: { type: 'incident', status: 'acknowledged' },
  });
  const yielded = await stage.run('triage-bot', 'resolveIncident', { account, incident });
  expect(yielded.outcome).toBe('yielded_to_human');
  expect(yielded.summary).toMatch(/a person has acknowledged it \(PADA\)\. Nothing was sent\.$/);
  await stage.asPerson('PUT', `/incidents/${incident}`, {
    incident: { type: 'incident', status: 'resolved' },
  });
  expect((await stage.run('triage-bot', 'resolveIncident', { account, incident })).outcome).toBe(
    'nothing_to_do',
  );
});

test('operators can read a run: search attributes, a summary on every step, and what it waits for', async () => {
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', {
    account,
    incident,
    assess: 'rules',
    reason: 'a test',
  });
  const handle = stage.client.workflow.getHandle(run.workflowId);
  const { typedSearchAttributes } = await until('it waits for the conclusion', async () => {
    const described = await handle.describe();
    return described.typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion' && described;
  });
  expect(typedSearchAttributes.get(searchAttributes.agent)).toBe('triage-bot');
  expect(typedSearchAttributes.get(searchAttributes.account)).toBe('main');
  expect(typedSearchAttributes.get(searchAttributes.incident)).toBe(incident);
  expect(typedSearchAttributes.get(searchAttributes.service)).toBe('PCHECKOUT');
  const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toMatch(/\*\*Waiting for:\*\* the conclusion, until \d\d:\d\d:\d\d UTC/);
  expect(metadata.currentDetails).toContain('- **Reason:** a test');
  await run.answer('conclude', { resolution: 'Done.' });
  await run.result();
  expect((await handle.describe()).typedSearchAttributes.get(searchAttributes.outcome)).toBe('done');
  const { events = [] } = await handle.fetchHistory();
  const steps = (events ?? []).filter(
    (event) => event.activityTaskScheduledEventAttributes ?? event.timerStartedEventAttributes,
  );
  const summaries = steps.map(({ userMetadata }) => {
    const { summary } = userMetadata ?? {};
    return summary ? defaultPayloadConverter.fromPayload<string>(summary) : undefined;
  });
  expect(summaries.length).toBeGreaterThan(8);
  expect(summaries.filter((summary) => !summary)).toEqual([]);
});
