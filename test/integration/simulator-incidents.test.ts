import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';

let simulator: Simulator;

beforeEach(async () => {
  // A Wednesday; by the seed's rotas Ada and Dev are on call.
  simulator = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0, rateLimit: 0 });
});
afterEach(() => simulator.close());

const headers = {
  accept: 'application/vnd.pagerduty+json;version=2',
  authorization: 'Token token=simulator-full-access-key',
  'content-type': 'application/json',
};
const bot = 'oncall-bot@example.com';

async function send(method: string, path: string, body?: unknown, from = bot) {
  const response = await fetch(simulator.url + path, {
    method,
    headers: { ...headers, from },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const get = (path: string) => send('GET', path);
const put = (id: string, incident: object, from?: string) =>
  send('PUT', `/incidents/${id}`, { incident: { type: 'incident', ...incident } }, from);
const show = async (id: string) => (await get(`/incidents/${id}`)).body.incident;
const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id);

/** Opens an incident through the Events API and gives its id. */
async function open(key: string, { service = 'checkout', severity = 'critical' } = {}): Promise<string> {
  await fetch(`${simulator.url}/v2/enqueue`, {
    method: 'POST',
    body: JSON.stringify({
      routing_key: `simulator${service}routingkey`.padEnd(32, '0'),
      event_action: 'trigger',
      dedup_key: key,
      payload: { summary: `${key} is wrong`, source: 'test', severity },
    }),
  });
  return (await get(`/incidents?incident_key=${key}`)).body.incidents[0].id;
}

const assignees = (incident: { assignments: { assignee: { id: string } }[] }) =>
  incident.assignments.map(({ assignee }) => assignee.id);
const acknowledgers = (incident: { acknowledgements: { acknowledger: { id: string } }[] }) =>
  incident.acknowledgements.map(({ acknowledger }) => acknowledger.id);
const pending = (incident: { pending_actions: { type: string; at: string }[] }) =>
  incident.pending_actions.map(({ type, at }) => `${type} ${at}`);

/** Types of everything in the log, oldest first. */
async function logOf(id: string): Promise<string[]> {
  const response = await fetch(`${simulator.url}/_simulator/incidents/${id}`);
  const { incident } = JSON.parse(await response.text());
  return incident.log_entries.map(({ type }: { type: string }) => type.replace('_log_entry', ''));
}

describe('GET /incidents', () => {
  test('shows a fresh incident in full, with nulls and empty lists as PagerDuty sends them', async () => {
    const id = await open('disk');
    expect(await show(id)).toMatchObject({
      id,
      type: 'incident',
      summary: '[#5] disk is wrong',
      self: `https://api.pagerduty.com/incidents/${id}`,
      incident_number: 5,
      title: 'disk is wrong',
      status: 'triggered',
      urgency: 'high',
      incident_key: null,
      created_at: '2026-06-24T10:00:00Z',
      updated_at: '2026-06-24T10:00:00Z',
      last_status_change_at: '2026-06-24T10:00:00Z',
      last_status_change_by: { id: 'PCHECKOUT', type: 'service_reference' },
      resolved_at: null,
      service: { id: 'PCHECKOUT', type: 'service_reference', summary: 'Checkout API' },
      escalation_policy: { id: 'PPAYMENTSONCALL', type: 'escalation_policy_reference' },
      teams: [{ id: 'PPAYMENTS', type: 'team_reference' }],
      assignments: [{ at: '2026-06-24T10:00:00Z', assignee: { id: 'PADA', type: 'user_reference' } }],
      assigned_via: 'escalation_policy',
      acknowledgements: [],
      pending_actions: [
        { type: 'escalate', at: '2026-06-24T10:05:00Z' },
        { type: 'resolve', at: '2026-06-24T14:00:00Z' },
      ],
      alert_counts: { all: 1, triggered: 1, resolved: 0 },
      first_trigger_log_entry: { type: 'trigger_log_entry_reference' },
      is_mergeable: true,
      incident_type: { name: 'incident_default' },
      priority: null,
      alert_grouping: null,
      resolve_reason: null,
      incidents_responders: [],
      responder_requests: [],
    });
  });

  test('finds one incident by its id and by its number, and the parts of it only when asked', async () => {
    const id = await open('disk');
    const { body } = await get('/incidents/5');
    expect(body.incident.id).toBe(id);
    expect(body.incident).not.toHaveProperty('conference_bridge');
    const full = await get(`/incidents/${id}?include[]=conference_bridge&include[]=body`);
    expect(full.body.incident).toMatchObject({ conference_bridge: null, body: null });
  });

  test('shows the last month unless asked otherwise', async () => {
    const old = await open('old');
    simulator.world.clock.advance(40 * 24 * 3600);
    const fresh = await open('fresh');
    expect(ids((await get('/incidents')).body.incidents)).toEqual([fresh]);
    expect(ids((await get('/incidents?date_range=all')).body.incidents)).toContain(old);
    expect((await get('/incidents?date_range=all&since=2031-01-01')).body.incidents).toHaveLength(6);
    const june = await get('/incidents?since=2026-06-24T10:00:00Z&until=2026-06-24T10:00:00Z');
    expect(ids(june.body.incidents)).toEqual([old]);
    expect(ids((await get('/incidents?since=2026-06-24&until=2026-06-25')).body.incidents)).toContain(old);
  });

  test('finds an incident by the instant it shows, whatever the fraction of a second', async () => {
    simulator.world.clock.advance(0.7);
    const id = await open('disk');
    const { body } = await get('/incidents?since=2026-06-24T10:00:00Z&until=2026-06-24T10:00:00Z');
    expect(ids(body.incidents)).toEqual([id]);
  });

  test.each([
    ['more than six months', 'since=2025-12-01&until=2026-06-02', 2005],
    ['until before since', 'since=2026-06-02&until=2026-06-01', 2004],
    ['no date', 'since=lately', 2004],
  ])('refuses a range of %s', async (_what, query, code) => {
    const { status, body } = await get(`/incidents?${query}`);
    expect([status, body.error.code]).toEqual([400, code]);
  });

  test.each([
    ['statuses[]=triggered', ['[#4] Nightly report is late', '[#5] one is wrong', '[#7] three is wrong']],
    ['statuses[]=acknowledged&statuses%5B%5D=triggered&service_ids[]=PLEDGER', ['[#6] two is wrong']],
    ['user_ids[]=PADA', ['[#5] one is wrong', '[#6] two is wrong', '[#7] three is wrong']],
    ['team_ids[]=PPLATFORM&statuses[]=triggered', ['[#4] Nightly report is late']],
    ['urgencies[]=low', ['[#4] Nightly report is late', '[#7] three is wrong']],
    ['priority_ids[]=PPRIORITY1', ['[#6] two is wrong']],
    ['incident_key=three', ['[#7] three is wrong']],
    ['priorities[]=PNONE&incident_key=three', ['[#7] three is wrong']],
    ['service_ids[]=PNONE', []],
  ])('%s lets pass what it should', async (query, summaries) => {
    await open('one');
    const two = await open('two', { service: 'ledger' });
    await open('three', { severity: 'warning' });
    await put(two, { status: 'acknowledged', priority: 'P1' });
    const { body } = await get(`/incidents?${query}`);
    expect(body.incidents.map(({ summary }: { summary: string }) => summary)).toEqual(summaries);
  });

  test('never finds a resolved incident by its assignee', async () => {
    const id = await open('disk');
    await put(id, { status: 'resolved' });
    expect((await get('/incidents?user_ids[]=PADA')).body.incidents).toEqual([]);
  });

  test.each([
    ['statuses[]=open', 'Status must be a list of triggered, acknowledged, or resolved.'],
    ['urgencies[]=medium', 'Urgency must be a list of high or low.'],
    [
      'sort_by=mood',
      'sort_by takes incident_number, created_at, resolved_at, urgency, each with :asc or :desc.',
    ],
    [
      'sort_by=created_at:down',
      'sort_by takes incident_number, created_at, resolved_at, urgency, each with :asc or :desc.',
    ],
    ['sort_by=urgency,created_at,resolved_at', 'sort_by takes at most two fields.'],
    ['time_zone=Mars/Olympus', 'Time zone is not included in the list'],
  ])('refuses %s', async (query, words) => {
    const { status, body } = await get(`/incidents?${query}`);
    expect([status, body]).toEqual([
      400,
      { error: { message: 'Invalid Input Provided', code: 2001, errors: [words] } },
    ]);
  });

  test.each([
    ['incident_number:desc', [4, 3, 2, 1]],
    ['urgency:desc,created_at:desc', [3, 2, 1, 4]],
    ['urgency,incident_number:desc', [4, 3, 2, 1]],
    ['resolved_at', [1, 2, 3, 4]],
    ['resolved_at:desc', [3, 2, 1, 4]],
  ])('sorts by %s', async (sortBy, numbers) => {
    const { body } = await get(`/incidents?sort_by=${sortBy}`);
    expect(body.incidents.map((one: { incident_number: number }) => one.incident_number)).toEqual(numbers);
  });

  test('pages, and has no total unless asked', async () => {
    expect((await get('/incidents?limit=3')).body).toMatchObject({
      limit: 3,
      offset: 0,
      more: true,
      total: null,
    });
    const { body } = await get('/incidents?limit=3&offset=3&total=true');
    expect(body).toMatchObject({ limit: 3, offset: 3, more: false, total: 4 });
    expect(body.incidents).toHaveLength(1);
  });

  test('puts full objects where include[] asks for them, and references everywhere else', async () => {
    const id = await open('disk');
    await put(id, { status: 'acknowledged' });
    const includes = ['acknowledgers', 'assignees', 'services', 'escalation_policies', 'teams', 'agents'];
    const query = includes.map((name) => `include[]=${name}`).join('&');
    const { body } = await get(`/incidents?incident_key=disk&${query}`);
    expect(body.incidents[0]).toMatchObject({
      assignments: [{ assignee: { type: 'user', email: 'ada@example.com' } }],
      acknowledgements: [{ acknowledger: { type: 'user', email: bot } }],
      service: {
        type: 'service',
        status: 'warning',
        escalation_policy: { type: 'escalation_policy_reference' },
      },
      escalation_policy: { type: 'escalation_policy', name: 'Payments on-call' },
      teams: [{ type: 'team', name: 'Payments' }],
      last_status_change_by: { type: 'user', name: 'Oncall Bot' },
    });
    const users = await get(`/incidents/${id}?include[]=users`);
    expect(users.body.incident).toMatchObject({
      assignments: [{ assignee: { type: 'user' } }],
      acknowledgements: [{ acknowledger: { type: 'user' } }],
      service: { type: 'service_reference' },
    });
    const trigger = await get(`/incidents/${id}?include[]=first_trigger_log_entries`);
    expect(trigger.body.incident.first_trigger_log_entry).toMatchObject({
      type: 'trigger_log_entry',
      agent: { id: 'PCHECKOUT' },
      channel: { type: 'api' },
    });
  });

  test('writes times in the zone that is asked for', async () => {
    const id = await open('disk');
    const { body } = await get(`/incidents/${id}?time_zone=America/New_York`);
    expect(body.incident.created_at).toBe('2026-06-24T06:00:00-04:00');
  });
});

describe('acknowledging', () => {
  test('stops the escalation, names who did it, leaves the assignees, and starts the time until it is taken back', async () => {
    const id = await open('disk');
    simulator.world.clock.advance(60);
    const { status, body } = await put(id, { status: 'acknowledged' });
    expect(status).toBe(200);
    expect(body.incident).toMatchObject({
      status: 'acknowledged',
      acknowledgements: [
        { at: '2026-06-24T10:01:00Z', acknowledger: { id: 'PBOT', type: 'user_reference' } },
      ],
      last_status_change_at: '2026-06-24T10:01:00Z',
      last_status_change_by: { id: 'PBOT', type: 'user_reference' },
    });
    expect(assignees(body.incident)).toEqual(['PADA']);
    expect(pending(body.incident)).toEqual([
      'unacknowledge 2026-06-24T10:31:00Z',
      'resolve 2026-06-24T14:00:00Z',
    ]);
    simulator.world.clock.advance(20 * 60);
    expect(assignees(await show(id))).toEqual(['PADA']);
  });

  test('runs out: the incident is triggered again and climbs on', async () => {
    const id = await open('disk');
    await put(id, { status: 'acknowledged' });
    simulator.world.clock.advance(1800);
    const back = await show(id);
    expect(back).toMatchObject({
      status: 'triggered',
      acknowledgements: [],
      last_status_change_by: { id: 'PCHECKOUT', type: 'service_reference' },
    });
    expect(pending(back)).toEqual(['escalate 2026-06-24T10:35:00Z', 'resolve 2026-06-24T14:00:00Z']);
    simulator.world.clock.advance(300);
    expect(assignees(await show(id))).toEqual(['PFAY']);
    expect(await logOf(id)).toEqual(['trigger', 'assign', 'acknowledge', 'unacknowledge', 'escalate']);
  });

  test('once more succeeds and starts that time anew; several people can', async () => {
    const id = await open('disk');
    await put(id, { status: 'acknowledged' });
    simulator.world.clock.advance(600);
    expect((await put(id, { status: 'acknowledged' })).status).toBe(200);
    const { body } = await put(id, { status: 'acknowledged' }, 'ada@example.com');
    expect(acknowledgers(body.incident)).toEqual(['PBOT', 'PADA']);
    expect(pending(body.incident)[0]).toBe('unacknowledge 2026-06-24T10:40:00Z');
  });

  test('has no end on a service without acknowledgement timeout', async () => {
    const [report] = (await get('/incidents?urgencies[]=low')).body.incidents;
    const { body } = await put(report.id, { status: 'acknowledged' });
    expect(body.incident.pending_actions).toEqual([]);
  });

  test('makes the acknowledging user the assignee where the world is told so', async () => {
    await simulator.close();
    simulator = await startSimulator({ clockSpeed: 0, acknowledgeReassigns: true });
    const { body } = await put(await open('disk'), { status: 'acknowledged' });
    expect(assignees(body.incident)).toEqual(['PBOT']);
    expect(body.incident.assigned_via).toBe('direct_assignment');
  });

  test('is taken back by status triggered, and escalation goes on', async () => {
    const id = await open('disk');
    await put(id, { status: 'acknowledged' });
    const { body } = await put(id, { status: 'triggered' });
    expect(body.incident).toMatchObject({ status: 'triggered', acknowledgements: [] });
    expect(pending(body.incident)[0]).toBe('escalate 2026-06-24T10:05:00Z');
    expect(await logOf(id)).toEqual(['trigger', 'assign', 'acknowledge', 'unacknowledge']);
  });
});

describe('resolving', () => {
  test('ends the incident with all its alerts, keeps the resolution in the log, and pages nobody more', async () => {
    const id = await open('disk');
    await put(id, { status: 'acknowledged' });
    const { body } = await put(id, { status: 'resolved', resolution: 'Disk replaced.' });
    expect(body.incident).toMatchObject({
      status: 'resolved',
      resolved_at: '2026-06-24T10:00:00Z',
      assignments: [],
      acknowledgements: [],
      pending_actions: [],
      alert_counts: { all: 1, triggered: 0, resolved: 1 },
      last_status_change_by: { id: 'PBOT' },
    });
    const alerts = await get(`/incidents/${id}/alerts`);
    expect(alerts.body.alerts).toMatchObject([{ status: 'resolved', resolved_at: '2026-06-24T10:00:00Z' }]);
    const control = JSON.parse(await (await fetch(`${simulator.url}/_simulator/incidents/${id}`)).text());
    expect(control.incident.log_entries.at(-1)).toMatchObject({
      type: 'resolve_log_entry',
      note: 'Disk replaced.',
      agent: { id: 'PBOT' },
    });
    expect((await get(`/incidents/${id}/notes`)).body.notes).toEqual([]);
  });

  test('twice is refused with 1001', async () => {
    const id = await open('disk');
    await put(id, { status: 'resolved' });
    const { status, body } = await put(id, { status: 'resolved' });
    expect([status, body]).toEqual([400, { error: { message: 'Incident Already Resolved', code: 1001 } }]);
  });

  test('happens by itself when the service says so, in the name of the service', async () => {
    const id = await open('disk');
    simulator.world.clock.advance(4 * 3600 - 1);
    expect((await show(id)).status).toBe('triggered');
    simulator.world.clock.advance(1);
    expect(await show(id)).toMatchObject({
      status: 'resolved',
      resolved_at: '2026-06-24T14:00:00Z',
      last_status_change_by: { id: 'PCHECKOUT', type: 'service_reference' },
    });
    expect((await logOf(id)).at(-1)).toBe('resolve');
  });
});

describe('a resolved incident', () => {
  test('is opened again by acknowledging it, and belongs to whoever did', async () => {
    const id = await open('disk');
    await put(id, { status: 'resolved' });
    const { status, body } = await put(id, { status: 'acknowledged' });
    expect(status).toBe(200);
    expect(body.incident).toMatchObject({
      status: 'acknowledged',
      resolved_at: null,
      assigned_via: 'direct_assignment',
      alert_counts: { all: 1, triggered: 0, resolved: 1 },
    });
    expect(assignees(body.incident)).toEqual(['PBOT']);
    expect(pending(body.incident)).toEqual([
      'unacknowledge 2026-06-24T10:30:00Z',
      'resolve 2026-06-24T14:00:00Z',
    ]);
  });

  test('is opened again by status triggered, and goes to who is on call by its policy', async () => {
    const id = await open('disk');
    simulator.world.clock.advance(300);
    await put(id, { status: 'resolved' });
    const { body } = await put(id, { status: 'triggered' });
    expect(body.incident).toMatchObject({ status: 'triggered', assigned_via: 'escalation_policy' });
    expect(assignees(body.incident)).toEqual(['PADA']);
    expect(pending(body.incident)).toEqual(['escalate 2026-06-24T10:10:00Z', 'resolve 2026-06-24T14:05:00Z']);
  });

  test('is opened again for whom the request names', async () => {
    const id = await open('disk');
    await put(id, { status: 'resolved' });
    const assignments = [{ assignee: { id: 'PBEN', type: 'user_reference' } }];
    const { body } = await put(id, { status: 'acknowledged', assignments });
    expect(assignees(body.incident)).toEqual(['PBEN']);
    expect(acknowledgers(body.incident)).toEqual(['PBOT']);
  });

  test('cannot be handed on without being opened', async () => {
    const id = await open('disk');
    await put(id, { status: 'resolved' });
    const { status, body } = await put(id, {
      assignments: [{ assignee: { id: 'PBEN', type: 'user_reference' } }],
    });
    expect([status, body.error.code]).toEqual([400, 1001]);
  });

  test('still takes notes', async () => {
    const id = await open('disk');
    await put(id, { status: 'resolved' });
    expect((await send('POST', `/incidents/${id}/notes`, { note: { content: 'Late.' } })).status).toBe(200);
  });
});

describe('handing on', () => {
  const to = (...users: readonly string[]) => ({
    assignments: users.map((id) => ({ assignee: { id, type: 'user_reference' } })),
  });

  test('to users replaces the assignees and stops the escalation', async () => {
    const id = await open('disk');
    const { body } = await put(id, to('PBEN', 'PCLEO', 'PBEN'));
    expect(assignees(body.incident)).toEqual(['PBEN', 'PCLEO']);
    expect(body.incident.assigned_via).toBe('direct_assignment');
    expect(pending(body.incident)).toEqual(['resolve 2026-06-24T14:00:00Z']);
    simulator.world.clock.advance(3600);
    expect(assignees(await show(id))).toEqual(['PBEN', 'PCLEO']);
  });

  test('of an acknowledged incident makes it triggered again, unless it goes to who acknowledged it', async () => {
    const id = await open('disk');
    await put(id, { status: 'acknowledged' }, 'ben@example.com');
    expect((await put(id, to('PBEN'))).body.incident.status).toBe('acknowledged');
    expect((await put(id, to('PCLEO'))).body.incident).toMatchObject({
      status: 'triggered',
      acknowledgements: [],
    });
  });

  test('to a policy starts there, adds its team, and climbs it', async () => {
    const id = await open('disk');
    await put(id, { status: 'acknowledged' });
    const { body } = await put(id, {
      escalation_policy: { id: 'PPLATFORMONCALL', type: 'escalation_policy_reference' },
    });
    expect(body.incident).toMatchObject({
      status: 'triggered',
      escalation_policy: { id: 'PPLATFORMONCALL' },
      assigned_via: 'escalation_policy',
    });
    expect(ids(body.incident.teams)).toEqual(['PPAYMENTS', 'PPLATFORM']);
    expect(assignees(body.incident)).toEqual(['PDEV']);
    simulator.world.clock.advance(300);
    expect(assignees(await show(id))).toEqual(['PFAY']);
    expect(await logOf(id)).toEqual(['trigger', 'assign', 'acknowledge', 'delegate', 'escalate']);
  });

  test('and back in one request with status triggered is how an incident is given back', async () => {
    const id = await open('disk');
    await put(id, { status: 'acknowledged' });
    const { body } = await put(id, {
      status: 'triggered',
      escalation_policy: { id: 'PPAYMENTSONCALL', type: 'escalation_policy_reference' },
    });
    expect(body.incident).toMatchObject({ status: 'triggered', assigned_via: 'escalation_policy' });
    expect(assignees(body.incident)).toEqual(['PADA']);
    expect(pending(body.incident)[0]).toBe('escalate 2026-06-24T10:05:00Z');
  });

  test('to a level jumps there', async () => {
    const id = await open('disk');
    const { body } = await put(id, { escalation_level: 2 });
    expect(assignees(body.incident)).toEqual(['PFAY']);
    expect(pending(body.incident)[0]).toBe('escalate 2026-06-24T10:10:00Z');
  });

  test('climbs, loops once, and stays silent in the end', async () => {
    const id = await open('disk');
    const who = async (minutes: number) => {
      simulator.world.clock.advance(minutes * 60);
      return assignees(await show(id));
    };
    expect(await who(5)).toEqual(['PFAY']);
    expect(await who(10)).toEqual(['PADA']);
    expect(await who(5)).toEqual(['PFAY']);
    expect(pending(await show(id))).toEqual(['resolve 2026-06-24T14:00:00Z']);
    expect(await who(60)).toEqual(['PFAY']);
    expect(await logOf(id)).toEqual([
      'trigger',
      'assign',
      'escalate',
      'repeat_escalation_path',
      'escalate',
      'escalate',
      'exhaust_escalation_path',
    ]);
  });

  test('goes to everybody of a level, on the ledger to two people', async () => {
    expect(assignees(await show(await open('money', { service: 'ledger' })))).toEqual(['PADA', 'PDEV']);
  });
});

describe('editing', () => {
  test('sets title, priority by id and by name, type and bridge, and can take the priority away', async () => {
    const id = await open('disk');
    const { body } = await put(id, {
      title: 'Disk is full',
      priority: { id: 'PPRIORITY2', type: 'priority_reference' },
      incident_type: { name: 'major_incident' },
      conference_bridge: { conference_number: '+1 415-555-1212,,,,1234#' },
      summary: 'read-only, so ignored',
      colour: 'unknown, so ignored',
    });
    expect(body.incident).toMatchObject({
      title: 'Disk is full',
      summary: '[#5] Disk is full',
      status: 'triggered',
      priority: { id: 'PPRIORITY2', type: 'priority', name: 'P2' },
      incident_type: { name: 'major_incident' },
    });
    const { body: full } = await get(`/incidents/${id}?include[]=conference_bridge`);
    expect(full.incident.conference_bridge).toEqual({
      conference_number: '+1 415-555-1212,,,,1234#',
      conference_url: null,
    });
    expect((await put(id, { priority: 'P1' })).body.incident.priority.id).toBe('PPRIORITY1');
    expect((await put(id, { priority: null })).body.incident.priority).toBeNull();
  });

  test('of the urgency stops the escalation, and starts it again', async () => {
    const id = await open('disk');
    const low = await put(id, { urgency: 'low' });
    expect([low.body.incident.urgency, pending(low.body.incident)]).toEqual([
      'low',
      ['resolve 2026-06-24T14:00:00Z'],
    ]);
    const high = await put(id, { urgency: 'high' });
    expect(pending(high.body.incident)[0]).toBe('escalate 2026-06-24T10:05:00Z');
  });

  test('of the service moves the incident and its alerts; policy and assignees stay', async () => {
    const id = await open('disk');
    const { body } = await put(id, { service: { id: 'PSEARCH', type: 'service_reference' } });
    expect(body.incident).toMatchObject({
      service: { id: 'PSEARCH' },
      escalation_policy: { id: 'PPAYMENTSONCALL' },
    });
    expect(assignees(body.incident)).toEqual(['PADA']);
    const { body: list } = await get(`/incidents/${id}/alerts`);
    expect(list.alerts[0].service.id).toBe('PSEARCH');
  });
});

describe('an update is refused, and changes nothing,', () => {
  test.each<[string, object, number, number]>([
    ['with an unknown status', { status: 'done' }, 1003, 400],
    [
      'with an unknown assignee',
      { assignments: [{ assignee: { id: 'PNONE', type: 'user_reference' } }] },
      1007,
      400,
    ],
    ['with no assignee', { assignments: [] }, 2001, 400],
    [
      'with an unknown policy',
      { escalation_policy: { id: 'PNONE', type: 'escalation_policy_reference' } },
      1014,
      400,
    ],
    ['with an unknown priority', { priority: { id: 'PNONE', type: 'priority_reference' } }, 1020, 400],
    ['with an unknown service', { service: { id: 'PNONE', type: 'service_reference' } }, 5002, 400],
    ['with an unknown urgency', { urgency: 'medium' }, 2001, 400],
    ['with an empty title', { title: ' ' }, 2001, 400],
    ['with a level that the policy has not', { escalation_level: 3 }, 1006, 400],
    ['with a level that is none', { escalation_level: 0 }, 2001, 400],
    ['with a level and low urgency', { escalation_level: 2, urgency: 'low' }, 1006, 400],
    [
      'with two ways of handing on',
      { escalation_level: 2, assignments: [{ assignee: { id: 'PBEN' } }] },
      2001,
      400,
    ],
    ['without type', { type: undefined, status: 'resolved' }, 2001, 400],
    ['with another type', { type: 'service', status: 'resolved' }, 2001, 400],
  ])('%s', async (_what, change, code, status) => {
    const id = await open('disk');
    const before = await show(id);
    const answer = await put(id, { title: 'Changed', ...change });
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(await show(id)).toEqual(before);
  });

  test('with a level on an incident of low urgency', async () => {
    const id = await open('disk', { severity: 'info' });
    expect((await put(id, { escalation_level: 2 })).body.error).toEqual({
      message: 'Cannot Escalate',
      code: 1006,
    });
  });

  test('with a policy on which nobody is on call', async () => {
    const id = await open('disk');
    const { policies } = simulator.world;
    const policy = policies.get('PLEDGERONCALL')!;
    policies.set(policy.id, { ...policy, rules: policy.rules.map((rule) => ({ ...rule, targets: [] })) });
    const { body } = await put(id, {
      escalation_policy: { id: 'PLEDGERONCALL', type: 'escalation_policy_reference' },
    });
    expect(body.error).toEqual({ message: 'Escalation Policy Has No User On Call', code: 1015 });
  });

  test('without the root key', async () => {
    const { body } = await send('PUT', `/incidents/${await open('disk')}`, { status: 'resolved' });
    expect(body.error.code).toBe(2001);
  });
});

describe('notes', () => {
  const add = (id: string, content: unknown) => send('POST', `/incidents/${id}/notes`, { note: { content } });

  test('are answered with 200 and listed newest first, with who wrote them', async () => {
    const id = await open('disk');
    const { status, body } = await add(id, 'First.');
    expect(status).toBe(200);
    expect(body.note).toMatchObject({
      content: 'First.',
      created_at: '2026-06-24T10:00:00Z',
      user: { id: 'PBOT', type: 'user_reference', summary: 'Oncall Bot' },
      channel: { summary: 'The PagerDuty website or APIs' },
    });
    await add(id, 'Second.');
    const { body: list } = await get(`/incidents/${id}/notes`);
    expect(Object.keys(list)).toEqual(['notes']);
    expect(list.notes.map(({ content }: { content: string }) => content)).toEqual(['Second.', 'First.']);
    expect(simulator.world.notes(id)).toEqual(['First.', 'Second.']);
  });

  test('change when the incident was updated, not when it changed its status', async () => {
    const id = await open('disk');
    simulator.world.clock.advance(30);
    await add(id, 'Looking.');
    expect(await show(id)).toMatchObject({
      created_at: '2026-06-24T10:00:00Z',
      updated_at: '2026-06-24T10:00:30Z',
      last_status_change_at: '2026-06-24T10:00:00Z',
    });
  });

  test.each(['', '  \n', null, 7])('with %j for content are refused', async (content) => {
    const id = await open('disk');
    const { status, body } = await add(id, content);
    expect([status, body.error.code]).toEqual([400, 2001]);
    expect(simulator.world.notes(id)).toEqual([]);
  });

  test('end at 2,000 on one incident', async () => {
    const id = await open('disk');
    for (let count = 0; count < 2000; count += 1) await add(id, `Note ${count}.`);
    const { status, body } = await add(id, 'One too many.');
    expect([status, body.error.code]).toEqual([400, 2019]);
    expect(simulator.world.notes(id)).toHaveLength(2000);
  });
});

describe('GET /incidents/{id}/alerts', () => {
  test('shows the alert with its severity, body and contexts', async () => {
    await fetch(`${simulator.url}/v2/enqueue`, {
      method: 'POST',
      body: JSON.stringify({
        routing_key: 'simulatorcheckoutroutingkey00000',
        event_action: 'trigger',
        dedup_key: 'disk',
        payload: { summary: 'Disk full', source: 'db1', severity: 'error', custom_details: { free: '0 %' } },
        links: [{ href: 'https://example.com/runbook', text: 'Runbook' }, { text: 'no href, ignored' }],
        images: [{ src: 'https://example.com/graph.png', alt: 'Graph' }],
      }),
    });
    const { body } = await get('/incidents/5/alerts');
    expect(body).toEqual({ error: { message: 'Not Found', code: 2100 } });
    const id = (await get('/incidents/5')).body.incident.id;
    const { body: list } = await get(`/incidents/${id}/alerts`);
    expect(list).toMatchObject({ limit: 25, offset: 0, more: false, total: null });
    expect(list.alerts).toMatchObject([
      {
        type: 'alert',
        summary: 'Disk full',
        status: 'triggered',
        alert_key: 'disk',
        severity: 'error',
        suppressed: false,
        created_at: '2026-06-24T10:00:00Z',
        service: { id: 'PCHECKOUT', type: 'service_reference' },
        incident: { id, type: 'incident_reference' },
        integration: { id: 'PCHECKOUTEVENTS' },
        body: {
          type: 'alert_body',
          details: { free: '0 %' },
          contexts: [
            { type: 'link', href: 'https://example.com/runbook', text: 'Runbook' },
            { type: 'image', src: 'https://example.com/graph.png', text: 'Graph' },
          ],
        },
      },
    ]);
    const full = await get(`/incidents/${id}/alerts?include[]=services&include[]=incidents`);
    expect(full.body.alerts).toMatchObject([
      { service: { type: 'service' }, incident: { type: 'incident' } },
    ]);
  });

  test.each([
    ['statuses[]=triggered', 1],
    ['statuses[]=resolved', 0],
    ['alert_key=disk', 1],
    ['alert_key=other', 0],
    ['sort_by=created_at:desc', 1],
    ['offset=1', 0],
  ])('%s lets %i pass', async (query, count) => {
    const id = await open('disk');
    expect((await get(`/incidents/${id}/alerts?${query}`)).body.alerts).toHaveLength(count);
  });
});

describe('the status of a service', () => {
  const status = async () => (await get('/services/PCHECKOUT')).body.service.status;

  test('follows its incidents, and what people set wins', async () => {
    const id = await open('disk');
    expect(await status()).toBe('critical');
    await put(id, { status: 'acknowledged' });
    expect(await status()).toBe('warning');
    await put(id, { status: 'resolved' });
    expect(await status()).toBe('active');
    simulator.world.services.get('PCHECKOUT')!.mode = 'maintenance';
    expect(await status()).toBe('maintenance');
  });
});
