import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import '../support/quiet.ts';
import { startRun } from '../../client/agent.ts';
import { subscribeLocally } from '../../client/local-webhooks.ts';
import { freePorts } from '../../client/ports.ts';
import { searchAttributes } from '../../workflows/contract.ts';
import { type Collector, startCollector } from '../support/collector.ts';
import { responder } from '../support/grants.ts';
import { built, makePlace, type Place, type Program } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from './world.ts';

let place: Place;
let world: World;
let address: string;
let worker: Program;
let collector: Collector;
beforeAll(async () => {
  place = makePlace('metrics');
  collector = await startCollector();
  world = await startWorld(place, {
    'triage-bot': responder(),
    'asking-bot': 'incidents: read\nincidents.resolve: { level: full, approval: required }',
  });
  const [port = 0, receiverPort = 0] = await freePorts(2);
  address = `127.0.0.1:${port}`;
  const receiver = place.oncall(['webhooks', '--port', String(receiverPort)], {
    env: { ...world.temporal, ...collector.env },
  });
  const [started, line] = await Promise.all([
    world.startWorker({ ONCALL_METRICS_ADDRESS: address, LOG_LEVEL: 'info', ...collector.env }),
    receiver.line(/^listening on /),
  ]);
  worker = started;
  await subscribeLocally(world.simulatorUrl, place.home, line.replace('listening on ', ''));
});
afterAll(async () => {
  await world.close();
  place.search([{ name: 'the traces', bytes: Buffer.from(collector.text()) }]);
  await place.clear();
  await collector.close();
});

/** The value of a metric at the endpoint, of all its series together; those alone that have these labels, where given. */
async function metric(
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const values = text.split('\n').flatMap((line) => {
    const [, called, of = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const fits = Object.entries(labels).every(([label, wanted]) => of.includes(`${label}="${wanted}"`));
    return called === name && fits ? [Number(value)] : [];
  });
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** Waits until a metric has this value. */
const shows = (name: string, wanted: (value: number) => boolean, labels?: Readonly<Record<string, string>>) =>
  until(`${name} is shown as it should be`, async () => {
    const value = await metric(name, labels);
    return value !== undefined && wanted(value);
  });

const put = (incident: string, change: object): Promise<unknown> =>
  world.asPerson('PUT', `/incidents/${incident}`, { incident: { type: 'incident_reference', ...change } });

/** A run that holds its incident. */
async function held() {
  const incident = await world.trigger();
  const run = await startRun(world.client, world.agent('triage-bot'), 'respondToIncident', {
    account: 'main',
    incident,
    assess: 'rules',
    watchSeconds: 0,
  });
  await until('it holds', async () => {
    const described = await world.client.workflow.getHandle(run.workflowId).describe();
    return described.typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
  });
  return { incident, run };
}

test('what the gate, the Workers and the feed do stands at the Worker’s endpoint, as Prometheus reads it', async () => {
  await world.refuseNext('createIncidentNote');
  const { incident, run } = await held();
  await shows('oncall_leases', (count) => count === 1, { account: 'main' });

  // A person takes it over: a webhook tells the run.
  await put(incident, { status: 'acknowledged' });
  expect(await run.result()).toMatchObject({ outcome: 'yielded_to_human' });
  await shows('oncall_webhook_lag_seconds_count', (count) => count > 0);
  const lag = (await metric('oncall_webhook_lag_seconds_sum')) ?? -1;
  expect(lag).toBeGreaterThanOrEqual(0);

  // Another goes back to people at once.
  const other = await held();
  await world.client.workflow.getHandle(other.run.workflowId).executeUpdate('handBack');
  await other.run.result();
  expect((await world.incident(other.incident)).status).toBe('triggered');
  await shows('oncall_releases_total', (count) => count === 1, { account: 'main' });

  const asked = await startRun(world.client, world.agent('asking-bot'), 'resolveIncident', {
    account: 'main',
    incident: other.incident,
    resolution: 'Warmed the cache.',
  });
  await shows('oncall_approvals_waiting', (count) => count === 1, { account: 'main' });
  await shows('oncall_approval_oldest_seconds', (age) => age > 0 && age < 600, { account: 'main' });
  await world.client.workflow.getHandle(asked.workflowId).cancel();
  await asked.result().catch(() => undefined);

  await shows(
    'oncall_sweep_complete_until_seconds',
    (at) => at > 1_700_000_000 && at <= Date.now() / 1_000 + 60,
  );
  await shows('oncall_requests_total', (count) => count > 10);
  const left = (await metric('oncall_budget_remaining')) ?? 0;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual((await metric('oncall_budget_limit')) ?? 0);
  expect(await metric('oncall_rate_limited_total', { operation: 'createIncidentNote' })).toBe(1);
  expect(await metric('oncall_decisions_total', { agent: 'asking-bot', decision: 'approval_needed' })).toBe(
    1,
  );
  expect(await metric('oncall_outcomes_total', { agent: 'triage-bot', outcome: 'done' })).toBeGreaterThan(1);
  expect(await metric('oncall_store_up')).toBe(1);
  expect(await metric('oncall_frozen')).toBe(0);
  expect(await metric('temporal_worker_task_slots_available')).toBeGreaterThan(0);

  // The log tells of the same run, agent and operation.
  const { workflowId, runId } = run;
  const noted = await worker.line(new RegExp(`"createIncidentNote".*"done".*"${workflowId}"`));
  expect(JSON.parse(noted)).toMatchObject({ agent: 'triage-bot', incident, workflowId, runId });
  const asking = await worker.line(/"asking-bot".*"approval_needed"/);
  expect(JSON.parse(asking)).toMatchObject({
    msg: expect.stringContaining('asking-bot may resolve incident'),
    operation: 'updateIncident',
  });
});

test('a word that no agent has said counts under no name of its own', async () => {
  const stranger = { ...world.agent('triage-bot'), name: 'made-up-1234' };
  const incident = await world.trigger();
  const run = await startRun(world.client, stranger, 'resolveIncident', {
    account: 'main',
    incident,
    resolution: 'Mine now.',
  });
  expect(await run.result().catch(() => ({ outcome: 'denied' }))).toMatchObject({ outcome: 'denied' });
  await shows('oncall_decisions_total', (count) => count > 0, { agent: 'unproved', decision: 'denied' });
  expect(await metric('oncall_decisions_total', { agent: 'made-up-1234' })).toBeUndefined();
});

test('one acknowledge is one trace, from the command line over the run to PagerDuty’s answer, and tells no words', async () => {
  const title = 'PLANTED-TITLE card numbers leak in checkout';
  const incident = await world.trigger(title);
  await world.refuseNext('createIncidentNote');
  const { ended } = place.oncall(
    [
      'run',
      'respondToIncident',
      '--input',
      JSON.stringify({ account: 'main', incident, assess: 'rules', watchSeconds: 0 }),
      '--detach',
      '--json',
      '--yes',
    ],
    {
      env: {
        ...world.temporal,
        ...collector.env,
        ONCALL_AGENT: 'triage-bot',
        ONCALL_AGENT_KEY_FILE: world.keyFileOf('triage-bot'),
      },
    },
  );
  const { stdout, stderr } = await ended;
  const { workflowId, runId } = JSON.parse(stdout) as { workflowId: string; runId: string };
  // What cannot be sent is told there.
  expect(stderr).not.toContain('Traces');
  const noted = await worker.line(new RegExp(`"createIncidentNote".*"done".*"${workflowId}"`));
  // A webhook wakes the run, and a person ends it.
  await put(incident, { status: 'acknowledged' });
  expect(await world.client.workflow.getHandle(workflowId, runId).result()).toMatchObject({
    outcome: 'yielded_to_human',
  });

  const above = ['StartWorkflow:respondToIncident', 'oncall respondToIncident'];
  const acknowledged = await collector.way(
    'PUT /incidents/{id}',
    'RunActivity:updateIncident',
    'StartActivity:updateIncident',
    'RunWorkflow:respondToIncident',
    ...above,
  );
  const [request, activity, , workflow, start, root] = acknowledged;
  expect(new Set(acknowledged.map(({ traceId }) => traceId)).size).toBe(1);
  expect(acknowledged.map(({ service }) => service.replace('oncall-', '')).join(' ')).toBe(
    'worker worker worker worker client client',
  );
  const run = { temporalWorkflowId: workflowId, run_id: runId };
  expect(request?.attributes).toEqual({
    'http.request.method': 'PUT',
    'http.response.status_code': 200,
    'url.template': '/incidents/{id}',
    'server.address': new URL(world.simulatorUrl).host,
  });
  expect(activity?.attributes).toEqual({
    ...run,
    temporalActivityId: expect.any(String),
    'oncall.account': 'main',
    'oncall.agent': 'triage-bot',
    'oncall.operation': 'updateIncident',
    'oncall.incident': incident,
    'oncall.decision': 'allowed',
    'oncall.outcome': 'done',
  });
  for (const span of [workflow, start]) expect(span?.attributes).toEqual(run);
  expect(root?.parentSpanId).toBeUndefined();
  expect(root?.attributes).toEqual({
    'oncall.agent': 'triage-bot',
    'oncall.account': 'main',
    'oncall.incident': incident,
  });

  // What PagerDuty refused is of the same trace, and its log line names it.
  const refused = collector.spans().find(({ attributes }) => attributes['error.type'] === 'RateLimited');
  expect(refused).toMatchObject({
    name: 'POST /incidents/{id}/notes',
    attributes: { 'http.response.status_code': 429 },
    status: { code: 2 },
  });
  expect(JSON.parse(noted)).toMatchObject({ trace_id: root?.traceId });
  // Whether traces are kept changes nothing that a run does: Workers that keep some, and Workers that keep none, share runs.
  const history = await world.client.workflow.getHandle(workflowId, runId).fetchHistory();
  for (const bundle of ['workflow-bundle', 'workflow-bundle-traced'])
    await Worker.runReplayHistory(
      {
        workflowBundle: { codePath: built(`${bundle}.js`) },
        sinks: { exporter: { export: { fn: () => {} } } },
      },
      history,
      workflowId,
    );
  // The webhook is a trace of its own, that ends where it woke the run.
  await collector.way('HandleSignal:incidentChanged', 'SignalWorkflow:incidentChanged', 'webhook');

  expect(collector.spans().filter(({ status }) => status.message)).toEqual([]);
  const notes = (await world.incident(incident)).notes.map(({ content }) => content);
  expect(notes).toHaveLength(1);
  const told = [
    'PLANTED',
    'ada@example.com',
    'Ada',
    'p99 latency',
    ...notes.flatMap((note) => note.split('\n').filter(Boolean)),
  ];
  expect(told.filter((words) => collector.text().includes(words))).toEqual([]);
  // What that search must find, if it can find anything.
  expect(collector.text()).toContain(incident);
});
