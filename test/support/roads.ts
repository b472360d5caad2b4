import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Rooms whose code is shipped. */
const rooms = ['pagerduty', 'gate', 'activities', 'workflows', 'worker', 'client', 'simulator'];
/** Rooms that hold a key of PagerDuty's, or decide about one: none opens a connection of its own. */
const guarded = ['pagerduty', 'gate', 'activities', 'workflows', 'worker'];

/** Who may take which value from what can send, or can allow to: nobody else may take any. */
const mayTake: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  undici: {
    'pagerduty/http.ts': ['request'],
    'pagerduty/oauth.ts': ['request'],
    'pagerduty/runner-down.ts': ['Agent'],
    'pagerduty/connector.ts': ['Agent'],
  },
  'pagerduty/http.ts': {
    'pagerduty/runner-down.ts': ['hosts', 'send'],
    'pagerduty/connector.ts': ['hosts'],
    'pagerduty/looking.ts': ['send'],
    'activities/connections.ts': ['send'],
    'activities/commit.ts': ['timeLimitMs'],
    'activities/put-back.ts': ['timeLimitMs'],
  },
  // Outside of the gate, since it has to work when that does not: the watchdog's one alert.
  'pagerduty/runner-down.ts': { 'client/watchdog.ts': ['tellDown', 'tellUp'] },
  // The same for an operator who holds the credential, and only looks.
  'pagerduty/looking.ts': { 'client/doctor/index.ts': ['lookerAt'], 'client/commands/init.ts': ['lookerAt'] },
  'pagerduty/oauth.ts': { 'pagerduty/connector.ts': ['requestToken'] },
  'pagerduty/connector.ts': {
    'activities/index.ts': ['connector'],
    'pagerduty/looking.ts': ['connector'],
  },
  // It sends traces to the collector that the environment names; what leaves is listed there.
  '@opentelemetry/exporter-trace-otlp-http': { 'gate/tracing.ts': ['*'] },
  // It opens connections to wherever its URL points.
  pg: { 'gate/store-postgres.ts': ['*'], 'gate/postgres-faults.ts': ['*'] },
  'activities/connections.ts': {
    'activities/failures.ts': ['NotConnected'],
    'activities/perform.ts': ['NotConnected', 'sendOver', 'staleToken'],
    'activities/facts.ts': ['sendOver', 'staleToken'],
  },
  // Who says a yes, who makes a permit of one, and who sends what it allows.
  'gate/permit.ts': {
    'gate/decide.ts': ['saying'],
    'gate/people-first.ts': ['saying'],
    'gate/runner.ts': ['saying'],
    'activities/connections.ts': ['spent'],
    'activities/facts.ts': ['permitToLook'],
    'activities/failures.ts': ['NotPermitted'],
    'activities/perform.ts': ['permitFor'],
  },
};
/**
 * Who may call `fetch`, and whom: our own simulator, and our own receiver. The console's script is for a browser, which may ask its
 * own page alone.
 */
const mayFetch = [
  'client/console/assets.ts',
  'client/demo-story.ts',
  'client/local-webhooks.ts',
  'client/receiver-health.ts',
];

const otherWays =
  /^(node:)?(http|https|http2|net|tls|dgram|child_process|worker_threads|vm|module|inspector)(\/.*)?$|^(axios|got|ky|needle|node-fetch|phin|request|superagent|ws|@pagerduty\/.*)(\/.*)?$/;

interface Taken {
  readonly from: string;
  /** Names of values; `*` for all of them. */
  readonly names: readonly string[];
}

/** Every way by which a file under a folder could reach PagerDuty beside the one through the gate; a sentence each. */
export function roadsIn(folder: string): readonly string[] {
  return rooms.flatMap((room) => filesIn(folder, room).flatMap((file) => roadsOf(folder, file)));
}

function filesIn(folder: string, room: string): readonly string[] {
  if (!existsSync(join(folder, room))) return [];
  return readdirSync(join(folder, room), { recursive: true, encoding: 'utf8' })
    .map((path) => posix.join(room, path.replaceAll('\\', '/')))
    .filter((path) => /\.[cm]?[jt]sx?$/.test(path));
}

function roadsOf(folder: string, file: string): readonly string[] {
  const text = withoutComments(readFileSync(join(folder, file), 'utf8'));
  const isGuarded = guarded.includes(file.split('/')[0] ?? '');
  const roads = takenIn(text, file).flatMap(({ from, names }) => {
    const allowed = mayTake[from];
    if (allowed) {
      const more = names.filter((name) => !allowed[file]?.includes(name));
      return more.length > 0 ? [`${file} takes ${more.join(', ')} from ${from}`] : [];
    }
    return isGuarded && names.length > 0 && otherWays.test(from) ? [`${file} takes ${from}`] : [];
  });
  if (/\b(import|require)\s*\(\s*[^'"\s]/.test(text)) roads.push(`${file} loads what it does not name`);
  if (isGuarded && /\bcreateRequire\b|\bgetBuiltinModule\b|\beval\b|\bnew Function\b/.test(text))
    roads.push(`${file} loads or runs what it does not name`);
  const fetches =
    /(?<![.\w'-])fetch\b(?!: \w+\.fetch\b)|\bglobalThis\b|\bglobal\s*[.[]|\bWebSocket\b|\bEventSource\b/.test(
      text,
    );
  if (file.startsWith('simulator/') || mayFetch.includes(file)) return roads;
  return fetches ? [...roads, `${file} can fetch`] : roads;
}

/** What a file takes from where. Types leave nothing at run time, so they are none of it. */
function takenIn(text: string, file: string): readonly Taken[] {
  const at = (specifier: string): string =>
    specifier.startsWith('.')
      ? posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')
      : specifier.replace(/^undici\/.*/, 'undici');
  const stated = [
    ...text.matchAll(/\b(?:import|export)\s+(type\s+)?([^'";()]*?)\s*\bfrom\s*['"]([^'"]+)['"]/g),
  ].map(([, type, clause = '', specifier = '']) => ({
    from: at(specifier),
    names: type ? [] : namesIn(clause),
  }));
  const whole = [
    ...text.matchAll(/\bimport\s*['"]([^'"]+)['"]/g),
    ...text.matchAll(/(?<!type \w+ = )\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g),
  ].map(([, specifier = '']) => ({ from: at(specifier), names: ['*'] }));
  return [...stated, ...whole];
}

function namesIn(clause: string): readonly string[] {
  const [, braces] = /\{([\s\S]*)\}/.exec(clause) ?? [];
  const rest = clause
    .replace(/\{[\s\S]*\}/, '')
    .replaceAll(',', ' ')
    .trim();
  const named = (braces ?? '').split(',').map((one) => one.trim());
  const values = named.filter((one) => one !== '' && !one.startsWith('type '));
  return [...(rest === '' ? [] : ['*']), ...values.map((one) => one.split(/\s+as\s+/)[0] ?? one)];
}

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/(^|\s)\/\/[^\n]*/g, '$1');
