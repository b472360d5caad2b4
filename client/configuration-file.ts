import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
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
import { Name, type Policy, PolicyError, parsePolicy } from '../gate/policy.ts';
import { newKeyPair } from '../gate/statement.ts';
import { OncallError, UsageError } from './errors.ts';
import { withLock } from './file-lock.ts';

/** Where a new public key is entered, and where its private half goes. */
export interface NewKey {
  readonly configFile: string;
  readonly keyFile: string;
  /** The text with the key in it; `undefined` where it is written in a way that leaves no place for it. May throw a refusal. */
  readonly grow: (text: string, policy: Policy, publicKey: string) => string | undefined;
  /** What is told where the text leaves no place. */
  readonly noPlace: string;
}

/**
 * Makes a key pair, writes the private half once, and enters the public half into the configuration; of several calls at once
 * none is lost.
 * @throws OncallError where nothing was changed, with the reason.
 */
export async function enterKey({ configFile, keyFile, grow, noPlace }: NewKey): Promise<void> {
  readConfiguration(configFile);
  await withLock(realpathSync(configFile), () => {
    const text = readConfiguration(configFile);
    const { privateKey, publicKey } = newKeyPair();
    const grown = grow(text, readPolicy(text, configFile), publicKey);
    if (grown === undefined) throw new OncallError(`${configFile} ${noPlace}`);
    writeOnce(keyFile, privateKey);
    try {
      replace(realpathSync(configFile), grown);
    } catch {
      rmSync(keyFile, { force: true });
      throw new OncallError(`${configFile} cannot be written; nothing was changed. Run this as its owner.`);
    }
  });
}

/** Where the private key of a name goes, where none is named. */
export const keyFileOf = (home: string, name: string): string => join(home, 'keys', `${name}.pem`);

/** The first file for a further key of a name that is not there yet: `NAME.2.pem`, `NAME.3.pem`. */
export function nextKeyFile(home: string, name: string): string {
  for (let number = 2; ; number += 1) {
    const file = keyFileOf(home, `${name}.${number}`);
    if (!existsSync(file)) return file;
  }
}

/** Refuses what cannot be a name. */
export function checkName(name: string, what: string): void {
  const checked = Name.safeParse(name);
  if (!checked.success)
    throw new UsageError(
      `${JSON.stringify(name)} cannot be the name of ${what}: ${checked.error.issues[0]?.message}.`,
    );
}

export function readConfiguration(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new OncallError(
      `${file} cannot be read. Write a first one with an account, or name another by --config or ONCALL_CONFIG; docs/policy.md shows how.`,
    );
  }
}

export function readPolicy(text: string, file: string): ReturnType<typeof parsePolicy> {
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
