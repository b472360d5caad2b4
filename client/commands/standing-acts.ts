import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ScheduleDescription, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Policy } from '../../gate/policy.ts';
import { standingId } from '../../gate/schedules.ts';
import { noteWord, type OrderWord } from '../../gate/standing-words.ts';
import type { TimedOrder } from '../../gate/timed-orders.ts';
import { clientSettings } from '../config.ts';
import { confirm } from '../confirm.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { whoAsks } from '../identity.ts';
import { asOperator, readable, withWord } from '../order-word.ts';
import type { Output } from '../output.ts';
import { encrypts } from '../payloads.ts';
import { findSchedule, lookAtOrder } from '../standing.ts';
import { inStore, withShifts } from '../store.ts';
import { said } from '../words.ts';
import { instant } from './audit.ts';

/** `oncall standing trigger`: has the Schedule start a run now; never beside one that is under way. */
export async function triggerOrder(name: string, output: Output): Promise<ExitCode> {
  const policy = readable();
  return onOrder(policy, name, async (client, order, found) => {
    await checkAsWritten(client, name, order);
    const [running] = found.info.runningActions;
    if (running) {
      const { workflowId } = running.workflow;
      output.result(
        { name, started: null, running: workflowId },
        `${name} is under way (${workflowId}); nothing was started beside it.`,
      );
      return exitCodes.done;
    }
    const handle = client.schedule.getHandle(found.scheduleId);
    await secondOfItsOwn(found);
    await withWord(policy, wordOn(name, order, 'trigger', {}), () =>
      // Without a policy of its own a trigger starts beside what runs.
      handle.trigger(ScheduleOverlapPolicy.SKIP),
    );
    const run = await startedAfter(client, found);
    output.result(
      { name, started: run ?? null, running: null },
      run === undefined
        ? `${name} was triggered, and its Schedule shows no run of it: another has come in between, or it comes late. \`oncall standing\` shows it.`
        : `${name} started ${run}. \`oncall wait ${run}\` shows how it ends.`,
    );
    return exitCodes.done;
  });
}

/** The id of a run names the second it was started in, and a second run of that id is refused. */
async function secondOfItsOwn({ info }: ScheduleDescription): Promise<void> {
  const leftMs = (info.recentActions.at(-1)?.takenAt.getTime() ?? 0) + 1_000 - Date.now();
  // More would be a clock that is off.
  if (leftMs > 0 && leftMs <= 1_000) await sleep(leftMs);
}

/** How long a Schedule has to show what it was told to start, and how often it is asked. */
const showsWithinMs = 5_000;
const askEveryMs = 100;

/** The run that a Schedule has started since it was described; `undefined` where it shows none in time. */
async function startedAfter(client: Client, before: ScheduleDescription): Promise<string | undefined> {
  const known = new Set(before.info.recentActions.map(({ action }) => action.workflow.firstExecutionRunId));
  const deadline = Date.now() + showsWithinMs;
  while (Date.now() < deadline) {
    const now = await findSchedule(client, before.scheduleId);
    const fresh = now?.info.recentActions.findLast(
      ({ action }) => !known.has(action.workflow.firstExecutionRunId),
    );
    if (fresh) return fresh.action.workflow.workflowId;
    await sleep(askEveryMs);
  }
  return undefined;
}

/** `oncall standing pause`: nothing is started until an operator resumes it. Narrows, so nobody is asked for proof. */
export async function pauseOrder(
  name: string,
  { reason = '' }: { readonly reason?: string },
  output: Output,
): Promise<ExitCode> {
  if (reason.length > 400) throw new UsageError('--reason takes at most 400 characters.');
  const policy = readable();
  return onOrder(policy, name, async (client, order, found) => {
    if (found.state.paused)
      return nothingToDo(output, name, `${name} is paused already ${said(found.state.note ?? '')}.`);
    const who = whoAsks(clientSettings());
    const why = said(reason, 400);
    // A Schedule's note is never encrypted; the record has the reason in any case.
    const note = `by ${said(who)}${why === '' || encrypts(client) ? '' : `: ${why}`}`;
    const word = { ...wordOn(name, order, 'pause', { reason: why }), ...(why !== '' && { said: why }) };
    await inStore(clientSettings(), (store) => noteWord(store, policy, word, { who }));
    await client.schedule.getHandle(found.scheduleId).pause(note);
    output.result(
      { name, paused: note },
      `${name} is paused: nothing starts until \`oncall standing resume ${name}\`, signed by an operator. What runs goes on.`,
    );
    return exitCodes.done;
  });
}

/** `oncall standing resume`: ends a pause, by the operator's signature. What was due meanwhile is not made up for. */
export async function resumeOrder(name: string, output: Output): Promise<ExitCode> {
  const policy = readable();
  return onOrder(policy, name, async (client, order, found) => {
    if (!found.state.paused) return nothingToDo(output, name, `${name} is not paused.`);
    await checkAsWritten(client, name, order);
    const note = found.state.note ?? '';
    await withWord(policy, wordOn(name, order, 'resume', { paused: note }), () =>
      client.schedule.getHandle(found.scheduleId).unpause(`resumed by ${said(whoAsks(clientSettings()))}`),
    );
    output.result(
      { name, paused: null },
      `${name} goes on. What was due meanwhile is not made up for; \`oncall standing backfill\` does that.`,
    );
    return exitCodes.done;
  });
}

const nothingToDo = (output: Output, name: string, sentence: string): ExitCode => {
  output.result({ name, done: false, sentence }, sentence);
  return exitCodes.done;
};

/** How many runs one backfill may start. */
const mostBackfilled = 100;

/** `oncall standing backfill`: starts what was due in a span, one run after the other. */
export async function backfillOrder(
  name: string,
  { since, until, yes = false }: { readonly since: string; readonly until?: string; readonly yes?: boolean },
  output: Output,
): Promise<ExitCode> {
  const from = new Date(instant(since));
  const to = until === undefined ? new Date() : new Date(instant(until, '--until'));
  if (from >= to) throw new UsageError('--since must be before --until.');
  if (to.getTime() > Date.now())
    throw new UsageError('--until must not be in the future; the Schedule does that itself.');
  const policy = readable();
  return onOrder(policy, name, async (client, order, found) => {
    await checkAsWritten(client, name, order);
    const due = await dueIn(client, found.scheduleId, from, to);
    if (due.length === 0)
      return nothingToDo(output, name, `${name} was not due in that time; nothing was started.`);
    if (due.length > mostBackfilled)
      throw new UsageError(
        `${name} was due ${due.length} times in that time; a backfill takes at most ${mostBackfilled}. Choose a shorter one.`,
      );
    for (const at of due) output.say(`${name} was due ${at}`);
    if (
      !(await confirm(`Start ${due.length === 1 ? 'it' : `these ${due.length}, one after the other`}?`, {
        yes,
      }))
    )
      return nothingToDo(output, name, 'Nothing was started.');
    const span = `${from.toISOString()} to ${to.toISOString()}`;
    await withWord(policy, { ...wordOn(name, order, 'backfill', { due }), said: span }, () =>
      client.schedule.getHandle(found.scheduleId).backfill({
        // The server takes what comes after the beginning.
        start: new Date(from.getTime() - 1_000),
        end: to,
        overlap: ScheduleOverlapPolicy.BUFFER_ALL,
      }),
    );
    output.result(
      { name, due },
      `${name} starts ${due.length === 1 ? 'one run' : `${due.length} runs, one after the other`}; a time that had its run gets no second one. \`oncall standing\` shows the last.`,
    );
    return exitCodes.done;
  });
}

/** The instants, ISO 8601, at which a Schedule was due. */
async function dueIn(client: Client, scheduleId: string, from: Date, to: Date): Promise<readonly string[]> {
  const at = (date: Date, less = 0) => ({ seconds: Math.floor(date.getTime() / 1_000) - less });
  const { startTime } = await client.workflowService.listScheduleMatchingTimes({
    namespace: client.options.namespace,
    scheduleId,
    startTime: at(from, 1) as never,
    endTime: at(to) as never,
  });
  return (startTime ?? []).map(({ seconds }) => new Date(Number(seconds) * 1_000).toISOString());
}

/** Finds the order and its Schedule. */
async function onOrder(
  policy: Policy,
  name: string,
  work: (client: Client, order: TimedOrder, found: ScheduleDescription) => Promise<ExitCode>,
): Promise<ExitCode> {
  const order = policy.timed.get(name);
  if (!order) {
    const known = [...policy.timed.keys()].join(', ') || 'none';
    throw new UsageError(
      policy.standing.has(name)
        ? `${name} waits for events, and has no Schedule. By the clock there are ${known}.`
        : `There is no standing order ${JSON.stringify(said(name, 100))}; by the clock there are ${known}.`,
    );
  }
  return asOperator(async (client) => {
    const found = await findSchedule(client, standingId(order.account, name));
    if (!found) throw new OncallError(`${name} has no Schedule yet; \`oncall standing apply\` makes it.`);
    return work(client, order, found);
  });
}

/** Nothing is started that the gate would refuse. */
async function checkAsWritten(client: Client, name: string, order: TimedOrder): Promise<void> {
  const looked = await withShifts(clientSettings(), (shifts) => lookAtOrder(client, name, order, shifts));
  const [changed] = looked?.differences ?? [];
  if (changed)
    throw new OncallError(
      `The Schedule of ${name} has other ${changed.line} than the configuration says, so the gate would refuse its runs; \`oncall standing\` shows it, \`oncall standing apply\` mends it.`,
    );
}

const wordOn = (name: string, { account }: TimedOrder, act: OrderWord['act'], detail: object): OrderWord => ({
  act,
  account,
  name,
  scheduleId: standingId(account, name),
  detail,
});
