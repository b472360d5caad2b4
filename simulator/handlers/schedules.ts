import { type Fields, idOf, isFields, isText } from '../input.ts';
import type { Override, Schedule } from '../model.ts';
import type { Query } from '../query.ts';
import { found, Refusal } from '../refusal.ts';
import { instantOf } from '../times.ts';
import { userReference } from '../wire/references.ts';
import {
  type Range,
  writeFinal,
  writeLayers,
  writeNextOnCall,
  writeOverrides,
  writeSchedule,
} from '../wire/schedule.ts';
import { plainView, type View, viewOf } from '../wire/view.ts';
import { teamsOf, type World } from '../world.ts';
import { type Call, created, type Outcome, ok } from './handler.ts';
import { pageOf, sorted } from './lists.ts';

/** By name. Shift-based schedules are in no list of this kind; entries are there only with an include and a range. */
export function listSchedules({ world, query }: Call<'listSchedules'>): Outcome {
  const part = query.text('query')?.toLowerCase() ?? '';
  const team = query.filter('team_ids[]');
  const range = rangeOf(query);
  viewOf(world, query);
  const matching = [...world.schedules.values()].filter(
    (schedule) =>
      schedule.kind === 'layers' &&
      schedule.name.toLowerCase().includes(part) &&
      team(...teamsOfSchedule(world, schedule)),
  );
  const schedules = sorted(matching, query, { name: ({ name }) => name.toLowerCase() }, 'name');
  return ok(
    pageOf('schedules', schedules, query, (schedule) => {
      const view = viewOf(world, query, schedule.timeZone);
      return {
        ...writeSchedule(view, schedule),
        ...(view.includes('schedule_layers') ? { schedule_layers: writeLayers(view, schedule, range) } : {}),
        ...(view.includes('overrides_subschedule')
          ? { overrides_subschedule: writeOverrides(view, schedule, range) }
          : {}),
        ...(view.includes('final_schedule') ? { final_schedule: writeFinal(view, schedule, range) } : {}),
        ...nextOnCallIn(view, schedule, query),
      };
    }),
  );
}

export function getSchedule({ world, params, query }: Call<'getSchedule'>): Outcome {
  const schedule = found(world.schedules.get(params.id));
  checkKind(schedule);
  const range = rangeOf(query);
  const view = viewOf(world, query, schedule.timeZone);
  return ok({
    schedule: {
      ...writeSchedule(view, schedule),
      schedule_layers: writeLayers(view, schedule, range),
      overrides_subschedule: writeOverrides(view, schedule, range),
      final_schedule: writeFinal(view, schedule, range),
      ...nextOnCallIn(view, schedule, query),
    },
  });
}

/** 201 with an outcome for each override, in order and under no root key; what fits stands although others do not fit. */
export function createScheduleOverride({ world, params, body }: Call<'createScheduleOverride'>): Outcome {
  const schedule = world.schedules.get(params.id);
  if (!schedule) throw new Refusal(3004);
  checkKind(schedule);
  const asked = isFields(body) ? (body['overrides'] ?? legacy(body)) : undefined;
  if (!Array.isArray(asked) || asked.length === 0) {
    throw new Refusal(2001, 'Overrides must be a list with at least one override.');
  }
  return created(asked.map((one) => createOverride(world, schedule.id, isFields(one) ? one : {})));
}

/** The form for one override alone, which PagerDuty still takes. */
const legacy = ({ override }: Fields): unknown => (isFields(override) ? [override] : undefined);

function createOverride(world: World, scheduleId: string, asked: Fields): unknown {
  const errors: string[] = [];
  const { start: sentStart = null, end: sentEnd = null, user = null } = asked;
  const [start, end] = [sentStart, sentEnd].map((sent) => (isText(sent) ? instantOf(sent) : undefined));
  if (start === undefined) errors.push('Override must have a start time');
  if (end === undefined) errors.push('Override must have an end time');
  const userId = idOf(user);
  if (userId === undefined || !world.users.has(userId)) errors.push('Override must have a valid user');
  if (start !== undefined && end !== undefined && end <= start)
    errors.push('Override must end after its start');
  const schedule = world.schedules.get(scheduleId);
  if (errors.length > 0 || start === undefined || end === undefined || userId === undefined || !schedule) {
    return { status: 400, errors, override: { start: sentStart, end: sentEnd, user } };
  }
  const override: Override = { id: world.newId('Q'), start, end, userId };
  world.schedules.set(scheduleId, { ...schedule, overrides: [...schedule.overrides, override] });
  const view = plainView(world);
  return {
    status: 201,
    override: {
      id: override.id,
      start: view.stamp(start),
      end: view.stamp(end),
      user: userReference(view, userId),
    },
  };
}

/** A schedule that moved to the shift-based kind keeps its id, and is not to be had here any more. */
function checkKind({ kind, id }: Schedule): void {
  if (kind === 'layers') return;
  throw new Refusal(3001, `This schedule is shift-based; please use the v3 endpoint /v3/schedules/${id}.`);
}

const twoWeeksMs = 14 * 24 * 3_600_000;
const longestMs = 2 * 366 * 24 * 3_600_000;

/** Either end is two weeks from the other where only one is given; none given, nothing is rendered. */
function rangeOf(query: Query): Range | undefined {
  const [from, to] = [query.instant('since'), query.instant('until')];
  if (from === undefined && to === undefined) return undefined;
  const since = from ?? (to ?? 0) - twoWeeksMs;
  const until = to ?? since + twoWeeksMs;
  if (until < since) throw new Refusal(2004, 'until must not be before since.');
  // PagerDuty's own limit is in no source; without one a single request could keep the simulator busy for hours.
  if (until - since > longestMs) throw new Refusal(2005, 'A schedule is rendered for at most two years.');
  return { since, until, overflow: query.flag('overflow') };
}

function nextOnCallIn(view: View, schedule: Schedule, query: Query): object {
  const userId = query.text('include_next_oncall_for_user');
  if (userId === undefined || !view.world.users.has(userId)) return {};
  const next = writeNextOnCall(view, schedule, userId);
  return next ? { next_oncall_for_user: next } : {};
}

const teamsOfSchedule = (world: World, { id }: Schedule): readonly string[] =>
  [...world.policies.values()]
    .filter(({ rules }) =>
      rules.some(({ targets }) => targets.some((target) => target.type === 'schedule' && target.id === id)),
    )
    .flatMap(teamsOf);
