import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { inject } from 'vitest';
import type { z } from 'zod';
import { liftPace } from '../../bench/pace.ts';
import { type Run, startRun } from '../../client/agent.ts';
import { type AgentIdentity, type Identity, readAgent, readIdentity } from '../../client/identity.ts';
import { list } from '../../gate/audit.ts';
import { ofPeople, openStore, type Store } from '../../gate/audit-store.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { readKept, webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import type { Fault } from '../../simulator/faults.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/index.ts';
import { journalFile } from '../../worker/config.ts';
import { type RunningWorker, startWorker } from '../../worker/index.ts';
import {
  incidentSweepScheduleId,
  releaseWorkflowId,
  sweepScheduleId,
  type WorkflowName,
  type Workflows,
  workflowTaskQueue,
} from '../../workflows/contract.ts';
import type { SweepResult } from '../../workflows/sweep-leases.ts';
import { recordHistories } from '../replay/recorder.ts';
import { type Away, byTest, joinAudit, type Recorded, type SeenRequest } from './join.ts';
import { logged, memoryLog } from './logged.ts';
import { claimNamespace } from './namespaces.ts';
import { filesIn, historiesOf, tablesOf } from './places.ts';
import { type Exchange, type Recorder, startRecorder } from './recorder.ts';
import { findSecrets, issuedBy, type Secret } from './secrets.ts';
import { storeFor } from './stage-store.ts';
import { openTally } from './tally.ts';
import { until } from './until.ts';

export interface StageOptions {
  /** Agent → its grants, as they stand in `oncall.yaml`. */
  readonly agents: Readonly<Record<string, string>>;
  /** Operator → lines beside its key. */
  readonly operators?: Readonly<Record<string, string>>;
  readonly simulator?: SimulatorOptions;
  /** Keeps all that Workers and PagerDuty say to each other. */
  readonly record?: true;
}

/** A whole world for one test: simulator, configuration, keys, store, Worker and client, in a namespace of their own. */
export interface Stage {
  readonly simulator: Simulator;
  /** Of a stage that records. */
  readonly exchanges: readonly Exchange[];
  /** Of a stage that records: does something exactly between what a Worker read and its next such request. */
  readonly beforeNext: Recorder['beforeNext'];
  readonly beforeEach: Recorder['beforeEach'];
  readonly answerInstead: Recorder['answerInstead'];
  readonly client: Client;
  readonly namespace: string;
  readonly home: string;
  readonly configFile: string;
  readonly store: Store;
  /** What `DATABASE_URL` is to this stage's programs; empty where the store is a file. A secret. */
  readonly databaseUrl: string;
  /** An agent or an operator, with its key. */
  readonly agent: (name: string) => AgentIdentity;
  readonly operator: (name: string) => Identity;
  /** Gives an agent or operator a new key: what signs from now on. Gives the public half; the configuration is the test's. */
  readonly newKey: (name: string) => string;
  /** Makes the store unusable for all writers, by its lock or otherwise, until what it gives is called. */
  readonly lockStore: (lock?: () => Promise<() => Promise<void>>) => Promise<() => Promise<void>>;
  /** No Schedule sweeps in between: what reaches PagerDuty is the test's. */
  readonly startWorker: () => Promise<RunningWorker>;
  readonly start: <Name extends WorkflowName>(
    agent: string,
    name: Name,
    input: Workflows[Name]['input'],
    key?: string,
  ) => Promise<Run<Name>>;
  /** Runs to the end. */
  readonly run: <Name extends WorkflowName>(
    agent: string,
    name: Name,
    input: Workflows[Name]['input'],
  ) => Promise<Workflows[Name]['result']>;
  /** Ends what was started and goes on still, so that a test which is red leaves no run that the next would meet. */
  readonly endRuns: () => Promise<void>;
  /** Names a secret that must be found nowhere when the stage closes. */
  readonly guard: (name: string, value: string) => void;
  /** Changes the text of `oncall.yaml`. */
  readonly editConfig: (change: (text: string) => string) => void;
  readonly configText: () => string;
  /** Takes a closed run and its history out of the server, as its operator can. */
  readonly deleteRun: (run: { readonly workflowId: string; readonly runId: string }) => Promise<void>;
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
  }) => Promise<readonly Recorded[]>;
  /**
   * Stops everything, then looks at what is left: the simulator's requests and the audit must agree one to one, and no
   * secret may stand in a history, the store, a log or a file.
   * @throws Error with a sentence for each place where that is not so.
   */
  readonly close: () => Promise<void>;
}

/** The key of the account. */
export const simulatorToken = 'simulator-full-access-key';
export const checkoutKey = 'simulatorcheckoutroutingkey00000';

/** Sets a stage. Close it in `afterEach` or `afterAll`. */
export async function setStage({
  agents,
  operators = {},
  simulator: simulatorOptions = {},
  record,
}: StageOptions): Promise<Stage> {
  const tally = openTally(inject('claims'));
  const loggedBefore = logged.length;
  const namespace = claimNamespace();
  const home = mkdtempSync(join(tmpdir(), 'oncall-stage-'));
  const configFile = join(home, 'oncall.yaml');
  const simulator = await startSimulator(simulatorOptions);
  const known = new Set(simulator.world.credentials.keys());
  const recorder = record && (await startRecorder(simulator.url));
  const keyFile = (name: string): string => join(home, `${name}.pem`);
  const secrets: Secret[] = [];
  const keyFiles: string[] = [];
  const writeSecret = (file: string, name: string, value: string): void => {
    writeFileSync(file, value, { mode: 0o600 });
    secrets.push({ name, value });
    keyFiles.push(file);
  };
  const aways: Away[] = [];
  const deleted = new Set<string>();
  writeSecret(join(home, 'token'), 'the token of the account', simulatorToken);
  writeSecret(join(home, 'routing-key'), 'the routing key', checkoutKey);
  writeFileSync(configFile, configuration(recorder?.url ?? simulator.url, home));
  const connection = await Connection.connect({ address: inject('temporalAddress') });
  const client = new Client({ connection, namespace });
  await liftPace(client);
  const own = await storeFor(home);
  if (own.databaseUrl !== undefined)
    secrets.push(
      { name: 'the URL of the database', value: own.databaseUrl },
      { name: 'the password of the database', value: new URL(own.databaseUrl).password },
    );
  const store = await openStore(own.place, ofPeople);
  const workers: RunningWorker[] = [];
  const agent = (name: string): AgentIdentity => readAgent(name, keyFile(name));
  const started: { readonly workflowId: string }[] = [];
  const start: Stage['start'] = async (name, workflow, input, key) => {
    const run = await startRun(client, agent(name), workflow, input, { key });
    started.push(run);
    return run;
  };
  const operator = (name: string): Identity => readIdentity('operator', name, keyFile(name));

  const stage: Stage = {
    simulator,
    exchanges: recorder?.exchanges ?? [],
    beforeNext: (...moment) => recording().beforeNext(...moment),
    beforeEach: (...moment) => recording().beforeEach(...moment),
    answerInstead: (...answer) => recording().answerInstead(...answer),
    client,
    namespace,
    home,
    configFile,
    store,
    databaseUrl: own.databaseUrl ?? '',
    agent,
    operator,
    newKey: (name) => {
      const { privateKey, publicKey } = newKeyPair();
      writeSecret(keyFile(name), `the private key of ${name}`, privateKey);
      return publicKey;
    },
    lockStore: async (lock = own.lock) => {
      const unlock = await lock();
      const from = Date.now();
      const afterSeq = await lastListedSeq();
      return async () => {
        await unlock();
        aways.push({ from, to: Date.now(), afterSeq, untilSeq: await lastSeq() });
      };
    },
    startWorker: async () => {
      const worker = await startWorker({
        temporal: { connectionOptions: { address: inject('temporalAddress') }, namespace },
        configFile,
        home,
        databaseUrl: own.databaseUrl,
        workflowBundle: inject('workflowBundle'),
        log: memoryLog,
      });
      if (workers.push(worker) === 1) await pauseSweeps();
      return worker;
    },
    start,
    run: async (name, workflow, input) => (await start(name, workflow, input)).result(),
    endRuns: async () => {
      for (const { workflowId } of started.splice(0))
        await client.workflow
          .getHandle(workflowId)
          .terminate('the test is over')
          .catch(() => {});
    },
    guard: (name, value) => void secrets.push({ name, value }),
    editConfig: (change) => writeFileSync(configFile, change(readFileSync(configFile, 'utf8'))),
    configText: () => readFileSync(configFile, 'utf8'),
    deleteRun: async ({ workflowId, runId }) => {
      const execution = { workflowId, runId };
      await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: execution });
      await until('the run is gone', () =>
        client.workflowService.getWorkflowExecutionHistory({ namespace, execution }).then(
          () => false,
          () => true,
        ),
      );
      deleted.add(runId);
    },
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
      const withKey = () => simulator.world.incidentIndex.byKey(key).map(({ id }) => id);
      const before = withKey();
      const payload = { summary, source: 'test', severity };
      const event = { routing_key: checkoutKey, event_action: 'trigger', dedup_key: key, payload };
      await call(simulator.url, 'POST', '/v2/enqueue', event);
      return withKey().find((id) => !before.includes(id)) ?? '';
    },
    asPerson: (method, path, body, from = 'ada@example.com') => call(simulator.url, method, path, body, from),
    requests,
    audit: (filter = {}) => list(store, { ...filter, limit: 1_000 }),
    close: async () => {
      for (const worker of workers) {
        worker.stop();
        await worker.stopped;
      }
      let faults: readonly string[];
      try {
        faults = await inspect();
      } finally {
        await store.destroy();
        await own.remove();
        await connection.close();
        await recorder?.close();
        await simulator.close();
        rmSync(home, { recursive: true, force: true });
      }
      if (faults.length > 0) throw new Error(faults.join('\n'));
    },
  };
  return stage;

  function recording(): Recorder {
    if (!recorder) throw new Error('This stage does not record: set it with record: true.');
    return recorder;
  }
  async function requests(): Promise<readonly SeenRequest[]> {
    const log = await call(simulator.url, 'GET', '/_simulator/requests');
    return (log as { requests: SeenRequest[] }).requests;
  }
  /** The last request that a record lists by now: the record of a later one may find the store locked. */
  async function lastListedSeq(): Promise<number> {
    const records = await list(store, { limit: 1_000_000 });
    const listed = new Set(
      records.flatMap(({ requestId, reads }) => [requestId, ...reads.map((read) => read.requestId)]),
    );
    return (await requests()).findLast(({ request_id }) => listed.has(request_id))?.seq ?? 0;
  }
  async function lastSeq(): Promise<number> {
    return (await requests()).at(-1)?.seq ?? 0;
  }

  async function pauseSweeps(): Promise<void> {
    for (const id of [sweepScheduleId('main'), incidentSweepScheduleId('main')]) {
      const schedule = client.schedule.getHandle(id);
      await schedule.pause('a test sweeps by hand');
      // One may have begun in the instant before.
      await until('no sweep is under way', async () => {
        const { info } = await schedule.describe();
        return info.runningActions.length === 0;
      });
    }
  }

  /** What is wrong with all that happened on this stage; what was looked at is added to the run's tally. */
  async function inspect(): Promise<readonly string[]> {
    // A test may have named more secrets than the stage made.
    for (const [, file = ''] of readFileSync(configFile, 'utf8').matchAll(/\bfile:([^\s,}\]]+)/g)) {
      if (keyFiles.includes(file)) continue;
      secrets.push({ name: `what ${basename(file)} holds`, value: readFileSync(file, 'utf8').trim() });
      keyFiles.push(file);
    }
    for (const { subscription, ...kept } of webhookSecretsIn(home, 'main').list()) {
      secrets.push({ name: `the secret of the webhook subscription ${subscription}`, value: readKept(kept) });
      keyFiles.push(kept.file);
    }
    const records = [...(await list(store, { limit: 1_000_000 })), ...journaled()];
    secrets.push(...issuedBy(simulator.world, known));
    const { faults, ...joined } = joinAudit(await requests(), records, aways);
    const kept = records.filter(({ runId }) => !deleted.has(runId));
    const histories = await historiesOf(client, kept);
    if (process.env['RECORD_HISTORIES']) await recordHistories(client);
    const tables = await tablesOf(store);
    const logs = { name: 'the log', bytes: Buffer.from(logged.slice(loggedBefore).join('')) };
    const files = filesIn(home, keyFiles);
    const bytes = (places: readonly { readonly bytes: Buffer }[]): number =>
      places.reduce((sum, place) => sum + place.bytes.length, 0);
    tally({
      ...joined,
      secrets: secrets.length,
      histories: histories.length,
      historyBytes: bytes(histories),
      storeBytes: bytes(tables),
      logBytes: logs.bytes.length,
      fileBytes: bytes(files),
    });
    return [...faults, ...findSecrets([...histories, ...tables, logs, ...files], secrets)];
  }

  /** What releases wrote to a file and nothing has carried over yet. */
  function journaled(): readonly Recorded[] {
    const name = basename(journalFile(home));
    // A sweep that finds the store locked leaves beside it what it had taken.
    const files = readdirSync(home).filter((file) => file.startsWith(name));
    const lines = files.flatMap((file) => readFileSync(join(home, file), 'utf8').split('\n').filter(Boolean));
    return lines.map((line) => {
      const { at, record } = JSON.parse(line) as { at: string; record: Recorded };
      return { ...record, at, seq: 0, hash: 'journal' };
    });
  }

  function configuration(url: string, folder: string): string {
    const signers = (of: Readonly<Record<string, string>>, under: (text: string) => string): string =>
      Object.entries(of)
        .map(([name, text]) => {
          const { privateKey, publicKey } = newKeyPair();
          writeSecret(keyFile(name), `the private key of ${name}`, privateKey);
          return `  ${name}:\n    public_key: ${publicKey}\n${under(text)}`;
        })
        .join('');
    const agentLines = signers(agents, (text) => `    grants:\n${text.replace(/^/gm, '      ')}\n`);
    const operatorLines = signers(operators, (text) => text.replace(/^(?=.)/gm, '    ') + (text && '\n'));
    return `accounts:
  main:
    region: custom
    rest_url: ${url}
    events_url: ${url}
    token: file:${join(folder, 'token')}
    from: oncall-bot@example.com
    routing_keys: { checkout: file:${join(folder, 'routing-key')} }
operators:
${operatorLines}
agents:
${agentLines}`;
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
      authorization: `Token token=${simulatorToken}`,
      'content-type': 'application/json',
      ...byTest,
      ...(from !== undefined && { from }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
