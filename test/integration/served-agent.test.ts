import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { type AgentWork, type ServedAgent, serveAgent } from '../../client/serve-agent.ts';
import type { Brief, Finding } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const account = 'main';
let stage: Stage;
let incident: string;
const served: ServedAgent[] = [];
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder(), 'other-bot': responder() } });
  await stage.startWorker();
});
afterAll(() => stage.close());
beforeEach(async () => {
  incident = await stage.trigger();
});
afterEach(async () => {
  for (const agent of served.splice(0)) {
    agent.stop();
    await agent.stopped;
  }
});

const real: Finding = {
  class: 'real',
  summary: 'The release of 14:02 broke the cache.',
  evidence: { alerts: [], similar: [] },
};
/** Serves triage-bot, with its own key or another's. */
async function serve(work: AgentWork, key = 'triage-bot'): Promise<void> {
  const temporal = { connectionOptions: { address: inject('temporalAddress') }, namespace: stage.namespace };
  served.push(await serveAgent({ agent: { ...stage.agent(key), name: 'triage-bot' }, temporal, ...work }));
}
const respond = (presenceSeconds = 60) =>
  stage.start('triage-bot', 'respondToIncident', {
    account,
    incident,
    assess: 'agent',
    presenceSeconds,
    watchSeconds: 0,
  });
const statusOf = (): string | undefined => stage.simulator.world.incident(incident)?.status;
const notes = (): readonly string[] => stage.simulator.world.notes(incident);

test('is woken with what was read, judges, works while the incident is held, and concludes', async () => {
  const briefs: Brief[] = [];
  await serve({
    assess: (brief) => {
      briefs.push(brief);
      expect(statusOf()).toBe('triggered');
      return real;
    },
    work: async (_brief, held) => {
      expect(held).toMatchObject({ finding: real });
      expect(held.until).toBeGreaterThan(Date.now());
      await until('it is noted', () => notes().length === 1);
      return { resolution: 'Rolled back.' };
    },
  });
  const run = await respond();
  expect(await run.result()).toMatchObject({ outcome: 'done', verified: true });
  expect(statusOf()).toBe('resolved');
  expect(notes()[0]).toContain('is real: The release of 14:02 broke the cache.');
  expect(briefs).toMatchObject([
    {
      account,
      incident: { id: incident, title: 'p99 latency above 2 s', status: 'triggered', urgency: 'high' },
      alerts: [{ status: 'triggered', summary: 'p99 latency above 2 s' }],
      rules: { class: 'real' },
      missing: [],
    },
  ]);
});

test('that is not there acknowledges nothing: PagerDuty keeps paging, and the run says so', async () => {
  const run = await respond(1);
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'partly' });
  expect(result.summary).toMatch(
    /was left to people: no finding came from triage-bot, so PagerDuty keeps paging/,
  );
  expect(statusOf()).toBe('triggered');
});

test('that fails to judge acknowledges nothing', async () => {
  await serve({
    assess: () => {
      throw new Error('The model is away.');
    },
  });
  const result = await (await respond()).result();
  expect(result).toMatchObject({ outcome: 'partly' });
  expect(statusOf()).toBe('triggered');
});

test.each<[string, unknown]>([
  ['no finding', { class: 'nonsense' }],
  ['nothing', null],
])('whose answer is %s acknowledges nothing', async (_what, answer) => {
  await serve({ assess: () => answer as Finding });
  expect(await (await respond()).result()).toMatchObject({ outcome: 'partly' });
  expect(statusOf()).toBe('triggered');
});

test('whose answer another signed counts for nothing: whoever polls its Task Queue is not it', async () => {
  await serve({ assess: () => real }, 'other-bot');
  const run = await respond();
  expect(await run.result()).toMatchObject({ outcome: 'partly' });
  expect(statusOf()).toBe('triggered');
  const [denied] = await stage.audit({ run: run.workflowId, decision: 'denied' });
  expect(denied?.sentence).toMatch(
    /may not give its finding to this run: the statement was not signed with the key/,
  );
});

test('that gives an incident up has it with people at once', async () => {
  await serve({ assess: () => real, work: () => null });
  const result = await (await respond()).result();
  expect(result).toMatchObject({ outcome: 'partly', verified: true });
  expect(result.summary).toMatch(/triage-bot gave it up/i);
  expect(statusOf()).toBe('triggered');
});

test('hears that a person has the incident, and stops', async () => {
  let heard = false;
  await serve({
    assess: () => real,
    work: (_brief, _held, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          heard = true;
          resolve(null);
        });
      }),
  });
  const run = await respond();
  await until('it is held and noted', () => statusOf() === 'acknowledged' && notes().length === 1);
  await stage.asPerson('PUT', `/incidents/${incident}`, {
    incident: { type: 'incident_reference', status: 'acknowledged' },
  });
  await stage.client.workflow
    .getHandle(run.workflowId)
    .signal('incidentChanged', { event: 'e', type: 'incident.acknowledged', occurredAt: '' });
  expect(await run.result()).toMatchObject({ outcome: 'yielded_to_human' });
  await until('the agent has heard', () => heard);
});

test('served twice shares the work: each incident is judged once', async () => {
  const judged: string[][] = [[], []];
  for (const mine of judged)
    await serve({
      assess: (brief) => {
        mine.push(brief.incident.id);
        return real;
      },
      work: () => ({ resolution: 'Rolled back.' }),
    });
  const incidents = [incident, ...(await Promise.all(Array.from({ length: 7 }, () => stage.trigger())))];
  const runs = await Promise.all(
    incidents.map((id) =>
      stage.start('triage-bot', 'respondToIncident', {
        account,
        incident: id,
        assess: 'agent',
        watchSeconds: 0,
      }),
    ),
  );
  for (const run of runs) expect(await run.result()).toMatchObject({ outcome: 'done' });
  expect(judged.flat().toSorted()).toEqual(incidents.toSorted());
  for (const id of incidents) expect(stage.simulator.world.notes(id)).toHaveLength(1);
});
