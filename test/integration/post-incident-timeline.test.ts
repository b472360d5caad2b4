import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TimelineInput } from '../../workflows/reports.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { approveIn, refuseIn } from '../support/words.ts';

const account = 'main';
let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'triage-bot': responder(),
      'review-bot': 'incidents: read\nincidents.add_note: { level: full, approval: required }',
      'look-bot': 'incidents: read',
      'no-bot': 'services: read',
    },
    operators: { lead: '' },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

const put = (id: string, status: string, from?: string): Promise<unknown> =>
  stage.asPerson('PUT', `/incidents/${id}`, { incident: { type: 'incident_reference', status } }, from);
const noteBy = (id: string, content: string): Promise<unknown> =>
  stage.asPerson('POST', `/incidents/${id}/notes`, { note: { content } });
const tell = (agent: string, input: Omit<TimelineInput, 'account'>) =>
  stage.run(agent, 'postIncidentTimeline', { account, quietSeconds: 0, ...input });
const timelinesOn = (id: string): number =>
  stage.simulator.world.notes(id).filter((text) => text.startsWith('## Timeline of #')).length;

/** An incident on which a person and an agent worked, and that is over. */
async function worked(): Promise<string> {
  const id = await stage.trigger({ summary: 'p99 [latency](http://evil.example) above 2 s' });
  await put(id, 'acknowledged');
  await noteBy(id, 'The cache was cold.');
  await stage.run('triage-bot', 'addNote', { account, incident: id, note: 'Three alerts, one cause.' });
  await put(id, 'resolved');
  return id;
}

describe('a timeline', () => {
  test('tells each thing once and in order, who did it, and for whom of ours, and stands as one note', async () => {
    const id = await worked();
    const incident = stage.simulator.world.incident(id);
    if (!incident) throw new Error('It is there.');
    const result = await tell('triage-bot', { incident: id });
    expect(result).toMatchObject({
      outcome: 'done',
      missing: [],
      acknowledgedBy: 'Ada Adler',
      resolvedBy: 'Ada Adler',
      questions: [],
    });
    const seconds = (at: number | null | undefined): number => Math.floor((at ?? 0) / 1000) * 1000;
    const acknowledged = incident.log.find(({ type }) => type === 'acknowledge');
    expect(result.toAcknowledgeMs).toBe(seconds(acknowledged?.at) - seconds(incident.createdAt));
    expect(result.toResolveMs).toBe(seconds(incident.resolvedAt) - seconds(incident.createdAt));
    const times = result.events.map(({ at }) => Date.parse(at));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    // Each entry of the log but the notes', each note, and the alert.
    const before = incident.log.filter(
      ({ type, at, note }) => at <= (incident.resolvedAt ?? 0) && (type !== 'annotate' || note === undefined),
    );
    expect(result.events.filter(({ from }) => from === 'log')).toHaveLength(before.length);
    expect(result.events.filter(({ from }) => from === 'note').map(({ by }) => by)).toEqual([
      'Ada Adler',
      'Oncall Bot for triage-bot',
    ]);
    expect(result.events.filter(({ from }) => from === 'alert')).toHaveLength(incident.alerts.length);
    expect(timelinesOn(id)).toBe(1);
    expect(stage.simulator.world.notes(id).at(-1)).toContain(result.report);
    expect(stage.simulator.world.notes(id).at(-1)).not.toMatch(/[^\\]\]\(/);

    // Told again it is no second note.
    const again = await tell('triage-bot', { incident: id });
    expect(again).toMatchObject({ outcome: 'done', changed: [] });
    expect(again.notChanged[0]?.why).toMatch(/^it has a timeline as a note already/);
    expect(again.events).toEqual(result.events);
    expect(timelinesOn(id)).toBe(1);
  });

  test('asks what the record leaves open, and guesses no cause', async () => {
    const id = await stage.trigger({ key: 'alone' });
    await put(id, 'resolved');
    const result = await tell('look-bot', { incident: id, note: false });
    expect(result).toMatchObject({ outcome: 'done', acknowledgedBy: null, toAcknowledgeMs: null });
    expect(result.questions).toEqual([
      'Why did nobody acknowledge it?',
      'What was the cause? No person has written a note.',
    ]);
    expect(result.report).toContain('**Open questions**');
    expect(stage.simulator.world.notes(id)).toEqual([]);
  });

  test('of an incident that is not over is nothing to do', async () => {
    const id = await stage.trigger();
    expect(await tell('triage-bot', { incident: id })).toMatchObject({
      outcome: 'nothing_to_do',
      events: [],
    });
    expect(stage.simulator.world.notes(id)).toEqual([]);
  });

  test('waits until the incident has stayed resolved, and is given up where it is opened again', async () => {
    const id = await stage.trigger();
    await put(id, 'acknowledged');
    await put(id, 'resolved');
    const run = await stage.start('triage-bot', 'postIncidentTimeline', {
      account,
      incident: id,
      quietSeconds: 900,
    });
    await until('it waits', async () => {
      const { memo } = await stage.client.workflow.getHandle(run.workflowId).describe();
      return memo?.['waits'];
    });
    await put(id, 'triggered');
    await stage.client.workflow
      .getHandle(run.workflowId)
      .signal('incidentChanged', { event: 'a', type: 'incident.reopened', occurredAt: '' });
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'nothing_to_do' });
    expect(result.summary).toMatch(/^Incident #\d+ was opened again: its story is not over\.$/);
    expect(timelinesOn(id)).toBe(0);
  });

  test('is told without a note where notes are denied, and is denied where the incident is', async () => {
    const id = await worked();
    const told = await tell('look-bot', { incident: id });
    expect(told.outcome).toBe('denied');
    expect(told.events.length).toBeGreaterThan(4);
    expect(told.notChanged).toEqual([{ what: `note on ${id}`, why: expect.stringContaining('look-bot') }]);
    expect(timelinesOn(id)).toBe(0);
    expect(await tell('no-bot', { incident: id })).toMatchObject({
      outcome: 'denied',
      events: [],
      report: '',
    });
  });

  test('asks an operator for its note where the grant says so', async () => {
    for (const [word, outcome, notes] of [
      ['refuse', 'approval_refused', 0],
      ['approve', 'done', 1],
    ] as const) {
      const id = await worked();
      const run = await stage.start('review-bot', 'postIncidentTimeline', {
        account,
        incident: id,
        quietSeconds: 0,
      });
      await (word === 'approve' ? approveIn(stage, run) : refuseIn(stage, run, 'not like this'));
      expect(await run.result()).toMatchObject({ outcome, missing: [] });
      expect(timelinesOn(id)).toBe(notes);
    }
  });

  test('names what could not be read, and writes no second note where it cannot see the first', async () => {
    const id = await worked();
    await stage.fault({ operation: 'listIncidentNotes', kind: 'status', status: 404 });
    const result = await tell('triage-bot', { incident: id });
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'partly', missing: [expect.stringMatching(/^the notes: /)] });
    expect(result.report).toContain('**Could not be read**');
    expect(timelinesOn(id)).toBe(0);
  });

  test.each([
    [
      'listIncidentLogEntries',
      'log',
      /^the log: /,
      { toAcknowledgeMs: null, acknowledgedBy: null, questions: [] },
    ],
    ['listIncidentAlerts', 'alert', /^the alerts: /, { acknowledgedBy: 'Ada Adler', questions: [] }],
  ] as const)(
    'asks nothing of what could not be read (%s), and tells the rest',
    async (operation, from, words, more) => {
      const id = await worked();
      await stage.fault({ operation, kind: 'status', status: 404 });
      const result = await tell('triage-bot', { incident: id });
      await stage.clearFaults();
      expect(result).toMatchObject({
        outcome: 'partly',
        verified: false,
        missing: [expect.stringMatching(words)],
        ...more,
      });
      const told = new Set(result.events.map((event) => event.from));
      expect(told).toEqual(new Set(['log', 'note', 'alert'].filter((one) => one !== from)));
      // What was read stands as the one note, which says what was not.
      expect(timelinesOn(id)).toBe(1);
      expect(stage.simulator.world.notes(id).at(-1)).toContain('**Could not be read**');
    },
  );

  test('of a long story is one note of 5,000 characters at most, and whole in the result', async () => {
    const id = await stage.trigger();
    await put(id, 'acknowledged');
    for (let time = 1; time <= 45; time += 1) await noteBy(id, `Step ${time}. ${'It was slow. '.repeat(20)}`);
    await put(id, 'resolved');
    const result = await tell('triage-bot', { incident: id });
    expect(result).toMatchObject({ outcome: 'done', missing: [] });
    expect(result.events.filter(({ from }) => from === 'note')).toHaveLength(45);
    expect(result.report.length).toBeGreaterThan(5_000);
    const [note = '', ...others] = stage.simulator.world
      .notes(id)
      .filter((text) => text.startsWith('## Timeline of #'));
    expect(others).toEqual([]);
    expect(note.replace(/\n\n[^\n]+$/, '').length).toBeLessThanOrEqual(5_000);
  });

  test('is one note although its answer was lost', async () => {
    const id = await worked();
    await stage.fault({ operation: 'createIncidentNote', kind: 'drop_response', times: 1 });
    const result = await tell('triage-bot', { incident: id });
    await stage.clearFaults();
    expect(result.outcome).toBe('done');
    expect(timelinesOn(id)).toBe(1);
  });
});
