import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { listOrders } from '../../client/standing.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import type { Incident } from '../../simulator/model.ts';
import { responder } from '../support/grants.ts';
import { type Proxy, startProxy } from '../support/proxy.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import {
  post,
  type Receiver,
  type Subscribed,
  signalsOf,
  signature,
  startReceiver,
  subscribe,
  written,
} from '../support/webhooks.ts';

const account = 'main';
let stage: Stage;
let proxy: Proxy;
let server: Receiver;
let subscribed: Subscribed;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'triage-bot': responder(),
      'note-bot': 'incidents: read\nincidents.add_note: full',
      'page-bot': 'incidents: read\nincidents.create: { level: full, when: { services: [PCHECKOUT] } }',
    },
  });
  stage.editConfig(
    (text) => `${text}
standing:
  noted: { on: incident.triggered, services: [PCHECKOUT], workflow: addNote, agent: note-bot, input: { note: The order has seen it. } }
`,
  );
  await stage.startWorker();
  proxy = await startProxy(inject('temporalAddress'));
  server = await startReceiver(stage, { address: proxy.address });
  subscribed = await subscribe(stage, server.url);
});
afterAll(async () => {
  await server.stop();
  await proxy.close();
  await stage.close();
});

const found = (id: string): Incident => {
  const incident = stage.simulator.world.incident(id);
  if (!incident) throw new Error(`There is no incident ${id}.`);
  return incident;
};
const notesOf = (id: string): readonly string[] => found(id).notes.map(({ content }) => content);
const isNoted = (id: string): boolean =>
  notesOf(id).some((note) => note.startsWith('The order has seen it.'));
const acknowledge = (id: string): Promise<unknown> =>
  stage.asPerson('PUT', `/incidents/${id}`, {
    incident: { type: 'incident_reference', status: 'acknowledged' },
  });
/** What the simulator delivered about an incident, and how each attempt was answered. */
const deliveriesOf = (id: string, type: string) =>
  stage.simulator.deliveries
    .list()
    .filter(({ resourceId, eventType }) => resourceId === id && eventType === type);
const statusesOf = (id: string, type = 'incident.triggered'): readonly (number | null)[] =>
  deliveriesOf(id, type).flatMap(({ attempts }) => attempts.map(({ status }) => status));
/** Whatever is due is sent, and what was refused is due again after some seconds of the simulator's. */
async function retry(): Promise<void> {
  await stage.simulator.deliveries.idle();
  stage.simulator.world.clock.advance(15);
  await stage.simulator.deliveries.idle();
}
const portOf = ({ url }: Receiver): number => Number(new URL(url).port);

test('an event starts the run of a standing order, which acts as the order’s agent', async () => {
  const id = await stage.trigger();
  await until('the order has noted', () => isNoted(id));
  const run = await stage.client.workflow.getHandle(`note:main:${id}:noted`).describe();
  expect(run.searchAttributes).toMatchObject({
    OncallAgent: ['note-bot'],
    OncallAccount: ['main'],
    OncallIncident: [id],
  });
  expect(run.raw.workflowExecutionInfo?.priority).toMatchObject({ priorityKey: 3, fairnessKey: 'note-bot' });
  const entries = (await stage.audit({ run: run.workflowId })).filter(({ kind }) => kind === 'entry');
  expect(entries.length).toBeGreaterThan(0);
  for (const entry of entries)
    expect(entry).toMatchObject({ agent: 'note-bot', via: 'standing order noted', decision: 'allowed' });
  expect(statusesOf(id)).toEqual([202]);
  const policy = parsePolicy(stage.configText());
  // The list of runs is some moments old.
  const listed = await until('the list of orders has the run and its end', async () => {
    const [order] = await listOrders(stage.client, policy, async () => undefined);
    return order?.last !== null && order?.running.length === 0 && order;
  });
  expect(listed).toMatchObject({
    name: 'noted',
    state: 'on events',
    last: { run: run.workflowId, state: 'done' },
  });
});

test('an open run is woken: a person who acts has the incident at once', async () => {
  const id = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', {
    account,
    incident: id,
    assess: 'rules',
  });
  await until('it is held', () => found(id).acknowledgements.length > 0);
  await acknowledge(id);
  expect(await run.result()).toMatchObject({
    outcome: 'yielded_to_human',
    summary: expect.stringMatching(/Ada .*has acknowledged it/),
  });
});

test('a run that opened its incident itself is woken too', async () => {
  const known = new Set(stage.simulator.world.incidents.keys());
  const open = { service: 'PCHECKOUT', title: 'The payment provider has announced an outage' };
  const run = await stage.start('page-bot', 'waitForHumanAck', { account, open, levelSeconds: 600 });
  const id = await until('it is open', () =>
    [...stage.simulator.world.incidents.keys()].find((one) => !known.has(one)),
  );
  await until('it is listed with its incident', async () => {
    const query = `WorkflowType = 'waitForHumanAck' and OncallIncident = '${id}'`;
    for await (const { workflowId } of stage.client.workflow.list({ query }))
      if (workflowId === run.workflowId) return true;
    return false;
  });
  // The list that a receiver has asked for within the last second may not name it yet: a new one asks anew.
  const port = portOf(server);
  await server.stop();
  server = await startReceiver(stage, { address: proxy.address, port });
  await acknowledge(id);
  expect(await run.result()).toMatchObject({
    outcome: 'done',
    acknowledgedBy: expect.stringMatching(/^Ada/),
  });
});

test('a change to a service wakes the runs about it', async () => {
  const id = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', {
    account,
    incident: id,
    assess: 'rules',
  });
  await until('it is listed with its service', async () => {
    const query = `WorkflowId = '${run.workflowId}' and OncallService = 'PCHECKOUT'`;
    for await (const _ of stage.client.workflow.list({ query })) return true;
    return false;
  });
  const service = { type: 'service', description: `Changed at ${Date.now()}` };
  await stage.asPerson('PUT', '/services/PCHECKOUT', { service });
  await until('it has heard of it', async () =>
    (await signalsOf(stage.client, run.workflowId)).some(({ type }) => type === 'service.updated'),
  );
  await stage.client.workflow.getHandle(run.workflowId).cancel();
  await expect(run.result()).rejects.toThrow();
});

test('an event that is delivered again after the receiver was started anew acts no second time', async () => {
  const id = await stage.trigger();
  await until('the order has noted', () => isNoted(id));
  const [delivery] = deliveriesOf(id, 'incident.triggered');
  const { body = '' } = delivery ?? {};
  const workflowId = `note:main:${id}:noted`;
  const first = await stage.client.workflow.getHandle(workflowId).describe();
  await stage.client.workflow.getHandle(workflowId).result();
  const port = portOf(server);
  await server.stop();
  server = await startReceiver(stage, { address: proxy.address, port });
  const sign = { 'x-pagerduty-signature': signature(body, subscribed.secret) };
  expect(await post(server.url, body, sign)).toBe(202);
  const second = await until('a second run has ended', async () => {
    const run = await stage.client.workflow.getHandle(workflowId).describe();
    return run.runId !== first.runId && run.status.name !== 'RUNNING' && run;
  });
  expect(await stage.client.workflow.getHandle(workflowId, second.runId).result()).toMatchObject({
    outcome: 'denied',
    summary: expect.stringMatching(
      /the standing order noted has started another run for the incident \w+ already/,
    ),
  });
  expect(notesOf(id)).toHaveLength(1);
});

test('of many at once each acts once, also where the receiver is gone before they are brought on', async () => {
  const ids: string[] = [];
  await stage.asPerson('DELETE', `/webhook_subscriptions/${subscribed.id}`, undefined);
  const handedOver = async (): Promise<number> =>
    (await stage.client.workflow.count("WorkflowType = 'bringEvents'")).count;
  /** Sends some to a receiver that ends at once. */
  async function sendMany(round: number): Promise<void> {
    const own = await startReceiver(stage, { address: proxy.address });
    const some: string[] = [];
    for (let index = 0; index < 24; index += 1)
      some.push(await stage.trigger({ key: `many-${round}-${index}` }));
    const statuses = await Promise.all(
      some.map((id) => {
        const body = written({
          id: `many ${id}`,
          type: 'incident.triggered',
          data: { id, type: 'incident', service: { id: 'PCHECKOUT', type: 'service_reference' } },
        });
        return post(own.url, body, { 'x-pagerduty-signature': signature(body, subscribed.secret) });
      }),
    );
    await own.stop();
    expect(new Set(statuses)).toEqual(new Set([202]));
    ids.push(...some);
  }
  // A machine that is quick with each of them hands none over.
  let round = 0;
  await until('some were handed over', async () => {
    round += 1;
    await sendMany(round);
    return (await handedOver()) > 0;
  });
  await until('the order has noted on each', () => ids.every(isNoted));
  for (const id of ids) expect(notesOf(id)).toHaveLength(1);
  subscribed = await subscribe(stage, server.url);
});

test('what came while Temporal was away is brought by PagerDuty’s retry', async () => {
  await proxy.refuse();
  const id = await stage.trigger();
  await stage.simulator.deliveries.idle();
  expect(statusesOf(id)).toEqual([503]);
  const health = await fetch(`${server.url}/health`);
  expect([health.status, await health.json()]).toEqual([
    503,
    expect.objectContaining({
      ok: false,
      wrong: [expect.stringMatching(/^Temporal cannot take anything now: /)],
    }),
  ]);
  await proxy.pass();
  await until('the retry was taken', async () => {
    await retry();
    return statusesOf(id).at(-1) === 202;
  });
  await until('the order has noted', () => isNoted(id));
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

test('what came while the receiver was down is brought by PagerDuty’s retry', async () => {
  const port = portOf(server);
  await server.stop();
  const id = await stage.trigger();
  await stage.simulator.deliveries.idle();
  expect(statusesOf(id)).toEqual([null]);
  server = await startReceiver(stage, { address: proxy.address, port });
  await retry();
  expect(statusesOf(id)).toEqual([null, 202]);
  await until('the order has noted', () => isNoted(id));
});

test('a secret is rotated without a delivery lost, whichever side knows the new one first', async () => {
  const secrets = webhookSecretsIn(stage.home, account);
  const control = (what: string): Promise<unknown> =>
    stage.asPerson('POST', `/_simulator/webhook_subscriptions/${subscribed.id}/${what}`, {});
  const triggered = async (): Promise<string> => {
    const id = await stage.trigger();
    await stage.simulator.deliveries.idle();
    return id;
  };
  // PagerDuty signs with both, and we know the old one.
  const { secret } = (await control('rotate')) as { secret: string };
  expect(statusesOf(await triggered())).toEqual([202]);
  // It signs with the new one alone, which we do not know yet: nothing is dropped.
  await control('retire');
  const early = await triggered();
  expect(statusesOf(early)).toEqual([503]);
  secrets.keep('PNEXT', secret);
  await retry();
  expect(statusesOf(early)).toEqual([503, 202]);
  // We know the new one alone.
  secrets.forget(subscribed.id);
  const late = await triggered();
  expect(statusesOf(late)).toEqual([202]);
  for (const id of [early, late]) await until('the order has noted', () => isNoted(id));
});
