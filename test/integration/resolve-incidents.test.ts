import { afterAll, beforeAll, expect, test } from 'vitest';
import { acknowledge, resolve } from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import type { Incident } from '../../simulator/model.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import { opened } from '../support/opened.ts';
import { type Stage, setStage } from '../support/stage.ts';

const account = 'main';
const { users, services } = seedIds;

let stage: Stage;
beforeAll(async () => {
  const grants = `incidents: read
incidents.resolve: full`;
  stage = await setStage({
    agents: { 'sweep-bot': grants },
    // Rate limits are another test's.
    simulator: { rateLimit: 0 },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

const open = (count: number, of: 'checkout' | 'search' | 'ledger' | 'reports'): readonly Incident[] =>
  opened(stage.simulator, of, count);

const ada = byUser({ id: users.ada });
const resolvesOf = ({ log }: Incident): readonly string[] =>
  log.filter(({ type }) => type === 'resolve').map(({ cause }) => cause.agent.id);

test('the open incidents of a service are resolved in lots of a hundred, and what a person has taken is left', async () => {
  const incidents = open(230, 'search');
  const others = open(3, 'checkout');
  const [taken] = incidents;
  if (!taken) throw new Error('There is none.');
  acknowledge(stage.simulator.world, taken, ada);
  const before = (await stage.requests()).length;
  const result = await stage.run('sweep-bot', 'resolveIncidents', {
    account,
    filter: { services: [services.search] },
    resolution: 'The storm is over.',
    reason: 'the storm is over',
  });
  expect(result).toMatchObject({
    outcome: 'partly',
    verified: true,
    counts: { asked: 230, resolved: 229, left: 1 },
  });
  expect(result.summary).toBe(
    '229 of 230 incidents are resolved, and were read back so. 1 were left as they are.',
  );
  expect(result.notChanged).toEqual([
    { what: taken.id, why: expect.stringContaining(`a person has acknowledged it (${users.ada})`) },
  ]);
  for (const incident of incidents.slice(1)) expect(resolvesOf(incident)).toEqual([users.bot]);
  expect([taken.status, ...others.map(({ status }) => status)]).toEqual([
    'acknowledged',
    ...others.map(() => 'triggered'),
  ]);
  // A page to pick from, one or two to decide on, the write, and one to read back: for each lot.
  const made = (await stage.requests()).slice(before);
  expect(made.filter(({ operation }) => operation === 'updateIncidents').map(({ status }) => status)).toEqual(
    [200, 200, 200],
  );
  expect(made.length).toBeLessThan(20);
  const run = (await stage.audit()).findLast(({ operation }) => operation === 'updateIncidents');
  expect(run?.workflowId).toMatch(/^resolve-many:main:.*:3$/);
});

test('named incidents are resolved once each; what is not there, is over, or is not granted is left, and named', async () => {
  const [first, over, ...rest] = open(12, 'reports');
  if (!first || !over) throw new Error('There are none.');
  resolve(stage.simulator.world, over, ada);
  const ids = [first, over, ...rest].map(({ id }) => id);
  await stage.fault({ operation: 'updateIncidents', kind: 'drop_response', match: first.id, times: 1 });
  const result = await stage.run('sweep-bot', 'resolveIncidents', {
    account,
    incidents: [...ids.slice(0, 6), 'PNOSUCH', ...ids.slice(6), first.id],
  });
  expect(result).toMatchObject({
    outcome: 'partly',
    verified: true,
    counts: { asked: 13, resolved: 11, left: 2 },
  });
  expect(Object.fromEntries(result.notChanged.map(({ what, why }) => [what, why]))).toEqual({
    [over.id]: expect.stringMatching(/is resolved now and no longer triggered or acknowledged/),
    PNOSUCH: expect.stringMatching(/404/),
  });
  for (const incident of [first, ...rest]) expect(resolvesOf(incident)).toEqual([users.bot]);
  expect(resolvesOf(over)).toEqual([users.ada]);
});

test('an agent that may not resolve resolves nothing, and the run says so', async () => {
  const [incident] = open(1, 'ledger');
  stage.editConfig((text) =>
    text.replace(
      'incidents.resolve: full',
      'incidents.resolve: { level: full, when: { services: [PCHECKOUT] } }',
    ),
  );
  try {
    const result = await stage.run('sweep-bot', 'resolveIncidents', {
      account,
      filter: { services: [services.ledger] },
    });
    expect(result).toMatchObject({ outcome: 'failed', counts: { resolved: 0 } });
    expect(result.notChanged[0]?.why).toMatch(/^sweep-bot may not resolve incident/);
    expect(incident?.status).toBe('triggered');
  } finally {
    stage.editConfig((text) => text.replace('{ level: full, when: { services: [PCHECKOUT] } }', 'full'));
  }
});

test('of a lot only those are left that the grant does not cover', async () => {
  const [mine, theirs] = [open(4, 'checkout'), open(4, 'ledger')];
  stage.editConfig((text) =>
    text.replace(
      'incidents.resolve: full',
      'incidents.resolve: { level: full, when: { services: [PCHECKOUT] } }',
    ),
  );
  try {
    const result = await stage.run('sweep-bot', 'resolveIncidents', {
      account,
      incidents: [...mine, ...theirs].map(({ id }) => id),
    });
    expect(result.counts).toEqual({ asked: 8, resolved: 4, left: 4 });
    expect([...mine, ...theirs].map(({ status }) => status)).toEqual([
      ...mine.map(() => 'resolved'),
      ...theirs.map(() => 'triggered'),
    ]);
    expect(result.notChanged.map(({ what }) => what).toSorted()).toEqual(
      theirs.map(({ id }) => id).toSorted(),
    );
  } finally {
    stage.editConfig((text) => text.replace('{ level: full, when: { services: [PCHECKOUT] } }', 'full'));
  }
});

test('where nothing fits there is nothing to do', async () => {
  const result = await stage.run('sweep-bot', 'resolveIncidents', {
    account,
    filter: { services: [services.support], urgency: 'low', statuses: ['acknowledged'] },
  });
  expect(result).toMatchObject({ outcome: 'nothing_to_do', counts: { asked: 0, resolved: 0, left: 0 } });
});
