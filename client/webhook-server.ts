import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Client } from '@temporalio/client';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { policySource } from '../gate/policy-source.ts';
import type { Secrets } from '../gate/secrets.ts';
import { webhookSecretsIn } from '../gate/webhook-secrets.ts';
import { lastingConnection } from './connect.ts';
import { deliverTo, refusalOf } from './deliver.ts';
import { createReceiver, type ReceiverOptions } from './webhook-receiver.ts';

export interface WebhookServerOptions {
  readonly temporal: ClientConnectConfig;
  readonly configFile: string;
  readonly home: string;
  readonly secrets: Secrets;
  readonly log: ReceiverOptions['log'];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** A receiver that listens. */
export interface WebhookServer {
  /** `http://HOST:PORT`. */
  readonly url: string;
  /** Takes nothing new, brings to its end what is under way, and ends. */
  readonly stop: () => Promise<void>;
}

/** How long Temporal has to take an event: less than until the answer is due, so that the reason can be told. */
const takesWithinMs = 3_800;

/** How long Temporal has to say that it is there. */
const saysWithinMs = 1_500;

/** How long what is under way has to end; each delivery is answered within 4 s. */
const drainsWithinMs = 4_500;

/**
 * Starts a receiver. Temporal may be away: what comes meanwhile is to be delivered again.
 * @throws the system's own error where it cannot listen, e.g. `EADDRINUSE`.
 */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const { temporal, configFile, home, secrets, log, host, port } = options;
  const { namespace = 'default' } = temporal;
  const connection = lastingConnection(temporal);
  const client = new Client({ connection, namespace, identity: 'oncall webhooks' });
  const deliver = deliverTo(client);
  const app = createReceiver({
    policy: policySource(configFile),
    secrets,
    kept: (account) => webhookSecretsIn(home, account),
    deliver: (arrival) => client.withDeadline(Date.now() + takesWithinMs, () => deliver(arrival)),
    temporal: oneAtATime(() => whyAway(client)),
    log,
  });
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  // Whoever sends a head or a body by the drop does not hold a connection for long.
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  // Longer than proxies keep theirs, so that none sends into a connection that is just being closed.
  server.keepAliveTimeout = 75_000;
  try {
    const { port: taken } = await listen(server, port, host);
    const name = host.includes(':') ? `[${host}]` : host;
    return {
      url: `http://${name}:${taken}`,
      stop: async () => {
        await drain(server);
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
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

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
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
