import { afterAll, test as alone, beforeAll, expect } from 'vitest';
import type { OperationInput } from '../../workflows/contract.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const account = 'main';
let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'full-bot': `incidents: full
incidents.acknowledge: { level: full, lease: 1s, when: { urgency: [high, low] } }
services: full
teams: full
users: full
events: { level: full, routing_keys: [checkout] }`,
      'event-bot': 'events: { level: full, routing_keys: [checkout] }',
    },
    simulator: { rateLimit: 0 },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

// Each on things of its own, and all at once: most of their time they wait.
const test = alone.concurrent;

const run = (
  operation: OperationInput['operation'],
  request: object,
  more: object = {},
  agent = 'full-bot',
) => stage.run(agent, 'runOperation', { account, operation, request, ...more });
const event = (event_action: string, dedup_key: string) => ({
  routingKey: 'checkout',
  body: {
    event_action,
    dedup_key,
    ...(event_action === 'trigger' && {
      payload: { summary: dedup_key, source: 'test', severity: 'critical' },
    }),
  },
});
const incidentsOf = (key: string) => stage.simulator.world.incidentIndex.byKey(key);

test('a read is done, and is what PagerDuty answered', async () => {
  const incident = await stage.trigger();
  const result = await run('getIncident', { params: { id: incident } });
  expect(result).toMatchObject({ outcome: 'done', verified: true, response: { incident: { id: incident } } });
});

test('a list is walked to its end in runs of its own', async () => {
  const result = await run('listUsers', {}, { all: true });
  expect(result).toMatchObject({ outcome: 'done', complete: true, walked: { items: 'users' } });
  expect(result.walked?.runs).toHaveLength(1);
});

test('what PagerDuty does not have is a failure with its words', async () => {
  const result = await run('getService', { params: { id: 'PNOSUCH' } });
  expect(result).toMatchObject({ outcome: 'failed', verified: false });
  expect(result.summary).toMatch(/404/);
});

test('what an agent acknowledges by itself is held under its lease, and given back', async () => {
  const id = await stage.trigger();
  const request = {
    params: { id },
    body: { incident: { type: 'incident_reference', status: 'acknowledged' } },
  };
  const result = await run('updateIncident', request);
  expect(result.outcome).toBe('partly');
  expect(stage.simulator.world.incident(id)?.status).toBe('triggered');
});

test('of an update of many an expectation names those on which it does not hold', async () => {
  const [one, two] = [await stage.trigger(), await stage.trigger()];
  await stage.asPerson('PUT', `/incidents/${two}`, {
    incident: { type: 'incident_reference', status: 'resolved' },
  });
  const incidents = [one, two].map((id) => ({ id, type: 'incident_reference', title: 'Noise' }));
  const result = await run('updateIncidents', { body: { incidents } }, { expect: { status: 'triggered' } });
  expect(result.outcome).toBe('yielded_to_human');
  expect(result.summary).toMatch(/of #\d+, the incident is resolved now and no longer triggered/);
  expect(stage.simulator.world.incident(one)?.title).not.toBe('Noise');
});

test.each(['trigger', 'acknowledge', 'resolve'])(
  'an event %s is read back, with no grant but the event’s own',
  async (action) => {
    const key = `read-back-${action}`;
    if (action !== 'trigger') await stage.trigger({ key });
    const result = await run('enqueueEvent', event(action, key), {}, 'event-bot');
    expect(result).toMatchObject({ outcome: 'done', verified: true });
    expect(result.summary).toMatch(/PagerDuty answered 202\. It was read back, and stands\.$/);
    const [incident] = incidentsOf(key);
    const status = { trigger: 'triggered', acknowledge: 'acknowledged', resolve: 'resolved' }[action];
    expect(incident?.status).toBe(status);
    const looks = (await stage.audit()).filter(
      ({ operation, decision, requestDigest }) =>
        operation === 'enqueueEvent' && decision === 'found' && requestDigest,
    );
    expect(looks.length).toBeGreaterThan(0);
  },
);

test('an acknowledge that PagerDuty took and dropped is noticed', async () => {
  const result = await run('enqueueEvent', event('acknowledge', 'nobody-has-this-key'), {}, 'event-bot');
  expect(result).toMatchObject({ outcome: 'done', verified: false });
  expect(result.summary).toMatch(
    /it could not be read back: no incident shows it; PagerDuty drops an acknowledge or resolve whose key has no open alert here/,
  );
});

test('a resolve whose answer is lost is not sent once more where a new problem has come since', async () => {
  const key = 'lost-and-back';
  const first = await stage.trigger({ key });
  await stage.fault({ operation: 'enqueueEvent', kind: 'drop_response', match: key, times: 1 });
  const running = stage.start('event-bot', 'runOperation', {
    account,
    operation: 'enqueueEvent',
    request: event('resolve', key),
  });
  const handle = await running;
  await until('it is resolved', () => stage.simulator.world.incident(first)?.status === 'resolved');
  const second = await stage.trigger({ key });
  expect(second).not.toBe(first);
  expect(await handle.result()).toMatchObject({ outcome: 'done', verified: true });
  expect(stage.simulator.world.incident(second)?.status).toBe('triggered');
});

test('whether a change was announced whose answer is lost cannot be known: it is said, and not sent again', async () => {
  const summary = 'Release 14 of checkout';
  await stage.fault({ operation: 'enqueueChangeEvent', kind: 'drop_response', match: summary, times: 1 });
  const result = await run('enqueueChangeEvent', {
    routingKey: 'checkout',
    body: { payload: { summary, source: 'deploy' } },
  });
  expect(result).toMatchObject({ outcome: 'partly', verified: false, changed: [], notChanged: [] });
  expect(result.summary).toMatch(/^Whether "enqueueChangeEvent" took effect cannot be known: /);
  expect(result.next).toEqual(['Look in PagerDuty whether it is there before you do it again.']);
  const sent = (await stage.requests()).filter(({ body }) => JSON.stringify(body)?.includes(summary));
  expect(sent).toHaveLength(1);
});

test('a name that is taken is no success of ours, unless our own lost try took it', async () => {
  const team = (name: string) => ({ body: { team: { type: 'team', name } } });
  expect(await run('createTeam', team('Payments'))).toMatchObject({ outcome: 'failed' });
  // Its answer is lost, and the look after that does not show it yet: PagerDuty's lists may be late.
  const name = 'Late Team';
  const { world, holds } = stage.simulator;
  await stage.fault({ operation: 'createTeam', kind: 'drop_response', match: name, times: 1 });
  await stage.fault({ operation: 'listTeams', kind: 'hold', times: 1 });
  const running = run('createTeam', team(name));
  const made = await until('the team is there', () =>
    [...world.teams.values()].find((one) => one.name === name),
  );
  world.teams.delete(made.id);
  await until('it is looked for', () => holds.count === 1);
  world.teams.set(made.id, made);
  holds.release();
  const result = await running;
  expect(result).toMatchObject({ outcome: 'done', verified: true, response: { team: { name } } });
  expect([...world.teams.values()].filter((one) => one.name === name)).toHaveLength(1);
  const tries = (await stage.requests()).filter(({ body }) => JSON.stringify(body)?.includes(`"${name}"`));
  expect(tries.map(({ status }) => status)).toEqual([201, 400]);
});
