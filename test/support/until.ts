/** Waits until `check` gives something, and gives it; fails with `what` after a minute, however fast the machine. */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = Date.now() + 60_000;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`Waited a minute in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
