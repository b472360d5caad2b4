import { describe, expect, test } from 'vitest';
import { resolveByKey, type Trigger, trigger } from '../../simulator/alerts.ts';
import { Clock } from '../../simulator/clock.ts';
import { reach } from '../../simulator/escalation.ts';
import { acknowledge, resolve, setUrgency, unacknowledge } from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import type { Company, EscalationPolicy, Incident, Rule } from '../../simulator/model.ts';
import { World } from '../../simulator/world.ts';

const start = Date.UTC(2026, 5, 24, 10);
const names = ['PADA', 'PBEN', 'PFAY'];

const rule = (delayMinutes: number, ...userIds: readonly string[]): Rule => ({
  id: `PRULE${userIds.join('')}`,
  delayMinutes,
  targets: userIds.map((id) => ({ type: 'user', id })),
});

/** A service whose policy has these rules; its incidents are of high urgency. */
function worldWith(rules: readonly Rule[], { numLoops = 0, acknowledgementTimeout = 1800 } = {}) {
  const policy: EscalationPolicy = {
    id: 'PPOLICY',
    name: 'On-call',
    description: null,
    teamId: null,
    numLoops,
    handoffNotifications: 'if_has_services',
    rules,
  };
  const company: Company = {
    users: names.map((id) => ({
      id,
      name: id,
      email: `${id}@example.com`,
      role: 'user',
      jobTitle: null,
      description: null,
      timeZone: 'Etc/UTC',
      color: 'purple',
      contactMethods: [],
      notificationRules: [],
    })),
    teams: [],
    schedules: [],
    policies: [policy],
    services: [
      {
        id: 'PSERVICE',
        name: 'Service',
        description: null,
        createdAt: start,
        policyId: 'PPOLICY',
        urgencyRule: 'high',
        supportHours: null,
        raisesUrgencyAt: [],
        alertCreation: 'create_alerts_and_incidents',
        alertGrouping: null,
        autoPause: { enabled: false, timeoutSeconds: 0 },
        acknowledgementTimeout,
        autoResolveTimeout: null,
        mode: 'enabled',
      },
    ],
    integrations: [{ id: 'PEVENTS', name: 'Events', serviceId: 'PSERVICE', routingKey: 'k'.repeat(32) }],
    priorities: [],
    credentials: [],
  };
  const world = new World(company, new Clock({ start, speed: 0 }));
  const integration = world.integrations.get('PEVENTS')!;
  trigger(world, integration, event('a'));
  const [incident] = [...world.incidents.values()];
  return { world, integration, incident: incident! };
}

const event = (key: string): Trigger => ({
  key,
  summary: 'It broke',
  severity: 'critical',
  details: {},
  contexts: [],
});

const assignees = ({ assignments }: Incident) => assignments.map(({ userId }) => userId);

/** Minute → what was written down, without the first two entries, trigger and assign. */
const history = ({ log }: Incident) => log.slice(2).map(({ type, at }) => [(at - start) / 60_000, type]);

describe('the nearest level with somebody on call', () => {
  const rules = [rule(5), rule(5, 'PBEN'), rule(5, 'PFAY')];
  const targets = ({ targets: all }: Rule) => all.map(({ id }) => id);

  test('passes over a level with nobody', () => {
    expect(reach(rules, 1, targets)).toEqual({ level: 2, userIds: ['PBEN'] });
  });

  test('is looked for from the given level on', () => {
    expect(reach(rules, 3, targets)).toEqual({ level: 3, userIds: ['PFAY'] });
  });

  test('is none where nobody is on call from there on', () => {
    expect(reach(rules, 4, targets)).toBeUndefined();
  });
});

describe('an incident of high urgency', () => {
  test('goes to all people of the first level, climbs after its delay, and replaces them', () => {
    const { world, incident } = worldWith([rule(5, 'PADA', 'PBEN'), rule(10, 'PFAY')]);
    expect(assignees(incident)).toEqual(['PADA', 'PBEN']);
    world.clock.advance(5 * 60 - 1);
    expect(assignees(incident)).toEqual(['PADA', 'PBEN']);
    world.clock.advance(1);
    expect(assignees(incident)).toEqual(['PFAY']);
  });

  test('walks the path again as often as the policy loops, then stays with the last one in silence', () => {
    const { world, incident } = worldWith([rule(5, 'PADA'), rule(10, 'PFAY')], { numLoops: 1 });
    world.clock.advance(24 * 3600);
    expect(history(incident)).toEqual([
      [5, 'escalate'],
      [15, 'repeat_escalation_path'],
      [15, 'escalate'],
      [20, 'escalate'],
      [30, 'exhaust_escalation_path'],
    ]);
    expect(assignees(incident)).toEqual(['PFAY']);
    expect(incident.status).toBe('triggered');
  });

  test('passes over levels where nobody is on call, without waiting there', () => {
    const { world, incident } = worldWith([rule(5), rule(7, 'PADA'), rule(5), rule(5, 'PFAY')]);
    expect(assignees(incident)).toEqual(['PADA']);
    world.clock.advance(7 * 60);
    expect(assignees(incident)).toEqual(['PFAY']);
  });

  test('does not exist where nobody is on call at any level', () => {
    expect(worldWith([rule(5), rule(5)]).incident).toBeUndefined();
  });

  test('does not climb while acknowledged, and goes on from its level when the acknowledge runs out', () => {
    const { world, incident } = worldWith([rule(5, 'PADA'), rule(10, 'PFAY')]);
    world.clock.advance(60);
    acknowledge(world, incident, byUser({ id: 'PADA' }));
    world.clock.advance(30 * 60 - 1);
    expect(incident.status).toBe('acknowledged');
    world.clock.advance(1);
    expect([incident.status, assignees(incident)]).toEqual(['triggered', ['PADA']]);
    world.clock.advance(5 * 60);
    expect(assignees(incident)).toEqual(['PFAY']);
    expect(history(incident)).toEqual([
      [1, 'acknowledge'],
      [31, 'unacknowledge'],
      [36, 'escalate'],
    ]);
  });

  test('stays acknowledged where the service has no acknowledgement timeout', () => {
    const { world, incident } = worldWith([rule(5, 'PADA')], { acknowledgementTimeout: 0 });
    acknowledge(world, incident, byUser({ id: 'PADA' }));
    world.clock.advance(7 * 24 * 3600);
    expect(incident.status).toBe('acknowledged');
  });

  test('does nothing more once it is resolved', () => {
    const { world, incident } = worldWith([rule(5, 'PADA'), rule(10, 'PFAY')], { numLoops: 9 });
    resolve(world, incident, byUser({ id: 'PADA' }));
    world.clock.advance(24 * 3600);
    expect(history(incident)).toEqual([[0, 'resolve']]);
    expect([...incident.timers.keys()]).toEqual([]);
  });

  test('keeps the policy it opened with', () => {
    const { world, incident } = worldWith([rule(5, 'PADA'), rule(5, 'PFAY')]);
    const policy = world.policies.get('PPOLICY')!;
    world.policies.set('PPOLICY', { ...policy, rules: [rule(1, 'PBEN')] });
    world.clock.advance(5 * 60);
    expect(assignees(incident)).toEqual(['PFAY']);
  });
});

describe('an incident of low urgency', () => {
  test('stays with the first level, and climbs once its urgency is raised', () => {
    const { world, incident } = worldWith([rule(5, 'PADA'), rule(10, 'PFAY')]);
    setUrgency(world, incident, 'low', byUser({ id: 'PADA' }));
    world.clock.advance(3600);
    expect(assignees(incident)).toEqual(['PADA']);
    setUrgency(world, incident, 'high', byUser({ id: 'PADA' }));
    world.clock.advance(5 * 60);
    expect(assignees(incident)).toEqual(['PFAY']);
  });
});

test('whoever came on call meanwhile is added when an incident is un-acknowledged', () => {
  const { world, incident } = worldWith([rule(5, 'PADA')]);
  acknowledge(world, incident, byUser({ id: 'PADA' }));
  incident.path = { ...incident.path, rules: [rule(5, 'PADA', 'PBEN')] };
  unacknowledge(world, incident, byUser({ id: 'PADA' }));
  expect(assignees(incident)).toEqual(['PADA', 'PBEN']);
});

test('an incident with two alerts resolves with the second one', () => {
  const { world, integration, incident } = worldWith([rule(5, 'PADA')]);
  trigger(world, integration, event('b'));
  const [, other] = [...world.incidents.values()];
  const grouped = { ...other!.alerts[0]!, incidentId: incident.id };
  incident.alerts.push(grouped);
  world.openAlerts.set('PEVENTS b', grouped);
  resolveByKey(world, integration, 'a');
  expect(incident.status).toBe('triggered');
  resolveByKey(world, integration, 'b');
  expect(incident.status).toBe('resolved');
});
