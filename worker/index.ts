import { Client } from '@temporalio/client';
import type { WorkerDeploymentVersion } from '@temporalio/common';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { type ActivityExecuteInput, NativeConnection, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { type Activities, createActivities } from '../activities/index.ts';
import { AccountMeter } from '../activities/meter.ts';
import { lastGoodAccounts, lastGoodEncryption } from '../gate/accounts.ts';
import { openStore, type Store, StoreAway, StoreUnfit, storePlace } from '../gate/audit-store.ts';
import { EncryptionUnusable, type KeyRing, keyRing } from '../gate/encryption.ts';
import { keysIn } from '../gate/encryption-source.ts';
import { dataConverterOf } from '../gate/payload-codec.ts';
import { type PolicyState, policySource } from '../gate/policy-source.ts';
import { notConnected, whyKeptOut } from '../gate/temporal-settings.ts';
import { webhookSecretsIn } from '../gate/webhook-secrets.ts';
import { catalogue, operationNames } from '../pagerduty/catalogue/index.ts';
import {
  orderedWorkflowId,
  runningQuery,
  sweepsOf,
  taskQueues,
  waitingQuery,
  workflowTaskQueue,
} from '../workflows/contract.ts';
import { driftOf } from '../workflows/seen.ts';
import { isOutdated, stateOf } from '../workflows/state.ts';
import { takeUp, versionedAs } from './build.ts';
import { CannotStart, journalFile, readSecret } from './config.ts';
import { showMetrics } from './metrics.ts';
import { setPace } from './pace.ts';
import { keepPace } from './pace-keeper.ts';
import { missingSearchAttributes } from './search-attributes.ts';
import { scheduleSweeps } from './sweep-schedule.ts';
import type { WorkerTrace } from './tracing.ts';

export interface WorkerOptions {
  readonly temporal: ClientConnectConfig;
  readonly configFile: string;
  readonly home: string;
  /** The database of the audit store; without it, it is a file in `home`. */
  readonly databaseUrl?: string | undefined;
  /** Path of the prebuilt Workflow bundle. */
  readonly workflowBundle: string;
  /** Path of the one that hides what failures say; without it a Worker that is to encrypt does not start. */
  readonly encryptingBundle?: string;
  /** Which build of the runner this is; without it all Workers are alike. */
  readonly build?: WorkerDeploymentVersion | undefined;
  /** Whether somebody looks at the metrics of this process. */
  readonly showsMetrics?: boolean;
  /** What keeps traces, for bundles that have its part in them. */
  readonly trace?: WorkerTrace | undefined;
  readonly log: Logger;
}

/** A Worker that serves the Workflows and every account. */
export interface RunningWorker {
  readonly accounts: readonly string[];
  readonly namespace: string;
  /** Settles when all parts have stopped; rejects when one failed. */
  readonly stopped: Promise<void>;
  /** Lets running Activities end, then stops. */
  readonly stop: () => void;
}

/** How many Workflow Tasks are taken at a time: what a Worker has taken nothing more urgent overtakes, and two cores do no more. */
const mostWorkflowTasks = 10;

/** How many Activities that are not urgent run at a time: all share one thread, and what is urgent must not stand behind hundreds. */
const mostOrdinary = 20;

/** How long running Activities have to end once a Worker is told to stop; the longest request is 8 s. */
const shutdownGraceTime = '12 seconds';

/**
 * Checks what it is to serve, connects, checks what would make runs hang, sets the pace and the sweep, and starts.
 * @throws CannotStart
 * @throws StoreAway where the store does not fit, or is needed for the accounts
 */
export async function startWorker({
  temporal,
  configFile,
  home,
  databaseUrl,
  workflowBundle,
  encryptingBundle,
  build,
  showsMetrics = false,
  trace,
  log,
}: WorkerOptions): Promise<RunningWorker> {
  const namespace = temporal.namespace ?? 'default';
  const policy = policySource(configFile);
  const { store, close } = opened(storePlace(home, databaseUrl));
  const state = policy();
  const accounts = state.readable
    ? [...state.policy.accounts.keys()]
    : [...(await lastGoodAccounts(await store())).keys()];
  if (accounts.length === 0) {
    throw new CannotStart(
      state.readable ? `${configFile} names no account; add one under accounts.` : state.sentence,
    );
  }
  if (!state.readable) log.error(`Everything but releases is denied until this is mended: ${state.sentence}`);
  const ring = await keysFor(configFile, state, store);
  const codePath = ring.current === undefined ? workflowBundle : encryptingBundle;
  if (codePath === undefined) throw new CannotStart('This Worker is to encrypt, and has no bundle for that.');
  const dataConverter = dataConverterOf(ring);
  const connection = await connect(temporal);
  const client = new Client({ connection, namespace, dataConverter });
  const missing = await missingSearchAttributes(connection, namespace).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new CannotStart(
      `The Temporal namespace ${namespace} cannot be used: ${why.replace(/\.$/, '')}. Set TEMPORAL_NAMESPACE to one that exists.`,
    );
  });
  if (missing.length > 0) {
    throw new CannotStart(
      `The Temporal namespace ${namespace} lacks the search attributes ${missing.join(', ')}; without them every run would hang. ` +
        `\`oncall doctor --fix\` adds them; or add each: temporal operator search-attribute create --namespace ${namespace} --name NAME --type Keyword`,
    );
  }
  // A store that is away need keep nobody from giving back; one that does not fit never will be of use.
  await store().catch((error: unknown) => {
    if (!(error instanceof StoreAway) || error instanceof StoreUnfit) throw error;
    log.error(`Nothing but releases can be done: ${error.message}`);
  });
  const workers = [
    await Worker.create({
      // A refusal of an Update carries the whole Update: what is too long for the server is the server's to refuse, once, and not
      // the Worker's, over and over, while the run stands still.
      disablePayloadErrorLimit: true,
      connection,
      namespace,
      taskQueue: workflowTaskQueue,
      workflowBundle: { codePath },
      dataConverter,
      // A killed Worker's runs go on elsewhere after this, instead of the default 10 s.
      stickyQueueScheduleToStartTimeout: '2s',
      shutdownGraceTime,
      maxConcurrentWorkflowTaskExecutions: mostWorkflowTasks,
      ...(trace && { sinks: trace.sinks }),
      ...versionedAs(build),
    }),
  ];
  const keepers: { readonly stop: () => Promise<void> }[] = [];
  for (const account of accounts) {
    await setPace(client, account);
    await scheduleSweeps(client, account);
    const meter = new AccountMeter(taskQueues.urgent(account));
    const activities = createActivities({
      account,
      client,
      workflowTaskQueue,
      orderedId: orderedWorkflowId,
      runningQuery,
      waitingQuery,
      sweepsOf,
      states: { stateOf, isOutdated, driftOf },
      policy,
      secrets: readSecret,
      keeper: webhookSecretsIn(home, account),
      store,
      meter,
      ...(trace && { trace }),
      journalFile: journalFile(home),
    });
    const events = ofApi(activities, 'events');
    const rest = Object.fromEntries(Object.entries(activities).filter(([name]) => !(name in events)));
    for (const [taskQueue, served] of [
      [taskQueues.rest(account), rest],
      [taskQueues.urgent(account), rest],
      [taskQueues.events(account), events],
    ] as const) {
      workers.push(
        await Worker.create({
          connection,
          namespace,
          taskQueue,
          activities: served,
          dataConverter,
          shutdownGraceTime,
          ...(taskQueue !== taskQueues.urgent(account) && {
            maxConcurrentActivityTaskExecutions: mostOrdinary,
          }),
          interceptors: { activity: [counting(meter, taskQueue), ...(trace ? [trace.activity] : [])] },
          ...versionedAs(build),
        }),
      );
    }
    const watched = { account, client, store, policy, meter, log };
    keepers.push(keepPace(watched));
    if (showsMetrics) keepers.push(showMetrics(watched));
  }
  const over = new AbortController();
  const stop = (): void => {
    over.abort();
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  // One part that fails takes the others down with it: half a Worker would hide the failure.
  const running = Promise.all(workers.map((worker) => worker.run().finally(stop)));
  const taken = build && takeUp(client, build, log, over.signal);
  const stopped = running.then(async () => {
    await taken;
    await Promise.all(keepers.map((keeper) => keeper.stop()));
    await connection.close();
    await close();
  });
  return { accounts, namespace, stopped, stop };
}

/** Counts every Activity that begins on a Task Queue. */
const counting = (meter: AccountMeter, taskQueue: string) => () => ({
  inbound: {
    execute: (input: ActivityExecuteInput, next: (input: ActivityExecuteInput) => Promise<unknown>) => {
      meter.begins(taskQueue);
      return next(input);
    },
  },
});

const ofApi = (activities: Activities, api: 'rest' | 'events'): Partial<Activities> =>
  Object.fromEntries(
    operationNames.filter((name) => catalogue[name].api === api).map((name) => [name, activities[name]]),
  );

/**
 * The keys of this Worker: those of the configuration, and where it is broken those of before, so that what is held can be given
 * back. A key that is missing stops it here: its first run would only hang.
 * @throws CannotStart
 */
async function keysFor(
  configFile: string,
  state: PolicyState,
  store: () => Promise<Store>,
): Promise<KeyRing> {
  try {
    return state.readable
      ? keysIn(configFile, readSecret)
      : keyRing(await lastGoodEncryption(await store()), readSecret);
  } catch (error) {
    if (error instanceof EncryptionUnusable) throw new CannotStart(error.message);
    throw error;
  }
}

async function connect({ connectionOptions }: ClientConnectConfig): Promise<NativeConnection> {
  const address = connectionOptions.address ?? 'localhost:7233';
  try {
    return await NativeConnection.connect({ ...connectionOptions, address });
  } catch (error) {
    const { tls, apiKey } = connectionOptions;
    const words = error instanceof Error ? error.message : String(error);
    throw new CannotStart(notConnected(address, whyKeptOut(words, Boolean(tls ?? apiKey))));
  }
}

/** How long a store that could not be opened is left alone: a release asks several times, and must not wait each time. */
const restMs = 2_000;

/** The store, opened at the first use and again some time after a failure: a release must not wait for a restart. */
function opened(place: string): {
  readonly store: () => Promise<Store>;
  readonly close: () => Promise<void>;
} {
  let store: Promise<Store> | undefined;
  return {
    store: () => {
      store ??= openStore(place).catch((error: unknown) => {
        setTimeout(() => {
          store = undefined;
        }, restMs).unref();
        throw error;
      });
      return store;
    },
    close: async () => {
      const open = await store?.catch(() => undefined);
      await open?.destroy();
    },
  };
}
