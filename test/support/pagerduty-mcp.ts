import { execFileSync } from 'node:child_process';

/** How PagerDuty's own MCP server is started; `undefined` where it is not installed. */
export function pagerDutyServer(): string | undefined {
  const command = process.env['ONCALL_PAGERDUTY_MCP'] ?? 'pagerduty-mcp';
  try {
    execFileSync(command, ['--help'], { stdio: 'ignore' });
    return command;
  } catch {
    return undefined;
  }
}

/** Why a test that needs it is skipped. */
export const noPagerDutyServer =
  'PagerDuty’s MCP server is not installed; it needs Python 3.12, which pyenv has: pip install -r test/clients/pagerduty-mcp.txt, and name its command in ONCALL_PAGERDUTY_MCP.';
