import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import type { Workflows } from '../client/index.ts';
import { play } from './stage.ts';

/**
 * A routine, by the clock. Two lines of the configuration have a report tell whoever comes on call what there is to inherit, every
 * morning at eight. An operator puts it on the server; applying it twice changes nothing; and the run of today need not be waited for.
 */
await play(
  {
    reporter:
      'incidents: read\nservices: read\nschedules: read\nescalation_policies: read\nusers: read\noncalls: read',
  },
  async ({ oncall, alert, incident, configFile }) => {
    await oncall(['operators', 'add', 'lead']);
    appendFileSync(
      configFile,
      `standing:
  hand-over: { cron: "0 8 * * *", zone: Europe/Berlin, workflow: handoffReport, agent: reporter, input: { services: [PCHECKOUT] } }
`,
    );
    const applied = await oncall(['standing', 'apply', '--yes']);
    const again = await oncall(['standing', 'apply', '--yes']);
    assert.equal(applied.code, 0);
    assert.equal((applied.value as { changes: readonly unknown[] }).changes.length, 1);
    assert.deepEqual((again.value as { changes: readonly unknown[] }).changes, []);
    const order = async () => {
      const { value } = await oncall(['standing']);
      const [first] = value as readonly Order[];
      assert.ok(first);
      return first;
    };
    const { next, state } = await order();
    console.log(`hand-over is ${state}; due next at ${next[0]}`);
    assert.equal(state, 'active');
    assert.equal(next.length > 0, true);

    const id = await alert('Checkout answers 503');
    await oncall(['standing', 'trigger', 'hand-over']);
    let last: Order['last'] = null;
    while (last === null) ({ last } = await order());
    console.log(`The Schedule has started ${last.run}`);
    const { value } = await oncall(['wait', last.run]);
    const { outcome, report, open } = value as Workflows['handoffReport']['result'];
    console.log(report);
    assert.equal(outcome, 'done');
    assert.deepEqual(
      open.map((one) => one.id),
      [id],
    );
    // A report changes nothing.
    assert.equal((await incident(id)).notes.length, 0);
    const { value: record } = await oncall(['audit', '--run', last.run]);
    const entries = record as readonly {
      readonly agent: string;
      readonly via?: string;
      readonly sentence: string;
    }[];
    console.log(`In the audit: ${entries[0]?.sentence}`);
    assert.ok(entries.length > 0);
    for (const { agent, via } of entries) {
      assert.equal(agent, 'reporter');
      assert.match(via ?? '', /hand-over/);
    }
  },
);

interface Order {
  readonly state: string;
  readonly next: readonly string[];
  readonly last: { readonly run: string } | null;
}
