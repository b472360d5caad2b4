import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { pino } from 'pino';
import { inject } from 'vitest';
import type { z } from 'zod';
import { type AgentIdentity, type Run, readAgent, startRun } from '../../client/agent.ts';
import { type Identity, readIdentity } from '../../client/identity.ts';
import { type AuditRecord, list, type Stamp } from '../../gate/audit.ts';
import { openStore, type Store, storeFile } from '../../gate/audit-store.ts';
import { newKeyPair } from '../../gate/statement.ts';
import type { Fault } from '../../simulator/faults.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/index.ts';
import { type RunningWorker, startWorker } from '../../worker/index.ts';
import {
  releaseWorkflowId,
  taskQueues,
  type WorkflowName,
  type Workflows,
  workflowTaskQueue,
} from '../../workflows/contract.ts';
import type { SweepResult } from '../../workflows/sweep-leases.ts';

/** Grants that let an agent respond from look to resolve, holding an incident for this long. */
export const responder = (lease = '5m'): string => `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: ${lease}, when: { urgency: [high, low] } }
incidents.add_note: full
incidents.resolve: full`;

export interface StageOptions {
  /** Agent → its grants, as they stand in `oncall.yaml`. */
  readonly agents: Readonly<Record<string, string>>;
  /** Operator → what its entry says beside its key. */
  readonly operators?: Readonly<Record<string, string>>;
  readonly simulator?: SimulatorOptions;
}

/** A whole world for one test: simulator, configuration, keys, store, Worker and client, in a namespace of their own. */
export interface Stage {
  readonly simulator: Simulator;
  readonly client: Client;
  readonly namespace: string;
  readonly home: string;
  readonly configFile: string;
  readonly store: Store;
  readonly agent: (name: string) => AgentIdentity;
  readonly operator: (name: string) => Identity;
  readonly startWorker: () => Promise<RunningWorker>;
  readonly start: <Name extends WorkflowName>(
    agent: string,
    name: Name,
    input: Workflows[Name]['input'],
  ) => Promise<Run<Name>>;
  /** Runs to the end. */
  readonly run: <Name extends WorkflowName>(
    agent: string,
    name: Name,
    input: Workflows[Name]['input'],
  ) => Promise<Workflows[Name]['result']>;
  /** Changes the text of `oncall.yaml`. */
  readonly editConfig: (change: (text: string) => string) => void;
  readonly configText: () => string;
  /** Sweeps now, beside the Schedule, and waits until what it started has ended. */
  readonly sweep: () => Promise<void>;
  readonly fault: (fault: z.input<typeof Fault>) => Promise<void>;
  readonly clearFaults: () => Promise<void>;
  /** Opens an incident by an event, as a monitoring tool would; gives its id. */
  readonly trigger: (event?: {
    readonly key?: string;
    readonly summary?: string;
    readonly severity?: string;
  }) => Promise<string>;
  /** What a person does over REST with the account's key. */
  readonly asPerson: (method: string, path: string, body: unknown, from?: string) => Promise<unknown>;
  /** Requests that reached the simulator, in order: `PUT /incidents/PABC`. */
  readonly requests: () => Promise<readonly SeenRequest[]>;
  readonly audit: (filter?: {
    readonly run?: string;
    readonly decision?: string;
  }) => Promise<readonly (AuditRecord & Stamp)[]>;
  readonly close: () => Promise<void>;
}

export interface SeenRequest {
  readonly seq: number;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly operation: string | null;
  readonly status: number;
  readonly from: string | null;
  readonly request_id: string | null;
  readonly body: unknown;
  /** Kind of the fault that struck it. */
  readonly fault?: string;
}

const token = 'simulator-full-access-key';
export const checkoutKey = 'simulatorcheckoutroutingkey00000';

/** Sets a stage. Close it in `afterEach` or `afterAll`. */
export async function setStage({
  agents,
  operators = {},
  simulator: simulatorOptions = {},
}: StageOptions): Promise<Stage> {
  const namespace = claimNamespace();
  const home = mkdtempSync(join(tmpdir(), 'oncall-stage-'));
  const configFile = join(home, 'oncall.yaml');
  const simulator = await startSimulator(simulatorOptions);
  const keyFile = (name: string): string => join(home, `${name}.pem`);
  writeFileSync(join(home, 'token'), token);
  writeFileSync(join(home, 'routing-key'), checkoutKey);
  writeFileSync(configFile, configuration(simulator.url, home));
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  const client = new Client({ connection, namespace });
  await liftPace(client);
  const store = await openStore(storeFile(home));
  const workers: RunningWorker[] = [];
  const agent = (name: string): AgentIdentity => readAgent(name, keyFile(name));
  const operator = (name: string): Identity => readIdentity('operator', name, keyFile(name));

  const stage: Stage = {
    simulator,
    client,
    namespace,
    home,
    configFile,
    store,
    agent,
    operator,
    startWorker: async () => {
      const worker = await startWorker({
        temporal: { connectionOptions: { address: inject('temporalAddress') }, namespace },
        configFile,
        home,
        workflowBundle: inject('workflowBundle'),
        log: pino({ level: 'silent' }),
      });
      workers.push(worker);
      return worker;
    },
    start: (name, workflow, input) => startRun(client, agent(name), workflow, input),
    run: async (name, workflow, input) => (await startRun(client, agent(name), workflow, input)).result(),
    editConfig: (change) => writeFileSync(configFile, change(readFileSync(configFile, 'utf8'))),
    configText: () => readFileSync(configFile, 'utf8'),
    sweep: async () => {
      const { released } = (await client.workflow.execute('sweepLeases', {
        workflowId: `sweep-by-hand:${randomUUID()}`,
        taskQueue: workflowTaskQueue,
        args: [{ account: 'main' }],
      })) as SweepResult;
      for (const incident of released) {
        await client.workflow.getHandle(releaseWorkflowId({ account: 'main', incident })).result();
      }
    },
    fault: async (fault) => {
      await call(simulator.url, 'POST', '/_simulator/faults', fault);
    },
    clearFaults: async () => {
      await call(simulator.url, 'DELETE', '/_simulator/faults');
    },
    trigger: async ({
      key = `key-${Math.random()}`,
      summary = 'p99 latency above 2 s',
      severity = 'critical',
    } = {}) => {
      const before = new Set(simulator.world.incidents.keys());
      const payload = { summary, source: 'test', severity };
      const event = { routing_key: checkoutKey, event_action: 'trigger', dedup_key: key, payload };
      await call(simulator.url, 'POST', '/v2/enqueue', event);
      const opened = [...simulator.world.incidents.keys()].filter((id) => !before.has(id));
      return opened[0] ?? '';
    },
    asPerson: (method, path, body, from = 'ada@example.com') => call(simulator.url, method, path, body, from),
    requests: async () => {
      const { requests } = (await call(simulator.url, 'GET', '/_simulator/requests')) as {
        requests: SeenRequest[];
      };
      return requests;
    },
    audit: (filter = {}) => list(store, { ...filter, limit: 1_000 }),
    close: async () => {
      for (const worker of workers) {
        worker.stop();
        await worker.stopped;
      }
      await store.destroy();
      await connection.close();
      await simulator.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
  return stage;

  function keyOf(name: string): string {
    const { privateKey, publicKey } = newKeyPair();
    writeFileSync(keyFile(name), privateKey, { mode: 0o600 });
    return publicKey;
  }

  function configuration(url: string, folder: string): string {
    const lines = Object.entries(agents).map(
      ([name, text]) =>
        `  ${name}:\n    public_key: ${keyOf(name)}\n    grants:\n${text.replace(/^/gm, '      ')}\n`,
    );
    const people = Object.entries(operators).map(
      ([name, text]) => `  ${name}:\n    public_key: ${keyOf(name)}\n${text.replace(/^(?=.)/gm, '    ')}\n`,
    );
    return `accounts:
  main:
    region: custom
    rest_url: ${url}
    events_url: ${url}
    token: file:${join(folder, 'token')}
    from: oncall-bot@example.com
    routing_keys: { checkout: file:${join(folder, 'routing-key')} }
operators:
${people.join('')}
agents:
${lines.join('')}`;
  }
}

/** A namespace nobody else in this run uses. */
function claimNamespace(): string {
  for (const name of inject('namespaces')) {
    try {
      mkdirSync(join(inject('claims'), name));
      return name;
    } catch {
      // Claimed by another test.
    }
  }
  throw new Error('All namespaces are claimed; give the server more in global-server.ts.');
}

/** Sets limits no test comes near; the Worker leaves alone what stands already. */
async function liftPace(client: Client): Promise<void> {
  for (const queue of Object.values(taskQueues)) {
    await client.workflowService.updateTaskQueueConfig({
      namespace: client.options.namespace,
      taskQueue: queue('main'),
      taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
      updateQueueRateLimit: { rateLimit: { requestsPerSecond: 100_000 }, reason: 'test' },
    });
  }
}

async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  from?: string,
): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      accept: 'application/vnd.pagerduty+json;version=2',
      authorization: `Token token=${token}`,
      'content-type': 'application/json',
      ...(from !== undefined && { from }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
