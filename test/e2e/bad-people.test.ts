import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { openStore, storeFile } from '../../gate/audit-store.ts';
import { newKeyPair } from '../../gate/statement.ts';
import { test } from '../support/calls.ts';
import type { Place } from '../support/processes.ts';
import { configuration, expectSame, expectSentence, noServer, type Wrong } from './sentences.ts';

/** A place with a configuration, and the environment of an operator with a key that nobody knows. */
function operatorIn({ folder, configFile }: Place): Record<string, string> {
  const keyFile = join(folder, 'operator.pem');
  writeFileSync(keyFile, newKeyPair().privateKey, { mode: 0o600 });
  writeFileSync(configFile, configuration());
  return { ...noServer, ONCALL_OPERATOR: 'lead', ONCALL_OPERATOR_KEY_FILE: keyFile };
}

describe('what an operator says wrong is told in a sentence', () => {
  test.for<Wrong>([
    { args: ['agents', 'rotat', 'x'], says: /unknown command 'rotat'.*Did you mean rotate\?/s },
    { args: ['agents', 'rotate', 'triage-bt'], says: /knows no triage-bt; did you mean triage-bot\?/ },
    { args: ['agents', 'rotate', 'Bad Name'], says: /cannot be the name of an agent/ },
    { args: ['agents', 'disable', 'triage-bot'], says: /required option '--reason <text>' not specified/ },
    {
      args: ['agents', 'disable', 'nobody', '--reason', 'x'],
      says: /knows no nobody; there are zoe-bot, triage-bot\./,
    },
    {
      args: ['agents', 'disable', 'triage-bot', '--reason', 'x'],
      code: 1,
      says: /There is no audit in .*set ONCALL_HOME/,
    },
    { args: ['agents', 'enable', 'triag-bot'], says: /did you mean triage-bot\?/ },
    { args: ['operators', 'add', 'Bad Name'], says: /cannot be the name of an operator/ },
    {
      args: ['operators', 'add', 'triage-bot'],
      code: 1,
      says: /has an agent triage-bot already; nothing was changed/,
    },
    {
      args: ['operators', 'add', 'ops', '--pagerduty-user', '../x'],
      says: /--pagerduty-user takes a PagerDuty id/,
    },
    {
      args: ['freeze'],
      code: 1,
      says: /There is no audit in .*set ONCALL_HOME to the folder the Worker uses/,
    },
    { args: ['thaw'], code: 1, says: /There is no audit in / },
    { args: ['approve', 'zzz'], code: 1, says: /No Temporal server answers/ },
    { args: ['approve'], says: /missing required argument 'id'/ },
    { args: ['deny', 'abc123'], says: /required option '--reason <text>' not specified/ },
    { args: ['deny', 'abc123', '--reason', ' '], says: /--reason takes 1 to 400 characters/ },
    { args: ['approvals'], code: 1, says: /No Temporal server answers at 127\.0\.0\.1:1\. / },
    { args: ['can', 'triage-bot'], says: /missing required argument 'action'/ },
    {
      args: ['can', 'triage-bot', 'incidents.resolv', '--incident', 'P1'],
      says: /no action .* Did you mean incidents\.resolve\?/,
    },
    {
      args: ['can', 'triage-bot', 'incidents.resolve'],
      says: /incidents\.resolve needs its incident: name it by --incident/,
    },
    {
      args: ['can', 'triage-bot', 'incidents.view', '--account', 'Main'],
      says: /--account takes an account/,
    },
    { args: ['can', 'triage-bot', 'incidents.view'], code: 1, says: /No Temporal server answers/ },
  ])('oncall $args', async ({ args, ...wrong }, { place, call }) => {
    const env = operatorIn(place);
    const before = readFileSync(place.configFile, 'utf8');
    expectSentence(await call(args, { env }), wrong);
    expect(readFileSync(place.configFile, 'utf8')).toBe(before);
  });

  test.for<Wrong>([
    { args: ['approve', 'abc123'], says: /No operator is named: set ONCALL_OPERATOR/ },
    { args: ['thaw'], says: /No operator is named/ },
    { args: ['agents', 'enable', 'triage-bot'], says: /No operator is named/ },
  ])('oncall $args, as nobody', async ({ args, ...wrong }, { place, call }) => {
    writeFileSync(place.configFile, configuration());
    expectSentence(await call(args, { env: noServer }), wrong);
  });

  test('a process of its own says and gives the same', ({ place, call }) =>
    expectSame(place, call, ['approve', 'zzz'], operatorIn(place)));

  test('a broken configuration keeps nobody from freezing, and nobody thaws with it', async ({
    place,
    call,
  }) => {
    const env = operatorIn(place);
    mkdirSync(place.home);
    await (await openStore(storeFile(place.home))).destroy();
    writeFileSync(place.configFile, 'agents: 7\n');
    const frozen = await call(['freeze'], { env });
    expect(frozen, frozen.stderr).toMatchObject({ code: 0 });
    expect(frozen.stdout).toMatch(
      /^Everything is frozen: .*\nWhat is held could not be given back at once \(No Temporal server answers/,
    );
    const says = /Only operators of the configuration lift a switch\. .*oncall\.yaml:1:1: agents: /;
    expectSentence(await call(['thaw'], { env }), { code: 1, says });
  });
});
