import { ApplicationFailure, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  startChild,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { Compared, Missed, NotDone, Wake } from '../activities/index.ts';
import { attempt, type Failed } from './attempt.ts';
import { clock } from './chronicle.ts';
import {
  followShiftsId,
  type Happening,
  type IncidentSweep,
  priorityOf,
  type SweepInput,
  searchAttributes,
} from './contract.ts';
import { inTurns } from './in-turns.ts';
import { changed } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';
import { notesMark } from './state.ts';
import { after, begin, pageAt, pagings } from './walk.ts';

/** How many runs are woken or started at a time. */
const atOnce = 50;

/** Fewer records than this on a page are not asked for: then a single one is too large. */
const fewestRecords = 1;

/**
 * Compares all open incidents with what runs know, and wakes each run that knows something else; starts what standing orders
 * should have started for events that never came. A Schedule starts it every minute, so that a lost webhook costs no more. What
 * it says is complete until it began moves only when every page came; else the run fails.
 */
export async function sweepIncidents({ account }: SweepInput): Promise<IncidentSweep> {
  const sweep = Date.now();
  upsertSearchAttributes([{ key: searchAttributes.account, value: account }]);
  const { sweep: sweeping } = activitiesOf(account);
  const left: string[] = [];

  await listAll(account, sweep);
  const compared = must(await perform(sweeping.compareOpen, { step: 'Compare with what runs know', sweep }));
  left.push(...compared.stopped);
  // Before anything else: whoever was acted upon learns it now.
  const woken = await wakeAll(compared.wakes, sweep);
  const notes = await compareNotes(account, compared);
  woken.push(...(await wakeAll(notes.wakes, sweep)));
  if (notes.left.length > 0) left.push(`Notes are still to be compared of ${notes.left.join(', ')}.`);
  const events = await readEvents(account, compared);
  left.push(...events.left);
  const { opened } = compared;
  const missed =
    opened.length + events.told.length === 0
      ? []
      : must(
          await attempt(
            perform(sweeping.listMissed, {
              step: 'Look for what standing orders have missed',
              opened,
              told: events.told,
            }),
          ),
        ).missed;
  const started = await inTurns(missed, atOnce, startMissed);
  const completed = must(
    await attempt(
      perform(sweeping.completeSweep, {
        step: 'Complete the sweep',
        sweep,
        orders: compared.orders,
        untold: events.untold,
        notesRead: notes.read,
        notesLeft: notes.left,
      }),
    ),
  );
  // Last, and in a run of its own: what hinders it hinders no sweep.
  if (compared.byShifts) await followShifts(account);
  const { notesUntil } = completed;
  const result: IncidentSweep = {
    completeUntil: new Date(sweep).toISOString(),
    notesUntil: notesUntil === null ? null : new Date(notesUntil).toISOString(),
    open: compared.open,
    following: compared.following,
    woken: [...new Set(woken)],
    started,
    left,
  };
  setCurrentDetails(detailsOf(result, sweep));
  return result;
}

/** Lists every open incident, one Activity a page. */
async function listAll(account: string, sweep: number): Promise<void> {
  const { sweep: sweeping } = activitiesOf(account);
  const paging = pagings.listIncidents;
  let at = begin(paging, { 'statuses[]': ['triggered', 'acknowledged'], date_range: 'all' }, sweep);
  for (let page = 1; ; page += 1) {
    const came = await attempt(
      perform(sweeping.listOpen, {
        step: `List open incidents, page ${page}`,
        sweep,
        query: pageAt(at, paging),
      }),
    );
    if (!came.ok && came.kind === 'Failed' && came.type === 'TooLarge' && at.limit > fewestRecords) {
      at = { ...at, limit: Math.ceil(at.limit / 4) };
      continue;
    }
    const { came: count, more, edge } = must(came);
    const items = Array.from({ length: count }, () => ({ [paging.times.field]: edge }));
    const step = after(at, paging, { items, more });
    if ('next' in step) {
      at = step.next;
      continue;
    }
    if (step.end === 'complete') return;
    throw ApplicationFailure.nonRetryable(
      `PagerDuty shows no open incident beyond the ${at.offset}th of one second; account ${account} cannot be swept.`,
      'Incomplete',
    );
  }
}

/** What a step brought. A step that did not bring it ends the sweep, which then has moved nothing. */
function must<T extends { readonly ok: true }>(result: T | NotDone | Failed): T {
  if (result.ok) return result;
  throw ApplicationFailure.nonRetryable(result.sentence, result.kind);
}

/** Wakes runs; those that have ended meanwhile need no waking. */
const wakeAll = async (wakes: readonly Wake[], sweep: number): Promise<string[]> => {
  const occurredAt = new Date(sweep).toISOString();
  return inTurns(wakes, atOnce, async ({ workflowId, runId, event }) => {
    try {
      await getExternalWorkflowHandle(workflowId, runId).signal(changed, {
        event,
        type: 'sweep',
        occurredAt,
      } satisfies Happening);
      return workflowId;
    } catch (error) {
      if (isCancellation(error)) throw error;
      return undefined;
    }
  });
};

/** Reads the notes that runs listen to, an Activity each, and finds whose knowledge is old. */
async function compareNotes(
  account: string,
  { listeners, notesLeft }: Compared,
): Promise<{
  readonly wakes: readonly Wake[];
  readonly read: readonly string[];
  readonly left: readonly string[];
}> {
  const { sweep: sweeping } = activitiesOf(account);
  const incidents = [...new Set(listeners.map(({ incident }) => incident))];
  const marks = new Map<string, string>();
  await Promise.all(
    incidents.map(async (incident) => {
      const counted = await attempt(
        perform(sweeping.countNotes, { step: `Count the notes of ${incident}`, incident }),
      );
      if (counted.ok) marks.set(incident, notesMark(counted));
    }),
  );
  const wakes = listeners.flatMap(({ workflowId, runId, incident, notes, changes }): readonly Wake[] => {
    const mark = marks.get(incident);
    if (mark === undefined || mark === notes) return [];
    return [{ workflowId, runId, event: `sweep ${changes}: notes ${notes} → ${mark}` }];
  });
  const unread = incidents.filter((incident) => !marks.has(incident));
  return { wakes, read: [...marks.keys()], left: [...new Set([...unread, ...notesLeft])] };
}

/** Reads what happened to incidents that standing orders may be about, an Activity each. */
async function readEvents(account: string, { unclear, untold }: Compared) {
  const { sweep: sweeping } = activitiesOf(account);
  const left: string[] = [];
  const unread: string[] = [...untold];
  const read = await Promise.all(
    unclear.map(async ({ incident, services, since }) => {
      const log = await attempt(
        perform(sweeping.listEvents, { step: `Read what happened to ${incident}`, incident, since }),
      );
      if (!log.ok) {
        unread.push(incident);
        return [];
      }
      if (!log.isWhole)
        left.push(
          `So much happened to ${incident} that not all of it was read; standing orders may have missed some.`,
        );
      return [{ incident, services, events: log.events }];
    }),
  );
  if (unread.length > 0) left.push(`What happened is still to be read of ${unread.join(', ')}.`);
  return { told: read.flat(), untold: unread, left };
}

/** Starts what a standing order starts, as a run of the order's own: the sweep gives it no right. */
async function startMissed({
  order,
  agent,
  on,
  workflow,
  workflowId,
  input,
}: Missed): Promise<string | undefined> {
  try {
    await startChild(workflow, {
      workflowId,
      args: [input],
      ...(input.event !== undefined && { memo: { startedFor: input.event } }),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: on === 'incident.triggered' ? 'REJECT_DUPLICATE' : 'ALLOW_DUPLICATE',
      staticSummary: `${workflow} ${input.incident} of account ${input.account}, by the standing order ${order} (${on}, found by the sweep)`,
      priority: { priorityKey: priorityOf(workflow, input), fairnessKey: agent },
      typedSearchAttributes: [
        { key: searchAttributes.agent, value: agent },
        { key: searchAttributes.account, value: input.account },
        { key: searchAttributes.incident, value: input.incident },
      ],
    });
    return workflowId;
  } catch (error) {
    // The event came after all.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** Has who is on call read anew, for the orders at shift changes; where that is still under way it is enough. */
async function followShifts(account: string): Promise<void> {
  try {
    await startChild('followShifts', {
      workflowId: followShiftsId(account),
      args: [{ account }],
      workflowRunTimeout: '5 minutes',
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Keep the Schedules of account ${account} that go by shift changes`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

function detailsOf({ open, following, woken, started, left }: IncidentSweep, sweep: number): string {
  return [
    `- **Complete until:** ${clock(sweep)}`,
    `- **Open incidents:** ${open}; runs that follow one: ${following}`,
    ...(woken.length > 0 ? [`- **Woken:** ${woken.join(', ')}`] : []),
    ...(started.length > 0 ? [`- **Started for standing orders:** ${started.join(', ')}`] : []),
    ...left.map((sentence) => `- ${sentence}`),
  ].join('\n');
}
