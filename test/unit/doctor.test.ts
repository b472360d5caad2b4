import { describe, expect, test } from 'vitest';
import { skewOf } from '../../client/doctor/finding.ts';
import { holdingsOf, scopesOf, servicesNamed } from '../../client/doctor/grants.ts';
import { isAtLeast, lookAtVersions, versionsHere } from '../../client/doctor/machine.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { publicKey } from './configurations.ts';

const agentsWith = (grants: object, more: object = {}) => {
  const main = { region: 'us', token: 'env:TOKEN', from: 'bot@example.com' };
  const agents = { bot: { public_key: publicKey, grants, ...more } };
  return parsePolicy(JSON.stringify({ accounts: { main }, agents })).agents;
};
const scopesWith = (grants: object) => {
  const agent = agentsWith(grants).get('bot');
  return agent && Object.fromEntries(scopesOf(agent));
};

describe('what the doctor knows of versions', () => {
  test('those that are here fit', () => {
    expect(lookAtVersions(versionsHere())).toEqual([]);
  });

  test('a Node that is too old, and parts of the SDK that do not fit together, are named with the mend', () => {
    const { sdk } = versionsHere();
    expect(lookAtVersions({ node: '18.20.4', sdk: { ...sdk, worker: '1.23.9' } })).toMatchObject([
      { what: 'Node 18.20.4 is too old', mend: 'install Node 20.19 or newer' },
      {
        what: expect.stringMatching(/several versions: .*worker 1\.23\.9/),
        mend: expect.stringContaining('npm ci'),
      },
    ]);
  });

  test.each([
    ['1.32.0', true],
    ['1.31.9', false],
    ['2.0.0', true],
    ['1.100.0', true],
    ['unknown', false],
  ])('%s is at least 1.32: %s', (version, is) => {
    expect(isAtLeast(version, [1, 32])).toBe(is);
  });
});

describe('what the doctor knows of grants', () => {
  test('reading needs a scope to read, anything else one to write too', () => {
    expect(scopesWith({ incidents: 'read', services: 'full', oncalls: 'read' })).toEqual({
      'incidents.read': 'incidents',
      'services.read': 'services',
      'services.write': 'services',
      'oncalls.read': 'oncalls',
    });
    expect(scopesWith({ 'incidents.view': 'read', 'users.create': 'full', teams: 'off' })).toEqual({
      'incidents.read': 'incidents.view',
      'users.read': 'users.create',
      'users.write': 'users.create',
    });
  });

  test('events need none: they go over routing keys', () => {
    expect(scopesWith({ events: { level: 'full', routing_keys: ['checkout'] } })).toEqual({});
  });

  test('who may hold what, for how long, and which services are named', () => {
    const when = { urgency: ['low'], services: ['PONE'] };
    const agents = agentsWith(
      { 'incidents.acknowledge': { level: 'full', lease: '10m', when } },
      { deny: [{ action: 'incidents.resolve', when: { services: ['PTWO'] } }] },
    );
    expect(holdingsOf(agents)).toEqual([
      { agent: 'bot', leaseMs: 600_000, services: ['PONE'], teams: undefined },
    ]);
    expect([...servicesNamed(agents)]).toEqual([
      ['PONE', 'bot'],
      ['PTWO', 'bot'],
    ]);
  });
});

test.each<readonly [says: number, finds: RegExp | undefined]>([
  [1_000, undefined],
  [6_100, undefined],
  [7_001, /is 6 s ahead of this machine’s/],
  [-5_000, undefined],
  [-60_000, /is 60 s behind this machine’s/],
])('a clock that says %d between 0 and 1500 is told where it differs', (says, finds) => {
  const [found] = skewOf('clocks', { whose: 'Its', says, between: [0, 1_500] });
  if (finds) expect(found?.what).toMatch(finds);
  else expect(found).toBeUndefined();
});
