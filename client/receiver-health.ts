import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OncallError } from './errors.ts';

/** What our receiver says of itself under `/health`, as far as it matters here. */
const Health = z.looseObject({
  ok: z.boolean(),
  wrong: z.array(z.string()),
  accounts: z.record(z.string(), z.looseObject({ pings: z.record(z.string(), z.string()) })),
});
export type SeenHealth = z.output<typeof Health>;

/** How long the receiver has to answer. */
const answersWithinMs = 5_000;

/** How often it is asked whether a ping has come. */
const everyMs = 250;

/**
 * Asks our own receiver how it is.
 * @throws OncallError where nothing of ours answers there.
 */
export async function healthAt(receiver: string): Promise<SeenHealth> {
  try {
    const answer = await fetch(new URL('/health', receiver), {
      signal: AbortSignal.timeout(answersWithinMs),
    });
    return Health.parse(await answer.json());
  } catch {
    throw new OncallError(
      `No receiver of ours answers at ${receiver}. Start one with \`oncall webhooks\`, or name yours by --receiver.`,
    );
  }
}

/** When the last ping of a subscription came in, or of one that named none. */
const pingIn = ({ accounts }: SeenHealth, account: string, subscription: string): string => {
  const pings = accounts[account]?.pings ?? {};
  return `${pings[subscription] ?? ''} ${pings['unknown'] ?? ''}`;
};

/** Asks for a ping, and waits until the receiver has had it; `false` where it has not in time. */
export async function arrivesAt(
  receiver: string,
  account: string,
  subscription: string,
  ask: () => Promise<void>,
  withinMs: number,
): Promise<boolean> {
  const before = pingIn(await healthAt(receiver), account, subscription);
  await ask();
  for (const until = Date.now() + withinMs; Date.now() < until; await sleep(everyMs))
    if (pingIn(await healthAt(receiver), account, subscription) !== before) return true;
  return false;
}
