import type { Things } from '../../gate/asked.ts';
import { askGate, questionOf } from '../ask-gate.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { connect } from '../connect.ts';
import { type ExitCode, exitCodes, OncallError } from '../errors.ts';
import { whoAsks } from '../identity.ts';
import type { Output } from '../output.ts';
import { isServed } from '../served.ts';
import { factsOf } from '../step-words.ts';

export type CanOptions = Things & { readonly account: string };

/** `oncall can`: what the gate would say to an agent now. A Worker asks it, since it alone may read PagerDuty; nothing is sent. */
export async function can(
  agent: string,
  action: string,
  options: CanOptions,
  output: Output,
): Promise<ExitCode> {
  const { account, ...written } = options;
  const things = Object.fromEntries(Object.entries(written).filter(([thing]) => known.has(thing)));
  const input = questionOf(account, { agent, action, things });
  const client = await connect(temporalSettings(), `operator:${whoAsks(clientSettings())}`);
  try {
    if (!(await isServed(client)))
      throw new OncallError(
        'No Worker polls for runs, and a Worker asks the gate; start one: `oncall worker`.',
      );
    const permission = await askGate(client, input);
    const { decision, rule, sentence, facts, grantedBy } = permission;
    output.result(
      { agent, action, account: input.account, ...permission },
      [
        `${decision.replace('_', ' ')}: ${sentence}`,
        `  rule: ${rule}`,
        ...factsOf(facts).map((line) => `  ${line}`),
        ...(grantedBy === undefined ? [] : [`  who can grant it: ${grantedBy}`]),
      ].join('\n'),
    );
    return { allowed: exitCodes.done, denied: exitCodes.denied, approval_needed: exitCodes.approvalNeeded }[
      decision
    ];
  } finally {
    await client.connection.close();
  }
}

const known: ReadonlySet<string> = new Set<keyof Things>([
  'incident',
  'service',
  'policy',
  'schedule',
  'user',
  'team',
  'urgency',
  'routingKey',
]);
