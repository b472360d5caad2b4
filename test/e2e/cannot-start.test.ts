import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject } from 'vitest';
import { clientSettings } from '../../client/config.ts';
import { freePorts } from '../../client/ports.ts';
import { findTemporal } from '../../client/temporal-server.ts';
import { test } from '../support/calls.ts';
import { responder } from '../support/grants.ts';
import { type Ended, makePlace, type Place } from '../support/processes.ts';
import { agentIn, configuration, expectSentence, subject, triage } from './sentences.ts';
import { startWorld, type World } from './world.ts';

/** The server that has all that a run needs. */
const ours = inject('temporalAddress');
const takenPort = ours.split(':')[1];

let hall: Place;
/** Address of a server as anybody starts it. */
let plain: string;
let world: World;
beforeAll(async () => {
  hall = makePlace();
  const [port = 0, uiPort = 0] = await freePorts(2);
  const { path } = await findTemporal(clientSettings(), () => {});
  plain = `127.0.0.1:${port}`;
  const options = `server start-dev --ip 127.0.0.1 --port ${port} --ui-port ${uiPort} --log-level error`;
  const program = hall.start(path, options.split(' '));
  [world] = await Promise.all([
    startWorld(hall, { 'triage-bot': responder() }),
    program.line(/^Temporal Server:/),
  ]);
});
afterAll(async () => {
  await hall.clear();
  await world.close();
});

describe.concurrent('a worker that cannot start', () => {
  test.for<readonly [what: string, text: string | undefined, says: RegExp]>([
    ['without a configuration', undefined, /oncall\.yaml cannot be read.*(ONCALL_CONFIG|--config)/],
    ['with a broken one', configuration().replace('region: us', 'region: mars'), /oncall\.yaml:4:\d+: /],
    ['without accounts', 'accounts:\nagents:\n', /oncall\.yaml names no account; add one under accounts/],
    ['with an empty file', '', /oncall\.yaml names no account; add one under accounts/],
  ])('%s', async ([, text, says], { place }) => {
    if (text !== undefined) writeFileSync(place.configFile, text);
    const ended = await place.oncall(['worker'], { env: { TEMPORAL_ADDRESS: ours } }).ended;
    expectSentence(ended, { code: 1, says });
  });

  test.for<readonly [where: string, address: string, says: RegExp]>([
    [
      'where there is no such address',
      'metrics.example:9464',
      /Metrics cannot be shown at "metrics\.example:9464"\. Set ONCALL_METRICS_ADDRESS to/,
    ],
    ['where another program is', ours, /Metrics cannot be shown at .*in use.*Set ONCALL_METRICS_ADDRESS to/],
  ])('that is to show metrics %s', async ([, address, says], { place }) => {
    writeFileSync(place.configFile, configuration());
    const env = { TEMPORAL_ADDRESS: ours, ONCALL_METRICS_ADDRESS: address };
    expectSentence(await place.oncall(['worker'], { env }).ended, { code: 1, says });
  });

  test('in a namespace that does not exist', async ({ place }) => {
    writeFileSync(place.configFile, configuration());
    const env = { TEMPORAL_ADDRESS: ours, TEMPORAL_NAMESPACE: 'nowhere' };
    const ended = await place.oncall(['worker'], { env }).ended;
    expectSentence(ended, {
      code: 1,
      says: /namespace nowhere .*Set TEMPORAL_NAMESPACE to one that exists/,
    });
  });

  test('on a server that lacks the search attributes', async ({ place }) => {
    writeFileSync(place.configFile, configuration());
    const ended = await place.oncall(['worker'], { env: { TEMPORAL_ADDRESS: plain } }).ended;
    const says =
      /lacks the search attributes OncallAgent, .*oncall doctor --fix.*temporal operator search-attribute create/;
    expectSentence(ended, { code: 1, says });
  });
});

describe.concurrent('a Temporal server that ends at once', () => {
  /** `oncall temporal` with a `temporal` on PATH that fails the first times. */
  const startBeside = async (place: Place, failures: number) => {
    const { path } = await findTemporal(clientSettings(), () => {});
    const lines = [
      '#!/bin/sh',
      `echo x >> ${place.folder}/starts`,
      `[ "$(/usr/bin/wc -l < ${place.folder}/starts)" -gt ${failures} ] && exec ${path} "$@"`,
      'echo "listen: address already in use" >&2',
      'exit 1',
    ];
    const programs = join(place.folder, 'bin');
    mkdirSync(programs);
    writeFileSync(join(programs, 'temporal'), `${lines.join('\n')}\n`, { mode: 0o755 });
    const [port, uiPort] = await freePorts(2);
    const args = ['temporal', '--port', String(port), '--ui-port', String(uiPort)];
    return place.oncall(args, { env: { PATH: programs } });
  };

  test('is started again: a port that it picked for itself was taken', async ({ place }) => {
    const program = await startBeside(place, 2);
    await program.line(/^listening on /);
    program.send('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('each time: its last words are told', async ({ place }) => {
    const ended = await (await startBeside(place, 9)).ended;
    const says = /^The Temporal server did not start: listen: address already in use\. Does `.*` run\?$/m;
    expectSentence(ended, { code: 1, says });
    expect(place.living()).toEqual([]);
  });
});

describe('a run that cannot start', () => {
  test('in a namespace that does not exist', async ({ place, call }) => {
    const env = { ...agentIn(place), TEMPORAL_ADDRESS: ours, TEMPORAL_NAMESPACE: 'nowhere' };
    const ended = await call(triage(subject), { env });
    expectSentence(ended, { code: 1, says: /nowhere.*TEMPORAL_NAMESPACE/ });
  });

  test('on a server that lacks the search attributes', async ({ place, call }) => {
    const env = { ...agentIn(place), TEMPORAL_ADDRESS: plain };
    const ended = await call(triage(subject), { env });
    expectSentence(ended, { code: 1, says: /OncallAgent/ });
  });
});

describe.concurrent('a port that is taken', () => {
  test.for<readonly [string, string]>([
    ['temporal', '--port'],
    ['temporal', '--ui-port'],
    ['simulator', '--port'],
    ['dev', '--port'],
    ['dev', '--ui-port'],
    ['dev', '--simulator-port'],
    ['dev', '--webhooks-port'],
    ['webhooks', '--port'],
    ['console', '--port'],
  ])('oncall %s %s', async ([command, option], { place }) => {
    const [a, b, c, d] = await freePorts(4);
    const free = {
      temporal: { '--port': a, '--ui-port': b },
      simulator: {},
      dev: { '--port': a, '--ui-port': b, '--simulator-port': c, '--webhooks-port': d },
      webhooks: {},
      console: {},
    }[command];
    writeFileSync(place.configFile, configuration());
    const ports = Object.entries({ ...free, [option]: takenPort })
      .flat()
      .map(String);
    const ended = await place.oncall([command, ...ports]).ended;
    expectSentence(ended, {
      code: 1,
      says: new RegExp(`^Port ${takenPort} is taken; choose another with ${option},`, 'm'),
    });
    expect(place.living()).toEqual([]);
  });
});

describe('an agent that was just added', () => {
  test('can sign, and everything is denied to it', async ({ place }) => {
    await world.startWorker();
    const keyFile = join(place.folder, 'new-bot.pem');
    const settings = { ONCALL_HOME: hall.home, ONCALL_CONFIG: hall.configFile };
    const added = await place.oncall(['agents', 'add', 'new-bot', '--key-file', keyFile], { env: settings })
      .ended;
    expect(added, added.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(added.stdout).toContain('everything is denied to it');
    const incident = await world.trigger();
    const run = (name: string, input: object, agent = 'new-bot'): Promise<Ended> => {
      const env = {
        ...settings,
        ...world.temporal,
        ONCALL_AGENT: agent,
        ONCALL_AGENT_KEY_FILE: keyFile,
      };
      const text = JSON.stringify({ account: 'main', incident, ...input });
      return place.oncall(['run', name, '--input', text, '--json'], { env }).ended;
    };
    const ends = await Promise.all([
      run('triageIncident', {}),
      run('acknowledgeIncident', {}),
      run('addNote', { note: 'Hello.' }),
      run('resolveIncident', {}),
      run('respondToIncident', { assess: 'rules' }),
    ]);
    for (const { code, stdout, stderr } of ends) {
      expect(code, stderr).toBe(3);
      const result = JSON.parse(stdout) as { outcome: string; summary: string };
      expect(result.outcome).toBe('denied');
      // The gate knows whose run it is, so the statement was good; what it misses is the grant.
      expect(result.summary).toMatch(/^new-bot may not .*: no grant covers /);
    }
    const stolen = await run('addNote', { note: 'Hello.' }, 'triage-bot');
    expect(stolen.code, stolen.stderr).toBe(3);
    expect(JSON.parse(stolen.stdout).summary).toContain('was not signed with the key');
    // Not even a read went out for it; the sweep, which looks at lists each minute, is the runner's own.
    const about = (await world.requests()).filter(({ path }) => path.includes(incident));
    expect(about).toEqual([]);
    const audit = await place.oncall(['audit', '--agent', 'new-bot', '--json'], { env: settings }).ended;
    const records = JSON.parse(audit.stdout) as readonly { decision: string; rule: string }[];
    expect(records.length).toBeGreaterThanOrEqual(5);
    expect(new Set(records.map(({ decision }) => decision))).toEqual(new Set(['denied']));
  });
});
