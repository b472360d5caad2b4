import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { expect } from 'vitest';
import { startCollector } from '../support/collector.ts';
import { responder } from '../support/grants.ts';
import { callTool, generations } from '../support/mcp.ts';
import { built, test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld } from './world.ts';

test('oncall mcp serves an agent over stdio, in both generations of the protocol, and ends with it', async ({
  place,
}) => {
  const world = await startWorld(place, { 'triage-bot': responder() });
  const collector = await startCollector();
  await world.startWorker(collector.env);
  const incident = await world.trigger();
  const env = {
    PATH: process.env['PATH'] ?? '',
    ...collector.env,
    TMPDIR: place.temporary,
    ...world.temporal,
    ONCALL_CONFIG: place.configFile,
    ONCALL_AGENT: 'triage-bot',
    ONCALL_AGENT_KEY_FILE: world.keyFileOf('triage-bot'),
  };
  for (const generation of generations) {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [built('client/cli.js'), 'mcp'],
      env,
      stderr: 'pipe',
    });
    const errors: string[] = [];
    transport.stderr?.on('data', (chunk: Buffer) => errors.push(String(chunk)));
    const client = new Client(
      { name: 'test', version: '0.0.0' },
      { versionNegotiation: { mode: generation === '2026-07-28' ? 'auto' : 'legacy' } },
    );
    await client.connect(transport);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'pd_find',
      'pd_get',
      'pd_oncall',
      'pd_can',
      'pd_next',
      'pd_finding',
      'pd_acknowledge',
      'pd_note',
      'pd_resolve',
      'pd_workflow',
      'pd_run',
    ]);
    const note = { incident, text: `Seen by ${generation}.`, reason: 'a test' };
    expect(await callTool(client, 'pd_note', note)).toMatchObject({
      isError: false,
      data: { outcome: 'done' },
    });
    const process_ = transport.pid;
    await client.close();
    await until('the server has ended', () => process_ !== null && !isAlive(process_));
    expect(errors.join('')).toBe('');
  }
  const { notes } = await world.incident(incident);
  expect(notes.map(({ content }) => content.split('\n')[0])).toEqual(
    generations.map((generation) => `Seen by ${generation}.`),
  );
  // From the tool to PagerDuty it is one trace, and its root says which agent called.
  const way = await collector.way(
    'POST /incidents/{id}/notes',
    'RunActivity:createIncidentNote',
    'StartActivity:createIncidentNote',
    'RunWorkflow:addNote',
    'StartWorkflow:addNote',
    'mcp pd_note',
  );
  expect(way.at(-1)?.attributes).toEqual({ 'oncall.account': 'main', 'oncall.agent': 'triage-bot' });
  expect(collector.text()).not.toContain('Seen by');
  await collector.close();
  await world.close();
});

test('a server that is killed while its agent judges leaves the incident with people, at once', async ({
  place,
}) => {
  const world = await startWorld(place, { 'triage-bot': responder() });
  await world.startWorker();
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [built('client/cli.js'), 'mcp'],
    env: {
      TMPDIR: place.temporary,
      ...world.temporal,
      ONCALL_CONFIG: place.configFile,
      ONCALL_AGENT: 'triage-bot',
      ONCALL_AGENT_KEY_FILE: world.keyFileOf('triage-bot'),
    },
    stderr: 'pipe',
  });
  const client = new Client({ name: 'test', version: '0.0.0' });
  await client.connect(transport);
  const incident = await world.trigger();
  const input = { incident, assess: 'agent', watchSeconds: 0 };
  const { data } = await callTool(client, 'pd_workflow', {
    workflow: 'respondToIncident',
    input,
    reason: 'a test',
  });
  const run = String(data['run']);
  await until('it is asked', async () => (await callTool(client, 'pd_next', {})).data['run'] === run);
  process.kill(transport.pid ?? 0, 'SIGKILL');
  const killedAt = Date.now();
  // The run hears of it by the silence, ten seconds; no minute of thinking is waited for.
  expect(await world.client.workflow.getHandle(run).result()).toMatchObject({ outcome: 'partly' });
  expect(Date.now() - killedAt).toBeLessThan(60_000);
  expect((await world.incident(incident)).status).toBe('triggered');
  await client.close();
  await world.close();
});

test('oncall mcp without its key says how it would be right, and stdout stays clean', async ({ place }) => {
  const program = place.oncall(['mcp'], { env: { ONCALL_AGENT: 'triage-bot' } });
  expect(await program.ended).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('ONCALL_AGENT_KEY_FILE'),
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
