import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0 });
});
afterEach(() => simulator.close());

const headers = {
  accept: 'application/vnd.pagerduty+json;version=2',
  authorization: 'Token token=simulator-full-access-key',
  'content-type': 'application/json',
  from: 'oncall-bot@example.com',
};

const rest = (method: string, path: string, body?: unknown) =>
  fetch(simulator.url + path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });

async function control(method: string, path: string, body?: unknown) {
  const response = await fetch(`${simulator.url}/_simulator${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

const noteOn = (id: string, content: string) => rest('POST', `/incidents/${id}/notes`, { note: { content } });
const anyIncident = () => [...simulator.world.incidents.keys()][0]!;

describe('the control endpoint', () => {
  test('says that the simulator is well, and which time it has', async () => {
    expect((await control('GET', '/health')).body).toEqual({ ok: true, now: '2026-06-24T10:00:00.000Z' });
  });

  test('lets time pass, with everything that happens meanwhile', async () => {
    await trigger();
    const { body } = await control('POST', '/clock', { advance_seconds: 300 });
    expect(body).toEqual({ now: '2026-06-24T10:05:00.000Z' });
    expect((await control('GET', '/clock')).body).toEqual(body);
    expect((await control('GET', '/incidents/5')).body.incident.assignments).toMatchObject([
      { at: '2026-06-24T10:05:00Z', assignee: { id: 'PFAY' } },
    ]);
  });

  test('shows an incident with its notes, alerts and log', async () => {
    await trigger();
    const id = [...simulator.world.incidents.keys()].at(-1)!;
    await noteOn(id, 'Looking.');
    const { body } = await control('GET', `/incidents/${id}`);
    expect(body.incident).toMatchObject({
      id,
      status: 'triggered',
      notes: [{ content: 'Looking.' }],
      alerts: [{ alert_key: 'disk' }],
      log_entries: [
        { type: 'trigger_log_entry', agent: { id: 'PCHECKOUT' } },
        { type: 'assign_log_entry', assignees: [{ id: 'PADA' }] },
        { type: 'annotate_log_entry', agent: { id: 'PBOT' }, note: 'Looking.' },
      ],
    });
  });

  test.each<[string, string, unknown, number, string]>([
    ['POST', '/clock', { advance_seconds: -1 }, 400, 'Send {"advance_seconds": N}'],
    ['POST', '/clock', 'soon', 400, 'Send {"advance_seconds": N}'],
    ['GET', '/requests?since=x', undefined, 400, 'since must be the seq of a request'],
    ['GET', '/incidents/QNONE', undefined, 404, 'There is no incident QNONE.'],
    ['GET', '/nothing', undefined, 404, 'The control endpoint has no GET /_simulator/nothing.'],
    ['POST', '/faults', { kind: 'explode' }, 400, 'This is no fault: kind: '],
    ['POST', '/faults', 'nonsense', 400, 'This is no fault: '],
  ])(
    'answers %s %s with a sentence where it does not understand',
    async (method, path, body, status, words) => {
      const answer = await control(method, path, body);
      expect(answer.status).toBe(status);
      expect(answer.body.error).toContain(words);
    },
  );

  test('costs no budget and leaves no record', async () => {
    await control('GET', '/health');
    expect((await control('GET', '/requests')).body.requests).toEqual([]);
    expect((await rest('GET', '/users')).headers.get('ratelimit-remaining')).toBe('959');
  });
});

describe('the request log', () => {
  test('has every request in order, with what was asked and what was answered', async () => {
    const id = anyIncident();
    await rest('GET', '/incidents?statuses[]=triggered&statuses[]=acknowledged&limit=1');
    const noted = await noteOn(id, 'Looking.');
    await rest('GET', '/nowhere');
    const { requests } = (await control('GET', '/requests')).body;
    expect(requests).toMatchObject([
      {
        seq: 1,
        at: '2026-06-24T10:00:00.000Z',
        method: 'GET',
        path: '/incidents',
        query: { 'statuses[]': ['triggered', 'acknowledged'], limit: ['1'] },
        operation: 'listIncidents',
        status: 200,
        body: null,
      },
      {
        seq: 2,
        method: 'POST',
        path: `/incidents/${id}/notes`,
        operation: 'createIncidentNote',
        status: 200,
        from: 'oncall-bot@example.com',
        request_id: noted.headers.get('x-request-id'),
        body: { note: { content: 'Looking.' } },
      },
      { seq: 3, path: '/nowhere', operation: null, status: 404 },
    ]);
    const later = (await control('GET', '/requests?since=2')).body.requests;
    expect(later.map(({ seq }: { seq: number }) => seq)).toEqual([3]);
  });

  test('tells the time of the simulator, which passes between two requests', async () => {
    // A real microsecond is a simulated second: no machine is fast enough to send two requests within one.
    const fast = await startSimulator({ clockSpeed: 1_000_000 });
    for (const path of ['/users', '/services/PLEDGER']) await fetch(fast.url + path, { headers });
    const response = await fetch(`${fast.url}/_simulator/requests`);
    const [first, second] = JSON.parse(await response.text()).requests;
    expect(Date.parse(second.at)).toBeGreaterThan(Date.parse(first.at));
    await fast.close();
  });

  test('holds no key, wherever one was sent', async () => {
    await trigger();
    await trigger({ routing_key: 'f'.repeat(32) });
    await trigger({ client: 'mail simulator-full-access-key or simulatorledgerroutingkey0000000 to me' });
    await rest('GET', '/users?query=simulator-full-access-key');
    const { requests } = (await control('GET', '/requests')).body;
    expect(requests.map(({ body }: { body: { routing_key?: string } | null }) => body?.routing_key)).toEqual([
      '[routing key of PCHECKOUT]',
      '[unknown routing key]',
      '[routing key of PCHECKOUT]',
      undefined,
    ]);
    expect(requests[2].body.client).toBe('mail [API key] or [routing key of PLEDGER] to me');
    const text = JSON.stringify(requests);
    expect(text).not.toContain('simulator-full-access-key');
    expect(text).not.toContain('fffff');
  });
});

describe('a fault', () => {
  const setFault = (fault: object) => control('POST', '/faults', fault);
  const users = () => rest('GET', '/users');
  const struck = async () => (await control('GET', '/faults')).body.faults[0].struck;

  test('rate_limited is a 429 that says how long to wait', async () => {
    await setFault({ kind: 'rate_limited', retry_after_seconds: 7, times: 1 });
    const answer = await users();
    expect([
      answer.status,
      answer.headers.get('ratelimit-remaining'),
      answer.headers.get('ratelimit-reset'),
    ]).toEqual([429, '0', '7']);
    expect(JSON.parse(await answer.text())).toEqual({
      error: { message: 'Rate Limit Exceeded', code: 2020 },
    });
    expect((await users()).status).toBe(200);
  });

  test('bare_429 says nothing at all', async () => {
    await setFault({ kind: 'bare_429', times: 1 });
    const answer = await users();
    expect([answer.status, await answer.text(), answer.headers.get('ratelimit-reset')]).toEqual([
      429,
      '',
      null,
    ]);
  });

  test.each([
    [undefined, 500, 2000],
    [503, 503, 2000],
    [403, 403, 2010],
    [404, 404, 2100],
  ])('status %s answers %i in the envelope of PagerDuty', async (asked, status, code) => {
    await setFault({ kind: 'status', ...(asked === undefined ? {} : { status: asked }) });
    const answer = await users();
    expect(answer.status).toBe(status);
    expect(JSON.parse(await answer.text()).error.code).toBe(code);
  });

  test('html is the page of a gateway', async () => {
    await setFault({ kind: 'html' });
    const answer = await users();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([502, 'text/html']);
    expect(await answer.text()).toContain('<h1>502 Bad Gateway</h1>');
  });

  test.each(['rate_limited', 'bare_429', 'status', 'html'])(
    '%s has no effect and costs no budget',
    async (kind) => {
      const id = anyIncident();
      const before = simulator.world.notes(id);
      await setFault({ kind, times: 1 });
      expect((await noteOn(id, 'Lost.')).ok).toBe(false);
      expect(simulator.world.notes(id)).toEqual(before);
      expect((await users()).headers.get('ratelimit-remaining')).toBe('959');
    },
  );

  test('drop_request closes the connection, and nothing has happened', async () => {
    const id = anyIncident();
    const before = simulator.world.notes(id);
    await setFault({ kind: 'drop_request', times: 1 });
    await expect(noteOn(id, 'Lost.')).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
    expect(simulator.world.notes(id)).toEqual(before);
    const { requests } = (await control('GET', '/requests')).body;
    expect(requests).toMatchObject([{ status: null, fault: 'drop_request' }]);
  });

  test('drop_response closes the connection after it has happened', async () => {
    await setFault({ kind: 'drop_response', times: 1 });
    await expect(noteOn(anyIncident(), 'Done.')).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
    expect(simulator.world.notes(anyIncident())).toContain('Done.');
    const { requests } = (await control('GET', '/requests')).body;
    expect(requests).toMatchObject([{ status: 200, fault: 'drop_response' }]);
  });

  test('reset breaks the connection after it has happened', async () => {
    await setFault({ kind: 'reset', times: 1 });
    await expect(noteOn(anyIncident(), 'Done.')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(simulator.world.notes(anyIncident())).toContain('Done.');
  });

  test('truncate sends the first half of the JSON, whole as far as HTTP can tell', async () => {
    await setFault({ kind: 'truncate', times: 1 });
    const answer = await noteOn(anyIncident(), 'Done.');
    const text = await answer.text();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-length')).toBe(String(text.length));
    expect(text.startsWith('{"note":')).toBe(true);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(simulator.world.notes(anyIncident())).toContain('Done.');
  });

  test('delay keeps the answer back, not the effect', async () => {
    await setFault({ kind: 'delay', delay_ms: 600_000, times: 1 });
    const late = noteOn(anyIncident(), 'Done.');
    let isAnswered = false;
    const ended = late.then(
      () => (isAnswered = true),
      () => 'closed',
    );
    await expect.poll(struck).toBe(1);
    expect(simulator.world.notes(anyIncident())).toContain('Done.');
    expect(isAnswered).toBe(false);
    await simulator.close();
    expect(await ended).toBe('closed');
  });

  test('delay of nothing is an answer like any other', async () => {
    await setFault({ kind: 'delay', delay_ms: 0 });
    expect((await users()).status).toBe(200);
    expect(await struck()).toBe(1);
  });

  test('strikes one operation, after the first, and as often as it says; the list counts', async () => {
    await setFault({ operation: 'createIncidentNote', kind: 'status', status: 503, after: 1, times: 1 });
    const statuses = [];
    for (const content of ['One.', 'Two.', 'Three.'])
      statuses.push((await noteOn(anyIncident(), content)).status);
    expect((await users()).status).toBe(200);
    expect(statuses).toEqual([200, 503, 200]);
    expect((await control('GET', '/faults')).body.faults).toMatchObject([
      { operation: 'createIncidentNote', kind: 'status', matched: 3, struck: 1 },
    ]);
  });

  test('is gone once the faults are cleared', async () => {
    await setFault({ kind: 'html' });
    expect((await control('DELETE', '/faults')).status).toBe(204);
    expect((await control('GET', '/faults')).body).toEqual({ faults: [] });
    expect((await users()).status).toBe(200);
  });

  test('of the Events API speaks as that does', async () => {
    await setFault({ operation: 'enqueueEvent', kind: 'rate_limited', times: 1 });
    const throttled = await trigger();
    expect([throttled.status, JSON.parse(await throttled.text()).status]).toEqual([429, 'throttle exceeded']);
    await setFault({ operation: 'enqueueEvent', kind: 'status', status: 500 });
    const failed = await trigger();
    expect([failed.status, JSON.parse(await failed.text())]).toEqual([
      500,
      { status: 'error', message: 'Internal Error' },
    ]);
  });
});

test('two simulators at once have nothing in common', async () => {
  const other = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0 });
  await trigger();
  await control('POST', '/clock', { advance_seconds: 60 });
  await control('POST', '/faults', { kind: 'html' });
  const response = await fetch(`${other.url}/incidents`, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get('ratelimit-remaining')).toBe('959');
  expect(JSON.parse(await response.text()).incidents).toHaveLength(4);
  const health = await fetch(`${other.url}/_simulator/health`);
  expect(JSON.parse(await health.text())).toEqual({ ok: true, now: '2026-06-24T10:00:00.000Z' });
  await other.close();
});

test('a port that is taken is an error of the one who wants it', async () => {
  const port = Number(new URL(simulator.url).port);
  await expect(startSimulator({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('once closed, nothing answers any more', async () => {
  await simulator.close();
  await expect(fetch(`${simulator.url}/_simulator/health`)).rejects.toThrow('fetch failed');
});

function trigger(more: object = {}) {
  return fetch(`${simulator.url}/v2/enqueue`, {
    method: 'POST',
    body: JSON.stringify({
      routing_key: 'simulatorcheckoutroutingkey00000',
      event_action: 'trigger',
      dedup_key: 'disk',
      payload: { summary: 'Disk full', source: 'db1', severity: 'critical' },
      ...more,
    }),
  });
}
