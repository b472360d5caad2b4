import { afterAll, beforeAll, expect, test } from 'vitest';
import { responder } from '../support/grants.ts';
import { openSession, type Session } from '../support/mcp.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

// Nobody works on runs yet: whatever is asked takes longer than anybody waits.
let stage: Stage;
let session: Session;
let incident: string;
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder() } });
  session = await openSession(stage, 'triage-bot', { answerMs: 4_000 });
  incident = await stage.trigger();
});
afterAll(async () => {
  await session.close();
  expect(session.faults).toEqual([]);
  await stage.close();
});

test('a read says that it is late and why, and is not left behind', async () => {
  const told = await session.call('pd_get', { what: 'incident', id: incident });
  expect(told).toMatchObject({ isError: true, data: { code: 'unavailable', retry_after_s: 15 } });
  expect(told.text).toContain('pd_get has no answer: no Worker works on runs now. Nothing was changed.');
  await expect(session.client.readResource({ uri: `pd://incident/${incident}` })).rejects.toThrow(
    /no Worker/,
  );
});

test('a write goes on as its run, and is done once somebody works on it', async () => {
  const write = { incident, text: 'Written late.', reason: 'a test' };
  const told = await session.call('pd_note', write);
  expect(told).toMatchObject({ isError: false, data: { complete: false, state: 'running' } });
  expect(told.text).toContain('Do not start it again');
  expect((await session.call('pd_note', write)).data['run']).toBe(told.data['run']);
  expect((await session.call('pd_run', { run: told.data['run'] })).data['state']).toBe('running');
  await stage.startWorker();
  await until('it is written', () => stage.simulator.world.notes(incident).length === 1);
  await until('it is told', async () => {
    const { data } = await session.call('pd_run', { run: told.data['run'], wait_s: 5 });
    return data['outcome'] === 'done';
  });
  // The reads that nobody waited for were ended.
  const reads = stage.client.workflow.list({
    query: `WorkflowType = 'runOperation' AND ExecutionStatus = 'Running'`,
  });
  await until('no read is left', async () => {
    for await (const _ of reads) return false;
    return true;
  });
});
