import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../client/config.ts';
import { type AgentIdentity, type Oncall, openOncall, readAgent } from '../client/index.ts';
import { startLocal } from '../client/local.ts';
import { type LocalAgents, localWorld, simulatorSecrets } from '../client/local-world.ts';
import { freePorts } from '../client/ports.ts';

/** An incident as the simulator has it. */
export interface SimulatedIncident {
  readonly id: string;
  readonly incident_number: number;
  readonly status: string;
  readonly notes: readonly { readonly content: string }[];
  readonly acknowledgements: readonly { readonly acknowledger: { readonly summary: string } }[];
  /** What happened to it, by PagerDuty's types, such as `acknowledge_log_entry`. */
  readonly log_entries: readonly { readonly type: string }[];
}

/** What a command of the command line ended with. */
export interface Ended {
  readonly code: number;
  /** What `--json` printed. */
  readonly value: unknown;
}

/** A stage for a story: a Temporal server, a simulated PagerDuty whose webhooks flow, and a Worker, on this machine. */
export interface Stage {
  /** oncall-runner, as one of the agents. */
  readonly as: (agent: string) => Promise<Oncall>;
  readonly identityOf: (agent: string) => AgentIdentity;
  readonly temporal: { readonly connectionOptions: { readonly address: string } };
  /** Runs a command of the command line: `oncall ARGS --json`, as an agent, and as an operator once there is one. */
  readonly oncall: (args: readonly string[], agent?: string) => Promise<Ended>;
  readonly configFile: string;
  /** How an MCP client starts the server of an agent. */
  readonly mcpServer: (agent: string) => {
    readonly command: string;
    readonly args: string[];
    readonly env: Record<string, string>;
  };
  /** Sends an event as a monitoring tool would; gives the id of the incident that it opens. */
  readonly alert: (summary: string) => Promise<string>;
  readonly incident: (id: string) => Promise<SimulatedIncident>;
  /** Waits until something holds of an incident. */
  readonly until: (id: string, holds: (incident: SimulatedIncident) => boolean) => Promise<SimulatedIncident>;
  /** What a person does over PagerDuty's REST API. */
  readonly asPerson: (method: string, path: string, body: object) => Promise<void>;
}

/** Plays a story on a stage, and takes the stage down afterwards; a story that throws makes the program exit with 1. */
export async function play(agents: LocalAgents, story: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-example-'));
  const world = localWorld(folder, agents);
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  const [webhooksPort = 0] = await freePorts(1);
  const local = await startLocal(
    { home: folder, configFile: world.configFile, secrets: simulatorSecrets, webhooksPort, log: () => {} },
    world.configure,
    stopping.signal,
  );
  const temporal = { connectionOptions: { address: local.temporalAddress } };
  const opened: Oncall[] = [];
  const operator: Record<string, string> = {};
  const commands = {
    TEMPORAL_ADDRESS: local.temporalAddress,
    ONCALL_HOME: folder,
    ONCALL_CONFIG: world.configFile,
    DATABASE_URL: '',
  };
  const get = async (path: string): Promise<unknown> =>
    (await fetch(`${local.simulatorUrl}${path}`, { headers })).json();
  const send = async (method: string, path: string, body: object): Promise<void> => {
    const answer = await fetch(`${local.simulatorUrl}${path}`, {
      method,
      headers: { ...headers, 'content-type': 'application/json', from: 'ada@example.com' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`The simulator answered ${answer.status}: ${await answer.text()}`);
  };
  const incident: Stage['incident'] = async (id) =>
    ((await get(`/_simulator/incidents/${id}`)) as { incident: SimulatedIncident }).incident;
  try {
    await story({
      as: async (agent) => {
        const oncall = await openOncall({ agent, keyFile: world.keyFileOf(agent), temporal });
        opened.push(oncall);
        return oncall;
      },
      identityOf: (agent) => readAgent(agent, world.keyFileOf(agent)),
      temporal,
      configFile: world.configFile,
      oncall: async (args, agent) => {
        const asAgent = agent && { ONCALL_AGENT: agent, ONCALL_AGENT_KEY_FILE: world.keyFileOf(agent) };
        const env = childEnvironment({ ...commands, ...operator, ...asAgent });
        const ended = await run([cli, ...args, '--json'], env);
        if (args[0] === 'operators' && args[2] !== undefined)
          Object.assign(operator, {
            ONCALL_OPERATOR: args[2],
            ONCALL_OPERATOR_KEY_FILE: (ended.value as { keyFile: string }).keyFile,
          });
        return ended;
      },
      mcpServer: (agent) => ({
        command: process.execPath,
        args: [cli, 'mcp'],
        env: {
          TEMPORAL_ADDRESS: local.temporalAddress,
          ONCALL_CONFIG: world.configFile,
          ONCALL_AGENT: agent,
          ONCALL_AGENT_KEY_FILE: world.keyFileOf(agent),
        },
      }),
      alert: async (summary) => {
        const dedup_key = `example-${Date.now()}`;
        const payload = { summary, source: 'example', severity: 'critical' };
        await send('POST', '/v2/enqueue', {
          routing_key: simulatorSecrets.CHECKOUT_ROUTING_KEY,
          event_action: 'trigger',
          dedup_key,
          payload,
        });
        const { incidents } = (await get(`/incidents?incident_key=${dedup_key}`)) as {
          incidents: readonly { id: string }[];
        };
        return incidents[0]?.id ?? '';
      },
      incident,
      until: async (id, holds) => {
        for (;;) {
          const now = await incident(id);
          if (holds(now)) return now;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      },
      asPerson: send,
    });
  } finally {
    for (const oncall of opened) await oncall.close();
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const cli = fileURLToPath(new URL('../client/cli.js', import.meta.url));

/** Runs a program of ours to its end. What it says on the side goes to the screen. */
function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.once('error', reject).once('close', (code) => {
      try {
        resolve({ code: code ?? 1, value: text === '' ? undefined : JSON.parse(text) });
      } catch {
        reject(new Error(`oncall printed no JSON: ${text}`));
      }
    });
  });
}

const headers = {
  accept: 'application/vnd.pagerduty+json;version=2',
  authorization: `Token token=${simulatorSecrets.PAGERDUTY_API_TOKEN}`,
};

/** Grants of an agent that may respond from look to resolve. */
export const responder = `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [high, low] } }
incidents.add_note: full
incidents.resolve: full`;
