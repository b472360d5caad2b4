import { Client, Connection } from '@temporalio/client';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startRun } from '../../client/agent.ts';
import { readAgent } from '../../client/identity.ts';
import { localWorld, simulatorSecrets } from '../../client/local-world.ts';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import type { Incident } from '../../simulator/model.ts';
import { responder } from '../support/grants.ts';
import { claimNamespace } from '../support/namespaces.ts';
import { built, makePlace, type Place, type Program } from '../support/processes.ts';
import { type Recorder, startRecorder } from '../support/recorder.ts';
import { until } from '../support/until.ts';
import { campaign, tell } from './campaign.ts';

/** How long an incident is held, and how long after that people have it at the latest. */
const leaseSeconds = 6;
const within = { seconds: 30 };

/** A full campaign goes on until so many runs were killed after their acknowledge. */
const wantedPoints = 100;

/** Incidents that one kill strikes, each at another point of its run. */
const atOnce = 10;

/** One kill of the Worker: after so many requests since the first acknowledge; another Worker starts then, or when the leases have ended. */
interface Kill {
  readonly afterRequests: number;
  readonly restarts: 'at once' | 'when the leases have ended';
}
const kill: fc.Arbitrary<Kill> = fc.record({
  afterRequests: fc.integer({ min: 1, max: 90 }),
  restarts: fc.constantFrom('at once' as const, 'at once' as const, 'when the leases have ended' as const),
});

let place: Place;
let simulator: Simulator;
let recorder: Recorder;
let client: Client;
let temporal: { readonly TEMPORAL_ADDRESS: string; readonly TEMPORAL_NAMESPACE: string };
let keyFile: string;
beforeAll(async () => {
  place = makePlace('kills');
  simulator = await startSimulator({ rateLimit: 0 });
  recorder = await startRecorder(simulator.url);
  const [address, namespace] = [inject('temporalAddress'), claimNamespace()];
  temporal = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
  const world = localWorld(place.folder, { 'triage-bot': responder(`${leaseSeconds}s`) });
  world.configure(recorder.url);
  keyFile = world.keyFileOf('triage-bot');
  client = new Client({ connection: await Connection.connect({ address }), namespace });
});
afterAll(async () => {
  await client.connection.close();
  await place.clear();
  await recorder.close();
  await simulator.close();
});

async function startWorker(): Promise<Program> {
  const env = { ...simulatorSecrets, ...temporal, LOG_LEVEL: 'error' };
  const worker = place.start(process.execPath, [built('worker/main.js')], { env });
  await worker.line(/^working on main/);
  return worker;
}

async function open(number: number): Promise<Incident> {
  const key = `kill-${number}-${Math.random()}`;
  await fetch(`${simulator.url}/v2/enqueue`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      routing_key: simulatorSecrets.CHECKOUT_ROUTING_KEY,
      event_action: 'trigger',
      dedup_key: key,
      payload: { summary: `job ${key} hangs`, source: 'campaign', severity: 'critical' },
    }),
  });
  const found = [...simulator.world.incidents.values()].find(({ alerts }) =>
    alerts.some((alert) => alert.key === key),
  );
  if (!found) throw new Error('The simulator opened no incident.');
  return found;
}

const isOurs = ({ acknowledgements }: Incident): boolean =>
  acknowledgements.some(({ by }) => by.id === 'PBOT');

/** Strikes one batch; gives the incidents, and of which an acknowledge of ours stood when the Worker was killed. */
async function strike({ afterRequests }: Kill): Promise<{
  readonly incidents: readonly Incident[];
  readonly held: readonly Incident[];
  readonly killedAt: number;
}> {
  const worker = await startWorker();
  const incidents = await Promise.all(Array.from({ length: atOnce }, (_, index) => open(index)));
  const agent = readAgent('triage-bot', keyFile);
  let count: number | undefined;
  let isStruck = false;
  const unhook = recorder.beforeEach('/', async (method, path) => {
    // A run of the batch before may still be giving back.
    if (method === 'PUT' && incidents.some(({ id }) => path.endsWith(id))) count ??= 0;
    if (count === undefined || isStruck) return;
    count += 1;
    if (count < afterRequests) return;
    isStruck = true;
    worker.send('SIGKILL');
  });
  for (const { id } of incidents)
    await startRun(client, agent, 'respondToIncident', { account: 'main', incident: id, assess: 'rules' });
  // Where so many requests do not come, all of them wait: that is a point as well.
  await until(
    'the Worker is killed',
    () => isStruck || incidents.every((one) => isOurs(one) && one.notes.length > 0),
  );
  unhook();
  worker.send('SIGKILL');
  await worker.ended;
  return { incidents, held: incidents.filter(isOurs), killedAt: Date.now() };
}

/** Whether people have an incident: paged for it, or it is closed. */
const isWithPeople = (incident: Incident): boolean =>
  !isOurs(incident) &&
  (incident.status === 'resolved' || incident.assignments.some(({ userId }) => userId !== 'PBOT'));

test('whatever is killed after an acknowledge, people have the incident within lease + 30 s', {
  timeout: 1_800_000,
}, async () => {
  const kills = fc.sample(kill, { seed: campaign.seed, numRuns: campaign.isShort ? 2 : 60 });
  const all: Incident[] = [];
  const late: string[] = [];
  let points = 0;
  let struck = 0;
  for (const [index, one] of kills.entries()) {
    if (points >= wantedPoints) break;
    struck += 1;
    const { incidents, held, killedAt } = await strike(one);
    points += held.length;
    all.push(...incidents);
    const leasesEnd = killedAt + leaseSeconds * 1000;
    if (one.restarts !== 'at once')
      await new Promise((resolve) => setTimeout(resolve, leasesEnd - Date.now()));
    const worker = await startWorker();
    // The leases began before the kill: this is the latest that they can end.
    const deadline = Math.max(leasesEnd, Date.now()) + within.seconds * 1000;
    const left = (): readonly Incident[] => incidents.filter((incident) => !isWithPeople(incident));
    await until('people have all of them', () => left().length === 0 || Date.now() > deadline, 120_000);
    for (const { id, status } of left())
      late.push(`kill ${index + 1} (${JSON.stringify(one)}): ${id} is ${status}`);
    worker.send('SIGTERM');
    await worker.ended;
  }
  // A run that was killed before its acknowledge makes it later, and has a lease then.
  const last = await startWorker();
  const ours = (): readonly string[] => all.filter(isOurs).map(({ id }) => id);
  const deadline = Date.now() + (leaseSeconds + within.seconds) * 1000;
  await until('nothing is held', () => ours().length === 0 || Date.now() > deadline, 120_000);
  const kept = ours();
  last.send('SIGTERM');
  await last.ended;
  const doubled = all.flatMap(({ id, notes }) => {
    const marks = notes.map(({ content }) => /\[oncall-runner \w+\]/.exec(content)?.[0]);
    return new Set(marks).size < marks.length ? [`${id} has ${marks.join(', ')}`] : [];
  });
  const idle = tell('Kills', {
    kills: struck,
    'runs killed after their acknowledge': points,
    incidents: all.length,
    'given back': all.filter(({ log }) =>
      log.some(({ type }) => type === 'unacknowledge' || type === 'delegate'),
    ).length,
  });
  expect(late).toEqual([]);
  expect(doubled).toEqual([]);
  expect(kept).toEqual([]);
  expect(idle).toEqual([]);
});

test('the campaign turns red where no Worker comes back', { timeout: 300_000 }, async () => {
  const { held, killedAt } = await strike({ afterRequests: 40, restarts: 'at once' });
  await new Promise((resolve) => setTimeout(resolve, killedAt + (leaseSeconds + 2) * 1000 - Date.now()));
  expect(held.filter((incident) => !isWithPeople(incident))).not.toEqual([]);
});
