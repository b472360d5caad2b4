import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Run } from '../../client/agent.ts';
import { approveStep, refuseStep, type WaitingStep, waitingSteps } from '../../client/approvals.ts';
import { newKeyPair, sign } from '../../gate/statement.ts';
import { press } from '../../gate/switches.ts';
import { type ApprovalAnswer, searchAttributes, type WorkflowName } from '../../workflows/contract.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { theStepOf } from '../support/words.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'note-bot': 'incidents: read\nincidents.add_note: { level: full, approval: required }',
      'lead-bot': 'incidents.add_note: { level: full, approval: { by: [lead] } }',
      'pair-bot': 'incidents.add_note: { level: full, approval: { by: [lead, deputy], people: 2 } }',
      'resolve-bot': 'incidents: read\nincidents.resolve: { level: full, approval: required }',
      'hold-bot': `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: 2s, when: { urgency: [high, low] } }
incidents.add_note: { level: full, approval: required }
incidents.resolve: { level: full, approval: required }`,
      'capped-bot': 'incidents.add_note: { level: full, approval: required, cap: 1/hour }',
    },
    operators: { lead: '', deputy: '', ops: '', temp: '' },
  });
  await stage.startWorker();
});
afterAll(() => stage.close());

let incident: string;
beforeEach(async () => {
  incident = await stage.trigger();
});
const account = 'main';
const statusOf = (id: string): string | undefined => stage.simulator.world.incident(id)?.status;
const notes = (): readonly string[] => stage.simulator.world.notes(incident);
const writes = async () =>
  (await stage.requests()).filter(({ method, path }) => method !== 'GET' && path.includes(incident));
const entries = (run: { readonly workflowId: string }) => stage.audit({ run: run.workflowId });

/** Starts a note that needs a word. */
const startNote = (agent = 'note-bot', approvalSeconds = 300) =>
  stage.start(agent, 'addNote', { account, incident, note: 'Rolled back.', approvalSeconds });

/** Both steps of a run that wait, once they do. */
const bothIn = <Name extends WorkflowName>({ workflowId }: Run<Name>) =>
  until('two steps of the run wait', async () => {
    const { steps } = await waitingSteps(stage.client, workflowId);
    return steps.length === 2 && steps;
  });
/** The one step of a run that waits, once it does. */
const theStep = <Name extends WorkflowName>(run: Run<Name>): Promise<WaitingStep> => theStepOf(stage, run);
const approve = (step: WaitingStep, operator = 'lead') =>
  approveStep(stage.client, stage.operator(operator), step);
/** Sends whatever statement one likes. */
const sendWord = ({ workflowId, id }: WaitingStep, statement: string) =>
  stage.client.workflow
    .getHandle(workflowId)
    .executeUpdate<ApprovalAnswer, [object]>('approve', { args: [{ id, statement }] });

describe('a step that needs a word', () => {
  test('waits, shows what would be sent and on what, and goes on once an operator signs that', async () => {
    const run = await startNote();
    const step = await theStep(run);
    expect(step).toMatchObject({
      agent: 'note-bot',
      operation: 'createIncidentNote',
      request: { params: { id: incident }, body: { note: { content: 'Rolled back.' } } },
      by: ['lead', 'deputy', 'ops', 'temp'],
      people: 1,
      facts: { incidents: [{ id: incident, status: 'triggered' }] },
      sentence: expect.stringMatching(
        /^note-bot may add a note to incident #\d+ .* once one of lead, deputy, ops and temp approves: /,
      ),
    });
    expect(await writes()).toEqual([]);
    expect(await approve(step)).toEqual({
      step: 'done',
      sentence: expect.stringMatching(/, approved by lead\. PagerDuty answered 20\d\.$/),
    });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    expect(notes()).toHaveLength(1);
    const [asked, allowed] = (await entries(run)).filter(({ kind }) => kind === 'entry');
    expect(asked).toMatchObject({ decision: 'approval_needed' });
    expect(allowed).toMatchObject({
      decision: 'allowed',
      approvals: [{ operator: 'lead', jti: expect.any(String) }],
      facts: { incidents: [{ id: incident }] },
    });
  });

  test('that an operator refuses is not done, and the run says who and why', async () => {
    const run = await startNote();
    const answer = await refuseStep(stage.client, 'ops', await theStep(run), 'not now');
    expect(answer).toMatchObject({
      step: 'refused',
      sentence: expect.stringMatching(/But ops refused it: not now\.$/),
    });
    expect(await run.result()).toMatchObject({ outcome: 'approval_refused', summary: answer?.sentence });
    expect(await writes()).toEqual([]);
  });

  test('that nobody approves in time is given up', async () => {
    const result = await (await startNote('note-bot', 1)).result();
    expect(result).toMatchObject({
      outcome: 'approval_refused',
      summary: expect.stringMatching(/But nobody approved it in time\.$/),
    });
    expect(await writes()).toEqual([]);
  });

  test('is found by its search attribute as long as it waits, and no longer', async () => {
    const run = await startNote();
    const step = await theStep(run);
    expect((await waitingSteps(stage.client)).steps.map(({ id }) => id)).toContain(step.id);
    await approve(step);
    await run.result();
    const { typedSearchAttributes } = await stage.client.workflow.getHandle(run.workflowId).describe();
    expect(typedSearchAttributes.get(searchAttributes.waitingFor)).toBeUndefined();
  });

  test('ends with the run that is cancelled', async () => {
    const run = await startNote();
    const step = await theStep(run);
    await stage.client.workflow.getHandle(run.workflowId).cancel();
    await expect(run.result()).rejects.toThrow(/did not end well/);
    await expect(approve(step)).rejects.toThrow(/has ended meanwhile; nothing waits there\./);
    expect(await writes()).toEqual([]);
  });

  test('goes on after the Worker that asked is gone', async () => {
    const other = await setStage({
      agents: { 'note-bot': 'incidents.add_note: { level: full, approval: required }' },
      operators: { lead: '' },
    });
    try {
      const worker = await other.startWorker();
      const id = await other.trigger();
      const run = await other.start('note-bot', 'addNote', { account, incident: id, note: 'Hello.' });
      await until('it waits', async () => (await waitingSteps(other.client)).steps.length === 1);
      worker.stop();
      await worker.stopped;
      await other.startWorker();
      const [step] = (await waitingSteps(other.client)).steps;
      if (!step) throw new Error('Nothing waits any more.');
      await approveStep(other.client, other.operator('lead'), step);
      expect(await run.result()).toMatchObject({ outcome: 'done' });
      expect(other.simulator.world.notes(id)).toHaveLength(1);
    } finally {
      await other.close();
    }
  });
});

describe('a word that counts for nothing leaves the step waiting, and says why', () => {
  const countsForNothing = async (
    agent: string,
    send: (step: WaitingStep) => Promise<ApprovalAnswer | undefined>,
    why: RegExp,
  ): Promise<void> => {
    const run = await startNote(agent);
    const step = await theStep(run);
    const answer = await send(step);
    expect(answer).toMatchObject({ step: 'waits', sentence: expect.stringMatching(why) });
    expect(await writes()).toEqual([]);
    expect(await approve(await theStep(run))).toMatchObject({ step: 'done' });
    expect((await run.result()).outcome).toBe('done');
    expect(
      (await entries(run)).flatMap(({ approvals = [] }) => approvals.map(({ operator }) => operator)),
    ).toEqual(['lead']);
  };

  test('of an operator whom the grant does not name', () =>
    countsForNothing(
      'lead-bot',
      (step) => approve(step, 'ops'),
      /^The word of ops counts for nothing: the grant names others/,
    ));

  test('for other input', () =>
    countsForNothing(
      'note-bot',
      async (step) => {
        const { name, key } = stage.operator('lead');
        const input = { ...step.claim, request: 'another' };
        return sendWord(step, await sign(name, key, { target: step.workflowId, type: 'approve', input }));
      },
      /^The word of lead counts for nothing: the statement was made for other input\./,
    ));

  test('for another run', () =>
    countsForNothing(
      'note-bot',
      async (step) => {
        const { name, key } = stage.operator('lead');
        return sendWord(
          step,
          await sign(name, key, { target: 'another', type: 'approve', input: step.claim }),
        );
      },
      /the statement was made for another run\./,
    ));

  test('of somebody who is no operator', () =>
    countsForNothing(
      'note-bot',
      async (step) => {
        const { key } = stage.agent('note-bot');
        const claim = { target: step.workflowId, type: 'approve', input: step.claim };
        return sendWord(step, await sign('note-bot', key, claim));
      },
      /^The word of note-bot counts for nothing: the configuration knows no such operator\./,
    ));

  test('with a key that is not the operator’s', () =>
    countsForNothing(
      'note-bot',
      async (step) => {
        const { key } = stage.agent('note-bot');
        const claim = { target: step.workflowId, type: 'approve', input: step.claim };
        return sendWord(step, await sign('lead', key, claim));
      },
      /was not signed with the key that the configuration holds\./,
    ));

  test('that is no statement at all', () =>
    countsForNothing(
      'note-bot',
      (step) => sendWord(step, 'yes please'),
      /^The word of nobody counts for nothing/,
    ));

  test('of an operator who was taken out of the configuration meanwhile', () =>
    countsForNothing(
      'note-bot',
      async (step) => {
        stage.editConfig((text) => text.replace('  temp:', '  other:'));
        return approve(step, 'temp');
      },
      /^The word of temp counts for nothing: the configuration knows no such operator\./,
    ));

  test('of an operator whose key was rotated after signing', () =>
    countsForNothing(
      'note-bot',
      async (step) => {
        const old = /ops:\n {4}public_key: (\S+)/.exec(stage.configText())?.[1] ?? '';
        const { publicKey } = newKeyPair();
        const now = new Date().toISOString();
        stage.editConfig((text) =>
          text.replace(old, `${publicKey}\n    previous_keys: [{ public_key: ${old}, until: "${now}" }]`),
        );
        return approve(step, 'ops');
      },
      /was not signed with the key that the configuration holds\./,
    ));

  test('of an operator who is disabled', () =>
    countsForNothing(
      'note-bot',
      async (step) => {
        await press(stage.store, { kind: 'disable', name: 'deputy', by_whom: 'ada', reason: 'gone' });
        return approve(step, 'deputy');
      },
      /^The word of deputy counts for nothing: deputy is disabled since \S+ by ada \(gone\)\./,
    ));
});

describe('two people', () => {
  test('must both sign, and the first hears that another is needed', async () => {
    const run = await startNote('pair-bot');
    const step = await theStep(run);
    expect(step).toMatchObject({ people: 2, by: ['lead', 'deputy'] });
    expect(await approve(step)).toMatchObject({
      step: 'waits',
      sentence: expect.stringMatching(/ once deputy approves: /),
    });
    expect(await approve(step)).toMatchObject({ step: 'waits' });
    expect(await writes()).toEqual([]);
    await refuseStep(stage.client, 'ops', step, '');
    expect((await run.result()).outcome).toBe('approval_refused');
  });

  test('who sign at the same moment are both heard', async () => {
    const other = await setStage({
      agents: { 'pair-bot': 'incidents.add_note: { level: full, approval: { people: 2 } }' },
      operators: { lead: '', deputy: '' },
    });
    try {
      await other.startWorker();
      const id = await other.trigger();
      const run = await other.start('pair-bot', 'addNote', { account, incident: id, note: 'Hello.' });
      const step = await until('it waits', async () => (await waitingSteps(other.client)).steps[0]);
      await Promise.all(
        ['lead', 'deputy'].map((name) => approveStep(other.client, other.operator(name), step)),
      );
      expect(await run.result()).toMatchObject({ outcome: 'done' });
      const { approvals } =
        (await other.audit({ run: run.workflowId })).findLast(({ decision }) => decision === 'allowed') ?? {};
      expect(approvals?.map(({ operator }) => operator).toSorted()).toEqual(['deputy', 'lead']);
    } finally {
      await other.close();
    }
  });
});

describe('what is true when the word comes decides', () => {
  test('facts that changed meanwhile: it is asked anew, and says so', async () => {
    const run = await stage.start('resolve-bot', 'runOperation', {
      account,
      operation: 'updateIncident',
      request: {
        params: { id: incident },
        body: { incident: { type: 'incident_reference', status: 'resolved' } },
      },
      approvalSeconds: 300,
    });
    const before = await theStep(run);
    await stage.asPerson('PUT', `/incidents/${incident}`, {
      incident: { type: 'incident_reference', status: 'acknowledged' },
    });
    expect(await approve(before)).toMatchObject({
      step: 'waits',
      sentence: expect.stringMatching(
        new RegExp(
          `^The facts have changed since ${before.id} was asked: the status of #\\d+ was triggered and `,
        ),
      ),
    });
    const after = await theStep(run);
    expect(after.id).not.toBe(before.id);
    expect(after).toMatchObject({
      anew: expect.stringMatching(
        /: the status of #\d+ was triggered and is acknowledged; the acknowledgers of #\d+ /,
      ),
      facts: { incidents: [{ status: 'acknowledged' }] },
    });
    await expect(approve(before)).rejects.toThrow(`there is ${after.id}`);
    expect(statusOf(incident)).toBe('acknowledged');
    expect(await approve(after)).toMatchObject({ step: 'done' });
    expect((await run.result()).outcome).toBe('done');
    expect(statusOf(incident)).toBe('resolved');
  });

  test('what a person did meanwhile stands: the approved step yields to it', async () => {
    const run = await stage.start('resolve-bot', 'resolveIncident', { account, incident });
    const step = await theStep(run);
    await stage.asPerson('PUT', `/incidents/${incident}`, {
      incident: { type: 'incident_reference', status: 'acknowledged' },
    });
    expect(await approve(step)).toMatchObject({ step: 'changed' });
    expect((await run.result()).outcome).toBe('yielded_to_human');
    expect(statusOf(incident)).toBe('acknowledged');
  });

  test('a grant that was taken away meanwhile denies what is approved', async () => {
    const run = await startNote();
    const step = await theStep(run);
    const grant = 'incidents.add_note: { level: full, approval: required }';
    stage.editConfig((text) => text.replace(grant, 'incidents.add_note: off'));
    const answer = await approve(step);
    stage.editConfig((text) => text.replace('incidents.add_note: off', grant));
    expect(answer).toMatchObject({ step: 'denied', sentence: expect.stringContaining('is off') });
    expect((await run.result()).outcome).toBe('denied');
    expect(await writes()).toEqual([]);
  });

  test('asking uses up nothing of a cap: only what is approved counts', async () => {
    const [first, second] = [await startNote('capped-bot'), await startNote('capped-bot')];
    expect(await approve(await theStep(first))).toMatchObject({ step: 'done' });
    expect(await approve(await theStep(second))).toMatchObject({
      step: 'denied',
      sentence: expect.stringMatching(/is capped at 1\/hour, and 1 are used up\.$/),
    });
    expect(notes()).toHaveLength(1);
  });
});

describe('under a lease', () => {
  test('two steps wait at once, each for its own word; the end of the lease gives up both and people get the incident', async () => {
    const run = await stage.start('hold-bot', 'respondToIncident', { account, incident, assess: 'rules' });
    await until('it holds the incident', () => statusOf(incident) === 'acknowledged');
    await run.answer('conclude', { resolution: 'Rolled back.' });
    const steps = await bothIn(run);
    expect(steps.map(({ operation }) => operation).toSorted()).toEqual([
      'createIncidentNote',
      'updateIncident',
    ]);
    const [one, two] = steps;
    expect(one?.until).toBe(two?.until);
    const result = await run.result();
    expect(result.outcome).toBe('partly');
    expect(result.summary).toMatch(/is triggered again and pages /);
    expect(statusOf(incident)).toBe('triggered');
    expect(notes()).toEqual([]);
  });

  test('one of two steps that wait is approved, and the other still waits', async () => {
    stage.editConfig((text) => text.replace('lease: 2s', 'lease: 5m'));
    const run = await stage.start('hold-bot', 'respondToIncident', { account, incident, assess: 'rules' });
    await until('it holds the incident', () => statusOf(incident) === 'acknowledged');
    await run.answer('conclude', { resolution: 'Rolled back.' });
    const steps = await bothIn(run);
    const note = steps.find(({ operation }) => operation === 'createIncidentNote');
    if (!note) throw new Error('The note does not wait.');
    expect(await approve(note)).toMatchObject({ step: 'done' });
    expect(notes()).toHaveLength(1);
    const left = await theStep(run);
    expect(left.operation).toBe('updateIncident');
    expect(await approve(left)).toMatchObject({ step: 'done' });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    expect(statusOf(incident)).toBe('resolved');
  });
});
