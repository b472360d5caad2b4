import assert from 'node:assert/strict';
import type { Workflows } from '../client/index.ts';
import { play } from './stage.ts';

/**
 * Plan, approve, apply. An agent finds that one problem is open four times. It prints what it would write, an operator says yes to
 * exactly that by one signature, and exactly that is written; once a person has touched one of the incidents, the same plan is no good
 * any more.
 */
await play(
  { 'sweep-bot': 'incidents: read\nincidents.add_note: full\nincidents.resolve: full' },
  async ({ oncall, alert, incident, asPerson }) => {
    await oncall(['operators', 'add', 'lead']);
    const duplicates = JSON.stringify({ account: 'main', services: ['PCHECKOUT'] });
    const sweep = async (...how: readonly string[]) => {
      const { code, value } = await oncall(
        ['run', 'duplicateSweep', '--input', duplicates, ...how],
        'sweep-bot',
      );
      return { code, ...(value as Workflows['duplicateSweep']['result']) };
    };

    const ids: string[] = [];
    for (const full of [497, 498, 499, 500]) ids.push(await alert(`The queue is full: ${full} of 500`));
    const [oldest = '', ...rest] = ids;
    const statuses = async () => Promise.all(rest.map(async (id) => (await incident(id)).status));

    const planned = await sweep('--plan');
    console.log(`sweep-bot plans: ${planned.summary}`);
    for (const { effect, decision } of planned.plan?.writes ?? []) console.log(`  ${effect} (${decision})`);
    assert.equal(planned.code, 0);
    assert.deepEqual(await statuses(), ['triggered', 'triggered', 'triggered']);

    const applying = sweep('--apply', planned.hash ?? '');
    let waiting: readonly { readonly id: string; readonly sentence: string }[] = [];
    while (waiting.length === 0) {
      const { value } = await oncall(['approvals']);
      waiting = (value as { steps: typeof waiting }).steps;
    }
    const [step] = waiting;
    console.log(`lead is asked: ${step?.sentence}`);
    await oncall(['approve', step?.id ?? '']);
    const applied = await applying;
    console.log(`${applied.outcome}: ${applied.summary}`);
    assert.equal(applied.outcome, 'done');
    assert.equal(applied.hash, planned.hash);
    assert.deepEqual(await statuses(), ['resolved', 'resolved', 'resolved']);
    assert.equal((await incident(oldest)).status, 'triggered');
    for (const id of rest) assert.match((await incident(id)).notes[0]?.content ?? '', /^Duplicate of #\d+/);

    const late = await alert('The queue is full: 501 of 500');
    const stale = await sweep('--plan');
    const taken = { incident: { type: 'incident_reference', status: 'acknowledged' } };
    await asPerson('PUT', `/incidents/${late}`, taken);
    const stopped = await sweep('--apply', stale.hash ?? '');
    console.log(`${stopped.outcome}: ${stopped.summary}`);
    assert.equal(stopped.outcome, 'yielded_to_human');
    assert.equal(stopped.code, 5);
    assert.equal((await incident(late)).status, 'acknowledged');
    assert.equal((await incident(late)).notes.length, 0);
  },
);
