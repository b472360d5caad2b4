import { chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { doctor } from '../../client/commands/doctor.ts';
import { applyStanding } from '../../client/commands/standing.ts';
import { clientSettings } from '../../client/config.ts';
import type { Finding } from '../../client/doctor/finding.ts';
import { type DoctorOptions, examine } from '../../client/doctor/index.ts';
import { subscriptionsAs } from '../../client/operator-subscriptions.ts';
import { freePorts } from '../../client/ports.ts';
import { findTemporal } from '../../client/temporal-server.ts';
import { secretsFrom } from '../../gate/secrets.ts';
import { press } from '../../gate/switches.ts';
import { webhookSecretsIn } from '../../gate/webhook-secrets.ts';
import { followedEvents } from '../../pagerduty/webhooks.ts';
import { seedIds } from '../../simulator/seed.ts';
import { startWorker } from '../../worker/index.ts';
import { incidentSweepScheduleId, sweepScheduleId, taskQueues } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { liftAll } from '../support/lift-all.ts';
import { memoryLog } from '../support/logged.ts';
import { asLead } from '../support/orders.ts';
import { makePlace, type Place } from '../support/processes.ts';
import { checkoutKey, type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { type Receiver, startReceiver } from '../support/webhooks.ts';
import { rewrite } from '../unit/tampering.ts';

const orders = `
standing:
  night: { on: incident.triggered, services: [PCHECKOUT], workflow: triageIncident, agent: triage-bot }
  rota: { cron: "0 8 29 2 *", zone: Europe/Berlin, workflow: runOperation, agent: triage-bot, input: { operation: listOnCalls, request: {} } }
`;

let stage: Stage;
let receiver: Receiver;
let hall: Place;
let whole: string;
let planted = 0;
beforeAll(async () => {
  hall = makePlace('doctor');
  stage = await setStage({
    agents: { 'triage-bot': responder('5m') },
    operators: { lead: 'pagerduty_user: PADA' },
    simulator: { rateLimit: 0 },
  });
  stage.editConfig((text) => `${text}${orders}`);
  whole = stage.configText();
  asLead(stage);
  await retain(stage.client, 7 * 24);
  // The seed has one service that takes no acknowledge back.
  const { services } = stage.simulator.world;
  for (const one of services.values()) services.set(one.id, { ...one, acknowledgementTimeout: 1_800 });
  await stage.startWorker();
  await sweeps('unpause');
  await applyStanding({ yes: true }, { say: () => {}, result: () => {} });
  receiver = await startReceiver(stage);
  await subscriptionsAs(stage.client, stage.operator('lead'), 'main').create({
    filter: { type: 'account_reference' },
    events: followedEvents,
    url: `${receiver.url}/webhooks/main`,
    description: 'The feed',
  });
});
afterAll(async () => {
  await receiver.stop();
  await stage.client.schedule.getHandle('standing:main:rota').delete();
  await sweeps('pause');
  await stage.close();
  await hall.clear();
  vi.unstubAllEnvs();
});

async function retain(client: Client, hours: number): Promise<void> {
  await client.workflowService.updateNamespace({
    namespace: client.options.namespace,
    config: { workflowExecutionRetentionTtl: { seconds: (hours * 3_600) as never } },
  });
}
async function sweeps(what: 'pause' | 'unpause'): Promise<void> {
  for (const id of [sweepScheduleId('main'), incidentSweepScheduleId('main')]) {
    const sweep = stage.client.schedule.getHandle(id);
    await sweep[what]('by the test');
    if (what === 'pause')
      await until(
        'no sweep is under way',
        async () => (await sweep.describe()).info.runningActions.length === 0,
      );
  }
}

/** Looks at the stage, as it is or in other circumstances. */
async function look(other: Partial<DoctorOptions> = {}) {
  const { home, databaseUrl, configFile, namespace } = stage;
  const examination = await examine({
    settings: { home, databaseUrl: databaseUrl || undefined, configFile },
    temporal: () => ({ connectionOptions: { address: inject('temporalAddress') }, namespace }),
    secrets: secretsFrom({}, 'the test'),
    receiver: receiver.url,
    leastFreeBytes: 1_000,
    now: Date.now,
    ...other,
  });
  await examination.close();
  return examination;
}

/** A finding that must be there: of what, what is wrong, and the mend. */
type Expected = readonly [of: string, what: RegExp, mend: RegExp];

/** Plants faults, looks, takes them away again: there must be these findings and no other. */
async function finds(
  expected: readonly Expected[],
  plant: () => Promise<() => unknown> | (() => unknown),
  other: () => Partial<DoctorOptions> = () => ({}),
): Promise<readonly Finding[]> {
  const takeAway = await plant();
  try {
    const { findings } = await look(other());
    const lines = findings.map(({ of, what, mend }) => `${of}: ${what} → ${mend}`);
    for (const [of, what, mend] of expected) {
      const found = findings.filter((one) => one.of === of && what.test(one.what) && mend.test(one.mend));
      expect(found, `${of}: ${what} → ${mend} in\n${lines.join('\n')}`).toHaveLength(1);
    }
    expect(lines, lines.join('\n')).toHaveLength(expected.length);
    // One line each, that names no secret.
    for (const line of lines) expect(line).not.toMatch(/\n|undefined|\[object /);
    planted += expected.length;
    return findings;
  } finally {
    await takeAway();
  }
}

/** Changes the configuration, and gives what brings it back. */
const edit = (change: (text: string) => string) => () => {
  stage.editConfig(() => change(whole));
  return () => stage.editConfig(() => whole);
};
const file = (name: string, text: string): string => {
  const path = join(stage.home, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};
/** What stands in the place of the account's API key. */
const credential = (lines: string) => edit((text) => text.replace(/token: file:\S+/, lines));

test('a stage where nothing is wrong gives no finding, and all is looked at', async () => {
  const { findings, looked, left, versions } = await look();
  expect(findings).toEqual([]);
  expect(left).toEqual([]);
  expect(looked).toEqual([
    'this machine',
    'configuration',
    'audit store',
    'Temporal',
    'Task Queues',
    'keys of Workers',
    'builds',
    'standing orders',
    'account main',
    'feed of main',
    'receiver',
  ]);
  expect(versions).toMatchObject({ node: process.versions.node, sdk: '1.24.0', server: '1.32.0' });
  // What it tried on the server it has taken away again.
  await until('nothing is left of it', async () => {
    const { count } = await stage.client.workflow.count("WorkflowType = 'doctorTries'");
    return count === 0;
  });
});

test('finds a full disk, secrets that others may read, and releases beside the store', async () => {
  const key = join(stage.home, 'keys', 'old-bot.pem');
  const journal = join(stage.home, 'releases.jsonl');
  const findings = await finds(
    [
      ['disk', /MB are free where .* less than 1,000,000,000 MB/, /make room/],
      ['secrets', /others on this machine may read .*old-bot\.pem/, /^chmod 600 .*old-bot\.pem$/],
      ['audit store', /^1 release is in .*releases\.jsonl/, /start a Worker with this ONCALL_HOME/],
      ['sweeps', /sweep:main is paused/, /--unpause/],
      ['sweeps', /sweep-incidents:main is paused/, /--unpause/],
    ],
    async () => {
      // A sweep would carry it over.
      await sweeps('pause');
      mkdirSync(join(stage.home, 'keys'), { recursive: true });
      writeFileSync(key, 'a key');
      chmodSync(key, 0o644);
      writeFileSync(journal, '{}\n');
      return async () => {
        rmSync(journal);
        await sweeps('unpause');
      };
    },
    () => ({ leastFreeBytes: 1e15 }),
  );
  await findings.find(({ of }) => of === 'secrets')?.fix?.mend();
  expect((await look()).findings).toEqual([]);
});

test('finds a configuration that cannot be read, line by line, and looks at the rest', async () => {
  const line = (what: string): Expected => [
    'configuration',
    new RegExp(`^everything but releases is denied: .*oncall\\.yaml:\\d+:\\d+: .*${what}`),
    /^mend that line/,
  ];
  await finds(
    [line('grants\\.services: a level is'), line('grants\\.oncalls: a level is')],
    edit((text) =>
      text.replace('services: read', 'services: raed').replace('oncalls: read', 'oncalls: raed'),
    ),
  );
});

test('finds that Temporal is away, or lacks the namespace', async () => {
  await finds(
    [['Temporal', /no server answers at 127\.0\.0\.1:1$/, /oncall temporal.*TEMPORAL_ADDRESS/]],
    () => () => {},
    () => ({ temporal: () => ({ connectionOptions: { address: '127.0.0.1:1' } }) }),
  );
  await finds(
    [['Temporal', /the namespace nowhere cannot be used/, /temporal operator namespace create .* nowhere$/]],
    () => () => {},
    () => ({
      temporal: () => ({ connectionOptions: { address: inject('temporalAddress') }, namespace: 'nowhere' }),
    }),
  );
});

test('finds what a server lacks that anybody starts, and adds the search attributes', async () => {
  const [port = 0, uiPort = 0] = await freePorts(2);
  const { path } = await findTemporal(clientSettings(), () => {});
  const address = `127.0.0.1:${port}`;
  const options = `server start-dev --ip 127.0.0.1 --port ${port} --ui-port ${uiPort} --log-level error`;
  const server = hall.start(path, options.split(' '));
  await server.line(/^Temporal Server:/);
  const temporal = { connectionOptions: { address }, namespace: 'default' };
  const lacks: readonly Expected[] = [
    [
      'Temporal',
      /finished runs of default stay readable for 24 h, less than 168 h/,
      /namespace update --retention 168h default$/,
    ],
    ['Temporal', /agents do not take turns/, /matching\.enableFairness/],
  ];
  const none: Expected = ['standing orders', /rota has no Schedule/, /^oncall standing apply$/];
  const findings = await finds(
    [
      ...lacks,
      none,
      [
        'search attributes',
        /default lacks OncallAgent, .*OncallWaitingFor/,
        /^oncall doctor --fix, or each: temporal/,
      ],
      ['Task Queues', /no Worker polls oncall/, /^oncall worker$/],
    ],
    () => () => {},
    () => ({ temporal: () => temporal }),
  );
  // The connection of that look is closed: mended is by another.
  expect(findings.find(({ of }) => of === 'search attributes')?.fix).toBeDefined();
  const { findings: again, close } = await examineAt(temporal);
  await again.find(({ of }) => of === 'search attributes')?.fix?.mend();
  await close();
  const { home, databaseUrl, configFile } = stage;
  const worker = await until('the server has taken the search attributes up', () =>
    startWorker({
      temporal,
      configFile,
      home,
      databaseUrl: databaseUrl || undefined,
      workflowBundle: inject('workflowBundle'),
      log: memoryLog,
    }).catch(() => undefined),
  );
  const connection = await Connection.connect({ address });
  const there = new Client({ connection });
  const ids = [sweepScheduleId('main'), incidentSweepScheduleId('main')];
  for (const id of ids) await there.schedule.getHandle(id).pause('a test');
  const parts = (queue: string): Expected => [
    'Task Queues',
    new RegExp(`^${queue} has 4 partitions`),
    /numTaskqueueReadPartitions/,
  ];
  try {
    await finds(
      [
        ...lacks,
        none,
        ...Object.values(taskQueues).map((of) => parts(of('main'))),
        ...ids.map(
          (id): Expected => [
            'sweeps',
            new RegExp(`${id} is paused \\(a test\\)`),
            new RegExp(`--schedule-id ${id} --unpause`),
          ],
        ),
      ],
      () => () => {},
      () => ({ temporal: () => temporal }),
    );
  } finally {
    await connection.close();
    worker.stop();
    await worker.stopped;
    server.send('SIGTERM');
    await server.ended;
  }
});

const examineAt = (temporal: ReturnType<DoctorOptions['temporal']>) =>
  examine({
    settings: { ...stage, databaseUrl: stage.databaseUrl || undefined },
    temporal: () => temporal,
    secrets: secretsFrom({}, 'the test'),
    receiver: undefined,
    leastFreeBytes: 0,
    now: Date.now,
  });

test('finds a limit that somebody set, a sweep that is paused, and an account that no Worker serves', async () => {
  const urgent = taskQueues.urgent('main');
  const limit = (rate?: number) =>
    stage.client.workflowService.updateTaskQueueConfig({
      namespace: stage.namespace,
      taskQueue: urgent,
      taskQueueType: 2,
      updateQueueRateLimit: {
        ...(rate !== undefined && { rateLimit: { requestsPerSecond: rate } }),
        reason: 'quiet, please',
      },
    });
  await finds(
    [
      [
        'Task Queues',
        /limited oncall-urgent-main to 1 starts a second \(quiet, please\)/,
        /^temporal task-queue config set/,
      ],
      [
        'Task Queues',
        /a Worker runs, and does not serve oncall-rest-other, oncall-urgent-other/,
        /restart the Worker/,
      ],
      [
        'sweeps',
        /sweep:main is paused \(by the test\): what nobody holds any more is not given back/,
        /--unpause/,
      ],
      ['sweeps', /sweep-incidents:main is paused/, /--unpause/],
      ['sweeps', /there is no Schedule sweep:other/, /restart the Worker/],
      ['sweeps', /there is no Schedule sweep-incidents:other/, /restart the Worker/],
    ],
    async () => {
      await limit(1);
      await sweeps('pause');
      const back = edit((text) => {
        const account = /^ {2}main:\n(?: {4}.*\n)+/m.exec(text)?.[0] ?? '';
        const two = text.replace(account, `${account}${account.replace('main:', 'other:')}`);
        return two.replaceAll('agent: triage-bot', 'account: main, agent: triage-bot');
      })();
      return async () => {
        back();
        await limit();
        await sweeps('unpause');
      };
    },
  );
});

test('finds drift of standing orders, and mends it by the operator’s word', async () => {
  const schedule = stage.client.schedule.getHandle('standing:main:rota');
  const findings = await finds(
    [
      [
        'standing orders',
        /^rota differs on the server in .*, so the gate refuses its runs/,
        /^oncall standing apply$/,
      ],
      ['standing orders', /^late has no Schedule/, /^oncall standing apply$/],
    ],
    async () => {
      await schedule.update(({ spec: _spec, ...rest }) => ({
        ...rest,
        spec: { calendars: [{ hour: 3 }] },
      }));
      return edit((text) => `${text}  late${/ {2}rota(.*)/.exec(text)?.[1] ?? ''}\n`)();
    },
  );
  expect(new Set(findings.map(({ fix }) => fix)).size).toBe(1);
  expect(findings[0]?.fix?.asks).toMatch(/2 Schedules/);
  // What was not in the configuration meanwhile is not made.
  const { findings: now, close } = await examineAt({
    connectionOptions: { address: inject('temporalAddress') },
    namespace: stage.namespace,
  });
  expect(await now[0]?.fix?.mend()).toMatch(/as the configuration says: rota/);
  await close();
  expect((await look()).findings).toEqual([]);
});

/** Says `oncall doctor`, as at a shell. */
async function say(options: { readonly fix?: boolean; readonly yes?: boolean } = {}) {
  const said: string[] = [];
  let words = '';
  const result = (_value: unknown, text: string): void => void (words = text);
  const asked = { receiver: receiver.url, leastFree: '1MB', ...options };
  const code = await doctor(asked, { say: (line) => void said.push(line), result });
  return { code, words, said };
}

test('the command says that nothing is wrong, or what is in a line each; --fix mends it after a question', async () => {
  const schedule = stage.client.schedule.getHandle('standing:main:rota');
  expect(await say({ fix: true })).toMatchObject({
    code: 0,
    words: expect.stringMatching(
      /^Nothing is wrong\. Looked at this machine, .*receiver\.\noncall \S+, Node /,
    ),
  });
  await schedule.update(({ spec: _spec, ...rest }) => ({ ...rest, spec: { calendars: [{ hour: 3 }] } }));
  const wrong =
    /^standing orders: rota differs .* Mend: oncall standing apply\nOne thing is wrong\. Looked at /;
  expect(await say()).toMatchObject({ code: 1, words: expect.stringMatching(wrong) });
  // Nobody sits at a terminal.
  const unasked = await say({ fix: true });
  expect(unasked).toMatchObject({ code: 1, words: expect.stringMatching(wrong) });
  expect(unasked.said.at(-1)).toMatch(
    /^It was not mended: Nothing was done, since nobody is here to be asked/,
  );
  expect(await say({ fix: true, yes: true })).toMatchObject({
    code: 0,
    words: expect.stringMatching(
      /^mended: the Schedules are as the configuration says: rota\.\nNothing is wrong\./,
    ),
  });
});

test('finds a store that is not there, and one that cannot be', async () => {
  const nobodys = join(hall.folder, 'nobodys');
  await finds(
    [['audit store', /there is no audit in .*nobodys$/, /ONCALL_HOME/]],
    () => () => {},
    () => ({ settings: { home: nobodys, databaseUrl: undefined, configFile: stage.configFile } }),
  );
  await finds(
    [['audit store', /DATABASE_URL must begin with postgres/, /docs\/deploy\.md/]],
    () => () => {},
    () => ({ settings: { home: stage.home, databaseUrl: 'mysql://here', configFile: stage.configFile } }),
  );
});

test('finds an audit that was tampered with', async () => {
  const { record } = await stage.store
    .selectFrom('audit')
    .select('record')
    .where('seq', '=', 1)
    .executeTakeFirstOrThrow();
  await finds([['audit', /#1\b/, /oncall audit verify/]], async () => {
    await rewrite(stage.store, 1, { sentence: 'Nothing happened.' });
    return () => rewrite(stage.store, 1, JSON.parse(record));
  });
});

test('finds what is frozen or disabled', async () => {
  await finds(
    [
      ['switches', /everything is frozen since .* by lead \(a bad deploy\)/, /^oncall thaw$/],
      [
        'switches',
        /triage-bot is disabled since .* by lead \(it resolves too much\)/,
        /^oncall agents enable triage-bot/,
      ],
    ],
    async () => {
      const by_whom = 'lead';
      await press(stage.store, { kind: 'freeze', name: '', by_whom, reason: 'a bad deploy' });
      await press(stage.store, {
        kind: 'disable',
        name: 'triage-bot',
        by_whom,
        reason: 'it resolves too much',
      });
      return async () => {
        await liftAll(stage, 'freeze');
        await liftAll(stage, 'disable', 'triage-bot');
      };
    },
  );
});

test('finds secrets that cannot be read or cannot be right', async () => {
  const short = file('short-key', 'too-short');
  const twin = file('twin-key', checkoutKey);
  await finds(
    [
      [
        'account main',
        /the routing key gone cannot be read: .*env:GONE/,
        /^set GONE where the Worker starts/,
      ],
      ['account main', /what file:.*short-key holds is no routing key/, /routing_keys\.short$/],
      ['account main', /routing keys checkout and twin are the same key/, /its own integration/],
      ['account main', /a webhook secret cannot be read: .*nowhere/, /write it to .*nowhere/],
      ['receiver', /it says: A webhook secret of account main cannot be read/, /docs\/webhooks\.md/],
      ['account main', /file:.*missing-token, but that file cannot be read/, /write it to .*missing-token/],
    ],
    () => {
      const back = edit((text) =>
        text
          .replace(/token: file:\S+/, `token: file:${stage.home}/missing-token`)
          .replace(/routing_keys: \{ (.*) \}/, (_, keys: string) =>
            [
              `routing_keys: { ${keys}, gone: env:GONE, short: file:${short}, twin: file:${twin} }`,
              `    webhook_secrets: [file:${stage.home}/nowhere]`,
            ].join('\n'),
          ),
      )();
      return () => {
        back();
        rmSync(short);
        rmSync(twin);
      };
    },
  );
});

test('finds credentials that are wrong, somebody’s own, or of another kind', async () => {
  const key = file('other-token', 'a-key-that-nobody-knows');
  await finds(
    [
      [
        'account main',
        /PagerDuty does not take what file:.*other-token holds/,
        /make a new one in PagerDuty.*region/,
      ],
    ],
    credential(`token: file:${key}`),
  );
  writeFileSync(key, seedIds.keys.user);
  await finds(
    [
      [
        'account main',
        /its token is Ada Adler’s own: .*ends when Ada Adler leaves/,
        /API key of the account/,
      ],
    ],
    credential(`token: file:${key}`),
  );
  writeFileSync(key, 'pdus+_SOMETHING');
  await finds(
    [['account main', /is an OAuth token, and no API key/, /name it as bearer: file:/]],
    credential(`token: file:${key}`),
  );
  const { id, secret } = seedIds.oauthClients.reader;
  writeFileSync(key, secret);
  await finds(
    [
      [
        'account main',
        /triage-bot is granted .*, and the OAuth app has not incidents\.write$/,
        /^add incidents\.write to the app/,
      ],
    ],
    credential(`oauth: { client_id: ${id}, client_secret: file:${key}, subdomain: example }`),
  );
  rmSync(key);
});

test('finds that PagerDuty cannot be reached', async () => {
  await finds(
    [['account main', /PagerDuty cannot be reached/, /http:\/\/127\.0\.0\.1:1 can be reached from here/]],
    edit((text) => text.replace(/rest_url: \S+/, 'rest_url: http://127.0.0.1:1')),
  );
});

test('finds From users that are nobody, or on call', async () => {
  const { policies } = stage.simulator.world;
  const policy = policies.get(seedIds.policies.payments);
  if (!policy) throw new Error('The seed has changed.');
  await finds(
    [
      ['account main', /there is no user nobody@example\.com/, /add that user in PagerDuty/],
      [
        'account main',
        /oncall-bot@example\.com is on call at level \d+ of Payments/,
        /take oncall-bot@example\.com off/,
      ],
    ],
    () => {
      const bot = { id: 'PRULEBOT', delayMinutes: 5, targets: [{ type: 'user', id: 'PBOT' }] } as const;
      policies.set(policy.id, { ...policy, rules: [...policy.rules, bot] });
      const back = edit((text) =>
        text.replace(/from: (\S+)/, 'from: { default: $1, users.create: nobody@example.com }'),
      )();
      return () => {
        policies.set(policy.id, policy);
        back();
      };
    },
  );
});

test('finds services that take no acknowledge back in time, and ids that PagerDuty does not have', async () => {
  const { services } = stage.simulator.world;
  const [checkout, search] = [services.get('PCHECKOUT'), services.get('PSEARCH')];
  if (!checkout || !search) throw new Error('The seed has changed.');
  await finds(
    [
      [
        'account main',
        /\(PCHECKOUT\): PagerDuty takes no acknowledge back by itself/,
        /set the acknowledgement timeout/,
      ],
      [
        'account main',
        /\(PSEARCH\): .* after 60 s, and triage-bot may hold for 300 s/,
        /raise the acknowledgement timeout/,
      ],
      ['configuration', /triage-bot names the service PGONE/, /look for the right id/],
      ['configuration', /lead names the user PNOBODY/, /look for the right id/],
    ],
    () => {
      services.set(checkout.id, { ...checkout, acknowledgementTimeout: null });
      services.set(search.id, { ...search, acknowledgementTimeout: 60 });
      const back = edit((text) =>
        text
          .replace(
            'incidents.add_note: full',
            'incidents.add_note: { level: full, when: { services: [PGONE] } }',
          )
          .replace('pagerduty_user: PADA', 'pagerduty_user: PNOBODY'),
      )();
      return () => {
        for (const one of [checkout, search]) services.set(one.id, one);
        back();
      };
    },
  );
});

test('finds a subscription that is off, with an old secret, and a receiver that is away', async () => {
  const { world } = stage.simulator;
  const [one] = world.subscriptions.list();
  const [secret] = webhookSecretsIn(stage.home, 'main').list();
  if (!one || !secret) throw new Error('There is no feed.');
  const check = /^oncall webhook-subscriptions check --account main --fix$/;
  await finds(
    [
      ['feed of main', /somebody has switched it off/, check],
      [
        'feed of main',
        /its secret is 400 days old/,
        /^oncall webhook-subscriptions rotate P\w+ --account main$/,
      ],
      ['receiver', /nothing of ours answers at http:\/\/127\.0\.0\.1:1,/, /^oncall webhooks/],
    ],
    () => {
      one.active = false;
      const old = Date.now() / 1_000 - 400 * 86_400;
      utimesSync(secret.file, old, old);
      return () => {
        one.active = true;
        utimesSync(secret.file, new Date(), new Date());
      };
    },
    () => ({ receiver: 'http://127.0.0.1:1' }),
  );
});

test('finds clocks that differ', async () => {
  await finds(
    [
      ['clocks', /^Temporal’s clock is 3,60\d s behind this machine’s/, /timedatectl/],
      ['clocks', /^PagerDuty’s clock is 3,60\d s behind this machine’s/, /timedatectl/],
      ...(stage.databaseUrl ? [['clocks', /^the audit store’s clock/, /timedatectl/] as const] : []),
    ],
    () => () => {},
    () => ({ now: () => Date.now() + 3_600_000 }),
  );
});

test('after all of it nothing is wrong any more', async () => {
  expect((await look()).findings).toEqual([]);
  expect(planted).toBeGreaterThanOrEqual(15);
  console.log(`${planted} faults were planted, and found with their mends.`);
  // Last of all, since no clock of a simulator goes back.
  stage.simulator.world.clock.advance(7_200);
  await finds([['clocks', /^PagerDuty’s clock is 7,\d\d\d s ahead of/, /timedatectl/]], () => () => {});
});
