import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { giveToken, startDoor } from '../e2e/door.ts';
import { startWorld } from '../e2e/world.ts';
import { everything } from '../support/grants.ts';
import { built, checkout, test } from '../support/processes.ts';

const run = promisify(execFile);
const inspector = join(checkout, 'node_modules', '.bin', 'mcp-inspector-cli');
const reason = 'reason=an inspector asks';

/** A call of each tool, and how its answer begins: what it did, or why it could not. */
const callsOf = (incident: string): Readonly<Record<string, readonly [says: RegExp, ...args: string[]]>> => ({
  pd_find: [/checkout/, 'what=services', 'text=checkout'],
  pd_get: [/latency/, 'what=incident', `id=${incident}`],
  pd_oncall: [/PPAYMENTSONCALL/, 'service=PCHECKOUT'],
  pd_can: [/may resolve/, 'action=incidents.resolve', `incident=${incident}`],
  pd_next: [/^Nothing to judge now/, 'wait_s=0'],
  pd_finding: [/no run/i, 'run=respond:main:PNOBODY00', 'class=real', 'summary=It is real.'],
  pd_acknowledge: [/waiting for the end of the lease/, `incident=${incident}`, reason],
  pd_note: [/^done: /, `incident=${incident}`, 'text=Seen by the inspector.', reason],
  pd_reassign: [/^done: /, `incident=${incident}`, 'users=["PDEV"]', reason],
  pd_resolve: [/^done: /, `incident=${incident}`, 'resolution=Over.', reason],
  pd_page: [/^done: /, 'service=PSEARCH', 'title=The index is stale', 'urgency=low', 'dedup=index', reason],
  pd_event: [/^done: /, 'do=change', 'routing_key=checkout', 'summary=A change.', reason],
  pd_override: [/^done: /, 'schedule=PPAYMENTSROTA', 'user=PBEN', 'start=1h', 'end=2h', reason],
  pd_configure: [/^done: /, 'do=create_team', 'name=Night watch', reason],
  pd_workflow: [/^done: /, 'workflow=triageIncident', `input={"incident":"${incident}"}`, reason],
  pd_run: [/no run/i, 'run=respond:main:PNOBODY00'],
});

test('an inspector lists every tool and calls each, over both transports', async ({ place }) => {
  const world = await startWorld(place, { 'triage-bot': everything() });
  expect(await place.oncall(['front-doors', 'add', 'mcp', '--speaks-for', 'triage-bot']).ended).toMatchObject(
    { code: 0 },
  );
  await world.startWorker();
  const { token } = await giveToken(place, 'triage-bot');
  const { url } = await startDoor(place, world);
  const agent = {
    ...world.temporal,
    TMPDIR: place.temporary,
    ONCALL_CONFIG: place.configFile,
    ONCALL_AGENT: 'triage-bot',
    ONCALL_AGENT_KEY_FILE: world.keyFileOf('triage-bot'),
  };
  const transports = {
    stdio: [
      ...Object.entries(agent).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
      '--cli',
      process.execPath,
      built('client/cli.js'),
      'mcp',
    ],
    http: ['--cli', url, '--transport', 'http', '--header', `Authorization: Bearer ${token}`],
  };
  for (const [transport, words] of Object.entries(transports)) {
    const incident = await world.trigger();
    const calls = callsOf(incident);
    const ask = async (...method: readonly string[]): Promise<unknown> =>
      JSON.parse((await run(inspector, [...words, '--method', ...method])).stdout);
    const { tools } = (await ask('tools/list')) as { tools: readonly { name: string }[] };
    expect(tools.map(({ name }) => name).toSorted(), transport).toEqual(Object.keys(calls).toSorted());
    for (const [name, [says, ...args]] of Object.entries(calls)) {
      const answer = await ask(
        'tools/call',
        '--tool-name',
        name,
        ...args.flatMap((arg) => ['--tool-arg', arg]),
      );
      expect(answer, `${transport} ${name}`).toMatchObject({
        content: [{ type: 'text', text: expect.stringMatching(says) }],
      });
    }
    expect((await world.incident(incident)).status).toBe('resolved');
  }
  await world.close();
});
