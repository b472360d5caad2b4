import { attempt } from './attempt.ts';
import { activitiesOf, perform } from './proxies.ts';

/** Names of those who are on call at the first level of a policy now, each once; `undefined` where that may not be read. */
export async function firstOnCall(
  account: string,
  policy: string,
  step: string,
): Promise<readonly string[] | undefined> {
  const { look } = activitiesOf(account);
  const read = await attempt(
    perform(look.listOnCalls, {
      step,
      request: { query: { 'escalation_policy_ids[]': [policy], limit: 100 } },
    }),
  );
  if (!read.ok) return undefined;
  const first = read.response.oncalls.filter(({ escalation_level }) => escalation_level === 1);
  return [...new Set(first.map(({ user }) => user.summary ?? user.id))];
}
