import type { Command } from 'commander';
import type { ExitCode } from './errors.ts';
import { outputOf } from './output.ts';

type End = (code: Promise<ExitCode>) => Promise<void>;

const named = 'a whole Workflow Id; or the id or number of an incident that has one run';

/** What people use on runs: what there is, what each waits for, and how to stop, pause and take over. */
export function addRunCommands(program: Command, end: End): void {
  program
    .command('runs')
    .description('the runs, those under way first, and until when they know what happened')
    .option('--agent <name>', 'of this agent')
    .option('--account <name>', 'of this account')
    .option('--incident <id>', 'about this incident')
    .option('--outcome <word>', 'that ended so: done, partly, nothing_to_do, denied, approval_refused, …')
    .option('--waiting [what]', 'that wait for something, or for this: approval, the conclusion, …')
    .option('--limit <n>', 'so many', '20')
    .option('--json', 'print them as JSON')
    .action(async (options) =>
      end((await import('./commands/runs.ts')).runs(options, outputOf(options.json))),
    );
  program
    .command('show')
    .description('one run: what it waits for, until when, its story, and what came of it')
    .argument('<id>', named)
    .option('--json', 'print it as JSON')
    .action(async (id: string, options) =>
      end((await import('./commands/show.ts')).show(id, outputOf(options.json))),
    );
  program
    .command('wait')
    .description('follow a run to its end, and end as it does')
    .argument('<id>', named)
    .option('--json', 'print its result as JSON')
    .action(async (id: string, options) =>
      end((await import('./commands/wait.ts')).wait(id, outputOf(options.json))),
    );
  program
    .command('cancel')
    .description('ask a run to end; what it holds goes back to people')
    .argument('<id>', named)
    .option('--json', 'print what was done as JSON')
    .action(async (id: string, options) =>
      end((await import('./commands/steer.ts')).cancel(id, outputOf(options.json))),
    );
  program
    .command('pause')
    .description('let a run write nothing until an operator resumes it; a lease runs on')
    .argument('<id>', named)
    .option('--reason <text>', 'why, for whoever finds it paused')
    .option('--json', 'print what was done as JSON')
    .action(async (id: string, options) =>
      end((await import('./commands/steer.ts')).pause(id, options, outputOf(options.json))),
    );
  program
    .command('resume')
    .description('end a pause, as the operator of ONCALL_OPERATOR')
    .argument('<id>', named)
    .option('--json', 'print what was done as JSON')
    .action(async (id: string, options) =>
      end((await import('./commands/steer.ts')).resume(id, outputOf(options.json))),
    );
  program
    .command('take-over')
    .description('the incident is yours: the run stops writing and gives back what it holds')
    .argument('<id>', named)
    .option('--json', 'print what was done as JSON')
    .action(async (id: string, options) =>
      end((await import('./commands/steer.ts')).takeOver(id, outputOf(options.json))),
    );
  program
    .command('why')
    .description('who did what to an incident, and why: our record, PagerDuty’s log and notes, and the runs')
    .argument('<incident>', 'its id or its number')
    .option('--account <name>', 'the account, as the configuration names it', 'main')
    .option('--all', 'our looks too')
    .option('--json', 'print it as JSON')
    .action(async (incident: string, options) =>
      end((await import('./commands/why.ts')).why(incident, options, outputOf(options.json))),
    );
}
