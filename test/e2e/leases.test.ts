import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type Run, startRun } from '../../client/agent.ts';
import { list } from '../../gate/audit.ts';
import { openStore, storeFile } from '../../gate/audit-store.ts';
import { runner } from '../../gate/runner.ts';
import { searchAttributes } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { type Place, type Program, test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from './world.ts';

/** A run that holds an incident, and the Worker that serves it. */
interface Scene {
  readonly place: Place;
  readonly world: World;
  readonly run: Run<'respondToIncident'>;
  readonly worker: Program;
  /** Milliseconds since 1970. */
  readonly leaseEnd: number;
}

interface Fate {
  readonly what: string;
  readonly lease: string;
  /** How long after the lease's end (`lease`), or after what befell it (`fate`), people have the incident at the latest. */
  readonly within: { readonly seconds: number; readonly of: 'lease' | 'fate' };
  /** What befalls the run, its Worker or its configuration. */
  readonly befalls: (scene: Scene) => Promise<void>;
  /** Whether the run itself gives back and ends; else the sweep does, and the run's lease still runs. */
  readonly byRun: boolean;
}

/** A lease long enough to be held on a busy machine before it ends. */
const short = '15s';

const kill = async ({ worker }: Scene): Promise<void> => {
  worker.send('SIGKILL');
  expect(await worker.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
};

const breakConfiguration = async ({ place }: Scene): Promise<void> =>
  appendFileSync(place.configFile, '\nno such key: true\n');

const fates: readonly Fate[] = [
  {
    what: 'its Worker is killed, and another starts when the lease has ended',
    lease: short,
    within: { seconds: 30, of: 'lease' },
    byRun: true,
    befalls: async (scene) => {
      await kill(scene);
      await new Promise((resolve) => setTimeout(resolve, scene.leaseEnd - Date.now()));
      await scene.world.startWorker();
    },
  },
  {
    what: 'its run is terminated from outside, long before the lease ends',
    lease: '5m',
    within: { seconds: 75, of: 'fate' },
    byRun: false,
    befalls: async ({ world, run }) => {
      await world.client.workflow.getHandle(run.workflowId).terminate('from outside');
    },
  },
  {
    what: 'its agent is taken out of the configuration, long before the lease ends',
    lease: '5m',
    within: { seconds: 75, of: 'fate' },
    byRun: false,
    befalls: async ({ place }) => {
      const text = readFileSync(place.configFile, 'utf8');
      expect(text).toContain('  triage-bot:\n');
      writeFileSync(place.configFile, text.replace('  triage-bot:\n', '  other-bot:\n'));
    },
  },
  {
    what: 'its configuration is broken',
    lease: short,
    within: { seconds: 30, of: 'lease' },
    byRun: true,
    befalls: breakConfiguration,
  },
  {
    what: 'its Worker is killed, and another starts beside a broken configuration',
    lease: short,
    within: { seconds: 30, of: 'lease' },
    byRun: true,
    befalls: async (scene) => {
      await breakConfiguration(scene);
      await kill(scene);
      await scene.world.startWorker();
    },
  },
];

describe.concurrent('what an agent acknowledged is with people again when', () => {
  for (const fate of fates) {
    test(fate.what, async ({ place }) => {
      const world = await startWorld(place, { 'triage-bot': responder(fate.lease) });
      try {
        const worker = await world.startWorker();
        const incident = await world.trigger();
        const input = { account: 'main', incident, assess: 'rules' } as const;
        const run = await startRun(world.client, world.agent('triage-bot'), 'respondToIncident', input);
        await until('the run holds the incident', () => holds(world, run));
        const leaseEnd = await leaseEndOf(place, incident);
        expect((await world.incident(incident)).status).toBe('acknowledged');

        await fate.befalls({ place, world, run, worker, leaseEnd });
        const befallen = Date.now();
        await until('it is triggered', async () => (await world.incident(incident)).status === 'triggered');
        const released = Date.now();

        const { seconds, of } = fate.within;
        // A Worker that starts when the lease has ended gives back when it works, and starts slowly on a busy machine.
        const from = of === 'lease' ? Math.max(leaseEnd, befallen) : befallen;
        const after = (released - from) / 1_000;
        const late = ((released - leaseEnd) / 1_000).toFixed(1);
        console.log(
          `When ${fate.what}: back ${after.toFixed(1)} s after ${of === 'lease' ? `the lease ended and a Worker worked, ${late} s after the lease` : 'that'} (at most ${seconds} s).`,
        );
        expect(after, `seconds after the ${of}`).toBeLessThan(seconds);
        if (fate.byRun) {
          expect(released, 'given back before the lease ended').toBeGreaterThanOrEqual(leaseEnd);
          expect((await run.result()).outcome).toBe('partly');
        }
        await expectWithPeople(world, incident);
        await expectInAudit(place, incident);
      } finally {
        await world.close();
      }
    });
  }
});

async function holds({ client }: World, { workflowId }: Run<'respondToIncident'>): Promise<boolean> {
  const { typedSearchAttributes } = await client.workflow.getHandle(workflowId).describe();
  return typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
}

async function leaseEndOf({ home }: Place, incident: string): Promise<number> {
  const store = await openStore(storeFile(home));
  try {
    const held = store.selectFrom('leases').select('expires_at').where('incident', '=', incident);
    return (await held.executeTakeFirstOrThrow()).expires_at;
  } finally {
    await store.destroy();
  }
}

/** Triggered, acknowledged by nobody, assigned to someone who is on call and not ours; given back once. */
async function expectWithPeople(world: World, id: string): Promise<void> {
  const { status, acknowledgements, assignments, escalation_policy } = await world.incident(id);
  expect({ status, acknowledgements }).toEqual({ status: 'triggered', acknowledgements: [] });
  const onCall = (await world.onCall(escalation_policy.id)).filter((user) => user !== 'PBOT');
  expect(assignments.length).toBeGreaterThan(0);
  for (const { assignee } of assignments) expect(onCall).toContain(assignee.id);
  const writes = (await world.requests()).filter(
    ({ method, path }) => method === 'PUT' && path === `/incidents/${id}`,
  );
  expect(writes.map(({ body }) => body)).toMatchObject([
    { incident: { status: 'acknowledged' } },
    { incident: { status: 'triggered' } },
  ]);
}

/** Who took it, and that the runner gave it back: each allowed, sent and answered, once and in this order. */
async function expectInAudit({ home }: Place, incident: string): Promise<void> {
  const store = await openStore(storeFile(home));
  try {
    let story: readonly string[] = [];
    // Where the store was away for a moment, a sweep carries it over: one comes every minute.
    const written = await until(
      () => ['the audit has the outcome of the release. It has:', ...story].join('\n'),
      async () => {
        const records = await list(store, { incident, limit: 1_000 });
        story = records.map(({ at, agent, decision, sentence }) => [at, agent, decision, sentence].join(' '));
        // The run and the sweep may both be on it: whoever comes second finds that nothing is left to give back.
        const writes = records.filter(
          ({ operation, decision, sentence }) =>
            operation === 'updateIncident' &&
            !(decision === 'denied' && sentence.includes('so there is nothing to give back')),
        );
        return writes.at(-1)?.kind === 'outcome' && writes.at(-1)?.agent === runner && writes;
      },
    );
    expect(
      written.map(({ agent, decision, action }) => `${agent} ${decision} ${action}`),
      written.map(({ sentence }) => sentence).join('\n'),
    ).toEqual([
      'triage-bot allowed incidents.acknowledge',
      'triage-bot done incidents.acknowledge',
      'runner allowed incidents.unacknowledge,incidents.reassign',
      'runner done incidents.unacknowledge,incidents.reassign',
    ]);
    const [taken, , given] = written;
    expect(taken?.sentence).toContain(`triage-bot may acknowledge incident #`);
    expect(given?.sentence).toMatch(/^runner gives incident #\d+ \(\w+\) back to people: /);
  } finally {
    await store.destroy();
  }
}
