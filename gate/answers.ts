/** What a note can answer a run: approve a step, make it stop, or take the incident over. */
export type Answer =
  | { readonly kind: 'ok'; readonly code: string }
  | { readonly kind: 'stop' }
  | { readonly kind: 'mine' };

/** Reads a note as an answer, where it is one and nothing else: a plain note is information and decides nothing. */
export function answerIn(content: string): Answer | undefined {
  const words = content.trim().toLowerCase().replace(/[.!]$/, '');
  if (words === 'stop' || words === 'mine') return { kind: words };
  const [, code] = /^ok\s+([0-9a-f]{3,64})$/.exec(words) ?? [];
  return code === undefined ? undefined : { kind: 'ok', code };
}
