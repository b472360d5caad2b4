import { describe, expect, test } from 'vitest';
import { list } from '../../gate/audit.ts';
import type { SwitchRow } from '../../gate/audit-store.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { newKeyPair, readPrivateKey, sign } from '../../gate/statement.ts';
import { lift, liftClaim, press, pressedSwitches, switchesFor } from '../../gate/switches.ts';
import { temporaryStore } from './temporary-store.ts';

const store = temporaryStore();
const lead = newKeyPair();
const deputy = newKeyPair();
const policy = parsePolicy(
  JSON.stringify({
    agents: { bot: { public_key: newKeyPair().publicKey }, other: { public_key: newKeyPair().publicKey } },
    operators: { lead: { public_key: lead.publicKey }, deputy: { public_key: deputy.publicKey } },
  }),
);

const ask = (agent = 'bot') =>
  switchesFor(store(), policy, { agent, stepKey: '', caps: [], now: Date.now() });
const freeze = () => press(store(), { kind: 'freeze', name: '', by_whom: 'ada', reason: 'drill' });
const disable = (name: string) => press(store(), { kind: 'disable', name, by_whom: 'ada', reason: '' });

async function liftAs(
  row: SwitchRow,
  operator: string,
  pair: typeof lead,
  now = Date.now(),
): Promise<boolean> {
  const statement = await sign(operator, readPrivateKey(pair.privateKey), liftClaim(row), now);
  return lift(store(), policy, { row, operator, statement }, now);
}

/** What somebody does who can write to the store, and need not ask. */
const writeInto = (id: string, statement: string, at = Date.now()) =>
  store().updateTable('switches').set({ lifted: statement, lifted_at: at }).where('id', '=', id).execute();

describe('a freeze', () => {
  test('holds for every agent, and says since when, by whom and why', async () => {
    await freeze();
    for (const agent of ['bot', 'other'])
      expect((await ask(agent)).frozen).toMatch(/^since \d{4}-\d\d-\d\dT\d\d:\d\dZ by ada \(drill\)$/);
  });

  test('ends by the word of an operator', async () => {
    const row = await freeze();
    await liftAs(row, 'lead', lead);
    expect((await ask()).frozen).toBeNull();
    expect(await pressedSwitches(store(), policy, 'freeze')).toEqual([]);
  });

  test('that was pressed twice holds until both are lifted', async () => {
    const [first, second] = [await freeze(), await freeze()];
    await liftAs(first, 'lead', lead);
    expect((await ask()).frozen).not.toBeNull();
    await liftAs(second, 'lead', lead);
    expect((await ask()).frozen).toBeNull();
  });

  test.each<[string, string, typeof lead, (row: SwitchRow) => SwitchRow, number]>([
    ['somebody who is no operator', 'mallory', newKeyPair(), (row) => row, 0],
    ['somebody who names an operator', 'lead', newKeyPair(), (row) => row, 0],
    ['a statement about another switch', 'lead', lead, (row) => ({ ...row, id: 'another' }), 0],
    ['a statement that was signed long before', 'lead', lead, (row) => row, 3_600_000],
  ])('is not lifted by %s, not even in the store itself', async (_what, operator, pair, about, ageMs) => {
    const row = await freeze();
    const claim = liftClaim(about(row));
    const statement = await sign(operator, readPrivateKey(pair.privateKey), claim, Date.now() - ageMs);
    expect(await lift(store(), policy, { row, operator, statement })).toBe(false);
    await writeInto(row.id, statement);
    expect((await ask()).frozen).not.toBeNull();
    expect((await list(store(), { limit: 9 })).map(({ operation }) => operation)).toEqual(['freeze']);
  });
});

describe('what somebody does in the store itself ends nothing', () => {
  const where = (id: string) => store().updateTable('switches').where('id', '=', id);
  const tampering: readonly (readonly [string, (id: string) => Promise<unknown>])[] = [
    ['its row is taken away', (id) => store().deleteFrom('switches').where('id', '=', id).execute()],
    ['all rows are taken away', () => store().deleteFrom('switches').execute()],
    ['it is said to be of somebody else', (id) => where(id).set({ name: 'ghost' }).execute()],
    [
      'it is said to be of another kind',
      (id) =>
        where(id)
          .set({ kind: 'lift' as 'freeze' })
          .execute(),
    ],
    ['it has another number', (id) => where(id).set({ id: 'x' }).execute()],
    ['it is said to be lifted', (id) => where(id).set({ lifted: 'yes', lifted_at: Date.now() }).execute()],
  ];

  test.each(tampering)('where %s, it is frozen still', async (_what, tamper) => {
    const { id } = await freeze();
    await tamper(id);
    expect((await ask()).frozen).toMatch(/^since \S+Z by ada \(drill\)(;|$)/);
    expect(await pressedSwitches(store(), policy, 'freeze')).toContainEqual(
      expect.objectContaining({ kind: 'freeze', name: '' }),
    );
  });

  test.each(tampering)('where %s, who was disabled is so still', async (_what, tamper) => {
    const { id } = await disable('bot');
    await tamper(id);
    expect((await ask('bot')).disabled).toMatch(/^since \S+Z by ada(;|$)/);
    expect((await ask('other')).disabled).toBeNull();
  });

  test('an operator who was disabled lifts nothing because that row is gone', async () => {
    const own = await disable('lead');
    const frozen = await freeze();
    await store().deleteFrom('switches').where('id', '=', own.id).execute();
    expect(await liftAs(frozen, 'lead', lead)).toBe(false);
    expect((await ask()).frozen).not.toBeNull();
  });

  test('what an operator lifted before stays lifted, and what is gone can be lifted by its own word', async () => {
    const row = await freeze();
    await store().deleteFrom('switches').execute();
    expect(await liftAs(row, 'lead', lead)).toBe(true);
    expect((await ask()).frozen).toBeNull();
  });
});

describe('who is disabled', () => {
  test('is that one alone', async () => {
    await disable('bot');
    expect((await ask('bot')).disabled).toMatch(/ by ada$/);
    expect((await ask('other')).disabled).toBeNull();
    expect(await pressedSwitches(store(), policy, 'disable')).toHaveLength(1);
  });

  test('can be an operator, who then lifts nothing, his own switch least of all', async () => {
    const own = await disable('lead');
    const frozen = await freeze();
    expect(await liftAs(own, 'lead', lead)).toBe(false);
    expect(await liftAs(frozen, 'lead', lead)).toBe(false);
    expect(await ask('lead')).toMatchObject({
      disabled: expect.any(String),
      frozen: expect.any(String),
    });
  });

  test('what an operator lifted before stays lifted', async () => {
    const frozen = await freeze();
    await liftAs(frozen, 'lead', lead, Date.now() - 1_000);
    await disable('lead');
    expect((await ask()).frozen).toBeNull();
  });

  test('an operator whom another enabled lifts again', async () => {
    const own = await disable('lead');
    await liftAs(own, 'deputy', deputy);
    const frozen = await freeze();
    await liftAs(frozen, 'lead', lead, Date.now() + 10);
    expect(await ask('lead')).toMatchObject({ disabled: null, frozen: null });
  });

  test('two operators who disabled each other do not free each other', async () => {
    const [one, two] = [await disable('lead'), await disable('deputy')];
    const now = Date.now() + 10;
    const key = (pair: typeof lead) => readPrivateKey(pair.privateKey);
    await writeInto(one.id, await sign('deputy', key(deputy), liftClaim(one), now), now);
    await writeInto(two.id, await sign('lead', key(lead), liftClaim(two), now), now);
    expect((await ask('lead')).disabled).not.toBeNull();
    expect((await ask('deputy')).disabled).not.toBeNull();
  });
});

test('pressing and lifting are records: who, what, why', async () => {
  await liftAs(await freeze(), 'lead', lead);
  await liftAs(await disable('bot'), 'deputy', deputy);
  const records = await list(store(), { limit: 10 });
  expect(records.map(({ kind, agent, operation }) => [kind, agent, operation])).toEqual([
    ['entry', 'ada', 'freeze'],
    ['entry', 'lead', 'thaw'],
    ['entry', 'ada', 'disable'],
    ['entry', 'deputy', 'enable'],
  ]);
  expect(records.map(({ sentence }) => sentence)).toEqual([
    'ada froze everything: drill.',
    expect.stringMatching(/^lead thawed what was frozen since \S+ by ada \(drill\): it is signed\.$/),
    'ada disabled bot.',
    expect.stringMatching(/^deputy enabled bot, disabled since \S+ by ada: it is signed\.$/),
  ]);
});

test('a switch that somebody lifted who has left the configuration holds again, and says what to do', async () => {
  await liftAs(await freeze(), 'deputy', deputy);
  const { agents, operators } = policy;
  const left = {
    ...policy,
    agents,
    operators: new Map([...operators].filter(([name]) => name !== 'deputy')),
  };
  const asked = { agent: 'bot', stepKey: '', caps: [], now: Date.now() };
  const { frozen } = await switchesFor(store(), left, asked);
  expect(frozen).toMatch(
    / by ada \(drill\); whoever lifted it is no operator of the configuration, so lift it again$/,
  );
});

test('whoever presses writes one line into the record, whatever the name and the reason hold', async () => {
  await press(store(), {
    kind: 'freeze',
    name: '',
    by_whom: 'ada\u001b[2J\nlead thawed what was frozen',
    reason: `x\n\u202E${'y'.repeat(2_000)}`,
  });
  const [record] = await list(store(), { limit: 1 });
  expect(record?.sentence).toMatch(
    /^ada\[2J lead thawed what was frozen froze everything: x y+… \(cut, \d+ more characters\)\.$/,
  );
  expect(record?.sentence.length).toBeLessThan(700);
});
