import parseDuration from 'parse-duration';
import { bearersOf, giveBearer, revokeBearers } from '../../gate/bearers.ts';
import { clientSettings } from '../config.ts';
import { readConfiguration, readPolicy } from '../configuration-file.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { whoAsks } from '../identity.ts';
import type { Output } from '../output.ts';
import { inStore } from '../store.ts';
import { checkKnown } from './agents.ts';

/** No token lives longer, so that one that was forgotten ends by itself. */
const longestMs = 366 * 86_400_000;

/** `oncall agents token`: a token by which an agent comes to a front door, shown once. */
export async function giveToken(
  name: string,
  options: { readonly expires: string },
  output: Output,
): Promise<ExitCode> {
  const settings = clientSettings();
  const { configFile } = settings;
  const { agents, frontDoors } = readPolicy(readConfiguration(configFile), configFile);
  checkKnown(name, [...agents.keys()], configFile);
  const doors = [...frontDoors].flatMap(([door, { may_speak_for }]) =>
    may_speak_for.includes(name) ? [door] : [],
  );
  if (doors.length === 0)
    throw new OncallError(
      `No front door may speak for ${name}, so a token would open nothing; add one: \`oncall front-doors add mcp --speaks-for ${name}\`.`,
    );
  const ms = parseDuration(options.expires);
  if (ms === null || !(ms >= 1_000 && ms <= longestMs))
    throw new UsageError(
      `--expires takes how long the token lives, such as 30d, at most a year; not ${options.expires}.`,
    );
  const expiresAt = Date.now() + ms;
  const byWhom = whoAsks(settings);
  const { token, id } = await inStore(settings, (store) =>
    giveBearer(store, { agent: name, byWhom, expiresAt }),
  );
  const expires = new Date(expiresAt).toISOString();
  output.result(
    { agent: name, id, token, expires },
    [
      token,
      `The token ${id} of ${name}, good until ${expires} at ${doors.join(', ')}. It is shown this once; only its hash is kept.`,
      `Revoke it: \`oncall agents token-revoke ${name}\``,
    ].join('\n'),
  );
  return exitCodes.done;
}

/** `oncall agents token-revoke`: all tokens of an agent, or one, at once on all machines. */
export async function revokeToken(
  name: string,
  options: { readonly id?: string },
  output: Output,
): Promise<ExitCode> {
  const settings = clientSettings();
  const { id } = options;
  const { revoked, known } = await inStore(settings, async (store) => ({
    revoked: await revokeBearers(store, { agent: name, id, byWhom: whoAsks(settings) }),
    known: await bearersOf(store, name),
  }));
  if (id !== undefined && !known.some((bearer) => bearer.id === id))
    throw new UsageError(
      `${name} has no token ${id}; there are ${known.map((bearer) => bearer.id).join(', ') || 'none'}.`,
    );
  output.result(
    { agent: name, revoked },
    revoked.length === 0
      ? `No token of ${name} was good any more; nothing was changed.`
      : `Revoked ${revoked.join(', ')} of ${name}: nothing that came by ${revoked.length === 1 ? 'it' : 'them'} is done any more, on any machine.`,
  );
  return exitCodes.done;
}
