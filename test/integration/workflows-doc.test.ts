import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runInputs } from '../../gate/run-inputs.ts';
import { finalSchedule } from '../../simulator/on-call.ts';
import { sweepsOf } from '../../workflows/contract.ts';
import { everything, responder } from '../support/grants.ts';
import { opened } from '../support/opened.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { approveIn } from '../support/words.ts';

const page = fileURLToPath(new URL('../../docs/workflows.md', import.meta.url));
const account = 'main';
let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'triage-bot': `${responder('2s').replace('incidents.resolve: full', 'incidents.resolve: { level: full, max_incidents: 100 }')}
incidents.create: full
incidents.escalate: full
events: { level: full, routing_keys: [checkout] }`,
      'setup-bot': everything(),
      reporter: `incidents: read
incidents.add_note: full
events.announce_change: { level: full, routing_keys: [checkout] }
services: read
schedules: read
escalation_policies: read
users: read
oncalls: read`,
    },
    operators: { lead: '', ben: 'pagerduty_user: PBEN', cleo: 'pagerduty_user: PCLEO' },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

const open = (): Promise<string> =>
  stage.trigger({ key: `doc-${Math.random()}`, summary: `queue ${letters()} is full` });
let count = 0;
/** A title of its own each time, so that no incident is another's like. */
const letters = (): string => String.fromCharCode(97 + (count++ % 26)).repeat(3);
async function run(name: string, input: object, agent = 'triage-bot'): Promise<object> {
  const started = await stage.start(agent, name as 'addNote', { account, ...input } as never);
  return (await started.result()) as object;
}

/** How each Workflow is run for the page. */
const plays: Readonly<Record<string, () => Promise<object>>> = {
  triageIncident: async () => run('triageIncident', { incident: await open() }),
  acknowledgeIncident: async () => run('acknowledgeIncident', { incident: await open() }),
  addNote: async () => run('addNote', { incident: await open(), note: 'The vendor is on it.' }),
  resolveIncident: async () =>
    run('resolveIncident', { incident: await open(), resolution: 'A false alarm.' }),
  resolveIncidents: async () => {
    const incidents = [await open(), await open(), await open()];
    await stage.asPerson('PUT', `/incidents/${incidents[1]}`, {
      incident: { type: 'incident_reference', status: 'acknowledged' },
    });
    return run('resolveIncidents', { incidents, resolution: 'One cause, mended.' });
  },
  respondToIncident: async () => {
    stage.editConfig((text) => text.replace('lease: 2s', 'lease: 5m'));
    const incident = await open();
    const started = await stage.start('triage-bot', 'respondToIncident', {
      account,
      incident,
      assess: 'rules',
      watchSeconds: 0,
    });
    await until('it is noted', () => stage.simulator.world.notes(incident).length === 1);
    await started.answer('conclude', { resolution: 'Rolled back the release of 14:02.' });
    return started.result();
  },
  tellIncident: async () => {
    const incident = await open();
    await stage.asPerson('POST', `/incidents/${incident}/notes`, {
      note: { content: 'The vendor is on it.' },
    });
    return run('tellIncident', { incident });
  },
  waitForHumanAck: async () => {
    const known = new Set(stage.simulator.world.incidents.keys());
    const started = await stage.start('triage-bot', 'waitForHumanAck', {
      account,
      open: { service: 'PCHECKOUT', title: 'The payment provider has announced an outage' },
      levelSeconds: 1,
    });
    const incident = await until('the second level is paged', () =>
      [...stage.simulator.world.incidents.values()].find(
        ({ id, path }) => !known.has(id) && path.level === 2,
      ),
    );
    const user = stage.simulator.world.users.get(incident.assignments[0]?.userId ?? '');
    await stage.asPerson(
      'PUT',
      `/incidents/${incident.id}`,
      { incident: { type: 'incident_reference', status: 'acknowledged' } },
      user?.email,
    );
    return started.result();
  },
  alertLifecycle: async () =>
    run('alertLifecycle', {
      routingKey: 'checkout',
      dedupKey: 'nightly-import',
      summary: 'The nightly import has not run',
      source: 'import-bot',
      severity: 'warning',
      ttlSeconds: 1,
      confirmSeconds: 10,
    }),
  duplicateSweep: async () => {
    opened(stage.simulator, 'reports', 3, (index) => `Import ${index} of 500 is stuck`);
    return run('duplicateSweep', { services: ['PREPORTS'] });
  },
  staleSweep: async () => {
    const [old] = opened(stage.simulator, 'warehouse', 1, () => 'Import is late');
    Object.assign(old ?? {}, { urgency: 'low', createdAt: Date.now() - 9 * 24 * 3_600_000 });
    return run('staleSweep', { services: ['PWAREHOUSE'] });
  },
  onboardService: async () => {
    const started = await stage.start('setup-bot', 'onboardService', {
      account,
      team: { name: 'Fraud', members: [{ email: 'ada@example.com' }] },
      policy: { name: 'Fraud on-call', levels: [{ minutes: 5, users: ['ada@example.com'] }] },
      service: { name: 'Fraud checks', urgency: 'high' },
    });
    await approveIn(stage, started);
    return started.result();
  },
  overrideOrSwap: async () => {
    // Beyond what the handoff report looks at.
    const at = (Math.ceil(stage.simulator.world.clock.now / 86_400_000) + 20) * 86_400_000 + 10 * 3_600_000;
    const payments = stage.simulator.world.schedules.get('PPAYMENTSROTA');
    const [now] = payments ? finalSchedule(payments, at, at + 1) : [];
    const taker = now?.userId === 'PBEN' ? 'cleo' : 'ben';
    const started = await stage.start('setup-bot', 'overrideOrSwap', {
      account,
      schedule: 'PPAYMENTSROTA',
      from: new Date(at).toISOString(),
      until: new Date(at + 8 * 3_600_000).toISOString(),
      taker: `${taker}@example.com`,
    });
    await approveIn(stage, started, taker);
    await approveIn(stage, started);
    return started.result();
  },
  stormHandling: async () => {
    for (const what of ['replica lag', 'replica lag', 'disk'])
      opened(stage.simulator, 'ledger', 1, () => `${what} of the ledger`);
    return run(
      'stormHandling',
      { services: ['PLEDGER'], fewest: 3, watchSeconds: 0, resolve: 'none' },
      'reporter',
    );
  },
  coverageCheck: async () => run('coverageCheck', { services: ['PCHECKOUT'], days: 7 }, 'reporter'),
  announceChangeAndWatch: async () =>
    run(
      'announceChangeAndWatch',
      { routingKey: 'checkout', service: 'PSEARCH', summary: 'Release 2026.11', watchSeconds: 1 },
      'reporter',
    ),
  noiseReport: async () => {
    opened(stage.simulator, 'support', 3, (index) => `Mailbox ${index} is full`);
    return run(
      'noiseReport',
      { services: ['PSUPPORTDESK'], night: '00:00-24:00 UTC', logsPerDay: 3 },
      'reporter',
    );
  },
  handoffReport: async () => {
    const { world } = stage.simulator;
    await Promise.all(
      [...world.incidents.values()]
        .filter(({ status }) => status !== 'resolved')
        .map(({ id }) =>
          stage.asPerson('PUT', `/incidents/${id}`, {
            incident: { type: 'incident_reference', status: 'resolved' },
          }),
        ),
    );
    await open();
    // Between tests sweeps are paused; the note is for the page.
    for (const { scheduleId } of sweepsOf(account))
      await stage.client.schedule.getHandle(scheduleId).pause('the database moves, back at 15:00');
    return run('handoffReport', { services: ['PSEARCH', 'PCHECKOUT'], hours: 1 }, 'reporter');
  },
  postIncidentTimeline: async () => {
    const incident = await open();
    // Each in a second of its own: then the timeline has one order. The last play of all: PagerDuty's clock is ahead from here on.
    const { clock } = stage.simulator.world;
    clock.advance(2);
    await stage.asPerson('POST', `/incidents/${incident}/notes`, {
      note: { content: 'The vendor is on it.' },
    });
    clock.advance(2);
    await stage.asPerson('PUT', `/incidents/${incident}`, {
      incident: { type: 'incident_reference', status: 'resolved' },
    });
    return run('postIncidentTimeline', { incident, quietSeconds: 0 }, 'reporter');
  },
};

/** The result with what differs from run to run as letters. */
function settled(result: object): string {
  const text = JSON.stringify(result, null, 2)
    .replaceAll(/\bQ[0-9A-Z]{13}\b/g, 'QINCIDENT')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'HASH')
    .replaceAll(/\bplan [0-9a-f]{12}\b/g, 'plan HASH')
    .replaceAll(/#\d+/g, '#N')
    .replaceAll(/\b[PR][0-9A-Z]{13}\b/g, 'ID')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/\d\d:\d\d:\d\d UTC/g, 'HH:MM:SS UTC')
    .replaceAll(/\b\d+ s\b/g, 'N s')
    .replaceAll(/"(to\w+Ms|afterMs)": \d+/g, '"$1": 0')
    .replaceAll(/"(number|seconds)": \d+/g, '"$1": 0')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME')
    .replaceAll(/(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ [A-Z][a-z]{2} \d\d:\d\d/g, 'DAY')
    .replaceAll(/\b\d+ incidents? in the last/g, 'N incidents in the last')
    .replaceAll(/queue [a-z]+ is full/g, 'queue is full');
  // Who is on call depends on the day.
  return namesOut(text);
}
function namesOut(text: string): string {
  const names = [...stage.simulator.world.users.values()].map(({ name }) => name);
  return names.reduce((all, name) => all.replaceAll(name, 'PERSON'), text);
}

test('every Workflow that agents start stands in docs/workflows.md with what it really ends with', async () => {
  let after = readFileSync(page, 'utf8');
  for (const [name, play] of Object.entries(plays)) {
    const result = settled(await play());
    after = after.replace(
      new RegExp(`\`\`\`json ${name}\\n[\\s\\S]*?\`\`\``),
      () => `\`\`\`json ${name}\n${result}\n\`\`\``,
    );
  }
  const titles = [...after.matchAll(/^## ([a-z]\w+)$/gm)].flatMap(([, title]) => title ?? []);
  expect(titles.toSorted()).toEqual(Object.keys(runInputs).toSorted());
  // `npx vitest run --project integration test/integration/workflows-doc.test.ts -u` renews the page.
  await expect(after).toMatchFileSnapshot(page);
});
