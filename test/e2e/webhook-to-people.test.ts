import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { subscribeLocally } from '../../client/local-webhooks.ts';
import { simulatorSecrets } from '../../client/local-world.ts';
import { freePorts } from '../../client/ports.ts';
import { newKeyPair } from '../../gate/statement.ts';
import type { RunResult } from '../../workflows/contract.ts';
import { built, makePlace, type Place, type Program } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from './world.ts';

/** Temporal server, simulator, Worker, receiver and agent, a process each. Nothing here starts a run: events do. */
let place: Place;
let world: World;
let agent: Program;
/** Who is paged first, and approves by note. */
let paged: { readonly id: string; readonly email: string; readonly name: string };

const grants = `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [high, low] } }
incidents.add_note: full
incidents.resolve: { level: full, approval: required }`;

/** It judges at once. On its first incident it works until it is told to stop; the others it brings to an end. */
const program = `
import { serveAgent } from '${pathToFileURL(built('client/serve-agent.js')).href}';
import { readAgent } from '${pathToFileURL(built('client/identity.js')).href}';
let isFirst = true;
await serveAgent({
  agent: readAgent('triage-bot', process.env.KEY_FILE),
  assess: () => ({ class: 'real', summary: 'The cache is cold.', evidence: { alerts: [], similar: [] } }),
  work: ({ incident }, held, signal) => {
    if (!isFirst) return { resolution: 'Warmed the cache.' };
    isFirst = false;
    console.log('works on ' + incident.id);
    return new Promise((resolve) => signal.addEventListener('abort', () => {
      console.log('stops');
      resolve(null);
    }));
  },
});
console.log('serves');
`;

beforeAll(async () => {
  place = makePlace('webhook-to-people');
  world = await startWorld(place, { 'triage-bot': grants });
  const [first] = await world.onCall('PPAYMENTSONCALL');
  const { user } = (await asPerson('GET', `/users/${first}`)) as {
    user: { id: string; email: string; name: string };
  };
  paged = user;
  appendFileSync(
    place.configFile,
    `operators:
  on-call: { public_key: ${newKeyPair().publicKey}, pagerduty_user: ${paged.id}, approve_by: [key, note] }
standing:
  night:
    on: incident.triggered
    services: [PCHECKOUT]
    workflow: respondToIncident
    agent: triage-bot
    input: { assess: agent, watchSeconds: 0 }
`,
  );
  const file = join(place.folder, 'agent.mjs');
  writeFileSync(file, program);
  const env = { ...world.temporal, KEY_FILE: world.keyFileOf('triage-bot') };
  agent = place.start(process.execPath, [file], { env });
  const [port = 0] = await freePorts(1);
  const receiver = place.oncall(['webhooks', '--port', String(port)], { env: world.temporal });
  const [, line] = await Promise.all([
    world.startWorker(),
    receiver.line(/^listening on /),
    agent.line(/^serves/),
  ]);
  await subscribeLocally(world.simulatorUrl, place.home, line.replace('listening on ', ''));
});
afterAll(async () => {
  await world.close();
  await place.clear();
});

/** What a person does in PagerDuty. */
async function asPerson(method: string, path: string, body?: object, from = ''): Promise<unknown> {
  const answer = await fetch(`${world.simulatorUrl}${path}`, {
    method,
    headers: {
      accept: 'application/vnd.pagerduty+json;version=2',
      authorization: `Token token=${simulatorSecrets.PAGERDUTY_API_TOKEN}`,
      'content-type': 'application/json',
      ...(from !== '' && { from }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}
const resultOf = (incident: string): Promise<RunResult> =>
  until('the order’s run has ended', () =>
    world.client.workflow
      .getHandle(`respond:main:${incident}`)
      .result()
      .catch(() => undefined),
  );
const typesOf = async (incident: string): Promise<readonly string[]> =>
  (await world.incident(incident)).log_entries.map(({ type }) => type.replace('_log_entry', ''));

describe.sequential('an event starts the run of a standing order, whose agent holds the incident', () => {
  test('and a person who acts has it at once', async () => {
    const incident = await world.trigger();
    expect(await agent.line(/^works on /)).toBe(`works on ${incident}`);
    expect((await world.incident(incident)).status).toBe('acknowledged');
    const change = { incident: { type: 'incident_reference', status: 'acknowledged' } };
    await asPerson('PUT', `/incidents/${incident}`, change, paged.email);
    const result = await resultOf(incident);
    expect(result.outcome).toBe('yielded_to_human');
    expect(result.summary).toContain(`${paged.name} has acknowledged it`);
    await agent.line(/^stops/);
    const left = await world.incident(incident);
    expect(left.status).toBe('acknowledged');
    expect(left.notes).toHaveLength(1);
    expect(left.notes[0]?.content).toContain('The cache is cold.');
    expect(await typesOf(incident)).not.toContain('resolve');
    expect(await typesOf(incident)).not.toContain('unacknowledge');
  });

  test('and resolves it once the person who was paged says so in a note', async () => {
    const incident = await world.trigger();
    const code = await until('the run’s note asks', async () => {
      const { notes } = await world.incident(incident);
      return /“ok (\w+)” \(yes\)/.exec(notes.map(({ content }) => content).join('\n'))?.[1];
    });
    expect((await world.incident(incident)).status).toBe('acknowledged');
    await asPerson('POST', `/incidents/${incident}/notes`, { note: { content: `ok ${code}` } }, paged.email);
    const result = await resultOf(incident);
    expect(result).toMatchObject({ outcome: 'done', verified: true });
    const { status, notes } = await world.incident(incident);
    expect(status).toBe('resolved');
    // Two of ours at most, beside the person's.
    expect(notes.length).toBeLessThanOrEqual(3);
    const { stdout } = await place.oncall(['audit', '--json', '--run', `respond:main:${incident}`], {
      env: world.temporal,
    }).ended;
    const records = JSON.parse(stdout) as readonly {
      kind: string;
      agent: string;
      via?: string;
      sentence: string;
    }[];
    const calls = records.filter(({ kind, agent: by }) => kind === 'entry' && by === 'triage-bot');
    // What it said to its run it signed itself.
    const entries = calls.filter(({ sentence }) => !sentence.endsWith('it signed what it said.'));
    expect(new Set(entries.map(({ via }) => via))).toEqual(new Set(['standing order night']));
    expect(entries.map(({ sentence }) => sentence)).toContainEqual(
      expect.stringMatching(/may resolve .*, approved by on-call\.$/),
    );
  });
});
