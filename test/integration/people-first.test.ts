import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runRaw } from '../support/attacks.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const account = 'main';

/** A person's act at the worst moment: after all that a write's decision had read, before the write arrives. */
describe.each([
  ['keeps the assignment', false],
  ['takes the assignment', true],
])('where an acknowledge %s', (_what, acknowledge_reassigns) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage({ agents: { 'triage-bot': responder() }, record: true });
    stage.simulator.world.settings.acknowledge_reassigns = acknowledge_reassigns;
    await stage.startWorker();
  });
  afterAll(() => stage.close());

  const person = (incident: string, change: object, from?: string) => (): Promise<unknown> =>
    stage.asPerson(
      'PUT',
      `/incidents/${incident}`,
      { incident: { type: 'incident_reference', ...change } },
      from,
    );
  const eva = (incident: string, change: object) => person(incident, change, 'eva@example.com');
  const toEva = { assignments: [{ assignee: { id: 'PEVA', type: 'user_reference' } }] };

  /** What PagerDuty has of it, as a person sees it. */
  function left(incident: string) {
    const {
      status,
      assignments = [],
      acknowledgements = [],
    } = stage.simulator.world.incident(incident) ?? {};
    return {
      status,
      assignees: assignments.map(({ userId }) => userId),
      acknowledgers: acknowledgements.map(({ by }) => by.id),
    };
  }

  const acknowledging = async (change: object) => {
    const incident = await stage.trigger();
    stage.beforeNext('PUT', `/incidents/${incident}`, person(incident, change));
    const result = await stage.run('triage-bot', 'acknowledgeIncident', { account, incident });
    return { incident, result };
  };

  test('what a person resolved is resolved again at once, and said', async () => {
    const { incident, result } = await acknowledging({ status: 'resolved' });
    expect(left(incident)).toMatchObject({ status: 'resolved', acknowledgers: [] });
    expect(result).toMatchObject({ outcome: 'yielded_to_human' });
    expect(result.summary).toMatch(
      /Ada \w+ resolved it between our look at it and our write; it was put back to resolved/,
    );
    const [entry, outcome] = (await stage.audit()).filter(
      ({ incident: of, step }) => of === incident && step.endsWith(': put back'),
    );
    expect(entry).toMatchObject({ agent: 'runner', rule: 'people first', decision: 'allowed' });
    expect(outcome).toMatchObject({ decision: 'done' });
  });

  test('what a person acknowledged is that person’s', async () => {
    const { incident, result } = await acknowledging({ status: 'acknowledged' });
    expect(result).toMatchObject({ outcome: 'yielded_to_human' });
    expect(left(incident)).toMatchObject({ status: 'acknowledged' });
    expect(left(incident).acknowledgers).toContain('PADA');
    expect(left(incident).assignees).toEqual(
      acknowledge_reassigns ? ['PADA'] : [expect.stringMatching(/^P(?!BOT)/)],
    );
  });

  test('whoever a person handed it to is paged', async () => {
    const { incident, result } = await acknowledging(toEva);
    expect(result).toMatchObject({ outcome: 'yielded_to_human' });
    expect(left(incident)).toEqual({ status: 'triggered', assignees: ['PEVA'], acknowledgers: [] });
  });

  test('what a person takes from under a resolve is open, and with that person', async () => {
    const incident = await stage.trigger();
    const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
    await until('it is held', () => left(incident).acknowledgers.includes('PBOT'));
    await until('it is noted', () => stage.simulator.world.notes(incident).length === 1);
    stage.beforeNext('PUT', `/incidents/${incident}`, person(incident, { status: 'acknowledged' }));
    await run.answer('conclude', { resolution: 'Rolled back.' });
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'yielded_to_human' });
    expect(left(incident)).toEqual({ status: 'triggered', assignees: ['PADA'], acknowledgers: [] });
  });

  test('what a person takes while it is given back is that person’s', async () => {
    const incident = await stage.trigger();
    const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
    await until('it is held', () => left(incident).acknowledgers.includes('PBOT'));
    await until('it is noted', () => stage.simulator.world.notes(incident).length === 1);
    stage.beforeNext('PUT', `/incidents/${incident}`, person(incident, { status: 'acknowledged' }));
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
    await run.result();
    expect(left(incident)).toEqual({ status: 'triggered', assignees: ['PADA'], acknowledgers: [] });
  });

  test('what a person hands on while ours is undone goes to whom that person named', async () => {
    const incident = await stage.trigger();
    const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
    await until('it is noted', () => stage.simulator.world.notes(incident).length === 1);
    stage.beforeNext('PUT', `/incidents/${incident}`, async () => {
      await person(incident, { escalation_level: 2 })();
      // The next is what undoes the release.
      stage.beforeNext('PUT', `/incidents/${incident}`, person(incident, toEva));
    });
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
    await run.result();
    expect(left(incident)).toEqual({ status: 'triggered', assignees: ['PEVA'], acknowledgers: [] });
  });

  test('what a person resolves while ours is undone stays resolved, and nobody is called to look', async () => {
    const incident = await stage.trigger();
    const run = await stage.start('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
    await until('it is noted', () => stage.simulator.world.notes(incident).length === 1);
    stage.beforeNext('PUT', `/incidents/${incident}`, async () => {
      await person(incident, { escalation_level: 2 })();
      stage.beforeNext('PUT', `/incidents/${incident}`, eva(incident, { status: 'resolved' }));
    });
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
    await run.result();
    expect(left(incident)).toMatchObject({ status: 'resolved', acknowledgers: [] });
    const outcome = (await stage.audit()).find(
      ({ kind, incident: of, sentence }) => kind === 'outcome' && of === incident && / But /.test(sentence),
    );
    expect(outcome?.sentence).toMatch(/escalated it between .*; somebody has changed it again since/);
  });

  describe('what a person resolved and our acknowledge opened again', () => {
    /** @param acts what people do before we look at what came between. */
    const reopened = async (...acts: readonly ((incident: string) => () => Promise<unknown>)[]) => {
      const incident = await stage.trigger();
      stage.beforeNext('PUT', `/incidents/${incident}`, async () => {
        await person(incident, { status: 'resolved' })();
        stage.beforeNext('GET', `/incidents/${incident}/log_entries`, async () => {
          for (const act of acts) await act(incident)();
        });
      });
      const result = await stage.run('triage-bot', 'acknowledgeIncident', { account, incident });
      expect(result).toMatchObject({ outcome: 'yielded_to_human' });
      return left(incident);
    };

    test('is with whoever acknowledges it then', async () => {
      expect(await reopened((incident) => eva(incident, { status: 'acknowledged' }))).toMatchObject({
        status: 'acknowledged',
        assignees: ['PEVA'],
        acknowledgers: expect.arrayContaining(['PEVA']),
      });
    });

    test('pages whom its policy names where a person takes our acknowledge back', async () => {
      const { status, assignees } = await reopened((incident) => eva(incident, { status: 'triggered' }));
      expect(status).toBe('triggered');
      expect(assignees).toEqual([expect.stringMatching(/^P(?!BOT)/)]);
    });

    test('stays acknowledged by whoever did that and was handed it then', async () => {
      expect(
        await reopened(
          (incident) => eva(incident, { status: 'acknowledged' }),
          (incident) => person(incident, toEva),
        ),
      ).toMatchObject({
        status: 'acknowledged',
        assignees: ['PEVA'],
        acknowledgers: expect.arrayContaining(['PEVA']),
      });
    });
  });

  test('an answer that is lost on the way changes none of it', async () => {
    const incident = await stage.trigger();
    stage.beforeNext('PUT', `/incidents/${incident}`, person(incident, { status: 'resolved' }));
    await stage.fault({ operation: 'updateIncident', kind: 'drop_response', times: 1 });
    const result = await stage.run('triage-bot', 'acknowledgeIncident', { account, incident });
    expect(left(incident)).toMatchObject({ status: 'resolved', acknowledgers: [] });
    expect(result).toMatchObject({ outcome: 'yielded_to_human' });
  });
});

describe('before a run first sees its incident', () => {
  let stage: Stage;
  let incident: string;
  beforeAll(async () => {
    stage = await setStage({ agents: { 'triage-bot': responder() }, record: true });
    stage.editConfig(
      (text) => `${text}
standing:
  climbed: { on: incident.escalated, workflow: acknowledgeIncident, agent: triage-bot }
`,
    );
    await stage.startWorker();
  });
  afterAll(() => stage.close());
  beforeEach(async () => {
    incident = await stage.trigger();
  });

  const put = (change: object) => (): Promise<unknown> =>
    stage.asPerson('PUT', `/incidents/${incident}`, { incident: { type: 'incident_reference', ...change } });
  const toEva = { assignments: [{ assignee: { id: 'PEVA', type: 'user_reference' } }] };
  const writesOf = async (): Promise<readonly string[]> =>
    (await stage.audit())
      .filter(
        ({ kind, incident: of, decision, action }) =>
          kind === 'entry' && of === incident && decision === 'allowed' && !action.endsWith('.view'),
      )
      .map(({ action }) => action);

  test.each([
    ['respondToIncident', { assess: 'rules' as const }, ['incidents.add_note']],
    ['acknowledgeIncident', {}, []],
    ['resolveIncident', {}, []],
  ] as const)('%s leaves to people what a person handed on', async (workflow, input, writes) => {
    stage.beforeNext('GET', `/incidents/${incident}`, put(toEva));
    const result = await stage.run('triage-bot', workflow, { account, incident, ...input });
    expect(result).toMatchObject({
      outcome: 'yielded_to_human',
      summary: expect.stringMatching(/Ada \w+ reassigned it before we could/),
    });
    expect(await writesOf()).toEqual(writes);
    expect(stage.simulator.world.incident(incident)).toMatchObject({
      status: 'triggered',
      assignments: [{ userId: 'PEVA' }],
    });
  });

  test('a person who wrote “mine” has it', async () => {
    stage.beforeNext('GET', `/incidents/${incident}`, () =>
      stage.asPerson('POST', `/incidents/${incident}/notes`, { note: { content: 'mine' } }),
    );
    const run = await stage.start('triage-bot', 'respondToIncident', {
      account,
      incident,
      assess: 'client',
      presenceSeconds: 3_600,
    });
    expect(await run.result()).toMatchObject({
      outcome: 'yielded_to_human',
      summary: expect.stringMatching(/Ada \w+ takes it: “mine”/),
    });
  });

  test('an acknowledge that was under way when somebody took the incident over is not sent', async () => {
    const run = stage.client.workflow.getHandle(`respond:main:${incident}`);
    // The last that an acknowledge reads.
    stage.beforeNext('GET', `/incidents/${incident}/log_entries`, () =>
      run.executeUpdate('takeOver', { args: [{ by: 'Ada' }] }),
    );
    const result = await stage.run('triage-bot', 'respondToIncident', { account, incident, assess: 'rules' });
    expect(result).toMatchObject({ outcome: 'yielded_to_human' });
    const acknowledges = async () =>
      (await stage.audit()).filter(
        ({ kind, incident: of, action }) =>
          kind === 'entry' && of === incident && action === 'incidents.acknowledge',
      );
    await until('what was under way has ended', async () => (await acknowledges()).length > 0);
    expect((await acknowledges()).map(({ decision }) => decision)).not.toContain('allowed');
    expect(stage.simulator.world.incident(incident)).toMatchObject({ status: 'triggered' });
    expect(await writesOf()).toEqual(['incidents.add_note']);
  });

  test('the act that started it is no reason to leave, and what came after it is', async () => {
    const start = (event: string) =>
      runRaw(
        stage,
        `acknowledge:main:${incident}`,
        [{ account, incident, standing: 'climbed', event }],
        undefined,
        { type: 'acknowledgeIncident' },
      );
    await put({ escalation_level: 2 })();
    const held = start(`01A${incident}`);
    await until('it is held', () => stage.simulator.world.incident(incident)?.status === 'acknowledged');
    await stage.client.workflow.getHandle(`acknowledge:main:${incident}`).executeUpdate('handBack');
    await held;
    incident = await stage.trigger();
    await put({ escalation_level: 2 })();
    await put(toEva)();
    expect(await start(`01B${incident}`)).toMatchObject({
      outcome: 'yielded_to_human',
      summary: expect.stringMatching(/Ada \w+ reassigned it before we could/),
    });
  });
});
