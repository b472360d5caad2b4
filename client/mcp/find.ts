import { z } from 'zod';
import type { Incident } from '../../pagerduty/catalogue/incidents.ts';
import { cursor, idIn, words } from './inputs.ts';
import { incidentRow, plainRow } from './rows.ts';
import { instantOf, listed, offsetOf } from './texts.ts';
import { type Answer, type Caller, ToolError, tool } from './tool.ts';

/** How many pages of incidents are looked through for a word of their titles. */
const mostPages = 5;

const ids = (what: string) =>
  z.array(z.string().max(300)).min(1).max(20).optional().describe(`Only of these ${what}: their ids.`);

const input = z.strictObject({
  what: z
    .enum(['incidents', 'services', 'schedules', 'escalation_policies', 'users', 'teams'])
    .describe('What to look for.'),
  text: words(200)
    .optional()
    .describe('Words of the name, or of an incident’s title. An incident’s number or id finds that one.'),
  statuses: z
    .array(z.enum(['triggered', 'acknowledged', 'resolved']))
    .min(1)
    .optional()
    .describe('Incidents only; those that are not resolved where left out.'),
  urgency: z.enum(['high', 'low']).optional().describe('Incidents only.'),
  services: ids('services (incidents only)'),
  teams: ids('teams (not of teams)'),
  users: ids('users (incidents only)'),
  since: z
    .string()
    .max(40)
    .optional()
    .describe(
      'Incidents opened since then: an instant with its zone, or a distance such as 2h. Without it, all that are open.',
    ),
  until: z.string().max(40).optional().describe('Incidents opened before then.'),
  limit: z.int().min(1).max(25).default(10).describe('How many at most.'),
  cursor,
});
type Input = z.output<typeof input>;

export const find = tool({
  name: 'pd_find',
  title: 'Find in PagerDuty',
  description:
    'Find incidents, services, schedules, escalation policies, users or teams by name, number or filter. Says how many there are, then the first of them; ids go into the other tools.',
  input,
  kind: 'read',
  actions: [
    'incidents.view',
    'services.view',
    'schedules.view',
    'escalation_policies.view',
    'users.view',
    'teams.view',
  ],
  answer: (asked, caller) =>
    asked.what === 'incidents' ? findIncidents(asked, caller) : findThings(asked, caller),
});

async function findIncidents(asked: Input, caller: Caller): Promise<Answer> {
  const { text, limit } = asked;
  const one = text === undefined ? undefined : /^#?(\d+)$|^(P[A-Z0-9]{5,}|Q[A-Z0-9]{5,})$/.exec(text);
  if (one) {
    const { incident } = await caller.oncall.call('getIncident', { params: { id: one[1] ?? one[2] ?? '' } });
    return listed({ head: '1 incident.', rows: [incidentRow(incident)], found: 1 });
  }
  const statuses = asked.statuses ?? ['triggered', 'acknowledged'];
  const now = Date.now();
  const until = asked.until === undefined ? undefined : instantOf('until', asked.until, 'behind', now);
  const since = asked.since === undefined ? undefined : instantOf('since', asked.since, 'behind', now);
  if (since !== undefined && until !== undefined && since >= until)
    throw new ToolError('invalid_input', 'since lies after until; since is the earlier one.');
  const query = {
    'statuses[]': statuses,
    ...(asked.urgency && { 'urgencies[]': [asked.urgency] }),
    ...(asked.services && { 'service_ids[]': asked.services.map((id) => idIn('services', id)) }),
    ...(asked.teams && { 'team_ids[]': asked.teams.map((id) => idIn('teams', id)) }),
    ...(asked.users && { 'user_ids[]': asked.users.map((id) => idIn('users', id)) }),
    ...(since === undefined && until === undefined ? { date_range: 'all' as const } : {}),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    sort_by: 'created_at:desc',
  };
  const offset = offsetOf(asked.cursor);
  if (text !== undefined) return searchTitles(text, query, offset, limit, caller);
  const page = await caller.oncall.call('listIncidents', { query: { ...query, limit, offset, total: true } });
  const next = page.more === true ? offset + page.incidents.length : undefined;
  return listed(
    {
      head: `${counted(page.total, page.incidents.length, 'incident')} ${statuses.join(' or ')}, newest first.`,
      rows: page.incidents.map(incidentRow),
      found: page.total ?? undefined,
      ...(next !== undefined && next < 10_000 && { more: next }),
      ...(next !== undefined && next >= 10_000 && { omitted: beyond(page.total, next) }),
    },
    offset,
  );
}

/** PagerDuty searches no titles: some pages are looked through here, and it is said where that ended. */
async function searchTitles(
  text: string,
  query: Readonly<Record<string, unknown>>,
  start: number,
  limit: number,
  caller: Caller,
): Promise<Answer> {
  const words = text.toLowerCase().split(/\s+/);
  const found: Incident[] = [];
  let offset = start;
  let more = true;
  for (let page = 0; page < mostPages && more && found.length < limit; page += 1) {
    const { incidents, more: follows } = await caller.oncall.call('listIncidents', {
      query: { ...query, limit: 100, offset },
    });
    for (const [index, incident] of incidents.entries()) {
      const title = (incident.title ?? '').toLowerCase();
      if (words.every((word) => title.includes(word))) found.push(incident);
      if (found.length < limit) continue;
      const isLast = index === incidents.length - 1 && follows !== true;
      offset += index + 1;
      return titles(found, isLast ? undefined : offset);
    }
    offset += incidents.length;
    more = follows === true && incidents.length > 0 && offset < 10_000;
  }
  return titles(found, more ? offset : undefined);

  function titles(incidents: readonly Incident[], follows: number | undefined): Answer {
    const looked = (follows ?? offset) - start;
    return listed({
      head: `${incidents.length} of the ${looked} newest that were looked through carry these words.`,
      rows: incidents.map(incidentRow),
      ...(follows !== undefined && { more: follows }),
    });
  }
}

const lists = {
  services: ['listServices', 'service'],
  schedules: ['listSchedules', 'schedule'],
  escalation_policies: ['listEscalationPolicies', 'escalation policy'],
  users: ['listUsers', 'user'],
  teams: ['listTeams', 'team'],
} as const;

async function findThings(asked: Input, caller: Caller): Promise<Answer> {
  const { what, text, limit } = asked;
  if (what === 'incidents') return findIncidents(asked, caller);
  for (const field of ['statuses', 'urgency', 'services', 'users', 'since', 'until'] as const)
    if (asked[field] !== undefined)
      throw new ToolError('invalid_input', `${field} narrows incidents only; leave it out for ${what}.`);
  if (what === 'teams' && asked.teams)
    throw new ToolError('invalid_input', 'teams are found by text; leave out teams.');
  const [operation, noun] = lists[what];
  const offset = offsetOf(asked.cursor);
  const query = {
    limit,
    offset,
    total: true,
    ...(text !== undefined && { query: text }),
    ...(asked.teams && { 'team_ids[]': asked.teams.map((id) => idIn('teams', id)) }),
  };
  const page: Page = await caller.oncall.call(operation, { query });
  const records = page[what] ?? [];
  const next = page.more === true && records.length > 0 ? offset + records.length : undefined;
  return listed(
    {
      head: `${counted(page.total, records.length, noun)}${text === undefined ? '' : ` for ${JSON.stringify(text)}`}.`,
      rows: records.map(plainRow),
      found: page.total ?? undefined,
      ...(next !== undefined && next < 10_000 && { more: next }),
      ...(next !== undefined && next >= 10_000 && { omitted: beyond(page.total, next) }),
    },
    offset,
  );
}

type Page = Partial<Record<keyof typeof lists, readonly { readonly id: string }[]>> & {
  readonly more?: boolean | null | undefined;
  readonly total?: number | null | undefined;
};

const counted = (total: number | null | undefined, shown: number, noun: string): string => {
  const count = total ?? shown;
  const nouns = count === 1 ? noun : noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${count.toLocaleString('en-US')} ${nouns}${shown < count ? `, ${shown} shown` : ''}`;
};

/** PagerDuty pages no further than 10,000 records. */
const beyond = (total: number | null | undefined, next: number) => ({
  count: Math.max(1, (total ?? next + 1) - next),
  why: 'PagerDuty pages no further than 10,000: narrow the question',
});
