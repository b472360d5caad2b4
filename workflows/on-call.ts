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
  const now = await onCallNow(account, policy, step);
  return now.ok ? pagedIn(now.onCalls).map(({ name }) => name) : undefined;
}

/** Who is on call for a policy now, at all its levels; or why that is not known, as it follows "on-call". */
export async function onCallNow(
  account: string,
  policy: string,
  step: string,
): Promise<
  { readonly ok: true; readonly onCalls: readonly OnCall[] } | { readonly ok: false; readonly why: string }
> {
  const { look } = activitiesOf(account);
  const read = await attempt(
    perform(look.listOnCalls, {
      step,
      request: { query: { 'escalation_policy_ids[]': [policy], limit: 100 } },
    }),
  );
  if (!read.ok) return { ok: false, why: `not read: ${read.sentence}` };
  // Of a list that was cut to what the agent may see nobody can tell who comes first.
  if (read.narrowed) return { ok: false, why: `not read whole: ${read.narrowed.to}` };
  return { ok: true, onCalls: read.response.oncalls };
}
