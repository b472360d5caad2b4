import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { inject } from 'vitest';
import { liftPace } from '../../bench/pace.ts';
import { type AgentIdentity, readAgent } from '../../client/identity.ts';
import { subscribeLocally } from '../../client/local-webhooks.ts';
import { localWorld, simulatorSecrets } from '../../client/local-world.ts';
import { freePorts } from '../../client/ports.ts';
import { list } from '../../gate/audit.ts';
import { ofPeople, openStore, type Store } from '../../gate/audit-store.ts';
import { readKept, webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import { type Simulator, startSimulator } from '../../simulator/index.ts';
import { journalFile } from '../../worker/config.ts';
import { incidentSweepScheduleId } from '../../workflows/contract.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { responder } from './grants.ts';
import type { Away, Recorded, SeenRequest } from './join.ts';
import { claimNamespace } from './namespaces.ts';
import { asOwner, createDatabase, findPostgres, type Postgres, startPostgres, urlOf } from './postgres.ts';
import { type Ended, makePlace, type Place, type Program } from './processes.ts';
import { until } from './until.ts';

/** Machines of a fleet, each with Workers or receivers that share nothing but servers. */
export const workerNames = ['a', 'b', 'c'] as const;
export type WorkerName = (typeof workerNames)[number];
export const receiverNames = ['x', 'y'] as const;
export type ReceiverName = (typeof receiverNames)[number];

/**
 * Three Workers and two receivers as they are shipped, each on a machine of its own as far as one machine can have them: on one
 * Temporal server and one PostgreSQL, the receivers behind a load balancer to which the simulator delivers.
 */
export interface Fleet {
  readonly place: Place;
  readonly simulator: Simulator;
  readonly postgres: Postgres;
  readonly balancer: Balancer;
  readonly client: Client;
  readonly agent: AgentIdentity;
  /** What is at work now. */
  readonly workers: ReadonlyMap<WorkerName, Program>;
  readonly receivers: ReadonlyMap<ReceiverName, Program>;
  readonly portOf: (name: ReceiverName) => number;
  /** Starts it, and waits until it works. */
  readonly startWorker: (name: WorkerName) => Promise<void>;
  readonly startReceiver: (name: ReceiverName) => Promise<void>;
  /** Ends one in order, or kills all of it at once; gives how it ended. */
  readonly end: (name: WorkerName | ReceiverName, how: 'SIGTERM' | 'SIGKILL') => Promise<Ended>;
  /** Has the simulator deliver, and the sweep that would find what was not delivered stand still. */
  readonly listen: () => Promise<void>;
  /** Does what keeps Workers from writing down what came of their calls, and excuses them for that time. */
  readonly away: (what: () => Promise<unknown>) => Promise<void>;
  readonly aways: readonly Away[];
  readonly oncall: (...args: readonly string[]) => Promise<Ended>;
  readonly requests: () => readonly SeenRequest[];
  readonly records: () => Promise<readonly Recorded[]>;
  /** How much the tables of the store take, with their indexes. */
  readonly storeBytes: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** The name of the order that events start, in the configuration of a fleet. */
const fleetOrder = 'night';

/** @param leaseSeconds how long a run holds an incident. */
export async function startFleet(leaseSeconds: number): Promise<Fleet> {
  const programs = findPostgres();
  if (!programs) throw new Error('PostgreSQL is not installed.');
  const place = makePlace('fleet');
  const simulator = await startSimulator({ rateLimit: 0 });
  const postgres = await startPostgres(programs);
  // Empty: whoever starts first makes the tables.
  const database = await createDatabase(postgres);
  const databaseUrl = urlOf(postgres, database);
  const [address, namespace] = [inject('temporalAddress'), claimNamespace()];
  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  await liftPace(client);
  const local = localWorld(place.folder, { 'triage-bot': responder(`${leaseSeconds}s`) });
  local.configure(simulator.url);
  const written = readFileSync(place.configFile, 'utf8');
  writeFileSync(
    place.configFile,
    `${written.replace('    routing_keys:', '    webhook_secrets: [env:WEBHOOK_SECRET]\n    routing_keys:')}standing:
  ${fleetOrder}: { on: incident.triggered, workflow: respondToIncident, agent: triage-bot, input: { assess: rules, watchSeconds: 0 } }
`,
  );
  const [portX = 0, portY = 0] = await freePorts(2);
  const portOf = (name: ReceiverName): number => (name === 'x' ? portX : portY);
  const balancer = await startBalancer([portX, portY]);
  const temporal = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
  const homeOf = (name: string): string => join(place.folder, 'machines', name);
  const workers = new Map<WorkerName, Program>();
  const receivers = new Map<ReceiverName, Program>();
  const aways: Away[] = [];
  let secret = '';
  // The subscription is no Worker's doing.
  const requests = (): readonly SeenRequest[] =>
    (simulator.requests.since(0) as readonly SeenRequest[]).filter(
      ({ path }) => path !== '/webhook_subscriptions',
    );

  async function withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const store = await openStore(databaseUrl, ofPeople);
    try {
      return await work(store);
    } finally {
      await store.destroy();
    }
  }
  /** What releases wrote to a file and nothing has carried over yet. */
  function journaled(): readonly Recorded[] {
    return workerNames.flatMap((name) => {
      const [folder, base] = [homeOf(name), basename(journalFile(homeOf(name)))];
      const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.startsWith(base)) : [];
      const lines = files.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'));
      return lines.filter(Boolean).map((line) => {
        const { at, record } = JSON.parse(line) as { at: string; record: Recorded };
        return { ...record, at, seq: 0, hash: 'journal' };
      });
    });
  }

  return {
    place,
    simulator,
    postgres,
    balancer,
    client,
    agent: readAgent('triage-bot', local.keyFileOf('triage-bot')),
    workers,
    receivers,
    portOf,
    startWorker: async (name) => {
      const env = {
        ...simulatorSecrets,
        ...temporal,
        DATABASE_URL: databaseUrl,
        ONCALL_HOME: homeOf(name),
        LOG_LEVEL: 'error',
      };
      const worker = place.oncall(['worker'], { env });
      workers.set(name, worker);
      await worker.line(/^working on main/);
    },
    startReceiver: async (name) => {
      const env = {
        ...temporal,
        ONCALL_HOME: homeOf(name),
        WEBHOOK_SECRET: secret,
        LOG_LEVEL: 'error',
      };
      const receiver = place.oncall(['webhooks', '--port', String(portOf(name))], { env });
      receivers.set(name, receiver);
      await receiver.line(/^listening on /);
    },
    end: async (name, how) => {
      const program = name === 'x' || name === 'y' ? receivers.get(name) : workers.get(name);
      if (!program) throw new Error(`${name} was never started.`);
      // A machine that is switched off takes all of it; a service that is stopped is told once.
      if (how === 'SIGKILL') program.sendToGroup(how);
      else program.send(how);
      return program.ended;
    },
    listen: async () => {
      await subscribeLocally(simulator.url, place.home, `${balancer.url}/webhooks/main`);
      const [kept] = webhookSecretsIn(place.home, 'main').list();
      if (!kept) throw new Error('The subscription has no secret.');
      secret = readKept(kept);
      // What a webhook lost, the sweep would bring: here nothing may be lost.
      const sweep = client.schedule.getHandle(incidentSweepScheduleId('main'));
      await sweep.pause('the campaign looks at what webhooks bring');
      await until('no sweep is under way', async () => {
        const { info } = await sweep.describe();
        return info.runningActions.length === 0;
      });
    },
    away: async (what) => {
      const from = Date.now();
      const listed = new Set(
        (await withStore((store) => list(store, { limit: 1_000_000 }))).flatMap(({ requestId, reads }) => [
          requestId,
          ...reads.map((read) => read.requestId),
        ]),
      );
      const afterSeq = requests().findLast(({ request_id }) => listed.has(request_id))?.seq ?? 0;
      await what();
      aways.push({ from, to: Date.now(), afterSeq, untilSeq: requests().at(-1)?.seq ?? 0 });
    },
    aways,
    oncall: (...args) =>
      place.oncall(args, { env: { ...temporal, DATABASE_URL: databaseUrl, ONCALL_HOME: homeOf('a') } }).ended,
    requests,
    records: async () => [
      ...((await withStore((store) => list(store, { limit: 1_000_000 }))) as readonly Recorded[]),
      ...journaled(),
    ],
    storeBytes: async () => {
      const sum = `select sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass))::float8 as bytes
        from pg_tables where schemaname = 'public'`;
      return Number((await asOwner(postgres, database, sum))[0]?.['bytes']);
    },
    close: async () => {
      for (const program of [...workers.values(), ...receivers.values()]) program.send('SIGTERM');
      await client.connection.close();
      await place.clear();
      await balancer.close();
      await simulator.close();
      await postgres.remove();
    },
  };
}
