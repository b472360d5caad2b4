import { ActivityCancelledError, ActivityNotFoundError, type Client } from '@temporalio/client';
import {
  type AgentActivities,
  type AgentUpdates,
  agentTaskQueue,
  type Brief,
  type Conclusion,
  type Finding,
} from '../../workflows/contract.ts';
import { tellRun } from '../agent.ts';
import type { AgentIdentity } from '../identity.ts';
import { decoded } from '../payloads.ts';
import { signed } from '../signed.ts';

/** How long after its last call an agent still counts as there, in milliseconds. */
const presentForMs = 60_000;

/** How often the runs of an agent that is there are told so; silent for ten seconds it counts as gone. */
const beatMs = 3_000;

/** How long the server is asked for work at once. */
const pollMs = 60_000;

/** An incident that was handed to the agent: to judge, or to stay with while it is held. */
export interface Task {
  readonly kind: 'assess' | 'attend';
  readonly workflowId: string;
  readonly runId: string;
  readonly activityId: string;
  readonly brief: Brief;
  /** When the lease ends, milliseconds since 1970; of one that is held. */
  readonly until?: number;
}

/**
 * What an agent that calls tools does for its runs, in the place of a process that serves it: takes what they have for it, says
 * that it is there for as long as it calls, and hands on what it says. Once it has not called for a minute, what it had is given
 * up, and the incidents are with people.
 */
export interface Duty extends AsyncDisposable {
  /** A call of the agent's begins; what it returns ends it. */
  readonly seen: () => () => void;
  /** What a run has for the agent, after waiting up to `ms`; `undefined` where there is nothing. */
  readonly next: (ms: number, signal: AbortSignal) => Promise<Task | undefined>;
  /** What was handed out and is not answered yet. */
  readonly open: () => readonly Task[];
  /** Judges an incident: answers the run's question, or tells the run that waits for its client. */
  readonly judge: (workflowId: string, finding: Finding) => Promise<void>;
  /** Says how an incident that is held ended; `null` gives it back to people now. */
  readonly conclude: (workflowId: string, conclusion: Conclusion | null) => Promise<void>;
  /** Tells a run something by an Update. */
  readonly say: <Update extends keyof AgentUpdates>(
    workflowId: string,
    update: Update,
    value: AgentUpdates[Update],
  ) => Promise<string>;
}

export function dutyOf(client: Client, agent: AgentIdentity): Duty {
  const held = new Map<string, Task>();
  const fresh: Task[] = [];
  const waiting = new Set<() => void>();
  let calls = 0;
  let lastSeen = Date.now();
  let polling: Promise<void> | undefined;
  let beating: NodeJS.Timeout | undefined;
  let over = false;

  const isPresent = (): boolean => !over && (calls > 0 || Date.now() - lastSeen < presentForMs);
  const keyOf = ({ workflowId, runId, activityId }: Task): string => `${workflowId} ${runId} ${activityId}`;
  const idOf = ({ workflowId, runId, activityId }: Task) => ({ workflowId, runId, activityId });

  function take(task: Task): void {
    held.set(keyOf(task), task);
    if (task.kind === 'assess') fresh.push(task);
    for (const wake of waiting) wake();
    // Who comes away empty waits again; until then nobody wants more.
    waiting.clear();
    beating ??= setInterval(() => void beat(), beatMs).unref();
    void beat();
  }

  function drop(task: Task): void {
    held.delete(keyOf(task));
    const at = fresh.indexOf(task);
    if (at >= 0) fresh.splice(at, 1);
    if (held.size > 0) return;
    clearInterval(beating);
    beating = undefined;
  }

  /** Says of all that it has that the agent is there; or, once it is not, that it is gone. */
  async function beat(): Promise<void> {
    await Promise.all(
      [...held.values()].map((task) =>
        isPresent() ? beatFor(task) : giveUp(task, 'has not called for a minute'),
      ),
    );
  }

  async function beatFor(task: Task): Promise<void> {
    try {
      await client.activity.heartbeat(idOf(task));
    } catch (error) {
      // Nobody waits for it any more; anything else may pass by the next beat.
      if (error instanceof ActivityCancelledError) {
        drop(task);
        await client.activity.reportCancellation(idOf(task)).catch(() => {});
      } else if (error instanceof ActivityNotFoundError) drop(task);
    }
  }

  async function giveUp(task: Task, why: string): Promise<void> {
    drop(task);
    await client.activity.fail(idOf(task), new Error(`${agent.name} ${why}`)).catch(() => {});
  }

  /** Asks the server for work while the agent is there and somebody may want some. */
  function poll(): void {
    if (polling || !wantsMore()) return;
    polling = pollOnce()
      .catch(() => {})
      .finally(() => {
        polling = undefined;
        if (wantsMore()) poll();
      });
  }

  /** Until what it judged is held, or is not: then the run has more for it. */
  const expecting = new Map<string, number>();
  function wantsMore(): boolean {
    for (const [workflowId, until] of expecting) if (until < Date.now()) expecting.delete(workflowId);
    return isPresent() && (waiting.size > 0 || expecting.size > 0);
  }

  async function pollOnce(): Promise<void> {
    const { connection, workflowService, options } = client;
    const answer = await connection.withDeadline(Date.now() + pollMs + 5_000, () =>
      workflowService.pollActivityTaskQueue({
        namespace: options.namespace,
        taskQueue: { name: agentTaskQueue(agent.name) },
        identity: `agent:${agent.name}`,
      }),
    );
    const { workflowExecution: run, activityId, activityType, input } = answer;
    if (!answer.taskToken?.length || !run?.workflowId || !run.runId || !activityId) return;
    type Given = Parameters<AgentActivities['attend']>[0];
    const given = (await decoded(client, input?.payloads?.[0] ?? {})) as Given;
    const kind = activityType?.name === 'attend' ? 'attend' : 'assess';
    const task: Task = {
      kind,
      workflowId: run.workflowId,
      runId: run.runId,
      activityId,
      brief: given.brief,
      ...(kind === 'attend' && { until: given.until }),
    };
    expecting.delete(task.workflowId);
    // Taken for an agent that left meanwhile: people have it at once.
    if (isPresent()) take(task);
    else await giveUp(task, 'is gone');
  }

  const taskOf = (workflowId: string, kind: Task['kind']): Task | undefined =>
    [...held.values()].find((task) => task.workflowId === workflowId && task.kind === kind);

  /** The question of a run, where this process or another one of ours took it. */
  async function questionOf(workflowId: string, kind: Task['kind']) {
    const task = taskOf(workflowId, kind);
    return task ? idOf(task) : pendingOf(client, workflowId, kind);
  }

  return {
    seen: () => {
      calls += 1;
      return () => {
        calls -= 1;
        lastSeen = Date.now();
      };
    },
    next: async (ms, signal) => {
      const deadline = Date.now() + ms;
      for (;;) {
        const task = fresh.shift();
        if (task) return task;
        const left = deadline - Date.now();
        if (left <= 0 || signal.aborted) return undefined;
        let wake = (): void => {};
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const timer = setTimeout(wake, left);
        signal.addEventListener('abort', wake, { once: true });
        waiting.add(wake);
        poll();
        await woken;
        waiting.delete(wake);
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
      }
    },
    open: () => [...held.values()],
    judge: async (workflowId, finding) => {
      const question = await questionOf(workflowId, 'assess');
      if (!question) {
        await tellRun(client, agent, { workflowId }, 'giveFinding', finding);
        return;
      }
      // The run asks it to stay with the incident as soon as that is held; what is unclear it leaves to people.
      if (finding.class !== 'unclear') expecting.set(workflowId, Date.now() + presentForMs);
      poll();
      await client.activity.complete(question, await signed(agent, workflowId, 'giveFinding', finding));
      const task = taskOf(workflowId, 'assess');
      if (task) drop(task);
    },
    conclude: async (workflowId, conclusion) => {
      expecting.delete(workflowId);
      const question = await questionOf(workflowId, 'attend');
      if (question) {
        const answer = conclusion && (await signed(agent, workflowId, 'conclude', conclusion));
        await client.activity.complete(question, answer);
        const task = taskOf(workflowId, 'attend');
        if (task) drop(task);
      } else if (conclusion) await tellRun(client, agent, { workflowId }, 'conclude', conclusion);
      else await client.workflow.getHandle(workflowId).executeUpdate('handBack');
    },
    say: (workflowId, update, value) => tellRun(client, agent, { workflowId }, update, value),
    [Symbol.asyncDispose]: async () => {
      over = true;
      clearInterval(beating);
      await Promise.all([...held.values()].map((task) => giveUp(task, 'has gone away')));
    },
  };
}

/** What a run asks its agent at this moment, whichever process took the question. */
async function pendingOf(client: Client, workflowId: string, activity: Task['kind']) {
  const { raw, runId } = await client.workflow.getHandle(workflowId).describe();
  const pending = raw.pendingActivities?.find(({ activityType }) => activityType?.name === activity);
  return pending?.activityId ? { workflowId, runId, activityId: pending.activityId } : undefined;
}
