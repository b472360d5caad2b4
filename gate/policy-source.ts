import { readFileSync } from 'node:fs';
import { sha256 } from './canonical.ts';
import { type Policy, PolicyError, parsePolicy } from './policy.ts';

/** The configuration as it is at this moment, or why nothing is allowed. */
export type PolicyState =
  | { readonly readable: true; readonly policy: Policy }
  | { readonly readable: false; readonly sentence: string };

/**
 * Reads `oncall.yaml` anew at each call, so that a change holds from the next decision on; parses only what changed.
 * Broken or missing → `readable: false` with the sentence, and every decision is a denial until it is mended.
 */
export function policySource(file: string): () => PolicyState {
  let last: { readonly digest: string; readonly state: PolicyState } | undefined;
  return () => {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
      return {
        readable: false,
        sentence: `The configuration ${file} cannot be read (${code}); write it there, or name another by ONCALL_CONFIG.`,
      };
    }
    const digest = sha256(text);
    if (last?.digest !== digest) last = { digest, state: parsed(text, file) };
    return last.state;
  };
}

function parsed(text: string, file: string): PolicyState {
  try {
    return { readable: true, policy: parsePolicy(text, file) };
  } catch (error) {
    if (error instanceof PolicyError) return { readable: false, sentence: error.message };
    throw error;
  }
}
