import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { hosts, pathOf, send, type Watch } from '../../pagerduty/http.ts';
import {
  addNote,
  answer,
  connectionTo,
  readIncident,
  resolveEvent,
  routingKey,
  TinyPagerDuty,
  token,
} from './tiny-pagerduty.ts';

const pagerduty = new TinyPagerDuty();

const incident = {
  id: 'P1',
  incident_number: 1,
  status: 'triggered',
  urgency: 'high',
  created_at: '2026-06-24T10:00:00Z',
};

test('a read carries the version, the token and who we are, and nothing else', async () => {
  pagerduty.reply = answer(200, { incident });
  const got = await send(await pagerduty.connection(), 'getIncident', readIncident);
  expect(got).toEqual({ at: expect.any(Number), response: { incident }, status: 200, requestId: 'req-1' });
  const { method, url, headers, body } = pagerduty.seen[0]!;
  expect([method, url, body]).toEqual(['GET', '/incidents/P1', '']);
  expect(ours(headers)).toEqual({
    accept: 'application/vnd.pagerduty+json;version=2',
    authorization: `Token token=${token}`,
    'user-agent': userAgent(),
  });
});

test('a write carries its type and the login of our user as well', async () => {
  pagerduty.reply = answer(200, { note: { id: 'N1', content: 'Rolled back.' } });
  await send(await pagerduty.connection(), 'createIncidentNote', addNote);
  const { method, url, headers, body } = pagerduty.seen[0]!;
  expect([method, url]).toEqual(['POST', '/incidents/P1/notes']);
  expect(JSON.parse(body)).toEqual({ note: { content: 'Rolled back.' } });
  expect(ours(headers)).toEqual({
    accept: 'application/vnd.pagerduty+json;version=2',
    authorization: `Token token=${token}`,
    'content-type': 'application/json',
    from: 'bot@example.com',
    'user-agent': userAgent(),
  });
});

test('who traces hears how each request ended, by its path without ids; PagerDuty hears nothing of it', async () => {
  const heard: unknown[] = [];
  const watch: Watch = (request) => (ended) => void heard.push([request, ended]);
  const connection = { ...(await pagerduty.connection()), watch };
  pagerduty.reply = answer(200, { incident });
  await send(connection, 'getIncident', readIncident);
  const plain = ours(pagerduty.seen[0]?.headers ?? {});
  expect(Object.keys(plain).toSorted()).toEqual(['accept', 'authorization', 'user-agent']);
  pagerduty.reply = answer(429, '');
  await expect(send(connection, 'createIncidentNote', addNote)).rejects.toThrow('429');
  pagerduty.reply = (response) => void response.destroy();
  await expect(send(connection, 'getIncident', readIncident)).rejects.toThrow('was lost');
  const { host } = new URL(pagerduty.url);
  const [read, refused, lost] = heard;
  expect(read).toEqual([{ method: 'GET', path: '/incidents/{id}', host }, { status: 200 }]);
  expect(refused).toEqual([
    { method: 'POST', path: '/incidents/{id}/notes', host },
    expect.objectContaining({ status: 429, kind: 'RateLimited' }),
  ]);
  expect(lost).toEqual([expect.anything(), expect.objectContaining({ kind: 'Unavailable' })]);
  expect(heard).toHaveLength(3);
});

test('an event carries the routing key of its name in the body, and no token', async () => {
  pagerduty.reply = answer(202, {
    status: 'success',
    message: 'Event processed',
    dedup_key: 'checkout/latency',
  });
  await send(await pagerduty.connection(), 'enqueueEvent', resolveEvent);
  const { method, url, headers, body } = pagerduty.seen[0]!;
  expect([method, url]).toEqual(['POST', '/events/v2/enqueue']);
  expect(JSON.parse(body)).toEqual({
    routing_key: routingKey,
    event_action: 'resolve',
    dedup_key: 'checkout/latency',
  });
  expect(ours(headers)).toEqual({ 'content-type': 'application/json', 'user-agent': userAgent() });
  expect(JSON.stringify(headers)).not.toContain(token);
});

test('a set filter is repeated, a boolean is lower case, and what is not asked for is not sent', async () => {
  pagerduty.reply = answer(200, { incidents: [], more: false });
  await send(await pagerduty.connection(), 'listIncidents', {
    query: { 'statuses[]': ['triggered', 'acknowledged'], total: true, limit: 100, since: undefined },
  });
  const url = new URL(pagerduty.seen[0]?.url ?? '', 'http://x');
  expect(url.pathname).toBe('/incidents');
  expect([...url.searchParams]).toEqual([
    ['limit', '100'],
    ['total', 'true'],
    ['statuses[]', 'triggered'],
    ['statuses[]', 'acknowledged'],
  ]);
});

test('text in a query arrives as it was given', async () => {
  pagerduty.reply = answer(200, { users: [] });
  await send(await pagerduty.connection(), 'listUsers', { query: { query: 'a&b=c+d #é%20' } });
  expect(new URL(pagerduty.seen[0]?.url ?? '', 'http://x').searchParams.get('query')).toBe('a&b=c+d #é%20');
});

test('a parameter stays one segment of its path, whatever it holds', () => {
  expect(pathOf({ path: '/a/{id}/b/{user_id}' }, { params: { id: 'x/../y?z#', user_id: 'P1' } })).toBe(
    '/a/x%2F..%2Fy%3Fz%23/b/P1',
  );
});

test('an address with a path, or a slash at its end, keeps its path', async () => {
  pagerduty.reply = answer(200, { incident });
  await send(await connectionTo(`${pagerduty.url}/proxy/`), 'getIncident', readIncident);
  expect(pagerduty.seen[0]?.url).toBe('/proxy/incidents/P1');
});

test('a request that the catalogue does not know is never sent', async () => {
  pagerduty.reply = answer(200, { incident });
  await expect(
    send(await pagerduty.connection(), 'getIncident', { params: { id: '../users' } }),
  ).rejects.toThrow();
  await expect(
    send(await pagerduty.connection(), 'getIncident', { params: { id: 'P1', x: 1 } } as never),
  ).rejects.toThrow();
  expect(pagerduty.seen).toEqual([]);
});

test('a routing key that the account does not have is said by its name, and nothing is sent', async () => {
  const { message, facts } = await pagerduty.errorOf('enqueueEvent', {
    ...resolveEvent,
    routingKey: 'billing',
  });
  expect(message).toBe(
    'This account has no routing key named billing; add it under routing_keys in the configuration.',
  );
  expect(facts).toMatchObject({ kind: 'InvalidRequest', effect: 'nothing' });
  expect(pagerduty.seen).toEqual([]);
});

test('both regions are PagerDuty’s own hosts, over TLS', () => {
  const identity = 'https://identity.pagerduty.com';
  expect(hosts).toEqual({
    us: { rest: 'https://api.pagerduty.com', events: 'https://events.pagerduty.com', identity },
    eu: { rest: 'https://api.eu.pagerduty.com', events: 'https://events.eu.pagerduty.com', identity },
  });
});

/** The headers that we chose, without those every HTTP client sends. */
function ours(headers: IncomingMessage['headers']): object {
  const { host: _host, connection: _connection, 'content-length': _length, ...rest } = headers;
  return rest;
}

function userAgent(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { name, version } = JSON.parse(text) as { name: string; version: string };
  return `${name}/${version}`;
}
