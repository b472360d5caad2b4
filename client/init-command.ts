import type { Command } from 'commander';
import type { ExitCode } from './errors.ts';
import { outputOf } from './output.ts';

type End = (code: Promise<ExitCode>) => Promise<void>;

/** The way to a real account. */
export function addInitCommand(program: Command, end: End): void {
  program
    .command('init')
    .description(
      'a first configuration for a real account, and what the last week would have been with it; PagerDuty is only read',
    )
    .option('--token <ref>', 'where a read-only PagerDuty key lies: env:NAME or file:PATH')
    .option('--region <name>', 'of the account: us or eu; us where nobody is asked')
    .option('--rest-url <url>', 'of a PagerDuty that stands elsewhere, such as the simulator')
    .option('--events-url <url>', 'its Events API; --rest-url where left out')
    .option('--services <names...>', 'services whose incidents the agent may read and write notes on')
    .option('--teams <names...>', 'teams whose incidents it may')
    .option('--policies <names...>', 'escalation policies: of the services that they page for')
    .option('--all-services', 'the incidents of all services')
    .option('--from <address>', 'the PagerDuty user whom its notes are from, on no schedule and no policy')
    .option('--agent <name>', 'what the first agent is called', 'triage-bot')
    .option('--key-file <file>', "where the agent's private key goes; below ONCALL_HOME where left out")
    .option('--list', 'print the names of services, teams and escalation policies, and write nothing')
    .option('--no-replay', 'leave out the look back at the last week')
    .option('--json', 'print what was written and seen as JSON')
    .action(async (options) =>
      end((await import('./commands/init.ts')).init(options, outputOf(options.json))),
    );
}
