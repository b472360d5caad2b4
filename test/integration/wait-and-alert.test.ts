import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WaitInput } from '../../workflows/contract.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const account = 'main';
let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'page-bot': `incidents: read
incidents.create: { level: full, when: { services: [PCHECKOUT, PLEDGER] } }
incidents.escalate: full
incidents.reassign: full`,
      'look-bot': 'incidents: read',
      'alert-bot': `incidents: read
events.trigger: { level: full, routing_keys: [checkout, ghost] }
events.acknowledge: { level: full, routing_keys: [checkout] }
events.resolve: { level: full, routing_keys: [checkout] }`,
    },
  });
  const ghost = join(stage.home, 'ghost-key');
  writeFileSync(ghost, 'simulatorghostroutingkey00000000', { mode: 0o600 });
  stage.editConfig((text) => text.replace('routing_keys: { ', `routing_keys: { ghost: file:${ghost}, `));
  await stage.startWorker();
});
afterAll(() => stage.close());

const open = { service: 'PCHECKOUT', title: 'The payment provider has announced an outage' };
const found = (id: string) => {
  const incident = stage.simulator.world.incident(id);
  if (!incident) throw new Error(`There is no incident ${id}.`);
  return incident;
};
const put = (id: string, change: object, from: string): Promise<unknown> =>
  stage.asPerson('PUT', `/incidents/${id}`, { incident: { type: 'incident_reference', ...change } }, from);
const mailOf = (userId: string): string => stage.simulator.world.users.get(userId)?.email ?? '';
const pagedBy = (id: string): string => found(id).assignments[0]?.userId ?? '';

/** Starts a wait, and gives the incident once it is there. */
async function waiting(input: Omit<WaitInput, 'account'>, agent = 'page-bot', key?: string) {
  const known = new Set(stage.simulator.world.incidents.keys());
  const run = await stage.start(agent, 'waitForHumanAck', { account, ...input }, key);
  const id =
    input.incident ??
    (await until('it is open', () =>
      [...stage.simulator.world.incidents.keys()].find((one) => !known.has(one)),
    ));
  return { run, id };
}

describe('waiting for a human acknowledge', () => {
  test('pages who is on call, and ends with who acknowledged', async () => {
    const { run, id } = await waiting({ open, levelSeconds: 60 });
    const person = pagedBy(id);
    expect(person).not.toBe('PBOT');
    await put(id, { status: 'acknowledged' }, mailOf(person));
    await stage.client.workflow
      .getHandle(run.workflowId)
      .signal('incidentChanged', { event: 'a', type: 'incident.acknowledged', occurredAt: '' });
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'done', verified: true, incident: id, levels: [{ level: 1 }] });
    expect(result.acknowledgedBy).toBe(stage.simulator.world.users.get(person)?.name);
    expect(result.summary).toMatch(/^#\d+: .+ acknowledged it at level 1 after \d+ (s|min)\.$/);
  });

  test('climbs where nobody answers, and says whom it paged for how long', async () => {
    const { run, id } = await waiting({ open, levelSeconds: 1 });
    const first = pagedBy(id);
    await until('the second level is paged', () => pagedBy(id) !== first);
    const second = pagedBy(id);
    await put(id, { status: 'acknowledged' }, mailOf(second));
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'done', levels: [{ level: 1 }, { level: 2 }] });
    expect(result.levels?.[0]?.seconds).toBeGreaterThanOrEqual(1);
    expect(result.summary).toMatch(
      /at level 2 after \d+ (s|min) \(level 1: .+, no answer for \d+ (s|min)\)\.$/,
    );
    const escalations = (await stage.requests()).filter(
      ({ method, path }) => method === 'PUT' && path.includes(id),
    );
    expect(escalations.filter(({ from }) => from === 'oncall-bot@example.com')).toHaveLength(1);
  });

  test('takes no acknowledge of our own user for an answer', async () => {
    const { run, id } = await waiting({ open, levelSeconds: 2, mostLevels: 1 });
    await put(id, { status: 'acknowledged' }, 'oncall-bot@example.com');
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'failed' });
    expect(result.summary).toMatch(/^Nobody acknowledged #\d+ within \d+ (s|min): level 1: /);
    expect(result.next[0]).toMatch(/^Call somebody about #\d+ now\.$/);
  });

  test('turns to the last resort when the levels are at their end', async () => {
    const { run, id } = await waiting({ open, levelSeconds: 1, mostLevels: 1, fallback: { user: 'PEVA' } });
    await until('Eva has it', () => pagedBy(id) === 'PEVA');
    await put(id, { status: 'acknowledged' }, mailOf('PEVA'));
    expect(await run.result()).toMatchObject({
      outcome: 'done',
      acknowledgedBy: expect.stringMatching(/^Eva/),
    });
  });

  test('opens one more incident on another service as the last resort', async () => {
    const { run, id } = await waiting({
      open,
      levelSeconds: 1,
      mostLevels: 1,
      fallback: { service: 'PLEDGER' },
    });
    const more = await until('one more is open', () =>
      [...stage.simulator.world.incidents.values()].find(({ title }) =>
        title.startsWith(`Nobody answers for #${found(id).number}`),
      ),
    );
    expect(more.serviceId).toBe('PLEDGER');
    await put(id, { status: 'acknowledged' }, mailOf(pagedBy(id)));
    expect(await run.result()).toMatchObject({ outcome: 'done' });
  });

  test('asked twice under one key opens one incident', async () => {
    const { run, id } = await waiting({ open, levelSeconds: 60 }, 'page-bot', 'outage-1');
    const again = await stage.start(
      'page-bot',
      'waitForHumanAck',
      { account, open, levelSeconds: 60 },
      'outage-1',
    );
    expect(again).toMatchObject({ joined: true, workflowId: run.workflowId });
    await put(id, { status: 'resolved' }, mailOf(pagedBy(id)));
    await stage.client.workflow
      .getHandle(run.workflowId)
      .signal('incidentChanged', { event: 'b', type: 'x', occurredAt: '' });
    const result = await run.result();
    expect(result.summary).toMatch(/ resolved it at level 1/);
    expect(result).not.toHaveProperty('acknowledgedBy');
  });

  test('without the right to open one is denied, and nobody is paged', async () => {
    const before = stage.simulator.world.incidents.size;
    const result = await stage.run('look-bot', 'waitForHumanAck', { account, open });
    expect(result).toMatchObject({ outcome: 'denied' });
    expect(stage.simulator.world.incidents.size).toBe(before);
  });
});

describe('an alert of an agent’s own', () => {
  const alert = {
    account,
    routingKey: 'checkout',
    summary: 'The nightly import has not run',
    source: 'alert-bot',
    severity: 'warning',
    confirmSeconds: 2,
  } as const;
  let count = 0;
  const keyOf = (): string => {
    count += 1;
    return `import/${count}`;
  };

  test('is triggered, acknowledged and resolved, each confirmed by reading', async () => {
    const run = await stage.start('alert-bot', 'alertLifecycle', { ...alert, dedupKey: keyOf() });
    const id = await until(
      'it is open',
      () => [...stage.simulator.world.incidents.values()].find(({ title }) => title === alert.summary)?.id,
    );
    await run.answer('moveAlert', { to: 'acknowledged' });
    await until('it is acknowledged', () => found(id).status === 'acknowledged');
    await run.answer('moveAlert', { to: 'resolved' });
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'done',
      verified: true,
      incident: id,
      alert: found(id).alerts[0]?.id,
    });
    expect(result.changed).toHaveLength(3);
    expect(found(id).status).toBe('resolved');
  });

  test('is resolved at the end of its time', async () => {
    const dedupKey = keyOf();
    const result = await stage.run('alert-bot', 'alertLifecycle', { ...alert, dedupKey, ttlSeconds: 1 });
    expect(result).toMatchObject({ outcome: 'done', verified: true });
    expect(found(result.incident ?? '').status).toBe('resolved');
  });

  test('that somebody resolved meanwhile is nothing to do', async () => {
    const run = await stage.start('alert-bot', 'alertLifecycle', { ...alert, dedupKey: keyOf() });
    const id = await until(
      'it is open',
      () =>
        [...stage.simulator.world.incidents.values()].findLast(
          ({ title, status }) => title === alert.summary && status === 'triggered',
        )?.id,
    );
    await put(id, { status: 'resolved' }, 'ada@example.com');
    await run.answer('moveAlert', { to: 'resolved' });
    expect(await run.result()).toMatchObject({ outcome: 'nothing_to_do' });
  });

  test('that PagerDuty takes and drops is told, after one more try with the same key', async () => {
    const dedupKey = keyOf();
    const result = await stage.run('alert-bot', 'alertLifecycle', {
      ...alert,
      dedupKey,
      routingKey: 'ghost',
      confirmSeconds: 1,
    });
    expect(result).toMatchObject({ outcome: 'failed' });
    expect(result.summary).toMatch(
      /^PagerDuty took the event twice and opened no incident for import\/\d+: /,
    );
    const sent = (await stage.requests()).filter(({ body }) =>
      JSON.stringify(body)?.includes(`"${dedupKey}"`),
    );
    expect(sent).toHaveLength(2);
  });

  test('that is there already joins its run', async () => {
    const dedupKey = keyOf();
    const first = await stage.start('alert-bot', 'alertLifecycle', { ...alert, dedupKey });
    const second = await stage.start('alert-bot', 'alertLifecycle', { ...alert, dedupKey });
    expect(second).toMatchObject({ joined: true, runId: first.runId });
    await until('it is open', () =>
      [...stage.simulator.world.incidents.values()].some(
        ({ title, status }) => title === alert.summary && status === 'triggered',
      ),
    );
    await second.answer('moveAlert', { to: 'resolved' });
    expect(await first.result()).toMatchObject({ outcome: 'done' });
  });
});
