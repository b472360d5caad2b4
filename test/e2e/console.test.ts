import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { responder } from '../support/grants.ts';
import { test } from '../support/processes.ts';
import { cookieOf, startConsole } from './door.ts';
import { startWorld } from './world.ts';

test('the console is a front door of operators: it prints a link for each, a new one at Enter, and ends when told', async ({
  place,
}) => {
  const world = await startWorld(place, { 'triage-bot': responder() });
  const oncall = (...words: readonly string[]) => place.oncall(words).ended;
  for (const name of ['lead', 'deputy'])
    expect(await oncall('operators', 'add', name)).toMatchObject({ code: 0 });
  expect(await oncall('front-doors', 'add', 'page')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('For whom may it speak?'),
  });
  const both = ['--speaks-for', 'triage-bot', '--speaks-for-operators', 'lead'];
  expect(await oncall('front-doors', 'add', 'page', ...both)).toMatchObject({ code: 2 });
  expect(
    await oncall('front-doors', 'add', 'page', '--speaks-for-operators', 'lead', 'deputy'),
  ).toMatchObject({ code: 0, stdout: expect.stringContaining('where `oncall console` runs') });
  const key = join(place.home, 'keys', 'page.pem');
  // Who is disabled stands in the store, which a Worker makes.
  await world.startWorker();
  const { server, url, linkOf, signIn } = await startConsole(place, world.temporal);
  const first = await linkOf(/^sign in as lead, once and within 5 min: /);
  await linkOf(/^sign in as deputy, /);
  const came = await signIn(first);
  expect(came.status).toBe(303);
  expect((await signIn(first)).status).toBe(403);
  const cookie = cookieOf(came);
  const page = await (await fetch(`${url}/agents`, { headers: { cookie } })).text();
  expect(page).toContain('triage-bot');
  server.type('\n');
  const another = new RegExp(`^sign in as lead, (?!.*${first.split('link=')[1]})`);
  expect((await signIn(await linkOf(another))).status).toBe(303);
  // A configuration that is being mended ends neither the console nor the session of who is in it.
  const whole = readFileSync(place.configFile, 'utf8');
  writeFileSync(place.configFile, `${whole}nonsense: true\n`);
  server.type('\n');
  await server.line(/nonsense/);
  writeFileSync(place.configFile, whole);
  expect((await fetch(`${url}/agents`, { headers: { cookie } })).status).toBe(200);
  server.send('SIGTERM');
  const { code, stdout } = await server.ended;
  expect([code, stdout.includes(key)]).toEqual([0, false]);
  await world.close();
});
