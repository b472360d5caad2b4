import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seedIds } from '../../simulator/seed-data.ts';
import type { OnboardInput, OnboardResult } from '../../workflows/contract.ts';
import { everything } from '../support/grants.ts';
import { endsUnwritten, plannedWrites, takenSince, type Write } from '../support/plans.ts';
import { checkoutKey, type Stage, setStage } from '../support/stage.ts';
import { approveIn, refuseIn, theStepOf } from '../support/words.ts';

const account = 'main';
const { users, schedules } = seedIds;

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'setup-bot': everything(),
      'policy-bot': `${everything()}\nescalation_policies.create: { level: full, when: { teams: [PDATA] } }`,
      'approved-bot': everything().replace('services: full', 'services: { level: full, approval: required }'),
    },
    operators: { lead: '', deputy: '' },
    simulator: { rateLimit: 0 },
    record: true,
  });
  await stage.startWorker();
});
afterAll(() => stage.close());
afterEach(() => stage.clearFaults());

let count = 0;
/** What a service needs, under names of its own each time. */
function spec(more: Partial<OnboardInput> = {}): OnboardInput {
  count += 1;
  return {
    account,
    team: {
      name: `Fraud ${count}`,
      members: [{ email: 'ada@example.com', role: 'responder' }, { email: 'Ben@example.com' }],
    },
    policy: {
      name: `Fraud on-call ${count}`,
      levels: [
        { minutes: 5, schedules: [schedules.payments] },
        { minutes: 10, users: ['fay@example.com'] },
      ],
    },
    service: { name: `Fraud checks ${count}`, urgency: 'severity_based' },
    ...more,
  };
}
const logged = async (): Promise<number> => (await stage.requests()).length;
const start = (input: OnboardInput, agent = 'setup-bot') => stage.start(agent, 'onboardService', input);
async function approved(input: OnboardInput, agent = 'setup-bot'): Promise<OnboardResult> {
  const run = await start(input, agent);
  await approveIn(stage, run);
  return run.result();
}
const named = <T extends { readonly name: string }>(
  all: ReadonlyMap<string, T>,
  name: string,
): T | undefined => [...all.values()].find((one) => one.name === name);
/** The writes of a plan with the ids of what was made. */
const withIds = (writes: readonly Write[], ids: Readonly<Record<string, string>>): unknown =>
  JSON.parse(
    Object.entries(ids).reduce(
      (text, [name, id]) => text.replaceAll(`"${name}"`, `"${id}"`),
      JSON.stringify(writes),
    ),
  );

describe('a service that there is none of', () => {
  test('is brought on call by one word on the whole plan: team, members, escalation policy, service, as planned', async () => {
    const input = spec();
    const { plan, checklist: before } = await stage.run('setup-bot', 'onboardService', {
      ...input,
      plan: true,
    });
    if (!plan) throw new Error('There is no plan.');
    expect(plan.writes.map(({ operation, decision, pages }) => [operation, decision, pages])).toEqual(
      ['createTeam', 'updateTeamUser', 'updateTeamUser', 'createEscalationPolicy', 'createService'].map(
        (operation) => [operation, 'allowed', []],
      ),
    );
    expect(plan).toMatchObject({ guards: ['it sets up who is paged'], needs: { people: 1 }, left: [] });
    expect(before?.map(({ state }) => state)).toEqual(['missing', 'missing', 'missing']);
    expect((await stage.run('setup-bot', 'onboardService', { ...input, plan: true })).plan?.hash).toBe(
      plan.hash,
    );
    const from = await logged();
    const result = await approved({ ...input, apply: plan.hash });
    expect(result).toMatchObject({
      outcome: 'done',
      summary: '5 of 5 steps are done.',
      notChanged: [],
      hash: plan.hash,
    });
    const [team, policy, service] = [
      named(stage.simulator.world.teams, input.team.name),
      named(stage.simulator.world.policies, input.policy.name),
      named(stage.simulator.world.services, input.service.name),
    ];
    if (!team || !policy || !service) throw new Error('Something is missing.');
    expect(await takenSince(stage, from)).toEqual(
      withIds(plannedWrites(plan), { NEWTEAM: team.id, NEWPOLICY: policy.id }),
    );
    expect(team.members).toEqual([
      { userId: users.ada, role: 'responder' },
      { userId: users.ben, role: 'manager' },
    ]);
    expect(policy).toMatchObject({ teamId: team.id, numLoops: 1 });
    expect(policy.rules.map(({ targets }) => targets.map(({ id }) => id))).toEqual([
      [schedules.payments],
      [users.fay],
    ]);
    expect(service).toMatchObject({
      policyId: policy.id,
      acknowledgementTimeout: 1_800,
      autoResolveTimeout: null,
    });
    expect(result.checklist).toEqual([
      { what: `team ${input.team.name}`, state: 'made', id: team.id, link: expect.any(String) },
      {
        what: `escalation policy ${input.policy.name}`,
        state: 'made',
        id: policy.id,
        link: expect.any(String),
      },
      { what: `service ${input.service.name}`, state: 'made', id: service.id, link: expect.any(String) },
      {
        what: expect.stringMatching(/^somebody is on call: (Ada Adler|Ben Okafor|Cleo Marin)$/),
        state: 'there',
      },
      {
        what: expect.stringMatching(/^Put a routing key of Fraud checks \d+ into oncall\.yaml/),
        state: 'to do',
      },
    ]);
    // A second time there is nothing to do, and nothing is written.
    const again = await logged();
    expect(await stage.run('setup-bot', 'onboardService', input)).toMatchObject({
      outcome: 'nothing_to_do',
      summary: 'All of it is there already.',
    });
    expect(await takenSince(stage, again)).toEqual([]);
  });

  test('is not set up where the word is refused', async () => {
    const input = spec();
    const from = await logged();
    const run = await start(input);
    expect((await theStepOf(stage, run)).sentence).toMatch(
      /once one of lead and deputy approves it: it sets up who is paged\.$/,
    );
    await refuseIn(stage, run, 'the names are wrong');
    expect(await run.result()).toMatchObject({
      outcome: 'approval_refused',
      summary: expect.stringMatching(/^Nothing was written: .*But lead refused it: the names are wrong\.$/),
      checklist: [{ state: 'missing' }, { state: 'missing' }, { state: 'missing' }],
    });
    expect(await takenSince(stage, from)).toEqual([]);
  });

  test('is not begun where a later step is denied, and the sentence says which', async () => {
    const input = spec();
    const from = await logged();
    expect(await stage.run('policy-bot', 'onboardService', input)).toMatchObject({
      outcome: 'denied',
      summary: expect.stringMatching(
        /^Nothing was written: policy-bot may not create an escalation policy .*its grant covers PDATA\.$/,
      ),
    });
    expect(await takenSince(stage, from)).toEqual([]);
  });

  test('needs one word where a grant asks for it too: it counts for what is made with ids that nobody knew', async () => {
    const input = spec();
    const run = await start(input, 'approved-bot');
    expect(await approveIn(stage, run)).toMatchObject({ step: 'done' });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    const entry = (await stage.audit({ run: run.workflowId })).find(
      ({ operation, decision, kind }) =>
        operation === 'createService' && decision === 'allowed' && kind === 'entry',
    );
    expect(entry?.approvals).toMatchObject([{ operator: 'lead' }]);
  });
});

describe('a fault in the middle', () => {
  test('that passes is waited out, and each step is done once', async () => {
    const input = spec();
    await stage.fault({ operation: 'createTeam', kind: 'rate_limited', retry_after_seconds: 0, times: 1 });
    await stage.fault({ operation: 'createService', kind: 'drop_response', times: 1 });
    expect(await approved(input)).toMatchObject({ outcome: 'done', summary: '5 of 5 steps are done.' });
    for (const [all, name] of [
      [stage.simulator.world.teams, input.team.name],
      [stage.simulator.world.services, input.service.name],
    ] as const)
      expect([...all.values()].filter((one) => one.name === name)).toHaveLength(1);
  });

  test('that stays stops the run there; what is made stays, is listed, and the next run goes on from it', async () => {
    const input = spec();
    await stage.fault({ operation: 'createEscalationPolicy', kind: 'status', status: 400 });
    const broken = await approved(input);
    expect(broken).toMatchObject({
      outcome: 'partly',
      summary: expect.stringMatching(/^3 of 5 steps are done\. It stopped: .*400/),
      checklist: [{ state: 'made' }, { state: 'missing' }, { state: 'missing' }],
    });
    expect(broken.notChanged.map(({ what }) => what)).toEqual([
      `Create escalation policy ${input.policy.name}`,
      `Create service ${input.service.name}`,
    ]);
    expect(broken.next).toContain('Mend that, then run it again: it goes on from there.');
    await stage.clearFaults();
    const from = await logged();
    expect(await approved(input)).toMatchObject({
      outcome: 'done',
      summary: '2 of 2 steps are done.',
      checklist: [{ state: 'there' }, { state: 'made' }, { state: 'made' }, {}, {}],
    });
    expect((await takenSince(stage, from)).map(({ operation }) => operation)).toEqual([
      'createEscalationPolicy',
      'createService',
    ]);
  });
});

describe('what comes in between', () => {
  test('a grant that is taken away stops the run at the step that it covered; the next run goes on from there', async () => {
    const input = spec();
    const text = stage.configText();
    stage.beforeNext('POST', '/teams', async () =>
      stage.editConfig((was) =>
        was.replace(/( {2}setup-bot:\n[^]*?)escalation_policies: full/, '$1escalation_policies: read'),
      ),
    );
    const from = await logged();
    try {
      expect(await approved(input)).toMatchObject({
        outcome: 'partly',
        summary: expect.stringMatching(
          /^3 of 5 steps are done\. It stopped: setup-bot may not create an escalation policy/,
        ),
        checklist: [{ state: 'made' }, { state: 'missing' }, { state: 'missing' }],
      });
    } finally {
      stage.editConfig(() => text);
    }
    expect((await takenSince(stage, from)).map(({ operation }) => operation)).toEqual([
      'createTeam',
      'updateTeamUser',
      'updateTeamUser',
    ]);
    expect(named(stage.simulator.world.policies, input.policy.name)).toBeUndefined();
    expect(named(stage.simulator.world.services, input.service.name)).toBeUndefined();
    expect(await approved(input)).toMatchObject({ outcome: 'done', summary: '2 of 2 steps are done.' });
  });

  test('a service of that name that somebody makes at the last moment stays theirs, and is found by the next run', async () => {
    const input = spec();
    stage.beforeNext('POST', '/services', () =>
      makeService(input, named(stage.simulator.world.policies, input.policy.name)?.id ?? ''),
    );
    expect(await approved(input)).toMatchObject({
      outcome: 'partly',
      summary: expect.stringMatching(/^4 of 5 steps are done\. It stopped: .*400/),
      checklist: [{ state: 'made' }, { state: 'made' }, { state: 'missing' }],
    });
    const ofThatName = [...stage.simulator.world.services.values()].filter(
      ({ name }) => name === input.service.name,
    );
    expect(ofThatName).toMatchObject([{ description: 'by hand' }]);
    const from = await logged();
    expect(await stage.run('setup-bot', 'onboardService', input)).toMatchObject({
      outcome: 'nothing_to_do',
      summary: 'All of it is there already.',
      checklist: [{ state: 'there' }, { state: 'there' }, { state: 'there', id: ofThatName[0]?.id }, {}, {}],
    });
    expect(await takenSince(stage, from)).toEqual([]);
  });

  test('a service of that name that somebody makes while the word is waited for: nothing is written', async () => {
    const input = spec();
    const from = await logged();
    const run = await start(input);
    await theStepOf(stage, run);
    await makeService(input, seedIds.policies.payments);
    await approveIn(stage, run);
    await endsUnwritten(stage, run, from, 'yielded_to_human', /no longer: service Fraud checks \d+: none/);
    expect(named(stage.simulator.world.teams, input.team.name)).toBeUndefined();
  });
});
const makeService = ({ service: { name } }: OnboardInput, policy: string): Promise<unknown> =>
  stage.asPerson('POST', '/services', {
    service: {
      type: 'service',
      name,
      description: 'by hand',
      escalation_policy: { id: policy, type: 'escalation_policy_reference' },
    },
  });
function paymentsRota() {
  const rota = stage.simulator.world.schedules.get(schedules.payments);
  if (!rota) throw new Error('The seed world has lost the payments rota.');
  return rota;
}
const renameRota = (name: string): void =>
  void stage.simulator.world.schedules.set(schedules.payments, { ...paymentsRota(), name });

describe('a plan that does not hold any more', () => {
  test.each([
    [
      'the team is made by somebody',
      (input: OnboardInput) =>
        stage.asPerson('POST', '/teams', { team: { type: 'team', name: input.team.name } }),
      /no longer: team Fraud \d+: none/,
    ],
    [
      'the escalation policy is made by somebody',
      ({ policy: { name } }: OnboardInput) =>
        stage.asPerson('POST', '/escalation_policies', {
          escalation_policy: {
            type: 'escalation_policy',
            name,
            escalation_rules: [
              {
                escalation_delay_in_minutes: 30,
                targets: [{ id: users.fay, type: 'user_reference' }],
              },
            ],
          },
        }),
      /no longer: escalation policy Fraud on-call \d+: none/,
    ],
    [
      'the service is made by somebody',
      (input: OnboardInput) => makeService(input, seedIds.policies.payments),
      /no longer: service Fraud checks \d+: none/,
    ],
    [
      'its schedule has another name',
      (_input: OnboardInput) => renameRota('Refunds rota'),
      /new: schedule PPAYMENTSROTA: Refunds rota/,
    ],
    [
      'a member leaves',
      (_input: OnboardInput) =>
        void stage.simulator.world.users.set(users.ben, { ...ben(), email: 'gone@example.com' }),
      /PagerDuty has no user ben@example\.com/,
    ],
    [
      'a member may only read',
      (_input: OnboardInput) =>
        void stage.simulator.world.users.set(users.ben, { ...ben(), role: 'read_only_user' }),
      /new: user ben@example\.com: PBEN, read_only_user/,
    ],
  ])('because %s is not applied, and the run says so', async (_how, act, words) => {
    const input = spec();
    const { plan } = await stage.run('setup-bot', 'onboardService', { ...input, plan: true });
    const was = ben();
    const { name: rota } = paymentsRota();
    await Promise.resolve(act(input));
    try {
      const from = await logged();
      const result = await approved({ ...input, apply: plan?.hash ?? '' });
      expect(result).toMatchObject({ outcome: 'yielded_to_human', changed: [] });
      expect(result.summary).toMatch(words);
      expect(await takenSince(stage, from)).toEqual([]);
    } finally {
      stage.simulator.world.users.set(users.ben, was);
      renameRota(rota);
    }
  });
});
/** The test event goes to a service that is there, by a policy that is there. */
const testing = (): OnboardInput =>
  spec({
    policy: { ...spec().policy, name: 'Payments on-call' },
    service: { name: 'Checkout API', urgency: 'severity_based' },
    testKey: 'checkout',
  });

test('a test event that would page others than the plan names is not sent, nor anything before it', async () => {
  const input = testing();
  const { plan } = await stage.run('setup-bot', 'onboardService', { ...input, plan: true });
  const paged = plan?.writes.find(({ step }) => step === 'Trigger the test event')?.pages.join() ?? '';
  expect(paged).toMatch(/^(Ada Adler|Ben Okafor|Cleo Marin)$/);
  const from = await logged();
  const run = await start({ ...input, apply: plan?.hash ?? '' });
  await theStepOf(stage, run);
  const rota = paymentsRota();
  const [since, until] = [-1, 1].map((hours) => new Date(Date.now() + hours * 3_600_000).toISOString());
  await stage.asPerson('POST', `/schedules/${rota.id}/overrides`, {
    overrides: [{ start: since, end: until, user: { id: users.fay, type: 'user_reference' } }],
  });
  try {
    await approveIn(stage, run);
    await endsUnwritten(
      stage,
      run,
      from,
      'yielded_to_human',
      new RegExp(`no longer: the test event pages ${paged}; new: the test event pages Fay Novak\\.`),
    );
  } finally {
    stage.simulator.world.schedules.set(rota.id, rota);
  }
});

test('where nobody is on call at the first level, the plan names whom PagerDuty pages in their stead', async () => {
  const { schedules: rotas } = stage.simulator.world;
  const rota = paymentsRota();
  rotas.set(rota.id, { ...rota, layers: [] });
  try {
    const { plan } = await stage.run('setup-bot', 'onboardService', { ...testing(), plan: true });
    const { pages } = plan?.writes.find(({ step }) => step === 'Trigger the test event') ?? {};
    expect(pages).toEqual(['Fay Novak']);
  } finally {
    rotas.set(rota.id, rota);
  }
});

function ben() {
  const user = stage.simulator.world.users.get(users.ben);
  if (!user) throw new Error('The seed world has lost Ben.');
  return user;
}

test('what is there is never changed: a service on another policy is left, and a reader gets no role', async () => {
  const input = spec();
  const was = ben();
  stage.simulator.world.users.set(users.ben, { ...was, role: 'read_only_user' });
  const result = await approved({ ...input, service: { name: 'Checkout API', urgency: 'high' } });
  stage.simulator.world.users.set(users.ben, was);
  expect(result).toMatchObject({
    outcome: 'partly',
    notChanged: [
      { what: 'Ben Okafor in the team', why: 'a read_only_user cannot have a role in a team' },
      {
        what: 'the service Checkout API',
        why: expect.stringMatching(/^it is there, and goes to escalation policy PPAYMENTSONCALL/),
      },
    ],
  });
  expect(stage.simulator.world.services.get(seedIds.services.checkout)?.policyId).toBe(
    seedIds.policies.payments,
  );
});

test('a service that is there gets a test event, which says whether it arrives, and is resolved', async () => {
  const input = spec({ service: { name: 'Checkout API', urgency: 'severity_based' }, testKey: 'checkout' });
  const run = await start({ ...input, policy: { ...input.policy, name: 'Payments on-call' } });
  const step = await theStepOf(stage, run);
  expect(step.effect).toMatch(/a trigger may page whoever is on call for it/);
  await approveIn(stage, run);
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'done' });
  const [incident] = stage.simulator.world.incidentIndex.byKey(`onboard ${seedIds.services.checkout}`);
  expect(incident).toMatchObject({
    serviceId: seedIds.services.checkout,
    status: 'resolved',
    urgency: 'low',
  });
  expect(result.checklist?.at(-1)).toEqual({
    what: `test event: incident #${incident?.number} was opened by it and is resolved`,
    state: 'there',
  });
});

test('a test event is part of the plan, and is sent as it was shown', async () => {
  const input = testing();
  const { plan } = await stage.run('setup-bot', 'onboardService', { ...input, plan: true });
  if (!plan) throw new Error('There is no plan.');
  expect(plan.writes.map(({ operation }) => operation)).toEqual([
    'createTeam',
    'updateTeamUser',
    'updateTeamUser',
    'enqueueEvent',
    'enqueueEvent',
  ]);
  const from = await logged();
  expect(await approved({ ...input, apply: plan.hash })).toMatchObject({
    outcome: 'done',
    summary: '5 of 5 steps are done.',
    hash: plan.hash,
  });
  const team = named(stage.simulator.world.teams, input.team.name);
  // The routing key has a name in the plan, and is sent by the Worker alone.
  const withoutKey = ({ operation, ids, body }: Write): Write => {
    const { routing_key: _key, ...rest } = (body ?? {}) as { readonly routing_key?: string };
    return { operation, ids, body: rest };
  };
  expect((await takenSince(stage, from)).map(withoutKey)).toEqual(
    withIds(plannedWrites(plan).map(withoutKey), { NEWTEAM: team?.id ?? '' }),
  );
  expect(JSON.stringify(plan)).not.toContain(checkoutKey);
});
