import type { Client } from '@temporalio/client';
import { expect } from 'vitest';
import { startRun } from '../../client/agent.ts';
import { list } from '../../gate/audit.ts';
import { openStore, storeFile } from '../../gate/audit-store.ts';
import { responder } from '../support/grants.ts';
import { test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld } from './world.ts';

/** Which process ran each Activity of a run, at which attempt, and after what failure. */
async function ranBy(
  client: Client,
  workflowId: string,
): Promise<readonly { pid: number; attempt: number; after?: string | null | undefined }[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) =>
    started
      ? [
          {
            pid: Number.parseInt(started.identity ?? '', 10),
            attempt: started.attempt ?? 0,
            after: started.lastFailure?.message,
          },
        ]
      : [],
  );
}

/** The process that has a run's Activity in its hands. */
async function holderOf(client: Client, workflowId: string): Promise<number> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  return Number.parseInt(raw.pendingActivities?.[0]?.lastWorkerIdentity ?? '', 10);
}

test('a Worker that is told to end brings its work to an end and takes no more; another goes on', async ({
  place,
}) => {
  const world = await startWorld(place, { 'triage-bot': responder() });
  try {
    const [one, two] = [await world.trigger(), await world.trigger()];
    const agent = world.agent('triage-bot');
    const workers = [await world.startWorker(), await world.startWorker()];
    await world.holdNext('createIncidentNote');
    const first = await startRun(world.client, agent, 'addNote', {
      account: 'main',
      incident: one,
      note: 'One.',
    });
    await until('the note is under way', async () =>
      (await world.requests()).some(({ fault }) => fault === 'hold'),
    );
    const pid = await holderOf(world.client, first.workflowId);
    const [old, next] = workers[0]?.pid === pid ? workers : workers.toReversed();
    if (!old || !next) throw new Error('There are two Workers.');
    expect(old.pid).toBe(pid);
    old.send('SIGTERM');
    const second = await startRun(world.client, agent, 'addNote', {
      account: 'main',
      incident: two,
      note: 'Two.',
    });
    expect(await world.release()).toBe(1);
    expect(await old.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(await first.result()).toMatchObject({ outcome: 'done', verified: true });
    expect(await second.result()).toMatchObject({ outcome: 'done', verified: true });
    expect(await ranBy(world.client, first.workflowId)).toEqual([{ pid: old.pid, attempt: 1 }]);
    expect(await ranBy(world.client, second.workflowId)).toEqual([{ pid: next.pid, attempt: 1 }]);
    const store = await openStore(storeFile(place.home));
    try {
      const records = await list(store, { run: first.workflowId, limit: 10 });
      expect(records.map(({ kind, decision, attempt }) => [kind, decision, attempt])).toEqual([
        ['entry', 'allowed', 1],
        ['outcome', 'done', 1],
      ]);
    } finally {
      await store.destroy();
    }
    expect((await world.incident(one)).notes).toHaveLength(1);
    next.send('SIGTERM');
    expect(await next.ended).toMatchObject({ code: 0, signal: null });
  } finally {
    await world.close();
  }
});
