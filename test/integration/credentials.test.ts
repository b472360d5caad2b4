import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seedIds } from '../../simulator/seed.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage, simulatorToken } from '../support/stage.ts';
import { until } from '../support/until.ts';

const { app, reader } = seedIds.oauthClients;

let stage: Stage;
let plain: string;
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder(), 'own-bot': responder() } });
  plain = '';
  stage.editConfig((text) => {
    plain = text;
    return text;
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

/** Sets what stands in the place of the account's API key. */
function useCredential(lines: string): void {
  stage.editConfig(() => plain.replace(/token: file:\S+/, lines));
}

function oauth({ id, secret }: { readonly id: string; readonly secret: string }): string {
  const file = join(stage.home, 'client-secret');
  writeFileSync(file, secret);
  return `oauth: { client_id: ${id}, client_secret: file:${file}, subdomain: example }`;
}

const input = { account: 'main', operation: 'listTeams', request: {} } as const;
const note = (incident: string) =>
  stage.run('triage-bot', 'addNote', { account: 'main', incident, note: 'Hello.' });

test('an OAuth app asks for its token, keeps it, and asks again when PagerDuty takes it no longer', async () => {
  useCredential(oauth(app));
  const incident = await stage.trigger();
  expect(await note(incident)).toMatchObject({ outcome: 'done' });
  expect(await note(incident)).toMatchObject({ outcome: 'done' });
  const tokens = () =>
    [...stage.simulator.world.credentials.keys()].filter((key) => key.startsWith('pdus+_SIMULATOR'));
  expect(tokens()).toHaveLength(1);
  await fetch(`${stage.simulator.url}/_simulator/oauth/expire`, { method: 'POST' });
  expect(await note(incident)).toMatchObject({ outcome: 'done' });
  expect(stage.simulator.world.notes(incident)).toHaveLength(3);
});

test('a scope that PagerDuty did not give is told by name, and nothing is sent', async () => {
  useCredential(oauth(reader));
  const incident = await stage.trigger();
  const result = await note(incident);
  expect(result).toMatchObject({ outcome: 'failed' });
  expect(result.summary).toMatch(
    /needs the OAuth scope incidents\.write, which PagerDuty did not give this app/,
  );
  expect(stage.simulator.world.notes(incident)).toEqual([]);
});

test('an app with a wrong secret is refused in a sentence that does not hold it', async () => {
  useCredential(oauth({ id: app.id, secret: 'no-such-secret-of-any-app' }));
  const result = await note(await stage.trigger());
  expect(result).toMatchObject({ outcome: 'failed' });
  expect(result.summary).toMatch(
    /PagerDuty refused an OAuth token to the app \S+ \(401, invalid_client\); check its/,
  );
  expect(JSON.stringify(result)).not.toContain('no-such-secret');
});

test('an agent’s own credential is used for what it does', async () => {
  const file = join(stage.home, 'own-token');
  writeFileSync(file, seedIds.keys.readOnly);
  stage.editConfig(() =>
    plain.replace(/( {2}own-bot:\n)/, `$1    credentials: { main: { token: file:${file} } }\n`),
  );
  const incident = await stage.trigger();
  const own = await stage.run('own-bot', 'addNote', { account: 'main', incident, note: 'Mine.' });
  expect(own.summary).toMatch(/^PagerDuty answered 403 /);
  expect(await note(incident)).toMatchObject({ outcome: 'done' });
  expect((await stage.run('triage-bot', 'runOperation', input)).outcome).toBe('denied');
});

test('a credential that is away for a moment is told, and what was allowed meanwhile has its outcome', async () => {
  stage.editConfig(() => plain);
  const file = join(stage.home, 'token');
  const incident = await stage.trigger();
  rmSync(file);
  const run = await stage.start('triage-bot', 'addNote', { account: 'main', incident, note: 'Hello.' });
  const told = await until('the Worker tells that the token is away', async () => {
    const { raw } = await stage.client.workflow.getHandle(run.workflowId).describe();
    return raw.pendingActivities?.[0]?.lastFailure?.message;
  });
  expect(told).toBe(
    `The configuration names file:${file}, but that file cannot be read or is empty. Nothing was sent.`,
  );
  writeFileSync(file, simulatorToken);
  expect((await run.result()).outcome).toBe('done');
  expect(stage.simulator.world.notes(incident)).toHaveLength(1);
  const outcomes = (await stage.audit({ run: run.workflowId })).filter(({ kind }) => kind === 'outcome');
  expect(outcomes.map(({ decision }) => decision)).toEqual(['refused', 'done']);
});
