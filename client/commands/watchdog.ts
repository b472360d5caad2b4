import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientSettings, clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { stopSignal } from '../processes.ts';
import { spanOf } from '../spans.ts';
import { awayIn, type Looked, watchdog as watchdogOf } from '../watchdog.ts';

export interface WatchdogOptions {
  readonly once?: boolean;
  readonly every: string;
  readonly awayAfter: string;
  readonly backAfter: string;
  /** Commander's word for `--no-receiver` is `false`. */
  readonly receiver: string | false;
}

/** How long one look may take: every part has its own, shorter time. */
const looksWithinMs = 15_000;

/** How often people are tried to be told before a call with `--once` gives up; the next one goes on. */
const mostTries = 3;

/** `oncall watchdog`: tells people over PagerDuty when a part of the runner is away, and when all are back. */
export async function watchdog(options: WatchdogOptions, output: Output): Promise<ExitCode> {
  const settings = clientSettings();
  const { receiver } = options;
  if (receiver !== false && !(URL.canParse(receiver) && /^https?:$/.test(new URL(receiver).protocol)))
    throw new UsageError('--receiver takes the address of our receiver, such as http://127.0.0.1:8090.');
  const everyMs = spanOf(options.every, '--every', ['1s', '1m']);
  const look = watchdogOf({
    awayAfterMs: spanOf(options.awayAfter, '--away-after', ['1s', '1h']),
    backAfterMs: spanOf(options.backAfter, '--back-after', ['1s', '1h']),
    line: lineOf(settings),
    receiver: receiver === false ? undefined : receiver,
    memoryFile: join(settings.home, 'watchdog.json'),
    looksWithinMs,
    say: output.say,
  });
  return options.once ? untilSettled(look, everyMs, output) : forever(look, everyMs, output);
}

/** Looks until nothing that comes soon could change what people are told. */
async function untilSettled(look: () => Promise<Looked>, everyMs: number, output: Output): Promise<ExitCode> {
  const told = { down: false, up: false };
  for (let failures = 0; ; await sleep(everyMs)) {
    const looked = await look();
    if (looked.told) told[looked.told] = true;
    if (looked.failed !== undefined) {
      output.say(looked.failed);
      failures += 1;
    }
    if (!looked.settled && failures < mostTries) continue;
    const { look: away, knownSince } = looked;
    output.result({ away, told, knownSince, failed: looked.failed ?? null }, inWords(looked));
    return looked.failed === undefined ? exitCodes.done : exitCodes.failed;
  }
}

/** Looks again and again until it is told to end; says what changes. */
async function forever(look: () => Promise<Looked>, everyMs: number, output: Output): Promise<ExitCode> {
  const stopping = stopSignal();
  let said = '';
  let failed = false;
  while (!stopping.aborted) {
    const looked = await look();
    failed = looked.failed !== undefined;
    const words = looked.failed ?? inWords(looked);
    if (words !== said) output.result({ at: new Date().toISOString(), ...looked }, words);
    said = words;
    await sleep(everyMs, undefined, { signal: stopping }).catch(() => {});
  }
  return failed ? exitCodes.failed : exitCodes.done;
}

function inWords({ look, knownSince }: Looked): string {
  const away = awayIn(look);
  if (away.length === 0)
    return knownSince === null
      ? 'All is there.'
      : `All is back; people have known of an outage since ${knownSince}, and it is resolved once this lasts.`;
  const reasons = Object.values(look).filter((why) => why !== null);
  const known =
    knownSince === null ? 'People are told where this lasts.' : `People have known since ${knownSince}.`;
  return `${away.join(', ')} away: ${reasons.join(' ')} ${known}`;
}

/**
 * The routing key, of the environment alone.
 * @throws OncallError where there is none: a watchdog that can tell nobody must not look as if it watched.
 */
function lineOf({ watchdogKey, watchdogKeyFile, watchdogEventsUrl: eventsUrl }: ClientSettings) {
  const routingKey = watchdogKey ?? (watchdogKeyFile === undefined ? undefined : keyIn(watchdogKeyFile));
  if (routingKey === undefined)
    throw new OncallError(
      'Nobody can be told: set ONCALL_WATCHDOG_ROUTING_KEY, or ONCALL_WATCHDOG_ROUTING_KEY_FILE to the file of it, to the key of an Events API v2 integration of a service that pages whoever looks after the runner.',
    );
  if (eventsUrl !== undefined && !URL.canParse(eventsUrl))
    throw new OncallError(
      'ONCALL_WATCHDOG_EVENTS_URL is no address; PagerDuty in Europe is https://events.eu.pagerduty.com.',
    );
  return { routingKey, eventsUrl };
}

function keyIn(file: string): string {
  try {
    const key = readFileSync(file, 'utf8').trim();
    if (key !== '') return key;
  } catch {
    // Told below, together with the empty file.
  }
  throw new OncallError(
    `Nobody can be told: ONCALL_WATCHDOG_ROUTING_KEY_FILE names ${file}, which cannot be read or is empty.`,
  );
}
