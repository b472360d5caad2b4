import { readFileSync } from 'node:fs';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect } from 'vitest';
import { responder } from '../support/grants.ts';
import { callTool } from '../support/mcp.ts';
import { test } from '../support/processes.ts';
import { giveToken, startDoor } from './door.ts';
import { startWorld } from './world.ts';

test('a front door is added, an agent gets a token, works over HTTP, and its token is revoked', async ({
  place,
}) => {
  const world = await startWorld(place, { 'triage-bot': responder() });
  const oncall = (...words: readonly string[]) => place.oncall(words).ended;
  expect(await oncall('agents', 'token', 'triage-bot')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('No front door may speak for triage-bot'),
  });
  expect(await oncall('front-doors', 'add', 'mcp', '--speaks-for', 'triage-bto')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean triage-bot?'),
  });
  expect(await oncall('front-doors', 'add', 'mcp', '--speaks-for', 'triage-bot')).toMatchObject({ code: 0 });
  expect(readFileSync(place.configFile, 'utf8')).toContain('may_speak_for: [triage-bot]');
  await world.startWorker();

  const { token, id, expires } = await giveToken(place, 'triage-bot');
  expect(Date.parse(expires)).toBeLessThanOrEqual(Date.now() + 3_600_000);
  const { server, url } = await startDoor(place, world);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const client = new Client({ name: 'test', version: '0.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  const incident = await world.trigger();
  const note = { incident, text: 'Seen.', reason: 'a test' };
  expect(await callTool(client, 'pd_note', note)).toMatchObject({
    isError: false,
    data: { outcome: 'done' },
  });

  const record = JSON.parse((await oncall('audit', '--agent', 'triage-bot', '--json')).stdout) as object[];
  expect(record).toContainEqual(
    expect.objectContaining({ agent: 'triage-bot', via: 'mcp', action: 'incidents.add_note' }),
  );
  expect(await oncall('agents', 'token-revoke', 'triage-bot', '--json')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(id),
  });
  await expect(callTool(client, 'pd_note', { ...note, text: 'Not any more.' })).rejects.toThrow();
  expect((await world.incident(incident)).notes).toHaveLength(1);
  await client.close();
  expect(await place.oncall(['audit', 'verify'], { env: world.temporal }).ended).toMatchObject({ code: 0 });
  server.send('SIGTERM');
  const { code, stderr, stdout } = await server.ended;
  expect([code, stderr, stdout]).toEqual([0, '', `listening on ${url}\n`]);
  await world.close();
});
