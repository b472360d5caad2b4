import { WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRun } from '../../client/agent.ts';
import type { AgentIdentity } from '../../client/identity.ts';
import { newKeyPair, readPrivateKey, sign } from '../../gate/statement.ts';
import type { RunResult } from '../../workflows/contract.ts';
import { runRaw, statementOf } from '../support/attacks.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder(), 'other-bot': responder() } });
  await stage.startWorker();
});
afterAll(() => stage.close());

const startRaw = (id: string, args: readonly unknown[], statement?: string, type?: string) =>
  runRaw(stage, id, args, statement, { ...(type !== undefined && { type }) });

/** The attempt was refused with this reason, nothing reached PagerDuty, the audit has it, and the incident stands. */
async function expectRefused(
  incident: string,
  attempt: () => Promise<RunResult>,
  reason: RegExp,
): Promise<void> {
  const before = (await stage.requests()).length;
  const denials = (await stage.audit({ decision: 'denied' })).length;
  const result = await attempt();
  expect(result.outcome).toBe('denied');
  expect(result.summary).toMatch(reason);
  expect(await stage.requests()).toHaveLength(before);
  const denied = await stage.audit({ decision: 'denied' });
  expect(denied).toHaveLength(denials + 1);
  expect(denied.at(-1)?.sentence).toMatch(reason);
  expect(stage.simulator.world.incident(incident)?.status).toBe('triggered');
}

test('a run without a statement is denied', async () => {
  const incident = await stage.trigger();
  await expectRefused(
    incident,
    () => startRaw('no-statement', [{ account: 'main', incident }]),
    /^nobody may not read incident .*: the run was started without a statement of an agent\.$/,
  );
});

test('a statement signed with the wrong key is denied', async () => {
  const incident = await stage.trigger();
  const args = [{ account: 'main', incident }];
  const forger = readPrivateKey(newKeyPair().privateKey);
  const statement = await sign('triage-bot', forger, {
    target: 'forged',
    type: 'start:resolveIncident',
    input: args,
  });
  await expectRefused(incident, () => startRaw('forged', args, statement), /was not signed with the key/);
});

test('a statement of an unknown agent is denied', async () => {
  const incident = await stage.trigger();
  const args = [{ account: 'main', incident }];
  const statement = await sign('ghost-bot', stage.agent('triage-bot').key, {
    target: 'ghost',
    type: 'start:resolveIncident',
    input: args,
  });
  await expectRefused(incident, () => startRaw('ghost', args, statement), /knows no agent ghost-bot/);
});

test('what is not a statement at all is denied', async () => {
  const incident = await stage.trigger();
  await expectRefused(
    incident,
    () => startRaw('junk', [{ account: 'main', incident }], 'let me in'),
    /knows no agent nobody/,
  );
});

describe('a statement that was copied out of a history is denied', () => {
  /** A run that has added a note, and the statement that everybody can read in its history. */
  async function copied() {
    const incident = await stage.trigger();
    const input = { account: 'main', incident, note: 'One.' };
    const run = await startRun(stage.client, stage.agent('triage-bot'), 'addNote', input, { key: 'the-key' });
    expect((await run.result()).outcome).toBe('done');
    return { incident, input, run, statement: await statementOf(stage, run.workflowId) };
  }
  const expectOneNote = (incident: string) => expect(stage.simulator.world.notes(incident)).toHaveLength(1);

  test('by another run', async () => {
    const { incident, input, statement } = await copied();
    await expectRefused(
      incident,
      () => startRaw('elsewhere', [input], statement, 'addNote'),
      /was made for another run/,
    );
    expectOneNote(incident);
  });

  test('with tampered input', async () => {
    const { incident, input, run, statement } = await copied();
    await expectRefused(
      incident,
      () => startRaw(run.workflowId, [{ ...input, note: 'Two.' }], statement, 'addNote'),
      /was made for other input/,
    );
    expectOneNote(incident);
  });

  test('by another Workflow', async () => {
    const { incident, run, statement } = await copied();
    await expectRefused(
      incident,
      () => startRaw(run.workflowId, [{ account: 'main', incident }], statement, 'resolveIncident'),
      /was made for another kind of request/,
    );
  });

  test('by the same start again within a minute', async () => {
    const { incident, input, run, statement } = await copied();
    await expectRefused(
      incident,
      () => startRaw(run.workflowId, [input], statement, 'addNote'),
      /was already used by another run/,
    );
    expectOneNote(incident);
  });
});

test('an old statement is denied', async () => {
  const incident = await stage.trigger();
  const args = [{ account: 'main', incident }];
  const claim = { target: 'old', type: 'start:resolveIncident', input: args };
  const statement = await sign('triage-bot', stage.agent('triage-bot').key, claim, Date.now() - 6 * 60_000);
  await expectRefused(incident, () => startRaw('old', args, statement), /is too old/);
});

test('only the agent of a run can conclude it: an unsigned, a forged and a copied conclusion change nothing', async () => {
  const incident = await stage.trigger();
  const other = await stage.trigger();
  const subject = { account: 'main', assess: 'rules' } as const;
  const run = await stage.start('triage-bot', 'respondToIncident', { ...subject, incident });
  const second = await stage.start('triage-bot', 'respondToIncident', { ...subject, incident: other });
  await until('both are held', () =>
    [incident, other].every((id) => stage.simulator.world.incident(id)?.status === 'acknowledged'),
  );
  const value = { resolution: 'Trust me.' };
  const handle = stage.client.workflow.getHandle(run.workflowId);
  const conclude = (statement: unknown) => handle.executeUpdate('conclude', { args: [{ value, statement }] });
  const signedBy = ({ name, key }: AgentIdentity, target: string) =>
    sign(name, key, { target, type: 'update:conclude', input: value });

  await expect(conclude(undefined)).rejects.toThrow(WorkflowUpdateFailedError);
  await expect(conclude('let me in')).rejects.toThrow(WorkflowUpdateFailedError);
  await expect(conclude(await signedBy(stage.agent('other-bot'), run.workflowId))).rejects.toThrow(
    WorkflowUpdateFailedError,
  );
  const copied = await signedBy(stage.agent('triage-bot'), second.workflowId);
  await expect(conclude(copied)).rejects.toThrow(WorkflowUpdateFailedError);
  expect(stage.simulator.world.incident(incident)?.status).toBe('acknowledged');
  const refusals = (await stage.audit({ run: run.workflowId, decision: 'denied' })).map(
    ({ sentence }) => sentence,
  );
  expect(refusals).toEqual([
    'nobody may not conclude this run: the run acts for triage-bot.',
    'other-bot may not conclude this run: the run acts for triage-bot.',
    'triage-bot may not conclude this run: the statement was made for another run.',
  ]);

  await run.answer('conclude', { resolution: 'Rolled back.' });
  expect((await run.result()).outcome).toBe('done');
  expect(stage.simulator.world.incident(incident)?.status).toBe('resolved');
  await second.answer('conclude', { resolution: 'This one too.' });
  expect((await second.result()).outcome).toBe('done');
});
