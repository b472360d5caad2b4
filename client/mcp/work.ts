import { z } from 'zod';
import { type Brief, findingClasses } from '../../workflows/contract.ts';
import type { Task } from './duty.ts';
import { reason, words } from './inputs.ts';
import { ownRun, statusOf } from './runs.ts';
import { fenced, fenceNote, untrusted, when } from './texts.ts';
import { type Answer, ToolError, tool } from './tool.ts';

export const next = tool({
  name: 'pd_next',
  title: 'Wait for work',
  description:
    'Wait up to wait_s seconds for an incident that a run wants you to judge; answer it with pd_finding. While you judge or hold one, call any tool at least once a minute: silent for longer you count as gone, and people get it back.',
  input: z.strictObject({
    wait_s: z.int().min(0).max(20).default(20).describe('How many seconds to wait for one.'),
  }),
  kind: { destructive: false, repeatable: true },
  actions: ['incidents.acknowledge'],
  answer: async ({ wait_s }, { duty, signal }) => {
    const task = await duty.next(wait_s * 1_000, signal);
    const held = duty.open().filter(({ kind }) => kind === 'attend');
    const holding = held.map(({ workflowId, brief, until }) => ({
      run: workflowId,
      incident: brief.incident.id,
      until: until === undefined ? null : new Date(until).toISOString(),
    }));
    const holds = held.map(
      ({ workflowId, brief, until }) =>
        `You hold #${brief.incident.number} until ${when(isoOf(until))}: end it with pd_finding on ${workflowId}.`,
    );
    if (!task)
      return {
        text: ['Nothing to judge now. Call pd_next again.', ...holds].join('\n'),
        data: { complete: true, task: null, holding, do_next: [{ tool: 'pd_next', args: {} }] },
      };
    const answer = answerOf(task);
    return { text: [answer.text, ...holds].join('\n'), data: { ...answer.data, holding } };
  },
});

const isoOf = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

/** How many of each a task shows. */
const most = 8;

function answerOf({ workflowId, brief }: Task): Answer {
  const { incident, alerts, alertCount, notes, recent, onCall, rules, missing } = brief;
  const step = { tool: 'pd_finding', args: { run: workflowId, class: '…', summary: '…' } };
  return {
    text: [
      `Judge incident #${incident.number} (${incident.id}), ${incident.status}, ${incident.urgency} urgency, opened ${when(incident.createdAt)}, on ${fenced(incident.service)}: ${fenced(incident.title, 300)}`,
      `Its alerts (${alertCount}):`,
      ...alerts
        .slice(0, most)
        .map(({ id, status, severity, summary }) => `- ${id} ${status} ${severity} ${fenced(summary, 200)}`),
      `Notes (${notes.length}):`,
      ...notes
        .slice(0, most)
        .map(({ by, at, text }) => `- ${fenced(by, 60)} ${when(at)}: ${fenced(text, 300)}`),
      `On the same service in 30 days (${recent.length}):`,
      ...recent
        .slice(0, most)
        .map(
          ({ number, title, status, createdAt }) =>
            `- #${number} ${status} ${when(createdAt)} ${fenced(title)}`,
        ),
      `On call: ${onCall.map((name) => fenced(name, 60)).join(', ') || 'nobody'}.`,
      `The rules alone say ${rules.class}: ${rules.summary}`,
      ...missing.map((what) => `Not read: ${what}`),
      `Answer with pd_finding, run ${workflowId}. Without an answer PagerDuty keeps paging.`,
      fenceNote,
    ].join('\n'),
    data: {
      complete: alertCount <= most && notes.length <= most && recent.length <= most && missing.length === 0,
      run: workflowId,
      task: taskData(brief),
      do_next: [step],
    },
  };
}

const taskData = ({ incident, alerts, notes, rules }: Brief) => ({
  incident: {
    id: incident.id,
    number: incident.number,
    title: untrusted(incident.title, 300),
    status: incident.status,
    urgency: incident.urgency,
    created_at: incident.createdAt,
  },
  alerts: alerts
    .slice(0, most)
    .map(({ id, status, severity, details }) => ({ id, status, severity, details: untrusted(details, 500) })),
  notes: notes.slice(0, most).map(({ at, text }) => ({ at, text: untrusted(text, 500) })),
  rules: { class: rules.class, summary: rules.summary },
});

export const finding = tool({
  name: 'pd_finding',
  title: 'Say what you found',
  description:
    'Answer a run: first what the incident is (class, summary; the run then acknowledges it under a lease, unless it is unclear), later how it ended (resolution; the run resolves it) or give_back. Evidence makes people believe it.',
  input: z.strictObject({
    run: words(300).describe('Id of the run, as pd_next or pd_workflow answered.'),
    class: z.enum(findingClasses).optional().describe('What it is. unclear leaves it to people.'),
    summary: words(1_000)
      .optional()
      .describe('With class: what you found, in one or two sentences; it becomes the note.'),
    alerts: z
      .array(z.string().max(60))
      .max(50)
      .optional()
      .describe('With class: ids of the alerts you looked at.'),
    similar: z
      .array(z.int().min(1))
      .max(20)
      .optional()
      .describe('With class: numbers of incidents it resembles.'),
    resolution: words(10_000).optional().describe('Instead of class: it is over, and how.'),
    give_back: z.boolean().optional().describe('Instead of class: true gives it back to people now.'),
    reason: reason.optional(),
  }),
  kind: { destructive: true, repeatable: true },
  actions: ['incidents.acknowledge'],
  answer: async (said, caller) => {
    const { run, summary, alerts = [], similar = [], resolution, give_back } = said;
    const ways = [said.class !== undefined, resolution !== undefined, give_back === true];
    if (ways.filter(Boolean).length !== 1)
      throw new ToolError(
        'invalid_input',
        'Say one thing: class with summary (what it is), resolution (it is over), or give_back: true.',
      );
    const { status } = await ownRun(caller, run);
    if (status.name !== 'RUNNING')
      throw new ToolError('conflict', `The run ${run} has ended; nothing more is said to it.`, [
        { tool: 'pd_run', args: { run } },
      ]);
    if (said.class !== undefined) {
      if (summary === undefined)
        throw new ToolError('invalid_input', 'summary is missing: say in a sentence what you found.');
      await caller.duty.judge(run, { class: said.class, summary, evidence: { alerts, similar } });
    } else {
      for (const name of ['summary', 'alerts', 'similar'] as const)
        if (said[name] !== undefined) throw new ToolError('invalid_input', `${name} goes with class only.`);
      await caller.duty.conclude(run, resolution === undefined ? null : { resolution });
    }
    return statusOf(caller, run, 4_000);
  },
});
