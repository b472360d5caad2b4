import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the real Temporal server of this run. */
    readonly temporalAddress: string;
    /** Its UI. */
    readonly temporalUi: string;
    /** Its namespaces; each world of a test claims one for itself. */
    readonly namespaces: readonly string[];
    /** Folder in which a claimed namespace has a folder. */
    readonly claims: string;
  }
}

/** A namespace nobody else in this run uses. */
export function claimNamespace(): string {
  for (const name of inject('namespaces')) {
    try {
      mkdirSync(join(inject('claims'), name));
      return name;
    } catch {
      // Claimed by another test.
    }
  }
  throw new Error('All namespaces are claimed; give the server more in the global setup.');
}
