import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { play, responder } from './stage.ts';

/**
 * A plain MCP client, as any agent framework has one. It starts a run, is woken by it before anything is acknowledged, judges,
 * works while the incident is held under a lease, and ends it. The model is a script here.
 */
await play({ 'night-bot': responder }, async ({ mcpServer, alert, incident }) => {
  const client = new Client({ name: 'example', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StdioClientTransport(mcpServer('night-bot')));
  const call = async (name: string, args: Record<string, unknown>): Promise<Record<string, unknown>> => {
    const { content, structuredContent, isError } = await client.callTool({ name, arguments: args });
    const [first] = content;
    console.log(`${name}: ${first?.type === 'text' ? (first.text.split('\n')[0] ?? '') : ''}`);
    assert.ok(!isError);
    return (structuredContent ?? {}) as Record<string, unknown>;
  };
  const { tools } = await client.listTools();
  console.log(`night-bot has ${tools.length} tools: ${tools.map(({ name }) => name).join(', ')}`);

  const id = await alert('p99 latency above 2 s on checkout');
  const { run } = await call('pd_workflow', {
    workflow: 'respondToIncident',
    input: { incident: id, assess: 'agent', watchSeconds: 0 },
    reason: 'It pages.',
  });
  let task: unknown;
  while (!task) ({ task } = await call('pd_next', {}));
  assert.equal((await incident(id)).status, 'triggered');
  await call('pd_finding', { run, class: 'real', summary: 'The cache was flushed by the last release.' });
  let held: unknown[] = [];
  while (held.length === 0) held = (await call('pd_next', { wait_s: 1 }))['holding'] as unknown[];
  await call('pd_finding', { run, resolution: 'Warmed the cache; latency is back to normal.' });
  const ended = await call('pd_run', { run, wait_s: 20 });

  assert.equal(ended['outcome'], 'done');
  const { status, notes } = await incident(id);
  assert.equal(status, 'resolved');
  assert.equal(notes.length, 1);
  await client.close();
});
