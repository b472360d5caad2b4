import { z } from 'zod';
import { cursor, idIn, words } from './inputs.ts';
import { onCallRow } from './rows.ts';
import { instantOf, listed, offsetOf } from './texts.ts';
import { ToolError, tool } from './tool.ts';

const one = (what: string) => words(300).optional().describe(`Only for this ${what}: its id.`);

export const onCall = tool({
  name: 'pd_oncall',
  title: 'Who is on call',
  description:
    'Who is on call now, at an instant or over a span (at most 90 days ahead), by service, escalation policy, schedule or user. Level 1 is paged first.',
  input: z.strictObject({
    service: one('service'),
    policy: one('escalation policy'),
    schedule: one('schedule'),
    user: one('user'),
    at: z
      .string()
      .max(40)
      .optional()
      .describe(
        'An instant with its zone such as 2026-12-24T18:00:00Z, or a distance ahead such as 8h. Now where left out.',
      ),
    until: z.string().max(40).optional().describe('The end of a span that begins at `at`.'),
    limit: z.int().min(1).max(25).default(15).describe('How many at most.'),
    cursor,
  }),
  kind: 'read',
  actions: ['oncalls.view'],
  answer: async ({ service, policy, schedule, user, at, until, limit, cursor: from }, { oncall }) => {
    const now = Date.now();
    const start = at === undefined ? undefined : instantOf('at', at, 'ahead', now);
    const end = until === undefined ? undefined : withinReach(instantOf('until', until, 'ahead', now), now);
    const since = start ?? (end === undefined ? undefined : new Date(now).toISOString());
    if (since !== undefined && end !== undefined && end <= since)
      throw new ToolError('invalid_input', 'until lies before at; at is the earlier one.');
    const ofService =
      service === undefined
        ? undefined
        : await oncall.call('getService', { params: { id: idIn('service', service) } });
    const policies = [
      ofService?.service.escalation_policy?.id,
      policy === undefined ? undefined : idIn('policy', policy),
    ].filter((id) => id !== undefined);
    const offset = offsetOf(from);
    const page = await oncall.call('listOnCalls', {
      query: {
        limit,
        offset,
        ...(policies.length > 0 && { 'escalation_policy_ids[]': policies }),
        ...(schedule !== undefined && { 'schedule_ids[]': [idIn('schedule', schedule)] }),
        ...(user !== undefined && { 'user_ids[]': [idIn('user', user)] }),
        ...(since !== undefined && {
          since,
          until: end ?? new Date(Date.parse(since) + 1_000).toISOString(),
        }),
      },
    });
    const rows = page.oncalls.toSorted((a, b) => a.escalation_level - b.escalation_level).map(onCallRow);
    const time =
      since === undefined ? 'now' : end === undefined ? `at ${since}` : `from ${since} until ${end}`;
    return listed(
      {
        head: rows.length === 0 ? `Nobody is on call ${time}.` : `On call ${time}:`,
        rows,
        ...(page.more === true && { more: offset + page.oncalls.length }),
      },
      offset,
    );
  },
});

/** How far ahead PagerDuty tells who is on call. */
const reachMs = 90 * 86_400_000;

/** The end of a span; a minute short of PagerDuty's reach, whose clock is another than ours. */
function withinReach(end: string, now: number): string {
  const at = Date.parse(end);
  if (at > now + reachMs)
    throw new ToolError(
      'invalid_input',
      'until lies more than 90 days ahead, and PagerDuty looks no further.',
    );
  return new Date(Math.min(at, now + reachMs - 60_000)).toISOString();
}
