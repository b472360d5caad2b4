import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Name, PolicyError, parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { clientSettings } from '../config.ts';
import { withAgent } from '../configuration-text.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import { withLock } from '../file-lock.ts';
import type { Output } from '../output.ts';

/** `oncall agents add`: makes a key pair, writes the private half once, and enters the public half into the configuration. */
export async function addAgent(
  name: string,
  options: { readonly keyFile?: string },
  output: Output,
): Promise<ExitCode> {
  const { configFile, home } = clientSettings();
  const checked = Name.safeParse(name);
  if (!checked.success)
    throw new UsageError(
      `${JSON.stringify(name)} cannot be the name of an agent: ${checked.error.issues[0]?.message}.`,
    );
  readConfiguration(configFile);
  const keyFile = options.keyFile ?? join(home, 'keys', `${name}.pem`);
  await withLock(realpathSync(configFile), () => enter(name, configFile, keyFile));
  output.result(
    { agent: name, keyFile, configFile },
    [
      `${name} is in ${configFile}, with no grants yet: everything is denied to it.`,
      `Its private key is in ${keyFile}; only the agent should read it.`,
      `Next: give it grants in ${configFile}, then set ONCALL_AGENT=${name} ONCALL_AGENT_KEY_FILE=${keyFile}`,
    ].join('\n'),
  );
  return exitCodes.done;
}

function enter(name: string, configFile: string, keyFile: string): void {
  const text = readConfiguration(configFile);
  if (readPolicy(text, configFile).agents.has(name)) {
    throw new OncallError(`${configFile} has an agent ${name} already; nothing was changed.`);
  }
  const { privateKey, publicKey } = newKeyPair();
  const grown = withAgent(text, { name, publicKey });
  if (grown === undefined)
    throw new OncallError(
      `${configFile} has no place where lines for ${name} could be added; nothing was changed. Write the agents as in docs/policy.md: \`agents:\` on a line of its own, each agent below.`,
    );
  writeOnce(keyFile, privateKey);
  try {
    replace(realpathSync(configFile), grown);
  } catch {
    rmSync(keyFile, { force: true });
    throw new OncallError(`${configFile} cannot be written; nothing was changed. Run this as its owner.`);
  }
}

function readConfiguration(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new OncallError(
      `${file} cannot be read. Write a first one with an account, or name another by --config or ONCALL_CONFIG; docs/policy.md shows how.`,
    );
  }
}

function readPolicy(text: string, file: string): ReturnType<typeof parsePolicy> {
  try {
    return parsePolicy(text, file);
  } catch (error) {
    if (error instanceof PolicyError)
      throw new OncallError(`Mend the configuration first; nothing was changed.\n${error.message}`);
    throw error;
  }
}

/** Writes a private key to a file that only its owner reads, and that was not there before. */
function writeOnce(file: string, privateKey: string): void {
  const cannot = `The key file ${file} cannot be written; name another with --key-file.`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  } catch {
    throw new OncallError(cannot);
  }
  try {
    const descriptor = openSync(file, 'wx', 0o600);
    writeFileSync(descriptor, privateKey);
    closeSync(descriptor);
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new OncallError(
      exists ? `${file} exists already and is not overwritten; name another file with --key-file.` : cannot,
    );
  }
}

/** Replaces a file at once, its owner and mode kept: whoever reads it meanwhile sees the old or the new, never half. */
function replace(file: string, text: string): void {
  const next = `${file}.${process.pid}.new`;
  const { mode, uid, gid } = statSync(file);
  try {
    writeFileSync(next, text, { mode: 0o600 });
    const made = statSync(next);
    if (made.uid !== uid || made.gid !== gid) chownSync(next, uid, gid);
    chmodSync(next, mode);
    renameSync(next, file);
  } finally {
    rmSync(next, { force: true });
  }
}
