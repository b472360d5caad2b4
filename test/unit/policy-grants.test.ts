import { describe, expect, test } from 'vitest';
import { allActions } from '../../gate/configuration.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { faultsOf, granting } from './configurations.ts';

const mustState =
  'acknowledging must state its lease and urgency: { level: full, lease: 5m, when: { urgency: [low] } }';

/** A line of grants that is refused | its column | what is said of it. */
const refused = `
incidents.add_note: { level: full, wen: { urgency: [low] } } | 42 | incidents.add_note.wen: no such key; is it misspelt?
incidents.add_note: { level: full, when: { urgncy: [low] } } | 50 | incidents.add_note.when.urgncy: no such key; is it misspelt?
incidents.aknowledge: full | 7 | incidents.aknowledge: no such action; incidents has view, create, acknowledge, unacknowledge, resolve, reopen, reassign, escalate, set_urgency, move, edit, add_note
oncalls.: read | 7 | oncalls.: no such action; oncalls has view
incident: read | 7 | incident: no such resource; there are incidents, services, schedules, escalation_policies, users, teams, oncalls, events
constructor: read | 7 | constructor: no such resource; there are incidents, services, schedules, escalation_policies, users, teams, oncalls, events
incidents.view: full | 7 | incidents.view: view is off or read
incidents.resolve: read | 7 | incidents.resolve: resolve is off or full
incidents: write | 7 | incidents: a level is off, read or full
incidents: true | 7 | incidents: a level is off, read or full
incidents: [read] | 7 | incidents: a level is off, read or full
incidents: | 7 | incidents: a level is off, read or full
services: { level: write } | 19 | services.level: a level is off, read or full
incidents.acknowledge: full | 7 | incidents.acknowledge: ${mustState}
incidents.acknowledge: { level: full, when: { urgency: [low] } } | 7 | incidents.acknowledge: ${mustState}
incidents.acknowledge: { level: full, lease: 5m } | 7 | incidents.acknowledge: ${mustState}
incidents.acknowledge: { level: full, lease: 5m, when: { teams: [PT] } } | 7 | incidents.acknowledge: ${mustState}
incidents: full | 7 | incidents: this includes acknowledging, which must state its lease and urgency: add incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low] } }, or incidents.acknowledge: off
incidents.resolve: { level: full, lease: 5m } | 7 | incidents.resolve: only incidents.acknowledge has a lease
incidents: { level: off, when: { urgency: [low] } } | 7 | incidents: off takes no conditions
oncalls: { level: read, when: { urgency: [low] } } | 7 | oncalls: urgency says nothing about oncalls
incidents: { level: read, when: { urgency: [medium] } } | 51 | incidents.when.urgency.0: Invalid option: expected one of "high"|"low"
incidents: { level: read, when: { services: [PX, ../x] } } | 56 | incidents.when.services.1: a PagerDuty id is letters and digits, such as PABC123
incidents: { level: read, when: { services: PX } } | 41 | incidents.when.services: takes a list: [a, b]
events.trigger: full | 7 | events.trigger: events must name their routing keys: { level: full, routing_keys: [checkout] }
services: { level: read, routing_keys: [checkout] } | 7 | services: only events have routing keys
`
  .trim()
  .split('\n')
  .map((line) => line.split(' | '));

describe('a grant is refused, where and why', () => {
  test.each(refused)('%s', (grant = '', column = '', sentence = '') => {
    expect(faultsOf(granting(grant))).toEqual([`oncall.yaml:7:${column}: agents.bot.grants.${sentence}`]);
    // Its line is its own, whatever stands above it.
    expect(faultsOf(granting(`users: read\n${grant}`))).toEqual([
      `oncall.yaml:8:${column}: agents.bot.grants.${sentence}`,
    ]);
  });

  const acknowledging = (rest: string): string =>
    granting(`incidents.acknowledge: { level: full, when: { urgency: [low] }, ${rest} }`);

  test.each(['5', '"5"', '0m', '999ms', '61m', '2h', '-5m', 'soon', '5 bananas', '""', '[5m]', '1d'])(
    'a lease of %s',
    (lease) => {
      const [sentence, ...more] = faultsOf(acknowledging(`lease: ${lease}`));
      expect(more).toEqual([]);
      expect(sentence).toMatch(
        /^oncall\.yaml:7:71: agents\.bot\.grants\.incidents\.acknowledge\.lease: (a lease is a duration with its unit between 1s and 1h, such as 5m|takes text)$/,
      );
    },
  );

  test.each(['5m or so', 'not 5m', '5m!', 'about five, 5m'])('a lease of %s', (lease) => {
    faultsOf(acknowledging(`lease: "${lease}"`));
  });

  test.each(['incidents.resolve.now: full', 'incidents.acknowledge.low: full', 'services.view.: read'])(
    'an action with a third part: %s',
    (grant) => {
      expect(faultsOf(granting(grant))[0]).toContain('no such action');
    },
  );

  test('a condition without a value says what it takes', () => {
    const [sentence] = faultsOf(granting('incidents: { level: read, when: { services: [] } }'));
    expect(sentence).not.toMatch(/Too small|array/);
  });

  test.each(['lease: 5m', 'routing_keys: [checkout]'])('off with %s', (rest) => {
    faultsOf(granting(`incidents.acknowledge: { level: off, ${rest} }`));
  });
});

describe('a grant is taken', () => {
  test('may grant all of incidents where it says what becomes of acknowledging', () => {
    const all = granting('incidents: full\nincidents.acknowledge: off');
    expect(parsePolicy(all).agents.get('bot')?.grants.get('incidents')?.level).toBe('full');
  });

  test('off stays a word, and is no boolean', () => {
    for (const off of ['off', '"off"', "'off'"]) {
      const { agents } = parsePolicy(granting(`incidents: ${off}`));
      expect(agents.get('bot')?.grants.get('incidents')).toEqual({ level: 'off', when: {} });
    }
  });

  test('may use an anchor for what stands there twice', () => {
    const { agents } = parsePolicy(
      granting('incidents: &limited { level: read, when: { teams: [PT] } }\nservices: *limited'),
    );
    expect(agents.get('bot')?.grants.get('services')).toEqual({ level: 'read', when: { teams: ['PT'] } });
  });

  test.each([
    ['1s', 1_000],
    ['5m', 300_000],
    ['90s', 90_000],
    ['1h', 3_600_000],
    ['1m30s', 90_000],
  ])('a lease of %s is %d milliseconds', (lease, ms) => {
    const { agents } = parsePolicy(
      granting(`incidents.acknowledge: { level: full, lease: ${lease}, when: { urgency: [low] } }`),
    );
    expect(agents.get('bot')?.grants.get('incidents.acknowledge')?.leaseMs).toBe(ms);
  });

  test.each(allActions)('can grant or refuse the action %s', (action) => {
    const level = action.endsWith('.view') ? 'read' : 'full';
    const more =
      action === 'incidents.acknowledge'
        ? ', lease: 5m, when: { urgency: [low] }'
        : action.startsWith('events.')
          ? ', routing_keys: [checkout]'
          : '';
    for (const grant of [`${action}: { level: ${level}${more} }`, `${action}: off`])
      expect(parsePolicy(granting(grant)).agents.get('bot')?.grants.has(action)).toBe(true);
  });
});
