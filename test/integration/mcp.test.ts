import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tools } from '../../client/mcp/tools.ts';
import { everything, responder } from '../support/grants.ts';
import { generations, openSession, type Session, type Told } from '../support/mcp.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const reader = `incidents: read
services: read
schedules: read
escalation_policies: read
users: read
teams: read
oncalls: read`;
let stage: Stage;
let bot: Session;
let incident: string;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'triage-bot': everything({ incidents: '{ level: full, when: { urgency: [high, low] } }' }),
      'pair-bot': responder(),
      'leaving-bot': responder(),
      reader,
      'new-bot': 'incidents: off',
    },
  });
  await stage.startWorker();
  bot = await openSession(stage, 'triage-bot');
});
afterAll(async () => {
  await bot.close();
  expect(bot.faults).toEqual([]);
  await stage.close();
});
beforeEach(async () => {
  incident = await stage.trigger();
});
const statusOf = (id = incident) => stage.simulator.world.incident(id)?.status;
const reason = 'a test asks';

describe.each(generations)('by the generation %s of the protocol', (generation) => {
  let session: Session;
  const sessionOf = async (agent: string): Promise<Session> => {
    session = await openSession(stage, agent, { generation });
    return session;
  };

  test('an agent lists its tools, flat and small, each parameter described', async () => {
    const { client, close } = await sessionOf('triage-bot');
    const listed = await client.listTools();
    const text = JSON.stringify(listed);
    expect(listed.tools.map(({ name }) => name)).toEqual(tools.map(({ name }) => name));
    expect(listed.tools.length).toBeLessThanOrEqual(16);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(20_000);
    expect(text).not.toContain('$ref');
    for (const { name, inputSchema, annotations } of listed.tools) {
      expect(name).toMatch(/^pd_/);
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      for (const [field, schema] of Object.entries(inputSchema.properties ?? {}))
        expect([name, field, (schema as { description?: string }).description?.length]).toEqual([
          name,
          field,
          expect.any(Number),
        ]);
      const isWrite = annotations?.readOnlyHint === false;
      expect([name, annotations]).toEqual([
        name,
        isWrite
          ? { readOnlyHint: false, destructiveHint: expect.any(Boolean), idempotentHint: expect.any(Boolean) }
          : { readOnlyHint: true },
      ]);
    }
    await close();
  });

  test('an agent that only reads has the tools that read', async () => {
    const { client, close } = await sessionOf('reader');
    const listed = await client.listTools();
    expect(listed.tools.map(({ name }) => name)).toEqual([
      'pd_find',
      'pd_get',
      'pd_oncall',
      'pd_can',
      'pd_workflow',
      'pd_run',
    ]);
    expect(Buffer.byteLength(JSON.stringify(listed))).toBeLessThanOrEqual(8_000);
    await close();
  });

  test('a tool answers in words and as data', async () => {
    const { call, close } = await sessionOf('triage-bot');
    const told = await call('pd_get', { what: 'incident', id: incident });
    expect(told).toMatchObject({
      isError: false,
      data: { complete: true, record: { id: incident, status: 'triggered' } },
    });
    expect(told.text).toContain('⟦p99 latency above 2 s⟧');
    await close();
  });

  test('resources and prompts are there', async () => {
    const { client, close } = await sessionOf('triage-bot');
    const { resources } = await client.listResources();
    const { resourceTemplates } = await client.listResourceTemplates();
    expect([
      ...resources.map(({ uri }) => uri),
      ...resourceTemplates.map(({ uriTemplate }) => uriTemplate),
    ]).toEqual(['pd://policy/me', 'pd://run/{id}', 'pd://incident/{id}']);
    const read = async (uri: string): Promise<string> =>
      (await client.readResource({ uri })).contents
        .map((content) => ('text' in content ? content.text : ''))
        .join('');
    expect(await read('pd://policy/me')).toContain(
      '- incidents.acknowledge full (when the urgency is high or low, lease 300 s)',
    );
    expect(await read(`pd://incident/${incident}`)).toContain(incident);
    await expect(read('pd://incident/PNONE')).rejects.toThrow(/not_found/);
    await expect(read('pd://nothing/1')).rejects.toThrow();
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual([
      'triageIncident',
      'acknowledgeIncident',
      'addNote',
      'resolveIncident',
      'resolveIncidents',
      'respondToIncident',
      'waitForHumanAck',
      'alertLifecycle',
      'duplicateSweep',
      'staleSweep',
      'onboardService',
      'overrideOrSwap',
      'stormHandling',
      'coverageCheck',
      'postIncidentTimeline',
      'announceChangeAndWatch',
      'noiseReport',
      'handoffReport',
    ]);
    for (const { name, arguments: takes = [] } of prompts) {
      const filled = Object.fromEntries(takes.map((field) => [field.name, `the ${field.name}`]));
      const { messages } = await client.getPrompt({ name, arguments: filled });
      expect(JSON.stringify(messages)).toContain(`the ${takes[0]?.name}`);
    }
    await expect(client.getPrompt({ name: 'triageIncident', arguments: {} })).rejects.toThrow(
      /incident is missing/,
    );
    await expect(client.getPrompt({ name: 'triageIncidents', arguments: {} })).rejects.toThrow(
      /did you mean triageIncident\?/,
    );
    await close();
  });
});

describe('what is wrong is said, with the next step, and nothing is done', () => {
  test.each([
    [
      'an argument that there is none of',
      'pd_find',
      { what: 'incidents', status: 'open' },
      /status: no such field \(did you mean statuses\?\)/,
    ],
    ['a value that there is none of', 'pd_find', { what: 'incident' }, /what: .*"incidents"/],
    ['a tool that there is none of', 'pd_acknowlege', { incident: 'P1' }, /did you mean pd_acknowledge\?/],
    ['half a character', 'pd_run', { run: '\ud800' }, /half a character/],
    ['words that nobody sees', 'pd_note', { incident: 'PNONE', text: '\u200b', reason }, /text: is blank/],
    ['no reason for a write', 'pd_acknowledge', { incident: 'PNONE' }, /reason: is missing/],
    ['an id that is none', 'pd_get', { what: 'incident', id: '../users' }, /is not a PagerDuty id/],
    ['a time without its zone', 'pd_oncall', { at: '2026-12-24 18:00' }, /write an instant with its zone/],
  ])('%s', async (_, tool, args, words) => {
    const before = (await stage.requests()).length;
    const told = await bot.call(tool, args);
    expect(told).toMatchObject({
      isError: true,
      data: { code: 'invalid_input', do_next: expect.anything() },
    });
    expect(told.text).toMatch(words);
    expect(told.text).toContain('Next: ');
    expect((await stage.requests()).length).toBe(before);
  });

  test('an incident that there is none of is not found', async () => {
    expect(await bot.call('pd_get', { what: 'incident', id: 'PNONE' })).toMatchObject({
      isError: true,
      data: { code: 'not_found' },
    });
    for (const [tool, more] of [
      ['pd_note', { text: 'a note' }],
      ['pd_acknowledge', {}],
      ['pd_resolve', {}],
    ] as const) {
      const told = await bot.call(tool, { incident: 'PNONE', reason, ...more });
      expect(told, tool).toMatchObject({ isError: true, data: { code: 'not_found' } });
      expect(told.text, tool).toContain('Next: Look for it with pd_find.');
    }
  });

  test('what is not granted is denied, with the rule and the run, and is hidden as well', async () => {
    const session = await openSession(stage, 'new-bot');
    const { tools: shown } = await session.client.listTools();
    expect(shown.map(({ name }) => name)).toEqual(['pd_can', 'pd_run']);
    expect(await session.call('pd_acknowledge', { incident, reason })).toMatchObject({
      isError: true,
      data: { code: 'invalid_input' },
    });
    stage.editConfig((text) => text.replace('incidents: off', 'incidents: read'));
    const told = await session.call('pd_get', { what: 'service', id: 'PCHECKOUT' });
    expect(told).toMatchObject({
      isError: true,
      data: { code: 'denied', run: expect.stringContaining('operation:main:getService') },
    });
    stage.editConfig((text) =>
      text.replace('grants:\n      incidents: read\n', 'grants:\n      incidents: off\n'),
    );
    await session.close();
  });
});

describe('each tool does what it says', () => {
  test('pd_find counts first, and pages on', async () => {
    const told = await bot.call('pd_find', { what: 'services', limit: 2 });
    expect(told.text).toMatch(/^6 services, 2 shown\./);
    expect(told.data).toMatchObject({ complete: false, found: 6, next_cursor: expect.any(String) });
    const rest = await bot.call('pd_find', { what: 'services', limit: 25, cursor: told.data['next_cursor'] });
    expect((rest.data['records'] as unknown[]).length).toBe(4);
    expect(rest.data['complete']).toBe(true);
    const number = stage.simulator.world.incident(incident)?.number;
    expect(await bot.call('pd_find', { what: 'incidents', text: `#${number}` })).toMatchObject({
      data: { records: [{ id: incident }] },
    });
    for (const what of ['schedules', 'escalation_policies', 'users', 'teams'])
      expect(await bot.call('pd_find', { what })).toMatchObject({ isError: false });
    expect((await bot.call('pd_find', { what: 'incidents', text: 'latency' })).text).toContain(
      'carry these words',
    );
  });

  test.each([
    ['service', 'PCHECKOUT'],
    ['schedule', 'PPAYMENTSROTA'],
    ['escalation_policy', 'PPAYMENTSONCALL'],
    ['user', 'PADA'],
  ])('pd_get reads a %s', async (what, id) => {
    expect(await bot.call('pd_get', { what, id })).toMatchObject({
      isError: false,
      data: { record: { id } },
    });
  });

  test('pd_oncall says who is paged first, by service', async () => {
    const told = await bot.call('pd_oncall', { service: 'PCHECKOUT' });
    expect(told.data['records']).toMatchObject([{ level: 1 }, { level: 2, user: { id: 'PFAY' } }]);
    expect((await bot.call('pd_oncall', { schedule: 'PPAYMENTSROTA', at: '2d', until: '9d' })).isError).toBe(
      false,
    );
  });

  test('pd_can says what the gate would say', async () => {
    expect(await bot.call('pd_can', { action: 'incidents.resolve', incident })).toMatchObject({
      data: { decision: 'allowed' },
    });
    const told = await bot.call('pd_can', { action: 'events.trigger', routing_key: 'ledger' });
    expect(told.data).toMatchObject({ decision: 'denied' });
  });

  test('pd_acknowledge acknowledges under a lease, and pd_run hands it back', async () => {
    const told = await bot.call('pd_acknowledge', { incident, reason });
    expect(told).toMatchObject({
      isError: false,
      data: { complete: false, run: `acknowledge:main:${incident}` },
    });
    await until('it is acknowledged', () => statusOf() === 'acknowledged');
    expect((await bot.call('pd_acknowledge', { incident, reason })).data['run']).toBe(
      `acknowledge:main:${incident}`,
    );
    await bot.call('pd_run', { run: `acknowledge:main:${incident}`, do: 'hand_back' });
    await until('people have it', () => statusOf() === 'triggered');
    expect(await bot.call('pd_run', { run: `acknowledge:main:${incident}`, wait_s: 20 })).toMatchObject({
      data: { state: 'ended' },
    });
    expect((await bot.call('pd_run', { do: 'list' })).text).toContain(`acknowledge:main:${incident}`);
  });

  test('pd_note writes the same text once', async () => {
    for (const _ of [1, 2])
      expect(
        await bot.call('pd_note', { incident, text: 'The release of 14:02 broke it.', reason }),
      ).toMatchObject({ data: { outcome: 'done' } });
    expect(stage.simulator.world.notes(incident)).toHaveLength(1);
  });

  test('pd_resolve resolves', async () => {
    expect(await bot.call('pd_resolve', { incident, resolution: 'Rolled back.', reason })).toMatchObject({
      data: { outcome: 'done' },
    });
    expect(statusOf()).toBe('resolved');
  });

  test('pd_reassign gives it to a level, a user or a policy, and to one alone', async () => {
    expect(await bot.call('pd_reassign', { incident, level: 2, users: ['PADA'], reason })).toMatchObject({
      isError: true,
    });
    expect(await bot.call('pd_reassign', { incident, level: 2, reason })).toMatchObject({
      data: { outcome: 'done' },
    });
    expect(await bot.call('pd_reassign', { incident, users: ['PDEV'], reason })).toMatchObject({
      data: { outcome: 'done' },
    });
    expect(stage.simulator.world.incident(incident)?.assignments.map(({ userId }) => userId)).toEqual([
      'PDEV',
    ]);
    expect((await bot.call('pd_reassign', { incident, users: ['PDEV'], reason })).text).toContain(
      'with them already',
    );
    expect(await bot.call('pd_reassign', { incident, policy: 'PPLATFORMONCALL', reason })).toMatchObject({
      data: { outcome: 'done' },
    });
  });

  test('pd_page opens one incident for one problem, and another once that is over', async () => {
    const before = stage.simulator.world.incidents.size;
    const page = {
      service: 'PSEARCH',
      title: 'The index is stale',
      dedup: 'stale-index',
      urgency: 'high',
      reason,
    };
    for (const _ of [1, 2, 3])
      expect(await bot.call('pd_page', page)).toMatchObject({ data: { outcome: 'done' } });
    expect(stage.simulator.world.incidents.size).toBe(before + 1);
    const opened = [...stage.simulator.world.incidents.values()].at(-1);
    await bot.call('pd_resolve', { incident: opened?.id, reason });
    expect(await bot.call('pd_page', page)).toMatchObject({ data: { outcome: 'done' } });
    expect(stage.simulator.world.incidents.size).toBe(before + 2);
  });

  test('pd_event triggers and resolves an alert, and announces a change', async () => {
    const event = { routing_key: 'checkout', dedup_key: 'mcp-event', reason };
    const trigger = {
      ...event,
      do: 'trigger',
      summary: 'the disk is full',
      source: 'db-1',
      severity: 'error',
    };
    expect(await bot.call('pd_event', trigger)).toMatchObject({ data: { outcome: 'done' } });
    const opened = () =>
      [...stage.simulator.world.incidents.values()].find(({ alerts }) =>
        alerts.some(({ key }) => key === 'mcp-event'),
      );
    await until('it is open', () => opened()?.status === 'triggered');
    expect(await bot.call('pd_event', { ...event, do: 'resolve' })).toMatchObject({
      data: { outcome: 'done' },
    });
    await until('it is over', () => opened()?.status === 'resolved');
    expect(
      await bot.call('pd_event', { do: 'change', routing_key: 'checkout', summary: 'Release 14.02', reason }),
    ).toMatchObject({ data: { outcome: 'done' } });
    expect((await bot.call('pd_event', { ...event, do: 'trigger' })).text).toContain('summary is missing');
  });

  test('pd_override puts somebody on call, once for the same span', async () => {
    const span = {
      schedule: 'PPAYMENTSROTA',
      user: 'PBEN',
      start: '2036-12-24T08:00:00Z',
      end: '2036-12-24T18:00:00Z',
      reason,
    };
    const overrides = () => stage.simulator.world.schedules.get('PPAYMENTSROTA')?.overrides.length ?? 0;
    const before = overrides();
    for (const _ of [1, 2])
      expect(await bot.call('pd_override', span)).toMatchObject({ data: { outcome: 'done' } });
    expect(overrides()).toBe(before + 1);
    expect(await bot.call('pd_override', { ...span, end: '2036-12-24T07:00:00Z' })).toMatchObject({
      isError: true,
    });
  });

  test('pd_configure creates and changes what pages people', async () => {
    const make = (args: object) => bot.call('pd_configure', { ...args, reason });
    const responseOf = async (args: object): Promise<string> => {
      const told = await make(args);
      expect(told).toMatchObject({ data: { outcome: 'done' } });
      return JSON.stringify(told.data);
    };
    const { world } = stage.simulator;
    await responseOf({
      do: 'create_policy',
      name: 'Nights',
      levels: ['schedule:PDATANIGHTS/5', 'user:PFAY'],
    });
    await responseOf({
      do: 'create_service',
      name: 'Mailer',
      policy: 'PPAYMENTSONCALL',
      acknowledgement_timeout_s: 600,
    });
    await responseOf({
      do: 'create_service',
      name: 'Mailer',
      policy: 'PPAYMENTSONCALL',
      acknowledgement_timeout_s: 600,
    });
    expect([...world.services.values()].filter(({ name }) => name === 'Mailer')).toHaveLength(1);
    await responseOf({ do: 'update_service', service: 'PSEARCH', description: 'Finds things.' });
    expect(world.services.get('PSEARCH')?.description).toBe('Finds things.');
    await responseOf({ do: 'create_team', name: 'Mail' });
    await responseOf({ do: 'add_member', team: 'PDATA', user: 'PADA', role: 'observer' });
    // Whoever adds people to the account does so as one of its admins, and is no acknowledger of ours then.
    const from = 'from: oncall-bot@example.com';
    const admin = 'from: { default: oncall-bot@example.com, users.create: fay@example.com }';
    stage.editConfig((text) => text.replace(from, admin));
    await responseOf({ do: 'create_user', name: 'Lea Roth', email: 'lea@example.com', role: 'user' });
    stage.editConfig((text) => text.replace(admin, from));
    expect([...world.users.values()].some(({ email }) => email === 'lea@example.com')).toBe(true);
    expect((await make({ do: 'create_team', name: 'X', policy: 'P1' })).text).toContain(
      'policy says nothing about create_team',
    );
  });

  test('pd_workflow starts a run that goes on by itself, and pd_run tells what it ended with', async () => {
    const told = await bot.call('pd_workflow', { workflow: 'triageIncident', input: { incident }, reason });
    expect(told.isError).toBe(false);
    expect(await bot.call('pd_run', { run: told.data['run'], wait_s: 20 })).toMatchObject({
      data: { state: 'ended', outcome: 'done' },
    });
    expect(
      (await bot.call('pd_workflow', { workflow: 'triageIncident', input: { incidents: incident }, reason }))
        .text,
    ).toMatch(/did you mean incident\?/);
    expect(await bot.call('pd_run', { run: 'respond:main:PNONE' })).toMatchObject({
      isError: true,
      data: { code: 'not_found' },
    });
  });

  test('another agent’s run is not there', async () => {
    await bot.call('pd_acknowledge', { incident, reason });
    const session = await openSession(stage, 'reader');
    expect(await session.call('pd_run', { run: `acknowledge:main:${incident}` })).toMatchObject({
      isError: true,
      data: { code: 'not_found' },
    });
    await session.close();
  });
});

describe('an agent without Temporal is woken by pd_next and answers by pd_finding', () => {
  const begin = async (session = bot) => {
    const started = await session.call('pd_workflow', {
      workflow: 'respondToIncident',
      input: { incident, assess: 'agent', watchSeconds: 0 },
      reason,
    });
    expect(started.isError).toBe(false);
    return String(started.data['run']);
  };

  const nextTask = ({ call }: Session): Promise<Told> =>
    until('a run asks', async () => {
      const told = await call('pd_next');
      return told.data['task'] !== null && told;
    });

  test('judges before anything is acknowledged, holds it, and ends it', async () => {
    const asked = nextTask(bot);
    const run = await begin();
    const told = await asked;
    expect(told.data).toMatchObject({ run, task: { incident: { id: incident, status: 'triggered' } } });
    expect(statusOf()).toBe('triggered');
    expect(await bot.call('pd_finding', { run, class: 'real', summary: 'The cache is cold.' })).toMatchObject(
      { isError: false },
    );
    await until('it is held', () => statusOf() === 'acknowledged');
    await until(
      'it attends',
      async () => ((await bot.call('pd_next', { wait_s: 0 })).data['holding'] as unknown[]).length === 1,
    );
    await bot.call('pd_finding', { run, resolution: 'Warmed the cache.' });
    expect(await bot.call('pd_run', { run, wait_s: 20 })).toMatchObject({ data: { outcome: 'done' } });
    expect(statusOf()).toBe('resolved');
  });

  test('gives it back when it cannot go on', async () => {
    const run = await begin();
    expect((await nextTask(bot)).data['run']).toBe(run);
    await bot.call('pd_finding', { run, class: 'real', summary: 'The cache is cold.' });
    await until('it is held', () => statusOf() === 'acknowledged');
    await bot.call('pd_finding', { run, give_back: true });
    await until('people have it', () => statusOf() === 'triggered');
  });

  test('two servers of one agent share the work, and each may answer for the other', async () => {
    const [pair, other] = [await openSession(stage, 'pair-bot'), await openSession(stage, 'pair-bot')];
    const one = { run: await begin(pair), incident };
    incident = await stage.trigger();
    const two = { run: await begin(pair), incident };
    const [first, second] = [await nextTask(pair), await nextTask(other)];
    expect(new Set([first.data['run'], second.data['run']])).toEqual(new Set([one.run, two.run]));
    // Crosswise: whoever took the question, the run hears the answer.
    const unclear = { class: 'unclear', summary: 'Nothing to go by.' };
    expect(await pair.call('pd_finding', { run: second.data['run'], ...unclear })).toMatchObject({
      isError: false,
    });
    expect(await other.call('pd_finding', { run: first.data['run'], ...unclear })).toMatchObject({
      isError: false,
    });
    for (const { run } of [one, two])
      expect(await pair.call('pd_run', { run, wait_s: 20 })).toMatchObject({ data: { state: 'ended' } });
    expect([statusOf(one.incident), statusOf(two.incident)]).toEqual(['triggered', 'triggered']);
    await pair.close();
    await other.close();
  });

  test('an agent that leaves while it judges leaves the incident with people', async () => {
    const leaving = await openSession(stage, 'leaving-bot');
    const run = await begin(leaving);
    expect((await nextTask(leaving)).data['run']).toBe(run);
    await leaving.close();
    expect(await stage.client.workflow.getHandle(run).result()).toMatchObject({ outcome: 'partly' });
    expect(statusOf()).toBe('triggered');
  });
});
