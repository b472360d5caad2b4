import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Connection, WorkflowFailedError } from '@temporalio/client';
import Database from 'libsql';
import { liftPace } from '../../bench/pace.ts';
import { startRun } from '../../client/agent.ts';
import { connectionTo } from '../../client/connect.ts';
import { OncallError } from '../../client/errors.ts';
import { readAgent } from '../../client/identity.ts';
import { localWorld, simulatorSecrets } from '../../client/local-world.ts';
import { openStore, type Store, storeFile } from '../../gate/audit-store.ts';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { seedIds } from '../../simulator/seed-data.ts';
import type { OperationInput, OperationResult } from '../../workflows/contract.ts';
import { everything } from '../support/grants.ts';
import { type Plant, plantedBuild, shipped } from './planted.ts';
import { startWorkerProcess, type WorkerProcess } from './workers.ts';
import type { Prepared, Write } from './writes.ts';

/** A run of one write. */
export interface Subject extends Prepared {
  readonly write: Write;
  /** Stands in every request of it. */
  readonly token: string;
  readonly workflowId: string;
  readonly runId: string;
  /** What the run ended with, or why it did not. */
  readonly ended: Promise<OperationResult | Error>;
  /** Of a run that was reset: that it was, and the run before. */
  readonly isReset?: true;
  readonly first?: Subject;
}

/** A Temporal namespace, a simulator and an audit store for one part of the matrix; Workers come and go. */
export interface Stand {
  readonly simulator: Simulator;
  readonly client: Client;
  readonly store: Store;
  /** The build that its Workers run, where nothing else is said. */
  readonly build: string;
  /** A folder for what is made on the way. */
  readonly folder: string;
  readonly startWorker: (options?: {
    readonly build?: string;
    readonly clockHours?: number;
  }) => Promise<WorkerProcess>;
  readonly start: (
    write: Write,
    token: string,
    seed: number,
    expect?: OperationInput['expect'],
  ) => Promise<Subject>;
  /** How a run ends that was started otherwise. */
  readonly follow: (workflowId: string, runId: string) => Subject['ended'];
  /** Locks the store for all writers until what it gives is called. */
  readonly lockStore: () => () => void;
  readonly close: () => Promise<void>;
}

const agent = 'matrix-bot';

/** Requests a minute, more than ever leave. */
const plenty = 1_000_000;

/** An acknowledge is held this long and then given back; its run ends with that. */
const lease = '15s';

/** How a run ended, also where the server that is asked dies meanwhile. */
async function endOf(result: () => Promise<OperationResult>): Promise<OperationResult | Error> {
  for (let left = 600; ; left -= 1) {
    try {
      return await result();
    } catch (error) {
      if (!(error instanceof Error)) return new Error(String(error));
      // A run that failed says so by our own error; anything else is the server's.
      if (error instanceof OncallError || left === 0) return error;
      await sleep(200);
    }
  }
}

/** Sets a stand on a server. @param plants what is changed in the build that all of its Workers run. */
export async function setStand(
  address: string,
  namespace: string,
  plants: readonly Plant[] = [],
): Promise<Stand> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-matrix-'));
  const build = plants.length === 0 ? shipped : plantedBuild(join(folder, 'planted'), plants);
  const home = join(folder, 'home');
  mkdirSync(home);
  // No limit is to hold anything back, and answers say so: of operations that have one of their own a Worker assumes the least.
  const simulator = await startSimulator({
    rateLimit: plenty,
    operationLimits: { createIncident: plenty - 1, updateIncidents: plenty - 1, listOnCalls: plenty - 1 },
  });
  // Only an admin may create users.
  const bot = simulator.world.userByEmail(seedIds.from);
  if (bot) simulator.world.users.set(bot.id, { ...bot, role: 'admin' });
  const { configure, configFile, keyFileOf } = localWorld(folder, { [agent]: everything({ lease }) });
  configure(simulator.url);
  const identity = readAgent(agent, keyFileOf(agent));
  const connection: Connection = await connectionTo({ address }, 60_000);
  const client = new Client({ connection, namespace });
  await liftPace(client);
  const store = await openStore(storeFile(home));
  const workers: WorkerProcess[] = [];
  return {
    simulator,
    client,
    store,
    build,
    folder,
    startWorker: async ({ build: other = build, clockHours } = {}) => {
      const env = {
        ...simulatorSecrets,
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespace,
        ONCALL_HOME: home,
        ONCALL_CONFIG: configFile,
      };
      const worker = await startWorkerProcess(other, env, clockHours);
      workers.push(worker);
      return worker;
    },
    start: async (write, token, seed, expect) => {
      const prepared = write.prepare(simulator.world, token, seed);
      const { operation } = write;
      const input = { account: 'main', operation, request: prepared.request, ...(expect && { expect }) };
      const run = await startRun(client, identity, 'runOperation', input, { key: token });
      const { workflowId, runId } = run;
      return { ...prepared, write, token, workflowId, runId, ended: endOf(() => run.result()) };
    },
    follow: (workflowId, runId) => {
      const handle = client.workflow.getHandle(workflowId, runId);
      return endOf(async () => {
        try {
          return (await handle.result()) as OperationResult;
        } catch (error) {
          if (error instanceof WorkflowFailedError)
            throw new OncallError(error.cause?.message ?? error.message);
          throw error;
        }
      });
    },
    lockStore: () => {
      const locker = new Database(storeFile(home));
      locker.exec('PRAGMA busy_timeout=5000');
      try {
        locker.exec('begin immediate');
      } catch (error) {
        locker.close();
        throw error;
      }
      return () => {
        locker.exec('rollback');
        locker.close();
      };
    },
    close: async () => {
      for (const worker of workers) await worker.kill();
      await store.destroy();
      await connection.close();
      await simulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
