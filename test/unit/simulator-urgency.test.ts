import { describe, expect, test } from 'vitest';
import { trigger } from '../../simulator/alerts.ts';
import { createWorld } from '../../simulator/index.ts';
import type { Service } from '../../simulator/model.ts';
import { nextRaise, urgencyOf } from '../../simulator/support-hours.ts';
import { known } from '../../simulator/world.ts';

const at = (iso: string) => Date.parse(iso);
const worldAt = (iso: string) => createWorld(at(iso), { clockSpeed: 0 });
const event = { key: 'k', summary: 'It broke', severity: 'error', details: {}, contexts: [] } as const;

describe('the urgency of a service with support hours', () => {
  // Monday to Friday, 09:00 to 17:00 in Berlin.
  const warehouse = known(worldAt('2026-06-24T10:00:00Z').services, 'PWAREHOUSE');

  test.each([
    ['in office hours', '2026-06-24T07:00:00Z', 'high'],
    ['a second before they begin', '2026-06-24T06:59:59Z', 'low'],
    ['when they are over', '2026-06-24T15:00:00Z', 'low'],
    ['on a Saturday', '2026-06-27T10:00:00Z', 'low'],
    ['in winter, an hour later by UTC', '2026-12-02T07:30:00Z', 'low'],
    ['in winter, in office hours', '2026-12-02T08:00:00Z', 'high'],
  ])('%s (%s) is %s', (_when, instant, urgency) => {
    expect(urgencyOf(warehouse, 'critical', at(instant))).toBe(urgency);
  });

  test('may hang on the severity in one of them', () => {
    const service: Service = { ...warehouse, urgencyRule: { during: 'severity_based', outside: 'low' } };
    expect(urgencyOf(service, 'warning', at('2026-06-24T10:00:00Z'))).toBe('low');
    expect(urgencyOf(service, null, at('2026-06-24T10:00:00Z'))).toBe('high');
  });

  test('may end on the next day', () => {
    const nights = { timeZone: 'Europe/Berlin', startSecond: 20 * 3600, endSecond: 6 * 3600, weekdays: [5] };
    const service: Service = { ...warehouse, supportHours: nights };
    expect(urgencyOf(service, null, at('2026-06-27T03:00:00Z'))).toBe('high');
    expect(urgencyOf(service, null, at('2026-06-27T04:00:00Z'))).toBe('low');
  });

  test('rises at the next beginning, after a weekend too', () => {
    expect(nextRaise(warehouse, at('2026-06-26T20:00:00Z'))).toBe(at('2026-06-29T07:00:00Z'));
    expect(nextRaise({ ...warehouse, raisesUrgencyAt: [] }, at('2026-06-26T20:00:00Z'))).toBeUndefined();
  });
});

test('an incident of the night becomes high in the morning, and climbs from then on', () => {
  const world = worldAt('2026-06-25T22:00:00Z');
  trigger(world, known(world.integrations, 'PWAREHOUSEEVENTS'), event);
  const incident = [...world.incidents.values()].at(-1);
  expect(incident?.urgency).toBe('low');
  expect(incident?.timers.get('urgency_change')?.at).toBe(at('2026-06-26T07:00:00Z'));
  world.clock.advance(9 * 3600);
  expect(incident?.urgency).toBe('high');
  expect(incident?.path.level).toBe(1);
  world.clock.advance(10 * 60);
  expect(incident?.path.level).toBe(2);
});

test('where targets take turns each incident goes to the next one who has somebody on call', () => {
  const world = worldAt('2026-06-24T10:00:00Z');
  const support = known(world.policies, 'PSUPPORTONCALL');
  const targets = ['PADA', 'PBEN', 'PCLEO'].map((id) => ({ type: 'user' as const, id }));
  const empty = { ...known(world.schedules, 'PDATAROTA'), id: 'PEMPTY', layers: [], overrides: [] };
  world.schedules.set('PEMPTY', empty);
  const ring = [targets[0]!, { type: 'schedule' as const, id: 'PEMPTY' }, ...targets.slice(1)];
  const rule = { id: 'PRING', delayMinutes: 5, targets: ring, strategy: 'round_robin' as const };
  world.policies.set(support.id, { ...support, rules: [rule] });
  for (const key of ['a', 'b', 'c', 'd'])
    trigger(world, known(world.integrations, 'PSUPPORTDESKEVENTS'), { ...event, key });
  const assigned = [...world.incidents.values()].slice(-4).map(({ assignments }) => assignments[0]?.userId);
  expect(assigned).toEqual(['PADA', 'PBEN', 'PCLEO', 'PADA']);
});
