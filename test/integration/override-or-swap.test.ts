import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Schedule } from '../../simulator/model.ts';
import { finalSchedule } from '../../simulator/on-call.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import type { OverrideInput, OverrideResult } from '../../workflows/contract.ts';
import { everything } from '../support/grants.ts';
import { endsUnwritten, plannedWrites, takenSince } from '../support/plans.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { approveIn, refuseIn, theStepOf } from '../support/words.ts';

const account = 'main';
const { users, schedules, policies } = seedIds;
const names: Readonly<Record<string, string>> = {
  [users.ada]: 'Ada Adler',
  [users.ben]: 'Ben Okafor',
  [users.cleo]: 'Cleo Marin',
  [users.dev]: 'Dev Iyer',
  [users.eva]: 'Eva Lind',
};
const nameOf = (user: string): string => names[user] ?? user;
/** Operators are called by their first names. */
const operatorOf = (user: string): string => nameOf(user).split(' ')[0]?.toLowerCase() ?? '';
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'rota-bot': everything(),
      'ada-bot': everything(),
      'platform-bot': `${everything()}\nschedules.override: { level: full, when: { schedules: [${schedules.platform}] } }`,
      'payments-bot': everything().replace(
        'oncalls: read',
        `oncalls: { level: read, when: { policies: [${policies.payments}, ${policies.ledger}] } }`,
      ),
      'approved-bot': `${everything()}\nschedules.override: { level: full, approval: { by: [lead] } }`,
    },
    operators: {
      lead: '',
      ...Object.fromEntries(
        [users.ada, users.ben, users.cleo, users.dev, users.eva].map((user) => [
          operatorOf(user),
          `pagerduty_user: ${user}`,
        ]),
      ),
    },
    simulator: { rateLimit: 0 },
    record: true,
  });
  stage.editConfig((text) => text.replace(/ {2}ada-bot:\n/, `$&    pagerduty_user: ${users.ada}\n`));
  await stage.startWorker();
});
afterAll(() => stage.close());
afterEach(() => stage.clearFaults());

const scheduleOf = (id: string): Schedule => {
  const schedule = stage.simulator.world.schedules.get(id);
  if (!schedule) throw new Error(`The seed world has lost ${id}.`);
  return schedule;
};
/** Who has a schedule at an instant, and nobody else for all of those hours. */
function holder(id: string, at: number, hours = 4): string {
  const [shift, ...others] = finalSchedule(scheduleOf(id), at + 1, at + hours * hourMs - 1);
  if (!shift || others.length > 0) throw new Error('That time is not one turn.');
  return shift.userId;
}

/** The first instant of tomorrow, by the simulator's clock. */
const tomorrow = (): number => Math.ceil(stage.simulator.world.clock.now / dayMs) * dayMs;
let spans = 0;
/** Four hours that nobody has overridden yet: three such times a day, off the hour at which turns change. */
function nextSpan(): { readonly from: string; readonly until: string; readonly at: number } {
  spans += 1;
  const at = tomorrow() + Math.floor(spans / 3) * dayMs + (10 + 4 * (spans % 3)) * hourMs;
  return { at, from: new Date(at).toISOString(), until: new Date(at + 4 * hourMs).toISOString() };
}
const rota = [users.ada, users.ben, users.cleo];

interface Play {
  readonly input: OverrideInput;
  readonly owner: string;
  readonly taker: string;
  readonly at: number;
}
/** Somebody takes a turn of the payments rota that is another's. */
function override(more: Partial<OverrideInput> = {}): Play {
  const { at, from, until } = nextSpan();
  const owner = holder(schedules.payments, at);
  const taker = rota.find((user) => user !== owner) ?? '';
  const input = { account, schedule: schedules.payments, from, until, taker: nameOf(taker), ...more };
  return { input, owner, taker, at };
}
/** Two people of the payments rota swap a day each. */
function swap(more: Partial<NonNullable<OverrideInput['back']>> = {}): Play & { readonly backAt: number } {
  const first = override();
  for (;;) {
    const { at: backAt, from, until } = nextSpan();
    if (holder(schedules.payments, backAt) !== first.taker) continue;
    return { ...first, backAt, input: { ...first.input, back: { from, until, ...more } } };
  }
}
/** Somebody of the payments rota and somebody of the platform rota swap a turn each. */
function swapAcross(): Play & { readonly backAt: number } {
  const { at, from, until } = nextSpan();
  const { at: backAt, ...back } = nextSpan();
  const taker = holder(schedules.platform, backAt);
  const input = {
    account,
    schedule: schedules.payments,
    from,
    until,
    taker,
    back: { from: back.from, until: back.until, schedule: schedules.platform },
  };
  return { input, owner: holder(schedules.payments, at), taker, at, backAt };
}
const start = (input: OverrideInput, agent = 'rota-bot') => stage.start(agent, 'overrideOrSwap', input);
/** Runs it with the words of these operators, one after the other. */
async function agreed(
  input: OverrideInput,
  by: readonly string[],
  agent = 'rota-bot',
): Promise<OverrideResult> {
  const run = await start(input, agent);
  for (const operator of by) await approveIn(stage, run, operator);
  return run.result();
}
const logged = async (): Promise<number> => (await stage.requests()).length;
const overridesOn = (id: string, { at }: Pick<Play, 'at'>) =>
  scheduleOf(id).overrides.filter(({ start: from }) => from === at);

/** From now on the agent may read schedules, and no more. */
const grantNoOverrides = (): void =>
  stage.editConfig((text) => text.replace(/( {2}rota-bot:\n[^]*?)schedules: full/, '$1schedules: read'));

/** Does something when the schedule is asked for the so manieth time from now on. */
function atLook(count: number, id: string, act: () => Promise<unknown> | void): void {
  let looks = 0;
  const stop = stage.beforeEach(`/schedules/${id}`, async (method) => {
    looks += method === 'GET' ? 1 : 0;
    if (looks !== count) return;
    stop();
    await act();
  });
}

describe('a turn that somebody takes over', () => {
  test('is shown before and after, planned, agreed to by the taker and applied as planned, and the final schedule shows it', async () => {
    const { input, owner, taker, at } = override();
    const { plan, preview, outcome } = await stage.run('rota-bot', 'overrideOrSwap', {
      ...input,
      plan: true,
    });
    if (!plan) throw new Error('There is no plan.');
    expect(outcome).toBe('done');
    // Both policies that page by the rota, the ledger's beside whom it pages as well.
    const span = { start: input.from, end: input.until };
    const platform = nameOf(holder(schedules.platform, at));
    expect(preview).toEqual([
      { policy: 'Payments on-call', level: 1, ...span, before: [nameOf(owner)], after: [nameOf(taker)] },
      {
        policy: 'Ledger on-call',
        level: 1,
        ...span,
        before: expect.toSatisfy((who: string[]) => sameNames(who, [nameOf(owner), platform])),
        after: expect.toSatisfy((who: string[]) => sameNames(who, [nameOf(taker), platform])),
      },
    ]);
    expect(plan).toMatchObject({
      guards: [],
      concerned: [
        { user: taker, as: 'taker' },
        { user: owner, as: 'owner' },
      ],
      needs: { people: 2 },
      left: [],
    });
    expect((await stage.run('rota-bot', 'overrideOrSwap', { ...input, plan: true })).plan?.hash).toBe(
      plan.hash,
    );
    const from = await logged();
    const result = await agreed({ ...input, apply: plan.hash }, [operatorOf(taker), 'lead']);
    expect(result).toMatchObject({
      outcome: 'done',
      verified: true,
      notChanged: [],
      hash: plan.hash,
      preview,
    });
    expect(result.summary).toMatch(
      new RegExp(
        `on Payments rota: ${nameOf(taker)} for ${nameOf(owner)}\\. The final schedule and who is on call show it\\.$`,
      ),
    );
    expect(result.next).toEqual([expect.stringMatching(new RegExp(`^Tell ${nameOf(owner)}: `))]);
    expect(await takenSince(stage, from)).toEqual(plannedWrites(plan));
    expect(holder(schedules.payments, at)).toBe(taker);
    expect(overridesOn(schedules.payments, { at })).toMatchObject([{ end: at + 4 * hourMs, userId: taker }]);
    // What surrounds it is as it was.
    expect(holder(schedules.payments, at - hourMs, 1)).toBe(owner);
    // A second time there is nothing to do; and it cannot be laid over.
    expect(await stage.run('rota-bot', 'overrideOrSwap', input)).toMatchObject({ outcome: 'failed' });
  });

  test('waits for the taker’s own word: another operator’s, the owner’s and a forged one bring it no further', async () => {
    const { input, owner, taker } = override();
    const from = await logged();
    const run = await start(input);
    const step = await theStepOf(stage, run);
    expect(step.sentence).toContain(`${nameOf(taker)} agrees (${operatorOf(taker)})`);
    expect(step.effect).toMatch(/whoever takes the shift is paged/);
    for (const other of ['lead', operatorOf(owner)])
      expect(await approveIn(stage, run, other)).toMatchObject({
        step: 'waits',
        sentence: expect.stringContaining(
          `does not stand in for that of ${nameOf(taker)}, who must agree too.`,
        ),
      });
    // The taker's name, signed with another's key.
    const forged = { ...stage.operator('lead'), name: operatorOf(taker) };
    const { approveStep } = await import('../../client/approvals.ts');
    expect(await approveStep(stage.client, forged, step)).toMatchObject({ step: 'waits' });
    await refuseIn(stage, run, 'I am away then');
    await endsUnwritten(
      stage,
      run,
      from,
      'approval_refused',
      /^Nothing was written: .*But lead refused it: I am away then\.$/,
    );
  });

  test('needs the taker alone where the agent works for whoever gives the turn away, and never takes that agent’s word for the taker', async () => {
    let play = override({ reason: 'A wedding.' });
    while (play.owner !== users.ada) play = override({ reason: 'A wedding.' });
    const run = await start(play.input, 'ada-bot');
    expect((await theStepOf(stage, run)).by).toEqual([operatorOf(play.taker)]);
    expect(await approveIn(stage, run, 'ada')).toMatchObject({ step: 'waits' });
    expect(await approveIn(stage, run, operatorOf(play.taker))).toMatchObject({ step: 'done' });
    expect(await run.result()).toMatchObject({ outcome: 'done', verified: true });
    const entry = (await stage.audit({ run: run.workflowId })).find(
      ({ operation, decision }) => operation === 'plan' && decision === 'asked',
    );
    expect(entry?.sentence).toContain('ada-bot');
  });

  test('is nobody’s to be agreed to where no operator is the taker, and says so before anything is asked', async () => {
    const { input } = override({ taker: 'fay@example.com' });
    const from = await logged();
    expect(await stage.run('rota-bot', 'overrideOrSwap', input)).toMatchObject({
      outcome: 'denied',
      summary: `Nothing was written: Fay Novak must agree, and the configuration has no operator who is ${users.fay} in PagerDuty`,
    });
    expect(await takenSince(stage, from)).toEqual([]);
  });

  test('stays as it is where the plan that was shown is refused', async () => {
    const { input, owner, taker, at } = override();
    const { plan } = await stage.run('rota-bot', 'overrideOrSwap', { ...input, plan: true });
    const from = await logged();
    const run = await start({ ...input, apply: plan?.hash ?? '' });
    await approveIn(stage, run, operatorOf(taker));
    await refuseIn(stage, run, 'it is a holiday');
    await endsUnwritten(
      stage,
      run,
      from,
      'approval_refused',
      /^Nothing was written: .*But lead refused it: it is a holiday\.$/,
    );
    expect(holder(schedules.payments, at)).toBe(owner);
    expect(overridesOn(schedules.payments, { at })).toEqual([]);
  });

  test('stays as it is where the grant is taken away between the plan and the word', async () => {
    const { input, owner, taker, at } = override();
    const { plan } = await stage.run('rota-bot', 'overrideOrSwap', { ...input, plan: true });
    const text = stage.configText();
    const from = await logged();
    const run = await start({ ...input, apply: plan?.hash ?? '' });
    await approveIn(stage, run, operatorOf(taker));
    try {
      grantNoOverrides();
      await approveIn(stage, run, 'lead');
      expect(await run.result()).toMatchObject({
        outcome: 'denied',
        summary: expect.stringMatching(/^Nothing was written: rota-bot may not override/),
        changed: [],
      });
      expect(
        await stage.run('rota-bot', 'overrideOrSwap', { ...input, apply: plan?.hash ?? '' }),
      ).toMatchObject({
        outcome: 'denied',
        summary: expect.stringMatching(
          /^Nothing was written: the plan [0-9a-f]{12} is not allowed any more: rota-bot may not override/,
        ),
      });
    } finally {
      stage.editConfig(() => text);
    }
    expect(await takenSince(stage, from)).toEqual([]);
    expect(holder(schedules.payments, at)).toBe(owner);
  });

  test('is denied where the grant does not cover the schedule, before anybody is asked', async () => {
    const { input } = override();
    const from = await logged();
    expect(await stage.run('platform-bot', 'overrideOrSwap', input)).toMatchObject({
      outcome: 'denied',
      summary: expect.stringMatching(
        /^Nothing was written: platform-bot may not override .*its grant covers PPLATFORMROTA/,
      ),
    });
    expect(await takenSince(stage, from)).toEqual([]);
  });

  test('needs whom the grant names beside the taker, whose word alone the write goes by', async () => {
    const { input, taker } = override();
    const run = await start(input, 'approved-bot');
    expect(await approveIn(stage, run, operatorOf(taker))).toMatchObject({ step: 'waits' });
    expect(await approveIn(stage, run, 'lead')).toMatchObject({ step: 'done' });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    const entry = (await stage.audit({ run: run.workflowId })).find(
      ({ operation, kind, decision }) =>
        operation === 'createScheduleOverride' && kind === 'entry' && decision === 'allowed',
    );
    expect(entry?.approvals?.map(({ operator }) => operator)).toEqual(['lead']);
  });

  test('needs somebody else’s word too where the taker is on call elsewhere then, or for longer than a day', async () => {
    const { at, from } = nextSpan();
    const owner = holder(schedules.payments, at);
    const taker = holder(schedules.platform, at);
    spans += 6;
    const input = {
      account,
      schedule: schedules.payments,
      from,
      until: new Date(at + 30 * hourMs).toISOString(),
      taker: `${operatorOf(taker)}@example.com`,
    };
    const { plan } = await stage.run('rota-bot', 'overrideOrSwap', { ...input, plan: true });
    expect(plan?.guards).toEqual([
      `${nameOf(taker)} gets 30 h in one piece`,
      expect.stringMatching(
        new RegExp(`^${nameOf(taker)} is on call in that time already \\(.*Platform on-call level 1.*\\)$`),
      ),
    ]);
    expect(plan?.needs?.by).not.toContain('nobody');
    expect(plan?.needs?.by).toContain(operatorOf(owner));
  });

  test('needs somebody else’s word too where the agent sees only a part of where the taker is on call then', async () => {
    const { input, taker } = override();
    const { plan } = await stage.run('payments-bot', 'overrideOrSwap', { ...input, plan: true });
    expect(plan?.guards).toEqual([
      `where else ${nameOf(taker)} is on call in that time is known only in part`,
    ]);
    expect(plan?.needs?.by).toContain('lead');
  });
});

describe('two turns that are swapped', () => {
  test('on one schedule change hands in one request, once both people agree', async () => {
    const { input, owner, taker, at, backAt } = swap();
    const from = await logged();
    const run = await start(input);
    expect(await approveIn(stage, run, operatorOf(taker))).toMatchObject({ step: 'waits' });
    expect(await approveIn(stage, run, 'lead')).toMatchObject({
      step: 'waits',
      sentence: expect.stringContaining(`does not stand in for that of ${nameOf(owner)}`),
    });
    expect(await approveIn(stage, run, operatorOf(owner))).toMatchObject({ step: 'done' });
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'done', verified: true, notChanged: [], next: [] });
    expect(result.changed).toEqual([
      expect.stringMatching(new RegExp(`: ${nameOf(taker)} for ${nameOf(owner)}\\.$`)),
      expect.stringMatching(new RegExp(`: ${nameOf(owner)} for ${nameOf(taker)}\\.$`)),
    ]);
    expect(await takenSince(stage, from)).toHaveLength(1);
    expect([holder(schedules.payments, at), holder(schedules.payments, backAt)]).toEqual([taker, owner]);
  });

  test('on two schedules change hands by one plan, and each policy shows it', async () => {
    const { input, owner, taker, at, backAt } = swapAcross();
    const result = await agreed(
      input,
      // Who gets a turn may have another one then: that is the lead's to say.
      [operatorOf(taker), 'lead', operatorOf(owner)],
    );
    expect(result).toMatchObject({ outcome: 'done', verified: true });
    expect([holder(schedules.payments, at), holder(schedules.platform, backAt)]).toEqual([taker, owner]);
    expect(new Set(result.preview?.map(({ policy }) => policy))).toEqual(
      new Set(['Payments on-call', 'Ledger on-call', 'Platform on-call']),
    );
  });

  test.each([
    ['one schedule', 1, () => swap()],
    ['two schedules', 2, () => swapAcross()],
  ] as const)('on %s are written exactly as they were shown before', async (_on, count, played) => {
    const { input, owner, taker, at, backAt } = played();
    const { plan } = await stage.run('rota-bot', 'overrideOrSwap', { ...input, plan: true });
    if (!plan) throw new Error('There is no plan.');
    expect(plan.writes).toHaveLength(count);
    const from = await logged();
    const run = await start({ ...input, apply: plan.hash });
    await approveIn(stage, run, operatorOf(taker));
    if (plan.guards.length > 0) await approveIn(stage, run, 'lead');
    expect(await takenSince(stage, from)).toEqual([]);
    await approveIn(stage, run, operatorOf(owner));
    expect(await run.result()).toMatchObject({
      outcome: 'done',
      verified: true,
      hash: plan.hash,
      notChanged: [],
    });
    expect(await takenSince(stage, from)).toEqual(plannedWrites(plan));
    const back = input.back?.schedule ?? schedules.payments;
    expect([holder(schedules.payments, at), holder(back, backAt)]).toEqual([taker, owner]);
  });

  test('of which the grant covers the second no longer are told as one half', async () => {
    const { input, owner, taker, at, backAt } = swapAcross();
    const text = stage.configText();
    stage.beforeNext('POST', `/schedules/${schedules.payments}/overrides`, async () => grantNoOverrides());
    try {
      const result = await agreed(input, [operatorOf(taker), 'lead', operatorOf(owner)]);
      expect(result).toMatchObject({
        outcome: 'partly',
        changed: [expect.stringMatching(new RegExp(`: ${nameOf(taker)} for ${nameOf(owner)}\\.$`))],
        notChanged: [{ why: expect.stringMatching(/^rota-bot may not override/) }],
        next: expect.arrayContaining([expect.stringMatching(/^Only one half of the swap stands: /)]),
      });
      expect([holder(schedules.payments, at), holder(schedules.platform, backAt)]).toEqual([taker, taker]);
      expect(overridesOn(schedules.platform, { at: backAt })).toEqual([]);
    } finally {
      stage.editConfig(() => text);
    }
  });

  test('of which PagerDuty refuses one are told as one half, and what to do about it', async () => {
    const { input, owner, taker, at, backAt } = swap();
    const { world } = stage.simulator;
    const person = world.users.get(owner);
    if (!person) throw new Error('There is none.');
    stage.beforeNext('POST', `/schedules/${schedules.payments}/overrides`, async () => {
      world.users.delete(owner);
      // It is read back with everybody there.
      atLook(1, schedules.payments, () => void world.users.set(owner, person));
    });
    const run = await start(input);
    await approveIn(stage, run, operatorOf(taker));
    await approveIn(stage, run, operatorOf(owner));
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'partly',
      changed: [expect.stringMatching(new RegExp(`: ${nameOf(taker)} for ${nameOf(owner)}\\.$`))],
      notChanged: [
        {
          what: expect.stringMatching(new RegExp(`: ${nameOf(owner)} for ${nameOf(taker)}\\.$`)),
          why: 'PagerDuty refused with 400: Override must have a valid user',
        },
      ],
      next: [
        'Only one half of the swap stands: take that override back in PagerDuty, or make the other half there.',
      ],
    });
    expect([
      overridesOn(schedules.payments, { at }),
      overridesOn(schedules.payments, { at: backAt }),
    ]).toMatchObject([[{ userId: taker }], []]);
  });
});

describe('a fault in the middle', () => {
  test('that passes is waited out, and the override is made once', async () => {
    const { input, taker, at } = override();
    await stage.fault({
      operation: 'createScheduleOverride',
      kind: 'rate_limited',
      retry_after_seconds: 0,
      times: 1,
    });
    await stage.fault({ operation: 'createScheduleOverride', kind: 'drop_response', times: 1 });
    expect(await agreed(input, [operatorOf(taker), 'lead'])).toMatchObject({
      outcome: 'done',
      verified: true,
    });
    expect(overridesOn(schedules.payments, { at })).toHaveLength(1);
  });

  test('that stays stops a swap on two schedules after its first half, and says which half stands', async () => {
    const { input, owner, taker, at, backAt } = swapAcross();
    await stage.fault({
      operation: 'createScheduleOverride',
      kind: 'status',
      status: 400,
      match: schedules.platform,
    });
    const result = await agreed(input, [operatorOf(taker), 'lead', operatorOf(owner)]);
    expect(result).toMatchObject({ outcome: 'partly', changed: [{}], notChanged: [{}] });
    expect(result.summary).toMatch(/It stopped: .*400/);
    expect(result.next).toContain(
      'Only one half of the swap stands: take that override back in PagerDuty, or make the other half there.',
    );
    expect([holder(schedules.payments, at), holder(schedules.platform, backAt)]).toEqual([taker, taker]);
  });

  test('after which somebody’s newer override hides ours ends partly: nobody can know, and it is not made again', async () => {
    const { input, taker, owner, at } = override();
    const over = rota.find((user) => user !== taker && user !== owner) ?? '';
    await stage.fault({ operation: 'createScheduleOverride', kind: 'drop_response', times: 1 });
    const run = await start(input);
    await approveIn(stage, run, operatorOf(taker));
    // The look for what the lost answer was about comes after the plan was repeated and compared.
    atLook(3, schedules.payments, () => layOver(input, over));
    await approveIn(stage, run, 'lead');
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'partly',
      summary: expect.stringMatching(
        /^Nobody has another turn than before.* cannot be known: .*It is not sent again\.$/,
      ),
      next: [
        expect.stringMatching(/^Look in PagerDuty who has .* on Payments rota before you do it again\.$/),
      ],
    });
    expect(overridesOn(schedules.payments, { at }).map(({ userId }) => userId)).toEqual([taker, over]);
  });

  test('in which somebody lays an override over ours right afterwards is no success', async () => {
    const { input, taker, owner } = override();
    const over = rota.find((user) => user !== taker && user !== owner) ?? '';
    const run = await start(input);
    await approveIn(stage, run, operatorOf(taker));
    atLook(3, schedules.payments, () => layOver(input, over));
    await approveIn(stage, run, 'lead');
    expect(await run.result()).toMatchObject({
      outcome: 'partly',
      verified: false,
      summary: expect.stringContaining('PagerDuty does not show it as it should be.'),
    });
  });
});

const layOver = ({ schedule, from, until }: OverrideInput, user: string): Promise<unknown> =>
  stage.asPerson('POST', `/schedules/${schedule}/overrides`, {
    overrides: [{ start: from, end: until, user: { id: user, type: 'user_reference' } }],
  });
function sameNames(some: readonly string[], others: readonly string[]): boolean {
  return some.toSorted().join() === others.toSorted().join();
}

describe('a plan that does not hold any more', () => {
  const someone = ({ owner, taker }: Play): string =>
    rota.find((user) => user !== owner && user !== taker) ?? '';
  const changed = (id: string, change: (was: Schedule) => Partial<Schedule>) => (): void =>
    void stage.simulator.world.schedules.set(id, { ...scheduleOf(id), ...change(scheduleOf(id)) });
  test.each([
    [
      'somebody else has made an override',
      (play: Play) => layOver(play.input, someone(play)),
      /has an override on Payments rota .* already/,
    ],
    [
      'the order of the rota has changed',
      (play: Play) =>
        changed(schedules.payments, ({ layers }) => ({
          layers: layers.map((layer) => ({ ...layer, userIds: [someone(play)] })),
        }))(),
      /no longer: Payments rota .*; new: Payments rota/,
    ],
    [
      'the schedule has moved to the shift-based kind',
      (_play: Play) => changed(schedules.payments, () => ({ kind: 'shifts' }))(),
      /Payments rota has moved to PagerDuty's shift-based kind, which is left alone here/,
    ],
    [
      'the taker is gone',
      ({ taker }: Play) => void stage.simulator.world.users.delete(taker),
      /PagerDuty has no user/,
    ],
    [
      'another policy pages by it',
      (_play: Play) => {
        const { world } = stage.simulator;
        const policy = world.policies.get(policies.platform);
        if (policy)
          world.policies.set(policy.id, {
            ...policy,
            rules: policy.rules.map((rule, index) =>
              index === 0
                ? {
                    ...rule,
                    targets: [...rule.targets, { type: 'schedule' as const, id: schedules.payments }],
                  }
                : rule,
            ),
          });
      },
      /new: pages by it: Platform on-call/,
    ],
    [
      'the taker has got another duty then',
      ({ input, taker }: Play) => layOver({ ...input, schedule: schedules.platform }, taker),
      /no longer: .*Ledger on-call level 1/,
    ],
  ])('because %s is not applied, and the run says what is different', async (_how, act, words) => {
    const play = override();
    const { plan } = await stage.run('rota-bot', 'overrideOrSwap', { ...play.input, plan: true });
    const { world } = stage.simulator;
    const [was, wasPolicies, wasUsers] = [
      new Map(world.schedules),
      new Map(world.policies),
      new Map(world.users),
    ];
    await Promise.resolve(act(play));
    try {
      const from = await logged();
      const result = await agreed({ ...play.input, apply: plan?.hash ?? '' }, [
        operatorOf(play.taker),
        'lead',
      ]);
      expect(result).toMatchObject({ outcome: 'yielded_to_human', changed: [] });
      expect(result.summary).toMatch(words);
      expect(await takenSince(stage, from)).toEqual([]);
    } finally {
      for (const [id, schedule] of was) world.schedules.set(id, schedule);
      for (const [id, policy] of wasPolicies) world.policies.set(id, policy);
      for (const [id, user] of wasUsers) world.users.set(id, user);
    }
  });

  test('since the very look before the write stops it there, too', async () => {
    const play = override();
    const run = await start(play.input);
    await approveIn(stage, run, operatorOf(play.taker));
    // The first look from here on repeats the plan; the second is that of the attempt that would send.
    atLook(2, schedules.payments, () => layOver(play.input, someone(play)));
    const from = await logged();
    await approveIn(stage, run, 'lead');
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'yielded_to_human',
      changed: [],
      summary: expect.stringMatching(/the turns of Payments rota have changed since the plan: /),
    });
    expect(
      (await takenSince(stage, from)).filter(({ operation }) => operation === 'createScheduleOverride'),
    ).toEqual([]);
    expect(overridesOn(schedules.payments, play).map(({ userId }) => userId)).toEqual([someone(play)]);
  });
});

describe('what is asked for and cannot be', () => {
  test.each([
    [
      'a shift-based schedule',
      (): Partial<OverrideInput> => ({ schedule: schedules.support }),
      /^Support shifts has moved to PagerDuty's shift-based kind/,
    ],
    [
      'a time that is over',
      () => ({ from: '2026-01-05T09:00:00Z', until: '2026-01-05T10:00:00Z' }),
      /is over\.$/,
    ],
    [
      'a time that PagerDuty tells nothing of',
      () => {
        const at = tomorrow() + 91 * dayMs;
        return { from: new Date(at).toISOString(), until: new Date(at + hourMs).toISOString() };
      },
      /too far ahead/,
    ],
    [
      'a taker whom PagerDuty does not know',
      () => ({ taker: 'Nobody Known' }),
      /^PagerDuty has no user Nobody Known\.$/,
    ],
    ['the runner’s own user as the taker', () => ({ taker: seedIds.from }), /is the runner's own user/],
    [
      'a swap of a turn that is not the taker’s',
      () => {
        const { at, from, until } = nextSpan();
        const back = { from, until };
        const [taker = ''] = rota.filter((user) => user !== holder(schedules.payments, at));
        return { taker, back };
      },
      /cannot give it in return|there is nothing to swap/,
    ],
  ])('%s is told, and nothing is written', async (_what, more, words) => {
    const play = override();
    const from = await logged();
    const result = await stage.run('rota-bot', 'overrideOrSwap', { ...play.input, ...more() });
    expect(result.outcome).toBe('failed');
    expect(result.summary).toMatch(words);
    expect(await takenSince(stage, from)).toEqual([]);
  });

  test('the turn that the taker has already is nothing to do', async () => {
    const { input, owner } = override();
    expect(await stage.run('rota-bot', 'overrideOrSwap', { ...input, taker: owner })).toMatchObject({
      outcome: 'nothing_to_do',
      verified: true,
    });
  });
});
