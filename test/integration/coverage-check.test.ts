import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onCallAt } from '../../simulator/on-call.ts';
import type { CoverageInput } from '../../workflows/reports.ts';
import { type Stage, setStage } from '../support/stage.ts';

const account = 'main';
let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'look-bot': `oncalls: read
escalation_policies: read
services: read
users: read`,
      'payments-bot': `oncalls: { level: read, when: { policies: [PPAYMENTSONCALL] } }
escalation_policies: { level: read, when: { policies: [PPAYMENTSONCALL] } }
users: read`,
      'half-bot': `escalation_policies: read
oncalls: { level: read, when: { policies: [PPAYMENTSONCALL] } }
users: read`,
      'team-bot': `oncalls: read
escalation_policies: { level: read, when: { teams: [PPLATFORM] } }
users: read`,
      'leads-bot': `oncalls: { level: read, when: { schedules: [PDATALEADS] } }
escalation_policies: read
schedules: read
users: read`,
      'no-bot': 'incidents: read',
    },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

const check = (agent: string, input: Omit<CoverageInput, 'account'>) =>
  stage.run(agent, 'coverageCheck', { account, ...input });

/** Asks the simulator itself whether a level reaches somebody. */
function reaches(policyId: string, level: number, at: number): boolean {
  const { world } = stage.simulator;
  const rule = world.policies.get(policyId)?.rules[level - 1];
  if (!rule) throw new Error(`${policyId} has no level ${level}.`);
  return onCallAt(rule, world.schedules, at).length > 0;
}

const hourMs = 3_600_000;

describe('a coverage check', () => {
  test('finds that somebody answers where that is so', async () => {
    const result = await check('look-bot', { services: ['PCHECKOUT'], days: 7 });
    expect(result).toMatchObject({
      outcome: 'done',
      verdict: 'ok',
      findings: [],
      missing: [],
      verified: true,
      counts: { policies: 1, levels: 2 },
    });
    expect(result.summary).toBe('Somebody answers at every level: 1 policy in 7 days.');
    for (let hour = 1; hour < 7 * 24; hour += 1)
      for (const level of [1, 2])
        expect(reaches('PPAYMENTSONCALL', level, Date.now() + hour * hourMs)).toBe(true);
  });

  test('finds a gap to the minute, who covers it, one person at all levels, and is no green run then', async () => {
    const { world } = stage.simulator;
    const payments = world.schedules.get('PPAYMENTSROTA');
    if (!payments) throw new Error('There is a payments rota.');
    const start = Math.ceil(Date.now() / hourMs) * hourMs + 48 * hourMs;
    const [layer] = payments.layers;
    if (!layer) throw new Error('It has a layer.');
    // For six hours nobody: one layer ends, the next begins.
    const id = 'PGAPROTA';
    world.schedules.set(id, {
      ...payments,
      id,
      layers: [
        { ...layer, end: start },
        { ...layer, id: 'PLATER', start: start + 6 * hourMs },
      ],
      // Fay stands in for a while, who is the second level as well.
      overrides: [{ id: 'PFAYS', userId: 'PFAY', start: start + 8 * hourMs, end: start + 10 * hourMs }],
    });
    const policy = world.policies.get('PPAYMENTSONCALL');
    if (!policy) throw new Error('There is a payments policy.');
    const [first, second] = policy.rules;
    if (!first || !second) throw new Error('It has two levels.');
    world.policies.set('PGAPPOLICY', {
      ...policy,
      id: 'PGAPPOLICY',
      name: 'Gap on-call',
      rules: [{ ...first, targets: [{ type: 'schedule', id }] }, second],
    });
    const result = await check('look-bot', { policies: ['PGAPPOLICY'], days: 7 });
    expect(result).toMatchObject({ outcome: 'failed', verdict: 'gaps', missing: [] });
    expect(result.findings).toMatchObject([
      {
        kind: 'gap',
        policyName: 'Gap on-call',
        level: 1,
        times: 1,
        hours: 6,
        coveredBy: [2],
        spans: [{ start: new Date(start).toISOString(), end: new Date(start + 6 * hourMs).toISOString() }],
      },
      { kind: 'same_person', person: 'Fay Novak', times: 1, hours: 2 },
    ]);
    expect(reaches('PGAPPOLICY', 1, start - 1)).toBe(true);
    expect(reaches('PGAPPOLICY', 1, start)).toBe(false);
    expect(reaches('PGAPPOLICY', 1, start + 6 * hourMs)).toBe(true);
    expect(result.report).toContain('level 2 covers it');
    expect(result.next).toHaveLength(1);

    // Where nobody is expected then, it was planned.
    const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);
    const hours = `${clock(start + 6 * hourMs)}-${clock(start)} UTC`;
    const planned = await check('look-bot', {
      policies: ['PGAPPOLICY'],
      days: 7,
      expected: { PGAPPOLICY: { hours } },
    });
    expect(planned).toMatchObject({ outcome: 'done', verdict: 'remarks' });
    expect(planned.findings.map(({ kind }) => kind)).toEqual(['same_person']);
  });

  test('finds what ends, levels without targets, long turns, and names schedules that moved to the shift-based kind', async () => {
    const { world } = stage.simulator;
    const payments = world.schedules.get('PPAYMENTSROTA');
    const policy = world.policies.get('PPAYMENTSONCALL');
    const [layer] = payments?.layers ?? [];
    const [first] = policy?.rules ?? [];
    if (!payments || !policy || !layer || !first) throw new Error('The payments team has a policy.');
    const end = Math.ceil(Date.now() / hourMs) * hourMs + 72 * hourMs;
    world.schedules.set('PENDROTA', { ...payments, id: 'PENDROTA', layers: [{ ...layer, end }] });
    world.policies.set('PENDPOLICY', {
      ...policy,
      id: 'PENDPOLICY',
      name: 'Ending',
      rules: [
        { ...first, targets: [{ type: 'schedule', id: 'PENDROTA' }] },
        { ...first, id: 'PEMPTY', targets: [] },
        { ...first, id: 'PSHIFTS', targets: [{ type: 'schedule', id: 'PSUPPORTSHIFTS' }] },
      ],
    });
    const result = await check('look-bot', { policies: ['PENDPOLICY'], days: 14, longestHours: 100 });
    const kinds = result.findings.map(({ kind, level }) => `${kind} ${level}`);
    expect(kinds).toEqual(expect.arrayContaining(['ends 1', 'no_targets 2', 'long 3']));
    expect(kinds.some((kind) => kind.startsWith('gap'))).toBe(false);
    expect(result.findings.find(({ kind }) => kind === 'ends')?.spans[0]?.start).toBe(
      new Date(end).toISOString(),
    );
    expect(result).toMatchObject({ outcome: 'failed', shiftBased: ['Support shifts'] });
    expect(result.report).toContain('Support shifts: counted by who is on call');
    expect(result.report.split('\n').length).toBeLessThanOrEqual(50);
  });

  test('looks at all policies where none is named, in runs of its own', async () => {
    const result = await check('look-bot', { days: 30 });
    expect(result.counts.policies).toBe(stage.simulator.world.policies.size);
    expect(result.shiftBased).toEqual(['Support shifts']);
    expect(result.missing).toEqual([]);
  });

  test('is denied where its agent may see no policy, and says so', async () => {
    const result = await check('no-bot', { policies: ['PPAYMENTSONCALL'] });
    expect(result).toMatchObject({ outcome: 'denied', verdict: 'unknown', verified: false });
    expect(result.missing[0]).toMatch(/^escalation policy PPAYMENTSONCALL: no-bot /);
    expect(result.report).toContain('**Could not be read**');
  });

  test('is unknown where its agent may see only some of it', async () => {
    const result = await check('half-bot', { policies: ['PPAYMENTSONCALL', 'PPLATFORMONCALL'], days: 7 });
    expect(result).toMatchObject({ outcome: 'partly', verdict: 'unknown', findings: [] });
    expect(result.missing).toHaveLength(1);
    expect(result.missing[0]).toContain('Platform on-call');
    const own = await check('payments-bot', { days: 7 });
    expect(own).toMatchObject({ verdict: 'unknown', counts: { policies: 1 } });
    expect(own.missing[0]).toMatch(/^\d+ escalation policies that the agent may not see$/);
    // PagerDuty filters by teams itself, and then nobody counts what it leaves out.
    const team = await check('team-bot', { days: 7 });
    expect(team).toMatchObject({ verdict: 'unknown', counts: { policies: 1 } });
    expect(team.missing).toEqual(['escalation policies that the agent may not see']);
  });

  test('takes for no gap what PagerDuty was asked to leave out, because the agent may not see it', async () => {
    const result = await check('leads-bot', { policies: ['PDATAONCALL'], days: 7 });
    expect(result).toMatchObject({ outcome: 'partly', verdict: 'unknown', findings: [] });
    expect(result.missing).toEqual(['on-calls of Data on-call that the agent may not see']);
  });

  test('is unknown where PagerDuty fails for one policy for good, and the others are told', async () => {
    await stage.fault({ operation: 'listOnCalls', kind: 'status', status: 400, after: 1 });
    const result = await check('look-bot', { policies: ['PPAYMENTSONCALL', 'PPLATFORMONCALL'], days: 7 });
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'partly', verdict: 'unknown', counts: { levels: 2 } });
    expect(result.missing[0]).toMatch(/^who is on call for Platform on-call: /);
    expect(result.summary).toContain('Unknown whether somebody answers');
  });

  test('is none the worse for a fault in the middle that passes', async () => {
    await stage.fault({ operation: 'listOnCalls', kind: 'drop_response', times: 2 });
    const result = await check('look-bot', { policies: ['PPAYMENTSONCALL'], days: 7 });
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'done', verdict: 'ok' });
  });

  test('names a person whom PagerDuty no longer has', async () => {
    await stage.fault({ operation: 'getUser', kind: 'status', status: 404, match: 'PCLEO' });
    const result = await check('look-bot', { policies: ['PPAYMENTSONCALL'], days: 30 });
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'failed', verdict: 'gaps' });
    expect(result.findings).toMatchObject([
      { kind: 'deleted_user', policyName: 'Payments on-call', person: 'Cleo Marin' },
    ]);
  });

  test('keeps no history that grows with the account', async () => {
    const { world } = stage.simulator;
    const platform = world.policies.get('PPLATFORMONCALL');
    if (!platform) throw new Error('There is a platform policy.');
    const policies = Array.from({ length: 45 }, (_, index) => `PMANY${index}`);
    for (const id of policies) world.policies.set(id, { ...platform, id, name: `Many ${id}` });
    const run = await stage.start('look-bot', 'coverageCheck', { account, policies, days: 7 });
    expect(await run.result()).toMatchObject({
      verdict: 'ok',
      counts: { policies: 45, levels: 90, people: 3 },
    });
    const lengthOf = async (workflowId: string): Promise<number> =>
      (await stage.client.workflow.getHandle(workflowId).fetchHistory()).events?.length ?? 0;
    // Three runs of its own read twenty policies each at most.
    expect(await lengthOf(run.workflowId)).toBeLessThan(60);
    for (const number of [1, 2, 3]) expect(await lengthOf(`${run.workflowId}:${number}`)).toBeLessThan(400);
  });
});
