import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { startRun } from '../../client/agent.ts';
import { responder } from '../support/grants.ts';
import { built, test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld } from './world.ts';

/** An agent as people write one: it judges at once, and works until somebody ends it. */
const program = (library: string, identity: string): string => `
import { serveAgent } from '${pathToFileURL(library).href}';
import { readAgent } from '${pathToFileURL(identity).href}';
const { env } = process;
await serveAgent({
  agent: readAgent('triage-bot', env.KEY_FILE),
  assess: ({ incident }) => {
    console.log('judges ' + incident.id);
    if (env.THINKS) return new Promise(() => {});
    return { class: 'real', summary: 'It is real.', evidence: { alerts: [], similar: [] } };
  },
  work: () => new Promise(() => console.log('works')),
});
console.log('serves');
`;

test.for([
  ['while it thinks', { THINKS: 'yes' }, /^judges /],
  ['while it works', {}, /^works/],
] as const)(
  'an agent that is killed %s leaves the incident with people, at once',
  async ([, more, point], { place }) => {
    const world = await startWorld(place, { 'triage-bot': responder() });
    await world.startWorker();
    const file = join(place.folder, 'agent.mjs');
    writeFileSync(file, program(built('client/serve-agent.js'), built('client/identity.js')));
    const env = { ...world.temporal, KEY_FILE: world.keyFileOf('triage-bot'), ...more };
    const agent = place.start(process.execPath, [file], { env });
    await agent.line(/^serves/);
    const incident = await world.trigger();
    const run = await startRun(world.client, world.agent('triage-bot'), 'respondToIncident', {
      account: 'main',
      incident,
      assess: 'agent',
      watchSeconds: 0,
    });
    await agent.line(point);
    agent.send('SIGKILL');
    const killedAt = Date.now();
    const result = await run.result();
    // Ten seconds of silence, and the way back: no lease of five minutes is waited for.
    expect(Date.now() - killedAt).toBeLessThan(60_000);
    expect(result).toMatchObject({ outcome: 'partly' });
    await until('people have it', async () => (await world.incident(incident)).status === 'triggered');
    expect(result.summary).toMatch(
      /triage-bot (is gone|, so PagerDuty keeps paging)|no finding came from triage-bot/i,
    );
    await world.close();
  },
);
