import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide, type Question } from '../../gate/decide.ts';
import type { Facts } from '../../gate/facts.ts';
import { actionsOf } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, operationNames } from '../../pagerduty/catalogue/index.ts';
import { ask, limited, policyOf } from './questions.ts';
import { sampleRequests } from './sample-requests.ts';

const resources = Object.keys(actionsOf) as readonly (keyof typeof actionsOf)[];
const levels: Readonly<Record<string, readonly string[]>> = {
  view: ['off', 'read'],
  '': ['off', 'read', 'full'],
};
const conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  incidents: {
    urgency: ['high', 'low'],
    teams: ['PT1', 'PT9'],
    services: ['PABC123', 'PS9'],
    status: ['triggered', 'resolved'],
  },
  services: { services: ['PABC123', 'PS9'], teams: ['PT1', 'PT9'] },
  oncalls: { policies: ['PABC123', 'PE9'] },
};
/** Any grant that the configuration takes, under any name; half of them of incidents, where most can go wrong. */
const anyGrant = fc
  .oneof(fc.constant('incidents' as const), fc.constantFrom(...resources))
  .chain((resource) => fc.tuple(fc.constant(resource), fc.constantFrom('', ...actionsOf[resource])))
  .chain(([resource, verb]) => {
    const level = fc.constantFrom(...(levels[verb] ?? ['off', 'full']));
    // What is new has no status.
    const of = Object.entries(conditions[resource] ?? {}).filter(
      ([condition]) => verb !== 'create' || (condition !== 'status' && resource === 'incidents'),
    );
    const when = fc.record(
      Object.fromEntries(of.map(([name, values]) => [name, fc.subarray([...values], { minLength: 1 })])),
      { requiredKeys: [] },
    );
    const urgency = fc.subarray(['high', 'low'], { minLength: 1 });
    return fc.tuple(level, when, urgency).map(([chosen, limits, urgencies]) => {
      const name = verb === '' ? resource : `${resource}.${verb}`;
      if (chosen === 'off') return [name, 'off'] as const;
      const extra = {
        ...(name === 'incidents.acknowledge' && { lease: '5m', when: { ...limits, urgency: urgencies } }),
        ...(resource === 'events' && { routing_keys: ['PABC123'] }),
      };
      return [name, { level: chosen, when: limits, ...extra }] as const;
    });
  });
const anyGrants: fc.Arbitrary<Grants> = fc.array(anyGrant, { maxLength: 8 }).map(stated);
/** Any request that an operation takes, on an incident of any status; not of those that no agent can be granted. */
const anyQuestion = fc
  .constantFrom(...operationNames.filter((name) => !name.includes('WebhookSubscription')))
  .chain((name) =>
    fc.tuple(
      fc.constant(name),
      fc.constantFrom(...sampleRequests(catalogue[name])),
      fc.constantFrom('triggered', 'acknowledged', 'resolved'),
    ),
  )
  .map(([name, request, status]) => ask(name, request as never, status));
const one = <T>(arbitrary: fc.Arbitrary<T>) => fc.tuple(arbitrary);

/** Everything a decision can know; ids are those of the sample requests. */
const anyFacts: fc.Arbitrary<Required<Facts>> = fc.record({
  incidents: one(
    fc.record({
      id: fc.constant('PABC123'),
      number: fc.constant(12),
      status: fc.constantFrom('triggered', 'acknowledged', 'resolved'),
      urgency: fc.constantFrom('high', 'low'),
      service: fc.constantFrom('PABC123', 'PS9', undefined),
      policy: fc.constantFrom('PABC123', undefined),
      teams: fc.subarray(['PT1', 'PT9', 'PT5']),
      assignees: fc.constant([]),
      acknowledgers: fc.constant([]),
    }),
  ),
  services: one(
    fc.record({
      id: fc.constant('PABC123'),
      policy: fc.constant('PABC123'),
      teams: fc.subarray(['PT1', 'PT9']),
    }),
  ),
  policies: one(fc.record({ id: fc.constant('PABC123'), teams: fc.subarray(['PT1', 'PT9']) })),
  schedules: one(fc.record({ id: fc.constant('PABC123'), teams: fc.subarray(['PT1', 'PT9']) })),
  users: one(fc.record({ id: fc.constant('PABC123'), teams: fc.subarray(['PT1', 'PT9']) })),
  ourUsers: fc.constantFrom([], ['PABC123']),
  ourDuty: fc.constantFrom(null, 'level 1 of x'),
  duty: fc.subarray(['PABC123', 'PE9']),
});
const outcome = (grants: Grants, question: Question, facts: Facts) =>
  decide(policyOf(grants), question, facts);
const resourcesOf = ({ actions }: Question) => new Set(actions.map((action) => action.split('.')[0]));

test('all that is known, it is decided, in one sentence about the agent', () => {
  fc.assert(
    fc.property(anyGrants, anyQuestion, anyFacts, (grants, question, facts) => {
      const verdict = outcome(grants, question, facts);
      expect(verdict.decision).not.toBe('needs');
      expect(verdict).toHaveProperty('sentence', expect.stringMatching(/^bot may (not )?[^\n]+[^.]\.$/));
    }),
    { numRuns: 200 },
  );
});

test('a grant of another resource changes nothing', () => {
  fc.assert(
    fc.property(anyGrants, anyGrant, anyQuestion, anyFacts, (grants, [name, grant], question, facts) => {
      fc.pre(!resourcesOf(question).has(name.split('.')[0] ?? ''));
      const more = stated([...Object.entries(grants), [name, grant]]);
      expect(outcome(more, question, facts)).toEqual(outcome(grants, question, facts));
    }),
    { numRuns: 200 },
  );
});

test('off on the action itself denies, whatever else is granted', () => {
  fc.assert(
    fc.property(anyGrants, anyQuestion, anyFacts, fc.nat(), (grants, question, facts, pick) => {
      const action = question.actions[pick % question.actions.length] ?? '';
      expect(outcome({ ...grants, [action]: 'off' }, question, facts).decision).toBe('denied');
    }),
    { numRuns: 200 },
  );
});

test('off on the resource alone denies everything of it', () => {
  fc.assert(
    fc.property(anyGrants, anyQuestion, anyFacts, (grants, question, facts) => {
      const [resource = ''] = resourcesOf(question);
      const others = Object.entries(grants).filter(([name]) => name.split('.')[0] !== resource);
      const off = { ...Object.fromEntries(others), [resource]: 'off' };
      expect(outcome(off, question, facts).decision).toBe('denied');
    }),
    { numRuns: 200 },
  );
});

test('what is decided without a fact stays so once it is known', () => {
  fc.assert(
    fc.property(
      anyGrants,
      anyQuestion,
      anyFacts,
      fc.subarray([
        'incidents',
        'services',
        'policies',
        'schedules',
        'users',
        'duty',
        'ourDuty',
        'ourUsers',
      ] as const),
      (grants, question, facts, known) => {
        const some = Object.fromEntries(known.map((name) => [name, facts[name]]));
        const early = outcome(grants, question, some).decision;
        fc.pre(early !== 'needs');
        expect(outcome(grants, question, facts).decision).toBe(early);
      },
    ),
    { numRuns: 200 },
  );
});

/** The incident of the sample requests. */
const seen = {
  id: 'PABC123',
  number: 12,
  status: 'triggered',
  urgency: 'high',
  service: undefined,
  policy: undefined,
  assignees: [],
  acknowledgers: [],
};

test('taking a grant away never allows what was denied, unless it stood above another', () => {
  fc.assert(
    fc.property(anyGrants, anyQuestion, anyFacts, fc.nat(), (grants, question, facts, pick) => {
      const removable = Object.keys(grants).filter((name) => {
        const [resource = '', verb] = name.split('.');
        return grants[name] !== 'off' && verb !== 'view' && (verb === undefined || !(resource in grants));
      });
      fc.pre(removable.length > 0 && outcome(grants, question, facts).decision === 'denied');
      const { [removable[pick % removable.length] ?? '']: _gone, ...fewer } = grants;
      expect(outcome(fewer, question, facts).decision).toBe('denied');
    }),
    {
      numRuns: 200,
      examples: [
        [
          { incidents: limited('read', { teams: ['PT9'] }), 'incidents.add_note': 'full' },
          ask('getIncident', { params: { id: 'PABC123' } }),
          {
            incidents: [{ ...seen, teams: ['PT1'] }],
            services: [{ id: 'PABC123', policy: 'PABC123', teams: [] }],
            policies: [],
            schedules: [],
            users: [],
            duty: [],
            ourUsers: [],
            ourDuty: null,
          },
          0,
        ],
      ],
    },
  );
});

type Grants = Readonly<Record<string, unknown>>;

/** Grants that the configuration takes: full on incidents states acknowledging too. */
function stated(pairs: readonly (readonly [string, unknown])[]): Grants {
  const grants = Object.fromEntries(pairs);
  const all = grants['incidents'];
  const isFull = typeof all === 'object' && all !== null && 'level' in all && all.level === 'full';
  return { ...(isFull && { 'incidents.acknowledge': 'off' }), ...grants };
}
