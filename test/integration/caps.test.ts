import { afterEach, describe, expect, test } from 'vitest';
import { startRun } from '../../client/agent.ts';
import { type Stage, setStage } from '../support/stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const account = 'main';
const setWith = async (grants: string): Promise<string> => {
  stage = await setStage({ agents: { bot: `incidents: read\n${grants}` } });
  await stage.startWorker();
  return stage.trigger();
};
const note = async (incident: string, key: string) =>
  (
    await startRun(stage.client, stage.agent('bot'), 'addNote', { account, incident, note: key }, { key })
  ).result();
const notesOf = (incident: string) => stage.simulator.world.notes(incident);

/** The time of day some minutes from now, as `hours` takes it. */
const clockAt = (minutes: number): string =>
  new Date(Date.now() + minutes * 60_000).toISOString().slice(11, 16);

test('a cap that two Workers reach at the same moment allows exactly as many steps as it says', async () => {
  const incident = await setWith('incidents.add_note: { level: full, cap: 3/hour }');
  await stage.startWorker();
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, index) => note(incident, `note-${index}`)),
  );
  expect(results.filter(({ outcome }) => outcome === 'done')).toHaveLength(3);
  const denied = results.filter(({ outcome }) => outcome === 'denied');
  expect(denied).toHaveLength(9);
  for (const { summary } of denied)
    expect(summary).toMatch(/: its grant on incidents\.add_note is capped at 3\/hour, and 3 are used up\.$/);
  expect(notesOf(incident)).toHaveLength(3);
  const writes = (await stage.requests()).filter(({ operation }) => operation === 'createIncidentNote');
  expect(writes).toHaveLength(3);
  const entries = (await stage.audit()).filter(({ kind }) => kind === 'entry');
  // A step that is tried again has an entry a try.
  const steps = (word: string) =>
    new Set(entries.filter(({ decision }) => decision === word).map(({ workflowId }) => workflowId));
  expect(steps('allowed').size).toBe(3);
  expect(steps('denied').size).toBe(9);
});

test('tries of one step count once', async () => {
  const incident = await setWith('incidents.add_note: { level: full, cap: 2/hour }');
  await stage.fault({ operation: 'createIncidentNote', kind: 'status', status: 500, times: 2 });
  expect(await note(incident, 'tried-thrice')).toMatchObject({ outcome: 'done' });
  expect(await note(incident, 'second')).toMatchObject({ outcome: 'done' });
  expect(await note(incident, 'third')).toMatchObject({ outcome: 'denied' });
  expect(notesOf(incident)).toHaveLength(2);
});

test('a cap counts the steps of its own grant and its own agent alone', async () => {
  stage = await setStage({
    agents: {
      bot: 'incidents.add_note: { level: full, cap: 1/day }',
      other: 'incidents.add_note: { level: full, cap: 1/day }',
    },
  });
  await stage.startWorker();
  const incident = await stage.trigger();
  expect(await note(incident, 'one')).toMatchObject({ outcome: 'done' });
  expect(await note(incident, 'two')).toMatchObject({ outcome: 'denied' });
  const input = { account, incident, note: 'mine' };
  expect(await stage.run('other', 'addNote', input)).toMatchObject({ outcome: 'done' });
});

describe('the moment', () => {
  test.each<[string, () => string, string, RegExp | undefined]>([
    ['within the hours', () => `when: { hours: "${clockAt(-60)}-${clockAt(60)} UTC" }`, 'done', undefined],
    [
      'outside of the hours',
      () => `when: { hours: "${clockAt(60)}-${clockAt(120)} UTC" }`,
      'denied',
      /it is \d\d:\d\d in UTC; its grant on incidents\.add_note covers \d\d:\d\d-\d\d:\d\d UTC\.$/,
    ],
    ['before the end of a grant', () => 'until: 2999-01-01', 'done', undefined],
    [
      'after the end of a grant',
      () => 'until: 2026-01-01T08:00:00Z',
      'denied',
      /its grant on incidents\.add_note ended at 2026-01-01T08:00Z\.$/,
    ],
  ])('%s', async (_when, limit, outcome, sentence) => {
    const incident = await setWith(`incidents.add_note: { level: full, ${limit()} }`);
    const before = (await stage.requests()).length;
    const result = await note(incident, 'now');
    expect(result).toMatchObject({ outcome });
    if (!sentence) return;
    expect(result.summary).toMatch(sentence);
    // Where no fact could help, PagerDuty is not asked at all.
    expect(await stage.requests()).toHaveLength(before);
  });
});
