import { Id } from '../../pagerduty/catalogue/wire.ts';
import { clientSettings } from '../config.ts';
import { checkName, enterKey, keyFileOf } from '../configuration-file.ts';
import { withOperator } from '../configuration-text.ts';
import { type ExitCode, exitCodes, UsageError } from '../errors.ts';
import type { Output } from '../output.ts';
import { checkFree } from './agents.ts';

/** `oncall operators add`: a key pair for a person, who then approves, and lifts what was pressed. */
export async function addOperator(
  name: string,
  options: { readonly keyFile?: string; readonly pagerdutyUser?: string },
  output: Output,
): Promise<ExitCode> {
  const { configFile, home } = clientSettings();
  checkName(name, 'an operator');
  const { pagerdutyUser } = options;
  if (pagerdutyUser !== undefined && !Id.safeParse(pagerdutyUser).success)
    throw new UsageError('--pagerduty-user takes a PagerDuty id, letters and digits such as PABC123.');
  const keyFile = options.keyFile ?? keyFileOf(home, name);
  await enterKey({
    configFile,
    keyFile,
    grow: (text, policy, publicKey) => {
      checkFree(name, policy, configFile);
      return withOperator(text, { name, publicKey, ...(pagerdutyUser !== undefined && { pagerdutyUser }) });
    },
    noPlace: `has no place where lines for ${name} could be added; nothing was changed. Write the operators as in docs/policy.md: \`operators:\` on a line of its own, each operator below.`,
  });
  output.result(
    { operator: name, keyFile, configFile },
    [
      `${name} is an operator in ${configFile}: may approve what grants ask for, and lift what was pressed.`,
      `The private key is in ${keyFile}; only ${name} should read it.`,
      `Next: set ONCALL_OPERATOR=${name} ONCALL_OPERATOR_KEY_FILE=${keyFile}`,
    ].join('\n'),
  );
  return exitCodes.done;
}
