import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { acknowledge, addNote, resolve } from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import type { Incident } from '../../simulator/model.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import type { StaleResult, StaleSweepInput } from '../../workflows/contract.ts';
import { opened, statuses } from '../support/opened.ts';
import { endsUnwritten, plannedWrites, takenSince } from '../support/plans.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { struckSince } from '../support/struck.ts';
import { approveIn, refuseIn, theStepOf } from '../support/words.ts';

const account = 'main';
const { users, services, schedules } = seedIds;
const ada = byUser({ id: users.ada });
const hourMs = 3_600_000;
const handsBack = `incidents: read
incidents.add_note: full
incidents.unacknowledge: full
incidents.reassign: full
services: read`;

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'tidy-bot': `incidents: read
incidents.add_note: full
incidents.unacknowledge: full
incidents.reassign: full
incidents.resolve: full
services: read
oncalls: read`,
      'asking-bot': 'incidents: read\nincidents.add_note: full\nservices: read\noncalls: read',
      'blind-bot': 'incidents: read\nincidents.add_note: full',
      'unknowing-bot': handsBack,
      'half-bot': `${handsBack}\noncalls: { level: read, when: { schedules: [${schedules.payments}] } }`,
    },
    operators: { lead: '' },
    simulator: { rateLimit: 0 },
    record: true,
  });
  await stage.startWorker();
});
afterAll(() => stage.close());
let all: Incident[] = [];
let stopStanding: () => void = () => {};
afterEach(async () => {
  stopStanding();
  await stage.endRuns();
  await stage.clearFaults();
  const { world } = stage.simulator;
  const rota = world.schedules.get(schedules.platform);
  if (rota) world.schedules.set(rota.id, { ...rota, overrides: [] });
  for (const incident of all)
    if (incident.status !== 'resolved') resolve(stage.simulator.world, incident, ada);
  all = [];
});

/** An incident of low urgency that is open for so many hours. */
function old(hours: number): Incident {
  const [incident] = opened(stage.simulator, 'reports', 1, () => 'Report is late');
  if (!incident) throw new Error('None was opened.');
  Object.assign(incident, { createdAt: Date.now() - hours * hourMs });
  all.push(incident);
  return incident;
}
/** The same, acknowledged by a person so long ago. */
function taken(hours: number): Incident {
  const incident = old(hours + 1);
  acknowledge(stage.simulator.world, incident, ada);
  for (const one of incident.acknowledgements) Object.assign(one, { at: Date.now() - hours * hourMs });
  return incident;
}
const person = (id: string) => {
  const user = stage.simulator.world.users.get(id);
  if (!user) throw new Error(`The seed world has lost ${id}.`);
  return user;
};
const note = (incident: Incident, content: string, hoursAgo = 0): void => {
  Object.assign(addNote(stage.simulator.world, incident, person(users.ada), content), {
    createdAt: Date.now() - hoursAgo * hourMs,
  });
};
/** Lets our own question be so many hours old. */
const askedAgo = (incident: Incident, hours: number): void => {
  for (const one of incident.notes)
    if (one.userId === users.bot) Object.assign(one, { createdAt: Date.now() - hours * hourMs });
};
const sweep = (more: Partial<StaleSweepInput> = {}, agent = 'tidy-bot'): Promise<StaleResult> =>
  stage.run(agent, 'staleSweep', { account, services: [services.reports], ...more });
const start = (more: Partial<StaleSweepInput> = {}) =>
  stage.start('tidy-bot', 'staleSweep', { account, services: [services.reports], ...more });
const logged = async (): Promise<number> => (await stage.requests()).length;
/** Fay has the rota that the incidents page by, from now on. */
const fayStandsIn = (): Promise<unknown> =>
  stage.asPerson('POST', `/schedules/${schedules.platform}/overrides`, {
    overrides: [
      {
        start: new Date(Date.now() - hourMs).toISOString(),
        end: new Date(Date.now() + 24 * hourMs).toISOString(),
        user: { id: users.fay, type: 'user_reference' },
      },
    ],
  });
/** Fay stands in just before it is asked for the so manieth time from now on who is on call. */
function fayStandsInAtLook(count: number): void {
  let looks = 0;
  stopStanding = stage.beforeEach('/oncalls', async () => {
    looks += 1;
    if (looks < count) return;
    stopStanding();
    await fayStandsIn();
  });
}
const paging = /handing it back would page Fay Novak now, and the plan says (Dev Iyer|Eva Lind)\./;
const notesOf = ({ id }: Incident): readonly string[] => stage.simulator.world.notes(id);

describe('a forgotten incident', () => {
  test('is asked about once, then waited for, then handed back or, with a word, resolved', async () => {
    const [acknowledged, triggered, fresh] = [taken(30), old(8 * 24), old(2)];
    for (const alert of triggered.alerts) alert.resolvedAt = Date.now();
    const before = await logged();
    const asked = await sweep();
    expect(asked).toMatchObject({
      outcome: 'done',
      verified: true,
      summary: '2 were asked about, 0 went back to people, 0 are resolved.',
    });
    expect(asked.stale?.map(({ owner, status, hours, step }) => [owner, status, hours, step])).toEqual(
      expect.arrayContaining([
        [expect.stringMatching(/\w/), 'acknowledged', 30, 'ask'],
        [expect.stringMatching(/\w/), 'triggered', 192, 'ask'],
      ]),
    );
    expect(notesOf(acknowledged)[0]).toMatch(
      /^Is this still being worked on\? It is acknowledged since .* UTC, and has \w.* Any note is an answer\. Without one within 24 h it goes back to its escalation policy, whose first level is paged\./,
    );
    expect((await takenSince(stage, before)).map(({ ids }) => ids)).toEqual([
      [acknowledged.id],
      [triggered.id],
    ]);
    expect(notesOf(fresh)).toEqual([]);
    // An hour later it is nobody's turn.
    const waiting = await sweep();
    expect(waiting).toMatchObject({ outcome: 'nothing_to_do', changed: [] });
    expect(waiting.stale?.map(({ step }) => step)).toEqual(
      [1, 2].map(() =>
        expect.stringMatching(/^leave: it was asked about, and there is time for an answer until /),
      ),
    );
    for (const incident of [acknowledged, triggered]) askedAgo(incident, 25);
    const run = await start();
    const step = await theStepOf(stage, run);
    expect(step.sentence).toMatch(/it resolves 1 that nobody has answered for\.$/);
    expect(await approveIn(stage, run)).toMatchObject({ step: 'done' });
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'done',
      verified: true,
      summary: '0 were asked about, 1 went back to people, 1 are resolved.',
    });
    expect([acknowledged.status, triggered.status, fresh.status]).toEqual([
      'triggered',
      'resolved',
      'triggered',
    ]);
    expect(acknowledged.assignments.length).toBeGreaterThan(0);
    expect(notesOf(acknowledged)).toHaveLength(1);
  });

  test('that somebody answers for is left to them', async () => {
    const [answered, recent] = [taken(60), old(8 * 24)];
    await sweep();
    for (const incident of [answered, recent]) askedAgo(incident, 30);
    note(answered, 'Waiting for the vendor.', 2);
    note(recent, 'I look tomorrow.', 26);
    const result = await sweep();
    // What was said longer ago than a day is asked about anew.
    expect(result).toMatchObject({
      outcome: 'done',
      summary: expect.stringMatching(/^1 were asked about, 0 went back/),
    });
    expect(result.stale?.find(({ incident }) => incident === answered.id)?.step).toMatch(
      /^leave: Ada Adler has noted something on it within 24 h$/,
    );
    expect([answered.status, recent.status]).toEqual(['acknowledged', 'triggered']);
    expect([notesOf(answered).length, notesOf(recent).length]).toEqual([2, 3]);
  });

  test('whose alerts still fire is not resolved, unless the input says so; nor is one that leaves are asked for', async () => {
    const firing = old(9 * 24);
    await sweep();
    askedAgo(firing, 25);
    const result = await sweep();
    expect(result.stale?.map(({ step }) => step)).toEqual([
      'leave: nobody has answered, and its alerts still fire',
    ]);
    const { plan } = await sweep({ plan: true, firing: 'resolve' });
    expect(plan?.writes.map(({ operation }) => operation)).toEqual(['updateIncidents']);
    expect(await sweep({ triggered: 'leave' })).toMatchObject({ outcome: 'nothing_to_do' });
    expect(firing.status).toBe('triggered');
  });
});

/** Forgotten, asked about more than a day ago without an answer, and its source says that it is over. */
async function unanswered(count: number): Promise<readonly Incident[]> {
  const quiet = Array.from({ length: count }, () => old(8 * 24));
  for (const { alerts } of quiet) for (const alert of alerts) alert.resolvedAt = Date.now();
  await sweep();
  for (const incident of quiet) askedAgo(incident, 25);
  return quiet;
}

describe('the plan', () => {
  test('says whom it pages, has the same hash for the same reads, and is what is written', async () => {
    const [acknowledged, another] = [taken(30), taken(50)];
    await sweep();
    askedAgo(acknowledged, 25);
    const { plan } = await sweep({ plan: true });
    if (!plan) throw new Error('There is none.');
    expect((await sweep({ plan: true })).plan?.hash).toBe(plan.hash);
    expect(plan.writes).toMatchObject([
      {
        operation: 'updateIncident',
        pages: [expect.stringMatching(/^(Dev Iyer|Eva Lind)$/)],
        decision: 'allowed',
      },
    ]);
    const before = await logged();
    expect(await sweep({ apply: plan.hash })).toMatchObject({ outcome: 'done', verified: true });
    expect(await takenSince(stage, before)).toEqual(plannedWrites(plan));
    expect([acknowledged.status, another.status]).toEqual(['triggered', 'acknowledged']);
  });

  test('of questions, of handing back and of resolving is written as it was shown, once its word is there', async () => {
    const acknowledged = taken(30);
    const [quiet] = await unanswered(1);
    askedAgo(acknowledged, 25);
    const forgotten = old(9 * 24);
    const { plan } = await sweep({ plan: true });
    expect(plan).toMatchObject({ guards: ['it resolves 1 that nobody has answered for'], left: [] });
    expect(plan?.writes.map(({ operation, seen }) => [operation, seen.map(({ id }) => id)])).toEqual([
      ['createIncidentNote', [forgotten.id]],
      ['updateIncident', [acknowledged.id]],
      ['updateIncidents', [quiet?.id]],
    ]);
    const before = await logged();
    const run = await start({ apply: plan?.hash ?? '' });
    await theStepOf(stage, run);
    expect(await takenSince(stage, before)).toEqual([]);
    expect(await approveIn(stage, run)).toMatchObject({ step: 'done' });
    expect(await run.result()).toMatchObject({
      outcome: 'done',
      verified: true,
      hash: plan?.hash,
      summary: '1 were asked about, 1 went back to people, 1 are resolved.',
      notChanged: [],
    });
    expect(await takenSince(stage, before)).toEqual(plannedWrites(plan ?? { writes: [] }));
    expect([acknowledged.status, quiet?.status, forgotten.status]).toEqual([
      'triggered',
      'resolved',
      'triggered',
    ]);
    expect(notesOf(forgotten)).toEqual([expect.stringMatching(/^Is this still being worked on\?/)]);
  });

  test.each<[string, (incident: Incident) => Promise<unknown> | void, RegExp]>([
    ['a person notes', (one) => note(one, 'Not yet.'), /somebody has noted something on it/],
    [
      'a person acknowledges',
      (one) => acknowledge(stage.simulator.world, one, ada),
      /its status was triggered and is acknowledged/,
    ],
    [
      'an alert fires again on',
      ({ alerts: [alert] }) => void Object.assign(alert ?? {}, { resolvedAt: null }),
      /of its 1 alert 0 fired and 1 fire now/,
    ],
    [
      'somebody else is given',
      ({ id }) =>
        stage.asPerson('PUT', `/incidents/${id}`, {
          incident: {
            type: 'incident_reference',
            assignments: [{ assignee: { id: users.gus, type: 'user_reference' } }],
          },
        }),
      /its assignees were .* and are PGUS/,
    ],
  ])('is given up where %s one of those while its word is waited for', async (_how, act, words) => {
    const quiet = await unanswered(2);
    const { plan } = await sweep({ plan: true });
    const before = await logged();
    const run = await start({ apply: plan?.hash ?? '' });
    await theStepOf(stage, run);
    const [, other] = quiet;
    if (!other) throw new Error('There is none.');
    await act(other);
    await approveIn(stage, run);
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'yielded_to_human', changed: [] });
    expect(result.summary).toMatch(words);
    expect(await takenSince(stage, before)).toEqual([]);
    expect(quiet.filter(({ status }) => status === 'resolved')).toEqual([]);
  });

  test.each([
    [
      'answers by a note',
      (incident: Incident) => note(incident, 'Mine, still.'),
      /somebody has noted something on it/,
    ],
    [
      'resolves it',
      (incident: Incident) => resolve(stage.simulator.world, incident, ada),
      /its status was acknowledged and is resolved/,
    ],
  ])('on which a person %s meanwhile is not applied', async (_how, act, words) => {
    const incident = taken(30);
    await sweep();
    askedAgo(incident, 25);
    const { plan } = await sweep({ plan: true });
    act(incident);
    const before = await logged();
    expect(await sweep({ apply: plan?.hash ?? '' })).toMatchObject({
      outcome: 'yielded_to_human',
      summary: expect.stringMatching(words),
    });
    expect(await takenSince(stage, before)).toEqual([]);
  });
});

describe('whom a handing back pages', () => {
  /** Asked about more than a day ago, without an answer. */
  async function unansweredBy(count: number): Promise<readonly Incident[]> {
    const some = Array.from({ length: count }, (_, index) => taken(30 + index));
    await sweep();
    for (const incident of some) askedAgo(incident, 25);
    return some;
  }
  /** Nothing was sent about these, and nobody heard of them since. */
  async function staysUnpaged(
    result: Pick<StaleResult, 'outcome' | 'summary' | 'changed'>,
    incident: Incident,
    { before, logged: entries }: { readonly before: number; readonly logged: number },
  ): Promise<void> {
    await endsUnwritten(stage, { result: async () => result }, before, 'yielded_to_human', paging);
    expect(incident.status).toBe('acknowledged');
    expect(incident.log).toHaveLength(entries);
  }
  const now = async ({ log }: Incident) => ({ before: await logged(), logged: log.length });

  test('is compared before a plan is applied: where somebody else is on call nothing is sent', async () => {
    const [incident] = await unansweredBy(1);
    if (!incident) throw new Error('There is none.');
    const { plan } = await sweep({ plan: true });
    await fayStandsIn();
    const then = await now(incident);
    await staysUnpaged(await sweep({ apply: plan?.hash ?? '' }), incident, then);
    const again = await sweep({ plan: true });
    expect(again.plan?.writes.map(({ pages }) => pages)).toEqual([['Fay Novak']]);
    expect(again.plan?.hash).not.toBe(plan?.hash);
    expect(await sweep({ apply: again.plan?.hash ?? '' })).toMatchObject({ outcome: 'done', verified: true });
    expect(incident.assignments.map(({ userId }) => userId)).toEqual([users.fay]);
  });

  test('is compared in the attempt that would send it', async () => {
    const [incident] = await unansweredBy(1);
    if (!incident) throw new Error('There is none.');
    const { plan } = await sweep({ plan: true });
    // The first look is at the plan as a whole; the second is that of the attempt.
    fayStandsInAtLook(2);
    const then = await now(incident);
    const result = await sweep({ apply: plan?.hash ?? '' });
    await staysUnpaged(result, incident, then);
    expect(result.notChanged).toMatchObject([{ what: incident.id, why: expect.stringMatching(paging) }]);
  });

  test('is compared once the word is there that the plan has waited for', async () => {
    const incident = taken(30);
    const [quiet] = await unanswered(1);
    askedAgo(incident, 25);
    const { plan } = await sweep({ plan: true });
    const run = await start({ apply: plan?.hash ?? '' });
    expect((await theStepOf(stage, run)).effect).toMatch(/ It pages (Dev Iyer|Eva Lind)\.$/);
    await fayStandsIn();
    const then = await now(incident);
    await approveIn(stage, run);
    await staysUnpaged(await run.result(), incident, then);
    expect(quiet?.status).toBe('triggered');
  });

  test('leaves the one that would page somebody else, where nobody asked for all or nothing', async () => {
    const [first, second] = await unansweredBy(2);
    if (!first || !second) throw new Error('There are too few.');
    // The reads of the plan, its weighing, the first write; then the second write.
    fayStandsInAtLook(4);
    expect(await sweep()).toMatchObject({
      outcome: 'partly',
      summary: '0 were asked about, 1 went back to people, 0 are resolved. 1 was left as they are.',
      notChanged: [{ what: expect.any(String), why: expect.stringMatching(paging) }],
    });
    expect(statuses([first, second]).toSorted()).toEqual(['acknowledged', 'triggered']);
  });

  test.each([
    ['may not be read', 'unknowing-bot'],
    ['may be read of other schedules only', 'half-bot'],
  ])('is said to be unknown where it %s, and then is not compared', async (_what, agent) => {
    const [incident] = await unansweredBy(1);
    const { plan } = await sweep({ plan: true }, agent);
    expect(plan?.writes).toMatchObject([
      { operation: 'updateIncident', pages: ['whoever is on call at its first level'] },
    ]);
    await fayStandsIn();
    expect(await sweep({ apply: plan?.hash ?? '' }, agent)).toMatchObject({
      outcome: 'done',
      verified: true,
    });
    expect(incident?.assignments.map(({ userId }) => userId)).toEqual([users.fay]);
  });
});

test('a batch of resolves that is refused resolves nothing, and the questions wait with it', async () => {
  const [quiet, other] = [old(8 * 24), taken(30)];
  for (const alert of quiet.alerts) alert.resolvedAt = Date.now();
  note(other, 'On it.', 1);
  await sweep();
  askedAgo(quiet, 25);
  const before = await logged();
  const run = await start();
  await refuseIn(stage, run, 'let me look first');
  expect(await run.result()).toMatchObject({
    outcome: 'approval_refused',
    summary: expect.stringMatching(/But lead refused it: let me look first\.$/),
  });
  expect(await takenSince(stage, before)).toEqual([]);
  expect(quiet.status).toBe('triggered');
});

test('what the grants do not cover is left, and named; what cannot be read ends the run before anything is written', async () => {
  const incident = taken(30);
  await sweep({}, 'asking-bot');
  expect(notesOf(incident)).toHaveLength(1);
  askedAgo(incident, 25);
  const before = await logged();
  expect(await sweep({}, 'asking-bot')).toMatchObject({
    outcome: 'denied',
    notChanged: [
      { what: incident.id, why: expect.stringMatching(/^asking-bot may not un-acknowledge and reassign/) },
    ],
  });
  expect(await sweep({}, 'blind-bot')).toMatchObject({
    outcome: 'denied',
    summary: expect.stringMatching(/^blind-bot may not read service PREPORTS/),
  });
  expect(await takenSince(stage, before)).toEqual([]);
});

test('a fault in the middle of handing back does it once, and an incident that is gone is left', async () => {
  const [first, second] = [taken(30), taken(31)];
  await sweep();
  for (const incident of [first, second]) askedAgo(incident, 25);
  await stage.fault({ operation: 'updateIncident', kind: 'status', status: 500, match: first.id, times: 1 });
  await stage.fault({ operation: 'updateIncident', kind: 'status', status: 404, match: second.id });
  expect(await sweep()).toMatchObject({
    outcome: 'partly',
    summary: '0 were asked about, 1 went back to people, 0 are resolved. 1 was left as they are.',
    notChanged: [{ what: second.id, why: expect.stringMatching(/404/) }],
  });
  expect([first.status, second.status]).toEqual(['triggered', 'acknowledged']);
  expect(first.log.filter(({ type }) => type === 'unacknowledge').length).toBeLessThanOrEqual(1);
});

test('who answers while the word is waited for is left with it, and the others are resolved', async () => {
  const quiet = await unanswered(3);
  const [first, answered] = quiet;
  if (!first || !answered) throw new Error('There are too few.');
  const run = await start();
  await theStepOf(stage, run);
  note(answered, 'I am on it.');
  await approveIn(stage, run);
  expect(await run.result()).toMatchObject({
    outcome: 'partly',
    verified: true,
    summary: '0 were asked about, 0 went back to people, 2 are resolved. 1 was left as they are.',
    notChanged: [{ what: answered.id, why: expect.stringMatching(/somebody has noted something on it/) }],
  });
  expect(statuses(quiet)).toEqual(['resolved', 'triggered', 'resolved']);
});

test('a fault in the middle of resolving resolves each once, and what PagerDuty refuses is left', async () => {
  const quiet = await unanswered(3);
  const [first, refused] = quiet;
  if (!first || !refused) throw new Error('There are too few.');
  await stage.fault({ operation: 'updateIncidents', kind: 'status', status: 400, match: refused.id });
  await stage.fault({ operation: 'updateIncidents', kind: 'drop_response', match: first.id, times: 1 });
  const before = await logged();
  const run = await start();
  await approveIn(stage, run);
  expect(await run.result()).toMatchObject({
    outcome: 'partly',
    verified: true,
    summary: '0 were asked about, 0 went back to people, 2 are resolved. 1 was left as they are.',
    notChanged: [{ what: refused.id, why: expect.stringMatching(/400/) }],
  });
  expect(await struckSince(stage, before)).toContain('updateIncidents drop_response');
  expect(statuses(quiet)).toEqual(['resolved', 'triggered', 'resolved']);
  for (const { log, status } of quiet)
    expect(log.filter(({ type }) => type === 'resolve')).toHaveLength(status === 'resolved' ? 1 : 0);
});

test('a question whose answer from PagerDuty is lost is asked once', async () => {
  const incidents = [taken(30), old(8 * 24)];
  await stage.fault({ operation: 'createIncidentNote', kind: 'drop_response', each: true, times: 1 });
  const before = await logged();
  expect(await sweep()).toMatchObject({ outcome: 'done', verified: true });
  expect(await struckSince(stage, before)).toEqual(Array(2).fill('createIncidentNote drop_response'));
  for (const incident of incidents) expect(notesOf(incident)).toHaveLength(1);
});
