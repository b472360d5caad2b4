import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { parse } from 'yaml';
import type { LastWeek } from '../../client/init/last-week.ts';
import type { NextStep } from '../../client/init/next.ts';
import { test } from '../support/calls.ts';
import { historiesOf } from '../support/places.ts';
import { built, makePlace, type Place } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { expectSentence } from './sentences.ts';
import { type SeenRequest, startServer } from './world.ts';

const readOnly = 'simulator-read-only-key';
const from = 'oncall-bot@example.com';

/** A company with a past to look back at: three times the same at once, and one that no tool told of. */
const companyWith = (micros: number): string =>
  JSON.stringify({
    users: [
      { id: 'PBOT', name: 'Bot', email: from },
      { id: 'PADA', name: 'Ada', email: 'ada@example.com' },
    ],
    teams: [{ id: 'PWEB', name: 'Web', members: [{ user: 'PADA' }] }],
    schedules: [
      {
        id: 'PROTA',
        name: 'Rota',
        time_zone: 'Etc/UTC',
        layers: [{ start: '2026-01-05T09:00:00Z', rotation_turn_length_seconds: 86_400, users: ['PADA'] }],
      },
    ],
    escalation_policies: [
      {
        id: 'PONCALL',
        name: 'Web on-call',
        team: 'PWEB',
        escalation_rules: [{ escalation_delay_in_minutes: 30, targets: [{ schedule: 'PROTA' }] }],
      },
    ],
    services: [
      {
        id: 'PSHOP',
        name: 'Shop',
        escalation_policy: 'PONCALL',
        integrations: [{ routing_key: 'S'.repeat(32) }],
      },
      {
        id: 'PCART',
        name: 'Cart',
        escalation_policy: 'PONCALL',
        integrations: [{ routing_key: 'C'.repeat(32) }],
      },
      ...Array.from({ length: micros }, (_, index) => ({
        id: `PMANY${index}`,
        name: `micro ${String(index).padStart(4, '0')}`,
        escalation_policy: 'PONCALL',
      })),
    ],
    credentials: [
      { key: readOnly, access: 'read-only' },
      { key: 'ada-has-a-key-0000', user: 'PADA' },
    ],
    incidents: [
      ...[300, 299, 298].map((minutes) => ({
        service: 'PSHOP',
        title: 'Shop is slow',
        minutes_ago: minutes,
        alerts: [{ key: `slow-${minutes}` }],
        resolved: { after_minutes: 120, by: 'PADA' },
      })),
      { service: 'PSHOP', title: 'The till is stuck', minutes_ago: 200, created_by: 'PADA' },
      { service: 'PCART', title: 'Cart is empty', minutes_ago: 100, alerts: [{ key: 'cart' }] },
      {
        service: 'PSHOP',
        title: 'Shop is slow',
        minutes_ago: 12_000,
        alerts: [{ key: 'old' }],
        resolved: { after_minutes: 5 },
      },
    ],
  });

let hall: Place;
let url: string;
beforeAll(async () => {
  hall = makePlace('init');
  url = await startSimulator(hall, companyWith(2_500));
});
afterAll(() => hall.clear());

async function startSimulator(place: Place, data: string, ...more: readonly string[]): Promise<string> {
  const file = join(place.folder, `company-${Math.random()}.json`);
  writeFileSync(file, data);
  const args = [built('simulator/main.js'), '--port', '0', '--exit-with-parent', '--data', file, ...more];
  return (await place.start(process.execPath, args).line(/^listening on /)).replace('listening on ', '');
}

const control = async (at: string, method: string, path: string, body?: unknown): Promise<unknown> => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${at}/_simulator${path}`, {
    method,
    headers,
    body: JSON.stringify(body) ?? null,
  });
  return answer.json();
};
/** What was asked since a request. */
const asked = async (at: string, since = 0) =>
  (
    (await control(at, 'GET', `/requests?since=${since}`)) as {
      requests: readonly (SeenRequest & { readonly seq: number; readonly user_agent: string })[];
    }
  ).requests;
const newest = async (at: string): Promise<number> => (await asked(at)).at(-1)?.seq ?? 0;

const env = { PAGERDUTY_API_TOKEN: readOnly };
const said = (at = url, ...more: readonly string[]): readonly string[] => [
  'init',
  '--token',
  'env:PAGERDUTY_API_TOKEN',
  '--rest-url',
  at,
  ...more,
];

interface Written {
  readonly configFile: string;
  readonly keyFile: string;
  readonly warnings: readonly string[];
  readonly lastWeek: LastWeek | null;
  readonly next: readonly NextStep[];
}

/** That there is no configuration, no half of one, and no key. */
function expectNothingWritten({ folder, home }: Place): void {
  expect(readdirSync(folder).filter((name) => name.startsWith('oncall.yaml'))).toEqual([]);
  expect(existsSync(join(home, 'keys')) ? readdirSync(join(home, 'keys')) : []).toEqual([]);
}

/** That all that was asked were readings of init's own. */
async function expectOnlyRead(at: string, since: number): Promise<void> {
  const requests = await asked(at, since);
  expect(requests.length).toBeGreaterThan(0);
  for (const { method, user_agent: program } of requests)
    expect([method, program]).toEqual(['GET', expect.stringContaining('(init)')]);
}

describe('init', () => {
  test('writes a configuration with flags, looks back, and PagerDuty is only read', async ({
    place,
    call,
  }) => {
    const since = await newest(url);
    const before = await control(url, 'GET', '/state');
    const ended = await call(said(url, '--services', 'shop', 'PCART', '--from', from, '--json'), { env });
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(ended.stderr).toContain('PagerDuty does not say whether this key may write');
    const written = JSON.parse(ended.stdout) as Written;
    expect(written.lastWeek).toMatchObject({
      complete: true,
      incidents: 5,
      over: 0,
      touched: 5,
      duplicates: 2,
      findings: { real: 2, unclear: 1 },
      often: [{ title: 'Shop is slow', service: 'Shop', duplicates: 2 }],
    });
    const text = readFileSync(place.configFile, 'utf8');
    expect(text).not.toContain(readOnly);
    expect(ended.stdout + ended.stderr).not.toContain(readOnly);
    const when = { services: ['PSHOP', 'PCART'] };
    expect(parse(text)).toEqual({
      accounts: {
        main: { region: 'custom', rest_url: url, events_url: url, token: 'env:PAGERDUTY_API_TOKEN', from },
      },
      agents: {
        'triage-bot': {
          public_key: expect.stringMatching(/^\S{43}$/),
          grants: {
            incidents: { level: 'read', when },
            'incidents.add_note': { level: 'full', when },
            services: { level: 'read', when },
            oncalls: 'read',
          },
        },
      },
    });
    await expectOnlyRead(url, since);
    expect(await control(url, 'GET', '/state')).toEqual({ ...(before as object), now: expect.anything() });
    const again = await call(said(url, '--all-services', '--from', from), { env });
    expectSentence(again, {
      code: 1,
      says: /oncall\.yaml exists already and is not overwritten\. Add to it .*--config FILE/,
    });
    expect(readFileSync(place.configFile, 'utf8')).toBe(text);
  });

  test('asks a person at a terminal, again where an answer is none, and takes what is typed', async ({
    place,
  }) => {
    const since = await newest(url);
    // Python's own pseudo-terminal: what is typed into its stdin comes from the keyboard.
    const terminal = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
    const command = [process.execPath, built('client/cli.js'), 'init', '--rest-url', url];
    const person = place.start('python3', ['-c', terminal, ...command], { env });
    const answers: readonly (readonly [asks: RegExp, answer?: string])[] = [
      [/key lie: env:NAME, or file:PATH\? \[env:PAGERDUTY_API_TOKEN\]/, 'env:NOT_THERE'],
      [/the environment of this command has no NOT_THERE\. Mend: /, ''],
      [/^Services \(2,502\): Cart, micro 0000, .* more/],
      [/^Teams \(1\): Web/],
      [/^Escalation policies \(1\): Web on-call/],
      [/Whose incidents may triage-bot read/, 'shopp'],
      [/There is no service "shopp"; did you mean Shop\?/, 'team web'],
      [/Address of the PagerDuty user/, 'ada@example.com'],
      [/ada@example\.com cannot be whom writes are from: ada@example\.com is on call at level 1/, from],
    ];
    for (const [asks, answer] of answers) {
      await person.line(asks);
      if (answer !== undefined) person.type(`${answer}\r`);
    }
    const ended = await person.ended;
    expect(ended, ended.stdout).toMatchObject({ code: 0 });
    expect(ended.stdout).toMatch(/triage-bot would have touched 5 incidents; 2 were duplicates\./);
    expect(ended.stdout).not.toContain(readOnly);
    const { agents } = parse(readFileSync(place.configFile, 'utf8'));
    expect(agents['triage-bot'].grants['incidents.add_note']).toEqual({
      level: 'full',
      when: { teams: ['PWEB'] },
    });
    await expectOnlyRead(url, since);
  });

  test.for<readonly [what: string, args: readonly string[], code: 1 | 2, says: RegExp]>([
    [
      'no flag at all',
      ['init'],
      2,
      /^Nobody is here to be asked; what is missing: --token env:NAME .*, --services NAME… .*, --from ADDRESS\.\n$/,
    ],
    [
      'one flag missing',
      ['init', '--token', 'env:A', '--from', from],
      2,
      /missing: --services NAME… \(or --teams, --policies, --all-services; `oncall init --list` shows the names\)\.\n$/,
    ],
    [
      'the key itself',
      ['init', '--token', 'u-AbCdEfGhIjKlMnOpQr', '--all-services', '--from', from],
      2,
      /^--token says where the key lies, and is never the key: env:NAME, or file:PATH/,
    ],
    [
      'an unknown region',
      ['init', '--token', 'env:A', '--region', 'mars', '--all-services', '--from', from],
      2,
      /^--region is us or eu/,
    ],
    [
      'a region and an address',
      ['init', '--token', 'env:A', '--region', 'eu', '--rest-url', 'http://127.0.0.1:1', '--list'],
      2,
      /exclude each other/,
    ],
    [
      'an address that is none',
      ['init', '--token', 'env:A', '--rest-url', 'here', '--list'],
      2,
      /take addresses, such as/,
    ],
    ['a name of the audit’s own', ['init', '--agent', 'runner'], 2, /uses the name runner itself/],
    [
      'a key that is not there',
      ['init', '--token', 'env:NOT_THERE', '--list'],
      1,
      /has no NOT_THERE\. Mend: set NOT_THERE/,
    ],
    [
      'nobody there',
      ['init', '--token', 'env:PAGERDUTY_API_TOKEN', '--rest-url', 'http://127.0.0.1:1', '--list'],
      1,
      /cannot be reached .* Mend: see whether http:\/\/127\.0\.0\.1:1 can be reached/,
    ],
  ])('%s: one sentence, and nothing is written', async ([, args, code, says], { place, call }) => {
    const ended = await call(args, { env });
    expectSentence(ended, { code, says });
    expect(ended.stderr).not.toContain('AbCdEf');
    expectNothingWritten(place);
  });

  test.for<readonly [what: string, args: readonly string[], key: string, code: 1 | 2, says: RegExp]>([
    [
      'a key that PagerDuty does not take',
      ['--all-services', '--from', from],
      'wrong-key-000000000000',
      1,
      /does not take what env:PAGERDUTY_API_TOKEN holds .*a key of another region is refused as well/,
    ],
    [
      'a service that is not there',
      ['--services', 'Shopp', '--from', from],
      readOnly,
      2,
      /There is no service "Shopp"; did you mean Shop\?\n$/,
    ],
    [
      'a user who is not there',
      ['--all-services', '--from', 'who@example.com'],
      readOnly,
      1,
      /who@example\.com cannot be whom writes are from: there is no user who@example\.com.* Mend: add that user/,
    ],
    [
      'a user who is on call',
      ['--all-services', '--from', 'ada@example.com'],
      readOnly,
      1,
      /is on call at level 1 of Web on-call.* Mend: take ada@example\.com off/,
    ],
  ])(
    '%s: its sentence is the last, and nothing is written',
    async ([, args, key, code, says], { place, call }) => {
      const ended = await call(said(url, ...args), { env: { PAGERDUTY_API_TOKEN: key } });
      expect(ended).toMatchObject({ code, stdout: '' });
      expect(ended.stderr.trimEnd().split('\n').at(-1) + '\n').toMatch(says);
      expect(ended.stderr).not.toContain(key);
      expectNothingWritten(place);
    },
  );

  test('a person’s own key, which may write, is warned of with the mend', async ({ call }) => {
    const ended = await call(said(url, '--list', '--json'), {
      env: { PAGERDUTY_API_TOKEN: 'ada-has-a-key-0000' },
    });
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(
      /^Warning: Its token is Ada’s own: .*; with the role user it may write\. Mend: make a read-only API key of the account/,
    );
    const { services, complete } = JSON.parse(ended.stdout) as {
      services: readonly unknown[];
      complete: boolean;
    };
    expect({ services: services.length, complete }).toEqual({ services: 2_502, complete: true });
  });

  test('an account without a service is told; where the limit is used up it waits', async ({
    place,
    call,
  }) => {
    const empty = await startSimulator(
      place,
      JSON.stringify({
        users: [{ id: 'PBOT', name: 'Bot', email: from }],
        credentials: [{ key: readOnly, access: 'read-only' }],
      }),
    );
    const ended = await call(said(empty, '--all-services', '--from', from), { env });
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(
      /PagerDuty shows no service to this key.* Make a service, or take a key that sees one; then call this again\.\n$/,
    );
    expectNothingWritten(place);
    const small = await startSimulator(place, companyWith(150));
    await control(small, 'POST', '/faults', { operation: 'listServices', kind: 'rate_limited', times: 2 });
    const patient = await call(said(small, '--teams', 'Web', '--from', from), { env });
    expect(patient, patient.stderr).toMatchObject({ code: 0 });
    expect(patient.stderr).toMatch(/PagerDuty's limit for this key is used up; going on in \d s\./);
    expect(patient.stdout).toMatch(/would have touched 5 incidents; 2 were duplicates/);
  });

  test.for<NodeJS.Signals>(['SIGINT', 'SIGTERM'])(
    '%s in the middle leaves no half file',
    async (signal, { place }) => {
      const held = await startSimulator(place, companyWith(0));
      await control(held, 'POST', '/faults', { operation: 'listIncidents', kind: 'hold', times: 1 });
      const program = place.oncall(said(held, '--all-services', '--from', from), { env });
      await until('the look back has begun', () => isAsked(held));
      program.sendToGroup(signal);
      const ended = await program.ended;
      expect(ended).toMatchObject({ code: 1, stdout: '' });
      expect(ended.stderr).toMatch(/\nStopped; nothing was written\.\n$/);
      expectNothingWritten(place);
    },
  );

  /** Whether the held request has come: it is in the log when it is answered. */
  const isAsked = async (at: string): Promise<boolean> => {
    const { faults } = (await control(at, 'GET', '/faults')) as { faults: readonly { struck: number }[] };
    return faults.some(({ struck }) => struck > 0);
  };
});

/** Types a command into a shell, as a person who copies it. */
const typed = (place: Place, command: string, env: Readonly<Record<string, string>>) =>
  place.start('sh', ['-c', command], { env });

test('every next step works as it is printed, and the doctor finds nothing wrong', async ({
  place,
  call,
}) => {
  const server = await startServer(place);
  const programs = join(place.folder, 'bin');
  mkdirSync(programs);
  const cli = `#!/bin/sh\nexec '${process.execPath}' '${built('client/cli.js')}' "$@"\n`;
  writeFileSync(join(programs, 'oncall'), cli, { mode: 0o755 });
  writeFileSync(join(place.folder, 'pagerduty.key'), readOnly, { mode: 0o600 });
  const shell = {
    PATH: `${programs}:${process.env['PATH']}`,
    TEMPORAL_ADDRESS: server.address,
    LOG_LEVEL: 'warn',
  };
  const since = await newest(url);
  const ended = await call(
    [
      'init',
      '--token',
      'file:pagerduty.key',
      '--rest-url',
      url,
      '--services',
      'Shop',
      'Cart',
      '--from',
      from,
      '--json',
    ],
    { env: shell },
  );
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const { next } = JSON.parse(ended.stdout) as Written;
  const words = next.map(({ command }) => /\boncall (?:--config \S+ )?(.*)$/.exec(command)?.[1]);
  expect(words).toEqual([
    'worker',
    'doctor',
    expect.stringMatching(/^run triageIncident --input /),
    'audit',
    'operators add lead',
    'agents add second-bot',
  ]);
  for (const [index, { command }] of next.entries()) {
    const program = typed(place, command, shell);
    if (words[index] === 'worker') {
      await program.line(/^working on main in namespace default$/);
      continue;
    }
    const { code, stdout, stderr } = await program.ended;
    expect({ command, code }, `${stdout}\n${stderr}`).toEqual({ command, code: 0 });
    if (words[index] === 'doctor') expect(stdout).toMatch(/^Nothing is wrong\. Looked at .*account main/);
    if (words[index]?.startsWith('run')) expect(stdout).toMatch(/is real/);
    if (words[index] === 'audit') expect(stdout).toMatch(/triage-bot may read incident/);
  }
  expect(Object.keys(parse(readFileSync(place.configFile, 'utf8')).agents)).toEqual([
    'triage-bot',
    'second-bot',
  ]);
  // Nothing of all that has written anything in PagerDuty.
  for (const { method } of await asked(url, since)) expect(method).toBe('GET');
  const connection = await Connection.connect({ address: server.address });
  place.search(await historiesOf(new Client({ connection }), []));
  await connection.close();
});
