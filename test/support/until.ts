/** Waits until `check` gives something, and gives it; fails with `what` after its patience, however fast the machine. */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  patienceMs = 60_000,
): Promise<T> {
  const began = Date.now();
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    const waited = Date.now() - began;
    if (waited > patienceMs) throw new Error(`Waited ${patienceMs / 1_000} s in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(100, 20 + waited / 10)));
  }
}
