import type { Command } from 'commander';
import type { ExitCode } from './errors.ts';
import { outputOf } from './output.ts';

type End = (code: Promise<ExitCode>) => Promise<void>;

/** What says how the runner itself is: to who asks, and to who is on call. */
export function addHealthCommands(program: Command, end: End): void {
  program
    .command('doctor')
    .description(
      'what is wrong with installation, server, store, accounts and feed, each in a line with its mend',
    )
    .option('--fix', 'mend what is ours to mend; nothing is ever written to PagerDuty')
    .option('--yes', 'with --fix: do not ask before Schedules are changed')
    .option('--receiver <url>', 'where our receiver answers', 'http://127.0.0.1:8090')
    .option('--no-receiver', 'the receiver cannot be reached from here')
    .option('--least-free <size>', 'how much of the disk must be free', '1GB')
    .option('--json', 'print what was found as JSON')
    .action(async (options) =>
      end((await import('./commands/doctor.ts')).doctor(options, outputOf(options.json))),
    );
  program
    .command('watchdog')
    .description(
      'tell people over PagerDuty when Temporal, Worker, store or receiver are away, and when they are back',
    )
    .option('--once', 'look, tell where it is time to, and end: for cron or a systemd timer')
    .option('--every <span>', 'how long to wait between two looks', '10s')
    .option('--away-after <span>', 'how long something is away before people are told', '30s')
    .option('--back-after <span>', 'how long all is there before the alert is resolved', '30s')
    .option('--receiver <url>', 'where our receiver answers', 'http://127.0.0.1:8090')
    .option('--no-receiver', 'there is no receiver to watch')
    .option('--json', 'print what was seen as JSON')
    .action(async (options) =>
      end((await import('./commands/watchdog.ts')).watchdog(options, outputOf(options.json))),
    );
  const builds = program
    .command('builds')
    .description('the builds of the runner: on which new runs begin, and whose Workers may end')
    .option('--json', 'print them as JSON')
    .action(async (options) =>
      end((await import('./commands/builds.ts')).listBuilds(outputOf(options.json))),
    );
  builds
    .command('use')
    .description('have new runs begin on a build; those that began on another end there')
    .argument('<build>', 'TEMPORAL_WORKER_BUILD_ID of Workers that run')
    .option('--json', 'print what was set as JSON')
    .action(async (build: string, _options, command: Command) =>
      end(
        (await import('./commands/builds.ts')).useBuildNow(
          build,
          outputOf(command.optsWithGlobals<{ json?: boolean }>().json === true),
        ),
      ),
    );
}
