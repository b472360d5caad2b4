import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkSubscriptions } from '../../client/check-subscriptions.ts';
import { subscriptionsAs } from '../../client/operator-subscriptions.ts';
import { arrivesAt, healthAt } from '../../client/receiver-health.ts';
import { rotateSubscription, type Subscriptions, type Wanted } from '../../client/subscriptions.ts';
import { type WebhookSecrets, webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import { followedEvents } from '../../pagerduty/webhooks.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { type Receiver, startReceiver } from '../support/webhooks.ts';

const account = 'main';
let stage: Stage;
let server: Receiver;
let subscriptions: Subscriptions;
let secrets: WebhookSecrets;
let wanted: Wanted;
beforeAll(async () => {
  stage = await setStage({
    agents: { 'triage-bot': responder() },
    operators: { lead: '' },
    simulator: { rateLimit: 0 },
  });
  stage.editConfig(
    (text) => `${text}
standing:
  night: { on: incident.triggered, services: [PCHECKOUT], workflow: triageIncident, agent: triage-bot }
`,
  );
  await stage.startWorker();
  server = await startReceiver(stage);
  secrets = webhookSecretsIn(stage.home, account);
  subscriptions = subscriptionsAs(stage.client, stage.operator('lead'), account);
  wanted = {
    filter: { type: 'account_reference' },
    events: followedEvents,
    url: `${server.url}/webhooks/main`,
    description: 'The feed',
  };
});
afterAll(async () => {
  await server.stop();
  await stage.close();
});
beforeEach(() => {
  const { world } = stage.simulator;
  for (const one of world.subscriptions.list()) world.subscriptions.remove(one);
  for (const { subscription } of secrets.list()) secrets.forget(subscription);
});

/** How long a ping that will not come is waited for. */
const shortMs = 600;
const arrives =
  (withinMs = 30_000) =>
  (id: string) =>
    arrivesAt(server.url, account, id, () => subscriptions.ping(id), withinMs);
const rotate = (id: string, said: string[] = [], withinMs?: number) =>
  rotateSubscription(
    { subscriptions, secrets, arrives: arrives(withinMs), say: (line) => said.push(line) },
    id,
  );
const simulated = (id: string) => {
  const found = stage.simulator.world.subscriptions.get(id);
  if (!found) throw new Error(`There is no subscription ${id}.`);
  return found;
};
const idsIn = () => stage.simulator.world.subscriptions.list().map(({ id }) => id);
const create = async (change: Partial<Wanted> = {}) => {
  const made = await subscriptions.create({ ...wanted, ...change });
  const { id } = made.subscription;
  // What is rotated away is looked for at the end all the same.
  stage.guard(`the secret of ${id}`, readFileSync(made.file, 'utf8'));
  return { ...made, id };
};

describe('a subscription that an operator makes', () => {
  test('has its secret in a file of the Worker, and an event comes in with it', async () => {
    const { id, file } = await create();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toBe(simulated(id).secrets[0]);
    expect(secrets.list().map(({ subscription }) => subscription)).toEqual([id]);
    const incident = await stage.trigger();
    const run = await until('the order has started its run', () =>
      stage.client.workflow
        .getHandle(`triage:main:${incident}`)
        .result()
        .catch(() => false as const),
    );
    expect(run).toMatchObject({ outcome: 'done' });
    const [entry] = (await stage.audit()).filter(
      ({ operation }) => operation === 'createWebhookSubscription',
    );
    expect(entry).toMatchObject({ agent: 'lead', decision: 'allowed' });
  });

  test('cannot be made where its secret could not be kept: nothing reaches PagerDuty', async () => {
    const before = idsIn();
    const blocked = `${stage.home}/webhook-secrets`;
    secrets.prepare();
    renameSync(blocked, `${blocked}.away`);
    writeFileSync(blocked, '');
    try {
      await expect(subscriptions.create(wanted)).rejects.toThrow(
        /was not sent: the secret that PagerDuty tells only once could not be kept \(E\w+\)\. Let the Worker write/,
      );
    } finally {
      rmSync(blocked);
      renameSync(`${blocked}.away`, blocked);
    }
    expect(idsIn()).toEqual(before);
  });

  test('whose secret cannot be kept after all is told to be deleted, and is not made twice', async () => {
    // What PagerDuty calls it is known before, so that something can stand in the way of its file.
    const last = stage.simulator.world.newId('P');
    const next = `${last.slice(0, -7)}${(Number.parseInt(last.slice(-7), 36) + 1).toString(36).padStart(7, '0')}`;
    const id = next.toUpperCase();
    mkdirSync(join(secrets.folder, id), { recursive: true });
    try {
      const failed = subscriptions.create(wanted);
      await expect(failed).rejects.toThrow(
        new RegExp(`subscription ${id}, but its secret, .* could not be kept \\(E\\w+\\)`),
      );
      await expect(failed).rejects.toThrow(new RegExp(`Delete the webhook subscription ${id}: nobody knows`));
    } finally {
      rmSync(join(secrets.folder, id), { recursive: true });
    }
    expect(idsIn()).toEqual([id]);
    stage.guard(`the secret of ${id}`, simulated(id).secrets[0] ?? '');
    const outcomes = (await stage.audit()).filter(({ decision }) => decision === 'unknown');
    expect(outcomes).toMatchObject([{ sentence: expect.stringMatching(/could not be kept \(E\w+\)\.$/) }]);
  });

  test('is refused to an agent, with the gate’s sentence', async () => {
    const asAgent = subscriptionsAs(stage.client, stage.agent('triage-bot'), account);
    await expect(asAgent.create(wanted)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/^triage-bot may not create a webhook subscription/),
    });
  });

  test('is listed, switched on and off, and deleted', async () => {
    const { id } = await create();
    await subscriptions.update(id, { active: false });
    expect(await subscriptions.list()).toMatchObject([
      { id, active: false, delivery_method: { secret: null } },
    ]);
    await subscriptions.remove(id);
    expect(await subscriptions.list()).toEqual([]);
  });
});

describe('a rotation', () => {
  test('puts a new one in the place of the old, once its ping has come in', async () => {
    const { id } = await create();
    const said: string[] = [];
    const rotated = await rotate(id, said);
    expect(idsIn()).toEqual([rotated.id]);
    expect(simulated(rotated.id)).toMatchObject({
      events: followedEvents,
      filter: { type: 'account' },
      url: wanted.url,
      description: `The feed [in place of ${id}]`,
    });
    expect(secrets.list().map(({ file }) => file)).toEqual([rotated.file]);
    expect(said.at(-1)).toBe(`The ping of ${rotated.id} came in.`);
    const again = await rotate(rotated.id);
    expect(simulated(again.id).description).toBe(`The feed [in place of ${rotated.id}]`);
  });

  test('that died after it had made the new one goes on from there', async () => {
    const { id } = await create();
    const { id: next } = await create({ description: `The feed [in place of ${id}]` });
    const { id: kept } = await rotate(id);
    expect([kept, idsIn()]).toEqual([next, [next]]);
  });

  test('that died before the new secret was kept begins anew', async () => {
    const { id } = await create();
    const { id: lost } = await create({ description: `The feed [in place of ${id}]` });
    secrets.forget(lost);
    const said: string[] = [];
    const { id: next } = await rotate(id, said);
    expect(idsIn()).toEqual([next]);
    expect(next).not.toBe(lost);
    expect(said[0]).toBe(
      `Deleted ${lost}, which was to take the place of ${id}: its secret got lost on the way.`,
    );
  });

  test('that died after it had deleted the old one has nothing left to do', async () => {
    const { id } = await create();
    const { id: next } = await create({ description: `The feed [in place of ${id}]` });
    await subscriptions.remove(id);
    expect(await rotate(id)).toMatchObject({ id: next });
    expect(idsIn()).toEqual([next]);
    expect(secrets.list().map(({ subscription }) => subscription)).toEqual([next]);
  });

  test('keeps the old one where the ping of the new one does not come in', async () => {
    const { id } = await create();
    const { id: next } = await create({
      description: `The feed [in place of ${id}]`,
      url: 'http://127.0.0.1:1/webhooks/main',
    });
    await expect(rotate(id, [], shortMs)).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringMatching(new RegExp(`^The ping of ${next} did not come in, so ${id} stays`)),
    });
    expect(idsIn()).toEqual([id, next]);
  });

  test('of one with custom headers is left to people: PagerDuty tells nobody what they hold', async () => {
    const { webhook_subscription: made } = (await stage.asPerson('POST', '/webhook_subscriptions', {
      webhook_subscription: {
        ...wanted,
        type: 'webhook_subscription',
        delivery_method: {
          type: 'http_delivery_method',
          url: wanted.url,
          custom_headers: [{ name: 'X-Own', value: 'of-the-receiver' }],
        },
      },
    })) as { webhook_subscription: { id: string } };
    await expect(rotate(made.id)).rejects.toThrow(/has custom headers, .* by hand in PagerDuty/);
    await expect(rotate('PNONE')).rejects.toThrow(/There is no webhook subscription PNONE/);
  });

  test('loses no event that happens meanwhile, and acts on none twice', async () => {
    const { id } = await create();
    const incidents: string[] = [];
    const rotating = rotate(id);
    for (let count = 0; count < 8; count += 1) incidents.push(await stage.trigger());
    await rotating;
    incidents.push(await stage.trigger());
    for (const incident of incidents) {
      const handle = stage.client.workflow.getHandle(`triage:main:${incident}`);
      await until('the order has started its run', () =>
        handle
          .describe()
          .then(() => true)
          .catch(() => false),
      );
    }
    // Each was told by one subscription or by two, and made one run.
    for (const incident of incidents) {
      let runs = 0;
      const query = `WorkflowId = 'triage:main:${incident}'`;
      for await (const _ of stage.client.workflow.list({ query })) runs += 1;
      expect(runs).toBe(1);
    }
  });
});

describe('a check of the feed', () => {
  const check = async (change: Partial<Parameters<typeof checkSubscriptions>[0]> = {}) => {
    const { findings } = await checkSubscriptions({
      subscriptions,
      account,
      url: wanted.url,
      events: followedEvents,
      kept: secrets.list(),
      arrives: arrives(),
      now: Date.now(),
      ...change,
    });
    return findings;
  };
  const wordsOf = async (...args: Parameters<typeof check>) =>
    (await check(...args)).map(({ subscription, what }) => `${subscription}: ${what}`);

  test('finds nothing where all is well', async () => {
    await create();
    expect(await check()).toEqual([]);
    expect(await check({ url: undefined })).toEqual([]);
  });

  test('finds that nothing delivers to us', async () => {
    await create({ url: `${server.url}/webhooks/other` });
    expect(await check({ url: undefined })).toMatchObject([
      {
        what: 'no subscription delivers to any address that ends in /webhooks/main',
        mend: expect.stringMatching(
          /^oncall webhook-subscriptions create --account main --all-services --url/,
        ),
      },
    ]);
  });

  test('finds what is switched off, by whom, and mends it', async () => {
    const { id } = await create();
    await subscriptions.update(id, { active: false });
    const [off] = await check();
    expect(off?.what).toBe('somebody has switched it off');
    await off?.fix?.(subscriptions);
    simulated(id).disabledUntil = Date.now() + 3_600_000;
    const [disabled] = await check();
    expect(disabled?.what).toMatch(/^PagerDuty has switched it off for a day/);
    await disabled?.fix?.(subscriptions);
    expect(await check()).toEqual([]);
  });

  test('finds events that are not told, and adds them', async () => {
    const { id } = await create({ events: ['incident.triggered', 'incident.priority_updated'] });
    const [missing] = await check();
    expect(missing).toMatchObject({
      subscription: id,
      what: `it tells nothing of ${followedEvents.slice(1).join(', ')}`,
    });
    await missing?.fix?.(subscriptions);
    expect(simulated(id).events).toEqual([
      'incident.triggered',
      'incident.priority_updated',
      ...followedEvents.slice(1),
    ]);
    expect(await check()).toEqual([]);
  });

  test('finds a secret that the receiver does not know, by a ping that does not come in', async () => {
    const { id } = await create();
    secrets.forget(id);
    expect(await check({ arrives: arrives(shortMs) })).toMatchObject([
      {
        subscription: id,
        what: 'a ping that PagerDuty was asked for did not come in',
        mend: expect.stringMatching(new RegExp(`not kept here: .* rotate it \\(oncall .* rotate ${id} `)),
      },
    ]);
  });

  test('finds a secret that is old', async () => {
    const { id, file } = await create();
    utimesSync(file, new Date(), new Date(Date.now() - 400 * 86_400_000));
    expect(await wordsOf()).toEqual([`${id}: its secret is 400 days old`]);
  });

  test('finds that there is no room for a rotation, and one that was not brought to its end', async () => {
    const { id } = await create();
    await create({ description: `The feed [in place of ${id}]` });
    const [first] = await check();
    expect(first?.what).toMatch(/was made to take its place, and the rotation was not brought to its end$/);
    for (let count = 2; count < 10; count += 1)
      await stage.asPerson('POST', '/webhook_subscriptions', {
        webhook_subscription: {
          ...wanted,
          type: 'webhook_subscription',
          delivery_method: { type: 'http_delivery_method', url: 'http://127.0.0.1:1/' },
        },
      });
    expect((await wordsOf()).filter((words) => words.startsWith(id))[0]).toMatch(
      /no more than 10 subscriptions of the whole account, so this one cannot be rotated$/,
    );
  });

  test('says where no receiver of ours answers', async () => {
    await expect(healthAt('http://127.0.0.1:1')).rejects.toThrow(/^No receiver of ours answers at/);
  });
});
