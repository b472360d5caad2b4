import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  acknowledge,
  addAlert,
  closeAlert,
  moveTo,
  resolve,
  setUrgency,
} from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import type { Incident } from '../../simulator/model.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import type { Plan } from '../../workflows/contract.ts';
import { opened, statuses } from '../support/opened.ts';
import { endsUnwritten, plannedWrites, takenSince } from '../support/plans.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { approveIn, refuseIn, theStepOf } from '../support/words.ts';

const account = 'main';
const { users, services } = seedIds;
const ada = byUser({ id: users.ada });
const sweeps = 'incidents: read\nincidents.add_note: full\nincidents.resolve: full';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'sweep-bot': sweeps,
      'careful-bot': `incidents: read
incidents.add_note: { level: full, approval: required }
incidents.resolve: { level: full, approval: { by: [lead] } }`,
      'silent-bot': 'incidents: read\nincidents.resolve: full',
      'low-bot': `incidents: read
incidents.add_note: full
incidents.resolve: { level: full, when: { urgency: [low] } }`,
      'capped-bot': `incidents: read
incidents.add_note: { level: full, cap: 2/day }
incidents.resolve: full`,
    },
    operators: { lead: '', deputy: '' },
    simulator: { rateLimit: 0 },
    record: true,
  });
  await stage.startWorker();
});
afterAll(() => stage.close());
afterEach(() => stage.endRuns());
// What the last test left open is no duplicate of this one's.
beforeEach(() => stage.clearFaults());
let titles = 0;

/** The same problem so many times on a service; by default on one of low urgency. */
function same(
  count: number,
  of: 'reports' | 'search' | 'checkout' = 'reports',
): readonly [Incident, ...Incident[]] {
  titles += 1;
  const word = `queue ${'abcdefghijklmnopqrstuvwxyz'[titles % 26]}${'abcdefghijklmnopqrstuvwxyz'[Math.floor(titles / 26)]} is full`;
  const [first, ...others] = opened(stage.simulator, of, count, (index) => `${word}: ${index} of 500`);
  if (!first) throw new Error('None was opened.');
  return [first, ...others];
}
const logged = async (): Promise<number> => (await stage.requests()).length;
const notesOf = ({ id }: Incident): readonly string[] => stage.simulator.world.notes(id);
/** Its one note says of what it is a duplicate, and not that it was closed. */
const saysNoMore = (duplicate: Incident, kept: Incident): void =>
  expect(notesOf(duplicate).map((content) => content.split('\n')[0])).toEqual([
    `Duplicate of #${kept.number} (${kept.id}), which the sweep of duplicates leaves open.`,
  ]);
const closeAll = (incidents: readonly Incident[]): void => {
  for (const incident of incidents)
    if (incident.status !== 'resolved') resolve(stage.simulator.world, incident, ada);
};
async function planFor(
  agent = 'sweep-bot',
  of: 'reports' | 'search' | 'checkout' = 'reports',
): Promise<Plan> {
  const { plan, summary } = await stage.run(agent, 'duplicateSweep', {
    account,
    services: [services[of]],
    plan: true,
  });
  if (!plan) throw new Error(summary);
  return plan;
}
const apply = (hash: string, agent = 'sweep-bot', of: 'reports' | 'search' | 'checkout' = 'reports') =>
  stage.run(agent, 'duplicateSweep', { account, services: [services[of]], apply: hash.slice(0, 12) });

describe('the plan', () => {
  test('says each write, the gate’s word on it, whom it pages and what it takes; nothing is written; the same reads give the same hash', async () => {
    const incidents = same(4);
    const before = await logged();
    const plan = await planFor();
    expect(await takenSince(stage, before)).toEqual([]);
    const [kept, ...duplicates] = incidents;
    expect(plan).toMatchObject({ agent: 'sweep-bot', guards: [], left: [], requests: 14 });
    expect(plan.needs).toBeUndefined();
    expect(plan.writes.map(({ operation, decision, pages }) => [operation, decision, pages])).toEqual([
      ...duplicates.map(() => ['createIncidentNote', 'allowed', []]),
      ['updateIncidents', 'allowed', []],
    ]);
    expect(plan.writes[0]?.effect).toBe(
      `Notes on #${duplicates[0]?.number} that it is a duplicate of #${kept.number}.`,
    );
    expect(plan.writes[0]?.sentence).toMatch(/^sweep-bot may add a note to incident #\d+/);
    expect((await planFor()).hash).toBe(plan.hash);
    expect((await stage.audit()).findLast(({ operation }) => operation === 'plan')).toMatchObject({
      kind: 'question',
      decision: 'asked',
      requestDigest: plan.hash,
    });
    const word = await apply(plan.hash);
    expect(word).toMatchObject({ outcome: 'done', verified: true, hash: plan.hash, notChanged: [] });
    expect(word.summary).toBe('3 of 3 are closed as duplicates.');
    expect(await takenSince(stage, before)).toEqual(plannedWrites(plan));
    expect(statuses(incidents)).toEqual(['triggered', 'resolved', 'resolved', 'resolved']);
    for (const duplicate of duplicates)
      expect(notesOf(duplicate)).toEqual([
        expect.stringContaining(`Duplicate of #${kept.number} (${kept.id})`),
      ]);
    expect(notesOf(kept)).toEqual([]);
    closeAll(incidents);
  });

  test('of which there is none under that hash, or which another agent made, is not applied', async () => {
    const incidents = same(2);
    const { hash } = await planFor();
    for (const [agent, wanted] of [
      ['sweep-bot', 'f'.repeat(64)],
      ['low-bot', hash],
    ] as const)
      expect(await apply(wanted, agent)).toMatchObject({
        outcome: 'failed',
        summary: expect.stringMatching(/has made no plan [0-9a-f]{12} here/),
      });
    expect(statuses(incidents)).toEqual(['triggered', 'triggered']);
    closeAll(incidents);
  });
});

describe('a plan that needs a word, made before and applied', () => {
  async function waiting() {
    const incidents = same(7);
    const plan = await planFor();
    const before = await logged();
    const run = await stage.start('sweep-bot', 'duplicateSweep', {
      account,
      services: [services.reports],
      apply: plan.hash.slice(0, 12),
    });
    await theStepOf(stage, run);
    return { incidents, plan, before, run };
  }

  test('is written exactly as it was shown, once the word is there', async () => {
    const { incidents, plan, before, run } = await waiting();
    expect(await takenSince(stage, before)).toEqual([]);
    expect(await approveIn(stage, run)).toMatchObject({ step: 'done' });
    expect(await run.result()).toMatchObject({
      outcome: 'done',
      verified: true,
      hash: plan.hash,
      summary: '6 of 6 are closed as duplicates.',
      notChanged: [],
    });
    expect(plan.writes).toHaveLength(7);
    expect(await takenSince(stage, before)).toEqual(plannedWrites(plan));
    expect(statuses(incidents)).toEqual(['triggered', ...Array(6).fill('resolved')]);
    closeAll(incidents);
  });

  test('is not written where the word is refused', async () => {
    const { incidents, before, run } = await waiting();
    await refuseIn(stage, run, 'one of them is another problem');
    await endsUnwritten(
      stage,
      run,
      before,
      'approval_refused',
      /But lead refused it: one of them is another problem\.$/,
    );
    expect(statuses(incidents)).toEqual(Array(7).fill('triggered'));
    closeAll(incidents);
  });

  test('is not written where one incident changes while the word is waited for', async () => {
    const { incidents, before, run } = await waiting();
    const last = incidents.at(-1);
    if (!last) throw new Error('There is none.');
    acknowledge(stage.simulator.world, last, ada);
    await approveIn(stage, run);
    await endsUnwritten(
      stage,
      run,
      before,
      'yielded_to_human',
      /^Nothing was written: of #\d+, its status was triggered and is acknowledged/,
    );
    expect(statuses(incidents)).toEqual([...Array(6).fill('triggered'), 'acknowledged']);
    closeAll(incidents);
  });
});

/** Each way in which an incident can change between plan and apply, and how the run says it. */
const drifts: readonly (readonly [string, (incident: Incident) => Promise<unknown> | void, RegExp])[] = [
  [
    'is acknowledged by a person',
    (one) => acknowledge(stage.simulator.world, one, ada),
    /its status was triggered and is acknowledged/,
  ],
  [
    'is resolved',
    (one) => resolve(stage.simulator.world, one, ada),
    /its status was triggered and is resolved/,
  ],
  [
    'becomes urgent',
    (one) => setUrgency(stage.simulator.world, one, 'high', ada),
    /its urgency was low and is high/,
  ],
  [
    'gets another title',
    (one) => put(one, { title: 'Something else' }),
    /its title was queue .* and is Something else/,
  ],
  [
    'gets another assignee',
    (one) => put(one, { assignments: [{ assignee: { id: users.gus, type: 'user_reference' } }] }),
    /its assignees were .* and are PGUS/,
  ],
  [
    'goes to another escalation policy',
    (one) =>
      put(one, { escalation_policy: { id: seedIds.policies.data, type: 'escalation_policy_reference' } }),
    /its policy was .* and is PDATAONCALL/,
  ],
  [
    'moves to another service',
    (one) => moveTo(stage.simulator.world, one, serviceOf('search'), ada),
    /its service was PREPORTS and is PSEARCH/,
  ],
  [
    'gets a priority',
    (one) => put(one, { priority: { id: seedIds.priorities.p1, type: 'priority_reference' } }),
    /its priority was none and is PPRIORITY1/,
  ],
  [
    'gets a new alert',
    (one) => addAlert(stage.simulator.world, one, { ...alertOf(one), id: 'QNEW', key: `new-${one.id}` }),
    /it had 1 alert and has 2/,
  ],
  [
    'has its alert resolved',
    (one) => closeAlert(stage.simulator.world, alertOf(one)),
    /of its 1 alert 1 fired and 0 fire now/,
  ],
];
const put = ({ id }: Incident, change: object) =>
  stage.asPerson('PUT', `/incidents/${id}`, { incident: { type: 'incident_reference', ...change } });
function alertOf({ alerts: [alert] }: Incident) {
  if (!alert) throw new Error('It has no alert.');
  return alert;
}
function serviceOf(name: keyof typeof services) {
  const service = stage.simulator.world.services.get(services[name]);
  if (!service) throw new Error(`The seed world has lost ${name}.`);
  return service;
}

describe('a plan on which', () => {
  test.each(drifts)(
    'one incident %s is not applied: nothing is written, and the run says what changed',
    async (_how, change, words) => {
      const incidents = same(3);
      const last = incidents[2];
      if (!last) throw new Error('There is none.');
      const { hash } = await planFor();
      await change(last);
      const before = await logged();
      const result = await apply(hash);
      expect(result).toMatchObject({ outcome: 'yielded_to_human', verified: false, changed: [] });
      expect(result.summary).toMatch(
        /^Nothing was written: the plan [0-9a-f]{12} does not hold any more: of #\d+, /,
      );
      expect(result.summary).toMatch(words);
      expect(result.notChanged).toEqual([{ what: last.id, why: expect.stringMatching(words) }]);
      expect(await takenSince(stage, before)).toEqual([]);
      closeAll(incidents);
    },
  );

  test.each<[string, (incident: Incident) => Promise<unknown> | void, RegExp]>([
    ['is resolved', (one) => resolve(stage.simulator.world, one, ada), /, is resolved/],
    ['gets another title', (one) => put(one, { title: 'Something else' }), /, is called Something else/],
    [
      'moves to another service',
      (one) => moveTo(stage.simulator.world, one, serviceOf('search'), ada),
      /, is one of PSEARCH/,
    ],
    ['is gone', ({ id }) => void stage.simulator.world.incidents.delete(id), /, is no longer in PagerDuty/],
  ])('the one that is kept %s is not applied: none is closed in its stead', async (_how, change, words) => {
    const incidents = same(3);
    const [kept, ...duplicates] = incidents;
    const { hash } = await planFor();
    await change(kept);
    const before = await logged();
    const result = await apply(hash);
    expect(result).toMatchObject({ outcome: 'yielded_to_human', verified: false, changed: [] });
    const why = expect.stringMatching(
      new RegExp(`^of #\\d+, #${kept.number}, which is kept in its stead${words.source}$`),
    );
    expect(result.notChanged).toEqual(duplicates.map(({ id }) => ({ what: id, why })));
    expect(await takenSince(stage, before)).toEqual([]);
    expect(statuses(duplicates)).toEqual(['triggered', 'triggered']);
    closeAll(incidents);
  });

  test('the one that is kept is taken by a person, or gets more alerts, is applied: it is open all the same', async () => {
    const incidents = same(3);
    const [kept] = incidents;
    const { hash } = await planFor();
    acknowledge(stage.simulator.world, kept, ada);
    addAlert(stage.simulator.world, kept, { ...alertOf(kept), id: 'QMORE', key: `more-${kept.id}` });
    expect(await apply(hash)).toMatchObject({ outcome: 'done', verified: true, notChanged: [] });
    expect(statuses(incidents)).toEqual(['acknowledged', 'resolved', 'resolved']);
    closeAll(incidents);
  });

  test('one incident changes while it is applied stops there, and says what was done and what was not', async () => {
    const incidents = same(4);
    const [, first, second, third] = incidents;
    if (!first || !second || !third) throw new Error('There are too few.');
    const { hash } = await planFor();
    const before = await logged();
    stage.beforeNext('POST', `/incidents/${first.id}/notes`, () => put(second, { title: 'Something else' }));
    const result = await apply(hash);
    expect(result).toMatchObject({ outcome: 'partly' });
    expect(result.summary).toMatch(/It stopped: .*its title was queue .* and is Something else/);
    expect((await takenSince(stage, before)).map(({ ids }) => ids)).toEqual([[first.id]]);
    expect(result.notChanged.map(({ what }) => what).toSorted()).toEqual(
      [first.id, second.id, third.id].toSorted(),
    );
    expect(statuses(incidents)).toEqual(incidents.map(() => 'triggered'));
    closeAll(incidents);
  });
});

describe('a run that plans and applies', () => {
  test('leaves what a person changed after the plan, and does the rest', async () => {
    const incidents = same(4);
    const [, first, second, third] = incidents;
    if (!first || !second || !third) throw new Error('There are too few.');
    const before = await logged();
    stage.beforeNext('POST', `/incidents/${third.id}/notes`, async () =>
      acknowledge(stage.simulator.world, second, ada),
    );
    const result = await stage.run('sweep-bot', 'duplicateSweep', { account, services: [services.reports] });
    expect(result).toMatchObject({
      outcome: 'partly',
      verified: true,
      summary: '2 of 3 are closed as duplicates. 1 was left as they are.',
      notChanged: [
        { what: second.id, why: expect.stringMatching(/its status was triggered and is acknowledged/) },
      ],
    });
    expect(statuses(incidents)).toEqual(['triggered', 'resolved', 'acknowledged', 'resolved']);
    const bulk = (await takenSince(stage, before)).at(-1)?.body as { incidents: { id: string }[] };
    expect(bulk.incidents.map(({ id }) => id)).toEqual([first.id, third.id]);
    closeAll(incidents);
    saysNoMore(second, incidents[0]);
  });

  test('closes none where the one that is kept is resolved meanwhile', async () => {
    const incidents = same(4);
    const [kept, first, ...others] = incidents;
    if (!first) throw new Error('There is none.');
    // By then the first note is on its way, and the plan was compared for the last time.
    stage.beforeNext('POST', `/incidents/${first.id}/notes`, async () =>
      resolve(stage.simulator.world, kept, ada),
    );
    const result = await stage.run('sweep-bot', 'duplicateSweep', { account, services: [services.reports] });
    expect(result).toMatchObject({
      outcome: 'partly',
      verified: true,
      summary: '0 of 3 are closed as duplicates. 3 were left as they are.',
    });
    expect(statuses(incidents)).toEqual(['resolved', 'triggered', 'triggered', 'triggered']);
    expect(others.flatMap(notesOf)).toEqual([]);
    closeAll(incidents);
    saysNoMore(first, kept);
  });

  test('asks for a word where it closes more than five, and writes nothing where it is refused', async () => {
    const incidents = same(7);
    const before = await logged();
    const run = await stage.start('sweep-bot', 'duplicateSweep', { account, services: [services.reports] });
    const step = await theStepOf(stage, run);
    expect(step.sentence).toMatch(
      /^sweep-bot may carry out the plan [0-9a-f]{12} \(7 writes\) once one of lead and deputy approves it: it closes 6 incidents\.$/,
    );
    expect(await refuseIn(stage, run, 'not now')).toMatchObject({ step: 'refused' });
    await endsUnwritten(
      stage,
      run,
      before,
      'approval_refused',
      /^Nothing was written: .*But lead refused it: not now\.$/,
    );
    expect(statuses(incidents)).toEqual(incidents.map(() => 'triggered'));
    closeAll(incidents);
  });

  test('carries one word, on the plan’s hash, to each of its writes', async () => {
    const incidents = same(4);
    const before = await logged();
    const run = await stage.start('careful-bot', 'duplicateSweep', { account, services: [services.reports] });
    const step = await theStepOf(stage, run);
    expect(step).toMatchObject({ operation: 'plan', by: ['lead', 'deputy'], people: 1 });
    // The grant on notes takes anybody’s word, the one on resolving only the lead’s.
    expect(await approveIn(stage, run, 'deputy')).toMatchObject({ step: 'waits' });
    expect(await approveIn(stage, run)).toMatchObject({
      step: 'done',
      sentence: expect.stringMatching(/, approved by deputy and lead\.$/),
    });
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'done', verified: true });
    expect((await takenSince(stage, before)).length).toBe(4);
    expect(statuses(incidents)).toEqual(['triggered', 'resolved', 'resolved', 'resolved']);
    const allowed = (await stage.audit({ run: run.workflowId })).filter(
      ({ kind, decision, operation, runId }) =>
        runId === run.runId &&
        kind === 'entry' &&
        decision === 'allowed' &&
        /^(create|update)/.test(operation),
    );
    expect(allowed.map(({ approvals }) => approvals?.map(({ operator }) => operator).toSorted())).toEqual([
      ...[1, 2, 3].map(() => ['deputy', 'lead']),
      ['lead'],
    ]);
    closeAll(incidents);
  });

  test('asks also where a person has one of them, and where one is of high urgency', async () => {
    const incidents = same(3, 'search');
    const [, taken] = incidents;
    if (!taken) throw new Error('There is none.');
    acknowledge(stage.simulator.world, taken, ada);
    const plan = await planFor('sweep-bot', 'search');
    expect(plan.guards).toEqual(['people have acknowledged 1 of them', '2 of them are of high urgency']);
    const run = await stage.start('sweep-bot', 'duplicateSweep', {
      account,
      services: [services.search],
      apply: plan.hash,
    });
    expect(await approveIn(stage, run, 'deputy')).toMatchObject({ step: 'done' });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    expect(statuses(incidents)).toEqual(['triggered', 'resolved', 'resolved']);
    closeAll(incidents);
  });

  test('that may not write notes closes nothing, and the sentence says so', async () => {
    const incidents = same(3);
    const before = await logged();
    const result = await stage.run('silent-bot', 'duplicateSweep', { account, services: [services.reports] });
    expect(result).toMatchObject({ outcome: 'denied', changed: [] });
    expect(result.summary).toMatch(/silent-bot may not add a note to incident/);
    expect(result.notChanged).toHaveLength(2);
    expect(await takenSince(stage, before)).toEqual([]);
    closeAll(incidents);
  });

  test('leaves what its grants do not cover, or cover no more, and says so before it writes', async () => {
    const incidents = same(4);
    const [, high, ...low] = incidents;
    if (!high) throw new Error('There is none.');
    setUrgency(stage.simulator.world, high, 'high', ada);
    expect(
      await stage.run('low-bot', 'duplicateSweep', { account, services: [services.reports] }),
    ).toMatchObject({
      outcome: 'partly',
      summary: '2 of 3 are closed as duplicates. 1 was left as they are.',
      notChanged: [
        { what: high.id, why: expect.stringMatching(/the urgency is high; its grant covers low/) },
      ],
    });
    expect(notesOf(high)).toEqual([]);
    expect(statuses(low)).toEqual(['resolved', 'resolved']);
    closeAll(incidents);
    const more = same(5);
    const plan = await planFor('capped-bot');
    expect(plan.writes.map(({ operation }) => operation)).toEqual([
      'createIncidentNote',
      'createIncidentNote',
      'updateIncidents',
    ]);
    expect(plan.left.map(({ why }) => why)).toEqual(
      [1, 2].map(() => expect.stringMatching(/capped at 2\/day, and 2 are used up/)),
    );
    closeAll(more);
  });

  test('finds nothing to do where each problem is open once, or the titles name none', async () => {
    const others = opened(
      stage.simulator,
      'reports',
      2,
      (index) => ['disk of db is full', 'backup of db is late'][index] ?? '',
    );
    const nameless = opened(stage.simulator, 'reports', 2, () => '42');
    expect(
      await stage.run('sweep-bot', 'duplicateSweep', { account, services: [services.reports] }),
    ).toMatchObject({
      outcome: 'nothing_to_do',
      verified: true,
      summary: 'No problem is open more than once.',
    });
    closeAll([...others, ...nameless]);
  });

  test.each([
    ['createIncidentNote', 'status', {}],
    ['updateIncidents', 'drop_response', {}],
    ['updateIncidents', 'rate_limited', { retry_after_seconds: 0 }],
    ['listIncidents', 'html', {}],
  ] as const)(
    'makes each write once where %s meets a fault in the middle (%s)',
    async (operation, kind, more) => {
      const incidents = same(4);
      await stage.fault({ operation, kind, times: 1, ...more });
      const result = await stage.run('sweep-bot', 'duplicateSweep', {
        account,
        services: [services.reports],
      });
      expect(result).toMatchObject({ outcome: 'done', verified: true });
      expect(statuses(incidents)).toEqual(['triggered', 'resolved', 'resolved', 'resolved']);
      for (const duplicate of incidents.slice(1)) {
        expect(notesOf(duplicate)).toHaveLength(1);
        expect(duplicate.log.filter(({ type }) => type === 'resolve')).toHaveLength(1);
      }
      closeAll(incidents);
    },
  );

  test('names what PagerDuty refuses, whose note does not say that it was closed, and closes the rest of the batch', async () => {
    const incidents = same(5);
    const bad = incidents[2];
    if (!bad) throw new Error('There is none.');
    await stage.fault({ operation: 'updateIncidents', kind: 'status', status: 400, match: bad.id });
    const result = await stage.run('sweep-bot', 'duplicateSweep', { account, services: [services.reports] });
    expect(result).toMatchObject({
      outcome: 'partly',
      summary: '3 of 4 are closed as duplicates. 1 was left as they are.',
      notChanged: [{ what: bad.id, why: expect.stringMatching(/400/) }],
    });
    expect(statuses(incidents)).toEqual(['triggered', 'resolved', 'triggered', 'resolved', 'resolved']);
    closeAll(incidents);
    saysNoMore(bad, incidents[0]);
  });

  test('does not close one that cannot be told what it is a duplicate of', async () => {
    const incidents = same(4);
    const mute = incidents[2];
    if (!mute) throw new Error('There is none.');
    await stage.fault({ operation: 'createIncidentNote', kind: 'status', status: 400, match: mute.id });
    expect(
      await stage.run('sweep-bot', 'duplicateSweep', { account, services: [services.reports] }),
    ).toMatchObject({
      outcome: 'partly',
      verified: true,
      summary: '2 of 3 are closed as duplicates. 1 was left as they are.',
      notChanged: [{ what: mute.id, why: expect.stringMatching(/400/) }],
    });
    expect(statuses(incidents)).toEqual(['triggered', 'resolved', 'triggered', 'resolved']);
    expect(notesOf(mute)).toEqual([]);
    closeAll(incidents);
  });

  test('knows duplicates by the key of their alerts across services, where it is asked to', async () => {
    const [one] = same(1);
    const [other] = same(1, 'search');
    for (const incident of [one, other]) Object.assign(alertOf(incident), { key: 'host-7' });
    setUrgency(stage.simulator.world, other, 'low', ada);
    const result = await stage.run('sweep-bot', 'duplicateSweep', {
      account,
      services: [services.reports, services.search],
      fingerprint: 'alert_key',
    });
    expect(result).toMatchObject({ outcome: 'done' });
    expect(statuses([one, other])).toEqual(['triggered', 'resolved']);
    closeAll([one]);
  });
});
