import { createInterface } from 'node:readline';
import { type PolicyState, policySource } from '../../gate/policy-source.ts';
import type { ClientSettings } from '../config.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { type Console, consoleOf } from '../console/app.ts';
import { linkMs, type Session } from '../console/sessions.ts';
import { sourcesOf } from '../console/sources.ts';
import { type ExitCode, exitCodes, OncallError } from '../errors.ts';
import { type OperatorIdentity, readIdentity, readOperator, whoAsks } from '../identity.ts';
import { listen } from '../listening.ts';
import type { Output } from '../output.ts';
import { portOf } from '../ports.ts';
import { aborted, stopSignal } from '../processes.ts';
import { tracedCalls } from '../tracing.ts';
import { spanOf } from '../words.ts';

export interface ConsoleCommand {
  readonly port: string;
  readonly allowHost?: readonly string[];
}

/** `oncall console`: the gate's page, until it is told to end. */
export async function openConsole(
  { port, allowHost = [] }: ConsoleCommand,
  output: Output,
): Promise<ExitCode> {
  const wanted = portOf(port, '--port');
  const settings = clientSettings();
  const { name, people, signerFor } = whoSigns(settings);
  const stopping = stopSignal();
  const sources = sourcesOf(settings, temporalSettings(), `console:${name}`, await tracedCalls());
  const told = (error: unknown): void =>
    void process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  const gate = consoleOf({ sources, name, signerFor, hosts: allowHost, told });
  try {
    const server = await listen(gate.app, { port: wanted, option: '--port' });
    const { url } = server;
    tellLinks(gate, { url, people: people() }, output);
    const lines = createInterface({ input: process.stdin });
    lines.on('line', () => {
      try {
        tellLinks(gate, { url, people: people() }, output);
      } catch (error) {
        // A configuration that is being mended ends nobody's session.
        told(error);
      }
    });
    await aborted(stopping);
    lines.close();
    await server.close(() => gate.close());
  } catch (error) {
    await gate.close();
    throw error;
  }
  return exitCodes.done;
}

/** Who can sign in, and what signs for them. */
interface Signing {
  /** What the console is called where it speaks. */
  readonly name: string;
  readonly people: () => readonly string[];
  readonly signerFor: (session: Session) => OperatorIdentity | undefined;
}

/** A front door that may speak for operators; else the operator of the environment; else somebody who may look, and deny. */
function whoSigns(settings: ClientSettings): Signing {
  const { frontDoor, frontDoorKeyFile, operator, operatorKeyFile, configFile } = settings;
  if (frontDoor) {
    const door = readIdentity('front door', frontDoor, frontDoorKeyFile);
    const policy = policySource(configFile);
    operatorsOf(door.name, policy());
    return {
      name: door.name,
      people: () => operatorsOf(door.name, policy()),
      signerFor: ({ id, name }) => ({ name, key: door.key, door: { name: door.name, session: id } }),
    };
  }
  const name = 'console';
  if (operator && operatorKeyFile) {
    const identity = readOperator(settings);
    return { name, people: () => [identity.name], signerFor: () => identity };
  }
  return { name, people: () => [whoAsks(settings)], signerFor: () => undefined };
}

/** @throws OncallError where the front door may speak for no operator. */
function operatorsOf(door: string, state: PolicyState): readonly string[] {
  if (!state.readable) throw new OncallError(state.sentence);
  const operators = state.policy.frontDoors.get(door)?.may_speak_for_operators ?? [];
  if (operators.length > 0) return operators;
  throw new OncallError(
    `The configuration has no front door ${door} that may speak for operators; \`oncall front-doors add ${door} --speaks-for-operators NAME\` adds one.`,
  );
}

function tellLinks(
  gate: Console,
  { url, people }: { readonly url: string; readonly people: readonly string[] },
  output: Output,
): void {
  const links = people.map((name) => ({ name, link: `${url}${gate.invite(name)}` }));
  output.result(
    { url, links },
    [
      `listening on ${url}`,
      ...links.map(({ name, link }) => `sign in as ${name}, once and within ${spanOf(linkMs)}: ${link}`),
      'Enter prints new links.',
    ].join('\n'),
  );
}
