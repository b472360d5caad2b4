import { join } from 'node:path';
import { defineSearchAttributeKey } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { verify } from '../../client/commands/audit-verify.ts';
import { applyStanding } from '../../client/commands/standing.ts';
import * as acts from '../../client/commands/standing-acts.ts';
import { workflowTaskQueue } from '../../workflows/contract.ts';
import { runRaw } from '../support/attacks.ts';
import { asLead, ordersOn, say } from '../support/orders.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

/** Never due while a test runs: what starts is the test's. */
const orderWith = (more = '', cron = '0 8 29 2 *'): string =>
  `{ cron: "${cron}", zone: Europe/Berlin, workflow: runOperation, agent: reporter, input: { operation: listOnCalls, request: {} }${more} }`;
const order = orderWith();

let stage: Stage;
let before: string;
let incident: string;
/** Each test has an order of its own: two runs that a Schedule is told to start within a second have one id. */
let name: string;
let count = 0;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      reporter: 'oncalls: read',
      sweeper: 'incidents: read\nincidents.resolve: full',
      'note-bot': 'incidents: read\nincidents.add_note: { level: full, approval: required }',
    },
    operators: { lead: '' },
  });
  incident = await stage.trigger();
  before = stage.configText();
  await stage.startWorker();
  asLead(stage);
  orders = ordersOn(stage, before);
});
afterAll(async () => {
  await stage.close();
  vi.unstubAllEnvs();
});
beforeEach(() => {
  count += 1;
  name = `who-${count}`;
  hold(`${name}: ${order}`);
});
afterEach(() => orders.clear());

let orders: ReturnType<typeof ordersOn>;
const hold = (...held: readonly string[]): void => orders.hold(...held);
const scheduleOf = (of: string) => orders.scheduleOf(of);
const apply = () => orders.apply();
const trigger = (of = name) => orders.trigger(of);
const list = (of = name) => orders.list(of);
const resultOf = (run: string) => orders.resultOf(run);
const entriesOf = (run: string) => orders.entriesOf(run);
const triggerByHand = (scheduleId: string) => orders.triggerByHand(scheduleId);
const refused = (run: string, reason: RegExp) => orders.refused(run, reason);
const begun = (run: string) => orders.begun(run);
const priorityOf = async (run: string | null) =>
  (await stage.client.workflow.getHandle(String(run)).describe()).raw.workflowExecutionInfo?.priority;

describe('apply', () => {
  test('makes, changes and removes Schedules, shows the difference first, and changes nothing the second time', async () => {
    hold(`${name}: ${order}`, `services: ${order.replace('listOnCalls', 'listServices')}`);
    expect(await apply()).toMatchObject({
      words: 'Created 2, updated 0, removed 0.',
      lines: [
        `+ ${name}: 0 8 29 2 * Europe/Berlin, runOperation as reporter`,
        '+ services: 0 8 29 2 * Europe/Berlin, runOperation as reporter',
      ],
    });
    const again = await apply();
    expect(again).toMatchObject({ result: { changes: [], applied: false }, lines: [] });
    const described = await scheduleOf(name).describe();
    expect(described).toMatchObject({
      info: { lastUpdatedAt: undefined },
      action: { priority: { priorityKey: 3, fairnessKey: 'reporter' } },
      // Minutes, not the year that is Temporal's own.
      policies: { overlap: 'SKIP', catchupWindow: 600_000 },
      spec: { timezone: 'Europe/Berlin' },
    });

    hold(
      `${name}: ${order.replace('0 8', '30 9')}`,
      `services: ${order.replace('listOnCalls', 'listServices')}`,
    );
    expect(await apply()).toMatchObject({
      words: 'Created 0, updated 1, removed 0.',
      lines: [`~ ${name}`, '  - times: 0 8 29 2 *', '  + times: 30 9 29 2 *'],
    });
    expect((await apply()).result).toMatchObject({ changes: [] });
    expect((await scheduleOf('services').describe()).info.lastUpdatedAt).toBeUndefined();

    hold(`${name}: ${order.replace('0 8', '30 9')}`);
    const removed = await until('the list has the Schedule', async () => {
      const { words, lines } = await apply();
      return !words.startsWith('Nothing') && { words, lines };
    });
    expect(removed).toEqual({
      words: 'Created 0, updated 0, removed 1.',
      lines: ['- services: not in the configuration'],
    });
    await expect(scheduleOf('services').describe()).rejects.toThrow();
    const acts = (await stage.audit()).filter(({ action }) => action.startsWith('standing.'));
    expect(acts.map(({ action, agent, rule }) => [action, agent, rule])).toEqual([
      ['standing.create', 'lead', 'signed'],
      ['standing.create', 'lead', 'signed'],
      ['standing.update', 'lead', 'signed'],
      ['standing.remove', 'lead', 'signed'],
    ]);
  });

  test('takes every line of an order to the server and back', async () => {
    const more = ', overlap: buffer_one, catchup: 90s, jitter: 10s';
    hold(`${name}: ${orderWith(more, '*/20 0,8-10 * jan-mar mon-fri')}`);
    await apply();
    expect((await apply()).result).toMatchObject({ changes: [] });
    expect(await list()).toMatchObject({ state: 'active', differences: [] });
  });

  test('asks an operator of the configuration, and does nothing without', async () => {
    vi.stubEnv('ONCALL_OPERATOR', 'reporter');
    vi.stubEnv('ONCALL_OPERATOR_KEY_FILE', join(stage.home, 'reporter.pem'));
    try {
      await expect(apply()).rejects.toThrow(/knows no operator reporter; there are lead/);
      vi.stubEnv('ONCALL_OPERATOR', 'lead');
      await expect(apply()).rejects.toThrow(/The word of lead does not count/);
    } finally {
      vi.stubEnv('ONCALL_OPERATOR', 'lead');
      vi.stubEnv('ONCALL_OPERATOR_KEY_FILE', join(stage.home, 'lead.pem'));
    }
    expect(await list()).toMatchObject({ state: 'not applied' });
    // Nobody sits at this terminal, and --yes was not said.
    await expect(say((output) => applyStanding({}, output))).rejects.toThrow(/--yes does it/);
    expect(await list()).toMatchObject({ state: 'not applied' });
  });
});

describe('a run that a Schedule starts', () => {
  test('acts as the agent of its order, and the audit names both', async () => {
    await apply();
    const { started } = await trigger();
    expect(started).toMatch(/^standing:main:who-\d+-20/);
    expect(await resultOf(String(started))).toMatchObject({ outcome: 'done' });
    expect(await priorityOf(started)).toMatchObject({ priorityKey: 3, fairnessKey: 'reporter' });
    const entries = await entriesOf(String(started));
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      agent: 'reporter',
      via: `standing order ${name}`,
      decision: 'allowed',
    });
    expect(entries[0]?.sentence).toMatch(/^reporter via standing order who-\d+ may /);
    expect(await list()).toMatchObject({
      state: 'active',
      last: { run: started, state: 'done' },
      next: [expect.stringMatching(/^20\d\d-02-29T07:00:00/), ...Array(4).fill(expect.any(String))],
    });
  });

  test('acts through its child runs too', async () => {
    const some = [await stage.trigger(), await stage.trigger()];
    hold(
      `${name}: { cron: "0 8 29 2 *", zone: UTC, workflow: resolveIncidents, agent: sweeper, input: { incidents: [${some.join(', ')}] } }`,
    );
    await apply();
    const { started } = await trigger(name);
    expect(await resultOf(String(started))).toMatchObject({ outcome: 'done' });
    // Many at once: behind all else.
    expect(await priorityOf(started)).toMatchObject({ priorityKey: 5, fairnessKey: 'sweeper' });
    for (const id of some) expect(stage.simulator.world.incidents.get(id)?.status).toBe('resolved');
    const written = (await stage.audit()).filter(
      ({ kind, via, operation }) =>
        kind === 'entry' && via === `standing order ${name}` && operation === 'updateIncidents',
    );
    expect(written.length).toBeGreaterThanOrEqual(1);
    for (const { workflowId, agent, decision } of written) {
      expect(workflowId).not.toBe(started);
      expect([agent, decision]).toEqual(['sweeper', 'allowed']);
    }
  });

  test('is never started beside one that is under way', async () => {
    const note = `{ cron: "0 8 29 2 *", zone: UTC, workflow: addNote, agent: note-bot, input: { incident: ${incident}, note: Seen. } }`;
    hold(`note: ${note}`);
    await apply();
    const { started } = await trigger('note');
    // It waits for an operator.
    await until('it is under way', async () => (await list('note')).running.length === 1);
    expect(await trigger('note')).toMatchObject({ started: null, running: started });
    // The Schedule itself leaves it out too.
    await scheduleOf('note').trigger('SKIP');
    await until('the Schedule has left one out', async () => (await list('note')).skipped === 1);
    expect(await list('note')).toMatchObject({
      running: [started],
      last: { run: started, state: 'running' },
    });
    await stage.client.workflow.getHandle(String(started)).cancel();
    await until('it has ended', async () => (await list('note')).running.length === 0);
  });

  test('is one a time that was due, however often it is backfilled', async () => {
    hold(`${name}: ${order.replace('0 8 29 2 *', '0 8 * * *').replace('Europe/Berlin', 'UTC')}`);
    await apply();
    const backfill = (since: string, to: string) =>
      say((output) => acts.backfillOrder(name, { since, until: to, yes: true }, output));
    const due = ['2026-11-01', '2026-11-02', '2026-11-03'].map((day) => `${day}T08:00:00.000Z`);
    const runs = due.map((at) => `standing:main:${name}-${at.slice(0, 19)}Z`);
    // Both ends count.
    const { result, lines } = await backfill('2026-11-01T08:00:00Z', '2026-11-03T08:00:00Z');
    expect(result).toEqual({ name, due });
    expect(lines).toEqual(due.map((at) => `${name} was due ${at}`));
    const handles = runs.map((run) => stage.client.workflow.getHandle(run));
    for (const [index, handle] of handles.entries()) {
      await begun(runs[index] ?? '');
      expect(await handle.result()).toMatchObject({ outcome: 'done' });
    }
    const spans = await Promise.all(handles.map((handle) => handle.describe()));
    for (const [index, { startTime }] of spans.entries())
      expect(startTime.getTime()).toBeGreaterThanOrEqual(spans[index - 1]?.closeTime?.getTime() ?? 0);

    const first = spans[0]?.runId;
    await backfill('2026-11-01T07:00:00Z', '2026-11-01T09:00:00Z');
    const [one] = handles;
    await until('it was started again', async () => (await one?.describe())?.runId !== first);
    expect(await one?.result()).toMatchObject({ outcome: 'denied' });
    expect((await entriesOf(runs[0] ?? '')).map(({ decision }) => decision)).toEqual(['allowed', 'denied']);
    expect((await entriesOf(runs[0] ?? ''))[1]?.sentence).toMatch(
      /the standing order who-\d+ has started another run for 2026-11-01T08:00:00Z already\.$/,
    );
    await expect(backfill('2020-01-01', '2026-01-01')).rejects.toThrow(/takes at most 100/);
  });

  test('that was due between a change and its apply is refused, and made up for by a backfill', async () => {
    const daily = order.replace('0 8 29 2 *', '0 8 * * *').replace('Europe/Berlin', 'UTC');
    hold(`${name}: ${daily}`);
    await apply();
    hold(`${name}: ${daily.replace('request: {}', 'request: { query: { limit: 1 } }')}`);
    const due = '2026-11-02T08:00:00Z';
    const run = `standing:main:${name}-${due}`;
    // The Schedule is what it was, and is due.
    await scheduleOf(name).backfill({ start: new Date(due), end: new Date(due), overlap: 'SKIP' });
    await begun(run);
    await refused(run, /: the standing order who-\d+ was given other input than the configuration says/);
    expect(await list()).toMatchObject({ state: 'changed', differences: [{ line: 'input' }] });
    expect((await apply()).words).toBe('Created 0, updated 1, removed 0.');
    await say((output) =>
      acts.backfillOrder(
        name,
        { since: '2026-11-02T07:00:00Z', until: '2026-11-02T09:00:00Z', yes: true },
        output,
      ),
    );
    await until('it is made up for', async () => {
      const decisions = (await entriesOf(run)).map(({ decision }) => decision);
      return decisions.includes('allowed');
    });
    expect(await resultOf(run)).toMatchObject({ outcome: 'done' });
    expect((await entriesOf(run)).map(({ decision }) => decision)).toEqual(['denied', 'allowed']);
  });

  test('is stopped at its next call when its order leaves the configuration', async () => {
    await apply();
    hold();
    const run = await triggerByHand(`standing:main:${name}`);
    await refused(run, /: the configuration has no standing order who-\d+\.$/);
  });
});

test('a pause is an operator’s to end, and survives what is applied', async () => {
  await apply();
  await say((output) => acts.pauseOrder(name, { reason: 'the audit' }, output));
  expect(await list()).toMatchObject({ state: 'paused', paused: 'by lead: the audit', next: [] });
  expect((await apply()).result).toMatchObject({ changes: [] });
  hold(`${name}: ${order.replace('0 8', '30 9')}`);
  expect((await apply()).words).toBe('Created 0, updated 1, removed 0.');
  expect(await list()).toMatchObject({ state: 'paused', paused: 'by lead: the audit', next: [] });
  vi.stubEnv('ONCALL_OPERATOR_KEY_FILE', '');
  try {
    await expect(say((output) => acts.resumeOrder(name, output))).rejects.toThrow(/Where is the key of lead/);
  } finally {
    vi.stubEnv('ONCALL_OPERATOR_KEY_FILE', join(stage.home, 'lead.pem'));
  }
  await say((output) => acts.resumeOrder(name, output));
  expect(await list()).toMatchObject({ state: 'active', paused: null });
});

describe('a Schedule that was changed beside the configuration', () => {
  type Update = Parameters<ReturnType<typeof scheduleOf>['update']>[0];
  test.each<[string, Update, string, RegExp]>([
    [
      'to be due every minute',
      (now) => ({ ...now, spec: { cronExpressions: ['* * 29 2 *'], timezone: 'Europe/Berlin' } }),
      'times',
      /: the standing order who-\d+ has a Schedule with other times than the configuration says; `oncall standing` shows it/,
    ],
    [
      'to a catch-up of a year',
      (now) => ({ ...now, policies: { ...now.policies, catchupWindow: '1 year' } }),
      'catchup',
      /: the standing order who-\d+ has a Schedule with other catchup than the configuration says/,
    ],
    [
      'to give other input',
      (now) => ({
        ...now,
        action: {
          ...now.action,
          args: [
            { operation: 'listOnCalls', request: { query: { limit: 1 } }, account: 'main', standing: name },
          ],
        },
      }),
      'input',
      /: the standing order who-\d+ was given other input than the configuration says\.$/,
    ],
    [
      'to say that another agent acts',
      (now) => ({
        ...now,
        action: {
          ...now.action,
          typedSearchAttributes: [
            { key: defineSearchAttributeKey('OncallAgent', 'KEYWORD'), value: 'note-bot' },
            { key: defineSearchAttributeKey('OncallAccount', 'KEYWORD'), value: 'main' },
          ],
        },
      }),
      'agent',
      /: the standing order who-\d+ has a Schedule with other agent than the configuration says/,
    ],
  ])(
    '%s starts nothing that is allowed, is shown, and is mended by apply',
    async (_what, change, line, reason) => {
      await apply();
      await scheduleOf(name).update(change);
      const run = await triggerByHand(`standing:main:${name}`);
      await refused(run, reason);
      expect(await list()).toMatchObject({ state: 'changed', differences: [{ line }] });
      await expect(trigger()).rejects.toThrow(`has other ${line} than the configuration says`);
      expect((await apply()).words).toBe('Created 0, updated 1, removed 0.');
      expect(await list()).toMatchObject({ state: 'active', differences: [] });
      const { started } = await trigger();
      expect(started).not.toBe(run);
      expect(await resultOf(String(started))).toMatchObject({ outcome: 'done' });
    },
  );

  test('to resolve what it should note does not', async () => {
    hold(
      `${name}: { cron: "0 8 29 2 *", zone: UTC, workflow: addNote, agent: note-bot, input: { incident: ${incident}, note: Seen. } }`,
    );
    await apply();
    await scheduleOf(name).update((now) => ({
      ...now,
      action: { ...now.action, workflowType: 'resolveIncident' },
    }));
    const run = await triggerByHand(`standing:main:${name}`);
    await refused(run, /: the standing order who-\d+ starts addNote and not resolveIncident\.$/);
    expect(await list()).toMatchObject({ state: 'changed', differences: [{ line: 'workflow' }] });
  });

  test('is shown where no order has it', async () => {
    hold(`${name}: ${order}`, `more: ${order}`);
    await apply();
    hold(`${name}: ${order}`);
    await until('the list shows it', async () => (await list('more').catch(() => undefined)) !== undefined);
    expect(await list('more')).toMatchObject({ state: 'not in the configuration' });
  });
});

describe('who says that a Schedule started it gets nothing', () => {
  const args = () => ({ operation: 'listOnCalls', request: {}, account: 'main', standing: name });
  const scheduledBy = (scheduleId: string) => ({
    type: 'runOperation',
    typedSearchAttributes: [
      { key: defineSearchAttributeKey('TemporalScheduledById', 'KEYWORD'), value: scheduleId },
    ],
  });

  test('with the id, the input and the search attribute of such a run', async () => {
    await apply();
    const id = `standing:main:${name}-2020-11-01T08:00:00Z`;
    const requests = (await stage.requests()).length;
    await runRaw(stage, id, [args()], undefined, scheduledBy(`standing:main:${name}`));
    await refused(id, /: the standing order who-\d+ has a Schedule that did not start this run\.$/);
    expect((await stage.requests()).slice(requests)).toEqual([]);
    // What is proved is the run, and not its id: the Schedule's own run of that id acts.
    await say((output) =>
      acts.backfillOrder(name, { since: '2024-02-28', until: '2024-03-01', yes: true }, output),
    );
    const own = `standing:main:${name}-2024-02-29T07:00:00Z`;
    await begun(own);
    expect(await resultOf(own)).toMatchObject({ outcome: 'done' });
  });

  test('without the search attribute', async () => {
    await apply();
    const id = `standing:main:${name}-2020-11-02T08:00:00Z`;
    await runRaw(stage, id, [args()], undefined, { type: 'runOperation' });
    await refused(id, /: the standing order who-\d+ is started by its Schedule alone; /);
  });

  test('by a Schedule of his own', async () => {
    await apply();
    const scheduleId = 'standing-of-mine';
    orders.made.push(scheduleId);
    await stage.client.schedule.create({
      scheduleId,
      spec: {},
      action: {
        type: 'startWorkflow',
        workflowType: 'runOperation',
        workflowId: `standing:main:${name}`,
        taskQueue: workflowTaskQueue,
        args: [args()],
      },
    });
    const run = await triggerByHand(scheduleId);
    await refused(run, /: the standing order who-\d+ has a Schedule that did not start this run\.$/);
  });

  test('where the order has no Schedule', async () => {
    const id = `standing:main:${name}-2020-11-03T08:00:00Z`;
    await runRaw(stage, id, [args()], undefined, scheduledBy(`standing:main:${name}`));
    await refused(id, /: the standing order who-\d+ has no Schedule; `oncall standing apply` makes it\.$/);
  });
});

test('the record of all that is whole', async () => {
  const { result } = await say((output) => verify({ histories: true }, output));
  expect(result).toMatchObject({ whole: true });
});
