import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { paceAt } from '../../bench/pace.ts';
import { type Run, startRun } from '../../client/agent.ts';
import type { Deployment } from '../../client/builds.ts';
import { clientSettings } from '../../client/config.ts';
import { lookAtBuilds } from '../../client/doctor/builds.ts';
import { serveAgent } from '../../client/serve-agent.ts';
import { findTemporal } from '../../client/temporal-server.ts';
import { limitOf } from '../../worker/pace.ts';
import { searchAttributes, sweepScheduleId, taskQueues } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { built, checkout, type Ended, makePlace, type Place, type Program } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from './world.ts';

// Two builds of the runner side by side, as processes: the one that is shipped, and one whose Workflows say other words.

let place: Place;
let world: World;
let otherBuild: string;
let workers: Program[];
beforeAll(async () => {
  place = makePlace('builds');
  world = await startWorld(place, { 'triage-bot': responder(), 'hasty-bot': responder('10s') });
  otherBuild = mkdtempSync(join(tmpdir(), 'oncall-other-build-'));
  cpSync(join(checkout, 'dist'), join(otherBuild, 'dist'), { recursive: true });
  cpSync(join(checkout, 'package.json'), join(otherBuild, 'package.json'));
  symlinkSync(join(checkout, 'node_modules'), join(otherBuild, 'node_modules'));
  const bundle = join(otherBuild, 'dist', 'workflow-bundle.js');
  const shipped = readFileSync(bundle, 'utf8');
  const other = shipped.replaceAll('`Resolve ${id}`', '`Resolve ${id} in other words`');
  expect(other).not.toBe(shipped);
  writeFileSync(bundle, other);
  workers = [];
});
afterAll(async () => {
  await world.close();
  await place.clear();
  rmSync(otherBuild, { recursive: true, force: true });
});

async function startWorker(build: 'one' | 'two'): Promise<Program> {
  const main = build === 'one' ? built('worker/main.js') : join(otherBuild, 'dist', 'worker', 'main.js');
  const env = {
    ...world.temporal,
    PAGERDUTY_API_TOKEN: 'simulator-full-access-key',
    CHECKOUT_ROUTING_KEY: 'simulatorcheckoutroutingkey00000',
    TEMPORAL_WORKER_BUILD_ID: build,
  };
  const worker = place.start(process.execPath, [main], { env });
  workers.push(worker);
  expect(await worker.line(/^working on /)).toBe(
    `working on main in namespace ${world.temporal.TEMPORAL_NAMESPACE}, as build ${build} of oncall`,
  );
  return worker;
}

const oncall = (...args: readonly string[]): Promise<Ended> =>
  place.oncall(args, { env: world.temporal }).ended;

/** Temporal's own command line. */
async function temporal(words: string): Promise<void> {
  const { path } = await findTemporal(clientSettings(), () => {});
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = world.temporal;
  execFileSync(path, [...words.split(' '), '--address', address, '--namespace', namespace], {
    stdio: 'pipe',
  });
}

async function builds(): Promise<Deployment> {
  const ended = await oncall('builds', '--json');
  expect(ended.code, ended.stderr).toBe(0);
  return JSON.parse(ended.stdout) as Deployment;
}

/** Waits until the builds are as they should be; what the server counts follows a moment later. */
const buildsAre = (wanted: readonly (readonly [id: string, state: string, runs: number])[]) => {
  let seen = '';
  return until(
    () => `the builds are ${JSON.stringify(wanted)}, and not ${seen}`,
    async () => {
      const { builds: found } = await builds();
      const now = found.map(({ id, state, runs }) => [id, state, runs]);
      seen = JSON.stringify(now);
      return seen === JSON.stringify(wanted) && found;
    },
  );
};

const respond = (agent: string, incident: string): Promise<Run<'respondToIncident'>> =>
  startRun(world.client, world.agent(agent), 'respondToIncident', {
    account: 'main',
    incident,
    assess: 'rules',
    watchSeconds: 0,
  });

async function hold(incident: string): Promise<Run<'respondToIncident'>> {
  const run = await respond('triage-bot', incident);
  await until('the run holds the incident', async () => {
    const { typedSearchAttributes } = await world.client.workflow.getHandle(run.workflowId).describe();
    return typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
  });
  return run;
}

const note = (incident: string, text: string) =>
  startRun(
    world.client,
    world.agent('triage-bot'),
    'addNote',
    { account: 'main', incident, note: text },
    { key: text },
  );

/** The builds that carried out a run's Workflow Tasks, and the processes that carried out its Activities, each once. */
async function carriedOutBy({ workflowId }: { readonly workflowId: string }) {
  const { events } = await world.client.workflow.getHandle(workflowId).fetchHistory();
  const each = <T>(values: readonly T[]): readonly T[] => [...new Set(values)];
  return {
    builds: each(
      (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: completed }) =>
        completed ? [completed.deploymentVersion?.buildId ?? 'none'] : [],
      ),
    ),
    pids: each(
      (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) =>
        started ? [Number.parseInt(started.identity ?? '', 10)] : [],
      ),
    ),
    steps: (events ?? []).flatMap(({ userMetadata }) => {
      const data = userMetadata?.summary?.data;
      return data ? [JSON.parse(Buffer.from(data).toString()) as string] : [];
    }),
  };
}

test('a run ends on the build that it began on, and new runs begin on the build that is named', async () => {
  const one = await startWorker('one');
  // Nobody has said which build is the current one: there is none but this.
  await until('new runs begin on build one', async () => (await builds()).current === 'one');
  const [first, second, third, fourth] = [
    await world.trigger(),
    await world.trigger(),
    await world.trigger(),
    await world.trigger(),
  ];
  const began = await hold(first);
  const two = await startWorker('two');
  await buildsAre([
    ['two', 'waiting', 0],
    ['one', 'current', 1],
  ]);
  const before = await note(second, 'before');
  await before.result();
  expect(await carriedOutBy(before)).toMatchObject({ builds: ['one'], pids: [one.pid] });

  const used = await oncall('builds', 'use', 'two');
  expect(used).toMatchObject({
    code: 0,
    stdout:
      'New runs begin on build two from now on. Those that began on one end there: keep its Workers until `oncall builds` says that it is drained.\n',
  });
  await buildsAre([
    ['two', 'current', 0],
    ['one', 'draining', 1],
  ]);
  const after = await note(second, 'after');
  await after.result();
  expect(await carriedOutBy(after)).toMatchObject({ builds: ['two'], pids: [two.pid] });
  // Both at work: what began on one build stays there to its last step.
  const held = await hold(third);
  await began.answer('conclude', { resolution: 'Rolled back.' });
  await held.answer('conclude', { resolution: 'Rolled back.' });
  expect([(await began.result()).outcome, (await held.result()).outcome]).toEqual(['done', 'done']);
  expect(await carriedOutBy(began)).toMatchObject({
    builds: ['one'],
    pids: [one.pid],
    steps: expect.arrayContaining([`Resolve ${first}`]),
  });
  expect(await carriedOutBy(held)).toMatchObject({
    builds: ['two'],
    pids: [two.pid],
    steps: expect.arrayContaining([`Resolve ${third} in other words`]),
  });
  expect((await world.incident(second)).notes).toHaveLength(2);

  // An agent's own Worker has no build, and is woken by runs of any.
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = world.temporal;
  const agent = await serveAgent({
    agent: world.agent('triage-bot'),
    temporal: { connectionOptions: { address }, namespace },
    assess: () => ({ class: 'real', summary: 'It is real.', evidence: { alerts: [], similar: [] } }),
    work: () => ({ resolution: 'Rolled back.' }),
  });
  const input = { account: 'main', incident: fourth, assess: 'agent', watchSeconds: 0 } as const;
  const served = await startRun(world.client, world.agent('triage-bot'), 'respondToIncident', input);
  expect(await served.result()).toMatchObject({ outcome: 'done' });
  agent.stop();
  await agent.stopped;
});

test('two builds at once keep the one pace of their account', async () => {
  const incident = await world.trigger();
  const queue = taskQueues.rest('main');
  await paceAt(world.client, queue, 0);
  const some = (build: string) =>
    Promise.all(Array.from({ length: 15 }, (_, index) => note(incident, `${build} ${index}`)));
  const began = [];
  for (const build of ['one', 'two']) {
    expect(await oncall('builds', 'use', build)).toMatchObject({ code: 0 });
    const runs = await some(build);
    let seen = '';
    await until(
      () => `all notes of build ${build} wait, and not: ${seen}`,
      async () => {
        const states = await Promise.all(
          runs.map(async ({ workflowId }) => {
            const { raw, status } = await world.client.workflow.getHandle(workflowId).describe();
            return `${status.name} with ${raw.pendingActivities?.length ?? 0} Activities`;
          }),
        );
        seen = `${states.join(', ')}; ${JSON.stringify(await limitOf(world.client, queue))}`;
        return states.every((state) => state === 'RUNNING with 1 Activities');
      },
    );
    began.push(...runs);
  }
  await paceAt(world.client, queue, 5);
  await Promise.all(began.map((run) => run.result()));
  const carried = await Promise.all(began.map(carriedOutBy));
  expect(carried.flatMap((run) => run.builds).filter((build) => build === 'one')).toHaveLength(15);
  expect(carried.flatMap((run) => run.builds).filter((build) => build === 'two')).toHaveLength(15);
  const starts = await Promise.all(
    began.map(async ({ workflowId }) => {
      const { events } = await world.client.workflow.getHandle(workflowId).fetchHistory();
      const started = events?.find(({ activityTaskStartedEventAttributes: is }) => is)?.eventTime;
      return Number(started?.seconds ?? 0) + (started?.nanos ?? 0) / 1e9;
    }),
  );
  const seconds = Math.max(...starts) - Math.min(...starts);
  console.log(`30 starts of two builds at 5 a second took ${seconds.toFixed(1)} s.`);
  // Of a limit for each build 15 starts would take 2 s, with a second's worth at once.
  expect(seconds).toBeGreaterThan(3.5);
  expect((await world.incident(incident)).notes).toHaveLength(30);
  await paceAt(world.client, queue, 100_000);
});

test('a run whose build is gone is found, and goes on where an operator moves it', async () => {
  expect(await oncall('builds', 'use', 'one')).toMatchObject({ code: 0 });
  const incident = await world.trigger();
  const run = await hold(incident);
  const held = await world.trigger();
  const lost = await respond('hasty-bot', held);
  await until(
    'the other run holds its incident',
    async () => (await world.incident(held)).status === 'acknowledged',
  );
  const [one] = workers;
  one?.send('SIGKILL');
  await one?.ended;
  expect(await oncall('builds', 'use', 'two')).toMatchObject({ code: 0 });
  const refused = await oncall('builds', 'use', 'three');
  expect(refused).toMatchObject({
    code: 1,
    stderr: 'No Worker of build three has ever asked for work here; there are two, one.\n',
  });
  const concluded = run.answer('conclude', { resolution: 'Rolled back.' });
  // Some time later: the server names a Worker for minutes after its end.
  const later = (): number => Date.now() + 120_000;
  expect(await lookAtBuilds(world.client, 'oncall', later)).toEqual([
    {
      of: 'builds',
      what: '2 runs that began on build one stand still: no Worker of it asks for work',
      mend: expect.stringMatching(
        /^start a Worker with TEMPORAL_WORKER_BUILD_ID=one until .* docs\/deploy\.md/,
      ),
    },
  ]);

  // Nobody wakes the run whose lease has ended; the sweep gives back what it held.
  const sweep = world.client.schedule.getHandle(sweepScheduleId('main'));
  await until('people have what nobody holds any more', async () => {
    await sweep.trigger(ScheduleOverlapPolicy.SKIP);
    return (await world.incident(held)).status === 'triggered';
  });
  expect((await carriedOutBy({ workflowId: `release:main:${held}` })).builds).toEqual(['two']);

  // The line of docs/deploy.md.
  const page = readFileSync(join(checkout, 'docs', 'deploy.md'), 'utf8');
  const [, words = ''] = /^temporal (workflow update-options .+)$/m.exec(page) ?? [];
  expect(words).toContain('WORKFLOW_ID');
  for (const { workflowId } of [run, lost]) await temporal(words.replace('WORKFLOW_ID', workflowId));
  // It finds people there already.
  expect(['partly', 'yielded_to_human']).toContain((await lost.result()).outcome);
  await concluded;
  expect(await run.result()).toMatchObject({ outcome: 'done' });
  const { builds: both, steps } = await carriedOutBy(run);
  expect(both).toEqual(['one', 'two']);
  expect(steps).toContain(`Resolve ${incident} in other words`);
});

test('that no build is the current one is found, with the command that mends it', async () => {
  await temporal('worker deployment set-current-version --deployment-name oncall --unversioned --yes');
  const incident = await world.trigger();
  const waits = await note(incident, 'waits');
  const doctor = await oncall('doctor', '--no-receiver', '--json', '--least-free', '1MB');
  const { findings } = JSON.parse(doctor.stdout) as {
    findings: { of: string; what: string; mend: string }[];
  };
  const [finding] = findings.filter(({ of }) => of === 'builds');
  expect(finding).toMatchObject({
    what: 'oncall has no current build: new runs wait, and nothing happens',
    mend: 'oncall builds use two',
  });
  expect((await oncall('builds')).stdout).toMatch(/^No build is the current one: new runs wait\./m);
  const [, ...words] = finding?.mend.split(' ') ?? [];
  expect(await oncall(...words)).toMatchObject({ code: 0 });
  expect(await waits.result()).toMatchObject({ outcome: 'done' });
  expect(await lookAtBuilds(world.client, 'oncall', Date.now)).toEqual([]);
});
