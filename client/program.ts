import { Command, CommanderError } from 'commander';
import { useConfig, wantsStack } from './config.ts';
import { exitCodes, OncallError } from './errors.ts';
import { addExamples } from './examples.ts';
import { addHealthCommands } from './health-commands.ts';
import { addInitCommand } from './init-command.ts';
import { programs } from './local.ts';
import { addOperatorCommands } from './operator-commands.ts';
import { outputOf } from './output.ts';
import { runThrough } from './processes.ts';
import { addRunCommands } from './run-commands.ts';
import { traceProcess } from './tracing.ts';
import { version } from './version.ts';

type End = (code: number | Promise<number>) => Promise<void>;

/** One call of the command line: says on stdout and stderr what there is to say, and gives the exit code. */
export async function oncall(words: readonly string[]): Promise<number> {
  let code: number = exitCodes.done;
  const end: End = async (ended) => {
    code = await ended;
  };
  const tracing = await traceProcess();
  try {
    await programOf(end).parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    return tell(error);
  } finally {
    await tracing?.close();
  }
}

/** Every command there is, each with its examples. */
export function programOf(end: End): Command {
  const program = emptyProgram();
  addLocalCommands(program, end);
  addCodecCommands(program, end);
  addInitCommand(program, end);
  addAgentCommands(program, end);
  addAuditCommands(program, end);
  addOperatorCommands(program, end);
  addHealthCommands(program, end);
  addRunCommands(program, end);
  addExamples(program);
  return program;
}

// Each command is loaded when it is called: Temporal's client alone takes a third of a second.
function emptyProgram(): Command {
  return new Command('oncall')
    .description('Durable, permissioned on-call automation for PagerDuty.')
    .version(version)
    .option('--config <file>', 'the configuration, instead of ONCALL_CONFIG or oncall.yaml')
    .hook('preAction', (command) => {
      const { config } = command.opts<{ config?: string }>();
      if (config !== undefined) useConfig(config);
    })
    .showSuggestionAfterError()
    .showHelpAfterError('oncall --help, also behind a command, tells what there is.')
    .exitOverride();
}

/** The parts, and all of them at once on this machine. */
function addLocalCommands(program: Command, end: End): void {
  program
    .command('demo')
    .description('an incident from triggered to resolved on this machine, start to end')
    .option('--keep', 'keep everything running afterwards, until Ctrl-C')
    .action(async (options: { keep?: boolean }) => end((await import('./commands/demo.ts')).demo(options)));

  program
    .command('dev')
    .description('Temporal server, simulator, Worker and webhook receiver, kept running for development')
    .option('--port <n>', 'port of the Temporal server', '7233')
    .option('--ui-port <n>', 'port of the Temporal UI', '8233')
    .option('--simulator-port <n>', 'port of the simulator', '8080')
    .option('--webhooks-port <n>', 'port of the webhook receiver', '8090')
    .option('--json', 'print the addresses as JSON')
    .action(async (options) => end((await import('./commands/dev.ts')).dev(options, outputOf(options.json))));

  program
    .command('temporal')
    .description('a local Temporal server, found or installed')
    .option('--port <n>', 'port of the server', '7233')
    .option('--ui-port <n>', 'port of its UI; 1000 above --port where left out')
    .option('--db <file>', 'keep its state in this file; in memory where left out')
    .option('--exit-with-parent', 'end when stdin ends')
    .option('--json', 'print the addresses as JSON')
    .action(async (options) =>
      end((await import('./commands/temporal.ts')).temporal(options, outputOf(options.json))),
    );

  program
    .command('simulator')
    .description('a PagerDuty to develop and test against')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action((_, command: Command) =>
      end(runThrough(process.execPath, [programs.simulator, ...command.args])),
    );

  program
    .command('worker')
    .description('a Worker for the accounts of the configuration')
    .action(() => end(runThrough(process.execPath, [programs.worker])));

  program
    .command('webhooks')
    .description("the receiver of PagerDuty's webhooks, for the accounts of the configuration")
    .option('--port <n>', 'port to listen on', '8090')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--exit-with-parent', 'end when stdin ends')
    .option('--json', 'print the addresses as JSON')
    .action(async (options) =>
      end((await import('./commands/webhooks.ts')).webhooks(options, outputOf(options.json))),
    );
}

/** What lets people read in the Temporal UI what is encrypted. */
function addCodecCommands(program: Command, end: End): void {
  const load = () => import('./commands/codec.ts');
  program
    .command('codec')
    .description('the codec server: lets signed-in operators read encrypted runs in the Temporal UI')
    .option('--port <n>', 'port to listen on', '8071')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--url <url>', 'by which address browsers reach it, where a proxy stands before it')
    .option('--ui <urls...>', 'where the Temporal UI is; ONCALL_TEMPORAL_UI or port 8233 of this machine')
    .option('--exit-with-parent', 'end when stdin ends')
    .option('--json', 'print the address as JSON')
    .action(async (options) => end((await load()).codec(options, outputOf(options.json))))
    .command('sign-in')
    .description('a link that signs a browser in as the operator of ONCALL_OPERATOR, for eight hours')
    .option('--url <url>', 'the address of the codec server', 'http://127.0.0.1:8071')
    .option('--json', 'print it as JSON')
    .action(async (_options, command: Command) => {
      const { url = 'http://127.0.0.1:8071', json } = command.optsWithGlobals();
      await end((await load()).signIn({ url }, outputOf(json)));
    });
}

/** What agents do. */
function addAgentCommands(program: Command, end: End): void {
  program
    .command('run')
    .description('start a Workflow as the agent of ONCALL_AGENT, follow it and print its result')
    .argument('<workflow>')
    .requiredOption('--input <json|@file>', 'the input, as JSON or from a file')
    .option('--detach', 'print the ids of the run and let it go on')
    .option('--key <key>', 'idempotency key of a one-off run: the same key joins the same run')
    .option('--plan', 'of a Workflow that writes many things: print what it would write, and write nothing')
    .option(
      '--apply <hash>',
      'carry out the plan of this hash: exactly that, or nothing where something has changed',
    )
    .option('-y, --yes', 'do not ask before people are paged, at a terminal')
    .option('--json', 'print the result as JSON')
    .action(async (workflow: string, options) =>
      end((await import('./commands/run.ts')).run(workflow, options, outputOf(options.json))),
    );

  program
    .command('call')
    .description('one operation of PagerDuty, through the gate, as the agent of ONCALL_AGENT')
    .argument('<operation>', "PagerDuty's operationId, such as listIncidents; docs/operations.md lists them")
    .option('--input <json|@file>', 'params, query and body, as JSON or from a file', '{}')
    .option('--account <name>', 'the account, as the configuration names it', 'main')
    .option('--all', 'walk the list to its end')
    .option('--reason <text>', 'why, for people who read the run')
    .option('--key <key>', 'idempotency key: the same key joins the same run')
    .option('-y, --yes', 'do not ask before people are paged, at a terminal')
    .option('--json', 'print the result as JSON')
    .action(async (operation: string, options) =>
      end((await import('./commands/call.ts')).call(operation, options, outputOf(options.json))),
    );
  program
    .command('mcp')
    .description('the MCP server: over stdio as the agent of ONCALL_AGENT, over HTTP for agents with a token')
    .option('--http <port>', 'on this port of 127.0.0.1, as the front door of ONCALL_FRONT_DOOR')
    .option('--allow-host <names...>', 'with --http: names by which a proxy calls it')
    .option('--account <name>', 'the account, as the configuration names it', 'main')
    .action(async (options) => end((await import('./commands/mcp.ts')).mcp(options)));
}

/** The record of it. */
function addAuditCommands(program: Command, end: End): void {
  const audit = program
    .command('audit')
    .description('what was decided, and what came of it')
    .addHelpText('after', '\nWithout a command it lists; `oncall audit list --help` shows by what.');
  audit
    .command('list', { isDefault: true })
    .description("what was decided, and what came of it; the runner's own looking only with --agent runner")
    .option('--agent <name>', 'of this agent')
    .option('--action <action>', 'an action, or a resource for all of its actions')
    .option(
      '--decision <word>',
      'allowed, denied, approval_needed, changed, undecided, asked; or an outcome: done, refused, unknown, found, lost',
    )
    .option('--since <time>', 'a time, or an age such as 30m')
    .option('--run <id>', 'of this run')
    .option('--incident <id>', 'of this incident')
    .option('--limit <n>', 'the newest N', '50')
    .option('--json', 'print the records as JSON')
    .action(async (options) =>
      end((await import('./commands/audit.ts')).audit(options, outputOf(options.json))),
    );

  audit
    .command('verify')
    .description('is the record whole? Walks the chain and compares it with the runs and the signed heads')
    .option('--head <file>', 'the signed heads; heads.jsonl in ONCALL_HOME where left out')
    .option('--public-key <key>', 'who signs the heads: the public key, or a file that holds it')
    .option('--no-histories', "leave out the histories of Temporal's server")
    .option('--json', 'print the report as JSON')
    .action(async (options) =>
      end((await import('./commands/audit-verify.ts')).verify(options, outputOf(options.json))),
    );
  audit
    .command('export')
    .description('every record as a line of JSON, oldest first')
    .option('--since <time>', 'a time, or an age such as 30m')
    .option('--after <seq>', 'only what comes after this record')
    .action(async (options) =>
      end((await import('./commands/audit-export.ts')).exportAudit(options, process.stdout)),
    );
  audit
    .command('sign-head')
    .description('sign where the record ends now, with a key that the database user lacks')
    .requiredOption('--key-file <file>', 'an Ed25519 private key in PEM')
    .option('--head <file>', 'where the line goes; heads.jsonl in ONCALL_HOME where left out')
    .option('--json', 'print the signed head as JSON')
    .action(async (options) =>
      end((await import('./commands/audit-sign-head.ts')).signAuditHead(options, outputOf(options.json))),
    );
}

/** Says what went wrong, and gives the exit code for it. */
function tell(error: unknown): number {
  if (error instanceof OncallError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  // Commander has said it already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  // Nobody foresaw this one. The stack is for those who ask for it.
  const words = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Something failed that should not: ${words}\n`);
  if (wantsStack()) process.stderr.write(`${error instanceof Error ? error.stack : ''}\n`);
  else process.stderr.write('LOG_LEVEL=debug shows where.\n');
  return exitCodes.failed;
}
