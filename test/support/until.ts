/**
 * Waits until `check` gives something, and gives it; fails with `what` after its patience, however fast the machine.
 * @param what what is waited for, and what is there in its place.
 */
export async function until<T>(
  what: string | (() => string),
  check: () => Promise<T | undefined | false> | T | undefined | false,
  patienceMs = 120_000,
): Promise<T> {
  const began = Date.now();
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    const waited = Date.now() - began;
    if (waited > patienceMs) {
      const told = typeof what === 'string' ? what : what();
      throw new Error(`Waited ${patienceMs / 1_000} s in vain until ${told}.`);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(100, 20 + waited / 10)));
  }
}
