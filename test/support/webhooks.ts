import { createHmac } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Hono } from 'hono';
import { inject } from 'vitest';
import { listen } from '../../client/listening.ts';
import { webhookApp } from '../../client/webhook-server.ts';
import { secretsFrom } from '../../gate/secrets.ts';
import { webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import { followedEvents } from '../../pagerduty/webhooks.ts';
import { type Happening, incidentChanged } from '../../workflows/contract.ts';
import { memoryLog } from './logged.ts';
import type { Stage } from './stage.ts';

/** What a receiver of a stage can be made from, where it is not as it should be. */
export interface ReceiverAt {
  /** Temporal's address; the server's own where absent. */
  readonly address?: string;
  /** A free one where absent. */
  readonly port?: number;
  readonly answersWithinMs?: number;
  /** A receiver with a fault that was planted. */
  readonly planted?: (app: Hono) => Pick<Hono, 'fetch'>;
}

/** A receiver that listens. */
export interface Receiver {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** A receiver of the stage's account, as the process is, over HTTP. */
export async function startReceiver(
  stage: Stage,
  { address = inject('temporalAddress'), port = 0, answersWithinMs, planted = (app) => app }: ReceiverAt = {},
): Promise<Receiver> {
  const { app, close } = webhookApp({
    temporal: { connectionOptions: { address }, namespace: stage.namespace },
    configFile: stage.configFile,
    home: stage.home,
    secrets: secretsFrom({}, 'the test'),
    log: (level, facts, sentence) => memoryLog[level](facts, sentence),
    ...(answersWithinMs !== undefined && { answersWithinMs }),
  });
  const server = await listen(planted(app), { host: '127.0.0.1', port, option: '--port' });
  return {
    url: server.url,
    stop: async () => {
      await server.close();
      await close();
    },
  };
}

/** What PagerDuty says of a subscription. */
export interface Subscribed {
  readonly id: string;
  readonly secret: string;
}

/** Subscribes a receiver with the simulator, as PagerDuty's own pages do, and keeps the secret where the receiver finds it. */
export async function subscribe(
  stage: Stage,
  url: string,
  { events = followedEvents, keep = true }: { events?: readonly string[]; keep?: boolean } = {},
): Promise<Subscribed> {
  const { webhook_subscription: made } = (await stage.asPerson('POST', '/webhook_subscriptions', {
    webhook_subscription: {
      type: 'webhook_subscription',
      events,
      filter: { type: 'account_reference' },
      delivery_method: { type: 'http_delivery_method', url: `${url}/webhooks/main` },
    },
  })) as { webhook_subscription: { id: string; delivery_method: { secret: string } } };
  const { secret } = made.delivery_method;
  if (keep) webhookSecretsIn(stage.home, 'main').keep(made.id, secret);
  return { id: made.id, secret };
}

/** `X-PagerDuty-Signature`, by each of the secrets. */
export const signature = (body: string, ...secrets: readonly string[]): string =>
  secrets.map((secret) => `v1=${createHmac('sha256', secret).update(body).digest('hex')}`).join(',');

/** An event as PagerDuty writes it. */
export const written = (event: {
  readonly id: string;
  readonly type: string;
  readonly data: object;
  readonly at?: number;
}): string =>
  JSON.stringify({
    event: {
      id: event.id,
      event_type: event.type,
      resource_type: event.type.split('.')[0],
      occurred_at: new Date(event.at ?? Date.now()).toISOString(),
      agent: null,
      client: null,
      data: event.data,
    },
  });

/** Posts to a receiver: its status, or why there was none. */
export async function post(
  url: string,
  body: string | ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>>,
): Promise<number | 'nobody'> {
  try {
    const answer = await fetch(`${url}/webhooks/main`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
      ...(typeof body !== 'string' && { duplex: 'half' }),
    } as RequestInit);
    await answer.text();
    return answer.status;
  } catch {
    return 'nobody';
  }
}

/** What a run was told of its incident, by the Signals in its history. */
export async function signalsOf(client: Client, workflowId: string): Promise<readonly Happening[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => {
    const [payload] = signal?.input?.payloads ?? [];
    if (signal?.signalName !== incidentChanged || !payload) return [];
    return [defaultPayloadConverter.fromPayload<Happening>(payload)];
  });
}
