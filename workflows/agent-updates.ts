import { ApplicationFailure } from '@temporalio/common';
import { defineUpdate, setHandler } from '@temporalio/workflow';
import type { Chronicle } from './chronicle.ts';
import type { AgentUpdates, Errand, Signed } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { brief, checkSigned } from './said.ts';

/** How a run takes one Update of its agent. */
export interface Taking<Value> {
  /** For people, in the Temporal UI. */
  readonly description: string;
  /** Refuses, by throwing, what is not right; nothing of it is written then. */
  readonly check: (value: Value) => void;
  readonly take: (value: Value) => void;
}

/**
 * Finds out whether the run's own agent said this, wherever it came in.
 * @throws ApplicationFailure of type PermissionDenied where it did not.
 */
export async function admitted<Name extends keyof AgentUpdates>(
  { account }: Errand,
  chronicle: Chronicle,
  update: Name,
  { value, statement }: Signed<AgentUpdates[Name]>,
): Promise<string> {
  const { urgent } = activitiesOf(account);
  const heardAt = new Date().toISOString();
  const word = await perform(urgent.admit, {
    step: `Check who says ${update} at ${heardAt}`,
    update,
    of: 'agent',
    value,
    statement,
  });
  if (!word.ok) throw ApplicationFailure.nonRetryable(word.sentence, 'PermissionDenied');
  chronicle.say(word.sentence);
  return word.sentence;
}

/** Takes Updates of the run's own agent, each only where that agent signed it. Unsigned words move nothing. */
export function agentUpdatesOf(errand: Errand, chronicle: Chronicle) {
  return <Name extends keyof AgentUpdates>(
    update: Name,
    { description, check, take }: Taking<AgentUpdates[Name]>,
  ): void => {
    setHandler(
      defineUpdate<string, [Signed<AgentUpdates[Name]>]>(update),
      async (said) => {
        const sentence = await admitted(errand, chronicle, update, said);
        take(said.value);
        return sentence;
      },
      {
        description,
        validator: brief((said: Signed<AgentUpdates[Name]>) => {
          checkSigned(said, 'the agent of this run signs it');
          check(said.value);
        }),
      },
    );
  };
}
