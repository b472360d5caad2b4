import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachOf } from '../../bench/waiting.ts';
import { type IncidentEvent, parseWebhook, type Webhook } from '../../pagerduty/webhooks.ts';
import type { Incident } from '../../simulator/model.ts';
import { followerIds, incidentChanged, type Known, type RunResult } from '../../workflows/contract.ts';
import { notesMark, stateOf } from '../../workflows/state.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { knownTo, sweepIncidents, untilListed } from '../support/sweeps.ts';
import { until } from '../support/until.ts';
import { campaign, tell } from './campaign.ts';

// PagerDuty's time is the simulator's, and stands still but where it is moved; Temporal's is real. A sweep comes where its Schedule
// would have it at the latest, a minute after the one before. What a run knows after that one sweep, it knew within 75 seconds;
// how long the sweep and its runs really took is measured and printed, and depends on the machine.

const account = 'main';

/** The Schedule's interval, in seconds. */
const minute = 60;

/** How long runs have for their reading after a sweep, on however busy a machine, in milliseconds. */
const patienceMs = 90_000;

/** What a person can do to an incident. */
const kinds = [
  'acknowledge',
  'resolve',
  'reassign',
  'escalate',
  'lower the urgency',
  'note',
  'stop',
  'mine',
] as const;
type Kind = (typeof kinds)[number];
const people = ['ada', 'eva', 'cyrus'] as const;

interface Act {
  readonly kind: Kind;
  readonly by: (typeof people)[number];
  /** Which of the incidents. */
  readonly of: number;
}

/** What makes no run step back, so that it goes on and must be brought up to date. */
const quiet = ['lower the urgency', 'note'] as const;

/**
 * Acts on incidents in three groups: a third is acted upon while the feed loses a tenth, a third in the hour in which nobody
 * listens, and of the last third people only write and change the urgency, so that its runs go on to the end.
 */
const act = (incidents: number, group: 0 | 1): fc.Arbitrary<Act> => {
  const third = Math.floor(incidents / 3);
  const on = (kind: fc.Arbitrary<Kind>, of: fc.Arbitrary<number>): fc.Arbitrary<Act> =>
    fc.record({ kind, by: fc.constantFrom(...people), of });
  return fc.oneof(
    on(fc.constantFrom(...kinds), fc.integer({ min: group * third, max: (group + 1) * third - 1 })),
    on(fc.constantFrom(...quiet), fc.integer({ min: 0, max: incidents - 1 })),
  );
};

/** How an event fares on its way to us. */
type Road = 'lossy' | 'down';

/** Names an event by what the incident's log knows of it, which is seconds. */
const eventKey = (incident: string, type: string, at: number): string =>
  `${incident} ${type} ${Math.floor(at / 1_000)}`;

interface Feed {
  readonly url: string;
  road: Road;
  readonly counts: { delivered: number; dropped: number; refused: number };
  /** Events that came through: see `eventKey`. */
  readonly told: Set<string>;
  readonly close: () => Promise<void>;
}

/** Stands between PagerDuty and the receiver: takes a tenth of the deliveries and brings them nowhere, or is not there at all. */
async function startFeed(
  take: (webhook: Webhook | undefined) => Promise<number>,
  first: number,
): Promise<Feed> {
  const told = new Set<string>();
  const counts = { delivered: 0, dropped: 0, refused: 0 };
  const takeIn = (body: Buffer): Promise<number> => {
    const webhook = parseWebhook(body);
    if (webhook?.incident !== undefined)
      told.add(eventKey(webhook.incident, webhook.type, Date.parse(webhook.occurredAt)));
    return take(webhook);
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (feed.road === 'down') {
        counts.refused += 1;
        response.destroy();
        return;
      }
      const isLost = (counts.delivered + counts.dropped) % 10 === first;
      counts[isLost ? 'dropped' : 'delivered'] += 1;
      const answer = isLost ? Promise.resolve(202) : takeIn(Buffer.concat(chunks));
      void answer.then(
        (status) => response.writeHead(status).end(),
        () => response.destroy(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const feed: Feed = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    road: 'lossy',
    counts,
    told,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return feed;
}

/** What the receiver does with an event that starts nothing. */
const deliver =
  ({ client }: Stage) =>
  async (webhook: Webhook | undefined): Promise<number> => {
    if (webhook?.incident === undefined) return 202;
    const { id: event, type, occurredAt, incident } = webhook;
    for (const id of followerIds({ account, incident }))
      await client.workflow
        .getHandle(id)
        .signal(incidentChanged, { event, type, occurredAt })
        .catch(() => {});
    return 202;
  };

interface Followed {
  readonly id: string;
  readonly workflowId: string;
  /** Log entries and notes that were there when the run began to follow. */
  readonly began: { readonly log: number; readonly notes: number };
}

interface World {
  readonly stage: Stage;
  readonly feed: Feed;
  readonly followed: readonly Followed[];
  /** Ids of the log entries of acts that left the incident as it was: only their webhook tells of them. */
  readonly traceless: Set<string>;
  readonly close: () => Promise<void>;
}

/** A company with so many incidents, a run following each, and webhooks under way. */
async function setUp(incidents: number): Promise<World> {
  const stage = await setStage({
    agents: { 'triage-bot': responder('1h') },
    simulator: { clockSpeed: 0, rateLimit: 0 },
    record: true,
  });
  await stage.startWorker();
  const feed = await startFeed(deliver(stage), campaign.seed % 10);
  const followed: Followed[] = [];
  await eachOf(
    Array.from({ length: incidents }, (_, index) => index),
    8,
    async (index) => {
      const id = await stage.trigger({
        key: `feed-${index}`,
        summary: `feed ${'abcdefghij'.charAt(index % 10)} ${index}`,
      });
      // A third holds its incident, the others wait for their client.
      const assess = index % 3 === 0 ? 'rules' : 'client';
      const { workflowId } = await stage.start('triage-bot', 'respondToIncident', {
        account,
        incident: id,
        assess,
        presenceSeconds: 3_600,
        watchSeconds: 0,
      });
      await until(`${workflowId} follows`, async () => {
        const known = await knownTo(stage.client, workflowId);
        return assess === 'rules' ? known?.notes?.startsWith('1 ') : known;
      });
      const { log, notes } = incidentOf(stage, id);
      followed.push({ id, workflowId, began: { log: log.length, notes: notes.length } });
    },
  );
  await stage.asPerson('POST', '/webhook_subscriptions', {
    webhook_subscription: {
      type: 'webhook_subscription',
      events: [
        'triggered',
        'acknowledged',
        'unacknowledged',
        'resolved',
        'escalated',
        'reassigned',
        'annotated',
      ].map((type) => `incident.${type}`),
      filter: { type: 'account_reference' },
      delivery_method: { type: 'http_delivery_method', url: feed.url },
    },
  });
  return {
    stage,
    feed,
    followed,
    traceless: new Set(),
    close: async () => {
      await feed.close();
      await stage.close();
    },
  };
}

function incidentOf({ simulator }: Stage, id: string): Incident {
  const incident = simulator.world.incident(id);
  if (!incident) throw new Error(`The simulator has no incident ${id}.`);
  return incident;
}

/** Does what a person does; gives whether PagerDuty took it. What makes no sense any more it refuses. */
async function perform({ stage, followed, traceless }: World, { kind, by, of }: Act): Promise<boolean> {
  const { id } = followed[of] ?? {};
  if (id === undefined) return false;
  const incident = incidentOf(stage, id);
  const from = `${by}@example.com`;
  if (incident.status === 'resolved' && kind !== 'note') return false;
  const put = (change: object): Promise<unknown> =>
    stage.asPerson('PUT', `/incidents/${id}`, { incident: { type: 'incident_reference', ...change } }, from);
  const note = (content: string): Promise<unknown> =>
    stage.asPerson('POST', `/incidents/${id}/notes`, { note: { content } }, from);
  const does: Readonly<Record<Kind, () => Promise<unknown>>> = {
    acknowledge: () => put({ status: 'acknowledged' }),
    resolve: () => put({ status: 'resolved' }),
    reassign: () =>
      put({ assignments: [{ assignee: { id: by === 'eva' ? 'PADA' : 'PEVA', type: 'user_reference' } }] }),
    escalate: () => put({ escalation_level: 2 }),
    'lower the urgency': () => put({ urgency: incident.urgency === 'high' ? 'low' : 'high' }),
    note: () => note(`It began after release ${incident.notes.length}.`),
    stop: () => note('stop'),
    mine: () => note('mine'),
  };
  const before = incident.log.length;
  const was = truthOf(incident).state;
  try {
    await does[kind]();
  } catch (error) {
    if (!/ answered 400/.test(String(error))) throw error;
    return false;
  }
  const fresh = incident.log.slice(before);
  if (truthOf(incident).state === was) for (const entry of fresh) traceless.add(entry.id);
  return fresh.length > 0;
}

/** The line by which runs and the sweep compare an incident, of what PagerDuty really has. */
const truthOf = (incident: Incident): { readonly state: string; readonly notes: string } => ({
  state: stateOf({
    status: incident.status,
    urgency: incident.urgency,
    service: { id: incident.serviceId },
    escalation_policy: { id: incident.path.policyId },
    assignments: incident.assignments.map(({ userId }) => ({ assignee: { id: userId } })),
    acknowledgements: incident.acknowledgements.map(({ by }) => ({ acknowledger: { id: by.id } })),
  }),
  notes: notesMark({ count: incident.notes.length, newest: incident.notes.at(-1)?.id ?? null }),
});

/** Runs that listen and do not know how their incident is. */
async function behind({ stage, followed }: World): Promise<readonly string[]> {
  const faults: string[] = [];
  await eachOf(followed, 16, async ({ id, workflowId }) => {
    const known: Known | undefined = await knownTo(stage.client, workflowId);
    // Who listens no more has stepped back, and is judged by what it ended with.
    if (!known) return;
    const truth = truthOf(incidentOf(stage, id));
    if (known.state !== truth.state)
      faults.push(`${workflowId} knows ${known.state}, and it is ${truth.state}`);
    else if (known.notes !== truth.notes)
      faults.push(`${workflowId} knows notes ${known.notes}, and it is ${truth.notes}`);
  });
  return faults;
}

/** Sweeps once; gives how long it took until every run knew, in real seconds, and what is still unknown when patience ends. */
async function sweepOnce(
  world: World,
  patience = patienceMs,
): Promise<{ readonly seconds: number; readonly woken: number; readonly faults: readonly string[] }> {
  await world.stage.simulator.deliveries.idle();
  await eachOf(world.followed, 16, async ({ workflowId }) => {
    await untilListed(world.stage.client, workflowId);
  });
  const began = Date.now();
  const { woken, left } = await sweepIncidents(world.stage.client);
  const notes = left.filter((sentence) => sentence.startsWith('Notes are still'));
  let faults = await behind(world);
  while (faults.length > 0 && Date.now() - began < patience) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    faults = await behind(world);
  }
  return { seconds: (Date.now() - began) / 1000, woken: woken.length, faults: [...faults, ...notes] };
}

/** What a run says that people and PagerDuty did, and what of the log has to be there for it. */
const claims: readonly {
  readonly says: RegExp;
  readonly isTrue: (
    incident: Incident,
    began: Followed['began'],
    name: string,
    nameOf: (id: string) => string,
  ) => boolean;
}[] = [
  ...(
    [
      ['has acknowledged it', ['acknowledge']],
      ['has resolved it', ['resolve']],
      ['has reassigned it', ['assign']],
      ['has escalated it', ['escalate']],
      ['has un-acknowledged it', ['unacknowledge']],
      ['has opened it again', ['trigger', 'acknowledge']],
    ] as const
  ).map(([words, types]) => ({
    says: new RegExp(`([A-Z][\\w ]+?) ${words}`),
    isTrue: (incident: Incident, began: Followed['began'], name: string, nameOf: (id: string) => string) =>
      incident.log
        .slice(began.log)
        .some(
          ({ type, cause }) =>
            (types as readonly string[]).includes(type) &&
            (nameOf(cause.agent.id) === name || (name === 'PagerDuty' && cause.channel === 'timeout')),
        ),
  })),
  ...(
    [
      ['wrote “stop”', 'stop'],
      ['takes it: “mine”', 'mine'],
    ] as const
  ).map(([words, text]) => ({
    says: new RegExp(`([A-Z][\\w ]+?) ${words}`),
    isTrue: (incident: Incident, began: Followed['began'], name: string, nameOf: (id: string) => string) =>
      incident.notes
        .slice(began.notes)
        .some(({ content, userId }) => content === text && nameOf(userId) === name),
  })),
];
/** The acts of people on which a run steps back, each with the event that tells of it. */
const steppedBackOn: Readonly<Record<string, IncidentEvent>> = {
  acknowledge: 'incident.acknowledged',
  resolve: 'incident.resolved',
  assign: 'incident.reassigned',
  escalate: 'incident.escalated',
};

const saysUnknown = /who did it could not be read/;

/** How a run ended, held against PagerDuty's own log. */
async function judge(
  { stage, feed, traceless }: World,
  { id, workflowId, began }: Followed,
): Promise<{
  readonly faults: readonly string[];
  readonly ended: boolean;
  readonly named: number;
  readonly unknown: number;
}> {
  const handle = stage.client.workflow.getHandle(workflowId);
  const incident = incidentOf(stage, id);
  const { users, services } = stage.simulator.world;
  const nameOf = (one: string): string => users.get(one)?.name ?? services.get(one)?.name ?? one;
  const isPerson = (one: string): boolean => users.has(one) && one !== 'PBOT';
  const log = incident.log.slice(began.log);
  // What a person did while nobody listened may be over: PagerDuty took the acknowledge back, or went on to the next level. Where the
  // incident then stands as the run knows it, the run has nothing to hear.
  const sinceTimeOut = log.slice(log.findLastIndex(({ cause }) => cause.channel === 'timeout') + 1);
  // Nor has it where the incident is as it was and the webhook was lost.
  const acts = sinceTimeOut.filter(({ id: entry, type, at, cause }) => {
    const event = steppedBackOn[type];
    if (event === undefined || !isPerson(cause.agent.id)) return false;
    return !traceless.has(entry) || feed.told.has(eventKey(id, event, at));
  });
  const answers = incident.notes
    .slice(began.notes)
    .filter(({ content }) => ['stop', 'mine'].includes(content));
  const faults: string[] = [];
  if (await knownTo(stage.client, workflowId)) {
    if (acts.length + answers.length > 0)
      faults.push(
        `${workflowId} goes on, and a person has ${acts[0]?.type ?? `written “${answers[0]?.content}”`}: ${log.map(({ type, cause }) => `${type} by ${nameOf(cause.agent.id)} (${cause.channel})`).join(', ')}`,
      );
    const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    const noted = [...currentDetails.matchAll(/UTC (.+?) noted: “(.+?)”/g)];
    for (const [, name = '', text = ''] of noted)
      if (!incident.notes.some(({ content, userId }) => content === text && nameOf(userId) === name))
        faults.push(`${workflowId} has heard a note that nobody wrote: ${name}: ${text}`);
    return { faults, ended: false, named: noted.length, unknown: 0 };
  }
  const { summary, outcome } = (await handle.result()) as RunResult;
  const isUnknown = saysUnknown.test(summary);
  const said = claims.flatMap(({ says, isTrue }) => {
    const [, name] = says.exec(summary) ?? [];
    return name === undefined ? [] : [{ name, holds: isTrue(incident, began, name, nameOf) }];
  });
  for (const { name, holds } of said)
    if (!holds) faults.push(`${workflowId} says what ${name} did, and the log has it not: ${summary}`);
  if (said.length === 0 && !isUnknown)
    faults.push(`${workflowId} ended (${outcome}) and says of nobody why: ${summary}`);
  return { faults, ended: true, named: said.length, unknown: isUnknown ? 1 : 0 };
}

/** So much happens in a campaign. */
const size = campaign.isShort
  ? { incidents: 18, minutes: 3, acts: 36 }
  : { incidents: 90, minutes: 20, acts: 300 };

test('whatever is lost on the way, every run knows how its incident is within 75 seconds', {
  timeout: 3_600_000,
}, async () => {
  const world = await setUp(size.incidents);
  const { stage, feed, followed } = world;
  const { clock } = stage.simulator.world;
  const counts = { acts: 0, sweeps: 0, woken: 0, named: 0, unknown: 0, ended: 0, listening: 0 };
  const faults: string[] = [];
  const slowest = { seconds: 0 };
  const swept = async (what: string): Promise<void> => {
    const { seconds, woken, faults: unknown } = await sweepOnce(world);
    counts.sweeps += 1;
    counts.woken += woken;
    slowest.seconds = Math.max(slowest.seconds, seconds);
    faults.push(...unknown.map((fault) => `${what}: ${fault}`));
  };
  try {
    // A feed that loses a tenth, swept every minute.
    const lossy = fc.sample(act(size.incidents, 0), { seed: campaign.seed, numRuns: size.acts });
    const each = Math.ceil(size.acts / size.minutes);
    for (let at = 0; at < lossy.length; at += each) {
      for (const one of lossy.slice(at, at + each)) if (await perform(world, one)) counts.acts += 1;
      clock.advance(minute);
      await swept(`minute ${at / each + 1}`);
    }
    // An hour in which nothing of ours hears anything: no receiver, no sweep.
    feed.road = 'down';
    const unheard = fc.sample(act(size.incidents, 1), { seed: campaign.seed + 1, numRuns: size.acts });
    for (let passed = 0; passed < 60; passed += 1) {
      const from = Math.floor((passed * unheard.length) / 60);
      for (const one of unheard.slice(from, Math.floor(((passed + 1) * unheard.length) / 60)))
        if (await perform(world, one)) counts.acts += 1;
      clock.advance(minute);
      await stage.simulator.deliveries.idle();
    }
    // Back again. Of some, PagerDuty does not say who did what: then nobody is named.
    feed.road = 'lossy';
    const some = campaign.isShort ? 2 : 6;
    await stage.fault({ operation: 'listIncidentLogEntries', kind: 'status', status: 403, times: some });
    clock.advance(minute);
    await swept('after the hour');
    await stage.clearFaults();

    for (const one of followed) {
      const { faults: wrong, ended, named, unknown } = await judge(world, one);
      faults.push(...wrong);
      counts.named += named;
      counts.unknown += unknown;
      counts[ended ? 'ended' : 'listening'] += 1;
    }
    const idle = tell('The feed', {
      'incidents that runs follow': followed.length,
      'acts of people': counts.acts,
      deliveries: feed.counts.delivered,
      'of them lost': feed.counts.dropped,
      'refused while we were away': feed.counts.refused,
      sweeps: counts.sweeps,
      'runs that a sweep woke': counts.woken,
      'runs that stepped back': counts.ended,
      'runs that still listen': counts.listening,
      'acts told by name': counts.named,
      'acts of which nobody is named': counts.unknown,
    });
    console.log(
      `The last run knew ${slowest.seconds.toFixed(1)} s after its sweep began, which a Schedule begins every ${minute} s.`,
    );
    expect(faults.join('\n')).toBe('');
    expect(idle).toEqual([]);
  } finally {
    await world.close();
  }
});

test('the campaign turns red where the sweep is shown what was, and not what is', {
  timeout: 600_000,
}, async () => {
  const world = await setUp(6);
  const { stage, feed } = world;
  try {
    const list = (await stage.asPerson(
      'GET',
      '/incidents?date_range=all&statuses[]=triggered&statuses[]=acknowledged&limit=100',
      undefined,
    )) as object;
    feed.road = 'down';
    for (let of = 0; of < 6; of += 1)
      await perform(world, { kind: of % 2 === 0 ? 'lower the urgency' : 'acknowledge', by: 'ada', of });
    stage.answerInstead(/^\/incidents$/, list);
    const { faults } = await sweepOnce(world, 1_000);
    expect(faults).toHaveLength(6);
  } finally {
    await world.close().catch(() => {});
  }
});
