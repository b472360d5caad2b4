import { createHash } from 'node:crypto';
import { describe, expect } from 'vitest';
import { type Run, startRun } from '../../client/agent.ts';
import { list } from '../../gate/audit.ts';
import { openStore, type Store, storeFile } from '../../gate/audit-store.ts';
import { incidentSweepScheduleId, searchAttributes } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { type Program, test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from './world.ts';

type Respond = Run<'respondToIncident'>;

/** A world with one incident, a run that responds to it, and the Worker that is about to be killed. */
interface Scene {
  readonly world: World;
  readonly incident: string;
  readonly start: () => Promise<Respond>;
  readonly conclude: (run: Respond) => Promise<string>;
  /** Kills the Worker and waits until it is dead. */
  readonly kill: () => Promise<void>;
  readonly newWorker: () => Promise<void>;
}

/** Waits until the simulator has done what a request asked, while its answer is still to come. */
const underWay = (world: World, method: 'POST' | 'PUT', status?: string): Promise<true> =>
  until(`a ${method} ${status ?? ''} is under way`, async () =>
    (await world.requests()).some(
      (request) =>
        request.fault === 'delay' &&
        request.method === method &&
        (status === undefined || JSON.stringify(request.body).includes(`"status":"${status}"`)),
    ),
  );

/** Waits until the run holds the incident, has noted its finding, and waits for nothing but its conclusion. */
const held = ({ client }: World, { workflowId }: Respond): Promise<true> =>
  until('the run waits for nothing but the conclusion', async () => {
    const { typedSearchAttributes, raw } = await client.workflow.getHandle(workflowId).describe();
    const waits = typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
    return waits && (raw.pendingActivities ?? []).length === 0;
  });

/** When the Worker is killed; and which step another Worker finds already done. */
const moments: readonly {
  readonly when: string;
  readonly found?: RegExp;
  readonly play: (scene: Scene) => Promise<Respond>;
}[] = [
  {
    when: 'while the POST of its note is under way',
    found: /^found: Note the finding on /,
    play: async ({ world, incident, start, conclude, kill, newWorker }) => {
      await world.delayNext('createIncidentNote');
      const run = await start();
      await underWay(world, 'POST');
      await kill();
      expect((await world.incident(incident)).notes.length).toBe(1);
      await newWorker();
      await held(world, run);
      await conclude(run);
      return run;
    },
  },
  {
    when: 'while the PUT of its acknowledge is under way',
    found: /^found: Acknowledge /,
    play: async ({ world, incident, start, conclude, kill, newWorker }) => {
      await world.delayNext('updateIncident');
      const run = await start();
      await underWay(world, 'PUT', 'acknowledged');
      await kill();
      expect((await world.incident(incident)).status).toBe('acknowledged');
      await newWorker();
      await held(world, run);
      await conclude(run);
      return run;
    },
  },
  {
    when: 'while it waits for the conclusion',
    play: async ({ world, start, conclude, kill, newWorker }) => {
      const run = await start();
      await held(world, run);
      await kill();
      await newWorker();
      await conclude(run);
      return run;
    },
  },
  {
    when: 'while the PUT of its resolve is under way',
    found: /^found: Resolve /,
    play: async ({ world, incident, start, conclude, kill, newWorker }) => {
      const run = await start();
      await held(world, run);
      await world.delayNext('updateIncident');
      await conclude(run);
      await underWay(world, 'PUT', 'resolved');
      await kill();
      expect((await world.incident(incident)).status).toBe('resolved');
      await newWorker();
      return run;
    },
  },
];

describe.concurrent('a run whose Worker is killed ends resolved, each write made once', () => {
  for (const { when, found, play } of moments) {
    test(when, async ({ place }) => {
      const world = await startWorld(place, { 'triage-bot': responder() });
      let worker: Program = await world.startWorker();
      // Told by a sweep, a run sees for itself that its incident is resolved, and looks for no write of its own any more.
      const schedule = world.client.schedule.getHandle(incidentSweepScheduleId('main'));
      await schedule.pause('the run is to find out by itself');
      const incident = await world.trigger();
      try {
        const run = await play({
          world,
          incident,
          start: () => {
            const input = { account: 'main', incident, assess: 'rules' } as const;
            return startRun(world.client, world.agent('triage-bot'), 'respondToIncident', input);
          },
          conclude: (started) => started.answer('conclude', { resolution: 'Rolled back.' }),
          kill: async () => {
            worker.send('SIGKILL');
            expect(await worker.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
          },
          newWorker: async () => {
            worker = await world.startWorker();
          },
        });
        const result = await run.result();
        expect(result, result.summary).toMatchObject({ outcome: 'done', verified: true, notChanged: [] });
        await expectOneOfEach(world, incident);
        // What is written last is written; and a Worker that is asked to end does so in order.
        worker.send('SIGTERM');
        expect(await worker.ended).toMatchObject({ code: 0, stderr: '' });
        const store = await openStore(storeFile(place.home));
        try {
          await expectUnbroken(store);
          const records = await list(store, { limit: 1_000 });
          const story = records.map(({ at, attempt, step, sentence }) =>
            [at, attempt, step, sentence].join(' '),
          );
          const looked = records.filter(({ decision }) => decision === 'found' || decision === 'lost');
          expect(
            looked.map(({ decision, step }) => `${decision}: ${step}`),
            story.join('\n'),
          ).toEqual(found ? [expect.stringMatching(found)] : []);
        } finally {
          await store.destroy();
        }
      } finally {
        await world.close();
      }
    });
  }
});

/** One note, one acknowledge, one resolve: as PagerDuty has them, and as they were sent. */
async function expectOneOfEach(world: World, id: string): Promise<void> {
  const { status, notes, log_entries } = await world.incident(id);
  expect(status).toBe('resolved');
  expect(notes.map(({ content }) => content)).toEqual([expect.stringContaining('[oncall-runner ')]);
  const types = log_entries.map(({ type }) => type.replace(/_log_entry$/, ''));
  expect(
    types.filter((type) => ['acknowledge', 'unacknowledge', 'annotate', 'resolve'].includes(type)),
  ).toEqual(['acknowledge', 'annotate', 'resolve']);
  const writes = (await world.requests()).filter(
    ({ method, path }) => method !== 'GET' && path !== '/v2/enqueue',
  );
  expect(writes.map(({ method, path }) => `${method} ${path}`)).toEqual([
    `PUT /incidents/${id}`,
    `POST /incidents/${id}/notes`,
    `PUT /incidents/${id}`,
  ]);
}

/** Each record of the audit stands on the one before it, none is missing, and the head is the last. */
async function expectUnbroken(store: Store): Promise<void> {
  const rows = await store.selectFrom('audit').selectAll().orderBy('seq').execute();
  expect(rows.length).toBeGreaterThan(15);
  let prev = '';
  for (const [index, row] of rows.entries()) {
    const hash = createHash('sha256').update(`${prev}\n${row.record}`).digest('hex');
    expect(row).toMatchObject({ seq: index + 1, prev, hash });
    expect(JSON.parse(row.record)).toMatchObject({ seq: index + 1, at: row.at, decision: row.decision });
    prev = hash;
  }
  const head = await store.selectFrom('audit_head').selectAll().executeTakeFirstOrThrow();
  expect(head).toMatchObject({ seq: rows.length, hash: prev });
}
