import assert from 'node:assert/strict';
import { RefusedError } from '../client/index.ts';
import { play } from './stage.ts';

/**
 * An agent that may look and write notes tries more. It hears, in one sentence, which line of the configuration refuses it and what
 * would be allowed; nothing reaches PagerDuty, and the audit has it.
 */
await play({ 'intern-bot': 'incidents: read\nincidents.add_note: full' }, async ({ as, alert, incident }) => {
  const id = await alert('The queue is full');
  const oncall = await as('intern-bot');

  const may = await oncall.can('incidents.resolve', { incident: id });
  console.log(`Asked first: ${may.decision}. ${may.sentence}\n  ${may.grantedBy}`);
  assert.equal(may.decision, 'denied');

  const change = { incident: { type: 'incident_reference', status: 'resolved' } } as const;
  const refused = await oncall.call('updateIncident', { params: { id }, body: change }).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(refused instanceof RefusedError);
  console.log(`Tried all the same: ${refused.message}`);
  assert.match(refused.message, /its grant on incidents is read, and incidents\.resolve needs full\.$/);
  assert.equal((await incident(id)).status, 'triggered');

  const { note } = await oncall.call('createIncidentNote', {
    params: { id },
    body: { note: { content: 'Seen this last week: the consumer was down.' } },
  });
  console.log(`What it may do it does: note ${note.id}`);
  assert.equal((await incident(id)).notes.length, 1);
});
