import { setTimeout as sleep } from 'node:timers/promises';
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
