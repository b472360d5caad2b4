import assert from 'node:assert/strict';
import { serveAgent } from '../client/index.ts';
import { play, responder } from './stage.ts';

/**
 * A person takes over in the middle. The agent holds the incident and works; Ada, who was paged before it, acknowledges in PagerDuty.
 * The webhook wakes the run, its agent is told to stop, and the incident is Ada's: nothing is resolved, nothing is reopened, and
 * what was found stands in one note.
 */
await play({ 'night-bot': responder }, async ({ as, identityOf, temporal, alert, asPerson, incident }) => {
  let isToldToStop = false;
  const agent = await serveAgent({
    agent: identityOf('night-bot'),
    temporal,
    assess: ({ rules }) => ({
      class: 'real',
      summary: 'The connection pool is exhausted since the last release.',
      evidence: rules.evidence,
    }),
    work: async ({ incident: { number } }, _held, signal) => {
      console.log(`night-bot holds #${number} and works on it`);
      const change = { incident: { type: 'incident_reference', status: 'acknowledged' } };
      await asPerson('PUT', `/incidents/${id}`, change);
      console.log(`Ada acknowledges #${number} in PagerDuty`);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      isToldToStop = true;
      console.log('night-bot is told to stop');
      return null;
    },
  });

  const id = await alert('Checkout answers 503');
  const oncall = await as('night-bot');
  const run = await oncall.start('respondToIncident', { account: 'main', incident: id, assess: 'agent' });
  const result = await run.result();
  console.log(`${result.outcome}: ${result.summary}`);
  assert.equal(result.outcome, 'yielded_to_human');

  const { status, acknowledgements, notes, log_entries: log } = await incident(id);
  assert.equal(status, 'acknowledged');
  assert.ok(acknowledgements.some(({ acknowledger }) => acknowledger.summary.startsWith('Ada')));
  assert.equal(notes.length, 1);
  assert.match(notes[0]?.content ?? '', /The connection pool is exhausted/);
  assert.equal(log.filter(({ type }) => /^(resolve|unacknowledge)_/.test(type)).length, 0);
  agent.stop();
  await agent.stopped;
  assert.ok(isToldToStop);
});
