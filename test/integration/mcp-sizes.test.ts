import { afterAll, beforeAll, expect, test } from 'vitest';
import { Data } from '../../simulator/data/format.ts';
import { seedOf } from '../../simulator/seed.ts';
import { seedData } from '../../simulator/seed-data.ts';
import { responder } from '../support/grants.ts';
import { openSession, type Session, type Told } from '../support/mcp.ts';
import { type Stage, setStage } from '../support/stage.ts';

const incidents = 5_000;
/** No answer is longer, as it is sent. */
const most = 24_000;
/** Words that grow when they are sent: three bytes a letter, and a quote that JSON escapes. */
const loud = (length: number): string => '火"\\災'.repeat(Math.ceil(length / 4)).slice(0, length);

let stage: Stage;
let session: Session;
let loudest: string;
beforeAll(async () => {
  const many = Array.from({ length: incidents - 1 }, (_, index) => ({
    service: index % 2 === 0 ? 'PCHECKOUT' : 'PSEARCH',
    title: `${index} ${loud(1_000)}`,
    minutes_ago: 200 - index / 50,
    urgency: index % 3 === 0 ? ('low' as const) : ('high' as const),
  }));
  const alerts = Array.from({ length: 60 }, (_, index) => ({
    key: `alert-${index}`,
    summary: loud(1_000),
    details: { text: loud(5_000) },
  }));
  const notes = Array.from({ length: 60 }, () => ({ after_minutes: 1, by: 'PADA', content: loud(4_000) }));
  const worst = { service: 'PCHECKOUT', title: loud(1_000), minutes_ago: 30, alerts, notes };
  stage = await setStage({
    agents: {
      'triage-bot': `${responder()}\nschedules: read\nescalation_policies: read\nusers: read\nteams: read`,
    },
    simulator: { seed: seedOf(Data.parse({ ...seedData, incidents: [...many, worst] })), rateLimit: 0 },
  });
  await stage.startWorker();
  session = await openSession(stage, 'triage-bot');
  loudest =
    [...stage.simulator.world.incidents.values()].find((incident) => incident.alerts.length === 60)?.id ?? '';
});
afterAll(async () => {
  await session.close();
  await stage.close();
});

const recordsOf = ({ data }: Told): readonly { readonly id: string }[] => data['records'] as [];

test('what is found pages on to the last of 5,000 incidents, each page small, none left out or shown twice', async () => {
  expect(stage.simulator.world.incidents.size).toBe(incidents);
  const seen = new Set<string>();
  let cursor: unknown;
  let pages = 0;
  for (; pages < 4 || cursor === undefined; pages += 1) {
    const told = await session.call('pd_find', {
      what: 'incidents',
      limit: 25,
      ...(cursor !== undefined && { cursor }),
    });
    expect(told).toMatchObject({ isError: false, data: { complete: false, found: incidents } });
    expect(told.bytes).toBeLessThanOrEqual(most);
    for (const { id } of recordsOf(told)) {
      expect(seen.has(id)).toBe(false);
      seen.add(id);
    }
    cursor = told.data['next_cursor'];
  }
  expect(seen.size).toBeGreaterThan(4 * 5);
  const last = await session.call('pd_find', { what: 'incidents', limit: 25, cursor: `o${incidents - 3}` });
  expect(last).toMatchObject({ isError: false, data: { complete: true } });
  expect(recordsOf(last)).toHaveLength(3);
});

test.each([
  ['pd_find', { what: 'incidents' }],
  ['pd_find', { what: 'incidents', text: '火', limit: 25 }],
  ['pd_find', { what: 'incidents', text: 'not among them' }],
  ['pd_find', { what: 'services', limit: 25 }],
  ['pd_find', { what: 'users', limit: 25 }],
  ['pd_get', { what: 'service', id: 'PCHECKOUT' }],
  ['pd_get', { what: 'schedule', id: 'PPAYMENTSROTA' }],
  ['pd_oncall', { until: '90d', limit: 25 }],
  ['pd_run', {}],
])('%s %j answers small', async (tool, args) => {
  const told = await session.call(tool, args);
  expect(told).toMatchObject({ isError: false });
  expect(told.bytes).toBeLessThanOrEqual(most);
});

test('an incident with 60 alerts and 60 long notes is read small, and what is left out is told', async () => {
  const told = await session.call('pd_get', {
    what: 'incident',
    id: loudest,
    sections: ['alerts', 'notes', 'log', 'oncall'],
  });
  expect(told).toMatchObject({ isError: false, data: { complete: false } });
  expect(told.bytes).toBeLessThanOrEqual(most);
  const shown = (section: string): number => (told.data[section] as unknown[]).length;
  const left = (told.data['omitted'] as { count: number | null; why: string }[]).map(({ count, why }) => [
    why.split(':')[0],
    count,
  ]);
  expect(Object.fromEntries(left)).toMatchObject({
    alerts: 60 - shown('alerts'),
    notes: 60 - shown('notes'),
  });
  expect(shown('alerts')).toBeGreaterThan(0);
  expect(shown('notes')).toBeGreaterThan(0);
});

test('a run that judges it, and its task, are told small', async () => {
  const started = await session.call('pd_workflow', {
    workflow: 'triageIncident',
    input: { incident: loudest },
    reason: 'a test',
  });
  const told = await session.call('pd_run', { run: started.data['run'], wait_s: 20 });
  expect(told).toMatchObject({ isError: false, data: { outcome: 'done' } });
  const asked = session.call('pd_next');
  const run = await session.call('pd_workflow', {
    workflow: 'respondToIncident',
    input: { incident: loudest, assess: 'agent', watchSeconds: 0 },
    reason: 'a test',
  });
  const task = await asked;
  expect(task.data['run']).toBe(run.data['run']);
  for (const { bytes } of [started, told, run, task]) expect(bytes).toBeLessThanOrEqual(most);
  await session.call('pd_finding', { run: run.data['run'], class: 'unclear', summary: 'Nothing to go by.' });
});
