import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { instantsFound, instantsSaid } from '../gate/schedules.ts';
import { TryAgain } from './failures.ts';
import { scheduleReader } from './scheduled.ts';
import type { ShiftSchedules } from './shifts.ts';

/** How often, and how far apart, a Schedule is looked at until it shows what was written. */
const looks = 20;
const lookAgainMs = 100;

/** The Schedules of orders at shift changes, as a Worker changes them. */
export function shiftSchedulesOf(client: Client, taskQueue: string): ShiftSchedules {
  const read = scheduleReader(client);
  const { namespace } = client.options;
  return {
    taskQueue,
    read,
    write: async ({ scheduleId, raw }, times) => {
      await client.workflowService.updateSchedule({
        namespace,
        scheduleId,
        schedule: {
          ...raw.schedule,
          spec: { structuredCalendar: times.map(calendarAt), timezoneName: 'UTC' },
        },
        // A pause that came in between, or another Worker's writing, is not undone: then the server keeps what it has.
        conflictToken: raw.conflictToken ?? null,
        identity: client.options.identity,
        requestId: randomUUID(),
      });
      for (let look = 0; look < looks; look += 1) {
        const now = await read(scheduleId);
        const isWritten = now && instantsFound(now.spec) === instantsSaid(times);
        const { lastUpdatedAt } = now?.info ?? {};
        if (isWritten && lastUpdatedAt) return lastUpdatedAt.getTime();
        await sleep(lookAgainMs);
      }
      throw new TryAgain(
        'ScheduleChanged',
        `The Schedule ${scheduleId} was changed by somebody else meanwhile.`,
      );
    },
    start: async (scheduleId, time, overlap) => {
      await client.schedule.getHandle(scheduleId).backfill({
        // The server counts both ends in, and there may be a change of the second before.
        start: new Date(time - 500),
        end: new Date(time),
        overlap: overlap === 'skip' ? ScheduleOverlapPolicy.SKIP : ScheduleOverlapPolicy.BUFFER_ONE,
      });
    },
  };
}

/** The calendar that is one instant. */
function calendarAt(time: number): temporal.api.schedule.v1.IStructuredCalendarSpec {
  const at = new Date(time);
  const only = (value: number) => [{ start: value, end: value, step: 1 }];
  return {
    year: only(at.getUTCFullYear()),
    month: only(at.getUTCMonth() + 1),
    dayOfMonth: only(at.getUTCDate()),
    dayOfWeek: [{ start: 0, end: 6, step: 1 }],
    hour: only(at.getUTCHours()),
    minute: only(at.getUTCMinutes()),
    second: only(at.getUTCSeconds()),
  };
}
