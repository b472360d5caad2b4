import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { clientSettings } from '../client/config.ts';
import { connectionTo } from '../client/connect.ts';
import { type AgentIdentity, readAgent } from '../client/identity.ts';
import { startTemporal } from '../client/local-temporal.ts';
import { type LocalAgents, localWorld, simulatorSecrets } from '../client/local-world.ts';
import { freePorts } from '../client/ports.ts';
import { startPart } from '../client/processes.ts';
import { checkout } from './page.ts';

/** One request as a simulator logged it. */
export interface Logged {
  /** By the clock of this machine, milliseconds since 1970. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly status: number | null;
  readonly request_id: string;
}

/** A PagerDuty as a process of its own. */
export interface SimulatorPart {
  readonly url: string;
  /** What clients must trust; empty where it speaks plain HTTP. */
  readonly certificate: string;
  readonly log: () => Promise<readonly Logged[]>;
  /** Opens incidents of high urgency and gives their ids. */
  readonly open: (count: number) => Promise<readonly string[]>;
  readonly stop: () => Promise<void>;
}

/** Starts a simulator. One that speaks https is asked by plain HTTP of nobody: this process trusts it for its control endpoints. */
export async function startSimulatorPart(flags: readonly string[]): Promise<SimulatorPart> {
  const lines: string[] = [];
  const part = await startPart({
    name: 'simulator',
    command: process.execPath,
    args: [join(checkout, 'dist', 'simulator', 'main.js'), '--port', '0', ...flags, '--exit-with-parent'],
    readyWhen: /^listening on /,
    log: (line) => lines.push(line),
  });
  const url = part.line.replace('listening on ', '');
  if (flags.includes('--tls')) while (!lines.some((line) => line.includes('END CERT'))) await sleep(10);
  const certificate = `${lines.filter((line) => !line.startsWith('listening')).join('\n')}\n`;
  const ask = asking(url, certificate);
  return {
    url,
    certificate,
    log: async () => {
      const { now } = (await ask('GET', '/_simulator/clock')) as { now: string };
      const off = Date.now() - Date.parse(now);
      const { requests } = (await ask('GET', '/_simulator/requests')) as {
        requests: readonly (Omit<Logged, 'at'> & { readonly at: string })[];
      };
      return requests.map((request) => ({ ...request, at: Date.parse(request.at) + off }));
    },
    open: async (count) => {
      const payload = { summary: 'p99 latency above 2 s on checkout', source: 'bench', severity: 'critical' };
      for (let index = 0; index < count; index += 1)
        await ask('POST', '/v2/enqueue', {
          routing_key: simulatorSecrets.CHECKOUT_ROUTING_KEY,
          event_action: 'trigger',
          dedup_key: `bench-${index}`,
          payload,
        });
      const { incidents } = (await ask('GET', '/_simulator/state')) as { incidents: { id: string }[] };
      return incidents.slice(-count).map(({ id }) => id);
    },
    stop: part.stop,
  };
}

/** Asks a simulator, over https as well. */
function asking(url: string, ca: string): (method: string, path: string, body?: unknown) => Promise<unknown> {
  return async (method, path, body) => {
    const { request } = url.startsWith('https') ? await import('node:https') : await import('node:http');
    return new Promise((resolve, reject) => {
      const sent = request(`${url}${path}`, { method, ...(ca.length > 1 && { ca }) }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => resolve(text === '' ? undefined : JSON.parse(text)));
      });
      sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  };
}

/** A Temporal server, a Worker as a process, and a simulator of its own. */
export interface Stand {
  readonly client: Client;
  readonly simulator: SimulatorPart;
  readonly home: string;
  readonly agent: (name: string) => AgentIdentity;
  readonly stop: () => Promise<void>;
}

interface StandOptions {
  readonly agents: LocalAgents;
  /** Before the Worker starts. */
  readonly prepare?: (client: Client) => Promise<void>;
}

/** A stand whose simulator runs already, in whatever process; it is stopped with the others. */
type OnOwn = StandOptions & { readonly simulator: Pick<SimulatorPart, 'url' | 'stop'> };
/** A stand whose simulator is a process of its own, started with these flags. */
type Started = StandOptions & { readonly flags: readonly string[] };

/** Sets one up. The server has the settings that we recommend, and keeps nothing on disk. */
export function setStand(options: OnOwn): Promise<Omit<Stand, 'simulator'>>;
export function setStand(options: Started): Promise<Stand>;
export async function setStand({
  agents,
  prepare = async () => {},
  ...rest
}: OnOwn | Started): Promise<Omit<Stand, 'simulator'> & { readonly simulator: object }> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-bench-'));
  const home = join(folder, 'home');
  mkdirSync(home);
  const parts: Pick<SimulatorPart, 'stop'>[] = [];
  const [port = 0, uiPort = 0] = await freePorts(2);
  const server = await startTemporal(clientSettings(), { port, uiPort }, () => {});
  const connection = await connectionTo({ address: server.address }, 10_000);
  const stop = async (): Promise<void> => {
    for (const part of parts.toReversed()) await part.stop();
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const client = new Client({ connection });
    const simulator = 'flags' in rest ? await startSimulatorPart(rest.flags) : rest.simulator;
    parts.push(simulator);
    const { configure, configFile, keyFileOf } = localWorld(folder, agents);
    configure(simulator.url);
    await prepare(client);
    parts.push(
      await startPart({
        name: 'Worker',
        command: process.execPath,
        args: [join(checkout, 'dist', 'worker', 'main.js'), '--exit-with-parent'],
        env: {
          ...simulatorSecrets,
          LOG_LEVEL: 'error',
          TEMPORAL_ADDRESS: server.address,
          ONCALL_HOME: home,
          ONCALL_CONFIG: configFile,
        },
        readyWhen: /^working on /,
      }),
    );
    return { client, simulator, home, agent: (name) => readAgent(name, keyFileOf(name)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The most of these instants, in milliseconds, that lie in any minute. */
export function mostInAMinute(instants: readonly number[]): number {
  const sorted = instants.toSorted((a, b) => a - b);
  let [most, from] = [0, 0];
  for (const [index, at] of sorted.entries()) {
    while ((sorted[from] ?? 0) <= at - 60_000) from += 1;
    most = Math.max(most, index - from + 1);
  }
  return most;
}
