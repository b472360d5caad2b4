import { expect, test } from 'vitest';
import { type ErrorKind, retried } from '../../pagerduty/errors.ts';
import { send } from '../../pagerduty/http.ts';
import { retryAfterMs } from '../../pagerduty/rate-limit.ts';
import { addNote, answer, readIncident, resolveEvent, TinyPagerDuty } from './tiny-pagerduty.ts';

const pagerduty = new TinyPagerDuty();

const incident = {
  id: 'P1',
  incident_number: 1,
  status: 'triggered',
  urgency: 'high',
  created_at: '2026-06-24T10:00:00Z',
};

test('words of PagerDuty’s arrive without what hides in them', async () => {
  pagerduty.reply = answer(200, {
    incident: { ...incident, title: 'disk\u202E full\u200B', custom: { 'k\u0000': '\u{E0041}x' } },
  });
  const { response } = await send(await pagerduty.connection(), 'getIncident', readIncident);
  expect(response.incident).toMatchObject({ title: 'disk full', custom: { k: 'x' } });
});

test('what unlocks a calendar, an integration or a webhook never comes in', async () => {
  const user = { id: 'PADA', http_cal_url: 'https://unlocks', web_cal_url: 'webcal://unlocks', name: 'Ada' };
  const more = { integrations: [{ integration_key: 'unlocks' }], channel: { service_key: null } };
  pagerduty.reply = answer(200, { users: [{ ...user, ...more, delivery_method: { secret: 'unlocks' } }] });
  const { response } = await send(await pagerduty.connection(), 'listUsers', {});
  expect(JSON.stringify(response)).not.toContain('unlocks');
  expect(response.users[0]).toMatchObject({
    name: 'Ada',
    web_cal_url: '(withheld)',
    channel: { service_key: null },
  });
});

test.each<[number, ErrorKind, 'nothing' | 'unknown']>([
  [301, 'UnexpectedResponse', 'nothing'],
  [302, 'UnexpectedResponse', 'nothing'],
  [304, 'UnexpectedResponse', 'nothing'],
  [307, 'UnexpectedResponse', 'nothing'],
  [308, 'UnexpectedResponse', 'nothing'],
  [400, 'InvalidRequest', 'nothing'],
  [401, 'Unauthenticated', 'nothing'],
  [402, 'PlanRequired', 'nothing'],
  [403, 'Forbidden', 'nothing'],
  [404, 'NotFound', 'nothing'],
  [405, 'InvalidRequest', 'nothing'],
  [408, 'Unavailable', 'unknown'],
  [409, 'InvalidRequest', 'nothing'],
  [413, 'InvalidRequest', 'nothing'],
  [422, 'InvalidRequest', 'nothing'],
  [429, 'RateLimited', 'nothing'],
  [500, 'Unavailable', 'unknown'],
  [502, 'Unavailable', 'unknown'],
  [503, 'Unavailable', 'unknown'],
  [504, 'Unavailable', 'unknown'],
  [599, 'Unavailable', 'unknown'],
])('%d is %s, and its effect is %s', async (status, kind, effect) => {
  const body =
    status === 304 ? '' : { error: { message: 'Arguments Caused Error', code: 2002, errors: ['It is so.'] } };
  pagerduty.reply = answer(status, body);
  const { facts, message } = await pagerduty.errorOf('createIncidentNote', addNote);
  expect(facts).toMatchObject({ kind, effect, status, requestId: 'req-1' });
  expect(message).toContain(`PagerDuty answered ${status} to POST /incidents/P1/notes: `);
  if (status === 304) return;
  expect(facts.code).toBe(2002);
  expect(message).toContain('Arguments Caused Error: It is so.');
  expect(pagerduty.seen).toHaveLength(1);
});

test('only what time can mend is worth another try', () => {
  const again = Object.entries(retried).filter(([, yes]) => yes);
  expect(again.map(([kind]) => kind).toSorted()).toEqual(['RateLimited', 'Unavailable']);
});

test.each<[string, number, unknown, string, number | undefined]>([
  [
    'an error that is a string',
    400,
    { error: 'account-level access token' },
    'account-level access token',
    undefined,
  ],
  ['a 401 without a body', 401, '', 'no message', undefined],
  ['a 502 in HTML', 502, '<html><h1>Bad Gateway</h1></html>', 'no message', undefined],
  ['a 413 without a body', 413, '', 'no message', undefined],
  [
    'a missing scope',
    403,
    { error: { message: 'Token missing required scopes', required_scopes: 'incidents.write' } },
    'Token missing required scopes: needs incidents.write',
    undefined,
  ],
  [
    'several missing scopes',
    403,
    { error: { message: 'Token missing required scopes', required_scopes: ['a.read', 'b.read'] } },
    'Token missing required scopes: needs ["a.read","b.read"]',
    undefined,
  ],
  [
    'errors by field, as version 3 has them',
    400,
    { error: { message: 'Invalid', errors: { name: ['is taken', 'is odd'], zone: 'is no zone' } } },
    'Invalid: name ["is taken","is odd"]: zone is no zone',
    undefined,
  ],
  ['errors without an envelope', 400, { errors: { name: ['is taken'] } }, 'name ["is taken"]', undefined],
  ['an error that is null', 400, { error: null, message: 'No.' }, 'No.', undefined],
  ['an error that is a list', 400, [{ error: 'x' }], 'no message', undefined],
  ['a code that is text', 400, { error: { code: '2001', message: 'No.' } }, 'No.', undefined],
  ['a message on several lines', 400, { error: { code: 1, message: 'One\n\ntwo\u202E' } }, 'One two', 1],
  ['a JSON string', 400, '"No."', 'no message', undefined],
])('%s is understood', async (_what, status, body, message, code) => {
  pagerduty.reply = answer(status, body);
  const error = await pagerduty.errorOf('getIncident', readIncident);
  expect(error.message).toBe(`PagerDuty answered ${status} to GET /incidents/P1: ${message}`);
  expect(error.facts.code).toBe(code);
});

test('a refused event is understood', async () => {
  pagerduty.reply = answer(400, {
    status: 'invalid event',
    message: 'Event object is invalid',
    errors: ["Length of 'routing_key' is incorrect (should be 32 characters)"],
  });
  const error = await pagerduty.errorOf('enqueueEvent', resolveEvent);
  expect(error.message).toBe(
    "PagerDuty answered 400 to POST /v2/enqueue: Event object is invalid: Length of 'routing_key' is incorrect (should be 32 characters)",
  );
  expect(error.facts).toMatchObject({ kind: 'InvalidRequest', effect: 'nothing' });
});

test('an endless error message is cut', async () => {
  pagerduty.reply = answer(400, { error: { message: 'x'.repeat(5_000) } });
  expect((await pagerduty.errorOf('getIncident', readIncident)).message.length).toBeLessThan(700);
});

test('a redirect is refused and never followed', async () => {
  pagerduty.reply = answer(302, '', { location: `${pagerduty.url}/elsewhere` });
  expect((await pagerduty.errorOf('getIncident', readIncident)).facts).toMatchObject({
    kind: 'UnexpectedResponse',
    status: 302,
  });
  expect(pagerduty.seen.map(({ url }) => url)).toEqual(['/incidents/P1']);
});

test.each<[string, Record<string, string>, number | undefined]>([
  ['seconds', { 'ratelimit-reset': '7' }, 7_000],
  ['part of a second', { 'ratelimit-reset': '0.4' }, 400],
  ['nothing', {}, undefined],
  ['an empty text', { 'ratelimit-reset': '' }, undefined],
  ['nonsense', { 'ratelimit-reset': 'soon' }, undefined],
  ['zero', { 'ratelimit-reset': '0' }, undefined],
  ['a negative number', { 'ratelimit-reset': '-3' }, undefined],
  ['no end', { 'ratelimit-reset': 'Infinity' }, undefined],
  ['another header', { 'retry-after': '7' }, undefined],
])('a 429 that names %s', async (_what, headers, wait) => {
  pagerduty.reply = answer(429, { error: { message: 'Rate Limit Exceeded', code: 2020 } }, headers);
  const { facts } = await pagerduty.errorOf('createIncidentNote', addNote);
  expect(facts).toMatchObject({ kind: 'RateLimited', effect: 'nothing', code: 2020 });
  expect(facts.retryAfterMs).toBe(wait);
});

test('a bare 429 is a rate limit all the same', async () => {
  pagerduty.reply = (response) => void response.writeHead(429).end();
  expect((await pagerduty.errorOf('createIncidentNote', addNote)).facts).toMatchObject({
    kind: 'RateLimited',
    retryAfterMs: undefined,
  });
});

test('only a 429 says how long to wait', async () => {
  pagerduty.reply = answer(503, '', { 'ratelimit-reset': '7' });
  expect((await pagerduty.errorOf('getIncident', readIncident)).facts.retryAfterMs).toBeUndefined();
  expect(retryAfterMs({ 'ratelimit-reset': ['7', '9'] })).toBe(7_000);
});

test.each([
  ['is not JSON', '<html>hello</html>', 'Unavailable', 'with something that is not JSON'],
  ['is half of JSON', '{"note":{"id":"N1"', 'Unavailable', 'with something that is not JSON'],
  ['is empty', '', 'UnexpectedResponse', 'but the body is not as its documentation says'],
  ['is of another shape', { notes: [] }, 'UnexpectedResponse', 'but note is not as its documentation says'],
  ['lacks a field', { note: { id: 'N1' } }, 'UnexpectedResponse', 'but note.content is not as'],
  ['is null', 'null', 'UnexpectedResponse', 'but the body is not as'],
])('a 200 that %s may have done its work', async (_what, body, kind, words) => {
  pagerduty.reply = answer(200, body);
  const { facts, message } = await pagerduty.errorOf('createIncidentNote', addNote);
  expect(facts).toMatchObject({ kind, effect: 'unknown', status: 200, requestId: 'req-1' });
  expect(message).toContain(words);
});

test('any 2xx will do', async () => {
  pagerduty.reply = answer(201, { note: { id: 'N1', content: 'x' } });
  expect((await send(await pagerduty.connection(), 'createIncidentNote', addNote)).status).toBe(201);
});
