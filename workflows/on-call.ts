import type { OnCall } from '../pagerduty/catalogue/oncalls.ts';
import { attempt } from './attempt.ts';
import { activitiesOf, perform } from './proxies.ts';
import { pagedIn } from './seen.ts';

/** Names of those whom a policy pages first now; `undefined` where that may not be read. */
export async function firstPaged(
  account: string,
  policy: string,
  step: string,
): Promise<readonly string[] | undefined> {
  const onCalls = await onCallNow(account, policy, step);
  return onCalls && pagedIn(onCalls).map(({ name }) => name);
}

/** Who is on call for a policy now, at all its levels; `undefined` where that may not be read. */
export async function onCallNow(
  account: string,
  policy: string,
  step: string,
): Promise<readonly OnCall[] | undefined> {
  const { look } = activitiesOf(account);
  const read = await attempt(
    perform(look.listOnCalls, {
      step,
      request: { query: { 'escalation_policy_ids[]': [policy], limit: 100 } },
    }),
  );
  // A list that was cut to what the agent may see tells of some only.
  return read.ok && !read.narrowed ? read.response.oncalls : undefined;
}
