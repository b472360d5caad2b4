import { clientSettings } from '../config.ts';
import { checkName, enterKey, keyFileOf } from '../configuration-file.ts';
import { withFrontDoor } from '../configuration-text.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { checkFree, checkKnown } from './agents.ts';

export interface FrontDoorWritten {
  readonly keyFile?: string;
  readonly speaksFor?: readonly string[];
  readonly speaksForOperators?: readonly string[];
}

/** `oncall front-doors add`: a key pair for a process that signs for those who come to it. */
export async function addFrontDoor(
  name: string,
  { keyFile: file, speaksFor: agents = [], speaksForOperators: operators = [] }: FrontDoorWritten,
  output: Output,
): Promise<ExitCode> {
  const { configFile, home } = clientSettings();
  checkName(name, 'a front door');
  const isOfOperators = operators.length > 0;
  if (isOfOperators === agents.length > 0)
    throw new UsageError(
      'For whom may it speak? Name agents by --speaks-for NAME, or operators by --speaks-for-operators NAME; never both, since its key could then ask for a thing and approve it.',
    );
  const speaksFor = [...new Set(isOfOperators ? operators : agents)];
  const keyFile = file ?? keyFileOf(home, name);
  await enterKey({
    configFile,
    keyFile,
    grow: (text, policy, publicKey) => {
      checkFree(name, policy, configFile);
      const known = isOfOperators ? policy.operators : policy.agents;
      for (const one of speaksFor) checkKnown(one, [...known.keys()], configFile);
      const key = isOfOperators ? 'may_speak_for_operators' : 'may_speak_for';
      return withFrontDoor(text, { name, publicKey, key, speaksFor });
    },
    noPlace: `has no place where lines for ${name} could be added; nothing was changed. Write the front doors as in docs/policy.md: \`front_doors:\` on a line of its own, each front door below.`,
  });
  const served = isOfOperators ? '`oncall console`' : '`oncall mcp --http PORT`';
  const then = isOfOperators ? '' : `, and give each agent a token: \`oncall agents token ${speaksFor[0]}\``;
  output.result(
    { frontDoor: name, keyFile, configFile, speaksFor },
    [
      `${name} is a front door in ${configFile}: it may speak for ${speaksFor.join(', ')}.`,
      `Its private key is in ${keyFile}; only the process that serves it should read it.`,
      `Next: set ONCALL_FRONT_DOOR=${name} ONCALL_FRONT_DOOR_KEY_FILE=${keyFile} where ${served} runs${then}`,
    ].join('\n'),
  );
  return exitCodes.done;
}
