import { readFileSync } from 'node:fs';
import { LineCounter } from 'yaml';
import { Encryption, EncryptionUnusable, type KeyRing, keyRing, noKeys } from './encryption.ts';
import type { Secrets } from './secrets.ts';
import { readYaml } from './yaml.ts';

/**
 * The keys that the configuration at a path names. Only its section `encryption` is looked at: a fault elsewhere keeps nobody from
 * reading and steering runs. Without a file, or without the section, nothing is encrypted.
 * @throws EncryptionUnusable
 */
export function keysIn(file: string, secrets: Secrets): KeyRing {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return noKeys;
    throw new EncryptionUnusable(
      `${file} cannot be read, so nobody knows whether runs are encrypted; make it readable for this user, or name another by ONCALL_CONFIG.`,
    );
  }
  return keyRing(sectionIn(text, file), secrets);
}

/** The section of a text. */
function sectionIn(text: string, file: string): Encryption | undefined {
  let written: unknown;
  try {
    written = readYaml(text, new LineCounter()).value;
  } catch {
    throw new EncryptionUnusable(
      `${file} is not YAML, so nobody knows whether runs are encrypted; mend it first: \`oncall doctor\` names the line.`,
    );
  }
  if (typeof written !== 'object' || written === null || !('encryption' in written)) return undefined;
  const { success, data, error } = Encryption.safeParse(written.encryption);
  if (success) return data;
  const [issue] = error.issues;
  const where = ['encryption', ...(issue?.path ?? [])].join('.');
  throw new EncryptionUnusable(
    `${file}: ${where}: ${issue?.message}; docs/encryption.md shows how it is written.`,
  );
}
