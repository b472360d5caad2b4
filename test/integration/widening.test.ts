import { readFileSync } from 'node:fs';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parsePolicy } from '../../gate/policy.ts';
import { type Claim, sign } from '../../gate/statement.ts';
import { lift, liftClaim, press } from '../../gate/switches.ts';
import { type PendingApproval, searchAttributes } from '../../workflows/contract.ts';
import { expectRefused, startRaw, waitsForFinding } from '../support/attacks.ts';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

// What widens needs proof: approvals, lifted switches, and grants that must still stand at the moment of the call.

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({
    agents: {
      'ask-bot': 'incidents: read\nincidents.add_note: { level: full, approval: required }',
      'triage-bot': responder(),
    },
    operators: {
      lead: '',
      deputy: '',
      self: 'pagerduty_user: PADA',
      scribe: 'pagerduty_user: PEVA\napprove_by: [note]',
    },
  });
  stage.editConfig((text) => text.replace('  ask-bot:\n', '  ask-bot:\n    pagerduty_user: PADA\n'));
  await stage.startWorker();
});
afterAll(() => stage.close());

const account = 'main';

/** A note that waits for an operator, and the ways to approve it. */
async function waiting() {
  const incident = await stage.trigger();
  const run = await stage.start('ask-bot', 'addNote', { account, incident, note: 'May I?' });
  const handle: WorkflowHandle = stage.client.workflow.getHandle(run.workflowId);
  const pending = () =>
    until('the note waits for approval', async () => {
      const [asked] = await handle.query<readonly PendingApproval[]>('pendingApprovals');
      return asked;
    });
  const needed = async () => stage.audit({ run: run.workflowId, decision: 'approval_needed' });
  const first = await pending();
  const approval = (by: string, change: Partial<Claim> = {}, key = stage.agent(by).key) =>
    sign(by, key, { target: run.workflowId, type: 'approve', input: first.claim, ...change });
  return {
    incident,
    run,
    handle,
    first,
    approval,
    approve: async (statement: string) => {
      await pending();
      await handle.executeUpdate('approve', { args: [{ id: first.id, statement }] });
    },
    /** The approval counts for nothing, and the entry of the next try says why. */
    expectInVain: async (statement: string, reason: RegExp) => {
      const before = (await needed()).length;
      const requests = (await stage.requests()).filter(({ method, by }) => method !== 'GET' && !by).length;
      await pending();
      await handle.executeUpdate('approve', { args: [{ id: first.id, statement }] });
      const entries = await until('the gate has looked again', async () => {
        const found = await needed();
        return found.length > before && found;
      });
      expect(entries.at(-1)).toMatchObject({ agent: 'ask-bot', sentence: expect.stringMatching(reason) });
      expect((await stage.requests()).filter(({ method, by }) => method !== 'GET' && !by)).toHaveLength(
        requests,
      );
      expect(stage.simulator.world.notes(incident)).toEqual([]);
      await pending();
    },
  };
}

describe('an approval counts for nothing', () => {
  test('that is signed by an operator who answers by notes alone', async () => {
    const { approval, expectInVain, approve, run } = await waiting();
    await expectInVain(
      await approval('scribe'),
      /The word of scribe counts for nothing: the configuration takes no signature from there\./,
    );
    await approve(await approval('lead'));
    expect((await run.result()).outcome).toBe('done');
  });

  test('that is for another input, step, run or kind, on other facts, by nobody we know, by the agent itself or with a wrong key', async () => {
    const { first, approval, expectInVain, approve, run, incident } = await waiting();
    const { claim } = first;
    await expectInVain(
      await approval('lead', { input: { ...claim, request: 'f'.repeat(64) } }),
      /The word of lead counts for nothing: the statement was made for other input\.$/,
    );
    await expectInVain(
      await approval('lead', { input: { ...claim, step: 'another' } }),
      /lead counts for nothing: the statement was made for other input\.$/,
    );
    await expectInVain(
      await approval('lead', { input: { ...claim, facts: 'f'.repeat(64) } }),
      /lead counts for nothing: the statement was made for other input\.$/,
    );
    await expectInVain(
      await approval('lead', { target: 'another-run' }),
      /lead counts for nothing: the statement was made for another run\.$/,
    );
    await expectInVain(
      await approval('lead', { type: 'update:conclude' }),
      /lead counts for nothing: the statement was made for another kind of request/,
    );
    await expectInVain(
      await approval('ghost', {}, stage.agent('lead').key),
      /The word of ghost counts for nothing: the configuration knows no such operator/,
    );
    await expectInVain(
      await approval('ask-bot'),
      /The word of ask-bot counts for nothing: the configuration knows no such operator/,
    );
    await expectInVain(
      await approval('lead', {}, stage.agent('deputy').key),
      /The word of lead counts for nothing: the statement was not signed with the key/,
    );
    await expectInVain(
      'let me in',
      /The word of nobody counts for nothing: the configuration knows no such operator/,
    );
    await approve(await approval('lead'));
    expect((await run.result()).outcome).toBe('done');
    expect(stage.simulator.world.notes(incident)).toHaveLength(1);
  });

  test('by the operator for whom the agent works: nobody approves what they asked for', async () => {
    const { approval, expectInVain, approve, run } = await waiting();
    await expectInVain(
      await approval('self'),
      /The word of self counts for nothing: the grant names others, or it is the person for whom the agent works\.$/,
    );
    await approve(await approval('lead'));
    expect((await run.result()).outcome).toBe('done');
  });

  test('that an operator signed with a key that was rotated meanwhile', async () => {
    const { approval, expectInVain, approve, run } = await waiting();
    const old = await approval('deputy');
    const oldPublic = stage.agent('deputy').key.export({ format: 'jwk' }).x ?? '';
    const fresh = stage.newKey('deputy');
    const until = new Date(Date.now() - 1_000).toISOString();
    stage.editConfig((text) =>
      text.replace(
        `public_key: ${oldPublic}`,
        `public_key: ${fresh}\n    previous_keys: [{ public_key: ${oldPublic}, until: "${until}" }]`,
      ),
    );
    await expectInVain(
      old,
      /The word of deputy counts for nothing: the statement was not signed with the key/,
    );
    await approve(await approval('deputy'));
    expect((await run.result()).outcome).toBe('done');
  });
});

describe('whoever reaches the server stops no run by what he says', () => {
  const huge = 'x\n'.repeat(400_000);

  test('an approval of a megabyte is not even written down', async () => {
    const { handle, first, approve, approval, run } = await waiting();
    const said = { id: first.id, statement: huge };
    await expect(handle.executeUpdate('approve', { args: [said] })).rejects.toThrow();
    const { events } = await handle.fetchHistory();
    expect(events?.some((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toBe(false);
    await approve(await approval('lead'));
    expect((await run.result()).outcome).toBe('done');
  });

  test('a no of a megabyte is not taken, and one of several lines is one line', async () => {
    const { handle, first, run } = await waiting();
    const refuse = (by: string, reason: string) =>
      handle.executeUpdate('refuse', { args: [{ id: first.id, by, reason }] });
    await expect(refuse('lead', huge)).rejects.toThrow();
    await refuse('lead\n- **Agent:** lead', '\u202E\n'.repeat(300));
    const { outcome, summary } = await run.result();
    expect(outcome).toBe('approval_refused');
    expect(summary).toMatch(/ But lead - \*\*Agent:\*\* lead refused it\.$/);
  });

  test('a pause or a taking over of a megabyte is not taken, and the longest that is leaves the run its lists', async () => {
    const { incident, run } = await midway();
    const handle = stage.client.workflow.getHandle(run.workflowId);
    for (const update of ['pause', 'takeOver'])
      await expect(handle.executeUpdate(update, { args: [{ by: 'lead', reason: huge }] })).rejects.toThrow();
    const long = `${'x'.repeat(998)}\n.`;
    await handle.executeUpdate('pause', { args: [{ by: long, reason: long }] });
    const waitsFor = await until('the pause is told', async () => {
      const { typedSearchAttributes } = await handle.describe();
      const told = typedSearchAttributes.get(searchAttributes.waitingFor) ?? '';
      return told.includes('resume') && told;
    });
    expect(waitsFor.length).toBeLessThan(300);
    await handle.executeUpdate('takeOver', { args: [{ by: long }] });
    expect((await run.result()).outcome).toBe('yielded_to_human');
    expect(stage.simulator.world.incident(incident)?.status).toBe('triggered');
  });

  test('a megabyte in what nobody reads of an Update is not taken', async () => {
    const { run } = await midway();
    const handle: WorkflowHandle = stage.client.workflow.getHandle(run.workflowId);
    const evidence = { alerts: [huge], similar: [] };
    const said: [string, ...unknown[]][] = [
      ['pause', { by: 'lead', junk: huge }],
      ['pause', { by: 'lead' }, huge],
      ['takeOver', { by: 'lead', junk: huge }],
      ['handBack', huge],
      ['giveFinding', { value: { class: 'real', summary: 'Real.', evidence }, statement: 's' }],
      [
        'giveFinding',
        { value: { class: 'real', summary: 'Real.', evidence: { ...evidence, junk: huge } }, statement: 's' },
      ],
      ['conclude', { value: { resolution: 'Over.', junk: huge }, statement: 's' }],
    ];
    // A refusal repeats what it refuses; of one that is itself too long for the server, the server ends the Update.
    const tooLongToRepeat = 2_000_000;
    for (const [update, ...args] of said)
      await expect(
        handle.executeUpdate<unknown, [unknown]>(update, { args: args as [unknown] }),
        update,
      ).rejects.toMatchObject({
        cause: {
          message:
            JSON.stringify(args).length > tooLongToRepeat
              ? expect.stringContaining('unexpected workflow task failure')
              : 'An Update has at most 100,000 characters.',
        },
      });
    const { events } = await handle.fetchHistory();
    expect(events?.some((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toBe(false);
    await handle.executeUpdate('takeOver');
    expect((await run.result()).outcome).toBe('yielded_to_human');
  });
});

test('of one approval that was heard, a second run has nothing', async () => {
  const one = await waiting();
  const statement = await one.approval('lead');
  await one.approve(statement);
  expect((await one.run.result()).outcome).toBe('done');
  const two = await waiting();
  await two.expectInVain(
    statement,
    /The word of lead counts for nothing: the statement was made for another run/,
  );
  await two.handle.executeUpdate('refuse', { args: [{ id: two.first.id, by: 'lead', reason: 'no' }] });
  expect((await two.run.result()).outcome).toBe('approval_refused');
});

test.each([
  {
    kind: 'disable',
    name: 'triage-bot',
    says: /^triage-bot may not .*: it is disabled since .* by lead \(a test\)\.$/,
  },
  {
    kind: 'freeze',
    name: '',
    says: /^triage-bot may not .*: everything is frozen since .* by lead \(a test\)\.$/,
  },
] as const)('$kind stops the next call, and only an operator lifts it', async ({ kind, name, says }) => {
  const incident = await stage.trigger();
  const note = () => stage.run('triage-bot', 'addNote', { account, incident, note: 'Hello.' });
  const pressed = await press(stage.store, { kind, name, by_whom: 'lead', reason: 'a test' });
  await expectRefused(stage, note, { agent: 'triage-bot', reason: says });
  const policy = parsePolicy(readFileSync(stage.configFile, 'utf8'));
  const lifted = (statement: string) =>
    lift(stage.store, policy, { row: pressed, operator: 'lead', statement });
  await lifted('let me in');
  await expectRefused(stage, note, { agent: 'triage-bot', reason: says });
  await lifted(await sign('lead', stage.agent('triage-bot').key, liftClaim(pressed)));
  await expectRefused(stage, note, { agent: 'triage-bot', reason: says });
  await lifted(await sign('lead', stage.agent('lead').key, liftClaim(pressed)));
  expect((await note()).outcome).toBe('done');
});

/** A run that has looked at its incident and waits for the finding of its client. */
async function midway() {
  const incident = await stage.trigger();
  const run = await stage.start('triage-bot', 'respondToIncident', {
    account,
    incident,
    assess: 'client',
    presenceSeconds: 30,
  });
  await waitsForFinding(stage, run.workflowId);
  return { incident, run };
}

const finding = { class: 'real', summary: 'It is.', evidence: { alerts: [], similar: [] } } as const;

test('a grant that ended meanwhile is over for a run under way', async () => {
  const { incident, run } = await midway();
  const ended = 'incidents.add_note: { level: full, until: "2026-01-01T00:00:00Z" }';
  stage.editConfig((text) => text.replace('incidents.add_note: full', ended));
  stage.editConfig((text) =>
    text.replace('{ level: full, lease: 5m,', '{ level: full, until: "2026-01-01T00:00:00Z", lease: 5m,'),
  );
  await run.answer('giveFinding', finding);
  await run.result();
  stage.editConfig((text) =>
    text.replace(ended, 'incidents.add_note: full').replace(' until: "2026-01-01T00:00:00Z",', ''),
  );
  const denials = await stage.audit({ run: run.workflowId, decision: 'denied' });
  expect(denials.map(({ agent, sentence }) => [agent, sentence.replace(/^.*: its/, 'its')])).toEqual([
    ['triage-bot', 'its grant on incidents.acknowledge ended at 2026-01-01T00:00Z.'],
    ['triage-bot', 'its grant on incidents.add_note ended at 2026-01-01T00:00Z.'],
  ]);
  expect(stage.simulator.world.incident(incident)).toMatchObject({ status: 'triggered', notes: [] });
});

test('a configuration that breaks during a run denies its next word and its next call', async () => {
  const { incident, run } = await midway();
  stage.editConfig((text) => `${text}\nno such key: true\n`);
  await expectRefused(stage, () => run.answer('giveFinding', finding).catch(() => {}), {
    agent: 'triage-bot',
    reason: /everything is denied until the configuration is mended/,
  });
  stage.editConfig((text) => text.replace('\nno such key: true\n', ''));
  await stage.client.workflow.getHandle(run.workflowId).cancel();
  await run.result().catch(() => {});
  expect(stage.simulator.world.incident(incident)).toMatchObject({ status: 'triggered', notes: [] });
});

test('after a rotation a run that began before goes on, and the old key neither starts nor says anything', async () => {
  const { incident, run } = await midway();
  const old = stage.agent('triage-bot');
  const oldPublic = old.key.export({ format: 'jwk' }).x ?? '';
  const fresh = stage.newKey('triage-bot');
  const ended = new Date().toISOString();
  stage.editConfig((text) =>
    text.replace(
      `public_key: ${oldPublic}`,
      `public_key: ${fresh}\n    previous_keys: [{ public_key: ${oldPublic}, until: "${ended}" }]`,
    ),
  );
  await expectRefused(stage, () => run.answer('giveFinding', finding).catch(() => {}), {
    agent: 'triage-bot',
    reason: /the statement was not signed with the key/,
  });
  const args = [{ account, incident }];
  const claim = { target: 'old-key', type: 'start:resolveIncident', input: args };
  const statement = await sign('triage-bot', old.key, claim);
  await expectRefused(stage, async () => (await startRaw(stage, 'old-key', args, statement)).result(), {
    agent: 'triage-bot',
    reason: /the statement was not signed with the key/,
  });
  const value = finding;
  const words = { target: run.workflowId, type: 'update:giveFinding', input: value };
  const handle = stage.client.workflow.getHandle(run.workflowId);
  const { name, key } = stage.agent('triage-bot');
  await handle.executeUpdate('giveFinding', { args: [{ value, statement: await sign(name, key, words) }] });
  await until('it is held', () => stage.simulator.world.incident(incident)?.status === 'acknowledged');
  await handle.executeUpdate('handBack');
  expect((await run.result()).outcome).toBe('partly');
});
