import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { catalogue, operationNames } from '../../pagerduty/catalogue/index.ts';
import type { PagerDutyError } from '../../pagerduty/errors.ts';
import { send, timeLimitMs } from '../../pagerduty/http.ts';
import {
  addNote,
  answer,
  connectionTo,
  listening,
  rawServer,
  readIncident,
  resolveEvent,
  routingKey,
  TinyPagerDuty,
  token,
} from './tiny-pagerduty.ts';

const pagerduty = new TinyPagerDuty();

describe('when the line breaks', () => {
  test('a host that refuses the connection did nothing', async () => {
    const gone = createServer();
    const closed = await listening(gone);
    await new Promise((resolve) => gone.close(resolve));
    for (const host of ['127.0.0.1', 'localhost']) {
      const { message, facts } = await pagerduty.errorOf(
        'createIncidentNote',
        addNote,
        connectionTo(`http://${host}:${closed}`),
      );
      expect(facts).toEqual({ kind: 'Unavailable', effect: 'nothing' });
      expect(message).toBe('PagerDuty cannot be reached for POST /incidents/P1/notes (ECONNREFUSED).');
    }
  });

  test.each<[string, (socket: Socket) => void]>([
    ['a connection reset after the request', (socket) => void socket.resetAndDestroy()],
    ['a connection closed after the request', (socket) => void socket.end()],
    ['half of the headers', (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-le')],
    ['something that is not HTTP', (socket) => void socket.end('220 mail.example.com ESMTP\r\n')],
    [
      'a body that ends before its length',
      (socket) =>
        void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"note":{"id":"N1","content":"x"}}'),
    ],
    [
      'a chunked body that never ends well',
      (socket) => void socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"not\r\n'),
    ],
  ])('%s leaves the effect unknown', async (_what, react) => {
    const raw = await rawServer(react);
    const { message, facts } = await pagerduty.errorOf('createIncidentNote', addNote, connectionTo(raw.url));
    expect(facts).toEqual({ kind: 'Unavailable', effect: 'unknown' });
    expect(message).toMatch(/^The answer of PagerDuty to POST \/incidents\/P1\/notes was lost \(\w+\)\.$/);
    expect(raw.requests()).toBe(1);
    raw.close();
  });

  test('an answer too large to hold is cut off', async () => {
    pagerduty.reply = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const megabyte = 'x'.repeat(1024 * 1024);
      response.on('error', () => {});
      for (let sent = 0; sent < 34; sent += 1) response.write(megabyte);
      response.end();
    };
    expect((await pagerduty.errorOf('getIncident', readIncident)).facts).toEqual({
      kind: 'Unavailable',
      effect: 'unknown',
    });
  });

  test('a server that never answers, or never ends its answer, is given up after 3 seconds', async () => {
    const silent = await rawServer(() => {});
    const endless = await rawServer(
      (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"inc'),
    );
    const request = { params: { id: 'P1' } };
    const began = performance.now();
    const errors = await Promise.all(
      [silent, endless].map(({ url }) => pagerduty.errorOf('getIncident', request, connectionTo(url))),
    );
    expect(performance.now() - began).toBeGreaterThan(2_900);
    for (const { message, facts } of errors) {
      expect(message).toBe('The answer of PagerDuty to GET /incidents/P1 was lost (no answer within 3 s).');
      expect(facts).toEqual({ kind: 'Unavailable', effect: 'unknown' });
    }
    silent.close();
    endless.close();
  });

  test('a read has 3 seconds, a write 8', () => {
    for (const name of operationNames) {
      expect(timeLimitMs(catalogue[name])).toBe(catalogue[name].method === 'GET' ? 3_000 : 8_000);
    }
  });

  test('a token that no header can carry is refused before anything is sent, and is not told', async () => {
    for (const token of ['two\nlines', 'with blanks', 'ünïcödé', '']) {
      await expect(pagerduty.connection({ token })).rejects.toThrow(/^What env:TOKEN holds is no token: /);
    }
  });

  test('details nested a hundred thousand deep do not make an answer unreadable', async () => {
    const details = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    pagerduty.reply = answer(
      200,
      `{"alerts":[{"id":"A1","status":"triggered","body":{"details":${details}}}],"more":false}`,
    );
    const { response } = await send(await pagerduty.connection(), 'listIncidentAlerts', readIncident);
    expect(response.alerts[0]?.id).toBe('A1');
  });
});

describe('a secret', () => {
  const odd = [
    ['plain', 'u+OneTokenOfTwenty01', routingKey],
    ['like a pattern', '$&$1$`.*[a-z]+(', "$'$<x>${y}{id}"],
    ['with quotes', `a"quoted"'token'here`, 'key "with" quotes'],
    ['in percent and entities', '%2e%2e%00&amp;token', '%52%30&#x52;key'],
    ['on two lines', 'token-on-one', 'first-key\nsecond-key'],
    ['beyond Latin', 'token-within', 'key-ünïcödé-☃'],
  ] as const;
  const requests = [
    ['getIncident', readIncident],
    ['createIncidentNote', addNote],
    ['enqueueEvent', resolveEvent],
    ['enqueueEvent', { ...resolveEvent, routingKey: 'other' }],
  ] as const;

  test.each(odd)('that is %s is in no error', async (_what, oddToken, oddKey) => {
    const resetting = await rawServer((socket) => void socket.resetAndDestroy());
    const secrets = { token: oddToken, routingKey: oddKey };
    const errors: PagerDutyError[] = [];
    for (const [name, request] of requests) {
      for (const failing of [
        answer(400, { error: { message: 'No.', code: 2001, errors: ['Title cannot be empty.'] } }),
        answer(401, ''),
        answer(429, '', { 'ratelimit-reset': '7' }),
        answer(502, '<html>'),
        answer(200, 'not JSON'),
        answer(200, {}),
      ]) {
        pagerduty.reply = failing;
        errors.push(await pagerduty.errorOf(name, request, pagerduty.connection(secrets)));
      }
      errors.push(await pagerduty.errorOf(name, request, connectionTo(resetting.url, secrets)));
      errors.push(await pagerduty.errorOf(name, request, connectionTo('http://127.0.0.1:1', secrets)));
    }
    resetting.close();
    expect(errors).toHaveLength(requests.length * 8);
    for (const error of errors) expectNoSecret(error, [oddToken, oddKey]);
  });

  test('that an error answer repeats is in no error', async () => {
    pagerduty.reply = (response, { headers, body }) =>
      answer(400, { error: { message: `Bad request: ${headers.authorization ?? ''} ${body}` } })(response);
    expectNoSecret(await pagerduty.errorOf('getIncident', readIncident), [token, routingKey]);
    expectNoSecret(await pagerduty.errorOf('enqueueEvent', resolveEvent), [token, routingKey]);
  });

  function expectNoSecret(error: PagerDutyError, secrets: readonly string[]): void {
    const all = [
      error.message,
      error.stack,
      JSON.stringify(error),
      JSON.stringify(error.facts),
      String(error.cause),
    ];
    for (const secret of secrets) {
      for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
        expect(all.join('\n').includes(form)).toBe(false);
    }
  }
});
