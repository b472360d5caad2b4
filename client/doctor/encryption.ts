import { type Encryption, EncryptionUnusable, type KeyRing, keyAt } from '../../gate/encryption.ts';
import type { Secrets } from '../../gate/secrets.ts';
import { type Finding, wordsOf } from './finding.ts';

/** The keys that can be used here, and what is wrong with the others: without them neither Worker nor command line starts. */
export function lookAtEncryption(
  encryption: Encryption | undefined,
  secrets: Secrets,
): { readonly findings: readonly Finding[]; readonly ring: KeyRing } {
  const findings: Finding[] = [];
  const keys: [string, ReturnType<typeof keyAt>][] = [];
  for (const [id, ref] of Object.entries(encryption?.keys ?? {})) {
    try {
      keys.push([id, keyAt(id, ref, secrets)]);
    } catch (error) {
      if (!(error instanceof EncryptionUnusable)) throw error;
      findings.push({
        of: 'encryption',
        what: wordsOf(error),
        mend: `give every process the same 32 bytes for ${id}: Workers, receivers, clients and this one; docs/encryption.md says how`,
      });
    }
  }
  return { findings, ring: { keys: new Map(keys) } };
}
