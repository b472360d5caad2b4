import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DemoAgent, tellStory } from '../demo-story.ts';
import { type ExitCode, exitCodes, OncallError } from '../errors.ts';
import { type Local, startLocal } from '../local.ts';
import { type LocalWorld, localWorld, simulatorSecrets } from '../local-world.ts';
import { aborted, Stopped, stopSignal } from '../processes.ts';

/** Who acts in the story: one agent that may do the work, one that may only look. */
const agents = {
  'triage-bot': `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [high, low] } }
incidents.add_note: full
incidents.resolve: full`,
  'intern-bot': `incidents: read`,
} as const satisfies Readonly<Record<DemoAgent, string>>;

const say = (line = ''): void => void process.stdout.write(`${line}\n`);

/** `oncall demo`: an incident from triggered to resolved on this machine, told as it happens; leaves nothing behind. */
export async function demo({ keep = false }: { readonly keep?: boolean }): Promise<ExitCode> {
  const stopping = stopSignal();
  const folder = mkdtempSync(join(tmpdir(), 'oncall-demo-'));
  const world = localWorld(folder, agents);
  const lastWords: string[] = [];
  let local: Local | undefined;
  try {
    say('Starting a Temporal server, a simulated PagerDuty and a Worker on this machine …');
    local = await startLocal(
      {
        home: folder,
        configFile: world.configFile,
        secrets: simulatorSecrets,
        log: (part, line) => {
          if (line.startsWith('Installing')) say(line);
          lastWords.push(`${part}: ${line}`);
        },
      },
      world.configure,
      stopping,
    );
    const broken = await storyOrEnd(local, world, folder, stopping);
    if (broken !== undefined)
      throw new OncallError(`${broken} Its last words:\n${lastWords.slice(-10).join('\n')}`);
    if (keep) {
      say(`\nKept running: ${local.uiUrl}. Ctrl-C ends it.`);
      const end = await Promise.race([aborted(stopping), local.broken]);
      if (end !== 'asked') throw new OncallError(end);
    }
    return exitCodes.done;
  } catch (error) {
    if (!stopping.aborted) throw error;
    await local?.stop();
    say('Stopped.');
    return exitCodes.failed;
  } finally {
    await local?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Tells the story until it is told; gives a sentence where a part broke meanwhile.
 * @throws Stopped
 */
async function storyOrEnd(
  local: Local,
  world: LocalWorld,
  home: string,
  stopping: AbortSignal,
): Promise<string | undefined> {
  const over = new AbortController();
  // Temporal's client listens once a call.
  setMaxListeners(0, over.signal);
  const telling = {
    local,
    world,
    home,
    over: over.signal,
    say: (line: string) => {
      over.signal.throwIfAborted();
      say(line);
    },
  };
  // A part that breaks also breaks the story; which part it was is known a moment later.
  const story = tellStory(telling).catch(async (error: unknown) => {
    const broken = over.signal.aborted ? undefined : await Promise.race([local.broken, sleep(1_000)]);
    if (broken === undefined) throw error;
    return broken;
  });
  const end = await Promise.race([aborted(stopping), local.broken, story]);
  over.abort();
  await Promise.race([story.catch(() => {}), sleep(2_000, undefined, { ref: false })]);
  if (end !== 'asked') return end;
  throw new Stopped();
}
