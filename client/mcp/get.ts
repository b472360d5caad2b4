import { z } from 'zod';
import { RefusedError } from '../errors.ts';
import { idIn, words } from './inputs.ts';
import { alertRow, incidentRow, named, noteRow, onCallRow, plainRow, refer } from './rows.ts';
import { bytesOf, fenced, fenceNote, mostBytes, type Row, untrusted, when } from './texts.ts';
import { type Answer, type Caller, tool } from './tool.ts';

const sections = ['alerts', 'notes', 'log', 'oncall'] as const;
type Section = (typeof sections)[number];

const input = z.strictObject({
  what: z.enum(['incident', 'service', 'schedule', 'escalation_policy', 'user']).describe('What it is.'),
  id: words(300).describe('Its id (PABC123) or address in PagerDuty; of an incident also its number.'),
  sections: z
    .array(z.enum(sections))
    .max(sections.length)
    .optional()
    .describe('Of an incident, what to show with it; alerts and notes where left out. [] shows it alone.'),
});

/** How many of a section an answer shows, the newest. */
const most = 10;

export const get = tool({
  name: 'pd_get',
  title: 'Read one thing',
  description:
    'Read one incident with its alerts, notes, log and who is on call for it, or one service, schedule (next 14 days), escalation policy or user.',
  input,
  kind: 'read',
  actions: ['incidents.view', 'services.view', 'schedules.view', 'escalation_policies.view', 'users.view'],
  answer: async ({ what, id: written, sections: asked }, caller) => {
    const id = idIn('id', written);
    switch (what) {
      case 'incident':
        return incidentAnswer(id, asked ?? ['alerts', 'notes'], caller);
      case 'service':
        return serviceAnswer(id, caller);
      case 'schedule':
        return scheduleAnswer(id, caller);
      case 'escalation_policy':
        return policyAnswer(id, caller);
      case 'user': {
        const { user } = await caller.oncall.call('getUser', { params: { id } });
        const row = plainRow(user);
        return one(row, { ...row.data, teams: (user.teams ?? []).map(refer) });
      }
    }
  },
});

const one = (
  { line }: Row,
  data: Readonly<Record<string, unknown>>,
  more: readonly string[] = [],
): Answer => ({
  text: [line, ...more, fenceNote].join('\n'),
  data: { complete: true, record: data },
});

async function incidentAnswer(id: string, asked: readonly Section[], caller: Caller): Promise<Answer> {
  const { oncall } = caller;
  const { incident } = await oncall.call('getIncident', { params: { id } });
  const row = incidentRow(incident);
  const policy = incident.escalation_policy?.id;
  const params = { id: incident.id };
  const readers: Readonly<Record<Section, () => Promise<Part>>> = {
    alerts: async () => {
      const { alerts, more } = await oncall.call('listIncidentAlerts', {
        params,
        query: { limit: most, sort_by: 'created_at:desc' },
      });
      return part(alerts.map(alertRow), more === true, incident.alert_counts?.all);
    },
    notes: async () => {
      const { notes } = await oncall.call('listIncidentNotes', { params });
      return part(notes.map(noteRow), false, notes.length);
    },
    log: async () => {
      const { log_entries, more } = await oncall.call('listIncidentLogEntries', {
        params,
        query: { limit: most },
      });
      const rows = log_entries.map(({ type, created_at, summary, agent }) => ({
        line: `${when(created_at)} ${fenced(summary, 200)}`,
        data: {
          type: type.replace(/_log_entry.*$/, ''),
          at: created_at,
          by: refer(agent),
          summary: untrusted(summary, 200),
        },
      }));
      return part(rows, more === true, undefined);
    },
    oncall: async () => {
      if (policy === undefined) return part([], false, 0);
      const { oncalls, more } = await oncall.call('listOnCalls', {
        query: { 'escalation_policy_ids[]': [policy], limit: most },
      });
      return part(oncalls.map(onCallRow), more === true, undefined);
    },
  };
  const wanted = [...new Set(asked)];
  const parts = await Promise.all(
    wanted.map(async (section) => [section, await orMissing(readers[section])] as const),
  );
  const missing = parts.flatMap(([section, read]) => ('why' in read ? [{ section, why: read.why }] : []));
  const shown = parts.flatMap(([section, read]) => ('why' in read ? [] : [[section, read] as const]));
  const fitting = fit(shown);
  const left = fitting.flatMap(([section, { rows, left }]) =>
    left === 0 ? [] : [{ count: left, why: `${section}: the newest ${rows.length} are shown` }],
  );
  return {
    text: [
      row.line,
      `Escalation policy ${named(incident.escalation_policy)}.`,
      ...fitting.flatMap(([section, { rows }]) => [
        `${section}: ${rows.length === 0 ? 'none' : ''}`.trim(),
        ...rows.map(({ line }) => `- ${line}`),
      ]),
      ...missing.map(({ section, why }) => `${section} could not be read: ${why}`),
      ...left.map(({ count, why }) => `Left out: ${count < 0 ? 'some' : count} (${why}).`),
      fenceNote,
    ].join('\n'),
    data: {
      complete: missing.length === 0 && left.length === 0,
      record: { ...row.data, policy: refer(incident.escalation_policy) },
      ...Object.fromEntries(fitting.map(([section, { rows }]) => [section, rows.map(({ data }) => data)])),
      ...(missing.length > 0 && { missing }),
      ...(left.length > 0 && {
        omitted: left.map(({ count, why }) => ({ count: count < 0 ? null : count, why })),
      }),
    },
  };
}

/** Takes the oldest from the longest sections until all of them fit into an answer. */
function fit(parts: readonly (readonly [Section, Part])[]): readonly (readonly [Section, Part])[] {
  const size = ({ rows }: Part): number =>
    rows.reduce((sum, { line, data }) => sum + bytesOf(line) + bytesOf(data), 0);
  let fitting = parts;
  while (fitting.reduce((sum, [, part]) => sum + size(part), 3_000) > mostBytes) {
    const [longest] = fitting.toSorted(([, a], [, b]) => size(b) - size(a));
    if (!longest || longest[1].rows.length === 0) break;
    const [section, { rows, left }] = longest;
    const shorter = { rows: rows.slice(0, -1), left: left < 0 ? left : left + 1 };
    fitting = fitting.map((part) => (part === longest ? [section, shorter] : part));
  }
  return fitting;
}

interface Part {
  readonly rows: readonly Row[];
  /** How many are not shown; -1 where there are some and nobody says how many. */
  readonly left: number;
}

function part(rows: readonly Row[], more: boolean, total: number | undefined): Part {
  const shown = rows.slice(0, most);
  if (total !== undefined && total > shown.length) return { rows: shown, left: total - shown.length };
  return { rows: shown, left: more ? -1 : rows.length - shown.length };
}

/** A section that is refused leaves the rest: it is said that it is missing, and why. */
async function orMissing(read: () => Promise<Part>): Promise<Part | { readonly why: string }> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RefusedError) return { why: error.message };
    throw error;
  }
}

async function serviceAnswer(id: string, { oncall }: Caller): Promise<Answer> {
  const { service } = await oncall.call('getService', { params: { id } });
  const row = plainRow(service);
  const seconds = (value: number | null | undefined): string => (value ? `after ${value} s` : 'never');
  const {
    acknowledgement_timeout: unacknowledges,
    auto_resolve_timeout: resolves,
    escalation_policy: policy,
  } = service;
  return one(
    row,
    {
      ...row.data,
      policy: refer(policy),
      teams: (service.teams ?? []).map(refer),
      acknowledgement_timeout_s: unacknowledges ?? null,
      auto_resolve_timeout_s: resolves ?? null,
    },
    [
      `Escalation policy ${named(policy)}. Un-acknowledges ${seconds(unacknowledges)}, resolves by itself ${seconds(resolves)}.`,
    ],
  );
}

async function scheduleAnswer(id: string, { oncall }: Caller): Promise<Answer> {
  const since = new Date().toISOString();
  const until = new Date(Date.now() + 14 * 86_400_000).toISOString();
  const { schedule } = await oncall.call('getSchedule', { params: { id }, query: { since, until } });
  const row = plainRow(schedule);
  const entries = schedule.final_schedule?.rendered_schedule_entries ?? [];
  const shown = entries.slice(0, 2 * most);
  const left = entries.length - shown.length;
  return {
    text: [
      row.line,
      ...shown.map(({ user, start, end }) => `- ${named(user)} from ${when(start)} until ${when(end)}`),
      ...(left > 0 ? [`Left out: ${left} later shifts.`] : []),
      fenceNote,
    ].join('\n'),
    data: {
      complete: left === 0,
      record: { ...row.data, policies: (schedule.escalation_policies ?? []).map(refer) },
      shifts: shown.map(({ user, start, end }) => ({ user: refer(user), start, end })),
      ...(left > 0 && { omitted: [{ count: left, why: 'later shifts: ask pd_oncall for another time' }] }),
    },
  };
}

async function policyAnswer(id: string, { oncall }: Caller): Promise<Answer> {
  const { escalation_policy: policy } = await oncall.call('getEscalationPolicy', { params: { id } });
  const row = plainRow(policy);
  const rules = policy.escalation_rules ?? [];
  return one(
    row,
    {
      ...row.data,
      levels: rules.map(({ escalation_delay_in_minutes: minutes, targets }, index) => ({
        level: index + 1,
        minutes,
        targets: targets.map((target) => ({
          ...refer(target),
          type: target.type?.replace(/_reference$/, '') ?? null,
        })),
      })),
      services: (policy.services ?? []).slice(0, most).map(refer),
    },
    rules.map(
      ({ escalation_delay_in_minutes: minutes, targets }, index) =>
        `- level ${index + 1}, ${minutes} min: ${targets.map(named).join(', ')}`,
    ),
  );
}
