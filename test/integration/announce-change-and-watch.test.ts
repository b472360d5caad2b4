import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnnounceInput } from '../../workflows/reports.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { struckSince } from '../support/struck.ts';
import { until } from '../support/until.ts';
import { approveIn, refuseIn } from '../support/words.ts';

const account = 'main';
let stage: Stage;
const grants = `incidents: read
incidents.add_note: full
events.announce_change: { level: full, routing_keys: [checkout] }`;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'deploy-bot': grants,
      'careful-bot': grants.replace(
        'routing_keys: [checkout]',
        'routing_keys: [checkout], approval: required',
      ),
      'asking-bot': grants.replace('add_note: full', 'add_note: { level: full, approval: required }'),
      'mute-bot': grants.replace('incidents.add_note: full\n', ''),
      'look-bot': 'incidents: read',
      'blind-bot': 'events.announce_change: { level: full, routing_keys: [checkout] }',
    },
    operators: { lead: '' },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

let count = 0;
const change = (more: Partial<AnnounceInput> = {}): AnnounceInput => ({
  account,
  routingKey: 'checkout',
  service: 'PCHECKOUT',
  summary: `Release 2026.${(count += 1)}`,
  source: 'pipeline',
  links: [{ href: 'https://ci.example.com/1', text: 'build' }],
  watchSeconds: 2,
  everySeconds: 1,
  ...more,
});
const announced = (summary: string) =>
  stage.simulator.world.changeEvents.filter((one) => one.summary === summary);
const start = (agent: string, input: AnnounceInput) =>
  stage.start(agent, 'announceChangeAndWatch', input, input.summary.replaceAll(/\W/g, '-'));

describe('a change that is announced and watched', () => {
  test('is quiet where nothing happens, and stands at its service once', async () => {
    const open = await stage.trigger();
    const input = change();
    const result = await (await start('deploy-bot', input)).result();
    expect(result).toMatchObject({
      outcome: 'done',
      verdict: 'quiet',
      incidents: [],
      verified: true,
      missing: [],
    });
    expect(result.summary).toMatch(/^No incident in \d+ s after the change\.$/);
    expect(announced(input.summary)).toMatchObject([{ serviceId: 'PCHECKOUT', source: 'pipeline' }]);
    // What was open before is not of the change.
    expect(stage.simulator.world.notes(open)).toEqual([]);
  });

  test('tells the incident that came after, notes the change on it, and is a failed run then', async () => {
    const input = change({ watchSeconds: 60, stopAtFirst: true });
    const run = await start('deploy-bot', input);
    await until('it is announced', () => announced(input.summary).length === 1);
    const incident = await stage.trigger();
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'failed', verdict: 'incidents', incidents: [{ id: incident }] });
    expect(result.summary).toMatch(
      /^1 incident since the change, the first \d+ s after “Release 2026\.\d+”: #\d+\. 1 note added\.$/,
    );
    const [note] = stage.simulator.world.notes(incident);
    expect(note).toContain(input.summary);
    expect(note).toContain('https://ci.example.com/1');
    expect(stage.simulator.world.notes(incident)).toHaveLength(1);
    expect(result.next[0]).toMatch(/roll back/);
  });

  test('tells the incident of a neighbour without a note where notes are denied', async () => {
    const input = change({
      watchSeconds: 60,
      stopAtFirst: true,
      service: 'PSEARCH',
      neighbours: ['PCHECKOUT'],
    });
    const run = await start('mute-bot', input);
    await until('it is announced', () => announced(input.summary).length === 1);
    const incident = await stage.trigger();
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'failed', incidents: [{ id: incident }] });
    expect(result.notChanged).toEqual([
      { what: `note on ${incident}`, why: expect.stringContaining('mute-bot') },
    ]);
    expect(stage.simulator.world.notes(incident)).toEqual([]);
  });

  test('tells whoever deploys what came so far, and notes the change once although the answer was lost', async () => {
    const input = change({ watchSeconds: 60, stopAtFirst: true });
    const run = await start('deploy-bot', input);
    const handle = stage.client.workflow.getHandle(run.workflowId);
    await until('it is announced', () => announced(input.summary).length === 1);
    expect(await handle.query('incidentsSince')).toEqual([]);
    const before = (await stage.requests()).length;
    await stage.fault({ operation: 'createIncidentNote', kind: 'drop_response', times: 1 });
    const incident = await stage.trigger();
    const result = await run.result();
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'failed', incidents: [{ id: incident }], notChanged: [] });
    expect(await struckSince(stage, before)).toEqual(['createIncidentNote drop_response']);
    expect(stage.simulator.world.notes(incident)).toEqual([expect.stringContaining(input.summary)]);
    expect(await handle.query('incidentsSince')).toEqual(result.incidents);
  });

  test('tells the incident without a note where an operator refuses it', async () => {
    const input = change({ watchSeconds: 60, stopAtFirst: true });
    const run = await start('asking-bot', input);
    await until('it is announced', () => announced(input.summary).length === 1);
    const incident = await stage.trigger();
    await refuseIn(stage, run, 'it is known');
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'failed',
      verdict: 'incidents',
      incidents: [{ id: incident }],
      notChanged: [
        { what: `note on ${incident}`, why: expect.stringMatching(/lead refused it: it is known\.$/) },
      ],
    });
    expect(result.summary).toMatch(/ 0 notes added\.$/);
    expect(stage.simulator.world.notes(incident)).toEqual([]);
  });

  test('is unknown where it may be watched no longer, and ends there', async () => {
    const input = change({ watchSeconds: 3_600 });
    const text = stage.configText();
    const run = await start('deploy-bot', input);
    await until('it is announced', () => announced(input.summary).length === 1);
    try {
      stage.editConfig((was) =>
        was.replace(/( {2}deploy-bot:\n[^]*?)incidents: read\n/, '$1oncalls: read\n'),
      );
      expect(await run.result()).toMatchObject({
        outcome: 'partly',
        verdict: 'unknown',
        verified: false,
        summary: expect.stringMatching(/^The last look failed: deploy-bot may not/),
        changed: ['The change is announced.'],
        missing: [expect.stringMatching(/^incidents of PCHECKOUT: deploy-bot may not/)],
      });
    } finally {
      stage.editConfig(() => text);
    }
    expect(announced(input.summary)).toHaveLength(1);
  });

  test('is denied where it may not be announced, and nothing is sent', async () => {
    const input = change();
    const result = await (await start('look-bot', input)).result();
    expect(result).toMatchObject({ outcome: 'denied', verdict: 'unknown', changed: [] });
    expect(announced(input.summary)).toEqual([]);
  });

  test('is not announced where nobody could watch it', async () => {
    const input = change();
    const result = await (await start('blind-bot', input)).result();
    expect(result).toMatchObject({ outcome: 'denied', verdict: 'unknown' });
    expect(announced(input.summary)).toEqual([]);
  });

  test('waits for an operator where the grant says so', async () => {
    for (const [word, outcome, times] of [
      ['refuse', 'approval_refused', 0],
      ['approve', 'done', 1],
    ] as const) {
      const input = change();
      const run = await start('careful-bot', input);
      await (word === 'approve' ? approveIn(stage, run) : refuseIn(stage, run, 'not today'));
      expect(await run.result()).toMatchObject({ outcome });
      expect(announced(input.summary)).toHaveLength(times);
    }
  });

  test('is announced once where PagerDuty limits it first, and watched', async () => {
    await stage.fault({ operation: 'enqueueChangeEvent', kind: 'rate_limited', times: 1 });
    const input = change();
    const result = await (await start('deploy-bot', input)).result();
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'done', verdict: 'quiet' });
    expect(announced(input.summary)).toHaveLength(1);
  });

  test('is not sent again where its answer is lost, is watched, and says so', async () => {
    await stage.fault({ operation: 'enqueueChangeEvent', kind: 'drop_response', times: 1 });
    const input = change();
    const result = await (await start('deploy-bot', input)).result();
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'partly', verdict: 'quiet' });
    expect(result.summary).toContain('it may not be announced');
    expect(announced(input.summary)).toHaveLength(1);
  });

  test('is unknown where the last look fails', async () => {
    await stage.fault({ operation: 'listIncidents', kind: 'status', status: 404, after: 1 });
    const result = await (await start('deploy-bot', change())).result();
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'partly', verdict: 'unknown', verified: false });
    expect(result.missing).toHaveLength(1);
  });
});
