import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRun } from '../../client/agent.ts';
import { advise } from '../../pagerduty/advice.ts';
import { type Endpoint, isWrite } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName, operationNames } from '../../pagerduty/catalogue/index.ts';
import type { ErrorKind } from '../../pagerduty/errors.ts';
import { seedIds } from '../../simulator/seed.ts';
import type { OperationResult } from '../../workflows/contract.ts';
import { type Prepared, type Refusal, type Swept, sweep } from '../fixtures/sweep.ts';
import { loadContract, openApiFolder } from '../support/contract.ts';
import { everything } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';

// The same for every operation: its parts lie in `sweep`, one of each for each operation.
type AnySwept = Swept<'getIncident'>;
type AnyRefusal = Refusal<'getIncident'>;

let stage: Stage;
let prepared: Prepared;
const called = new Map<OperationName, number>();

beforeAll(async () => {
  stage = await setStage({
    agents: { 'sweep-bot': everything() },
    operators: { lead: '' },
    record: true,
    // The clock stands still, so that nothing changes by itself while this is swept.
    simulator: { rateLimit: 0, clockSpeed: 0 },
  });
  // Who creates users must be allowed to: the bot is not.
  stage.editConfig((text) =>
    text.replace(
      'from: oncall-bot@example.com',
      'from: { default: oncall-bot@example.com, users.create: fay@example.com }',
    ),
  );
  await stage.startWorker();
  const made = await run(
    'createWebhookSubscription',
    sweep.createWebhookSubscription.request({} as Prepared),
  );
  expect(made).toMatchObject({ outcome: 'done' });
  const { webhook_subscription } = made.response as { webhook_subscription: { id: string } };
  prepared = {
    triggered: await stage.trigger({ key: 'sweep/one' }),
    other: await stage.trigger({ key: 'sweep/other' }),
    subscription: webhook_subscription.id,
  };
});
afterAll(() => stage.close());

async function run(operation: OperationName, request: object): Promise<OperationResult> {
  called.set(operation, (called.get(operation) ?? 0) + 1);
  const who = operation.includes('WebhookSubscription') ? 'lead' : 'sweep-bot';
  const input = { account: 'main', operation, request } as const;
  return (await startRun(stage.client, stage.agent(who), 'runOperation', input)).result();
}

const useToken = (token: string): void => writeFileSync(join(stage.home, 'token'), token);
const useSettings = (settings: object): Promise<unknown> =>
  fetch(`${stage.simulator.url}/_simulator/settings`, { method: 'POST', body: JSON.stringify(settings) });
async function state(): Promise<string> {
  const answer = await fetch(`${stage.simulator.url}/_simulator/state`);
  const { now: _now, ...rest } = (await answer.json()) as Record<string, unknown>;
  const notes = [...stage.simulator.world.incidents.values()].map((incident) => incident.notes.length);
  return JSON.stringify({ ...rest, notes });
}

/** The failure of the Activity that ended a run, as operators see it. */
async function failureOf(operation: OperationName, request: object): Promise<object> {
  called.set(operation, (called.get(operation) ?? 0) + 1);
  const who = operation.includes('WebhookSubscription') ? 'lead' : 'sweep-bot';
  const started = await startRun(stage.client, stage.agent(who), 'runOperation', {
    account: 'main',
    operation,
    request,
  });
  const result = await started.result();
  const { events } = await stage.client.workflow.getHandle(started.workflowId).fetchHistory();
  const failures = (events ?? []).flatMap(
    ({ activityTaskFailedEventAttributes }) =>
      activityTaskFailedEventAttributes?.failure?.applicationFailureInfo ?? [],
  );
  const [failure] = failures;
  const [payload] = failure?.details?.payloads ?? [];
  const details = payload?.data ? (JSON.parse(Buffer.from(payload.data).toString('utf8')) as object) : {};
  return { ...details, kind: failure?.type, outcome: result.outcome, next: result.next };
}

describe('each operation, called through its Activity,', () => {
  const order = [...operationNames].toSorted(
    (a, b) => Number(a.startsWith('delete')) - Number(b.startsWith('delete')),
  );
  test.each(order)('%s does what PagerDuty documents', async (operation) => {
    const { request, changed, token } = sweep[operation] as AnySwept;
    const endpoint: Endpoint = catalogue[operation];
    if (token !== undefined) useToken(token);
    const before = await state();
    const result = await run(operation, request(prepared));
    useToken(seedIds.keys.fullAccess);
    expect(result, result.summary).toMatchObject({ outcome: 'done', notChanged: [] });
    expect(endpoint.response.safeParse(result.response).error).toBeUndefined();
    if (changed) expect(changed(stage.simulator.world, prepared, stage.simulator)).toBe(true);
    if (!isWrite(endpoint)) expect(await state()).toBe(before);
    else if (!['enableWebhookSubscription', 'testWebhookSubscription'].includes(operation))
      expect(await state()).not.toBe(before);
  });
});

/** What every operation of REST can be refused for. */
function common(operation: OperationName): readonly AnyRefusal[] {
  const endpoint: Endpoint = catalogue[operation];
  if (endpoint.api === 'events') return [];
  const { request, missing } = sweep[operation] as AnySwept;
  const refusals: AnyRefusal[] = [
    { when: 'the token is no token', request, token: 'nobodys-token', status: 401, kind: 'Unauthenticated' },
    {
      when: 'the account has expired',
      request,
      settings: { account_expired: true },
      status: 402,
      code: 2012,
      kind: 'PlanRequired',
    },
  ];
  if (isWrite(endpoint)) {
    const token = seedIds.keys.readOnly;
    refusals.push({ when: 'the key only reads', request, token, status: 403, code: 2010, kind: 'Forbidden' });
  }
  if (missing) {
    const none = () => missing('PNOSUCH00000000');
    refusals.push({ when: 'the id names nothing', request: none, status: 404, kind: 'NotFound' });
  }
  return refusals;
}

describe('each operation is refused as PagerDuty refuses it, and nothing changes:', () => {
  const cases = operationNames.flatMap((operation) =>
    [...common(operation), ...((sweep[operation] as AnySwept).refusals ?? [])].map(
      (refusal) => [operation, refusal.when, refusal as AnyRefusal] as const,
    ),
  );
  test.each(cases)('%s where %s', async (operation, _when, { request, status, code, kind, ...how }) => {
    if (how.token !== undefined) useToken(how.token);
    if (how.from !== undefined)
      stage.editConfig((text) => text.replace('oncall-bot@example.com', how.from ?? ''));
    if (how.settings) await useSettings(how.settings);
    try {
      const before = await state();
      const failure = await failureOf(operation, request(prepared));
      const after = await state();
      expect(failure).toMatchObject({ kind, status, outcome: 'failed', ...(code !== undefined && { code }) });
      const advice = advise(failure as { kind: ErrorKind; status: number; code?: number });
      expect(failure).toMatchObject({ advice, next: [advice] });
      expect(after).toBe(before);
    } finally {
      useToken(seedIds.keys.fullAccess);
      if (how.from !== undefined)
        stage.editConfig((text) => text.replace(how.from ?? '', 'oncall-bot@example.com'));
      await useSettings({ account_expired: false, missing_abilities: [] });
    }
  });
});

test('all that was said in this sweep is as PagerDuty publishes it', (context) => {
  expect([...called.keys()].toSorted()).toEqual([...operationNames].toSorted());
  const folder = openApiFolder();
  if (folder === undefined)
    context.skip('ONCALL_OPENAPI does not name the folder with PagerDuty’s published OpenAPI documents.');
  const check = loadContract(folder ?? '');
  const counts = new Map<string, number>();
  const faults = new Map<string, number>();
  for (const exchange of stage.exchanges) {
    const { operation, faults: found } = check(exchange);
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    for (const fault of found) {
      const text = `${operation} ${exchange.status}: ${fault}`;
      faults.set(text, (faults.get(text) ?? 0) + 1);
    }
  }
  process.stdout.write(
    `${stage.exchanges.length} exchanges checked: ${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}\n`,
  );
  expect([...faults.keys()]).toEqual([]);
});
