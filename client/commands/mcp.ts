import { existsSync } from 'node:fs';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { policySource } from '../../gate/policy-source.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { connect } from '../connect.ts';
import { type ExitCode, exitCodes } from '../errors.ts';
import { readAgent } from '../identity.ts';
import { deskOf } from '../mcp/desk.ts';
import { serverFor } from '../mcp/server.ts';
import { version } from '../version.ts';
import { checkAgent } from './run.ts';

export interface McpOptions {
  readonly account: string;
}

/** `oncall mcp`: the MCP server over stdio, as the agent of the environment, until stdin ends. */
export async function mcp({ account }: McpOptions): Promise<ExitCode> {
  const settings = clientSettings();
  const agent = readAgent(settings.agent, settings.agentKeyFile);
  checkAgent(settings, agent.name);
  const client = await connect(temporalSettings(), `agent:${agent.name}`);
  try {
    // A client need not hold the configuration: the Worker does.
    const policy = existsSync(settings.configFile) ? policySource(settings.configFile) : undefined;
    const desk = deskOf(client, account, policy);
    const over = new Promise<void>((resolve) => {
      process.stdin.once('end', resolve).once('close', resolve);
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    });
    const handle = serveStdio(() => serverFor(version, () => desk.callerOf(agent), tell), { onerror: tell });
    await over;
    await handle.close();
    // What was handed to the agent goes back to people now, not in a minute.
    await desk[Symbol.asyncDispose]();
  } finally {
    await client.connection.close();
  }
  return exitCodes.done;
}

/** What goes wrong here is for whoever runs the server; stdout is the protocol's. */
const tell = (error: unknown): void =>
  void process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
