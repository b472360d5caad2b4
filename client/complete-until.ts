import { type Client, WorkflowFailedError } from '@temporalio/client';
import { type IncidentSweep, incidentSweepScheduleId, searchAttributes } from '../workflows/contract.ts';
import { quoted } from './runs.ts';
import { clockOf, spanOf } from './words.ts';

/** Until when runs know what happened in an account. */
export interface CompleteUntil {
  readonly account: string;
  /** ISO 8601; `null` where no sweep has ever completed, or its run is gone. */
  readonly completeUntil: string | null;
  /** The same of notes. */
  readonly notesUntil: string | null;
  /** What the last complete sweep left undone. */
  readonly left: readonly string[];
  /** Why it is older than it should be, in a sentence; `null` where it is not. */
  readonly behind: string | null;
}

/** A sweep a minute, and half of one for it to come to its end. */
const lateAfterMs = 150_000;

/** The accounts whose incidents are swept, each with how far that has come. */
export async function completeUntil(client: Client, only?: string): Promise<readonly CompleteUntil[]> {
  const prefix = incidentSweepScheduleId('');
  const found: CompleteUntil[] = [];
  for await (const { scheduleId, state } of client.schedule.list()) {
    const account = scheduleId.startsWith(prefix) ? scheduleId.slice(prefix.length) : undefined;
    if (account === undefined || (only !== undefined && account !== only)) continue;
    const sweep = await lastComplete(client, account);
    const until = sweep?.completeUntil ?? null;
    const isLate = until === null || Date.now() - Date.parse(until) > lateAfterMs;
    const behind = isLate ? await whyBehind(client, account, state) : null;
    const { notesUntil = null, left = [] } = sweep ?? {};
    found.push({ account, completeUntil: until, notesUntil, left, behind });
  }
  return found.toSorted((a, b) => (a.account < b.account ? -1 : 1));
}

/** That for people, a line each. */
export function told({ account, completeUntil: until, notesUntil, left, behind }: CompleteUntil): string {
  const now = Date.now();
  const state =
    until === null
      ? 'never complete yet'
      : `complete until ${clockOf(until, now)} (${spanOf(now - Date.parse(until))} ago)`;
  const notes =
    notesUntil === until
      ? []
      : [notesUntil === null ? 'notes never complete' : `notes until ${clockOf(notesUntil, now)}`];
  return [`${account}: ${[state, ...notes].join('; ')}`, ...(behind === null ? [] : [behind]), ...left].join(
    '\n  ',
  );
}

async function lastComplete(client: Client, account: string): Promise<IncidentSweep | undefined> {
  const run = await newestSweep(client, account, "ExecutionStatus = 'Completed'");
  return run && ((await client.workflow.getHandle(run.workflowId, run.runId).result()) as IncidentSweep);
}

async function whyBehind(
  client: Client,
  account: string,
  schedule: { readonly paused?: boolean; readonly note?: string } | undefined,
): Promise<string> {
  if (schedule?.paused)
    return `Its Schedule ${incidentSweepScheduleId(account)} is paused${schedule.note ? ` (${schedule.note})` : ''}: what no webhook tells, nobody hears.`;
  const run = await newestSweep(
    client,
    account,
    "ExecutionStatus in ('Failed', 'TimedOut', 'Terminated', 'Completed')",
  );
  if (run && run.status !== 'COMPLETED')
    return `The last sweep did not come to its end (${await whyFailed(client, run)}): what no webhook has told since, runs do not know.`;
  return 'No sweep has come since; does a Worker run? `oncall worker` starts one.';
}

async function whyFailed(client: Client, { workflowId, runId, status }: Sweep): Promise<string> {
  try {
    await client.workflow.getHandle(workflowId, runId).result();
  } catch (error) {
    if (error instanceof WorkflowFailedError) return (error.cause?.message ?? status).replace(/\.$/, '');
  }
  return status.toLowerCase();
}

interface Sweep {
  readonly workflowId: string;
  readonly runId: string;
  readonly status: string;
}

/** Sweeps of one account follow each other, so that the newest start is the newest end. */
async function newestSweep(client: Client, account: string, condition: string): Promise<Sweep | undefined> {
  const query = `WorkflowType = 'sweepIncidents' and ${searchAttributes.account.name} = ${quoted(account)} and ${condition}`;
  let newest: (Sweep & { readonly at: number }) | undefined;
  let seen = 0;
  for await (const { workflowId, runId, status, startTime } of client.workflow.list({
    query,
    pageSize: 10,
  })) {
    const at = startTime.getTime();
    if (!newest || at > newest.at) newest = { workflowId, runId, status: status.name, at };
    seen += 1;
    if (seen >= 10) break;
  }
  return newest;
}
