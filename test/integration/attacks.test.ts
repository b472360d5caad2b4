import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sign } from '../../gate/statement.ts';
import { searchAttributes, workflowIds } from '../../workflows/contract.ts';
import {
  expectRefused,
  foreignWorker,
  runRaw,
  startRaw,
  statementOf,
  waitsForFinding,
} from '../support/attacks.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

let stage: Stage;
let foreign: Awaited<ReturnType<typeof foreignWorker>>;
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder(), 'look-bot': 'incidents: read' } });
  await stage.startWorker();
  foreign = await foreignWorker(stage);
});
afterAll(async () => {
  await foreign.stop();
  await stage.close();
});

const account = 'main';
const nobody = (reason: RegExp) => ({ agent: 'nobody', reason });
const stands = (incident: string) =>
  expect(stage.simulator.world.incident(incident)).toMatchObject({ status: 'triggered', notes: [] });

/** What triage-bot signs to start a Workflow. */
const signed = (target: string, type: string, args: readonly unknown[]): Promise<string> =>
  sign('triage-bot', stage.agent('triage-bot').key, { target, type: `start:${type}`, input: args });

describe('a foreign Worker, with a statement that fits its child to the letter,', () => {
  test('is a forged parent: it starts our Workflow as its child in vain', async () => {
    const incident = await stage.trigger();
    const args = [{ account, incident }];
    const stolen = await signed('forged-child', 'resolveIncident', args);
    const result = await expectRefused(
      stage,
      () => foreign.run('adopt', { type: 'resolveIncident', workflowId: 'forged-child', args }, stolen),
      nobody(/^nobody may not read incident .*: the run foreign-.* was not started on oncall\.$/),
    );
    expect(result).toMatchObject({ outcome: 'denied' });
    stands(incident);
  });

  test('continues as our Workflow in vain', async () => {
    const incident = await stage.trigger();
    const args = [{ account, incident }];
    const stolen = await signed('foreign', 'resolveIncident', args);
    await expectRefused(
      stage,
      () => foreign.run('moveOn', { type: 'resolveIncident', workflowId: '', args }, stolen),
      nobody(/a retry, a cron run or a continuation, and those carry no authority/),
    );
    stands(incident);
  });

  test.each(['oncall-rest-main', 'oncall-urgent-main'])(
    'schedules our Activity on %s in vain',
    async (taskQueue) => {
      const incident = await stage.trigger();
      const request = { params: { id: incident }, body: { note: { content: 'Mine.' } } };
      const input = { step: 'a note', request };
      const stolen = await signed('foreign', 'borrow', [input]);
      const result = await expectRefused(
        stage,
        () => foreign.run('borrow', { activity: 'createIncidentNote', taskQueue, input }, stolen),
        nobody(/^nobody may not add a note to incident .* was not started on oncall\.$/),
      );
      expect(result).toMatchObject({ ok: false, kind: 'PermissionDenied' });
      stands(incident);
    },
  );

  test('fills no record: a step of a megabyte, no step, and words by the thousand are refused', async () => {
    const incident = await stage.trigger();
    const request = { params: { id: incident } };
    const before = (await stage.audit()).length;
    for (const input of [
      { step: 'x'.repeat(1_000_000), request },
      { step: { toString: 1 }, request },
      { step: 'x', request, statements: Array(1_000).fill('y') },
      { step: 'x', request, statements: 'y'.repeat(1_000_000) },
      { step: 'x', request, statements: ['y'.repeat(1_000_000)] },
    ]) {
      const asked = { activity: 'getIncident', taskQueue: 'oncall-rest-main', input };
      await expect(foreign.run('borrow', asked)).rejects.toMatchObject({
        cause: { cause: { message: expect.stringMatching(/^A step has a name of 1 to 300 characters/) } },
      });
    }
    expect(await stage.audit()).toHaveLength(before);
  });

  test('asks the runner to give back in vain', async () => {
    const incident = await stage.trigger();
    const input = { step: 'mine', incident };
    await expectRefused(
      stage,
      () => foreign.run('borrow', { activity: 'release', taskQueue: 'oncall-urgent-main', input }),
      nobody(/^nobody may not read incident .* was not started on oncall\.$/),
    );
  });

  test('cannot make up who concluded a run', async () => {
    const value = { resolution: 'Over.' };
    const statement = await sign('triage-bot', stage.agent('triage-bot').key, {
      target: 'foreign',
      type: 'update:conclude',
      input: value,
    });
    const input = { step: 'x', update: 'conclude', value, statement };
    const result = await expectRefused(
      stage,
      () => foreign.run('borrow', { activity: 'admit', taskQueue: 'oncall-rest-main', input }),
      { agent: 'triage-bot', reason: /may not conclude this run: the run acts for no agent/ },
    );
    expect(result).toMatchObject({ ok: false });
  });
});

test('an Activity that is started without a run is denied', async () => {
  const incident = await stage.trigger();
  const request = { params: { id: incident }, body: { note: { content: 'Mine.' } } };
  const result = await expectRefused(
    stage,
    () =>
      stage.client.activity.execute('createIncidentNote', {
        id: 'standalone',
        taskQueue: 'oncall-rest-main',
        args: [{ step: 'a note', request }],
        startToCloseTimeout: '15 seconds',
      }),
    nobody(/^nobody may not add a note to incident .*: it was asked by no run; start a Workflow\.$/),
  );
  expect(result).toMatchObject({ ok: false, kind: 'PermissionDenied' });
  stands(incident);
});

test('of a cron Workflow with a good statement the first run is the agent’s, and no later one', async () => {
  const incident = await stage.trigger();
  const args = [{ account, incident, note: 'Once.' }];
  const statement = await signed('cron', 'addNote', args);
  const handle = await startRaw(stage, 'cron', args, statement, {
    type: 'addNote',
    cronSchedule: '@every 1s',
  });
  const [denial] = await until('the second run is denied', async () => {
    const denials = await stage.audit({ run: 'cron', decision: 'denied' });
    return denials.length > 0 && denials;
  });
  await stage.client.workflow.getHandle(handle.workflowId).terminate();
  expect(denial).toMatchObject({ agent: 'nobody', sentence: expect.stringMatching(/a cron run/) });
  expect(stage.simulator.world.notes(incident)).toHaveLength(1);
});

test('a Workflow retry of a run with a good statement is denied', async () => {
  const incident = await stage.trigger();
  const args = [{ account, incident, assess: 'client' }];
  const statement = await signed('retried', 'respondToIncident', args);
  const handle = await startRaw(stage, 'retried', args, statement, {
    type: 'respondToIncident',
    workflowRunTimeout: '2 seconds',
    retry: { initialInterval: '1 second', maximumAttempts: 2 },
  });
  const result = await handle.result().catch((error: Error) => error);
  const denials = await stage.audit({ run: 'retried', decision: 'denied' });
  expect(denials[0], String(result)).toMatchObject({
    agent: 'nobody',
    sentence: expect.stringMatching(/is a retry, a cron run or a continuation/),
  });
  stands(incident);
});

test('a reset run keeps its authority, spends nothing anew and writes nothing twice', async () => {
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'addNote', { account, incident, note: 'Once.' });
  expect((await run.result()).outcome).toBe('done');
  const spent = await stage.store.selectFrom('statements').selectAll().execute();
  const { runId } = await stage.client.workflowService.resetWorkflowExecution({
    namespace: stage.namespace,
    workflowExecution: { workflowId: run.workflowId, runId: run.runId },
    workflowTaskFinishEventId: 4 as never,
    requestId: 'reset-1',
    reason: 'a test',
  });
  const again = await stage.client.workflow.getHandle(run.workflowId, runId).result();
  expect(again).toMatchObject({ outcome: 'done' });
  expect(stage.simulator.world.notes(incident)).toHaveLength(1);
  expect(await stage.store.selectFrom('statements').selectAll().execute()).toEqual(spent);
  expect(await stage.audit({ run: run.workflowId, decision: 'denied' })).toEqual([]);
});

test('an agent that search attributes, memo, summary and input name is still nobody', async () => {
  const incident = await stage.trigger();
  const args = [{ account, incident, agent: 'triage-bot' }];
  await expectRefused(
    stage,
    () =>
      runRaw(stage, 'forged-names', args, undefined, {
        memo: { agent: 'triage-bot' },
        typedSearchAttributes: [{ key: searchAttributes.agent, value: 'triage-bot' }],
        staticSummary: 'asked by triage-bot',
      }),
    nobody(/started without a statement of an agent/),
  );
  stands(incident);
});

test('an agent that names another in its input and search attributes acts as itself', async () => {
  const incident = await stage.trigger();
  const args = [{ account, incident, note: 'Mine.', agent: 'triage-bot' }];
  const claim = { target: 'other-name', type: 'start:addNote', input: args };
  const statement = await sign('look-bot', stage.agent('look-bot').key, claim);
  await expectRefused(
    stage,
    () =>
      runRaw(stage, 'other-name', args, statement, {
        type: 'addNote',
        typedSearchAttributes: [{ key: searchAttributes.agent, value: 'triage-bot' }],
      }),
    { agent: 'look-bot', reason: /^look-bot may not add a note .*: its grant on incidents is read/ },
  );
  stands(incident);
});

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const unsigned = (header: object, payload: unknown): string => `${part(header)}.${part(payload)}.`;
const now = Math.floor(Date.now() / 1000);
const says = {
  iss: 'triage-bot',
  aud: 'oncall-runner',
  iat: now,
  jti: 'j',
  target: 't',
  type: 't',
  digest: 'd',
};
const typ = 'oncall-statement+jwt';

const malformed: readonly {
  readonly what: string;
  readonly statement: string | Payload;
  readonly agent?: string;
  readonly reason: RegExp;
}[] = [
  {
    what: 'alg none',
    statement: unsigned({ alg: 'none', typ }, says),
    agent: 'triage-bot',
    reason: /was not signed/,
  },
  {
    what: 'an empty signature',
    statement: unsigned({ alg: 'EdDSA', typ }, says),
    agent: 'triage-bot',
    reason: /was not signed/,
  },
  { what: 'a megabyte', statement: 'x'.repeat(1_000_000), reason: /knows no agent nobody/ },
  {
    what: 'a name of 300 kB',
    statement: unsigned({ alg: 'EdDSA', typ }, { ...says, iss: 'a'.repeat(300_000) }),
    agent: `${'a'.repeat(29)}… (cut, 299971 more characters)`,
    reason: /knows no agent a+…/,
  },
  {
    what: 'a number for a name',
    statement: unsigned({ alg: 'EdDSA', typ }, { ...says, iss: 5 }),
    reason: /knows no agent nobody/,
  },
  {
    what: 'an object for a name',
    statement: unsigned({ alg: 'EdDSA', typ }, { ...says, iss: { a: 1 } }),
    reason: /knows no agent nobody/,
  },
  {
    what: 'a name with lines',
    statement: unsigned({ alg: 'EdDSA' }, { ...says, iss: 'a\nb' }),
    agent: 'a b',
    reason: /knows no agent a b/,
  },
  {
    what: 'the runner’s name',
    statement: unsigned({ alg: 'EdDSA', typ }, { ...says, iss: 'runner' }),
    reason: /knows no agent nobody/,
  },
  { what: 'an empty text', statement: '', reason: /knows no agent nobody/ },
  { what: 'a list', statement: defaultPayloadConverter.toPayload([1, 2]), reason: /without a statement/ },
  {
    what: 'raw bytes',
    statement: defaultPayloadConverter.toPayload(Buffer.from('x')),
    reason: /without a statement/,
  },
  { what: 'no payload at all', statement: {}, reason: /without a statement/ },
  {
    what: 'an unknown encoding',
    statement: { metadata: { encoding: Buffer.from('zip') }, data: Buffer.from('x') },
    reason: /without a statement/,
  },
];

test.each(malformed)(
  'a statement that is $what is denied',
  async ({ statement, agent = 'nobody', reason, what }) => {
    const incident = await stage.trigger();
    await expectRefused(stage, () => runRaw(stage, `malformed ${what}`, [{ account, incident }], statement), {
      agent,
      reason,
    });
    stands(incident);
  },
);

test('a statement signed with HMAC by the public key, which all can read, is denied', async () => {
  const incident = await stage.trigger();
  const { SignJWT } = await import('jose');
  const { key } = stage.agent('triage-bot');
  const { x = '' } = key.export({ format: 'jwk' });
  const statement = await new SignJWT({ ...says, target: 'hmac' })
    .setProtectedHeader({ alg: 'HS256', typ })
    .sign(Buffer.from(x, 'base64url'));
  await expectRefused(stage, () => runRaw(stage, 'hmac', [{ account, incident }], statement), {
    agent: 'triage-bot',
    reason: /was not signed with the key/,
  });
});

test('whoever takes a run away and starts its twin with the statement it carried gets nothing', async () => {
  const incident = await stage.trigger();
  const input = { account, incident, assess: 'client' } as const;
  const run = await stage.start('triage-bot', 'respondToIncident', input);
  await waitsForFinding(stage, run.workflowId);
  const statement = await statementOf(stage, run.workflowId);
  await stage.client.workflow.getHandle(run.workflowId).terminate();
  const workflowId = workflowIds.respondToIncident(input, '');
  await expectRefused(
    stage,
    async () =>
      (await startRaw(stage, workflowId, [input], statement, { type: 'respondToIncident' })).result(),
    { agent: 'triage-bot', reason: /the statement was already used by another run/ },
  );
});
