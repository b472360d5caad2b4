import { existsSync } from 'node:fs';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { type PolicyState, policySource } from '../../gate/policy-source.ts';
import { type ClientSettings, clientSettings, temporalSettings } from '../config.ts';
import { connect } from '../connect.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import { readAgent, readIdentity } from '../identity.ts';
import { deskOf } from '../mcp/desk.ts';
import { openFrontDoor } from '../mcp/front-door.ts';
import { serverFor } from '../mcp/server.ts';
import { inStore } from '../store.ts';
import { version } from '../version.ts';
import { checkAgent } from './run.ts';

export interface McpOptions {
  readonly account: string;
  /** Port of 127.0.0.1; over stdio where left out. */
  readonly http?: string;
  readonly allowHost?: readonly string[];
}

/** `oncall mcp`: the MCP server; over stdio as the agent of the environment, over HTTP for all agents that show a token. */
export const mcp = (options: McpOptions): Promise<ExitCode> =>
  options.http === undefined ? overStdio(options) : overHttp(options.http, options);

async function overStdio({ account, allowHost }: McpOptions): Promise<ExitCode> {
  if (allowHost) throw new UsageError('--allow-host goes with --http.');
  const settings = clientSettings();
  const agent = readAgent(settings.agent, settings.agentKeyFile);
  checkAgent(settings, agent.name);
  const client = await connect(temporalSettings(), `agent:${agent.name}`);
  try {
    const desk = deskOf(client, account, policyBeside(settings));
    const over = ended('stdin');
    const options = { version, callerOf: () => desk.callerOf(agent), told: tell };
    const handle = serveStdio(() => serverFor(options), { onerror: tell });
    await over;
    await handle.close();
    // What was handed to the agent goes back to people now, not in a minute.
    await desk[Symbol.asyncDispose]();
  } finally {
    await client.connection.close();
  }
  return exitCodes.done;
}

async function overHttp(written: string, { account, allowHost: hosts = [] }: McpOptions): Promise<ExitCode> {
  const port = Number(written);
  if (!/^\d{1,5}$/.test(written) || port > 65_535)
    throw new UsageError(`--http takes a port, 0 for a free one; not ${written}.`);
  const settings = clientSettings();
  const door = readIdentity('front door', settings.frontDoor, settings.frontDoorKeyFile);
  const client = await connect(temporalSettings(), `front-door:${door.name}`);
  try {
    await inStore(settings, async (store) => {
      const policy = policyBeside(settings);
      const over = ended('signal');
      const open = await openFrontDoor({
        version,
        door,
        client,
        store,
        account,
        policy,
        port,
        hosts,
        told: tell,
      });
      process.stdout.write(`listening on ${open.url}\n`);
      await over;
      await open.close();
    });
  } finally {
    await client.connection.close();
  }
  return exitCodes.done;
}

/** A client need not hold the configuration: the Worker does. */
const policyBeside = ({ configFile }: ClientSettings): (() => PolicyState) | undefined =>
  existsSync(configFile) ? policySource(configFile) : undefined;

/** Settles once this is to end: by a signal, or because whoever speaks over stdin has gone. */
const ended = (by: 'stdin' | 'signal'): Promise<void> =>
  new Promise((resolve) => {
    if (by === 'stdin') process.stdin.once('end', resolve).once('close', resolve);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });

/** What goes wrong here is for whoever runs the server; stdout is the protocol's. */
const tell = (error: unknown): void =>
  void process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
