import { execFileSync } from 'node:child_process';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { seedIds } from '../../simulator/seed-data.ts';

/**
 * Starts PagerDuty's own MCP server, which may write, and connects to it; gives `undefined` where it is not installed.
 * @param url where it finds PagerDuty.
 * @param env what it needs besides.
 */
export async function connectPagerDutyServer(
  url: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Client | undefined> {
  const command = process.env['ONCALL_PAGERDUTY_MCP'] ?? 'pagerduty-mcp';
  try {
    execFileSync(command, ['--help'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const client = new Client({ name: 'test', version: '0.0.0' });
  await client.connect(
    new StdioClientTransport({
      command,
      args: ['--enable-write-tools'],
      env: {
        PATH: process.env['PATH'] ?? '',
        PAGERDUTY_USER_API_KEY: seedIds.keys.user,
        PAGERDUTY_API_HOST: url,
        ...env,
      },
      stderr: 'ignore',
    }),
  );
  return client;
}

/** Why a test that needs it is skipped. */
export const noPagerDutyServer =
  'PagerDuty’s MCP server is not installed; it needs Python 3.12, which pyenv has: pip install -r test/clients/pagerduty-mcp.txt, and name its command in ONCALL_PAGERDUTY_MCP.';
