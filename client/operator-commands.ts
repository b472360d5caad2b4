import type { Command } from 'commander';
import { closest } from '../gate/closest.ts';
import { type ExitCode, UsageError } from './errors.ts';
import { outputOf } from './output.ts';

type End = (code: Promise<ExitCode>) => Promise<void>;

/** What people use: identities, kill switches, approvals, and the question what an agent may do. */
export function addOperatorCommands(program: Command, end: End): void {
  identities(program, end);
  switches(program, end);
  approvals(program, end);
  subscriptions(program, end);
  standing(program, end);
  program
    .command('console')
    .description("the gate's page: approvals, agents, audit, leases, budget and runs, on 127.0.0.1")
    .option('--port <n>', 'port to listen on', '7600')
    .option('--allow-host <names...>', 'names by which a proxy calls it')
    .option('--json', 'print address and links as JSON')
    .action(async (options) =>
      end((await import('./commands/console.ts')).openConsole(options, outputOf(options.json))),
    );
  program
    .command('can')
    .description('what the gate would say to an agent now: decision, rule, facts, and who can grant it')
    .argument('<agent>')
    .argument('<action>', 'such as incidents.resolve; docs/policy.md lists them')
    .option('--incident <id>', 'the incident it is about')
    .option('--service <id>', 'the service')
    .option('--policy <id>', 'the escalation policy')
    .option('--schedule <id>', 'the schedule')
    .option('--user <id>', 'the user')
    .option('--team <id>', 'the team')
    .option('--urgency <word>', 'of a new incident or a list: high or low')
    .option('--routing-key <name>', 'the routing key, by its name in the configuration')
    .option('--account <name>', 'the account, as the configuration names it', 'main')
    .option('--json', 'print the answer as JSON')
    .action(async (agent: string, action: string, options) =>
      end((await import('./commands/can.ts')).can(agent, action, options, outputOf(options.json))),
    );
}

function identities(program: Command, end: End): void {
  const agents = program
    .command('agents')
    .description('the agents of the configuration: their grants in short, and who is disabled')
    .option('--json', 'print them as JSON')
    .allowExcessArguments()
    .action(async (options, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) throw unknown(word, command);
      await end((await import('./commands/agents.ts')).listAgents(outputOf(options.json)));
    });
  agents
    .command('add')
    .description('make a key pair: the private half to a file, the public half into the configuration')
    .argument('<name>')
    .option('--key-file <file>', 'where the private key goes')
    .option('--json', 'print what was written as JSON')
    .action(async (name: string, options, command: Command) =>
      end((await import('./commands/agents.ts')).addAgent(name, options, outputOf(asksJson(command)))),
    );
  agents
    .command('rotate')
    .description('make a new key pair; the old key still proves what was signed before')
    .argument('<name>')
    .option('--key-file <file>', 'where the new private key goes')
    .option('--json', 'print what was written as JSON')
    .action(async (name: string, options, command: Command) =>
      end((await import('./commands/agents.ts')).rotateAgent(name, options, outputOf(asksJson(command)))),
    );
  agents
    .command('disable')
    .description('deny everything to an agent from now on, and give back what it holds')
    .argument('<name>', 'an agent; or an operator, whose word then counts no more')
    .requiredOption('--reason <text>', 'why, for whoever finds it disabled')
    .option('--json', 'print what was pressed as JSON')
    .action(async (name: string, options, command: Command) =>
      end((await import('./commands/switches.ts')).disable(name, options, outputOf(asksJson(command)))),
    );
  agents
    .command('enable')
    .description('lift what disables an agent, as the operator of ONCALL_OPERATOR')
    .argument('<name>')
    .option('--json', 'print what was lifted as JSON')
    .action(async (name: string, _options, command: Command) =>
      end((await import('./commands/switches.ts')).enable(name, outputOf(asksJson(command)))),
    );
  agents
    .command('token')
    .description('a token by which the agent comes to a front door, such as `oncall mcp --http`; shown once')
    .argument('<name>')
    .option('--expires <span>', 'how long it lives', '90d')
    .option('--json', 'print it as JSON')
    .action(async (name: string, options, command: Command) =>
      end((await import('./commands/tokens.ts')).giveToken(name, options, outputOf(asksJson(command)))),
    );
  agents
    .command('token-revoke')
    .description('revoke the tokens of an agent, at once on all machines')
    .argument('<name>')
    .option('--id <id>', 'this one alone')
    .option('--json', 'print what was revoked as JSON')
    .action(async (name: string, options, command: Command) =>
      end((await import('./commands/tokens.ts')).revokeToken(name, options, outputOf(asksJson(command)))),
    );
  // What the command above must take, to say which word is unknown, these do not.
  for (const command of agents.commands) command.allowExcessArguments(false);
  program
    .command('front-doors')
    .description(
      'the processes that sign for agents which come with a token, or for operators at the console',
    )
    .command('add')
    .description('make a key pair: the private half to a file, the public half into the configuration')
    .argument('<name>')
    .option('--speaks-for <names...>', 'the agents for which it may speak')
    .option('--speaks-for-operators <names...>', 'the operators for whom it may speak: see docs/console.md')
    .option('--key-file <file>', 'where the private key goes')
    .option('--json', 'print what was written as JSON')
    .action(async (name: string, options, command: Command) =>
      end(
        (await import('./commands/front-doors.ts')).addFrontDoor(name, options, outputOf(asksJson(command))),
      ),
    );
  program
    .command('operators')
    .description('the people who may approve')
    .command('add')
    .description('make a key pair: the private half to a file, the public half into the configuration')
    .argument('<name>')
    .option('--pagerduty-user <id>', 'who this is in PagerDuty')
    .option('--key-file <file>', 'where the private key goes')
    .option('--json', 'print what was written as JSON')
    .action(async (name: string, options) =>
      end((await import('./commands/operators.ts')).addOperator(name, options, outputOf(options.json))),
    );
}

function switches(program: Command, end: End): void {
  program
    .command('freeze')
    .description('deny every call of every agent from now on, and give back what is held')
    .option('--reason <text>', 'why, for whoever finds it frozen')
    .option('--json', 'print what was pressed as JSON')
    .action(async (options) =>
      end((await import('./commands/switches.ts')).freeze(options, outputOf(options.json))),
    );
  program
    .command('thaw')
    .description('end a freeze, as the operator of ONCALL_OPERATOR')
    .option('--json', 'print what was lifted as JSON')
    .action(async (options) => end((await import('./commands/switches.ts')).thaw(outputOf(options.json))));
}

function approvals(program: Command, end: End): void {
  program
    .command('approvals')
    .description('the steps that wait for an operator: what would be sent, and on which facts')
    .option('--run <id>', 'of this run alone')
    .option('--json', 'print them as JSON')
    .action(async (options) =>
      end((await import('./commands/approvals.ts')).approvals(options, outputOf(options.json))),
    );
  program
    .command('approve')
    .description('sign a step as the operator of ONCALL_OPERATOR; tells what the gate made of it')
    .argument('<id>', 'as `oncall approvals` shows it')
    .option('--run <id>', 'the run it is of')
    .option('--json', 'print the answer as JSON')
    .action(async (id: string, options) =>
      end((await import('./commands/approvals.ts')).approve(id, options, outputOf(options.json))),
    );
  program
    .command('deny')
    .description('refuse a step')
    .argument('<id>', 'as `oncall approvals` shows it')
    .requiredOption('--reason <text>', 'why, for the agent and for whoever reads the run')
    .option('--run <id>', 'the run it is of')
    .option('--json', 'print the answer as JSON')
    .action(async (id: string, options) =>
      end((await import('./commands/approvals.ts')).deny(id, options, outputOf(options.json))),
    );
}

function subscriptions(program: Command, end: End): void {
  const load = () => import('./commands/webhook-subscriptions.ts');
  const ofAccount = (command: Command): Command =>
    command
      .option('--account <name>', 'the account, as the configuration names it', 'main')
      .option('--json', 'print it as JSON');
  const atReceiver = (command: Command): Command =>
    ofAccount(command)
      .option('--receiver <url>', 'where our receiver answers', 'http://127.0.0.1:8090')
      .option('--wait <seconds>', 'how long a ping may take', '30');
  const all = ofAccount(program.command('webhook-subscriptions'))
    .description("PagerDuty's side of the feed, as the operator of ONCALL_OPERATOR")
    .allowExcessArguments()
    .action(async (options, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) throw unknown(word, command);
      await end((await load()).listSubscriptions(options, outputOf(options.json)));
    });
  ofAccount(all.command('create'))
    .description('subscribe the receiver; the Worker keeps the secret, which PagerDuty tells once')
    .option('--service <id>', 'for one service')
    .option('--team <id>', 'for the services of a team')
    .option('--all-services', 'for the whole account')
    .option('--events <types>', 'which events, by commas; those that runs follow where left out')
    .requiredOption(
      '--url <url>',
      'the address at which PagerDuty reaches the receiver, with /webhooks/ACCOUNT',
    )
    .option('--description <text>', 'what people see of it in PagerDuty', 'oncall-runner')
    .action(async (_options, command: Command) =>
      end((await load()).createSubscription(command.optsWithGlobals(), outputOf(asksJson(command)))),
    );
  atReceiver(all.command('ping'))
    .description('ask PagerDuty for a ping, and wait until the receiver has it')
    .argument('<id>')
    .action(async (id: string, _options, command: Command) =>
      end((await load()).pingSubscription(id, command.optsWithGlobals(), outputOf(asksJson(command)))),
    );
  atReceiver(all.command('check'))
    .description('everything that keeps events from coming in, each with its mend')
    .option('--url <url>', 'the address that should be delivered to')
    .option('--events <types>', 'the events that should be delivered')
    .option('--fix', 'enable what was switched off, and add missing events')
    .action(async (_options, command: Command) =>
      end((await load()).checkFeed(command.optsWithGlobals(), outputOf(asksJson(command)))),
    );
  atReceiver(all.command('rotate'))
    .description('a new secret, without an event lost')
    .argument('<id>')
    .action(async (id: string, _options, command: Command) =>
      end((await load()).rotate(id, command.optsWithGlobals(), outputOf(asksJson(command)))),
    );
  ofAccount(all.command('delete'))
    .description('end a subscription, and forget its secret')
    .argument('<id>')
    .action(async (id: string, _options, command: Command) =>
      end((await load()).deleteSubscription(id, command.optsWithGlobals(), outputOf(asksJson(command)))),
    );
  for (const command of all.commands) command.allowExcessArguments(false);
}

function standing(program: Command, end: End): void {
  const load = () => import('./commands/standing.ts');
  const act = () => import('./commands/standing-acts.ts');
  const inJson = (command: Command): Command => command.option('--json', 'print it as JSON');
  const all = inJson(program.command('standing'))
    .description('the standing orders: whether the server has them as written, last and next runs')
    .allowExcessArguments()
    .action(async (_options, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) throw unknown(word, command);
      await end((await load()).listStanding(outputOf(asksJson(command))));
    });
  inJson(all.command('apply'))
    .description('bring the Schedules to what the configuration says, as the operator of ONCALL_OPERATOR')
    .option('--yes', 'do not ask')
    .action(async (options, command: Command) =>
      end((await load()).applyStanding(options, outputOf(asksJson(command)))),
    );
  inJson(all.command('trigger'))
    .description('start a run now, as the operator of ONCALL_OPERATOR; never beside one that is under way')
    .argument('<order>')
    .action(async (name: string, _options, command: Command) =>
      end((await act()).triggerOrder(name, outputOf(asksJson(command)))),
    );
  inJson(all.command('pause'))
    .description('start nothing until an operator resumes it')
    .argument('<order>')
    .option('--reason <text>', 'why, for whoever finds it paused')
    .action(async (name: string, options, command: Command) =>
      end((await act()).pauseOrder(name, options, outputOf(asksJson(command)))),
    );
  inJson(all.command('resume'))
    .description('end a pause, as the operator of ONCALL_OPERATOR')
    .argument('<order>')
    .action(async (name: string, _options, command: Command) =>
      end((await act()).resumeOrder(name, outputOf(asksJson(command)))),
    );
  inJson(all.command('backfill'))
    .description('start what was due in a span, one after the other, as the operator of ONCALL_OPERATOR')
    .argument('<order>')
    .requiredOption('--since <time>', 'a time, or an age such as 2d')
    .option('--until <time>', 'now where left out')
    .option('--yes', 'do not ask')
    .action(async (name: string, options, command: Command) =>
      end((await act()).backfillOrder(name, options, outputOf(asksJson(command)))),
    );
  for (const command of all.commands) command.allowExcessArguments(false);
}

/** Where the command above has `--json` too, it takes it from the one below. */
const asksJson = (command: Command): boolean => command.optsWithGlobals<{ json?: boolean }>().json === true;

function unknown(word: string, command: Command): UsageError {
  const near = closest(
    word,
    command.commands.map((one) => one.name()),
  );
  return new UsageError(
    `error: unknown command '${word}'${near ? ` (Did you mean ${near}?)` : ''}\noncall --help, also behind a command, tells what there is.`,
  );
}
