import { Client, Connection } from '@temporalio/client';
import { inject } from 'vitest';
import { type AgentIdentity, readAgent } from '../../client/identity.ts';
import { type LocalAgents, localWorld, simulatorSecrets } from '../../client/local-world.ts';
import { freePorts } from '../../client/ports.ts';
import { claimNamespace } from '../support/namespaces.ts';
import { historiesOf } from '../support/places.ts';
import { built, type Place, type Program } from '../support/processes.ts';

/** A Temporal server that runs as `oncall temporal` starts it. */
export interface Server {
  readonly address: string;
  readonly port: number;
  readonly uiPort: number;
  readonly program: Program;
}

/** Starts a Temporal server as shipped; with a database in a file it can be started again, on the same ports. */
export async function startServer(
  place: Place,
  { db, ports }: { readonly db?: string; readonly ports?: Pick<Server, 'port' | 'uiPort'> } = {},
): Promise<Server> {
  const [port = 0, uiPort = 0] = ports ? [ports.port, ports.uiPort] : await freePorts(2);
  const named = [
    '--port',
    String(port),
    '--ui-port',
    String(uiPort),
    ...(db === undefined ? [] : ['--db', db]),
  ];
  const program = place.oncall(['temporal', ...named, '--exit-with-parent']);
  await program.line(/^listening on /);
  return { address: `127.0.0.1:${port}`, port, uiPort, program };
}

/** An incident as the simulator's control endpoint shows it. */
export interface SimulatedIncident {
  readonly id: string;
  readonly status: string;
  readonly notes: readonly { readonly content: string }[];
  readonly log_entries: readonly { readonly type: string }[];
  readonly assignments: readonly { readonly assignee: { readonly id: string } }[];
  readonly acknowledgements: readonly unknown[];
  readonly escalation_policy: { readonly id: string };
}

/** A request as the simulator saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly operation: string | null;
  readonly status: number | null;
  readonly body: unknown;
  readonly fault?: string;
}

/** A namespace of the server that all worlds share or of one of its own, a simulator and a configuration of its own; Workers come and go. */
export interface World {
  readonly simulatorUrl: string;
  /** What names server and namespace to a process. */
  readonly temporal: { readonly TEMPORAL_ADDRESS: string; readonly TEMPORAL_NAMESPACE: string };
  readonly client: Client;
  readonly agent: (name: string) => AgentIdentity;
  readonly keyFileOf: (name: string) => string;
  /** Starts a Worker, with more in its environment where given, and waits until it works. */
  readonly startWorker: (more?: Readonly<Record<string, string>>) => Promise<Program>;
  /** Opens an incident by an event, as a monitoring tool would; gives its id. */
  readonly trigger: (summary?: string) => Promise<string>;
  /** What a person does over REST with the account's key. */
  readonly asPerson: (method: string, path: string, body: unknown) => Promise<unknown>;
  readonly incident: (id: string) => Promise<SimulatedIncident>;
  /** Ids of the users who are on call for an escalation policy now. */
  readonly onCall: (policy: string) => Promise<readonly string[]>;
  readonly requests: () => Promise<readonly SeenRequest[]>;
  /** The next such request is refused by PagerDuty's limit, for a second. */
  readonly refuseNext: (operation: 'createIncidentNote') => Promise<void>;
  /** The answer to the next such request comes ten minutes late; what it does is done at once. */
  readonly delayNext: (operation: 'createIncidentNote' | 'updateIncident') => Promise<void>;
  /** The answer to the next such request comes when `release` is called; what it does is done at once. */
  readonly holdNext: (operation: 'createIncidentNote' | 'updateIncident') => Promise<void>;
  /** Lets all held answers go; gives how many there were. */
  readonly release: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** Starts a world in a place, on a server of its own where one is given. `close` ends our own connection; the processes end with the place. */
export async function startWorld(place: Place, agents: LocalAgents, own?: Server): Promise<World> {
  const simulator = place.start(process.execPath, [
    built('simulator/main.js'),
    '--port',
    '0',
    '--exit-with-parent',
  ]);
  const url = (await simulator.line(/^listening on /)).replace('listening on ', '');
  const { configure, keyFileOf } = localWorld(place.folder, agents);
  configure(url);
  const [address, namespace] = own ? [own.address, 'default'] : [inject('temporalAddress'), claimNamespace()];
  const temporal = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  return {
    simulatorUrl: url,
    temporal,
    client,
    agent: (name) => readAgent(name, keyFileOf(name)),
    keyFileOf,
    startWorker: async (more) => {
      const env = { ...simulatorSecrets, ...temporal, LOG_LEVEL: 'warn', ...more };
      const worker = place.start(process.execPath, [built('worker/main.js')], { env });
      await worker.line(new RegExp(`^working on main in namespace ${namespace}$`));
      return worker;
    },
    asPerson: (method, path, body) => call(url, method, path, body, 'ada@example.com'),
    trigger: async (summary = 'p99 latency above 2 s on checkout') => {
      const key = `e2e-${Math.random()}`;
      await call(url, 'POST', '/v2/enqueue', {
        routing_key: simulatorSecrets.CHECKOUT_ROUTING_KEY,
        event_action: 'trigger',
        dedup_key: key,
        payload: { summary, source: 'e2e', severity: 'critical' },
      });
      const found = (await call(url, 'GET', `/incidents?incident_key=${key}`)) as {
        incidents: [{ id: string }];
      };
      return found.incidents[0].id;
    },
    incident: async (id) => {
      const found = (await call(url, 'GET', `/_simulator/incidents/${id}`)) as {
        incident: SimulatedIncident;
      };
      return found.incident;
    },
    onCall: async (policy) => {
      const found = (await call(url, 'GET', `/oncalls?escalation_policy_ids[]=${policy}`)) as {
        oncalls: readonly { user: { id: string } }[];
      };
      return found.oncalls.map(({ user }) => user.id);
    },
    requests: async () => {
      const seen = (await call(url, 'GET', '/_simulator/requests')) as { requests: readonly SeenRequest[] };
      return seen.requests;
    },
    refuseNext: async (operation) => {
      await call(url, 'POST', '/_simulator/faults', { operation, kind: 'rate_limited', times: 1 });
    },
    delayNext: async (operation) => {
      await call(url, 'POST', '/_simulator/faults', {
        operation,
        kind: 'delay',
        delay_ms: 600_000,
        times: 1,
      });
    },
    holdNext: async (operation) => {
      await call(url, 'POST', '/_simulator/faults', { operation, kind: 'hold', times: 1 });
    },
    release: async () => {
      const { released } = (await call(url, 'POST', '/_simulator/release')) as { released: number };
      return released;
    },
    close: async () => {
      place.search(await historiesOf(client, []));
      await connection.close();
    },
  };
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
      authorization: `Token token=${simulatorSecrets.PAGERDUTY_API_TOKEN}`,
      'content-type': 'application/json',
      ...(from !== undefined && { from }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}
