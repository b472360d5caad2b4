import type { Hono } from 'hono';
import { inject } from 'vitest';
import { webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import { eventsWithService, eventTypes, followedEvents } from '../../pagerduty/webhooks.ts';
import { searchAttributes } from '../../workflows/contract.ts';
import { startProxy } from './proxy.ts';
import { randomOf } from './random.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';
import { post, type Receiver, signalsOf, signature, startReceiver, written } from './webhooks.ts';

/** The order that the campaign's configuration must have: what an accepted forgery would start. */
export const campaignOrder =
  'standing:\n  checkout: { on: incident.triggered, services: [PCHECKOUT], workflow: triageIncident, agent: triage-bot }\n';

/** What befalls deliveries. The first ones are no delivery of PagerDuty's; the others are, and none of them may be lost. */
const kinds = [
  'forged',
  'unsigned',
  'truncated',
  'truncated to other JSON',
  're-encoded',
  'oversized',
  'oversized without a length',
  'of an unknown type',
  'of a wrong secret',
  'duplicated at once',
  'duplicated later',
  'replayed',
  'signed by two secrets',
  'out of order',
  'duplicated after a restart',
  'while Temporal is away',
  'while Temporal is slow',
  'while the receiver is down',
] as const;
type Kind = (typeof kinds)[number];

/** What takes the receiver or Temporal from all others as well. */
const alone: ReadonlySet<Kind> = new Set([
  'duplicated after a restart',
  'while Temporal is away',
  'while Temporal is slow',
  'while the receiver is down',
]);

export interface CampaignOptions {
  readonly seed: number;
  /** Each has six events. */
  readonly incidents: number;
  readonly planted?: (app: Hono, secrets: () => readonly string[]) => Pick<Hono, 'fetch'>;
}

export interface Campaign {
  /** How often each kind was tried. */
  readonly counts: Readonly<Record<string, number>>;
  /** What went wrong, a sentence each. */
  readonly faults: readonly string[];
}

/** An event that PagerDuty tells. */
interface Told {
  readonly id: string;
  readonly type: string;
  readonly incident: string;
  readonly service: string;
  readonly body: string;
  /** Whether the Signal may stand twice in a history: nobody could know that it had arrived. */
  mayRepeat: boolean;
}

const oldSecret = 'whsec-campaign-old-0123456789abcdef';
const newSecret = 'whsec-campaign-new-fedcba9876543210';

/** How long a slow Temporal is waited for here. */
const answersWithinMs = 600;

/**
 * Delivers webhooks as PagerDuty does, until each is taken, with everything in between that could go wrong; and looks, in the
 * histories of the runs, at what was acted upon. No Worker takes part: what a history has is what the receiver brought.
 */
export async function runCampaign(
  stage: Stage,
  { seed, incidents, planted }: CampaignOptions,
): Promise<Campaign> {
  const random = randomOf(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const secrets = webhookSecretsIn(stage.home, 'main');
  const faults: string[] = [];
  const counts: Record<string, number> = { answers: 0, retries: 0, starts: 0, signals: 0, ages: 0 };
  for (const kind of kinds) counts[kind] = 0;
  const count = (what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1;
  };

  // The world: incidents, some with a run that follows them, and their events in any order.
  const prefix = `Q${seed.toString(36).toUpperCase()}`;
  const told: Told[] = [];
  const followed = new Map<string, string>();
  for (let index = 0; index < incidents; index += 1) {
    const incident = `${prefix}I${index}`;
    const service = pick(['PCHECKOUT', 'PLEDGER']);
    if (random() < 0.6) followed.set(incident, service);
    const types = [0, 1, 2, 3, 4].map((turn) => eventTypes[(index * 5 + turn) % eventTypes.length] ?? '');
    for (const [turn, type] of [
      'incident.triggered',
      ...types.filter((one) => !/triggered/.test(one)),
    ].entries())
      told.push(tell(`${prefix}E${index}T${turn}`, type, incident, service));
  }
  for (const [incident, service] of followed) {
    await stage.client.workflow.start('respondToIncident', {
      workflowId: `respond:main:${incident}`,
      taskQueue: 'oncall',
      args: [{ account: 'main', incident, assess: 'rules' }],
      typedSearchAttributes: [
        { key: searchAttributes.account, value: 'main' },
        { key: searchAttributes.service, value: service },
      ],
    });
  }
  await until('the server lists the runs that follow', async () => {
    const listed = await ids();
    return [...followed.keys()].every((incident) => listed.has(`respond:main:${incident}`));
  });

  const proxy = await startProxy(inject('temporalAddress'));
  const holding = (): readonly string[] => secrets.list().map(({ subscription }) => secretOf(subscription));
  const at = { address: proxy.address, answersWithinMs };
  const wrap = planted && { planted: (app: Hono) => planted(app, holding) };
  secrets.keep('POLD', oldSecret);
  let server: Receiver = await startReceiver(stage, { ...at, ...wrap });
  const { url } = server;
  const port = Number(new URL(url).port);
  const stop = (): Promise<void> => server.stop();
  const start = async (): Promise<void> => {
    server = await startReceiver(stage, { ...at, port, ...wrap });
  };

  const send = async (body: string, sign: string | undefined): Promise<number | 'nobody'> => {
    count('answers');
    return post(url, body, sign === undefined ? {} : { 'x-pagerduty-signature': sign });
  };
  const expectStatus = (kind: Kind, status: number | 'nobody', wanted: number | 'nobody'): void => {
    if (status !== wanted) faults.push(`${kind}: answered with ${status} and not with ${wanted}`);
  };
  /** Signs as PagerDuty does at that time: by one of the secrets that hold. */
  const signed = (body: string): string => signature(body, pick(holding()));
  /** As PagerDuty does: again and again, until it is taken. */
  const deliver = async (event: Told, sign = signed(event.body)): Promise<void> => {
    const { id, type, body } = event;
    await until(`${type} ${id} is taken`, async () => {
      const status = await send(body, sign);
      if (status === 202) return true;
      count('retries');
      // A Signal may have arrived whose answer did not.
      event.mayRepeat = true;
      if (status === 400) throw new Error(`${type} ${id} was answered with 400: PagerDuty would drop it.`);
      return false;
    });
  };
  /** What was taken PagerDuty tells nobody again. */
  const unlessTaken = async (status: number | 'nobody', event: Told): Promise<void> => {
    if (status !== 202) await deliver(event);
  };
  /** What would start a run if it were believed. */
  const lure = (): string =>
    tell(
      `${prefix}X${random()}`,
      'incident.triggered',
      `${prefix}X${Math.floor(random() * 1e9)}`,
      'PCHECKOUT',
    ).body;

  /** Delivers an event, with what befalls it. */
  const befalls: Readonly<Record<Kind, (event: Told) => Promise<void>>> = {
    forged: async (event) => {
      const body = lure();
      expectStatus('forged', await send(body, signature(body, `guess ${random()}`)), 503);
      await deliver(event);
    },
    unsigned: async (event) => {
      expectStatus('unsigned', await send(lure(), undefined), 400);
      await deliver(event);
    },
    truncated: async (event) => {
      const body = lure();
      const cut = body.slice(0, 1 + Math.floor(random() * (body.length - 1)));
      expectStatus('truncated', await send(cut, signed(body)), 503);
      await deliver(event);
    },
    'truncated to other JSON': async (event) => {
      const body = `${lure()}   `;
      expectStatus('truncated to other JSON', await send(body.trimEnd(), signed(body)), 503);
      await deliver(event);
    },
    're-encoded': async (event) => {
      const body = lure();
      const value: unknown = JSON.parse(body);
      const again = pick([
        JSON.stringify(value, null, 1),
        body.replace('"id"', '"\\u0069d"'),
        `\ufeff${body}`,
      ]);
      expectStatus('re-encoded', await send(again, signed(body)), 503);
      await deliver(event);
    },
    oversized: async (event) => {
      const body = lure().replace('"client":null', `"client":"${'x'.repeat(300_000)}"`);
      expectStatus('oversized', await send(body, signed(body)), 400);
      await deliver(event);
    },
    'oversized without a length': async (event) => {
      const body = lure().replace('"client":null', `"client":"${'x'.repeat(300_000)}"`);
      count('answers');
      const status = await post(url, new Blob([body]).stream() as ReadableStream<Uint8Array>, {
        'x-pagerduty-signature': signed(body),
      });
      // Answered while it is still on its way: whoever sends may then find its connection closed.
      if (status !== 'nobody') expectStatus('oversized without a length', status, 400);
      await deliver(event);
    },
    'of an unknown type': async (event) => {
      const body = tell(`${event.id}U`, 'incident.dreamt_of', event.incident, event.service).body;
      expectStatus('of an unknown type', await send(body, signed(body)), 202);
      await deliver(event);
    },
    'of a wrong secret': async (event) => {
      const others = [oldSecret, newSecret, 'whsec-of-another-account'];
      const body = lure();
      const wrong = pick(others.filter((secret) => !holding().includes(secret)));
      expectStatus('of a wrong secret', await send(body, signature(body, wrong)), 503);
      await deliver(event);
    },
    'duplicated at once': async (event) => {
      await Promise.all([deliver(event), deliver(event), deliver(event)]);
    },
    'duplicated later': async (event) => {
      await deliver(event);
      expectStatus('duplicated later', await send(event.body, signed(event.body)), 202);
    },
    replayed: async (event) => {
      const sign = signed(event.body);
      await deliver(event, sign);
      for (const _ of [1, 2]) expectStatus('replayed', await send(event.body, sign), 202);
    },
    'signed by two secrets': (event) => deliver(event, signature(event.body, ...holding(), 'another')),
    // The events were shuffled: each of them is.
    'out of order': (event) => deliver(event),
    'duplicated after a restart': async (event) => {
      await deliver(event);
      await stop();
      await start();
      event.mayRepeat = true;
      await deliver(event);
    },
    'while Temporal is away': async (event) => {
      await proxy.refuse();
      const status = await send(event.body, signed(event.body));
      expectStatus('while Temporal is away', status, 503);
      await proxy.pass();
      await unlessTaken(status, event);
    },
    'while Temporal is slow': async (event) => {
      proxy.stall();
      event.mayRepeat = true;
      const status = await send(event.body, signed(event.body));
      expectStatus('while Temporal is slow', status, 503);
      await proxy.pass();
      await unlessTaken(status, event);
    },
    'while the receiver is down': async (event) => {
      await stop();
      const status = await send(event.body, signed(event.body));
      expectStatus('while the receiver is down', status, 'nobody');
      await start();
      await unlessTaken(status, event);
    },
  };

  // Three ages: the old secret, both, the new one.
  const order = shuffled(told, random);
  const ages = [0, 1, 2].map((age) => order.filter((_, index) => index % 3 === age));
  try {
    const first = Math.floor(random() * kinds.length);
    const turns = [...kinds.slice(first), ...kinds.slice(0, first)];
    /** Whose turn is longest ago. What is nothing to anybody never asks Temporal: it is no test of Temporal's being away. */
    const nextFor = (event: Told): Kind => {
      const isSomebodys = concerned(event).length > 0;
      const at = turns.findIndex((kind) => isSomebodys || !alone.has(kind));
      const [kind] = turns.splice(at, 1) as [Kind];
      turns.push(kind);
      return kind;
    };
    for (const [age, events] of ages.entries()) {
      if (age === 1) secrets.keep('PNEW', newSecret);
      if (age === 2) secrets.forget('POLD');
      count('ages');
      const planned = events.map((event) => ({ event, kind: nextFor(event) }));
      for (const { kind } of planned) count(kind);
      const others = planned.filter(({ kind }) => !alone.has(kind));
      for (let from = 0; from < others.length; from += 6)
        await Promise.all(others.slice(from, from + 6).map(({ event, kind }) => befalls[kind](event)));
      for (const { event, kind } of planned) if (alone.has(kind)) await befalls[kind](event);
    }
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  } finally {
    await server.stop();
    await proxy.close();
  }
  await look();
  for (const subscription of ['POLD', 'PNEW']) secrets.forget(subscription);
  return { counts, faults };

  function tell(id: string, type: string, incident: string, service: string): Told {
    const reference = { id: service, type: 'service_reference' };
    const isOfService = type.startsWith('service.');
    const isWhole = (eventsWithService as readonly string[]).includes(type) || type === 'incident.dreamt_of';
    const data = isOfService
      ? { id: service, type: 'service' }
      : isWhole
        ? { id: incident, type: 'incident', service: reference }
        : { id: `${id}D`, type: 'incident_note', incident: { id: incident, type: 'incident_reference' } };
    return { id, type, incident, service, body: written({ id, type, data }), mayRepeat: false };
  }

  async function ids(): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for await (const { workflowId } of stage.client.workflow.list()) found.add(workflowId);
    return found;
  }

  /** Ids of the runs that must hear of an event. */
  function concerned({ type, incident, service }: Told): readonly string[] {
    if (type === 'incident.triggered') return service === 'PCHECKOUT' ? [`triage:main:${incident}`] : [];
    if (!(followedEvents as readonly string[]).includes(type)) return [];
    return [...followed]
      .filter(([other, ofService]) =>
        type.startsWith('service.') ? ofService === service : other === incident,
      )
      .map(([other]) => `respond:main:${other}`);
  }

  /** Compares what the histories have with what PagerDuty told. */
  async function look(): Promise<void> {
    const wanted = new Map<string, Set<string>>();
    for (const incident of followed.keys()) wanted.set(`respond:main:${incident}`, new Set());
    for (const event of told)
      for (const id of concerned(event)) wanted.set(id, (wanted.get(id) ?? new Set()).add(event.id));
    const mine = async (): Promise<readonly string[]> =>
      [...(await ids())].filter((id) => id.includes(`:${prefix}`));
    const listed = await until(
      'the server lists all runs',
      async () => {
        const found = await mine();
        const missing = [...wanted.keys()].filter((id) => !found.includes(id));
        return missing.length === 0 && found;
      },
      planted ? 3_000 : 60_000,
    ).catch(mine);
    for (const id of listed) if (!wanted.has(id)) faults.push(`acted upon: the run ${id} was started`);
    for (const [workflowId, events] of wanted) {
      if (!listed.includes(workflowId)) {
        faults.push(`lost: there is no run ${workflowId}`);
        continue;
      }
      if (workflowId.startsWith('triage:')) count('starts');
      const heard = (await signalsOf(stage.client, workflowId)).map(({ event }) => event);
      counts['signals'] = (counts['signals'] ?? 0) + heard.length;
      for (const id of events) {
        const times = heard.filter((one) => one === id).length;
        const event = told.find((one) => one.id === id);
        if (times === 0) faults.push(`lost: ${workflowId} never heard of ${event?.type} ${id}`);
        if (times > 1 && !event?.mayRepeat)
          faults.push(`acted upon twice: ${workflowId} heard ${times} times of ${event?.type} ${id}`);
      }
      for (const id of heard)
        if (!events.has(id)) faults.push(`acted upon: ${workflowId} heard of ${id}, which is nothing to it`);
    }
  }
}

const secretOf = (subscription: string): string => (subscription === 'POLD' ? oldSecret : newSecret);

function shuffled<T>(values: readonly T[], random: () => number): readonly T[] {
  const keyed = values.map((value) => [random(), value] as const);
  return keyed.toSorted(([a], [b]) => a - b).map(([, value]) => value);
}
