import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test as plain } from 'vitest';
import { parse } from 'yaml';
import { startRun } from '../../client/agent.ts';
import { type Calls, startCalls } from '../support/calls.ts';
import { responder } from '../support/grants.ts';
import { type Ended, makePlace, type Place, type Program } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from './world.ts';

let place: Place;
let world: World;
let worker: Program;
let calls: Calls;
let env: Record<string, string>;
beforeAll(async () => {
  place = makePlace('people');
  calls = startCalls();
  world = await startWorld(place, {
    'triage-bot': responder(),
    'note-bot': 'incidents: read\nincidents.add_note: { level: full, approval: required }',
  });
  worker = await world.startWorker();
  env = { ...world.temporal };
});
afterAll(async () => {
  calls.end();
  await world.close();
  await place.clear();
});

const oncall = (...args: readonly string[]): Promise<Ended> => calls.in(place)(args, { env });
/** In a process of its own. */
const apart = (...args: readonly string[]): Promise<Ended> => place.oncall(args, { env }).ended;
/** Runs with `--json`; stdout must be one JSON value and nothing else. */
async function json<T>(code: number, ...args: readonly string[]): Promise<T> {
  return valueOf<T>(code, await oncall(...args, '--json'));
}
function valueOf<T>(code: number, ended: Ended): T {
  expect(ended.code, ended.stderr).toBe(code);
  return JSON.parse(ended.stdout) as T;
}
const startNote = async (incident: string) =>
  startRun(world.client, world.agent('note-bot'), 'addNote', {
    account: 'main',
    incident,
    note: 'Rolled back.',
  });
interface Listed {
  readonly steps: readonly { readonly id: string; readonly workflowId: string }[];
}
const theStep = (workflowId: string) =>
  until('the step is listed', async () => {
    const { steps } = await json<Listed>(0, 'approvals');
    return steps.find((step) => step.workflowId === workflowId);
  });

describe.sequential('an operator at the command line', () => {
  plain('is entered with a key of his own', async () => {
    const words = ['operators', 'add', 'lead', '--pagerduty-user', 'PADA', '--json'];
    const added = valueOf<{ keyFile: string }>(0, await apart(...words));
    const { operators } = parse(readFileSync(place.configFile, 'utf8'));
    expect(operators).toEqual({ lead: { public_key: expect.any(String), pagerduty_user: 'PADA' } });
    Object.assign(env, { ONCALL_OPERATOR: 'lead', ONCALL_OPERATOR_KEY_FILE: added.keyFile });
  });

  plain('sees what waits, approves it, and hears that it went on', async () => {
    const incident = await world.trigger();
    const run = await startNote(incident);
    const { id } = await theStep(run.workflowId);
    const listed = await oncall('approvals');
    expect(listed.stdout).toMatch(/note-bot may add a note to incident #\d+ .* once lead approves/);
    expect(listed.stdout).toMatch(/would send: createIncidentNote .*Rolled back\./);
    expect(listed.stdout).toMatch(/incident #\d+ \(\w+\): triggered, urgency high, “.+”, service PCHECKOUT/);
    const approved = valueOf<{ step: string }>(0, await apart('approve', id, '--json'));
    expect(approved.step).toBe('done');
    expect((await run.result()).outcome).toBe('done');
    expect((await world.incident(incident)).notes).toHaveLength(1);
    expect((await oncall('approve', id)).stderr).toMatch(/Nothing waits for approval under/);
  });

  plain('denies a step, also after the Worker that asked for it was killed', async () => {
    const incident = await world.trigger();
    const run = await startNote(incident);
    const { id } = await theStep(run.workflowId);
    worker.send('SIGKILL');
    await worker.ended;
    worker = await world.startWorker();
    const denied = await oncall('deny', id, '--reason', 'not now');
    expect(denied, denied.stderr).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('lead refused it: not now.'),
    });
    expect(await run.result()).toMatchObject({ outcome: 'approval_refused' });
    expect((await world.incident(incident)).notes).toEqual([]);
  });

  plain('asks what an agent may, and nothing is sent', async () => {
    const incident = await world.trigger();
    const writes = async () => (await world.requests()).filter(({ method }) => method !== 'GET').length;
    const before = await writes();
    expect(await json(0, 'can', 'triage-bot', 'incidents.resolve', '--incident', incident)).toMatchObject({
      decision: 'allowed',
      facts: { incidents: [{ id: incident, status: 'triggered' }] },
    });
    expect(await json(4, 'can', 'note-bot', 'incidents.add_note', '--incident', incident)).toMatchObject({
      decision: 'approval_needed',
      grantedBy: 'lead can approve it with `oncall approve`, once a step asks for it.',
    });
    const denied = await apart('can', 'note-bot', 'users.view');
    expect(denied.code).toBe(3);
    expect(denied.stdout).toMatch(
      /^denied: note-bot may not list users: no grant covers users\.view\.\n {2}rule: agents\.note-bot\.grants/,
    );
    expect(await writes()).toBe(before);
  });

  plain('freezes everything, what is held goes back to people, and thaws by signing', async () => {
    const incident = await world.trigger();
    const run = await startRun(world.client, world.agent('triage-bot'), 'respondToIncident', {
      account: 'main',
      incident,
      assess: 'rules',
    });
    await until('it is held', async () => (await world.incident(incident)).status === 'acknowledged');
    expect(valueOf(0, await apart('freeze', '--reason', 'drill', '--json'))).toMatchObject({
      by: 'lead',
      reason: 'drill',
      swept: ['main'],
    });
    await until('people have it', async () => (await world.incident(incident)).status === 'triggered');
    expect(await json(3, 'can', 'triage-bot', 'incidents.view')).toMatchObject({ rule: 'freeze' });
    expect((await oncall('agents')).stdout).toMatch(/^Everything is frozen since \S+ by lead \(drill\)\./);
    expect(await json(0, 'thaw')).toMatchObject({ by: 'lead', lifted: [{ kind: 'freeze' }] });
    expect(await json(0, 'thaw')).toEqual({ lifted: [] });
    expect(await json(0, 'can', 'triage-bot', 'incidents.view')).toMatchObject({ decision: 'allowed' });
    await world.client.workflow.getHandle(run.workflowId).cancel();
    const { stdout } = await oncall('audit', '--action', 'switch');
    expect(stdout).toMatch(
      /lead froze everything: drill\.\n.*lead thawed what was frozen .*: it is signed\./,
    );
  });

  plain('disables one agent and enables it again', async () => {
    expect(await json(0, 'agents', 'disable', 'note-bot', '--reason', 'loops')).toMatchObject({
      name: 'note-bot',
    });
    const { agents } = await json<{ agents: readonly { name: string; disabled: string | null }[] }>(
      0,
      'agents',
    );
    expect(agents.map(({ name, disabled }) => [name, disabled !== null])).toEqual([
      ['triage-bot', false],
      ['note-bot', true],
    ]);
    expect(await json(3, 'can', 'note-bot', 'incidents.view')).toMatchObject({
      grantedBy: 'lead can lift it with `oncall agents enable note-bot`.',
    });
    expect((await oncall('agents', 'enable', 'note-bot')).stdout).toBe('note-bot is enabled again.\n');
    expect(await json(0, 'can', 'note-bot', 'incidents.view')).toMatchObject({ decision: 'allowed' });
  });

  plain('rotates the key of an agent: runs of before go on, the old key starts none', async () => {
    const [before, after] = [await world.trigger(), await world.trigger()];
    const run = await startNote(before);
    const { id } = await theStep(run.workflowId);
    const rotated = await json<{ keyFile: string }>(0, 'agents', 'rotate', 'note-bot');
    expect(rotated.keyFile).toBe(join(place.home, 'keys', 'note-bot.2.pem'));
    expect(await json(0, 'approve', id)).toMatchObject({ step: 'done' });
    expect(await (await startNote(after)).result()).toMatchObject({
      outcome: 'denied',
      summary: expect.stringContaining('was not signed with the key that the configuration holds'),
    });
  });

  plain('whose key is another one thaws nothing', async () => {
    await json(0, 'freeze');
    const wrong = { ...env, ONCALL_OPERATOR_KEY_FILE: world.keyFileOf('triage-bot') };
    const ended = await place.oncall(['thaw'], { env: wrong }).ended;
    expect(ended).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^The word of lead does not count: /),
    });
    expect((await oncall('thaw')).code).toBe(0);
  });
});
