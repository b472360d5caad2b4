import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
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
import { Name } from '../gate/configuration.ts';
import { type Policy, PolicyError, parsePolicy } from '../gate/policy.ts';
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

/** A configuration that is not there yet, with the key pair of its first agent. */
export interface FirstFile {
  readonly configFile: string;
  readonly keyFile: string;
  readonly textOf: (publicKey: string) => string;
}

/**
 * Writes a first configuration and the private key of its agent: both or none, each whole or not at all, and over nothing.
 * @throws OncallError where nothing was written, with the reason.
 */
export function writeFirst({ configFile, keyFile, textOf }: FirstFile): void {
  const { privateKey, publicKey } = newKeyPair();
  const text = textOf(publicKey);
  readPolicy(text, configFile);
  writeOnce(keyFile, privateKey);
  try {
    putOnce(configFile, text);
  } catch (error) {
    rmSync(keyFile, { force: true });
    throw error;
  }
}

/** Refuses a configuration that is there already, and a folder for it that is not. */
export function checkIsFirst(configFile: string): void {
  if (lstatSync(configFile, { throwIfNoEntry: false })) throw isThere(configFile);
  if (!existsSync(dirname(configFile)))
    throw new OncallError(`${configFile} cannot be written: make the folder ${dirname(configFile)} first.`);
}

const isThere = (file: string): OncallError =>
  new OncallError(
    `${file} exists already and is not overwritten. Add to it (\`oncall agents add NAME\`), or have another written: --config FILE.`,
  );

/** Puts a whole file where none is: whoever looks sees all of it or nothing. */
function putOnce(file: string, text: string): void {
  const next = `${file}.${process.pid}.new`;
  try {
    writeFileSync(next, text, { mode: 0o644 });
    try {
      linkSync(next, file);
    } catch (error) {
      // Some file systems know no second name for a file.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error))) throw error;
      copyFileSync(next, file, constants.COPYFILE_EXCL);
    }
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw isThere(file);
    throw new OncallError(`${file} cannot be written; nothing was. Name another file by --config.`);
  } finally {
    rmSync(next, { force: true });
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

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
    throw new OncallError(
      codeOf(error) === 'EEXIST'
        ? `${file} exists already and is not overwritten; name another file with --key-file.`
        : cannot,
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
