import { describe, expect, test } from 'vitest';
import { type Asked, NotAsked, put, type Things } from '../../gate/asked.ts';
import { allActions } from '../../gate/configuration.ts';
import { phrase } from '../../gate/words.ts';

const asked = (action: string, things: Things = {}): Asked => ({ agent: 'bot', action, things });
const everything: Required<Things> = {
  incident: 'P1',
  service: 'PS1',
  policy: 'PE1',
  schedule: 'PD1',
  user: 'PU1',
  team: 'PT1',
  urgency: 'low',
  routingKey: 'checkout',
};

/** The question with what it needs, found by doing what its refusals say. */
function needed(action: string): Things {
  let things: Things = {};
  for (;;) {
    try {
      put(asked(action, things));
      return things;
    } catch (error) {
      const [, option = ''] = /name it by --(\S+)$/.exec(String(error)) ?? [];
      const thing = option === 'routing-key' ? 'routingKey' : option;
      if (!(thing in everything) || thing in things) throw error;
      things = { ...things, [thing]: everything[thing as keyof Things] };
    }
  }
}

test.each(allActions)('%s can be asked, and says what it lacks', (action) => {
  const question = put(asked(action, needed(action)));
  expect(question.actions(() => 'triggered')).toEqual([action]);
  expect(phrase({ ...question, actions: [action] })).toMatch(/^[a-z][^\n]+$/);
});

test('a question about one thing touches it, and without it a view is of the list', () => {
  expect(put(asked('incidents.view', { incident: 'P1' }))).toMatchObject({
    operation: 'getIncident',
    touches: [{ kind: 'incident', id: 'P1' }],
    situated: true,
  });
  expect(put(asked('incidents.view', { service: 'PS1', urgency: 'low' }))).toMatchObject({
    operation: 'listIncidents',
    touches: [{ kind: 'list', within: { services: ['PS1'], urgency: ['low'] } }],
    situated: false,
  });
});

test('acknowledging a resolved incident is asked as what it is', () => {
  const { actions } = put(asked('incidents.acknowledge', { incident: 'P1' }));
  expect(actions(() => 'triggered')).toEqual(['incidents.acknowledge']);
  expect(actions(() => 'resolved')).toEqual(['incidents.reopen']);
});

describe('what cannot be asked says how it could', () => {
  test.each<[Asked, RegExp]>([
    [asked('incidents.resolve'), /incidents\.resolve needs its incident: name it by --incident/],
    [
      asked('incidents.resolve', { incident: 'P1', team: 'PT1' }),
      /--team says nothing about incidents\.resolve/,
    ],
    [asked('incidents.smash'), /no action "incidents\.smash"; incidents has incidents\.view, /],
    [asked('resolve'), /no action "resolve"; an action is such as incidents\.resolve/],
    [asked('constructor.view'), /an action is such as/],
    [asked('incidents.resolve', { incident: '../x' }), /--incident takes a PagerDuty id/],
    [asked('events.trigger', { routingKey: 'R0UTINGKEY' }), /--routing-key takes a name .* never the key/],
    [asked('incidents.create', { service: 'PS1', urgency: 'loud' as never }), /--urgency is high or low/],
    [{ agent: 'Bot!', action: 'incidents.view' }, /no name of an agent/],
  ])('%j', (question, says) => {
    expect(() => put(question)).toThrow(NotAsked);
    expect(() => put(question)).toThrow(says);
  });
});
