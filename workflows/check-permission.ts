import { attempt, knownOf } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { CheckInput, CheckResult } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';

/** Asks the gate what it would say to an agent, and does nothing. Runs as the runner, which may look. */
export async function checkPermission({ account, ...asked }: CheckInput): Promise<CheckResult> {
  const chronicle = chronicleOf({ account, incident: asked.things?.incident });
  const { ask } = activitiesOf(account);
  const permission = await attempt(perform(ask.checkPermission, { step: 'Ask the gate', ...asked }));
  if ('ok' in permission) return chronicle.end('failed', permission.sentence, knownOf(permission));
  return { ...chronicle.end('done', permission.sentence, { verified: true }), permission };
}
