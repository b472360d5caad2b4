import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readKept, webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import type { RequestOf } from '../../pagerduty/catalogue/index.ts';
import { send } from '../../pagerduty/http.ts';
import { placeIn, type SecretKeeper } from '../../pagerduty/secrets.ts';
import { temporaryFolder } from './temporary-store.ts';
import { answer, TinyPagerDuty } from './tiny-pagerduty.ts';

const folder = temporaryFolder();
const secret = 'whsec-example-0123456789abcdef';
const mode = (file: string): number => statSync(file).mode & 0o777;

describe('the secret of a webhook subscription', () => {
  test('is kept in a file that only its owner reads, in a folder that only its owner opens', () => {
    const secrets = webhookSecretsIn(folder(), 'main');
    expect(secrets.list()).toEqual([]);
    secrets.prepare();
    const file = secrets.keep('PSUB1', secret);
    expect(file).toBe(join(folder(), 'webhook-secrets', 'main', 'PSUB1'));
    expect([readFileSync(file, 'utf8'), mode(file), mode(secrets.folder)]).toEqual([secret, 0o600, 0o700]);
    expect(readdirSync(secrets.folder)).toEqual(['PSUB1']);
  });

  test('is found beside others, and is gone when it is forgotten', () => {
    const secrets = webhookSecretsIn(folder(), 'main');
    secrets.keep('PSUB1', secret);
    secrets.keep('PSUB2', 'another');
    writeFileSync(join(secrets.folder, '.half.new'), 'x');
    writeFileSync(join(secrets.folder, 'README.md'), 'x');
    expect(
      secrets
        .list()
        .map(({ subscription }) => subscription)
        .toSorted(),
    ).toEqual(['PSUB1', 'PSUB2']);
    expect(secrets.list().map(readKept).toSorted()).toEqual(['another', secret]);
    expect(webhookSecretsIn(folder(), 'other').list()).toEqual([]);
    expect([secrets.forget('PSUB1'), secrets.forget('PSUB1')]).toEqual([true, false]);
    expect(secrets.list()).toHaveLength(1);
  });

  test('takes the place of an older one as a whole', () => {
    const secrets = webhookSecretsIn(folder(), 'main');
    secrets.keep('PSUB1', 'older');
    expect(readFileSync(secrets.keep('PSUB1', secret), 'utf8')).toBe(secret);
  });

  test.each(['../PSUB1', 'a/b', '', '.', 'P SUB'])('is not kept under %j', (subscription) => {
    const secrets = webhookSecretsIn(folder(), 'main');
    expect(() => secrets.keep(subscription, secret)).toThrow();
    expect(() => secrets.forget(subscription)).toThrow();
  });

  test('that is empty is none', () => {
    const secrets = webhookSecretsIn(folder(), 'main');
    secrets.keep('PSUB1', ' \n');
    expect(() => secrets.list().map(readKept)).toThrow(/PSUB1 is empty/);
  });
});

describe('an answer that tells a secret', () => {
  const pagerduty = new TinyPagerDuty();
  const request: RequestOf<'createWebhookSubscription'> = {
    body: {
      webhook_subscription: {
        type: 'webhook_subscription',
        events: ['incident.triggered'],
        filter: { type: 'account_reference' },
        delivery_method: { type: 'http_delivery_method', url: 'https://hooks.example.com/webhooks/main' },
      },
    },
  };
  const told = {
    webhook_subscription: {
      id: 'PSUB1',
      active: true,
      events: ['incident.triggered'],
      filter: { type: 'account_reference' },
      delivery_method: { url: 'https://hooks.example.com/webhooks/main', secret },
    },
  };
  const connection = async (keeper?: SecretKeeper) => ({
    ...(await pagerduty.connection()),
    ...(keeper && { keeper }),
  });
  const failing = (code: string) => () => {
    throw Object.assign(new Error(`no room for ${secret}`), { code });
  };

  test('says where it is kept, and the file has it', async () => {
    pagerduty.reply = answer(201, told);
    const { response } = await send(
      await connection(webhookSecretsIn(folder(), 'main')),
      'createWebhookSubscription',
      request,
    );
    const place = placeIn(response.webhook_subscription.delivery_method.secret) ?? '';
    expect(readFileSync(place, 'utf8')).toBe(secret);
    expect(JSON.stringify(response)).not.toContain(secret);
  });

  test('withholds it where nobody keeps it', async () => {
    pagerduty.reply = answer(201, told);
    const { response } = await send(await connection(), 'createWebhookSubscription', request);
    expect(response.webhook_subscription.delivery_method.secret).toBe('(withheld)');
  });

  test('is not asked for where its secret could not be kept', async () => {
    pagerduty.reply = answer(201, told);
    const error = await pagerduty.errorOf(
      'createWebhookSubscription',
      request,
      connection({ prepare: failing('EACCES'), keep: () => '' }),
    );
    expect(error.message).toBe(
      'POST /webhook_subscriptions was not sent: the secret that PagerDuty tells only once could not be kept (EACCES).',
    );
    expect(error.facts).toMatchObject({ kind: 'InvalidRequest', effect: 'nothing' });
    expect(pagerduty.seen).toEqual([]);
  });

  test('whose secret cannot be kept is an error that says what to delete, and never the secret', async () => {
    pagerduty.reply = answer(201, told);
    const error = await pagerduty.errorOf(
      'createWebhookSubscription',
      request,
      connection({ prepare: () => {}, keep: failing('ENOSPC') }),
    );
    expect(error.message).toMatch(/subscription PSUB1, but its secret, .* could not be kept \(ENOSPC\)\.$/);
    expect(error.facts).toMatchObject({ effect: 'unknown', status: 201, requestId: 'req-1' });
    expect(error.facts.mend).toMatch(/^Delete the webhook subscription PSUB1: nobody knows its secret\./);
    expect(JSON.stringify([error.message, error.facts])).not.toContain(secret);
  });

  test.skipIf(process.getuid?.() === 0)('is not asked for where the folder cannot be written', () => {
    mkdirSync(join(folder(), 'webhook-secrets'));
    chmodSync(join(folder(), 'webhook-secrets'), 0o500);
    expect(() => webhookSecretsIn(folder(), 'main').prepare()).toThrow(/EACCES/);
  });
});
