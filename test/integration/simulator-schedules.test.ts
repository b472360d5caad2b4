import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { wireTo } from '../support/pagerduty-wire.ts';

// Schedules, overrides and on-calls over raw HTTP, in literal JSON.

let simulator: Simulator;

beforeAll(async () => {
  // A Wednesday; Jun stands in on the data rota from tomorrow 10:00 UTC for eight hours.
  simulator = await startSimulator({ now: new Date('2026-06-24T10:00:00Z'), clockSpeed: 0, rateLimit: 0 });
});
afterAll(() => simulator.close());

const ask = wireTo(() => simulator.url);
const ids = (things: readonly { id: string }[]) => things.map(({ id }) => id);

interface Entry {
  readonly start: string;
  readonly end: string;
  readonly user: { readonly id: string };
}
const shown = (entries: readonly Entry[]) =>
  entries.map(({ start, end, user }) => `${start} ${end} ${user.id}`);

const day = 'since=2026-06-25T00:00:00Z&until=2026-06-26T00:00:00Z';

describe('GET /schedules', () => {
  test('lists those of layers by name, without their layers, and none that is shift-based', async () => {
    const { body } = await ask('GET', '/schedules');
    expect(ids(body.schedules)).toEqual([
      'PDATALEADS',
      'PDATANIGHTS',
      'PDATAROTA',
      'PPAYMENTSROTA',
      'PPLATFORMROTA',
    ]);
    expect(body.schedules[2]).toMatchObject({
      type: 'schedule',
      time_zone: 'Europe/Berlin',
      escalation_policies: [{ id: 'PDATAONCALL', type: 'escalation_policy_reference' }],
      teams: [{ id: 'PDATA', type: 'team_reference' }],
    });
    expect(body.schedules[2]).not.toHaveProperty('schedule_layers');
    expect(body.schedules[2]).not.toHaveProperty('final_schedule');
  });

  test('finds by a part of the name, and by team through the policies', async () => {
    expect(ids((await ask('GET', '/schedules?query=ROTA')).body.schedules)).toHaveLength(3);
    expect(ids((await ask('GET', '/schedules?team_ids[]=PPLATFORM')).body.schedules)).toEqual([
      'PPLATFORMROTA',
    ]);
  });

  test('renders with an include and a range, and not without a range', async () => {
    const include = 'query=payments&include[]=final_schedule&include[]=schedule_layers';
    const without = (await ask('GET', `/schedules?${include}`)).body.schedules[0];
    expect(without.final_schedule).toEqual({
      name: 'Final Schedule',
      rendered_schedule_entries: [],
      rendered_coverage_percentage: null,
    });
    expect(without.schedule_layers).toHaveLength(1);
    expect(without).not.toHaveProperty('overrides_subschedule');
    const ranged = (await ask('GET', `/schedules?${include}&${day}`)).body.schedules[0];
    expect(shown(ranged.final_schedule.rendered_schedule_entries)).toEqual([
      '2026-06-25T00:00:00Z 2026-06-26T00:00:00Z PADA',
    ]);
  });
});

describe('GET /schedules/{id}', () => {
  test('shows layers as they were made, and renders nothing without a range', async () => {
    const { status, body } = await ask('GET', '/schedules/PDATAROTA');
    expect(status).toBe(200);
    expect(body.schedule).toMatchObject({
      id: 'PDATAROTA',
      type: 'schedule',
      name: 'Data rota',
      http_cal_url: expect.any(String),
      users: [{ id: 'PGUS', type: 'user_reference' }, { id: 'PHANA' }, { id: 'PIVO' }],
      final_schedule: { rendered_schedule_entries: [], rendered_coverage_percentage: null },
      overrides_subschedule: { name: 'Overrides', rendered_schedule_entries: [] },
    });
    expect(body.schedule.schedule_layers[1]).toMatchObject({
      name: 'Office hours',
      start: '2025-01-06T09:00:00+01:00',
      end: null,
      rotation_virtual_start: '2025-01-06T09:00:00+01:00',
      rotation_turn_length_seconds: 604800,
      users: [{ user: { id: 'PHANA', type: 'user_reference' } }, { user: { id: 'PGUS' } }],
      rendered_schedule_entries: [],
      rendered_coverage_percentage: null,
    });
    expect(body.schedule.schedule_layers[1].restrictions[0]).toEqual({
      type: 'weekly_restriction',
      start_day_of_week: 1,
      start_time_of_day: '09:00:00',
      duration_seconds: 28800,
    });
  });

  test('renders layers, overrides and what comes of them, in the zone of the schedule', async () => {
    const { body } = await ask('GET', `/schedules/PDATAROTA?${day}`);
    const {
      schedule_layers: layers,
      overrides_subschedule: overrides,
      final_schedule: final,
    } = body.schedule;
    expect(shown(layers[0].rendered_schedule_entries)).toEqual([
      '2026-06-25T02:00:00+02:00 2026-06-26T02:00:00+02:00 PGUS',
    ]);
    expect(layers[0].rendered_coverage_percentage).toBe(100);
    expect(shown(layers[1].rendered_schedule_entries)).toEqual([
      '2026-06-25T09:00:00+02:00 2026-06-25T17:00:00+02:00 PHANA',
    ]);
    expect(layers[1].rendered_coverage_percentage).toBeCloseTo(100 / 3, 9);
    expect(shown(overrides.rendered_schedule_entries)).toEqual([
      '2026-06-25T12:00:00+02:00 2026-06-25T20:00:00+02:00 PJUN',
    ]);
    expect(shown(final.rendered_schedule_entries)).toEqual([
      '2026-06-25T02:00:00+02:00 2026-06-25T09:00:00+02:00 PGUS',
      '2026-06-25T09:00:00+02:00 2026-06-25T12:00:00+02:00 PHANA',
      '2026-06-25T12:00:00+02:00 2026-06-25T20:00:00+02:00 PJUN',
      '2026-06-25T20:00:00+02:00 2026-06-26T02:00:00+02:00 PGUS',
    ]);
    expect(final.rendered_coverage_percentage).toBe(100);
  });

  test('takes two weeks from the end that is given, and another zone', async () => {
    const since = await ask('GET', '/schedules/PPAYMENTSROTA?since=2026-06-25T00:00:00Z');
    expect(shown(since.body.schedule.final_schedule.rendered_schedule_entries)).toEqual([
      '2026-06-25T00:00:00Z 2026-06-29T09:00:00Z PADA',
      '2026-06-29T09:00:00Z 2026-07-06T09:00:00Z PBEN',
      '2026-07-06T09:00:00Z 2026-07-09T00:00:00Z PCLEO',
    ]);
    const until = await ask(
      'GET',
      '/schedules/PPAYMENTSROTA?until=2026-07-09T00:00:00Z&time_zone=America/New_York',
    );
    expect(until.body.schedule.final_schedule.rendered_schedule_entries[0].start).toBe(
      '2026-06-24T20:00:00-04:00',
    );
  });

  test('cuts entries to the range, and with overflow shows them whole', async () => {
    const cut = await ask('GET', `/schedules/PPAYMENTSROTA?${day}`);
    const whole = await ask('GET', `/schedules/PPAYMENTSROTA?${day}&overflow=true`);
    expect(shown(cut.body.schedule.final_schedule.rendered_schedule_entries)).toEqual([
      '2026-06-25T00:00:00Z 2026-06-26T00:00:00Z PADA',
    ]);
    expect(shown(whole.body.schedule.final_schedule.rendered_schedule_entries)).toEqual([
      '2026-06-22T09:00:00Z 2026-06-29T09:00:00Z PADA',
    ]);
    expect(whole.body.schedule.final_schedule.rendered_coverage_percentage).toBe(100);
  });

  test('tells when a user is on call next', async () => {
    const next = async (user: string) =>
      (await ask('GET', `/schedules/PPAYMENTSROTA?include_next_oncall_for_user=${user}`)).body.schedule
        .next_oncall_for_user;
    expect(await next('PBEN')).toMatchObject({
      start: '2026-06-29T09:00:00Z',
      end: '2026-07-06T09:00:00Z',
      user: { id: 'PBEN' },
    });
    expect(await next('PFAY')).toBeUndefined();
  });

  test.each([
    ['a range that runs backwards', 'since=2026-06-26T00:00:00Z&until=2026-06-25T00:00:00Z', 2004],
    ['no date', 'since=soon', 2004],
    ['a zone that is none', 'time_zone=Mars/Olympus', 2001],
  ])('refuses %s', async (_what, query, code) => {
    const { status, body } = await ask('GET', `/schedules/PDATAROTA?${query}`);
    expect([status, body.error.code]).toEqual([400, code]);
  });

  test('is 404 where there is none, and 400 where it moved to the shift-based kind', async () => {
    const none = await ask('GET', '/schedules/PNONE');
    expect([none.status, none.body]).toEqual([404, { error: { message: 'Not Found', code: 2100 } }]);
    const moved = await ask('GET', '/schedules/PSUPPORTSHIFTS');
    expect([moved.status, moved.body.error.code]).toEqual([400, 3001]);
    expect(moved.body.error.errors[0]).toContain('v3');
  });
});

describe('POST /schedules/{id}/overrides', () => {
  const override = (start: string, end: string, id = 'PKIM') => ({
    start,
    end,
    user: { id, type: 'user_reference' },
  });
  const post = (overrides: unknown, id = 'PPLATFORMROTA') =>
    ask('POST', `/schedules/${id}/overrides`, { overrides });
  const final = async (query: string) =>
    shown(
      (await ask('GET', `/schedules/PPLATFORMROTA?${query}`)).body.schedule.final_schedule
        .rendered_schedule_entries,
    );

  test('answers 201 with a bare list, an outcome for each, in order; what fits stands although others do not fit', async () => {
    const { status, body } = await post([
      override('2026-08-01T10:00:00+02:00', '2026-08-01T12:00:00+02:00'),
      override('2026-08-01T12:00:00Z', '2026-08-01T12:00:00Z'),
      override('2026-08-02T10:00:00Z', '2026-08-02T12:00:00Z', 'PNONE'),
      override('2026-08-01T09:00:00Z', '2026-08-01T09:30:00Z', 'PADA'),
    ]);
    expect(status).toBe(201);
    expect(body).toMatchObject([
      {
        status: 201,
        override: {
          id: expect.any(String),
          start: '2026-08-01T08:00:00Z',
          end: '2026-08-01T10:00:00Z',
          user: { id: 'PKIM', type: 'user_reference', summary: 'Kim Novotny' },
        },
      },
      {
        status: 400,
        errors: ['Override must end after its start'],
        override: { start: '2026-08-01T12:00:00Z' },
      },
      { status: 400, errors: ['Override must have a valid user'] },
      { status: 201 },
    ]);
    expect(body[0]).not.toHaveProperty('errors');
    expect(await final('since=2026-08-01T07:00:00Z&until=2026-08-01T11:00:00Z')).toEqual([
      '2026-08-01T07:00:00Z 2026-08-01T08:00:00Z PEVA',
      '2026-08-01T08:00:00Z 2026-08-01T09:00:00Z PKIM',
      '2026-08-01T09:00:00Z 2026-08-01T09:30:00Z PADA',
      '2026-08-01T09:30:00Z 2026-08-01T10:00:00Z PKIM',
      '2026-08-01T10:00:00Z 2026-08-01T11:00:00Z PEVA',
    ]);
  });

  test('takes the old form of one alone', async () => {
    const { status, body } = await ask('POST', '/schedules/PPLATFORMROTA/overrides', {
      override: override('2026-09-01T10:00:00Z', '2026-09-01T12:00:00Z'),
    });
    expect([status, body[0].status]).toEqual([201, 201]);
  });

  test.each([
    ['no list', { overrides: 'x' }],
    ['an empty list', { overrides: [] }],
    ['nothing', {}],
  ])('refuses %s', async (_what, sent) => {
    const { status, body } = await ask('POST', '/schedules/PPLATFORMROTA/overrides', sent);
    expect([status, body.error.code]).toEqual([400, 2001]);
  });

  test('is 404 with code 3004 where there is no schedule, and 400 where it is shift-based', async () => {
    const some = [override('2026-08-01T10:00:00Z', '2026-08-01T12:00:00Z')];
    const none = await post(some, 'PNONE');
    expect([none.status, none.body]).toEqual([404, { error: { message: 'Schedule Not Found', code: 3004 } }]);
    expect((await post(some, 'PSUPPORTSHIFTS')).status).toBe(400);
  });

  test('changes at once whom incidents go to', async () => {
    await post([override('2026-06-24T09:00:00Z', '2026-06-24T11:00:00Z', 'PKIM')]);
    const { body } = await ask('POST', '/incidents', {
      incident: {
        type: 'incident',
        title: 'Who has it?',
        service: { id: 'PSEARCH', type: 'service_reference' },
      },
    });
    expect(body.incident.assignments.map((one: { assignee: { id: string } }) => one.assignee.id)).toEqual([
      'PKIM',
    ]);
    const { body: now } = await ask('GET', '/oncalls?escalation_policy_ids[]=PPLATFORMONCALL');
    expect(now.oncalls[0]).toMatchObject({
      user: { id: 'PKIM' },
      start: '2026-06-24T09:00:00Z',
      end: '2026-06-24T11:00:00Z',
    });
  });
});

describe('GET /oncalls', () => {
  test('shows gaps as nobody, and a shift-based schedule by its own type', async () => {
    const data = await ask('GET', '/oncalls?escalation_policy_ids[]=PDATAONCALL');
    // New York sleeps from 18:00 to 08:00: at 06:00 there Jun has the night.
    expect(
      data.body.oncalls.map(
        (one: { escalation_level: number; user: { id: string }; schedule: { id: string } }) =>
          `${one.escalation_level} ${one.user.id} ${one.schedule.id}`,
      ),
    ).toEqual([
      '1 PHANA PDATAROTA',
      expect.stringMatching(/^2 P(JUN|IVO) PDATANIGHTS$/),
      '2 PGUS PDATALEADS',
      '3 PHANA PDATAROTA',
    ]);
    const noon = await ask(
      'GET',
      '/oncalls?schedule_ids[]=PDATANIGHTS&since=2026-06-24T16:00:00Z&until=2026-06-24T17:00:00Z',
    );
    expect(noon.body.oncalls).toEqual([]);
    const support = await ask('GET', '/oncalls?escalation_policy_ids[]=PSUPPORTONCALL');
    expect(support.body.oncalls[0].schedule).toMatchObject({
      id: 'PSUPPORTSHIFTS',
      type: 'schedule_v3_reference',
    });
  });

  test('looks 90 days ahead, and joins filters', async () => {
    const until = '2026-09-22T10:00:00Z';
    const { status, body } = await ask(
      'GET',
      `/oncalls?since=2026-06-24T10:00:00Z&until=${until}&schedule_ids[]=PPAYMENTSROTA&user_ids[]=PBEN&limit=100&total=true`,
    );
    expect(status).toBe(200);
    // Two policies have the rota; Ben has every third of 14 weeks.
    expect(body.total).toBe(10);
    expect((await ask('GET', '/oncalls?until=2026-09-22T10:00:01Z')).body.error.code).toBe(2005);
  });

  test('starts at since where that lies ahead and no end is given', async () => {
    const { body } = await ask(
      'GET',
      '/oncalls?since=2026-06-30T00:00:00Z&escalation_policy_ids[]=PPAYMENTSONCALL',
    );
    expect(body.oncalls[0].user.id).toBe('PBEN');
  });
});
