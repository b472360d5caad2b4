import { describe, expect, test } from 'vitest';
import type { Action } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type RequestOf } from '../../pagerduty/catalogue/index.ts';

const { updateIncident } = catalogue;

const change = (incident: object): RequestOf<'updateIncident'> => ({
  params: { id: 'P1' },
  body: { incident: { type: 'incident', ...incident } },
});

describe('updateIncident', () => {
  const of = (incident: object, status?: string): readonly Action[] =>
    updateIncident.actions(change(incident) as never, () => status);
  const reference = (type: string) => ({ id: 'P2', type });

  test.each([
    ['triggered', 'acknowledged', 'incidents.acknowledge'],
    ['acknowledged', 'acknowledged', 'incidents.acknowledge'],
    ['resolved', 'acknowledged', 'incidents.acknowledge', 'incidents.reopen'],
    [undefined, 'acknowledged', 'incidents.acknowledge'],
    ['triggered', 'triggered', 'incidents.unacknowledge'],
    ['acknowledged', 'triggered', 'incidents.unacknowledge'],
    ['resolved', 'triggered', 'incidents.reopen'],
    [undefined, 'triggered', 'incidents.unacknowledge'],
    ['triggered', 'resolved', 'incidents.resolve'],
    ['acknowledged', 'resolved', 'incidents.resolve'],
    ['resolved', 'resolved', 'incidents.resolve'],
    [undefined, 'resolved', 'incidents.resolve'],
  ])('on a %s incident, status %s is %s', (from, status, ...actions) => {
    expect(of({ status }, from)).toEqual(actions);
  });

  test.each([
    ['title', { title: 'New' }, 'incidents.edit'],
    ['priority by reference', { priority: reference('priority_reference') }, 'incidents.edit'],
    ['priority by name', { priority: 'P1' }, 'incidents.edit'],
    ['type', { incident_type: { name: 'major' } }, 'incidents.edit'],
    ['bridge', { conference_bridge: { conference_url: 'https://example.com' } }, 'incidents.edit'],
    ['urgency', { urgency: 'low' }, 'incidents.set_urgency'],
    ['level', { escalation_level: 2 }, 'incidents.escalate'],
    ['assignees', { assignments: [{ assignee: reference('user_reference') }] }, 'incidents.reassign'],
    ['policy', { escalation_policy: reference('escalation_policy_reference') }, 'incidents.reassign'],
    ['service', { service: reference('service_reference') }, 'incidents.move'],
  ] as const)('a change of %s is the same action whatever the status', (_what, incident, action) => {
    for (const status of ['triggered', 'acknowledged', 'resolved', undefined])
      expect(of(incident, status)).toEqual([action]);
  });

  test.each([
    [{ status: 'resolved', title: 'Over' }, 'triggered', ['incidents.resolve', 'incidents.edit']],
    [{ status: 'resolved', resolution: 'Rolled back.' }, 'triggered', ['incidents.resolve']],
    [
      { status: 'acknowledged', urgency: 'low' },
      'resolved',
      ['incidents.acknowledge', 'incidents.reopen', 'incidents.set_urgency'],
    ],
    [
      { status: 'triggered', escalation_policy: reference('escalation_policy_reference') },
      'acknowledged',
      ['incidents.unacknowledge', 'incidents.reassign'],
    ],
    [{ title: 'New', priority: 'P1' }, 'triggered', ['incidents.edit']],
    [
      { escalation_level: 2, service: reference('service_reference'), title: 'New' },
      'acknowledged',
      ['incidents.escalate', 'incidents.move', 'incidents.edit'],
    ],
  ])('%j on a %s incident is %j', (incident, status, actions) => {
    expect([...of(incident, status)].toSorted()).toEqual(actions.toSorted());
  });

  test.each([
    ['nothing but its type', {}],
    ['a resolution without its status', { resolution: 'Over.' }],
    ['a resolution with another status', { status: 'acknowledged', resolution: 'Over.' }],
    ['a status that does not exist', { status: 'closed' }],
    ['an empty title', { title: '' }],
    ['a title over 1024 characters', { title: 'x'.repeat(1025) }],
    ['level 0', { escalation_level: 0 }],
    ['no assignee', { assignments: [] }],
    ['a reference of another type', { service: reference('user_reference') }],
  ])('refuses %s', (_what, incident) => {
    expect(updateIncident.request.safeParse(change(incident)).success).toBe(false);
  });
});
