import { afterAll, beforeAll, expect, test } from 'vitest';
import { seedIds } from '../../simulator/seed.ts';
import { expectRefused } from '../support/attacks.ts';
import { type Stage, setStage } from '../support/stage.ts';

// What a request reaches beside the thing it names: other people's resources, our own user, one incident twice.

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'look-bot': 'incidents: read\noncalls: read',
      'page-bot': `incidents: read
incidents.create: full
incidents.reassign: full
incidents.resolve: full
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [high, low] } }
schedules.override: full
services.update: { level: full, when: { policies: [PPAYMENTSONCALL] } }`,
    },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

const account = 'main';
const ours = (): string => {
  const [user] = [...stage.simulator.world.users.values()].filter(
    ({ email }) => email === 'oncall-bot@example.com',
  );
  if (!user) throw new Error('There is no From user.');
  return user.id;
};
const operation = (agent: string, name: string, request: object) =>
  stage.run(agent, 'runOperation', { account, operation: name as 'listIncidents', request });
const writes = async () =>
  (await stage.requests()).filter(({ method, by }) => method !== 'GET' && by === undefined);

test('an agent that may read incidents reads no user through them', async () => {
  const incident = await stage.trigger();
  const params = { id: incident };
  for (const [name, request] of [
    ['getIncident', { params, query: { 'include[]': ['assignees'] } }],
    ['listIncidents', { query: { 'include[]': ['users'] } }],
    ['listOnCalls', { query: { 'include[]': ['users'] } }],
  ] as const)
    await expectRefused(stage, () => operation('look-bot', name, request), {
      agent: 'look-bot',
      reason: /: no grant covers users\.view\.$/,
    });
  const plain = await operation('look-bot', 'getIncident', { params });
  expect(plain).toMatchObject({ outcome: 'done' });
  expect(JSON.stringify(plain.response)).not.toContain('@example.com');
});

test('an agent that may reassign sends no page to our own user, whom nobody reads', async () => {
  const incident = await stage.trigger();
  const user = { id: ours(), type: 'user_reference' };
  const before = stage.simulator.world.incident(incident)?.assignments;
  const sent = await writes();
  const change = { type: 'incident_reference', assignments: [{ assignee: user }] };
  const times = { start: '2030-01-01T00:00:00Z', end: '2030-01-01T08:00:00Z' };
  for (const [name, request] of [
    ['updateIncident', { params: { id: incident }, body: { incident: change } }],
    [
      'createIncident',
      {
        body: {
          incident: {
            type: 'incident',
            title: 'Quiet',
            service: { id: 'PCHECKOUT', type: 'service_reference' },
            assignments: [{ assignee: user }],
          },
        },
      },
    ],
    [
      'createScheduleOverride',
      { params: { id: seedIds.schedules.payments }, body: { overrides: [{ ...times, user }] } },
    ],
  ] as const) {
    const result = await operation('page-bot', name, request);
    expect(result).toMatchObject({
      outcome: 'denied',
      summary: expect.stringContaining(`user ${user.id} is our own From user`),
    });
  }
  expect(await writes()).toEqual(sent);
  expect(stage.simulator.world.incident(incident)?.assignments).toEqual(before);
});

test('one incident by its id and by its number in one bulk update is no way round a reopening', async () => {
  const incident = await stage.trigger();
  const number = stage.simulator.world.incident(incident)?.number;
  const sent = await writes();
  const result = await operation('page-bot', 'updateIncidents', {
    body: {
      incidents: [
        { id: incident, type: 'incident_reference', status: 'resolved' },
        { id: String(number), type: 'incident_reference', status: 'acknowledged' },
      ],
    },
  });
  expect(result).toMatchObject({
    outcome: 'denied',
    summary: expect.stringMatching(/: incident #\d+ \(\w+\) stands in it twice\.$/),
  });
  expect(await writes()).toEqual(sent);
  expect(stage.simulator.world.incident(incident)?.status).toBe('triggered');
});

test('a service of the grant is not given to an escalation policy outside of it', async () => {
  const result = await operation('page-bot', 'updateService', {
    params: { id: 'PCHECKOUT' },
    body: {
      service: {
        type: 'service',
        escalation_policy: { id: 'PPLATFORMONCALL', type: 'escalation_policy_reference' },
      },
    },
  });
  expect(result).toMatchObject({
    outcome: 'denied',
    summary: expect.stringMatching(
      /: the escalation policy is PPLATFORMONCALL; its grant covers PPAYMENTSONCALL\.$/,
    ),
  });
});
