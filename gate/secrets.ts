import { readFileSync } from 'node:fs';
import type { SecretRef } from './configuration.ts';

/** Turns a reference to a secret into the secret; throws a sentence that names the reference where it cannot. */
export type Secrets = (ref: SecretRef) => string;

/**
 * Secrets from an environment and from files, read anew each time.
 * @param whose whose environment it is, for the sentence: `the Worker`.
 */
export const secretsFrom =
  (env: Readonly<Record<string, string | undefined>>, whose: string): Secrets =>
  (ref) => {
    const [kind, ...rest] = ref.split(':');
    const name = rest.join(':');
    if (kind === 'env') {
      const value = env[name];
      if (value) return value;
      throw new Error(`The configuration names ${ref}, but the environment of ${whose} has no ${name}.`);
    }
    try {
      const value = readFileSync(name, 'utf8').trim();
      if (value) return value;
    } catch {
      // Told below, together with the empty file.
    }
    throw new Error(`The configuration names ${ref}, but that file cannot be read or is empty.`);
  };
