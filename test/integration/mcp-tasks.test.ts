import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { approveStep, waitingSteps } from '../../client/approvals.ts';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { followerIds, incidentChanged } from '../../workflows/contract.ts';
import { callTool, openSession, type Session } from '../support/mcp.ts';
import { type Play, type Task, tasks } from '../support/mcp-tasks.ts';
import { connectPagerDutyServer, noPagerDutyServer } from '../support/pagerduty-mcp.ts';
import { wireTo } from '../support/pagerduty-wire.ts';
import { checkoutKey, type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** All that the tasks need, and no more: low urgency asks an operator, and what is the ledger's is nobody's. */
const grants = `incidents: read
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [high, low] } }
incidents.add_note: full
incidents.resolve: { level: full, when: { urgency: [high, low], policies: [PPAYMENTSONCALL] } }
incidents.reassign: full
incidents.escalate: full
incidents.create: full
services: read
schedules: full
escalation_policies: read
users: read
teams: read
oncalls: read
events: { level: full, routing_keys: [checkout] }`;
const careful = grants.replace('incidents.resolve: {', 'incidents.resolve: { approval: required,');

/** What a task took on a server. */
interface Taken {
  readonly task: string;
  readonly calls: number;
  readonly bytes: number;
  readonly verdict: 'right' | 'wrong' | 'no tool';
}
const taken: Readonly<Record<'ours' | 'theirs', Taken[]>> = { ours: [], theirs: [] };

/** Where tasks are played: a simulator, and what people do around it. */
interface Ground extends Pick<Stage, 'simulator' | 'trigger' | 'requests'> {
  readonly asPerson: (incident: string, change: Readonly<Record<string, unknown>>) => Promise<unknown>;
  readonly approve: Play['approve'];
}

/** Plays a task, counts, and looks at what is left of it. */
async function played(
  ground: Ground,
  task: Task,
  by: 'ours' | 'theirs',
  call: Play['call'],
): Promise<readonly string[]> {
  const script = task[by];
  if (!script) {
    taken[by].push({ task: task.name, calls: 0, bytes: 0, verdict: 'no tool' });
    return [];
  }
  const incident = await ground.trigger({
    key: `task-${Math.random()}`,
    summary: `p99 latency above 2 s (${task.name})`,
  });
  const { world } = ground.simulator;
  let calls = 0;
  let bytes = 0;
  const play: Play = {
    incident,
    number: world.incident(incident)?.number ?? 0,
    world,
    call: async (tool, args) => {
      const told = await call(tool, args);
      calls += 1;
      bytes += told.bytes + Buffer.byteLength(JSON.stringify(args));
      return told;
    },
    asPerson: (change) => ground.asPerson(incident, change),
    approve: ground.approve,
    until: (what, check) => until(what, check),
  };
  await task.before?.(play);
  const before = (await ground.requests()).length;
  const answer = JSON.stringify((await script(play)) ?? '');
  const faults: string[] = [];
  if (!task.holds(answer, play))
    faults.push(`${task.name}: not as it was asked for; ${answer.slice(0, 600)}`);
  const writes = (await ground.requests())
    .slice(before)
    .filter(({ method, status }) => method !== 'GET' && status !== null && status < 300)
    .map(({ method, path }) => `${method} ${path}`);
  const missing = [...(task.writes ?? [])];
  const wrong = writes.filter((write) => {
    const at = missing.findIndex((pattern) => pattern.test(write));
    if (at >= 0) missing.splice(at, 1);
    return at < 0;
  });
  faults.push(...wrong.map((write) => `${task.name}: ${write} was nobody’s wish`));
  faults.push(...missing.map((write) => `${task.name}: no ${String(write)}`));
  taken[by].push({ task: task.name, calls, bytes, verdict: faults.length === 0 ? 'right' : 'wrong' });
  return faults;
}

const sum = (by: 'ours' | 'theirs') => ({
  calls: taken[by].reduce((total, { calls }) => total + calls, 0),
  bytes: taken[by].reduce((total, { bytes }) => total + bytes, 0),
  right: taken[by].filter(({ verdict }) => verdict === 'right').length,
});

test('there are twenty-five tasks', () => {
  expect(new Set(tasks.map(({ name }) => name)).size).toBe(25);
});

describe('our server', () => {
  let stage: Stage;
  let bot: Session;
  let asker: Session;
  let ground: Ground;
  beforeAll(async () => {
    stage = await setStage({
      agents: { 'triage-bot': grants, 'careful-bot': careful },
      operators: { lead: '' },
      simulator: { rateLimit: 0 },
    });
    await stage.startWorker();
    bot = await openSession(stage, 'triage-bot');
    asker = await openSession(stage, 'careful-bot');
    ground = {
      ...stage,
      asPerson: async (incident, change) => {
        await stage.asPerson('PUT', `/incidents/${incident}`, changeOf(change));
        // As the webhook would: whoever follows the incident is woken.
        const happening = {
          event: randomUUID(),
          type: 'incident.changed',
          occurredAt: new Date().toISOString(),
        };
        for (const id of followerIds({ account: 'main', incident }))
          await stage.client.workflow
            .getHandle(id)
            .signal(incidentChanged, happening)
            .catch(() => {});
      },
      approve: () =>
        until('a step waits', async () => {
          const { steps } = await waitingSteps(stage.client);
          const [step] = steps;
          if (step) await approveStep(stage.client, stage.operator('lead'), step);
          return step !== undefined;
        }),
    };
  });
  afterAll(async () => {
    await bot.close();
    await asker.close();
    await stage.close();
    const { calls, bytes, right } = sum('ours');
    console.log(
      `25 tasks through our MCP server: ${right} right, ${calls} calls, ${bytes.toLocaleString('en-US')} bytes.`,
    );
  });

  test.each(tasks.map((task) => [task.name, task] as const))('%s', async (name, task) => {
    const { call } = name.includes('approved') ? asker : bot;
    expect(await played(ground, task, 'ours', call)).toEqual([]);
  });
});

const changeOf = (change: Readonly<Record<string, unknown>>) => ({
  incident: { type: 'incident_reference', ...change },
});

/** A simulator alone, for a server that asks it itself. */
function groundOn(simulator: Simulator): Ground {
  const ask = wireTo(() => simulator.url);
  return {
    simulator,
    trigger: async ({ key = '', summary = '' } = {}) => {
      const payload = { summary, source: 'test', severity: 'critical' };
      await ask('POST', '/v2/enqueue', {
        routing_key: checkoutKey,
        event_action: 'trigger',
        dedup_key: key,
        payload,
      });
      const incidents = [...simulator.world.incidents.values()];
      return incidents.find(({ alerts }) => alerts.some((alert) => alert.key === key))?.id ?? '';
    },
    requests: async () => (await ask('GET', '/_simulator/requests')).body.requests,
    asPerson: (incident, change) =>
      ask('PUT', `/incidents/${incident}`, changeOf(change), { from: 'ada@example.com' }),
    approve: async () => {},
  };
}

test('the same tasks through PagerDuty’s own MCP server take more, and end wrong where nothing holds them back', async (context) => {
  const simulator = await startSimulator({ rateLimit: 0 });
  const client = await connectPagerDutyServer(simulator.url);
  if (client === undefined) {
    await simulator.close();
    return context.skip(noPagerDutyServer);
  }
  const ground = groundOn(simulator);
  const list = Buffer.byteLength(JSON.stringify(await client.listTools()));
  for (const task of tasks)
    await played(ground, task, 'theirs', (name, args) => callTool(client, name, args));
  await client.close();
  const [ours, theirs] = [sum('ours'), sum('theirs')];
  for (const [index, { task, calls, bytes, verdict }] of taken.theirs.entries()) {
    const own = taken.ours[index];
    console.log(`| ${task} | ${own?.calls} | ${own?.bytes} | ${verdict} | ${calls} | ${bytes} |`);
  }
  console.log(
    `PagerDuty’s server: ${theirs.right} of 25 right, ${theirs.calls} calls, ${theirs.bytes.toLocaleString('en-US')} bytes, tools/list ${list.toLocaleString('en-US')} bytes; ours ${ours.right}, ${ours.calls} and ${ours.bytes.toLocaleString('en-US')}.`,
  );
  // Of what both did right, ours took less.
  const both = taken.theirs.flatMap((one, index) => {
    const own = taken.ours[index];
    return own && own.verdict === 'right' && one.verdict === 'right'
      ? [{ own: own.bytes, theirs: one.bytes }]
      : [];
  });
  expect(both.length).toBeGreaterThan(10);
  const all = (of: 'own' | 'theirs'): number => both.reduce((total, one) => total + one[of], 0);
  console.log(
    `Of the ${both.length} that both did right: ours ${all('own')} bytes, PagerDuty’s ${all('theirs')}.`,
  );
  expect(all('own')).toBeLessThan(all('theirs'));
  await simulator.close();
});
