import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { seedIds } from '../../simulator/seed.ts';
import { createCertificate } from '../../simulator/tls.ts';
import { connectPagerDutyServer, noPagerDutyServer } from '../support/pagerduty-mcp.ts';

const script = (name: string): string => fileURLToPath(new URL(`../clients/${name}`, import.meta.url));
const run = promisify(execFile);
const { users, services, schedules, routingKeys } = seedIds;

// All three speak https and nothing else: they are told which certificate to trust, and not otherwise changed.
let simulator: Simulator;
let folder: string;
let trusted: string;
beforeAll(async () => {
  const tls = await createCertificate();
  simulator = await startSimulator({ tls });
  folder = mkdtempSync(join(tmpdir(), 'oncall-clients-'));
  trusted = join(folder, 'certificate.pem');
  writeFileSync(trusted, tls.cert);
});
afterAll(async () => {
  await simulator.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a client's path leaves in the account: an incident from triggered to resolved, each step once, and a turn taken over. */
function expectPath(id: string, by: string, user: string, day: string): void {
  const incident = simulator.world.incident(id);
  expect(incident).toMatchObject({
    title: `Opened by ${by}`,
    status: 'resolved',
    serviceId: services.checkout,
  });
  const steps = ['trigger', 'acknowledge', 'annotate', 'resolve'];
  expect(incident?.log.map(({ type }) => type).filter((type) => steps.includes(type))).toEqual(steps);
  expect(simulator.world.notes(id)).toEqual([`Noted by ${by}.`]);
  const turns = simulator.world.schedules.get(schedules.payments)?.overrides;
  expect(turns?.filter(({ userId }) => userId === user)).toEqual([
    {
      id: expect.any(String),
      userId: user,
      start: Date.parse(`${day}T09:00:00Z`),
      end: Date.parse(`${day}T17:00:00Z`),
    },
  ]);
}

/** What an event opened is resolved, too. */
function expectEvent(id: string, by: string): void {
  expect(simulator.world.incident(id)).toMatchObject({ title: `Sent by ${by}`, status: 'resolved' });
}

test('PagerDuty’s own JavaScript client goes the whole way over TLS', async () => {
  const args = [script('incident-with-pdjs.mjs'), new URL(simulator.url).host, routingKeys.checkout];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: trusted };
  const { stdout } = await run(process.execPath, args, { env });
  const said = JSON.parse(stdout) as { id: string; event: string };
  expect(said).toEqual({
    id: expect.any(String),
    found: [services.checkout, users.ben, schedules.payments],
    pages: true,
    statuses: ['triggered', 'acknowledged', 'resolved'],
    note: 'Noted by pdjs.',
    override: 201,
    missing: 2100,
    sent: 'success',
    event: expect.any(String),
  });
  expectPath(said.id, 'pdjs', users.ben, '2030-01-07');
  expectEvent(said.event, 'pdjs');
});

/** Where PagerDuty's Python client can be imported from; `undefined` where it is not installed. */
function pythonClient(): NodeJS.ProcessEnv | undefined {
  const installed = process.env['ONCALL_PYTHON_PAGERDUTY'];
  const env = {
    ...process.env,
    SSL_CERT_FILE: trusted,
    ...(installed !== undefined && { PYTHONPATH: installed }),
  };
  try {
    execFileSync('python3', ['-c', 'import pagerduty; pagerduty.RestApiV2Client'], { env, stdio: 'ignore' });
    return env;
  } catch {
    return undefined;
  }
}

test('PagerDuty’s own Python client goes the whole way over TLS', async (context) => {
  const env = pythonClient();
  if (!env)
    context.skip(
      'PagerDuty’s Python client is not installed: pip install -r test/clients/requirements.txt, or name its folder in ONCALL_PYTHON_PAGERDUTY.',
    );
  const args = [script('incident_with_pagerduty.py'), simulator.url, routingKeys.checkout];
  const { stdout } = await run('python3', args, { env });
  const said = JSON.parse(stdout) as { id: string; event: string };
  expect(said).toEqual({
    id: expect.any(String),
    found: [services.checkout, users.cleo, schedules.payments],
    services: true,
    account_key: true,
    statuses: ['triggered', 'acknowledged', 'resolved'],
    note: 'Noted by the Python client.',
    override: 201,
    event: expect.any(String),
    alerts: 1,
  });
  expectPath(said.id, 'the Python client', users.cleo, '2030-01-08');
  expectEvent(said.event, 'the Python client');
});

test('PagerDuty’s own MCP server goes the whole way over TLS', async (context) => {
  const client = await connectPagerDutyServer(simulator.url, { REQUESTS_CA_BUNDLE: trusted });
  if (client === undefined) return context.skip(noPagerDutyServer);
  const call = async (name: string, args: Readonly<Record<string, unknown>>) => {
    const answer = await client.callTool({ name, arguments: args });
    expect(answer.isError, JSON.stringify(answer.content)).not.toBe(true);
    return answer.structuredContent as Readonly<Record<string, unknown>>;
  };
  /** The one that a list finds by a word. */
  const find = async (tool: string, args: Readonly<Record<string, unknown>>): Promise<string | undefined> =>
    ((await call(tool, args))['response'] as { id: string }[])[0]?.id;
  try {
    const service = await find('list_services', { query: 'Checkout API' });
    const user = await find('list_users', { query: 'Fay Novak' });
    const schedule = await find('list_schedules', { query_model: { query: 'Payments rota' } });
    expect([service, user, schedule]).toEqual([services.checkout, users.fay, schedules.payments]);
    const title = 'Opened by the MCP server';
    const reference = { id: service, type: 'service_reference' };
    const created = await call('create_incident', { incident: { title, service: reference } });
    const id = String(created['id']);
    const become = (status: string) =>
      call('manage_incidents', { manage_request: { incident_ids: [id], status } });
    await become('acknowledged');
    await call('add_note_to_incident', { incident_id: id, note: 'Noted by the MCP server.' });
    await become('resolved');
    expect(await call('get_incident', { incident_id: id })).toMatchObject({ title, status: 'resolved' });
    const turn = { start: '2030-01-09T09:00:00Z', end: '2030-01-09T17:00:00Z', user_id: user };
    await call('create_schedule_override', {
      schedule_id: schedule,
      override_request: { overrides: [turn] },
    });
    expectPath(id, 'the MCP server', users.fay, '2030-01-09');
  } finally {
    await client.close();
  }
});
