import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPages } from '../../client/pages.ts';
import { openIncident } from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import { seedIds } from '../../simulator/seed.ts';
import { known } from '../../simulator/world.ts';
import type { OperationInput } from '../../workflows/contract.ts';
import { type Stage, setStage } from '../support/stage.ts';

let stage: Stage;
/** More than a page of each, in turns, so that every page holds some that are hidden. */
const each = 60;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'all-bot': 'incidents: read',
      'checkout-bot': 'incidents: { level: read, when: { services: [PCHECKOUT] } }',
      'team-bot': 'incidents: { level: read, when: { teams: [PPLATFORM] } }',
      'denied-bot': 'incidents: read',
      'duty-bot': 'oncalls: { level: read, when: { policies: [PPLATFORMONCALL] } }',
      'leads-bot':
        'incidents: read\nservices: read\noncalls: { level: read, when: { schedules: [PDATALEADS] } }',
    },
  });
  stage.editConfig((text) =>
    text.replace(
      /(denied-bot:\n {4}public_key: \S+\n)/,
      '$1    deny: [{ action: incidents.view, when: { services: [PLEDGER] } }]\n',
    ),
  );
  const { world } = stage.simulator;
  for (let index = 0; index < each; index += 1) {
    for (const service of [seedIds.services.checkout, seedIds.services.ledger, seedIds.services.search]) {
      openIncident(world, {
        service: known(world.services, service),
        title: `${service} ${index}`,
        urgency: 'low',
        incidentKey: null,
        cause: byUser({ id: seedIds.users.ada }),
      });
    }
  }
  await stage.startWorker();
});
afterAll(() => stage.close());

interface Listed {
  readonly incidents: readonly { readonly id: string; readonly service: { readonly id: string } }[];
  readonly total: number | null;
}
const list = (agent: string, query: object = {}, more: Partial<OperationInput> = {}) =>
  stage.run(agent, 'runOperation', {
    account: 'main',
    operation: 'listIncidents',
    request: { query },
    ...more,
  });
const servicesOf = ({ incidents }: Listed): readonly string[] => [
  ...new Set(incidents.map(({ service }) => service.id)),
];
/** The query of the last list that reached PagerDuty. */
const lastQuery = async (): Promise<Readonly<Record<string, readonly string[]>>> =>
  (await stage.requests()).findLast(({ operation }) => operation === 'listIncidents')?.query ?? {};

describe('a list is cut to what the agent may see', () => {
  test('already in the request, and the sentence says to what', async () => {
    const result = await list('checkout-bot', { limit: 100, total: true });
    const shown = result.response as Listed;
    expect(servicesOf(shown)).toEqual(['PCHECKOUT']);
    expect(shown.total).toBeNull();
    expect((await lastQuery())['service_ids[]']).toEqual(['PCHECKOUT']);
    expect(result.summary).toMatch(
      /may list incidents: .*, narrowed to service PCHECKOUT\. PagerDuty answered 200\.$/,
    );
  });

  test('to the team that the grant names', async () => {
    const shown = (await list('team-bot', { limit: 100 })).response as Listed;
    expect((await lastQuery())['team_ids[]']).toEqual(['PPLATFORM']);
    expect(servicesOf(shown).toSorted()).toEqual(['PREPORTS', 'PSEARCH']);
  });

  test('where it asks for more than that, to what both allow', async () => {
    const shown = (await list('checkout-bot', { 'service_ids[]': ['PCHECKOUT', 'PLEDGER'], limit: 100 }))
      .response as Listed;
    expect((await lastQuery())['service_ids[]']).toEqual(['PCHECKOUT']);
    expect(servicesOf(shown)).toEqual(['PCHECKOUT']);
  });

  test('and where it asks only for what the agent may not see, it is denied before anything is sent', async () => {
    const before = (await stage.requests()).length;
    const result = await list('checkout-bot', { 'service_ids[]': ['PLEDGER'] });
    expect(result).toMatchObject({
      outcome: 'denied',
      summary: expect.stringContaining('the list asks for service PLEDGER; its grant covers PCHECKOUT'),
    });
    expect(await stage.requests()).toHaveLength(before);
  });

  test('of what a deny hides, which no filter of PagerDuty’s can say, in the answer', async () => {
    const result = await list('denied-bot', { limit: 100 });
    const shown = result.response as Listed;
    expect(await lastQuery()).not.toHaveProperty(['service_ids[]']);
    expect(servicesOf(shown)).not.toContain('PLEDGER');
    expect(shown.incidents.length).toBeGreaterThan(0);
    expect(shown.incidents.length).toBeLessThan(100);
    expect(shown.total).toBeNull();
    expect(result.summary).toContain(', without service PLEDGER');
  });

  test('of who is on call too', async () => {
    const result = await stage.run('duty-bot', 'runOperation', {
      account: 'main',
      operation: 'listOnCalls',
      request: { query: {} },
    });
    const { oncalls } = result.response as {
      oncalls: readonly { escalation_policy: { id: string } }[];
    };
    expect([...new Set(oncalls.map(({ escalation_policy }) => escalation_policy.id))]).toEqual([
      'PPLATFORMONCALL',
    ]);
  });

  test('and triage names nobody by a list of who is on call that was cut: it pages others first', async () => {
    const { world } = stage.simulator;
    const opened = openIncident(world, {
      service: known(world.services, seedIds.services.warehouse),
      title: 'nightly load failed',
      urgency: 'high',
      incidentKey: null,
      cause: byUser({ id: seedIds.users.ada }),
    });
    const incident = opened?.id ?? '';
    const result = await stage.run('leads-bot', 'triageIncident', { account: 'main', incident });
    expect(result.outcome).toBe('partly');
    expect(result.summary).not.toContain('On call:');
    expect(result.next).toEqual([
      expect.stringMatching(/^on-call not read whole: leads-bot may .*, narrowed to schedule PDATALEADS\.$/),
    ]);
  });
});

test('hidden records count for the pages: a walk to the end gives each record that may be seen once, and no other', async () => {
  const before = (await stage.requests()).length;
  const result = await list('denied-bot', { date_range: 'all' }, { all: true });
  expect(result).toMatchObject({ outcome: 'done', complete: true });
  if (!result.walked) throw new Error('Nothing was walked.');
  const seen = (await readPages(stage.client, result.walked)) as Listed['incidents'];
  const wanted = [...stage.simulator.world.incidents.values()].filter(
    ({ serviceId }) => serviceId !== 'PLEDGER',
  );
  expect(seen.map(({ id }) => id).toSorted()).toEqual(wanted.map(({ id }) => id).toSorted());
  const all = stage.simulator.world.incidents.size;
  const pages = (await stage.requests())
    .slice(before)
    .filter(({ operation }) => operation === 'listIncidents');
  expect(pages).toHaveLength(Math.ceil(all / 100));
  const offsets = pages.map(({ query }) => query['offset']?.[0]);
  expect(offsets).toEqual(pages.map((_page, index) => String(index * 100)));
});
