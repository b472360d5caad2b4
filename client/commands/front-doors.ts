import { clientSettings } from '../config.ts';
import { checkName, enterKey, keyFileOf } from '../configuration-file.ts';
import { withFrontDoor } from '../configuration-text.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { checkFree, checkKnown } from './agents.ts';

/** `oncall front-doors add`: a key pair for a process that signs for agents which come to it with a token. */
export async function addFrontDoor(
  name: string,
  options: { readonly keyFile?: string; readonly speaksFor: readonly string[] },
  output: Output,
): Promise<ExitCode> {
  const { configFile, home } = clientSettings();
  checkName(name, 'a front door');
  const speaksFor = [...new Set(options.speaksFor)];
  if (speaksFor.length === 0)
    throw new UsageError('For which agents may it speak? Name each by --speaks-for NAME.');
  const keyFile = options.keyFile ?? keyFileOf(home, name);
  await enterKey({
    configFile,
    keyFile,
    grow: (text, policy, publicKey) => {
      checkFree(name, policy, configFile);
      for (const agent of speaksFor) checkKnown(agent, [...policy.agents.keys()], configFile);
      return withFrontDoor(text, { name, publicKey, speaksFor });
    },
    noPlace: `has no place where lines for ${name} could be added; nothing was changed. Write the front doors as in docs/policy.md: \`front_doors:\` on a line of its own, each front door below.`,
  });
  output.result(
    { frontDoor: name, keyFile, configFile, speaksFor },
    [
      `${name} is a front door in ${configFile}: it may speak for ${speaksFor.join(', ')}.`,
      `Its private key is in ${keyFile}; only the process that serves it should read it.`,
      `Next: set ONCALL_FRONT_DOOR=${name} ONCALL_FRONT_DOOR_KEY_FILE=${keyFile} where \`oncall mcp --http PORT\` runs, and give each agent a token: \`oncall agents token ${speaksFor[0]}\``,
    ].join('\n'),
  );
  return exitCodes.done;
}
