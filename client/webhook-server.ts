import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import type { Client, WorkflowClientInterceptor } from '@temporalio/client';
import type { Hono } from 'hono';
import { policySource } from '../gate/policy-source.ts';
import type { Secrets } from '../gate/secrets.ts';
import { webhookSecretsIn } from '../gate/webhook-secrets.ts';
import type { TemporalSettings } from './config.ts';
import { clientOver, lastingConnection } from './connect.ts';
import { deliverTo, refusalOf } from './deliver.ts';
import { asStep } from './tracing.ts';
import { createReceiver, type ReceiverOptions } from './webhook-receiver.ts';

/** What a receiver is made from. */
export interface WebhookAppOptions {
  readonly temporal: TemporalSettings;
  /** What makes its calls to Temporal part of a trace. */
  readonly calls?: readonly WorkflowClientInterceptor[];
  readonly configFile: string;
  readonly home: string;
  readonly secrets: Secrets;
  readonly log: ReceiverOptions['log'];
  /** How long a delivery may take until it is answered, in milliseconds; 4,000, since PagerDuty waits 5 s. */
  readonly answersWithinMs?: number;
}

/** How much earlier Temporal must have taken an event than the answer is due, so that the reason can be told. */
const toSayWhyMs = 200;

/** How long calls that are under way have to end. */
const endsWithinMs = 6_000;

/** How long Temporal has to say that it is there. */
const saysWithinMs = 1_500;

/** A receiver over a connection of its own, which is made when it is needed. */
export function webhookApp(options: WebhookAppOptions): {
  readonly app: Hono;
  readonly close: () => Promise<void>;
} {
  const { temporal, calls = [], configFile, home, secrets, log, answersWithinMs = 4_000 } = options;
  const over = new AbortController();
  const connection = lastingConnection(temporal, over.signal);
  const client = clientOver(connection, temporal, 'oncall webhooks', calls);
  const deliver = deliverTo(client);
  const underWay = new Set<Promise<unknown>>();
  const tracked = <T>(call: Promise<T>): Promise<T> => {
    underWay.add(call);
    const end = (): void => void underWay.delete(call);
    call.then(end, end);
    return call;
  };
  const takesWithinMs = Math.max(answersWithinMs / 2, answersWithinMs - toSayWhyMs);
  const app = createReceiver({
    policy: policySource(configFile),
    secrets,
    kept: (account) => webhookSecretsIn(home, account),
    deliver: (arrival) =>
      tracked(
        client.withDeadline(Date.now() + takesWithinMs, () =>
          asStep('webhook', { 'oncall.account': arrival.account }, () => deliver(arrival)),
        ),
      ),
    temporal: oneAtATime(() => tracked(whyAway(client))),
    log,
    deadlineMs: answersWithinMs,
  });
  return {
    app,
    close: async () => {
      over.abort();
      // A call that is about to be tried again throws where nobody can catch it when its connection is gone.
      await Promise.race([Promise.allSettled(underWay), sleep(endsWithinMs, undefined, { ref: false })]);
      if (underWay.size === 0) await connection.close();
    },
  };
}

/** A receiver that listens. */
export interface WebhookServer {
  /** `http://HOST:PORT`. */
  readonly url: string;
  /** Takes nothing new, brings to its end what is under way, and ends. */
  readonly stop: () => Promise<void>;
}

/** How long what is under way has to end. */
const drainsWithinMs = 4_500;

/**
 * Serves a receiver. Temporal may be away: what comes meanwhile is to be delivered again.
 * @param at the port; 0 takes a free one.
 * @throws the system's own error where it cannot listen, e.g. `EADDRINUSE`.
 */
export async function serveWebhooks(
  { app, close }: { readonly app: Pick<Hono, 'fetch'>; readonly close: () => Promise<void> },
  { host, port }: { readonly host: string; readonly port: number },
): Promise<WebhookServer> {
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  // Whoever sends a head or a body by the drop does not hold a connection for long.
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  // Longer than proxies keep theirs, so that none sends into a connection that is just being closed.
  server.keepAliveTimeout = 75_000;
  try {
    const { port: taken } = await listen(server, port, host);
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
      stop: async () => {
        await drain(server);
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function whyAway(client: Client): Promise<string | undefined> {
  const { namespace } = client.options;
  try {
    await client.withDeadline(Date.now() + saysWithinMs, () =>
      client.workflowService.describeNamespace({ namespace }),
    );
    return undefined;
  } catch (error) {
    return `Temporal cannot take anything now: ${refusalOf(error).replace(/\.$/, '')}.`;
  }
}

/** However many ask, one question at a time is under way. */
function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask().finally(() => {
      asked = undefined;
    });
    return asked;
  };
}

/** How many connections wait to be taken up. Of what finds no place here the system says nothing, and tries again after seconds. */
const backlog = 4_096;

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog }, () => resolve(server.address() as AddressInfo));
  });
}

/** Connections that are kept open are closed as soon as nothing is under way on them. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const late = setTimeout(() => server.closeAllConnections(), drainsWithinMs);
  await closed;
  clearInterval(idle);
  clearTimeout(late);
}
