import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DataError, readData } from '../../simulator/data/read.ts';
import { createWorld } from '../../simulator/index.ts';
import { seedOf } from '../../simulator/seed.ts';
import { seedData } from '../../simulator/seed-data.ts';

const now = Date.UTC(2026, 5, 24, 10);

const worldOf = (text: string) =>
  createWorld(now, { clockSpeed: 0, seed: seedOf(readData(text, 'team.yaml')) });

function faults(text: string): string {
  try {
    readData(text, 'team.yaml');
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
  return 'no fault';
}

const ana = '{ id: PA, name: Ana, email: ana@acme.test }';

describe('the example of the documentation', () => {
  const [, example = ''] = /```yaml\n(domain:[^]*?)```/.exec(readFileSync('docs/simulator.md', 'utf8')) ?? [];
  const world = worldOf(example);

  test('is a company with everything that it names', () => {
    expect(world.domain).toBe('acme');
    expect([...world.users.keys()]).toEqual(['PANA', 'PBO']);
    expect(world.teamsOfUser('PBO')).toEqual(['PWEB']);
    expect(world.integrationOf('acmeshoproutingkey00000000000000')?.serviceId).toBe('PSHOP');
    expect([...world.credentials.keys()]).toEqual(['acme-account-key', 'acme-ana-key']);
  });

  test('puts on call whom its schedule says, and the override over that', () => {
    const policy = world.policies.get('PWEBONCALL');
    const [first] = policy?.rules ?? [];
    expect(first && world.onCall(first)).toEqual(['PBO']);
    world.clock.advance(90 * 60);
    expect(first && world.onCall(first)).toEqual(['PANA']);
  });

  test('has its past played by the rules of the present', () => {
    const [incident] = [...world.incidents.values()];
    expect(incident).toMatchObject({ title: 'Shop is slow', status: 'resolved', priorityId: 'PP1' });
    expect(incident?.alerts.map(({ key }) => key)).toEqual(['p99', 'db']);
    expect(incident?.notes.map(({ content, userId }) => `${userId}: ${content}`)).toEqual([
      'PANA: Cache was cold.',
    ]);
    expect(incident?.log.map(({ type }) => type)).toEqual([
      'trigger',
      'assign',
      'acknowledge',
      'annotate',
      'resolve',
    ]);
  });
});

test('JSON is read as well, and is the seed world word for word', () => {
  const world = worldOf(JSON.stringify(seedData, undefined, '\t'));
  expect([...world.users.keys()]).toEqual(seedData.users.map(({ id }) => id));
  expect(world.incidents.size).toBe(4);
});

test('sections may be left out or stand empty, and the usual keys are there', () => {
  const world = worldOf(`users: [${ana}]\nteams:\nincidents:\n`);
  expect(world.teams.size).toBe(0);
  expect(world.credentials.get('simulator-user-key')?.userId).toBe('PA');
  expect(world.credentials.get('simulator-full-access-key')?.userId).toBeNull();
});

describe('a fault', () => {
  test.each([
    [
      'an unknown key',
      'users:\n  - { id: PA, nmae: Ana, email: a@b.test, name: A }',
      '2:21: users[0].nmae: there is no such key; did you mean name?',
    ],
    [
      'an unknown section',
      `users: [${ana}]\npolicies: []`,
      '2:11: policies: there is no such key; there are domain, missing_abilities, users, teams,',
    ],
    [
      'something missing',
      'users:\n  - { id: PA, name: Ana }',
      '2:5: users[0].email: this is missing; write it.',
    ],
    ['no users', 'domain: acme', '1:1: users: this is missing; write it.'],
    [
      'a bad zone',
      `users:\n  - { id: PA, name: Ana, email: a@b.test, time_zone: Mars }`,
      '2:54: users[0].time_zone: a time zone has an IANA name, such as Europe/Berlin.',
    ],
    [
      'a stranger',
      `users: [${ana}]\nteams: [{ id: PT, name: T, members: [{ user: PZ }] }]`,
      '2:46: teams[0].members[0].user: there is no PZ in users; write it there, or name PA.',
    ],
    [
      'an id that two have',
      `users: [${ana}, { id: PA, name: Bo, email: b@b.test }]`,
      '1:60: users[1].id: another entry has this already; choose another.',
    ],
    [
      'an e-mail address that two have',
      `users: [${ana}, { id: PB, name: Bo, email: ANA@acme.test }]`,
      'users[1].email: another entry has this already',
    ],
    [
      'a policy of nobody',
      `users: [${ana}]\nservices: [{ id: PV, name: V, escalation_policy: PP }]`,
      'services[0].escalation_policy: there is no PP in escalation_policies; write it there.',
    ],
    [
      'an unknown kind of restriction',
      `users: [${ana}]\nschedules: [{ id: PS, name: S, time_zone: Etc/UTC, layers: [{ start: 2026-01-01T00:00:00Z, rotation_turn_length_seconds: 3600, users: [PA], restrictions: [{ type: hourly }] }] }]`,
      'schedules[0].layers[0].restrictions[0].type: this is none of the types there are.',
    ],
    [
      'an override that ends before it starts',
      `users: [${ana}]\nschedules: [{ id: PS, name: S, time_zone: Etc/UTC, overrides: [{ user: PA, start: 2026-01-02T00:00:00Z, end: 2026-01-01T00:00:00Z }] }]`,
      'schedules[0].overrides[0].end: an override must end after its start.',
    ],
    ['no YAML', 'users: [', 'this is neither YAML nor JSON'],
  ])('such as %s is named with its place and its mend', (_what, text, sentence) => {
    expect(faults(text)).toContain(sentence);
    expect(faults(text)).toMatch(/^team\.yaml:\d+:\d+: /);
  });

  test('of an incident that lies in the future, or that nothing can bring, is named', () => {
    const service = `escalation_policies: [{ id: PP, name: P, escalation_rules: [{ escalation_delay_in_minutes: 5, targets: [{ user: PA }] }] }]
services: [{ id: PV, name: V, escalation_policy: PP }]`;
    const incident = (fields: string) =>
      faults(`users: [${ana}]\n${service}\nincidents: [{ service: PV, title: T, minutes_ago: 5${fields} }]`);
    expect(incident(', created_by: PA, resolved: { after_minutes: 6 }')).toContain(
      'incidents[0].resolved.after_minutes: this lies in the future; it can be at most 5.',
    );
    expect(incident('')).toContain('incidents[0]: an incident comes from an alert or from a user');
    expect(incident(', alerts: [{ key: k }]')).toContain('the service PV has no integration');
    expect(incident(', created_by: PA')).toBe('no fault');
  });

  test('is one of ten that are shown, with a count of the rest', () => {
    const users = Array.from({ length: 13 }, (_, index) => `{ id: P${index}, name: N, mail: x }`);
    const lines = faults(`users: [${users.join(', ')}]`).split('\n');
    expect(lines).toHaveLength(11);
    expect(lines[10]).toBe('16 more are not shown.');
  });
});
