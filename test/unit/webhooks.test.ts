import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isSigned, parseWebhook } from '../../pagerduty/webhooks.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (secret: string, body: string): string => createHmac('sha256', secret).update(body).digest('hex');
const body = '{"event":{"id":"01A"}}';

describe('a signature', () => {
  test('is PagerDuty’s own form of HMAC-SHA256: known bytes, known value', () => {
    const known = 'v1=88cd2108b5347d973cf39cdf9053d7dd42704876d8c9a9bd8e2d168259d3ddf7';
    expect(isSigned(bytes('test'), known, ['test'])).toBe(true);
  });

  test.each<[string, string, readonly string[], boolean]>([
    ['of the secret', `v1=${hex('a', body)}`, ['a'], true],
    ['of one of several secrets', `v1=${hex('b', body)}`, ['a', 'b'], true],
    [
      'one of several while a secret is rotated',
      `v1=${hex('old', body)}, v1=${hex('new', body)}`,
      ['new'],
      true,
    ],
    ['beside a version that is not known', `v2=abc,v1=${hex('a', body)}`, ['a'], true],
    ['of another secret', `v1=${hex('x', body)}`, ['a', 'b'], false],
    ['of other bytes', `v1=${hex('a', `${body} `)}`, ['a'], false],
    ['cut short', `v1=${hex('a', body).slice(0, 63)}`, ['a'], false],
    ['in capitals', `v1=${hex('a', body).toUpperCase()}`, ['a'], false],
    ['without its version', hex('a', body), ['a'], false],
    ['that is empty', '', ['a'], false],
    ['where there is no secret', `v1=${hex('', body)}`, [], false],
  ])('%s', (_what, header, secrets, good) => {
    expect(isSigned(bytes(body), header, secrets)).toBe(good);
  });

  test('that is missing proves nothing', () => {
    expect(isSigned(bytes(body), undefined, ['a'])).toBe(false);
  });
});

describe('a webhook', () => {
  const event = (data: object, more: object = {}) =>
    parseWebhook(
      bytes(
        JSON.stringify({
          event: {
            id: '01A',
            event_type: 'incident.acknowledged',
            occurred_at: '2026-06-23T09:17:40.128Z',
            data,
            ...more,
          },
        }),
      ),
    );

  test('about an incident names it, its service and who did it', () => {
    const data = { id: 'P1', type: 'incident', service: { id: 'PS', type: 'service_reference' } };
    expect(event(data, { agent: { id: 'PU', type: 'user_reference' } })).toEqual({
      id: '01A',
      type: 'incident.acknowledged',
      occurredAt: '2026-06-23T09:17:40.128Z',
      incident: 'P1',
      service: 'PS',
      agent: 'PU',
    });
  });

  test('about something of an incident names the incident', () => {
    const data = { id: 'PNOTE', type: 'incident_note', incident: { id: 'P1', type: 'incident_reference' } };
    expect(event(data)).toMatchObject({ incident: 'P1' });
    expect(event(data)).not.toHaveProperty('agent');
  });

  test('of a type that nobody knows is read all the same', () => {
    expect(event({ id: 'X', type: 'new_thing' }, { event_type: 'incident.dreamt_of' })).toMatchObject({
      type: 'incident.dreamt_of',
    });
  });

  test.each(['', 'null', '[]', '{}', '{"event":{}}', '{"event":{"id":7}}', '{"event":', '\u0000'])(
    'is not what %j is',
    (text) => {
      expect(parseWebhook(bytes(text))).toBeUndefined();
    },
  );

  test('is not what is no UTF-8', () => {
    expect(parseWebhook(Uint8Array.of(0x22, 0xff, 0x22))).toBeUndefined();
  });
});
