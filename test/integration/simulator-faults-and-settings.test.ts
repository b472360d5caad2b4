import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { wireTo } from '../support/pagerduty-wire.ts';

let simulator: Simulator;
const ask = wireTo(() => simulator.url);

beforeEach(async () => {
  simulator = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0 });
});
afterEach(() => simulator.close());

const anyIncident = () => [...simulator.world.incidents.keys()][0] ?? 'none';
const noteOn = (id: string) => ask('POST', `/incidents/${id}/notes`, { note: { content: 'Late.' } });

test('a late fault lets the request do its work when the client may have given up', async () => {
  await ask('POST', '/_simulator/faults', { kind: 'late', delay_ms: 150, operation: 'createIncidentNote' });
  const id = anyIncident();
  const begin = performance.now();
  const answer = noteOn(id);
  await ask('GET', '/users');
  expect(simulator.world.notes(id)).not.toContain('Late.');
  expect((await answer).status).toBe(200);
  expect(performance.now() - begin).toBeGreaterThan(140);
  expect(simulator.world.notes(id)).toContain('Late.');
});

test('an answer that is held has done its work, and comes when it is let go', async () => {
  await ask('POST', '/_simulator/faults', { kind: 'hold', operation: 'createIncidentNote', times: 1 });
  const id = anyIncident();
  let came = false;
  const answer = noteOn(id).finally(() => {
    came = true;
  });
  while (simulator.holds.count === 0) await ask('GET', '/users');
  expect(simulator.world.notes(id)).toContain('Late.');
  expect(came).toBe(false);
  expect((await ask('POST', '/_simulator/release')).body).toEqual({ released: 1 });
  expect((await answer).status).toBe(200);
  expect((await ask('POST', '/_simulator/release')).body).toEqual({ released: 0 });
});

test('every answer tells the time, by the clock here', async () => {
  await ask('POST', '/_simulator/clock', { advance_seconds: 3_600 });
  const { headers } = await ask('GET', '/users');
  expect(headers.get('date')).toBe('Wed, 24 Jun 2026 11:00:00 GMT');
});

test('a page of HTML comes with the status that is asked for', async () => {
  await ask('POST', '/_simulator/faults', { kind: 'html', status: 401 });
  const { status, text, headers } = await ask('GET', '/users');
  expect([status, headers.get('content-type')]).toEqual([401, 'text/html']);
  expect(text).toContain('401 Unauthorized');
});

test('several faults are set at once, or none where one of them is none', async () => {
  const good = { kind: 'bare_429', times: 1 };
  const refused = await ask('POST', '/_simulator/faults', [good, { kind: 'explode' }]);
  expect([refused.status, refused.body.error]).toEqual([400, expect.stringContaining('1.kind')]);
  expect((await ask('GET', '/_simulator/faults')).body.faults).toEqual([]);
  const { body } = await ask('POST', '/_simulator/faults', [
    good,
    { kind: 'reset', operation: 'getIncident' },
  ]);
  expect(body.faults).toHaveLength(2);
});

test('faults strike operations on webhook subscriptions too', async () => {
  await ask('POST', '/_simulator/faults', { kind: 'status', operation: 'listWebhookSubscriptions' });
  expect((await ask('GET', '/webhook_subscriptions')).status).toBe(500);
});

test('settings are shown, and changed one by one', async () => {
  const { settings } = (await ask('GET', '/_simulator/settings')).body;
  expect(settings).toEqual({
    account_expired: false,
    missing_abilities: [],
    unauthorized_body: 'empty',
    oauth_token_seconds: 86_400,
    acknowledge_reassigns: false,
  });
  const { body } = await ask('POST', '/_simulator/settings', { unauthorized_body: 'html' });
  expect(body.settings).toEqual({ ...settings, unauthorized_body: 'html' });
  const refused = await ask('POST', '/_simulator/settings', { unauthorised_body: 'html' });
  expect([refused.status, refused.body.error]).toEqual([
    400,
    expect.stringContaining('These are no settings'),
  ]);
});

test('the state shows everything there is, and no key', async () => {
  const { status, body, text } = await ask('GET', '/_simulator/state');
  expect(status).toBe(200);
  expect(body.incidents).toHaveLength(4);
  expect(body.services).toHaveLength(6);
  expect(body.users.length).toBeGreaterThan(5);
  expect(body.settings.account_expired).toBe(false);
  for (const key of ['simulator-full-access-key', 'simulatorcheckoutroutingkey00000', 'simulator-app-secret'])
    expect(text).not.toContain(key);
});

test('operations on what is not there are answered, not failed', async () => {
  for (const action of ['rotate', 'retire'])
    expect((await ask('POST', `/_simulator/webhook_subscriptions/PNONE/${action}`)).status).toBe(404);
});
