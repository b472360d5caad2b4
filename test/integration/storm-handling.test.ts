import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { approveStep, waitingSteps } from '../../client/approvals.ts';
import { acknowledge, closeAlert, moveTo, resolve, setUrgency } from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import type { Incident } from '../../simulator/model.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import { known } from '../../simulator/world.ts';
import type { Plan } from '../../workflows/contract.ts';
import type { StormInput, StormResult, StormSituation } from '../../workflows/reports.ts';
import { opened, statuses } from '../support/opened.ts';
import { endsUnwritten, plannedWrites, takenSince } from '../support/plans.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { struckSince } from '../support/struck.ts';
import { until } from '../support/until.ts';
import { approveIn, refuseIn, theStepOf } from '../support/words.ts';

const account = 'main';
const { users, services } = seedIds;
const ada = byUser({ id: users.ada });
const reads = 'incidents: read\nservices: read\noncalls: read';
const resolves = 'incidents.resolve: { level: full, max_incidents: 100 }';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'storm-bot': `${reads}\nincidents.add_note: full\n${resolves}`,
      'paging-bot': `${reads}\nincidents.create: { level: full, approval: { by: [lead] } }`,
      'reading-bot': reads,
      'noting-bot': `${reads}\nincidents.add_note: full`,
      'narrow-bot': `incidents: read\nincidents.add_note: { level: full, when: { services: [${services.ledger}] } }`,
      'blind-bot': 'services: read\noncalls: read',
      'two-services-bot': `incidents: { level: read, when: { services: [${services.checkout}, ${services.ledger}] } }\nincidents.add_note: full\nservices: read\noncalls: read`,
    },
    operators: { lead: '' },
    simulator: { rateLimit: 0 },
    record: true,
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

let storm: Incident[] = [];
let storms = 0;
afterEach(async () => {
  await stage.clearFaults();
  for (const incident of stage.simulator.world.incidents.values())
    if (incident.status !== 'resolved') resolve(stage.simulator.world, incident, ada);
  storm = [];
  storms += 1;
});

type Of = Parameters<typeof opened>[1];
/** So many of one problem on a service, of an urgency. */
function many(count: number, of: Of, urgency: 'high' | 'low', title: string): readonly Incident[] {
  // Of a name of its own each time: what came and went in the last test is no flapping.
  const host = 'abcdefghijklmnopqrstuvwxyz'.split('')[storms % 26]?.repeat(2 + Math.floor(storms / 26));
  const some = opened(stage.simulator, of, count, (index) => `${title} on ${host}: ${index} of 900`);
  for (const incident of some)
    if (incident.urgency !== urgency) setUrgency(stage.simulator.world, incident, urgency, ada);
  storm.push(...some);
  return some;
}
/** A small storm: two causes on checkout and one on ledger are urgent, one on reports is not. */
const smallStorm = () => ({
  checkout: many(9, 'checkout', 'high', 'p99 latency above limit'),
  pool: many(3, 'checkout', 'high', 'connection pool exhausted'),
  ledger: many(5, 'ledger', 'high', 'replica lag above limit'),
  reports: many(6, 'reports', 'low', 'import is late'),
});
const start = (more: Partial<StormInput> = {}, agent = 'storm-bot') =>
  stage.start(agent, 'stormHandling', { account, watchSeconds: 0, ...more });
const handle = async (more: Partial<StormInput> = {}, agent = 'storm-bot'): Promise<StormResult> =>
  (await start(more, agent)).result();
const notesOf = ({ id }: Incident): readonly string[] => stage.simulator.world.notes(id);
const logged = async (): Promise<number> => (await stage.requests()).length;
const recover = (...incidents: readonly Incident[]): void => {
  for (const { alerts } of incidents) for (const alert of alerts) closeAlert(stage.simulator.world, alert);
};
const first = ([one]: readonly Incident[]): Incident => {
  if (!one) throw new Error('There is none.');
  return one;
};
const situationIn = ({ workflowId }: { readonly workflowId: string }): Promise<StormSituation> =>
  stage.client.workflow.getHandle(workflowId).query<StormSituation>('situation');

describe('a storm', () => {
  test('is triaged from pages of the list, every one of high urgency before another is asked for; what it says is what is so', async () => {
    const { checkout, pool, ledger, reports } = smallStorm();
    const lone = first(many(1, 'search', 'high', 'index is corrupt'));
    acknowledge(stage.simulator.world, first(ledger), ada);
    recover(...pool);
    const before = await logged();
    const run = await start({ resolve: 'none' });
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'done', verified: true, notChanged: [], missing: [] });
    const { situation, report = '' } = result;
    expect(situation).toMatchObject({
      incidents: 24,
      high: 18,
      open: 24,
      firing: 21,
      taken: 1,
      services: 4,
      causes: 5,
      noted: 4,
      pages: [],
    });
    expect(
      situation?.largest.map(({ number, incidents, high, firing, taken, classes }) => [
        number,
        incidents,
        high,
        firing,
        taken,
        classes,
      ]),
    ).toEqual([
      [first(checkout).number, 9, 9, 9, 0, { real: 1, duplicate: 8 }],
      [first(ledger).number, 5, 5, 5, 1, { real: 1, duplicate: 4 }],
      [first(pool).number, 3, 3, 0, 0, { recovered: 3 }],
      [lone.number, 1, 1, 1, 0, { real: 1 }],
      [first(reports).number, 6, 0, 6, 0, { real: 1, duplicate: 5 }],
    ]);
    expect(situation?.largest[0]?.onCall.length).toBeGreaterThan(0);
    expect(report).toContain(`#${first(checkout).number} Checkout API: p99 latency above limit on `);
    expect(result.summary).toMatch(
      /^24 incidents on 4 services since \d\d:\d\d:\d\d UTC, by 5 causes; 18 of high urgency, triaged first\. 24 are open, 21 of them with alerts that fire, 1 with people\. 4 notes written\.$/,
    );
    // Each cause with more than one has one note, on the one that stands for it.
    for (const group of [checkout, ledger, pool, reports]) {
      const [lead, ...others] = group;
      expect(lead && notesOf(lead)).toEqual([
        expect.stringMatching(
          new RegExp(`^Part of a storm of \\d+ incidents since .*\\n?.*${group.length} incidents of`),
        ),
      ]);
      expect(others.flatMap(notesOf)).toEqual([]);
    }
    expect(notesOf(lone)).toEqual([]);
    // No six reads each, and none of low urgency is asked for before those of high urgency have been told.
    const asked = (await stage.requests()).slice(before);
    expect(asked.length).toBeLessThan(24);
    const at = (is: (one: (typeof asked)[number]) => boolean): number => asked.findIndex(is);
    const low = at(
      ({ path, query }) => path === '/incidents' && query['urgencies[]']?.includes('low') === true,
    );
    const notes = [checkout, ledger, pool].map((group) =>
      at(({ method, path }) => method === 'POST' && path === `/incidents/${first(group).id}/notes`),
    );
    expect(Math.min(...notes)).toBeGreaterThan(0);
    expect(Math.max(...notes)).toBeLessThan(low);
    expect(await situationIn(run)).toEqual(situation);
  });

  test('is none where too few incidents, or too few services, have them; that costs one request', async () => {
    many(3, 'checkout', 'high', 'disk is full');
    const before = await logged();
    expect(await handle()).toMatchObject({
      outcome: 'nothing_to_do',
      verified: true,
      summary: 'No storm: 3 incidents of the last 60 min are open, on 1 service.',
    });
    expect(await handle({ fewest: 3, fewestServices: 2 })).toMatchObject({ outcome: 'nothing_to_do' });
    expect((await stage.requests()).length - before).toBe(2);
    expect(storm.flatMap(notesOf)).toEqual([]);
  });

  test.each([
    ['none', 0],
    ['high', 18],
    ['all', 23],
  ] as const)('gets notes on %s as it is asked to: %i', async (notes, noted) => {
    const { reports } = smallStorm();
    setUrgency(stage.simulator.world, first(reports), 'high', ada);
    const result = await handle({ notes, resolve: 'none' });
    expect(result).toMatchObject({ outcome: 'done', situation: { noted, high: 18 } });
    expect(storm.filter((one) => notesOf(one).length === 1)).toHaveLength(noted);
    expect(storm.filter((one) => notesOf(one).length > 1)).toEqual([]);
    const [, member] = storm;
    if (noted > 4 && member)
      expect(notesOf(member)[0]).toMatch(
        /^Part of a storm since .* It is duplicate: The same is open as #\d+ already\.\nOne of 9 incidents of Checkout API like #\d+/,
      );
  });

  test('of more than a hundred incidents is noted in lots of a hundred, each a run of its own, and no history grows', async () => {
    many(105, 'checkout', 'high', 'p99 latency above limit');
    many(30, 'reports', 'low', 'import is late');
    const before = await logged();
    const run = await start({ notes: 'all', resolve: 'none' });
    expect(await run.result()).toMatchObject({ outcome: 'done', situation: { incidents: 135, noted: 135 } });
    expect(storm.filter((one) => notesOf(one).length !== 1)).toEqual([]);
    const lots: number[] = [];
    const priorities = new Map<string, Set<number>>();
    for await (const { type, workflowId, runId, parentExecution } of stage.client.workflow.list()) {
      if (runId !== run.runId && parentExecution?.runId !== run.runId) continue;
      const { events } = await stage.client.workflow.getHandle(workflowId, runId).fetchHistory();
      expect(events?.length ?? 0, workflowId).toBeLessThan(800);
      const scheduled = (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
      if (type === 'noteLot') {
        const urgency = workflowId.includes('notes-high') ? 'high' : 'low';
        lots.push(scheduled.length);
        for (const { priority } of scheduled)
          priorities.set(urgency, (priorities.get(urgency) ?? new Set()).add(priority?.priorityKey ?? 0));
      }
    }
    expect(lots.toSorted((a, b) => a - b)).toEqual([5, 30, 100]);
    // What is urgent goes before, what is not stands behind all that is about one.
    expect(priorities).toEqual(
      new Map([
        ['high', new Set([3])],
        ['low', new Set([5])],
      ]),
    );
    const asked = (await stage.requests()).slice(before);
    const notes = asked.filter(({ method }) => method === 'POST').map(({ path }) => path.split('/')[2]);
    const isHigh = notes.map((id) => storm.find((one) => one.id === id)?.urgency === 'high');
    expect(isHigh.lastIndexOf(true)).toBeLessThan(isHigh.indexOf(false));
  });

  test('is watched: what comes is triaged and told, what ends is closed, and when no alert fires any more the run ends', async () => {
    const { checkout, pool, ledger, reports } = smallStorm();
    const run = await start({ watchSeconds: 600, everySeconds: 1, resolve: 'none' });
    await until('it has looked', async () => (await situationIn(run)).noted === 4);
    expect(await situationIn(run)).toMatchObject({ incidents: 23, open: 23 });
    const late = many(4, 'search', 'high', 'index is corrupt');
    resolve(stage.simulator.world, first(pool), ada);
    await until('it has seen what came and what went', async () => {
      const { incidents, open, noted } = await situationIn(run);
      return incidents === 27 && open === 26 && noted === 5;
    });
    expect(notesOf(first(late))).toHaveLength(1);
    recover(...checkout, ...pool, ...ledger, ...reports, ...late);
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'done', situation: { incidents: 27, open: 26, firing: 0 } });
    expect(storm.filter((one) => notesOf(one).length > 1)).toEqual([]);
  });

  test('says of what flaps that it does, by what came and went before', async () => {
    const before = many(3, 'checkout', 'high', 'queue is full');
    for (const incident of before) resolve(stage.simulator.world, incident, ada);
    const now = many(20, 'checkout', 'high', 'queue is full');
    const { situation } = await handle({ resolve: 'none' });
    expect(situation?.largest).toMatchObject([{ incidents: 20, classes: { flapping: 20 } }]);
    expect(notesOf(first(now))[0]).toMatch(/This one is flapping: The same came and went 3 times/);
  });
});

describe('paging for a storm', () => {
  test('opens one incident for each escalation policy, once, where an operator says yes to each', async () => {
    smallStorm();
    const known = new Set(stage.simulator.world.incidents.keys());
    const run = await start(
      { page: true, notes: 'none', resolve: 'none', watchSeconds: 600, everySeconds: 1 },
      'paging-bot',
    );
    const both = await until('both wait for a word', async () => {
      const { steps } = await waitingSteps(stage.client, run.workflowId);
      return steps.length === 2 && steps;
    });
    for (const step of both)
      expect(await approveStep(stage.client, stage.operator('lead'), step)).toMatchObject({ step: 'done' });
    await until('it has looked twice', async () => (await situationIn(run)).looks >= 2);
    recover(...storm);
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'done', situation: { incidents: 23, firing: 0 } });
    const leads = [...stage.simulator.world.incidents.values()].filter(({ id }) => !known.has(id));
    expect(leads.map(({ urgency, title, path }) => [urgency, title.slice(0, 36), path.policyId])).toEqual(
      expect.arrayContaining([
        ['high', 'Storm: 12 incidents of high urgency ', seedIds.policies.payments],
        ['high', 'Storm: 5 incidents of high urgency s', seedIds.policies.ledger],
      ]),
    );
    expect(leads).toHaveLength(2);
    expect(result.situation?.pages.map(({ id }) => id).toSorted()).toEqual(
      leads.map(({ id }) => id).toSorted(),
    );
  });

  test('pages nobody where it is refused, and says so', async () => {
    many(20, 'checkout', 'high', 'p99 latency above limit');
    const known = stage.simulator.world.incidents.size;
    const run = await start({ page: true, notes: 'none', resolve: 'none' }, 'paging-bot');
    await refuseIn(stage, run, 'they know');
    expect(await run.result()).toMatchObject({
      outcome: 'partly',
      notChanged: [
        {
          what: `page ${seedIds.policies.payments}`,
          why: expect.stringMatching(/lead refused it: they know\.$/),
        },
      ],
    });
    expect(stage.simulator.world.incidents.size).toBe(known);
  });
});

describe('paging for a storm, where something stands in the way,', () => {
  const paging = { page: true, notes: 'none', resolve: 'none' } as const;

  test('is not done by an agent that may not open incidents, and its run names the page', async () => {
    smallStorm();
    const known = stage.simulator.world.incidents.size;
    const result = await handle(paging, 'reading-bot');
    expect(result).toMatchObject({ outcome: 'partly', changed: [], situation: { incidents: 23, pages: [] } });
    expect(result.notChanged).toEqual(
      expect.arrayContaining(
        [seedIds.policies.payments, seedIds.policies.ledger].map((policy) => ({
          what: `page ${policy}`,
          why: expect.stringMatching(/^reading-bot may not create an incident/),
        })),
      ),
    );
    expect(stage.simulator.world.incidents.size).toBe(known);
  });

  test('opens one incident although the answer was lost', async () => {
    many(20, 'checkout', 'high', 'p99 latency above limit');
    const before = await logged();
    const known = stage.simulator.world.incidents.size;
    await stage.fault({ operation: 'createIncident', kind: 'drop_response', times: 1 });
    const run = await start(paging, 'paging-bot');
    await approveIn(stage, run);
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'done', notChanged: [] });
    expect(await struckSince(stage, before)).toEqual(['createIncident drop_response']);
    expect(stage.simulator.world.incidents.size).toBe(known + 1);
    const [page] = result.situation?.pages ?? [];
    expect(stage.simulator.world.incident(page?.id ?? '')).toMatchObject({
      urgency: 'high',
      path: { policyId: seedIds.policies.payments },
    });
  });
});

describe('what has recovered', () => {
  test('is proposed to be resolved, and is, with one word; what fires and what people have is left', async () => {
    const { checkout, pool, ledger, reports } = smallStorm();
    recover(...pool, ...ledger, ...reports);
    const taken = first(ledger);
    acknowledge(stage.simulator.world, taken, ada);
    const run = await start();
    const step = await theStepOf(stage, run);
    expect(step.sentence).toMatch(/it resolves 13 of a storm whose alerts have all been resolved\.$/);
    expect(await approveIn(stage, run)).toMatchObject({ step: 'done' });
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'partly',
      verified: true,
      notChanged: [{ what: taken.id, why: 'a person has acknowledged it' }],
    });
    expect(result.summary).toMatch(/13 of 13 that have recovered are resolved\. 1 was left as they are\.$/);
    expect(statuses([...pool, ...ledger.slice(1), ...reports])).toEqual(Array(13).fill('resolved'));
    expect(statuses(checkout)).toEqual(Array(9).fill('triggered'));
    expect(taken.status).toBe('acknowledged');
    expect(result.next).toContain('9 still fire: run it again to watch on.');
  });

  test('stays open where the word is refused; what was noted stands, and the run says both', async () => {
    const { pool } = smallStorm();
    recover(...pool);
    const run = await start();
    expect(await refuseIn(stage, run, 'we look first')).toMatchObject({ step: 'refused' });
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'partly' });
    expect(result.summary).toMatch(
      /4 notes written\. Nothing was written: .*But lead refused it: we look first\./,
    );
    expect(statuses(pool)).toEqual(Array(3).fill('triggered'));
    const again = await start({ notes: 'none' });
    await refuseIn(stage, again, 'not yet');
    // Nothing at all was changed by this one.
    expect(await again.result()).toMatchObject({ outcome: 'approval_refused', changed: [] });
  });

  test('is resolved once although an answer was lost, and without what PagerDuty refuses', async () => {
    const { pool, ledger } = smallStorm();
    recover(...pool, ...ledger);
    const refused = first(ledger);
    await stage.fault({ operation: 'updateIncidents', kind: 'status', status: 400, match: refused.id });
    await stage.fault({
      operation: 'updateIncidents',
      kind: 'drop_response',
      match: first(pool).id,
      times: 1,
    });
    const before = await logged();
    const run = await start({ notes: 'none' });
    await approveIn(stage, run);
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'partly',
      verified: true,
      notChanged: [{ what: refused.id, why: expect.stringMatching(/400/) }],
    });
    expect(result.summary).toMatch(
      /7 of 8 that have recovered are resolved\. 1 was left as they are\.(?: |$)/,
    );
    expect(await struckSince(stage, before)).toContain('updateIncidents drop_response');
    for (const one of [...pool, ...ledger]) {
      expect(one.status).toBe(one === refused ? 'triggered' : 'resolved');
      expect(one.log.filter(({ type }) => type === 'resolve')).toHaveLength(one === refused ? 0 : 1);
    }
  });

  test('is left by an agent that may not resolve; its run says why', async () => {
    const { pool } = smallStorm();
    recover(...pool);
    const result = await handle({}, 'noting-bot');
    expect(result).toMatchObject({ outcome: 'partly', situation: { noted: 4 } });
    expect(result.summary).toMatch(/Nothing may be written: noting-bot may not resolve/);
    expect(statuses(pool)).toEqual(Array(3).fill('triggered'));
  });
});

describe('a plan for a storm', () => {
  async function planned(): Promise<{ plan: Plan; pool: readonly Incident[] }> {
    const { pool } = smallStorm();
    recover(...pool);
    const { plan, summary } = await handle({ plan: true });
    if (!plan) throw new Error(summary);
    return { plan, pool };
  }
  const apply = (hash: string) => start({ apply: hash.slice(0, 12) });

  test('writes nothing; applied, its writes are exactly what PagerDuty gets', async () => {
    const before = await logged();
    const { plan, pool } = await planned();
    expect(await takenSince(stage, before)).toEqual([]);
    expect(plan).toMatchObject({
      agent: 'storm-bot',
      guards: ['it resolves 3 of a storm whose alerts have all been resolved'],
      needs: { by: ['lead'] },
    });
    const run = await apply(plan.hash);
    expect(await approveIn(stage, run)).toMatchObject({ step: 'done' });
    expect(await run.result()).toMatchObject({ outcome: 'done', verified: true, hash: plan.hash });
    expect(await takenSince(stage, before)).toEqual(plannedWrites(plan));
    expect(statuses(pool)).toEqual(Array(3).fill('resolved'));
    expect(storm.flatMap(notesOf)).toEqual([]);
  });

  test.each([
    [
      'is acknowledged by a person',
      (one: Incident) => acknowledge(stage.simulator.world, one, ada),
      /its status was triggered and is acknowledged/,
    ],
    [
      'is resolved',
      (one: Incident) => resolve(stage.simulator.world, one, ada),
      /its status was triggered and is resolved/,
    ],
    [
      'gets an alert that fires',
      (one: Incident) => {
        const [alert] = one.alerts;
        if (alert) Object.assign(alert, { resolvedAt: null });
      },
      /of its 1 alert 0 fired and 1 fire now/,
    ],
  ] as const)('is not applied where one incident %s', async (_how, change, words) => {
    const { plan, pool } = await planned();
    const last = pool[2];
    if (!last) throw new Error('There is none.');
    change(last);
    const before = await logged();
    const result = await (await apply(plan.hash)).result();
    expect(result).toMatchObject({
      outcome: 'yielded_to_human',
      changed: [],
      notChanged: [{ what: last.id }],
    });
    expect(result.summary).toMatch(words);
    expect(await takenSince(stage, before)).toEqual([]);
  });

  test('is not written where its word is refused', async () => {
    const { plan, pool } = await planned();
    const before = await logged();
    const run = await apply(plan.hash);
    await refuseIn(stage, run, 'not all of them');
    await endsUnwritten(
      stage,
      run,
      before,
      'approval_refused',
      /^Nothing was written: .*But lead refused it: not all of them\.$/,
    );
    expect(statuses(pool)).toEqual(Array(3).fill('triggered'));
  });

  test('is given up where one incident changes while its word is waited for', async () => {
    const { plan, pool } = await planned();
    const before = await logged();
    const run = await apply(plan.hash);
    await theStepOf(stage, run);
    acknowledge(stage.simulator.world, first(pool), ada);
    await approveIn(stage, run);
    await endsUnwritten(
      stage,
      run,
      before,
      'yielded_to_human',
      /^Nothing was written: of #\d+, its status was triggered and is acknowledged/,
    );
    expect(statuses(pool)).toEqual(['acknowledged', 'triggered', 'triggered']);
  });

  test('stops at the lot in which one incident changes while it is applied, and says what was done', async () => {
    const recovered = many(105, 'checkout', 'high', 'connection pool exhausted');
    recover(...recovered);
    const { plan } = await handle({ plan: true });
    if (!plan) throw new Error('There is no plan.');
    expect(plan.writes.map(({ seen }) => seen.length)).toEqual([100, 5]);
    const before = await logged();
    const last = recovered.at(-1);
    if (!last) throw new Error('There is none.');
    const run = await apply(plan.hash);
    stage.beforeNext('PUT', '/incidents', async () => acknowledge(stage.simulator.world, last, ada));
    await approveIn(stage, run);
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'partly',
      summary: expect.stringMatching(
        /^100 of 105 that have recovered are resolved\. 5 were left as they are\. It stopped: storm-bot did not resolve .*: of #\d+, its status was triggered and is acknowledged/,
      ),
    });
    expect(result.notChanged.map(({ what }) => what).toSorted()).toEqual(
      recovered
        .slice(100)
        .map(({ id }) => id)
        .toSorted(),
    );
    expect(await takenSince(stage, before)).toEqual(plannedWrites(plan).slice(0, 1));
    expect(statuses(recovered)).toEqual([
      ...Array(100).fill('resolved'),
      ...Array(4).fill('triggered'),
      'acknowledged',
    ]);
  });

  test('that nobody made is not applied', async () => {
    smallStorm();
    expect(await (await apply('f'.repeat(64))).result()).toMatchObject({
      outcome: 'failed',
      summary: expect.stringMatching(/has made no plan f{12} here/),
    });
  });
});

describe('where something stands in the way', () => {
  test('an agent that may not read incidents handles no storm, and its sentence says so', async () => {
    smallStorm();
    const before = await logged();
    const result = await handle({}, 'blind-bot');
    expect(result).toMatchObject({ outcome: 'denied', changed: [], verified: false });
    expect(result.summary).toMatch(/blind-bot may not/);
    expect((await stage.requests()).length).toBe(before);
  });

  test('an agent that may not note tells the storm all the same, and asks for no more notes than one lot', async () => {
    smallStorm();
    const result = await handle({ resolve: 'none', notes: 'all' }, 'reading-bot');
    expect(result).toMatchObject({
      outcome: 'partly',
      changed: [],
      situation: { incidents: 23, noted: 0 },
    });
    expect(result.summary).toMatch(/23 could not be noted\.$/);
    expect(result.notChanged).toHaveLength(23);
    expect(storm.flatMap(notesOf)).toEqual([]);
    const denied = (await stage.audit({ decision: 'denied' })).filter(
      ({ agent, operation }) => agent === 'reading-bot' && operation === 'createIncidentNote',
    );
    // Those of high urgency were the first lot; the others were not tried any more.
    expect(denied).toHaveLength(17);
  });

  test('notes stand where the grant covers them, and what may not be read is named', async () => {
    const { ledger, checkout } = smallStorm();
    const result = await handle({ resolve: 'none' }, 'narrow-bot');
    expect(result).toMatchObject({ outcome: 'partly', verified: false, situation: { noted: 1 } });
    expect(notesOf(first(ledger))).toHaveLength(1);
    expect(notesOf(first(checkout))).toEqual([]);
    expect(result.missing).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^service PCHECKOUT: narrow-bot may not/),
        `who is on call for ${seedIds.policies.payments}`,
      ]),
    );
    expect(result.notChanged.map(({ what }) => what)).toContain(`note on ${first(checkout).id}`);
  });

  test('what the grant leaves out is named, and nothing is taken for ended because it went out of sight', async () => {
    const { checkout, ledger } = smallStorm();
    const run = await start(
      { fewest: 10, watchSeconds: 600, everySeconds: 1, resolve: 'none' },
      'two-services-bot',
    );
    await until('it has looked', async () => (await situationIn(run)).noted === 3);
    expect(await situationIn(run)).toMatchObject({ incidents: 17, open: 17, firing: 17 });
    const { world } = stage.simulator;
    moveTo(world, first(ledger), known(world.services, services.reports), ada);
    resolve(world, first(checkout), ada);
    await until('it has seen what ended', async () => (await situationIn(run)).open < 17);
    const { looks } = await situationIn(run);
    await until('it has looked again', async () => (await situationIn(run)).looks > looks + 1);
    expect(await situationIn(run)).toMatchObject({ incidents: 17, open: 16 });
    for (const one of storm) if (one !== first(ledger) && one.status !== 'resolved') resolve(world, one, ada);
    await until('it has seen the end of all but one', async () => (await situationIn(run)).open === 1);
    await run.cancel();
    // The next storm has its id.
    await expect(run.result()).rejects.toThrow('Workflow canceled');
  });

  test('a list without what the agent may not see shows no storm, and says that there may be one', async () => {
    many(3, 'checkout', 'high', 'disk is full');
    many(30, 'reports', 'high', 'import is late');
    expect(await handle({}, 'two-services-bot')).toMatchObject({
      outcome: 'nothing_to_do',
      verified: false,
      summary:
        'No storm in what two-services-bot may see: 3 incidents of the last 60 min are open, on 1 service.',
      missing: ['open incidents: those that the agent may not see'],
    });
  });

  test('a page that does not come is named; what did come is told and noted', async () => {
    const { ledger, reports } = smallStorm();
    // By then those of high urgency are listed.
    stage.beforeNext('POST', `/incidents/${first(ledger).id}/notes`, () =>
      stage.fault({ operation: 'listIncidents', kind: 'status', status: 400 }),
    );
    const result = await handle({ resolve: 'none' });
    expect(result).toMatchObject({
      outcome: 'partly',
      verified: false,
      situation: { incidents: 17, noted: 3 },
    });
    expect(result.missing).toEqual([expect.stringMatching(/^open incidents of low urgency: .*400/)]);
    expect(result.report).toMatch(/\*\*Could not be read\*\*\n- open incidents of low urgency/);
    expect(reports.flatMap(notesOf)).toEqual([]);
  });

  test.each([
    ['createIncidentNote', 'drop_response', {}],
    ['createIncidentNote', 'rate_limited', { retry_after_seconds: 0 }],
    ['listIncidents', 'html', {}],
  ] as const)(
    'a fault in the middle (%s, %s) costs no note, and doubles none',
    async (operation, kind, more) => {
      smallStorm();
      await stage.fault({ operation, kind, times: 1, ...more });
      expect(await handle({ resolve: 'none' })).toMatchObject({
        outcome: 'done',
        verified: true,
        situation: { noted: 4 },
      });
      expect(storm.filter((one) => notesOf(one).length === 1)).toHaveLength(4);
      expect(storm.filter((one) => notesOf(one).length > 1)).toEqual([]);
    },
  );
});
