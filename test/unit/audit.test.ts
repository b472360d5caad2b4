import { beforeEach, expect, test } from 'vitest';
import { type AuditFilter, append, list } from '../../gate/audit.ts';
import { transact } from '../../gate/audit-store.ts';
import { record, temporaryStore } from './temporary-store.ts';

const store = temporaryStore();

/** What stands in the store: number → what is special about it. */
const written = [
  record({ agent: 'bot', workflowId: 'run-a', incident: 'P1', action: 'incidents.acknowledge' }),
  record({
    agent: 'bot',
    workflowId: 'run-a',
    incident: 'P1',
    action: 'incidents.acknowledge,incidents.edit',
  }),
  record({ agent: 'bot', workflowId: 'run-b', incident: 'P2', action: 'incidents.edit,incidents.resolve' }),
  record({ agent: 'bot2', workflowId: 'run-b', incident: null, action: 'services.view' }),
  record({
    agent: 'runner',
    workflowId: 'run-c',
    incident: 'P1',
    action: 'incidents.unacknowledge',
    decision: 'denied',
  }),
  record({ agent: 'bot', kind: 'outcome', entry: 1, decision: 'done', action: 'incidents.acknowledge' }),
  record({ agent: 'bot', workflowId: 'run-d', incident: null, action: 'events.acknowledge' }),
  record({ agent: 'bot', workflowId: 'run-d', incident: null, action: 'incidents.acknowledge_later' }),
  record({ agent: 'runner', workflowId: 'sweep', incident: null, action: 'incidents.view' }),
  record({ action: 'incidents.escalate,incidents.move,incidents.set_urgency', incident: 'P3' }),
  record({ action: 'schedules.view,teams.view', incident: null }),
];

beforeEach(async () => {
  for (const [index, content] of written.entries()) {
    await transact(store(), (tx) => append(tx, [content], new Date(Date.UTC(2026, 5, 24, 10, 0, index))));
  }
});

test.each<[string, Partial<AuditFilter>, readonly number[]]>([
  ['nothing', {}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  ['its agent', { agent: 'bot2' }, [4]],
  ['an agent that wrote nothing', { agent: 'bo' }, []],
  ['its decision', { decision: 'denied' }, [5]],
  ['its run', { run: 'run-b' }, [3, 4]],
  ['its incident', { incident: 'P1' }, [1, 2, 5, 6]],
  ['an action, alone', { action: 'services.view' }, [4]],
  ['an action, first, last or alone among several', { action: 'incidents.acknowledge' }, [1, 2, 6]],
  ['an action, last among several', { action: 'incidents.resolve' }, [3]],
  ['an action in several', { action: 'incidents.edit' }, [2, 3]],
  ['all actions of a resource', { action: 'incidents' }, [1, 2, 3, 5, 6, 8, 9, 10]],
  ['an action between two others', { action: 'incidents.move' }, [10]],
  ['all actions of a resource that comes second', { action: 'teams' }, [11]],
  ['all actions of another resource', { action: 'events' }, [7]],
  ['a part of an action', { action: 'incidents.ack' }, []],
  ['a verb without its resource', { action: 'acknowledge' }, []],
  ['an action with another sign for the stroke', { action: 'incidents.set-urgency' }, []],
  ['signs that stand for others', { action: 'incidents.%' }, []],
  ['a sign that ends nothing', { action: 'incidents\\' }, []],
  ['an action with a stroke, among others', { action: 'incidents.set_urgency' }, [10]],
  ['the time since', { since: '2026-06-24T10:00:05.000Z' }, [6, 7, 8, 9, 10, 11]],
  ['a time between', { since: '2026-06-24T10:00:05.001Z' }, [7, 8, 9, 10, 11]],
  ['the number before', { after: 6 }, [7, 8, 9, 10, 11]],
  ['what is more than a look of the runner', { withoutLooks: true }, [1, 2, 3, 4, 5, 6, 7, 8, 10, 11]],
  ['two things at once', { agent: 'bot', run: 'run-b' }, [3]],
  ['two things that never meet', { agent: 'runner', run: 'run-b' }, []],
  ['the newest three', { limit: 3 }, [9, 10, 11]],
  ['the newest two of an agent', { agent: 'bot', limit: 2 }, [10, 11]],
])('listed by %s', async (_what, filter, numbers) => {
  const found = await list(store(), { limit: 100, ...filter });
  expect(found.map(({ seq }) => seq)).toEqual(numbers);
});

test('each record comes as it was written, with its number, time and hash', async () => {
  const [found] = await list(store(), { after: 1, limit: 100 });
  expect(found).toEqual({
    ...written[1],
    seq: 2,
    at: '2026-06-24T10:00:01.000Z',
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});
