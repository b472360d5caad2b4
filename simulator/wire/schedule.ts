import type { Layer, Restriction, Schedule } from '../model.ts';
import { finalSchedule } from '../on-call.ts';
import { renderLayer } from '../schedules/layer.ts';
import { type Render, renderFinal, renderOverrides, wholeDuties } from '../schedules/render.ts';
import { clip } from '../schedules/span.ts';
import { timeOfDay } from '../times.ts';
import { known, teamsOf } from '../world.ts';
import {
  asReference,
  policyReference,
  scheduleHead,
  teamReference,
  userHead,
  userReference,
} from './references.ts';
import { calendarsOf } from './user.ts';
import type { View } from './view.ts';

/** What is to be rendered. */
export interface Range {
  readonly since: number;
  readonly until: number;
  /** Entries are shown whole, also where they reach beyond the range. */
  readonly overflow: boolean;
}

/** A schedule as lists and references show it: without its layers. */
export function writeSchedule(view: View, schedule: Schedule) {
  const { world } = view;
  const policies = [...world.policies.values()].filter(({ rules }) =>
    rules.some(({ targets }) => targets.some(({ type, id }) => type === 'schedule' && id === schedule.id)),
  );
  const userIds = schedule.layers.flatMap((layer) => layer.userIds);
  return {
    ...scheduleHead(view, schedule),
    name: schedule.name,
    description: schedule.description,
    time_zone: schedule.timeZone,
    ...calendarsOf(world.domain, 'schedules', schedule.id),
    escalation_policies: policies.map((policy) => policyReference(view, policy)),
    users: [...new Set(userIds)].map((id) => userReference(view, id)),
    teams: [...new Set(policies.flatMap(teamsOf))].map((id) => teamReference(view, id)),
  };
}

export const writeLayers = (view: View, schedule: Schedule, range: Range | undefined) =>
  schedule.layers.map((layer) => ({
    ...writeLayer(view, layer),
    ...rendered(view, schedule, range, (since, until) => renderLayer(layer, schedule.timeZone, since, until)),
  }));

export const writeFinal = (view: View, schedule: Schedule, range: Range | undefined) => ({
  name: 'Final Schedule',
  ...rendered(view, schedule, range, renderFinal(schedule)),
});

export const writeOverrides = (view: View, schedule: Schedule, range: Range | undefined) => ({
  name: 'Overrides',
  ...rendered(view, schedule, range, renderOverrides(schedule)),
});

/** When a user is on call next, or now, within the 90 days that PagerDuty looks ahead; null for never. */
export function writeNextOnCall(view: View, schedule: Schedule, userId: string) {
  const { now } = view.world.clock;
  const next = finalSchedule(schedule, now, now + lookAheadMs, view.world.roster).find(
    (shift) => shift.userId === userId,
  );
  if (!next) return null;
  return {
    start: next.start === null ? null : view.stamp(next.start),
    end: next.end === null ? null : view.stamp(next.end),
    user: asReference(userHead(view, known(view.world.users, userId))),
  };
}

export const lookAheadMs = 90 * 24 * 3_600_000;

const writeLayer = (view: View, layer: Layer) => ({
  id: layer.id,
  name: layer.name,
  start: view.stamp(layer.start),
  end: layer.end === null ? null : view.stamp(layer.end),
  rotation_virtual_start: view.stamp(layer.virtualStart),
  rotation_turn_length_seconds: layer.turnSeconds,
  users: layer.userIds.map((id) => ({ user: userReference(view, id) })),
  restrictions: layer.restrictions.map(writeRestriction),
});

const writeRestriction = ({ weekday, startSecond, durationSeconds }: Restriction) => ({
  type: weekday === null ? 'daily_restriction' : 'weekly_restriction',
  start_time_of_day: timeOfDay(startSecond),
  duration_seconds: durationSeconds,
  ...(weekday === null ? {} : { start_day_of_week: weekday }),
});

/** Nothing is rendered without a range. What never ends is shown up to the end of the range. */
function rendered(view: View, schedule: Schedule, range: Range | undefined, render: Render) {
  if (!range) return { rendered_schedule_entries: [], rendered_coverage_percentage: null };
  const { since, until, overflow } = range;
  const inside = render(since, until);
  const covered = inside.reduce((sum, { start, end }) => sum + end - start, 0);
  const shown = overflow
    ? wholeDuties(schedule, render, since, until - 1).map((duty) => ({ ...duty, end: duty.end ?? until }))
    : clip(inside, since, until);
  return {
    rendered_schedule_entries: shown.map(({ start, end, userId }) => ({
      start: view.stamp(start),
      end: view.stamp(end),
      user: userReference(view, userId),
    })),
    rendered_coverage_percentage: since === until ? null : (covered / (until - since)) * 100,
  };
}
