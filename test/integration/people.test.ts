import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Run } from '../../client/agent.ts';
import { sign } from '../../gate/statement.ts';
import { incidentChanged, type Pause, searchAttributes } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';
import { theStepOf } from '../support/words.ts';

const account = 'main';
let stage: Stage;
let incident: string;
/** Who is on call for checkout now: id and login. */
let onCall: { readonly id: string; readonly email: string };
/** Somebody who is not. */
let other: { readonly id: string; readonly email: string };

beforeAll(async () => {
  stage = await setStage({
    agents: {
      'triage-bot': responder(),
      'asking-bot': `${responder().replace('urgency: [high, low] } }', 'urgency: [high, low] }, approval: required }')}`,
      'named-bot': `${responder().replace('urgency: [high, low] } }', 'urgency: [high, low] }, approval: { by: [off-call] } }')}`,
      'closing-bot': responder().replace(
        'incidents.resolve: full',
        'incidents.resolve: { level: full, approval: required }',
      ),
    },
    operators: { 'on-call': '', 'off-call': '', 'by-key': '' },
  });
  const { users } = stage.simulator.world;
  const first = stage.simulator.world.incident(await stage.trigger());
  const assigned = first?.assignments.map(({ userId }) => userId) ?? [];
  const people = [...users.values()].filter(({ id }) => id !== 'PBOT');
  const paged = people.find(({ id }) => assigned.includes(id));
  const [free, third] = people.filter(({ id }) => !assigned.includes(id));
  if (!paged || !free || !third) throw new Error('The company is too small.');
  [onCall, other] = [paged, free];
  const is = (name: string, user: string, more = '') =>
    stage.editConfig((text) =>
      text.replace(`  ${name}:\n`, `  ${name}:\n    pagerduty_user: ${user}\n${more}`),
    );
  is('on-call', paged.id, '    approve_by: [key, note]\n');
  is('off-call', free.id, '    approve_by: [key, note]\n');
  is('by-key', third.id);
  await stage.startWorker();
});
afterAll(() => stage.close());
beforeEach(async () => {
  incident = await stage.trigger();
});

const found = () => {
  const one = stage.simulator.world.incident(incident);
  if (!one) throw new Error('The incident is gone.');
  return one;
};
const notes = (): readonly string[] => stage.simulator.world.notes(incident);
const put = (change: object, from = other.email): Promise<unknown> =>
  stage.asPerson(
    'PUT',
    `/incidents/${incident}`,
    { incident: { type: 'incident_reference', ...change } },
    from,
  );
const note = (content: string, from = onCall.email): Promise<unknown> =>
  stage.asPerson('POST', `/incidents/${incident}/notes`, { note: { content } }, from);

type Response = Run<'respondToIncident'>;
const respond = (agent = 'triage-bot'): Promise<Response> =>
  stage.start(agent, 'respondToIncident', { account, incident, assess: 'rules', watchSeconds: 0 });

/** Tells a run what PagerDuty's webhook would. */
const tell = ({ workflowId }: Response, type: string, event = randomUUID()): Promise<void> =>
  stage.client.workflow
    .getHandle(workflowId)
    .signal(incidentChanged, { event, type, occurredAt: new Date().toISOString() });

async function held(agent = 'triage-bot'): Promise<Response> {
  const run = await respond(agent);
  await until('it waits for the conclusion', async () => {
    const { typedSearchAttributes } = await stage.client.workflow.getHandle(run.workflowId).describe();
    return typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
  });
  await until('its note is there', () => notes().length === 1);
  return run;
}

/** The step that waits, once its question is on the incident. */
async function asked(run: Response) {
  await until('people are asked', () => notes().some((text) => text.includes('Answer with a note: “ok ')));
  return theStepOf(stage, run);
}

/** How often the run looked at its incident anew. */
const looks = async ({ workflowId }: Response): Promise<number> =>
  (await stage.audit({ run: workflowId })).filter(
    ({ kind, step }) => kind === 'entry' && step.startsWith('Look again'),
  ).length;

/** How often the run asked the incident's log who had acted on it. */
const asksWho = async ({ workflowId }: Response): Promise<number> =>
  (await stage.audit({ run: workflowId })).filter(
    ({ kind, step }) => kind === 'entry' && step.startsWith('Ask who did it'),
  ).length;

describe('while a run holds the incident, a person', () => {
  test.each<[string, string, object, string, object]>([
    [
      'acknowledges it',
      'incident.acknowledged',
      { status: 'acknowledged' },
      'has acknowledged it',
      { status: 'acknowledged' },
    ],
    ['resolves it', 'incident.resolved', { status: 'resolved' }, 'has resolved it', { status: 'resolved' }],
    [
      'escalates it',
      'incident.escalated',
      { escalation_level: 2 },
      'has escalated it',
      { status: 'triggered' },
    ],
    [
      'takes the acknowledge back',
      'incident.unacknowledged',
      { status: 'triggered' },
      'has un-acknowledged it',
      { status: 'triggered' },
    ],
  ])('%s: the run steps back and writes nothing more', async (_what, type, change, words, left) => {
    const run = await held();
    await put(change);
    const before = (await stage.requests()).length;
    const theirs = found().assignments.map(({ userId }) => userId);
    await tell(run, type);
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'yielded_to_human', verified: true });
    expect(result.summary).toContain(words);
    expect(found()).toMatchObject(left);
    expect(found().assignments.map(({ userId }) => userId)).toEqual(theirs);
    const writes = (await stage.requests()).slice(before).filter(({ method }) => method !== 'GET');
    expect(writes).toEqual([]);
    expect(notes()).toHaveLength(1);
  });

  test('hands it to somebody: it stays with them, and they are paged', async () => {
    const run = await held();
    await put({ assignments: [{ assignee: { id: other.id, type: 'user_reference' } }] }, onCall.email);
    await tell(run, 'incident.reassigned');
    expect(await run.result()).toMatchObject({ outcome: 'yielded_to_human' });
    expect(found()).toMatchObject({ status: 'triggered', assignments: [{ userId: other.id }] });
  });

  test('writes a note: it is information, and the run goes on', async () => {
    const run = await held();
    await note('It began with the release of 14:02; mine is the fix, stop by later.');
    await tell(run, 'incident.annotated');
    await until('the note was read', async () =>
      (await stage.audit({ run: run.workflowId })).some(({ step }) => step.startsWith('Read the notes')),
    );
    await run.answer('conclude', { resolution: 'Rolled back.' });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
  });

  test.each([
    ['stop', 'wrote “stop”'],
    ['Mine.', 'takes it: “mine”'],
  ])('writes “%s”: it goes back at once', async (answer, words) => {
    const run = await held();
    await note(answer);
    await tell(run, 'incident.annotated');
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'yielded_to_human', verified: true });
    expect(result.summary).toContain(words);
    expect(found().status).toBe('triggered');
  });

  test('is what our own user is not: its note stops nothing', async () => {
    const run = await held();
    await note('stop', 'oncall-bot@example.com');
    await tell(run, 'incident.annotated');
    await until('the run has looked', async () => (await looks(run)) === 1);
    await run.answer('conclude', { resolution: 'Rolled back.' });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
  });

  test('takes it over from the Temporal UI', async () => {
    const run = await held();
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('takeOver');
    expect(await run.result()).toMatchObject({ outcome: 'yielded_to_human' });
    expect(found().status).toBe('triggered');
  });
});

test('what its source resolves is done', async () => {
  const run = await held();
  const [alert] = found().alerts;
  const event = {
    routing_key: 'simulatorcheckoutroutingkey00000',
    event_action: 'resolve',
    dedup_key: alert?.key,
  };
  await stage.asPerson('POST', '/v2/enqueue', event);
  await tell(run, 'incident.resolved');
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'done', verified: true });
  expect(result.summary).toMatch(/has resolved it\./);
  expect(notes()).toHaveLength(1);
});

test('what PagerDuty takes back by itself is with people, and the run says so', async () => {
  const run = await held();
  stage.simulator.world.clock.advance(1_800);
  await tell(run, 'incident.unacknowledged');
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'partly' });
  expect(result.summary).toContain('PagerDuty has un-acknowledged it');
});

test('the same event twice is looked at once, and an event of our own doing changes nothing', async () => {
  const run = await held();
  const event = randomUUID();
  await tell(run, 'incident.acknowledged', event);
  await tell(run, 'incident.acknowledged', event);
  await until('the run has looked', async () => (await looks(run)) >= 1);
  await run.answer('conclude', { resolution: 'Rolled back.' });
  expect(await run.result()).toMatchObject({ outcome: 'done' });
  expect(await looks(run)).toBe(1);
  expect(await asksWho(run)).toBe(1);
});

test('what a run knows stands in its memo, for the sweep to compare', async () => {
  const run = await held();
  const notes = `1 ${found().notes[0]?.id}`;
  // PagerDuty has the note before the run has heard of it.
  const known = await until('the memo tells of the note', async () => {
    const { memo } = await stage.client.workflow.getHandle(run.workflowId).describe();
    const told = memo?.['known'] as { notes?: string } | undefined;
    return told?.notes === notes && told;
  });
  const { id, policyId } = { id: incident, policyId: found().path.policyId };
  expect(known).toEqual({
    incident: id,
    number: found().number,
    changes: expect.any(Number),
    state: `acknowledged high PCHECKOUT ${policyId} ${found()
      .assignments.map(({ userId }) => userId)
      .toSorted()
      .join()} PBOT`,
    notes,
  });
  await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
  await run.result();
});

describe('a paused run', () => {
  test('writes nothing until an operator’s signature lets it go on', async () => {
    const run = await held();
    const handle = stage.client.workflow.getHandle(run.workflowId);
    await handle.executeUpdate('pause', { args: [{ by: 'eva', reason: 'looking' }] });
    await run.answer('conclude', { resolution: 'Rolled back.' });
    const pause = await handle.query<Pause | null>('paused');
    expect(pause).toMatchObject({ by: 'eva' });
    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(searchAttributes.waitingFor)).toMatch(/operator to resume/);
    const target = run.workflowId;
    const resumed = async (name: string, key: 'agent' | 'operator', value: Pause | null) => {
      const { key: secret } = key === 'agent' ? stage.agent(name) : stage.operator(name);
      const statement = await sign(name, secret, { target, type: 'update:resume', input: value });
      return handle.executeUpdate<string, [object]>('resume', { args: [{ value, statement }] });
    };
    const why = (reason: RegExp) => ({ cause: { message: expect.stringMatching(reason) } });
    await expect(resumed('triage-bot', 'agent', pause)).rejects.toMatchObject(why(/knows no such operator/));
    await expect(resumed('on-call', 'operator', { at: 1, by: 'eva' })).rejects.toMatchObject(
      why(/paused anew/),
    );
    expect(found().status).toBe('acknowledged');
    expect(await resumed('on-call', 'operator', pause)).toMatch(/^on-call may resume this run/);
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    expect(found().status).toBe('resolved');
  });

  test('still gives back at the end of its lease', async () => {
    stage.editConfig((text) => text.replace('lease: 5m', 'lease: 3s'));
    try {
      const run = await held();
      await stage.client.workflow.getHandle(run.workflowId).executeUpdate('pause');
      expect(await run.result()).toMatchObject({ outcome: 'partly' });
      expect(found().status).toBe('triggered');
    } finally {
      stage.editConfig((text) => text.replace('lease: 3s', 'lease: 5m'));
    }
  });
});

describe('asked for an operator’s word', () => {
  test('people are told in the run’s note what is asked, on which facts, who is paged, and how to answer', async () => {
    const run = await respond('asking-bot');
    const step = await asked(run);
    const [text = ''] = notes();
    expect(text).toMatch(/^Incident #\d+ is (real|flapping): /);
    expect(text).toMatch(/asking-bot asks: Acknowledges it: .+ is paged no longer, until the lease ends\./);
    expect(text).toMatch(/It saw: triggered, urgency high, assigned to .+, “p99 latency above 2 s”\./);
    expect(text).toContain(`“ok ${step.id.slice(0, 3)}” (yes), “stop” (no, leave it), “mine” (I take it)`);
    expect(text).toMatch(new RegExp(`Until \\d\\d:\\d\\d:\\d\\d UTC\\. Or: oncall approve ${step.id}`));
    await note(`ok ${step.id.slice(0, 3)}`);
    await tell(run, 'incident.annotated');
    await until('it is acknowledged', () => found().status === 'acknowledged');
    const entry = (await stage.audit({ run: run.workflowId })).find(
      ({ decision, step: of }) => decision === 'allowed' && of.startsWith('Acknowledge'),
    );
    expect(entry).toMatchObject({
      approvals: [{ operator: 'on-call', jti: expect.stringMatching(/^note main /) }],
    });
    expect(entry?.sentence).toMatch(/, approved by on-call\.$/);
    await run.answer('conclude', { resolution: 'Rolled back.' });
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    // The question has the finding as well: nobody is written to twice.
    expect(notes().filter((content) => content.includes('[oncall-runner'))).toHaveLength(1);
  });

  test.each<[string, (code: string) => Promise<unknown>, RegExp]>([
    ['a wrong code', (code) => note(code === 'fff' ? 'ok eee' : 'ok fff'), /nothing waits under that/],
    ['a stranger', (code) => note(`ok ${code}`, strangerMail()), /knows no operator who is that user/],
    ['our own user', (code) => note(`ok ${code}`, 'oncall-bot@example.com'), /^$/],
    ['an operator who is not on call', (code) => note(`ok ${code}`, other.email), /only of who is on call/],
    ['an operator who approves by key', (code) => note(`ok ${code}`, keyMail()), /takes no note from there/],
    ['words around the code', (code) => note(`I think ok ${code} is fine`), /^$/],
  ])('the note of %s counts for nothing', async (_what, write, why) => {
    const run = await respond('asking-bot');
    const step = await asked(run);
    await write(step.id.slice(0, 3));
    await tell(run, 'incident.annotated');
    await until('the run has looked', async () => (await looks(run)) === 1);
    const { raw } = await stage.client.workflow.getHandle(run.workflowId).describe();
    if (why.source !== '^$') {
      await until('why is told', async () => (await storyOf(run)).some((line) => why.test(line)));
    }
    expect(raw).toBeDefined();
    expect(found().status).toBe('triggered');
    await note('stop');
    await tell(run, 'incident.annotated');
    expect(await run.result()).toMatchObject({ outcome: 'yielded_to_human' });
    expect(found().status).toBe('triggered');
  });

  test('the note of an operator whom the grant names counts also off call', async () => {
    const run = await respond('named-bot');
    const step = await asked(run);
    await note(`ok ${step.id.slice(0, 4)}`, other.email);
    await tell(run, 'incident.annotated');
    await until('it is acknowledged', () => found().status === 'acknowledged');
    await stage.client.workflow.getHandle(run.workflowId).executeUpdate('handBack');
    await run.result();
  });

  test('a note that approved one step approves no other', async () => {
    const run = await held('closing-bot');
    await run.answer('conclude', { resolution: 'Rolled back.' });
    const step = await asked(run);
    expect(notes().at(-1)).toMatch(
      /closing-bot has concluded: Rolled back\.\nclosing-bot asks: Resolves it: /,
    );
    await note(`ok ${step.id.slice(0, 3)}`);
    await tell(run, 'incident.annotated');
    expect(await run.result()).toMatchObject({ outcome: 'done' });
    // Opened again and asked for anew, by another run: the old note stands there still.
    await put({ status: 'triggered' });
    // Long enough before that run, or it would be the person's.
    stage.simulator.world.clock.advance(10);
    const again = await stage.start('closing-bot', 'resolveIncident', { account, incident });
    const second = await theStepOf(stage, again);
    expect(second.id).not.toBe(step.id);
    await tell(again as unknown as Response, 'incident.annotated');
    await until('the run has looked', async () => (await looks(again as unknown as Response)) === 1);
    expect(found().status).toBe('triggered');
    const handle = stage.client.workflow.getHandle(again.workflowId);
    // What is said while a step's answer comes in can meet a task that the server throws away, and is refused then.
    await until('no step is under way', async () => {
      const { raw } = await handle.describe();
      return !raw.pendingActivities?.length && !raw.pendingWorkflowTask;
    });
    await handle.executeUpdate('takeOver');
    expect(await again.result()).toMatchObject({ outcome: 'yielded_to_human' });
  });

  test('a person who takes the incident meanwhile is not waited for', async () => {
    const run = await respond('asking-bot');
    await asked(run);
    await put({ status: 'acknowledged' });
    await tell(run, 'incident.acknowledged');
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'yielded_to_human' });
    expect(found().acknowledgements.map(({ by }) => by.id)).toEqual([other.id]);
    expect(notes()).toHaveLength(1);
  });

  test('a person’s act that leaves the incident as it was counts as well', async () => {
    const run = await respond('asking-bot');
    await asked(run);
    const before = (await stage.requests()).length;
    const { assignments, status } = found();
    await put({ escalation_level: 1 });
    expect(found()).toMatchObject({ assignments: assignments.map(({ userId }) => ({ userId })), status });
    await tell(run, 'incident.escalated');
    const result = await run.result();
    expect(result).toMatchObject({ outcome: 'yielded_to_human' });
    expect(result.summary).toContain('has escalated it');
    const writes = (await stage.requests()).slice(before).filter(({ method }) => method !== 'GET');
    expect(writes).toHaveLength(1);
  });

  test('what a person did before the run began counts for nothing, however late it is told', async () => {
    await put({ escalation_level: 1 });
    stage.simulator.world.clock.advance(60);
    const run = await respond('asking-bot');
    await asked(run);
    await tell(run, 'incident.escalated');
    await until('the log was asked', async () => (await asksWho(run)) === 1);
    await put({ escalation_level: 1 });
    await tell(run, 'incident.escalated');
    expect((await run.result()).outcome).toBe('yielded_to_human');
    expect(await asksWho(run)).toBe(2);
  });

  const storyOf = async ({ workflowId }: Response): Promise<readonly string[]> => {
    const { currentDetails } = (await stage.client.workflow
      .getHandle(workflowId)
      .query('__temporal_workflow_metadata')) as {
      currentDetails: string;
    };
    return currentDetails.split('\n');
  };
  const nobodyOf = (skip: readonly string[]): string =>
    [...stage.simulator.world.users.values()].find(({ id }) => !skip.includes(id))?.email ?? '';
  const keyMail = (): string => nobodyOf(['PBOT', onCall.id, other.id]);
  function strangerMail(): string {
    const key = [...stage.simulator.world.users.values()].find(({ email }) => email === keyMail());
    return nobodyOf(['PBOT', onCall.id, other.id, key?.id ?? '']);
  }
});
