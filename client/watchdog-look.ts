import { transact } from '../gate/audit-store.ts';
import { sinceKept } from '../gate/pace.ts';
import { clientSettings, serverSettings } from './config.ts';
import { withClient } from './connect.ts';
import { healthAt } from './receiver-health.ts';
import { isServed } from './served.ts';
import { inStore } from './store.ts';
import type { Part } from './watchdog-memory.ts';

/**
 * One look at the parts, as a process of its own: whatever hangs or breaks here is seen by the watchdog that started it, and cannot
 * keep it from telling people. Prints a line of JSON for each part as soon as it is known, a later line in place of an earlier.
 */
async function look(receiver: string | undefined): Promise<void> {
  const [served] = await Promise.all([temporal(), receiver === undefined ? undefined : feed(receiver)]);
  // A store that is locked holds up this process: it comes last.
  await store(served);
}

const say = (part: Part, away: string | null): void =>
  void process.stdout.write(`${JSON.stringify({ part, away })}\n`);

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether Temporal answers, and whether a Worker polls; `undefined` where Temporal does not. */
async function temporal(): Promise<boolean | undefined> {
  try {
    const served = await withClient(serverSettings(), 'oncall watchdog', isServed);
    say('temporal', null);
    say('worker', served ? null : noPoller);
    return served;
  } catch (error) {
    say('temporal', why(error));
    return undefined;
  }
}

const noPoller = 'No Worker polls for runs.';

/** The receiver cannot take anything while Temporal is away, and says so: that is Temporal's fault, and told as such. */
async function feed(receiver: string): Promise<void> {
  try {
    const { wrong } = await healthAt(receiver);
    const own = wrong.filter((what) => !what.startsWith('Temporal '));
    say('receiver', own.length === 0 ? null : `The receiver at ${receiver} says: ${own.join(' ')}`);
  } catch (error) {
    say('receiver', why(error));
  }
}

/**
 * Whether the store can be written to; and whether a Worker has kept its pace in it lately: Temporal goes on naming for minutes
 * a Worker that was killed.
 */
async function store(served: boolean | undefined): Promise<void> {
  try {
    const endedMs = await inStore(clientSettings(), async (open) => {
      await transact(open, async () => {});
      return sinceKept(open);
    });
    say('store', null);
    if (served === false) return;
    if (endedMs === undefined ? served === undefined : endedMs > 0) say('worker', silent(endedMs));
    else say('worker', null);
  } catch (error) {
    say('store', why(error));
    // Without a store a Worker sends nothing but releases; whether it is there, Temporal knows.
    if (served === undefined) say('worker', null);
  }
}

const silent = (endedMs: number | undefined): string =>
  endedMs === undefined
    ? 'No Worker has ever kept a pace in the store.'
    : `No Worker has been heard of in the store for ${Math.round(endedMs / 1_000)} s and longer.`;

const [receiver] = process.argv.slice(2);
await look(receiver);
// Whatever still waits for an answer is of no use any more.
process.exit(0);
