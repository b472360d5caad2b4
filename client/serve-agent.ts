import { CancelledFailure, Context } from '@temporalio/activity';
import { DefaultLogger, type LogMetadata, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import {
  type AgentActivities,
  agentTaskQueue,
  type Brief,
  type Conclusion,
  type Finding,
} from '../workflows/contract.ts';
import { encrypted, serverSettings, type TemporalSettings } from './config.ts';
import { notConnectedTo } from './connect.ts';
import type { AgentIdentity } from './identity.ts';
import { signed } from './signed.ts';

/** What an agent does with what it is woken for. */
export interface AgentWork {
  /**
   * Judges an incident. The signal is aborted when nobody waits for the finding any more: the run is over, or a person has the
   * incident. Throws where it has no finding: PagerDuty then keeps paging.
   */
  readonly assess: (brief: Brief, signal: AbortSignal) => Promise<Finding> | Finding;
  /**
   * Works on an incident that is held until `until` (milliseconds since 1970), and gives how it ended, or `null` to give it back
   * to people now. Left out, the agent only stays: whoever started the run concludes it.
   */
  readonly work?: (
    brief: Brief,
    held: { readonly finding: Finding; readonly until: number },
    signal: AbortSignal,
  ) => Promise<Conclusion | null> | Conclusion | null;
}

export interface ServeOptions extends AgentWork {
  readonly agent: AgentIdentity;
  /** Where Temporal is; the environment's where left out. */
  readonly temporal?: TemporalSettings;
  /** How many incidents at once. Default 10. */
  readonly atOnce?: number;
  /** Leaves Temporal's own log as it is; otherwise it is cut to warnings, unless the process has set up a Runtime itself. */
  readonly verbose?: boolean;
}

/** An agent that waits for work. */
export interface ServedAgent {
  /** Settles when it has stopped; rejects where it failed. */
  readonly stopped: Promise<void>;
  /** Takes no more work, and ends when what is under way has ended. */
  readonly stop: () => void;
}

/** How often an agent that works says that it is there; silent for ten seconds it counts as gone. */
const beatMs = 3_000;

/**
 * Serves an agent: waits on its Task Queue for incidents to judge, and stays with those that are held. Its answers are signed
 * with its key, so that nobody else's count. Several processes may serve one agent; each incident goes to one of them.
 * @throws NotConnectedError where no Temporal server answers.
 */
export async function serveAgent({
  agent,
  assess,
  work,
  temporal = serverSettings(),
  atOnce = 10,
  verbose = false,
}: ServeOptions): Promise<ServedAgent> {
  const { dataConverter } = encrypted(temporal);
  if (!verbose) keepQuiet();
  const address = temporal.connectionOptions.address ?? 'localhost:7233';
  const { connectionOptions } = temporal;
  const connection = await NativeConnection.connect({ ...connectionOptions, address }).catch(
    (error: unknown) => {
      throw notConnectedTo(address, connectionOptions, error);
    },
  );
  const activities: AgentActivities = {
    assess: ({ workflowId, brief }) =>
      beating(async (signal) => signed(agent, workflowId, 'giveFinding', await assess(brief, signal))),
    attend: ({ workflowId, brief, finding, until }) =>
      beating(async (signal) => {
        if (!work) return untilAborted(signal);
        const conclusion = await work(brief, { finding, until }, signal);
        return conclusion && signed(agent, workflowId, 'conclude', conclusion);
      }),
  };
  const worker = await Worker.create({
    connection,
    namespace: temporal.namespace ?? 'default',
    taskQueue: agentTaskQueue(agent.name),
    identity: `agent:${agent.name}`,
    activities,
    ...(dataConverter && { dataConverter }),
    maxConcurrentActivityTaskExecutions: atOnce,
    shutdownGraceTime: '10 seconds',
  });
  return {
    stopped: servedUntilStopped(worker, connection),
    stop: () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
    },
  };
}

/** Runs the Worker to its end, and lets go of its connection then, however it ends. */
async function servedUntilStopped(worker: Worker, connection: NativeConnection): Promise<void> {
  try {
    await worker.run();
  } finally {
    await connection.close();
  }
}

/** Temporal's log, without what is so on purpose: an agent's Worker serves Activities alone. */
function keepQuiet(): void {
  const logger = new DefaultLogger('WARN', ({ message, meta }: { message: string; meta?: LogMetadata }) => {
    if (/^No (workflows|Nexus services) registered/.test(message)) return;
    const { error } = meta ?? {};
    process.stderr.write(`${[message, error instanceof Error ? error.message : ''].join(' ').trim()}\n`);
  });
  try {
    Runtime.install({ logger, shutdownSignals: [] });
  } catch {
    // The process has a Runtime of its own, which stays as it is.
  }
}

/** Works, and says meanwhile that it is there; the beats also bring the news that nobody waits any more. */
async function beating<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beats = setInterval(() => context.heartbeat(), beatMs);
  context.heartbeat();
  try {
    return await work(context.cancellationSignal);
  } catch (error) {
    // What is thrown because nobody waits any more is an end, and no failure of the agent's.
    if (context.cancellationSignal.aborted) throw new CancelledFailure('Nobody waits for it any more.');
    throw error;
  } finally {
    clearInterval(beats);
  }
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(new Error('Nobody waits for it any more.'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
