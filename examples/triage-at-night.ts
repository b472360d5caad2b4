import assert from 'node:assert/strict';
import { serveAgent } from '../client/index.ts';
import { play, responder } from './stage.ts';

/**
 * Night. A served agent is woken by a run before anything is acknowledged, judges what was read, works while the incident is
 * held under a lease, and concludes. The model is a script here; yours goes where `assess` and `work` are.
 */
await play({ 'night-bot': responder }, async ({ as, identityOf, temporal, alert, incident }) => {
  const agent = await serveAgent({
    agent: identityOf('night-bot'),
    temporal,
    assess: ({ incident: { title }, alerts, rules }) => {
      console.log(`night-bot reads: ${title}; ${alerts.length} alert; the rules say ${rules.class}`);
      return {
        class: 'real',
        summary: 'The cache was flushed by the last release.',
        evidence: rules.evidence,
      };
    },
    work: (_brief, { until }) => {
      console.log(`night-bot holds it until ${new Date(until).toISOString()}, and warms the cache again`);
      return { resolution: 'Warmed the cache; latency is back to normal.' };
    },
  });

  const id = await alert('p99 latency above 2 s on checkout');
  const oncall = await as('night-bot');
  const run = await oncall.start('respondToIncident', { account: 'main', incident: id, assess: 'agent' });
  for await (const line of run.follow()) console.log(`  ${line}`);
  const result = await run.result();
  console.log(`${result.outcome}: ${result.summary}`);

  const { status, notes } = await incident(id);
  assert.equal(result.outcome, 'done');
  assert.equal(status, 'resolved');
  assert.equal(notes.length, 1);
  assert.match(notes[0]?.content ?? '', /The cache was flushed by the last release\./);
  agent.stop();
  await agent.stopped;
});
