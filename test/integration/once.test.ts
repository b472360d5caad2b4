import { afterAll, test as alone, beforeAll, expect } from 'vitest';
import { responder } from '../support/grants.ts';

import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder() } });
  await stage.startWorker();
});
afterAll(() => stage.close());

// Each on an incident of its own, and all at once: most of their time they wait.
const test = alone.concurrent;

const account = 'main';

/** What happened to an incident, in the simulator's own log: `acknowledge_log_entry`, … */
const logOf = (incident: string): readonly string[] =>
  stage.simulator.world.incident(incident)?.log.map(({ type }) => type) ?? [];

test('a 429 is waited for exactly as long as PagerDuty says, on the server and not in the Worker', async () => {
  const incident = await stage.trigger();
  await stage.fault({
    operation: 'createIncidentNote',
    kind: 'rate_limited',
    match: incident,
    retry_after_seconds: 2,
    times: 1,
  });
  const run = await stage.start('triage-bot', 'addNote', { account, incident, note: 'Patience.' });
  const handle = stage.client.workflow.getHandle(run.workflowId);
  const pending = await until('the note waits', async () => {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.find(({ lastFailure }) =>
      lastFailure?.message?.includes("waiting 2 s for PagerDuty's limit"),
    );
  });
  expect(Number(pending.currentRetryInterval?.seconds)).toBe(2);
  // Waits do not use up a step: it is tried as long as it is worth doing, however often PagerDuty says to wait.
  expect(pending.maximumAttempts).toBe(0);
  expect((await run.result()).outcome).toBe('done');
  const posts = (await stage.requests()).filter(
    ({ operation, path }) => operation === 'createIncidentNote' && path.includes(incident),
  );
  expect(posts.map(({ status }) => status)).toEqual([429, 200]);
});

test('a person who resolves between a 429 and its retry keeps it resolved', async () => {
  const incident = await stage.trigger();
  await stage.fault({
    operation: 'updateIncident',
    kind: 'rate_limited',
    match: incident,
    retry_after_seconds: 1,
    times: 1,
  });
  const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
  await until('the acknowledge was refused', async () =>
    (await stage.requests()).some(({ status, path }) => status === 429 && path.includes(incident)),
  );
  await stage.asPerson('PUT', `/incidents/${incident}`, {
    incident: { type: 'incident', status: 'resolved' },
  });
  const result = await run.result();
  expect(result.notChanged[0]?.why).toMatch(/the incident is resolved now and no longer triggered/);
  expect(stage.simulator.world.incident(incident)?.status).toBe('resolved');
  expect(logOf(incident).filter((type) => type.startsWith('acknowledge'))).toEqual([]);
});

// The effect is there, and the Worker never hears of it.
const losses = [
  { kind: 'drop_response', times: 1 },
  { kind: 'reset', times: 1 },
  { kind: 'truncate', times: 1 },
] as const;

test.each(losses)('a note whose answer is lost ($kind) is written once', async (loss) => {
  const incident = await stage.trigger();
  await stage.fault({ ...loss, operation: 'createIncidentNote', match: incident });
  const result = await stage.run('triage-bot', 'addNote', { account, incident, note: 'Only once.' });
  expect(result).toMatchObject({ outcome: 'done', verified: true });
  expect(stage.simulator.world.notes(incident)).toHaveLength(1);
  expect(
    (await stage.audit()).filter(({ decision, incident: of }) => decision === 'found' && of === incident),
  ).toHaveLength(1);
});

test.each(losses)('an acknowledge and a resolve whose answers are lost ($kind) happen once', async (loss) => {
  const incident = await stage.trigger();
  await stage.fault({ ...loss, operation: 'updateIncident', match: incident, times: 1 });
  const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
  await until('the note is there', () => stage.simulator.world.notes(incident).length === 1);
  await stage.fault({ ...loss, operation: 'updateIncident', match: incident, times: 1 });
  await run.answer('conclude', { resolution: 'Rolled back.' });
  expect(await run.result()).toMatchObject({ outcome: 'done', verified: true });
  expect(logOf(incident).filter((type) => /^(acknowledge|resolve|unacknowledge)/.test(type))).toEqual([
    'acknowledge',
    'resolve',
  ]);
  const found = (await stage.audit()).filter(
    ({ decision, incident: of }) => decision === 'found' && of === incident,
  );
  expect(found).toHaveLength(2);
});

test.each(['drop_request', 'html'] as const)('a note that never arrived (%s) is sent again', async (kind) => {
  const incident = await stage.trigger();
  await stage.fault({ operation: 'createIncidentNote', kind, match: incident, times: 1 });
  const result = await stage.run('triage-bot', 'addNote', { account, incident, note: 'Second try.' });
  expect(result.outcome).toBe('done');
  expect(stage.simulator.world.notes(incident)).toHaveLength(1);
  expect(
    (await stage.audit()).filter(({ decision, incident: of }) => decision === 'lost' && of === incident),
  ).toHaveLength(1);
});

test('a note that PagerDuty makes after we have hung up and looked is written once', async () => {
  const incident = await stage.trigger();
  await stage.fault({
    operation: 'createIncidentNote',
    kind: 'late',
    delay_ms: 12_000,
    match: incident,
    times: 1,
  });
  const result = await stage.run('triage-bot', 'addNote', { account, incident, note: 'Only once.' });
  expect(result).toMatchObject({ outcome: 'done', verified: true });
  expect(stage.simulator.world.notes(incident)).toHaveLength(1);
  const told = (await stage.audit())
    .filter(({ incident: of }) => of === incident)
    .map(({ kind, decision }) => `${kind} ${decision}`);
  expect(told).toEqual(['entry allowed', 'outcome unknown', 'entry undecided', 'outcome found']);
});

test('what PagerDuty refuses for good is a failed outcome with its words, tried once', async () => {
  const result = await stage.run('triage-bot', 'addNote', { account, incident: 'PNOSUCH', note: 'Anyone?' });
  expect(result.outcome).toBe('failed');
  expect(result.summary).toBe('PagerDuty answered 404 to POST /incidents/PNOSUCH/notes: Not Found');
  expect((await stage.requests()).filter(({ path }) => path.includes('PNOSUCH'))).toHaveLength(1);
});

test('a server error on a read is tried again until it answers', async () => {
  const incident = await stage.trigger();
  await stage.fault({ operation: 'getIncident', kind: 'status', match: incident, status: 503, times: 2 });
  const result = await stage.run('triage-bot', 'triageIncident', { account, incident });
  expect(result.outcome).toBe('done');
  const refused = (await stage.audit()).filter(
    ({ decision, incident: of }) => decision === 'refused' && of === incident,
  );
  expect(refused).toHaveLength(2);
});

test('a look for a lost write that is not answered stands in the audit too', async () => {
  const incident = await stage.trigger();
  await stage.fault({ operation: 'createIncidentNote', kind: 'drop_response', match: incident, times: 1 });
  await stage.fault({
    operation: 'listIncidentNotes',
    kind: 'status',
    match: incident,
    status: 503,
    times: 1,
  });
  const result = await stage.run('triage-bot', 'addNote', { account, incident, note: 'Only once.' });
  expect(result).toMatchObject({ outcome: 'done', verified: true });
  expect(stage.simulator.world.notes(incident)).toHaveLength(1);
  const looks = (await stage.audit()).filter(
    ({ incident: of, reads }) => of === incident && reads.length > 0,
  );
  expect(looks.map(({ decision, reads }) => [decision, reads[0]?.status])).toEqual([
    ['undecided', 503],
    ['found', 200],
  ]);
});
