import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Hours, isWithin } from '../../gate/hours.ts';
import type { NoiseInput } from '../../workflows/reports.ts';
import { byTest } from '../support/join.ts';
import { checkoutKey, type Stage, setStage } from '../support/stage.ts';

const account = 'main';
let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: { 'look-bot': 'incidents: read', 'no-bot': 'oncalls: read' },
    // A past of its own is made below; nothing moves by itself.
    simulator: { clockSpeed: 0 },
    record: true,
  });
  await stage.startWorker();
  await past();
});
afterAll(() => stage.close());

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** A week of noise, opened by events at its own times; the clock of the simulator is moved back for it. */
async function past(): Promise<void> {
  const { world } = stage.simulator;
  const now = Date.now();
  const made = async (
    at: number,
    title: string,
    after: number | undefined,
    by: 'source' | 'person',
  ): Promise<void> => {
    const id = await stage.trigger({ key: `noise ${at} ${title}`, summary: title });
    const incident = world.incident(id);
    if (!incident) throw new Error('It is open.');
    if (by === 'person')
      await stage.asPerson('PUT', `/incidents/${id}`, {
        incident: { type: 'incident_reference', status: 'acknowledged' },
      });
    if (after !== undefined && by === 'source')
      await fetch(`${stage.simulator.url}/v2/enqueue`, {
        method: 'POST',
        headers: { ...byTest, 'content-type': 'application/json' },
        body: JSON.stringify({
          routing_key: checkoutKey,
          event_action: 'resolve',
          dedup_key: `noise ${at} ${title}`,
        }),
      });
    if (after !== undefined && by === 'person')
      await stage.asPerson('PUT', `/incidents/${id}`, {
        incident: { type: 'incident_reference', status: 'resolved' },
      });
    // As it would have been then.
    const shift = now - at;
    Object.assign(incident, {
      createdAt: at,
      resolvedAt: after === undefined ? null : at + after,
      lastStatusChangeAt: after === undefined ? at : at + after,
      log: incident.log.map((entry) => ({ ...entry, at: entry.at - shift })),
    });
  };
  // Every night at the same time, over after two minutes, three times with ten minutes in between.
  for (let day = 1; day <= 3; day += 1)
    for (let time = 0; time < 3; time += 1)
      await made(
        now - day * dayMs + time * 10 * minuteMs,
        `Disk ${day} is ${90 + time} % full`,
        2 * minuteMs,
        'source',
      );
  // What people work on.
  for (let day = 1; day <= 4; day += 1)
    await made(now - day * dayMs - 5 * 60 * minuteMs, 'Checkout is down', 40 * minuteMs, 'person');
}

const report = (agent: string, input: Omit<NoiseInput, 'account'>) =>
  stage.run(agent, 'noiseReport', { account, ...input });

describe('a noise report', () => {
  test('counts what the simulator has, and proposes what would have spared people', async () => {
    const night = '22:00-07:00 Europe/Berlin';
    const result = await report('look-bot', { services: ['PCHECKOUT'], days: 7, night });
    const all = [...stage.simulator.world.incidents.values()].filter(
      ({ serviceId, createdAt }) => serviceId === 'PCHECKOUT' && createdAt > Date.now() - 7 * dayMs,
    );
    expect(result).toMatchObject({
      outcome: 'done',
      missing: [],
      counts: {
        incidents: all.length,
        days: 7,
        logsRead: all.length,
        high: all.filter(({ urgency }) => urgency === 'high').length,
      },
    });
    expect(all.length).toBe(13);
    const [first, second] = result.top;
    expect(first).toMatchObject({
      service: 'Checkout API',
      title: 'Disk N is N % full',
      incidents: 9,
      quick: 9,
      again: 6,
      read: 9,
      unanswered: 9,
      savedPerWeek: 9,
    });
    expect(first?.proposals[0]).toBe('pause notifications for five minutes: 9 of 9 were over by then');
    expect(first?.proposals).toHaveLength(3);
    expect(second).toMatchObject({
      title: 'Checkout is down',
      incidents: 4,
      quick: 0,
      unanswered: 0,
      proposals: [],
      savedPerWeek: 0,
    });

    const hours = Hours.parse(night);
    const pages = all.flatMap(({ log }) =>
      log.flatMap(({ assigneeIds = [], at }) =>
        assigneeIds.map((id) => ({
          person: stage.simulator.world.users.get(id)?.name,
          isNight: isWithin(hours, at),
        })),
      ),
    );
    expect(result.load.reduce((sum, { pages: many }) => sum + many, 0)).toBe(pages.length);
    for (const { person, pages: many, nightPages } of result.load) {
      const theirs = pages.filter((page) => page.person === person);
      expect([many, nightPages]).toEqual([theirs.length, theirs.filter(({ isNight }) => isNight).length]);
    }
    expect(result.report.split('\n').length).toBeLessThanOrEqual(40);
    expect(result.report).toContain('**Most worth a change**');
  });

  test('says how many logs it has read where it reads fewer', async () => {
    const result = await report('look-bot', { services: ['PCHECKOUT'], days: 7, logsPerDay: 1 });
    expect(result.counts.logsRead).toBeLessThan(result.counts.incidents);
    expect(result.report).toContain(`the logs of ${result.counts.logsRead} were read`);
    const [first] = result.top;
    expect(first?.read).toBeLessThan(first?.incidents ?? 0);
  });

  test('names a day that could not be read, and counts the others', async () => {
    await stage.fault({ operation: 'listIncidents', kind: 'status', status: 404, after: 5, times: 1 });
    const result = await report('look-bot', { services: ['PCHECKOUT'], days: 7 });
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'partly', verified: false });
    expect(result.missing).toEqual([expect.stringMatching(/^incidents of \w{3} \d+ \w{3} .*UTC: /)]);
    expect(result.counts.incidents).toBeLessThan(13);
    expect(result.report).toContain('**Could not be read**');
  });

  test('names logs that could not be read, and counts what they would have told by the others', async () => {
    await stage.fault({
      operation: 'listIncidentLogEntries',
      kind: 'status',
      status: 404,
      after: 2,
      times: 1,
    });
    const result = await report('look-bot', { services: ['PCHECKOUT'], days: 7 });
    await stage.clearFaults();
    expect(result).toMatchObject({
      outcome: 'partly',
      verified: false,
      counts: { incidents: 13, logsRead: 12 },
      missing: [expect.stringMatching(/^logs of incidents of \w{3} \d+ \w{3} .*404/)],
    });
    expect(result.top.reduce((sum, { read }) => sum + read, 0)).toBe(12);
  });

  test('tells what it had read where its agent may see no more, and asks for no day after that', async () => {
    const text = stage.configText();
    const before = (await stage.requests()).length;
    stage.beforeNext('GET', '/log_entries', async () =>
      stage.editConfig((was) => was.replace(/( {2}look-bot:\n[^]*?)incidents: read/, '$1oncalls: read')),
    );
    try {
      const result = await report('look-bot', { services: ['PCHECKOUT'], days: 7 });
      expect(result).toMatchObject({ outcome: 'partly', verified: false, counts: { logsRead: 1 } });
      expect(result.counts.incidents).toBeLessThan(13);
      expect(result.missing.every((what) => what.includes('look-bot may not'))).toBe(true);
      expect(result.report).toContain('**Could not be read**');
    } finally {
      stage.editConfig(() => text);
    }
    const asked = (await stage.requests()).slice(before);
    expect(asked.at(-1)?.operation).toBe('listIncidentLogEntries');
  });

  test('is none the worse for answers that are lost and limits that are hit', async () => {
    await stage.fault({ operation: 'listIncidents', kind: 'drop_response', times: 1 });
    await stage.fault({ operation: 'listIncidentLogEntries', kind: 'rate_limited', times: 2 });
    const result = await report('look-bot', { services: ['PCHECKOUT'], days: 7 });
    await stage.clearFaults();
    expect(result).toMatchObject({ outcome: 'done', counts: { incidents: 13, logsRead: 13 } });
  });

  test('is denied where its agent may see no incident, after one look', async () => {
    const result = await report('no-bot', { services: ['PCHECKOUT'] });
    expect(result).toMatchObject({ outcome: 'denied', counts: { incidents: 0 }, top: [], load: [] });
    expect(result.missing).toHaveLength(1);
  });

  test('of a quiet time is nothing to do', async () => {
    expect(await report('look-bot', { services: ['PWAREHOUSE'] })).toMatchObject({
      outcome: 'nothing_to_do',
      missing: [],
    });
  });
});
