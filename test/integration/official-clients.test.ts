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

const script = (name: string): string => fileURLToPath(new URL(`../clients/${name}`, import.meta.url));
const run = promisify(execFile);

// Both speak https and nothing else.
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

test('PagerDuty’s own JavaScript client lives through an incident', async () => {
  const args = [script('incident-with-pdjs.mjs'), new URL(simulator.url).host, seedIds.routingKeys.checkout];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: trusted };
  const { stdout } = await run(process.execPath, args, { env });
  const said = JSON.parse(stdout) as { id: string };
  expect(said).toEqual({
    id: expect.any(String),
    sent: 'success',
    pages: true,
    note: 'Noted by pdjs.',
    status: 'resolved',
    missing: 2100,
  });
  const incident = simulator.world.incident(said.id);
  expect(incident).toMatchObject({ title: 'Opened by pdjs', status: 'resolved' });
  expect(incident?.notes.map(({ content }) => content)).toEqual(['Noted by pdjs.']);
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

test('PagerDuty’s own Python client lives through an incident', async (context) => {
  const env = pythonClient();
  if (!env)
    context.skip(
      'PagerDuty’s Python client is not installed: pip install -r test/clients/requirements.txt, or name its folder in ONCALL_PYTHON_PAGERDUTY.',
    );
  const args = [script('incident_with_pagerduty.py'), simulator.url, seedIds.routingKeys.checkout];
  const { stdout } = await run('python3', args, { env });
  const said = JSON.parse(stdout) as { id: string };
  expect(said).toEqual({
    id: expect.any(String),
    note: 'Noted by the Python client.',
    alerts: 1,
    status: 'resolved',
    user: seedIds.users.ada,
    services: true,
    account_key: true,
  });
  const incident = simulator.world.incident(said.id);
  expect(incident).toMatchObject({ title: 'Opened by the Python client', status: 'resolved' });
});
