import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { notConnected, unreadableSettings, whyKeptOut } from '../../gate/temporal-settings.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const sources = ['activities', 'client', 'gate', 'pagerduty', 'simulator', 'worker', 'workflows'].flatMap(
  (room) =>
    readdirSync(join(checkout, room), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${room}/${file}`),
);
const holding = (pattern: RegExp): readonly string[] =>
  sources.filter((file) => pattern.test(readFileSync(join(checkout, file), 'utf8'))).toSorted();

describe('where Temporal is and what we show there', () => {
  test('is read by Temporal’s own reader, once for each kind of process, and each connection takes all of it', () => {
    expect(sources.length).toBeGreaterThan(200);
    expect(holding(/\bloadClientConnectConfig\(/)).toEqual(['client/config.ts', 'worker/config.ts']);
    const connecting = holding(/\b(?:Native)?Connection\.(?:connect|lazy)\(/);
    expect(connecting).toEqual(['client/connect.ts', 'client/serve-agent.ts', 'worker/index.ts']);
    for (const file of connecting) {
      const text = readFileSync(join(checkout, file), 'utf8');
      const calls =
        text.match(/Connection\.(?:connect|lazy)\(\{\s*\.\.\.(?:connectionOptions|options)\b/g) ?? [];
      expect(calls.length, file).toBe(text.match(/Connection\.(?:connect|lazy)\(/g)?.length);
    }
  });
});

describe('a server that does not let us in', () => {
  test.each<[string, boolean, RegExp | undefined]>([
    ['16 UNAUTHENTICATED: Request unauthorized.', true, /does not know our key or certificate/],
    [
      'Failed to call GetSystemInfo: code: \'The request does not have valid authentication credentials\', message: "x"',
      true,
      /does not know our key/,
    ],
    ['7 PERMISSION_DENIED: Request unauthorized.', true, /knows us, and lets us do nothing/],
    ['error: InvalidCertificate(UnknownIssuer)', true, /nobody whom we trust vouches/],
    ['No connection established. Last error: Error: self-signed certificate', true, /nobody whom we trust/],
    [
      'Last error: Error: ...:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required',
      true,
      /no certificate of ours/,
    ],
    ['hyper::Error(Io, Kind(ConnectionReset))', true, /hung up: it trusts no certificate of ours/],
    ['error: InvalidMessage(InvalidContentType)', true, /speaks no TLS/],
    // Without TLS a line that breaks says nothing of trust.
    ['hyper::Error(Io, Kind(ConnectionReset))', false, undefined],
    ['No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1', true, undefined],
    ['4 DEADLINE_EXCEEDED: Deadline exceeded after 5.000s', true, undefined],
  ])('that says %j is told by what is missing', (words, isSecure, why) => {
    const said = whyKeptOut(words, isSecure);
    if (why) expect(said).toMatch(why);
    else expect(said).toBeUndefined();
    expect(notConnected('t:7233', said)).toMatch(
      why
        ? /^The Temporal server at t:7233 does not let us in: .*TEMPORAL_API_KEY/
        : /^No Temporal server answers at t:7233\./,
    );
  });
});

test('settings that cannot be read are told by their file, and by no word of a key', () => {
  const missing = Object.assign(new Error('ENOENT: no such file'), {
    code: 'ENOENT',
    path: '/etc/client.pem',
  });
  expect(unreadableSettings(missing, {})).toMatch(
    /name the file \/etc\/client\.pem, which cannot be read \(ENOENT\)/,
  );
  expect(
    unreadableSettings(new Error('Unknown profile'), {
      TEMPORAL_CONFIG_FILE: '/t.toml',
      TEMPORAL_PROFILE: 'x',
    }),
  ).toBe(
    "Temporal's own settings in /t.toml cannot be used (Unknown profile). They need a section [profile.x]; or name another file by TEMPORAL_CONFIG_FILE.",
  );
  expect(unreadableSettings(new TypeError('x of undefined'), {})).toMatch(
    /temporal\.toml in your .* cannot be used\. They need/,
  );
});
