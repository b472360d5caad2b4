import { afterAll, beforeAll, expect, test } from 'vitest';
import { responder, type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder(), 'look-bot': 'incidents: read' } });
  await stage.startWorker();
});
afterAll(() => stage.close());

test('an incident goes from triggered to resolved, with one note, and is read back', async () => {
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', {
    account: 'main',
    incident,
    assess: 'rules',
  });
  await until('the note is there', () => stage.simulator.world.notes(incident).length === 1);
  await run.answer('conclude', { resolution: 'Rolled back.' });
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'done', verified: true, notChanged: [] });
  expect(stage.simulator.world.incident(incident)?.status).toBe('resolved');
});

test('what an agent may not do is a result with the sentence, and no request leaves', async () => {
  const incident = await stage.trigger();
  const before = (await stage.requests()).length;
  const result = await stage.run('look-bot', 'addNote', { account: 'main', incident, note: 'Hello.' });
  expect(result.outcome).toBe('denied');
  expect(result.summary).toBe(
    `look-bot may not add a note to incident ${incident}: its grant on incidents is read, and incidents.add_note needs full.`,
  );
  expect((await stage.requests()).length).toBe(before);
});
