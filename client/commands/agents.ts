import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { Name, PolicyError, parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';

/** `oncall agents add`: makes a key pair, writes the private half once, and enters the public half into the configuration. */
export function addAgent(name: string, options: { readonly keyFile?: string }, output: Output): ExitCode {
  const { configFile, home } = clientSettings();
  const checked = Name.safeParse(name);
  if (!checked.success)
    throw new UsageError(
      `${JSON.stringify(name)} cannot be the name of an agent: ${checked.error.issues[0]?.message}.`,
    );
  const text = readConfiguration(configFile);
  if (readPolicy(text, configFile).agents.has(name)) {
    throw new OncallError(`${configFile} has an agent ${name} already; nothing was changed.`);
  }
  const keyFile = options.keyFile ?? join(home, 'keys', `${name}.pem`);
  const { privateKey, publicKey } = newKeyPair();
  writeOnce(keyFile, privateKey);
  try {
    const document = parseDocument(text);
    document.setIn(['agents', name], document.createNode({ public_key: publicKey, grants: {} }));
    const agents = document.get('agents');
    if (isMap(agents)) agents.flow = false;
    replace(configFile, document.toString());
  } catch (error) {
    rmSync(keyFile, { force: true });
    throw error;
  }
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
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const descriptor = openSync(file, 'wx', 0o600);
    writeFileSync(descriptor, privateKey);
    closeSync(descriptor);
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new OncallError(
      exists
        ? `${file} exists already and is not overwritten; name another file with --key-file.`
        : `The key file ${file} cannot be written; name another with --key-file.`,
    );
  }
}

/** Replaces a file at once: whoever reads it meanwhile sees the old or the new, never half. */
function replace(file: string, text: string): void {
  const next = `${file}.${process.pid}.new`;
  writeFileSync(next, text, { mode: statSync(file).mode });
  renameSync(next, file);
}
