import { z } from 'zod';
import type { OperationResult } from '../../workflows/contract.ts';
import { idIn, incident, incidentIn, reason, thing, words } from './inputs.ts';
import { once, operate } from './operate.ts';
import { cameTo } from './runs.ts';
import { instantOf } from './texts.ts';
import { ToolError, tool } from './tool.ts';

export const acknowledge = tool({
  name: 'pd_acknowledge',
  title: 'Acknowledge an incident',
  description:
    'Acknowledge an incident under a lease: paging stops while you work on it, and it goes back to people when the lease ends, unless it is resolved by then. Only where you go on working on it.',
  input: z.strictObject({ incident, reason }),
  kind: { destructive: false, repeatable: true },
  actions: ['incidents.acknowledge'],
  answer: async ({ incident: written, reason }, caller) => {
    const { account, oncall } = caller;
    const input = { account, incident: await incidentIn(caller, written), reason };
    return cameTo(caller, await oncall.start('acknowledgeIncident', input));
  },
});

export const note = tool({
  name: 'pd_note',
  title: 'Add a note',
  description:
    'Add a note to an incident, for the people on it. The same text on the same incident is one note, however often it is asked for.',
  input: z.strictObject({
    incident,
    text: words(10_000).describe('The note: what you found, on what evidence, what is next.'),
    reason,
  }),
  kind: { destructive: false, repeatable: true },
  actions: ['incidents.add_note'],
  answer: async ({ incident: written, text, reason }, caller) => {
    const { account, oncall } = caller;
    const input = { account, incident: await incidentIn(caller, written), note: text, reason };
    return cameTo(
      caller,
      await once((key) => oncall.start('addNote', input, { key }), [input.incident, text]),
    );
  },
});

export const resolve = tool({
  name: 'pd_resolve',
  title: 'Resolve an incident',
  description:
    'Resolve an incident: it is over for everybody. An operator may have to approve it; then the run waits for them.',
  input: z.strictObject({
    incident,
    resolution: words(10_000).optional().describe('How it was resolved; PagerDuty keeps it.'),
    reason,
  }),
  kind: { destructive: true, repeatable: true },
  actions: ['incidents.resolve'],
  answer: async ({ incident: written, resolution, reason }, caller) => {
    const { account, oncall } = caller;
    const input = {
      account,
      incident: await incidentIn(caller, written),
      reason,
      ...(resolution !== undefined && { resolution }),
    };
    return cameTo(caller, await oncall.start('resolveIncident', input));
  },
});

export const reassign = tool({
  name: 'pd_reassign',
  title: 'Reassign or escalate',
  description:
    'Give an incident to users, to an escalation policy, or to a level of its own policy. Pages whoever gets it. Name exactly one of users, policy and level.',
  input: z.strictObject({
    incident,
    users: z.array(z.string().max(300)).min(1).max(10).optional().describe('Ids of the users who get it.'),
    policy: z.string().max(300).optional().describe('Id of the escalation policy that gets it.'),
    level: z
      .int()
      .min(1)
      .max(20)
      .optional()
      .describe('Level of its own escalation policy: 2 is whoever is paged second.'),
    reason,
  }),
  kind: { destructive: true, repeatable: true },
  actions: ['incidents.reassign', 'incidents.escalate'],
  answer: async ({ incident: written, users, policy, level, reason }, caller) => {
    if ([users, policy, level].filter((target) => target !== undefined).length !== 1)
      throw new ToolError('invalid_input', 'Name exactly one of users, policy and level: who gets it.');
    const id = await incidentIn(caller, written);
    const { incident: now } = await caller.oncall.call('getIncident', { params: { id } });
    const change = {
      ...(users && {
        assignments: users.map((user) => ({
          assignee: { id: idIn('users', user), type: 'user_reference' as const },
        })),
      }),
      ...(policy !== undefined && {
        escalation_policy: { id: idIn('policy', policy), type: 'escalation_policy_reference' as const },
      }),
      ...(level !== undefined && { escalation_level: level }),
    };
    const assignees = (now.assignments ?? []).map(({ assignee }) => assignee.id);
    if (users?.length === assignees.length && users.every((user) => assignees.includes(idIn('users', user))))
      return {
        text: `Incident #${now.incident_number} is with them already; nothing was sent.`,
        data: { complete: true, outcome: 'nothing_to_do', incident: now.id },
      };
    // What the agent saw must still be so: a person may have moved it meanwhile.
    const expect = { status: now.status, assignees };
    const request = {
      params: { id },
      body: { incident: { type: 'incident_reference' as const, ...change } },
    };
    return operate(caller, 'updateIncident', request, { reason, expect });
  },
});

export const page = tool({
  name: 'pd_page',
  title: 'Open an incident',
  description:
    'Open an incident on a service: whoever is on call for it is paged. The same dedup asks for one incident, however often it is asked for.',
  input: z.strictObject({
    service: thing('The service'),
    title: words(1_024).describe('What is wrong, in one line.'),
    details: words(10_000).optional().describe('What whoever is paged needs to know.'),
    urgency: z
      .enum(['high', 'low'])
      .optional()
      .describe('The service’s own where left out; a grant for some urgencies needs it said.'),
    dedup: words(200).describe(
      'Your name for this problem, such as checkout-latency-2026-11-25: one open incident per name and service.',
    ),
    reason,
  }),
  kind: { destructive: true, repeatable: true },
  actions: ['incidents.create'],
  answer: async ({ service: written, title, details, urgency, dedup, reason }, caller) => {
    const service = idIn('service', written);
    const request = {
      body: {
        incident: {
          type: 'incident' as const,
          title,
          service: { id: service, type: 'service_reference' as const },
          incident_key: dedup,
          ...(urgency && { urgency }),
          ...(details !== undefined && { body: { type: 'incident_body' as const, details } }),
        },
      },
    };
    // One that was resolved since is another problem by now: whoever asks wants people paged.
    const isOver = async ({ response }: OperationResult): Promise<boolean> => {
      const id = (response as { readonly incident?: { readonly id: string } } | undefined)?.incident?.id;
      if (id === undefined) return false;
      const { incident: opened } = await caller.oncall.call('getIncident', { params: { id } });
      return opened.status === 'resolved';
    };
    return operate(caller, 'createIncident', request, { reason, words: [service, dedup], isOver });
  },
});

export const event = tool({
  name: 'pd_event',
  title: 'Send an event',
  description:
    'Send an event with a routing key: trigger, acknowledge or resolve an alert of yours by its dedup_key, or announce a change. PagerDuty takes events at once and works on them later.',
  input: z.strictObject({
    do: z.enum(['trigger', 'acknowledge', 'resolve', 'change']).describe('What the event says.'),
    routing_key: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,39}$/, 'takes a name of the configuration, never the key')
      .describe('The routing key, by its name in the configuration; never the key itself.'),
    dedup_key: words(255).optional().describe('Names the alert; needed but for a change.'),
    summary: words(1_024)
      .optional()
      .describe('What is wrong, or what changed; needed for trigger and change.'),
    source: words(255).optional().describe('What it was seen on, such as a host; needed for trigger.'),
    severity: z.enum(['critical', 'error', 'warning', 'info']).optional().describe('Needed for trigger.'),
    reason,
  }),
  kind: { destructive: true, repeatable: false },
  actions: ['events.trigger', 'events.acknowledge', 'events.resolve', 'events.announce_change'],
  answer: async (
    { do: what, routing_key: routingKey, dedup_key, summary, source, severity, reason },
    caller,
  ) => {
    const need = <Value>(name: string, value: Value | undefined): Value => {
      if (value !== undefined) return value;
      throw new ToolError('invalid_input', `${name} is missing: ${what} needs it.`);
    };
    if (what === 'change') {
      for (const [name, value] of Object.entries({ dedup_key, severity }))
        if (value !== undefined)
          throw new ToolError('invalid_input', `${name} says nothing about a change; leave it out.`);
      const payload = { summary: need('summary', summary), ...(source !== undefined && { source }) };
      return operate(caller, 'enqueueChangeEvent', { routingKey, body: { payload } }, { reason });
    }
    const payload =
      what === 'trigger'
        ? {
            payload: {
              summary: need('summary', summary),
              source: need('source', source),
              severity: need('severity', severity),
            },
          }
        : {};
    const body = { event_action: what, dedup_key: need('dedup_key', dedup_key), ...payload };
    return operate(caller, 'enqueueEvent', { routingKey, body }, { reason });
  },
});

export const override = tool({
  name: 'pd_override',
  title: 'Override a schedule',
  description:
    'Put somebody on call on a schedule for a span, instead of whoever it says. Ask that person first.',
  input: z.strictObject({
    schedule: thing('The schedule'),
    user: thing('Who takes the span'),
    start: z
      .string()
      .max(40)
      .describe('When it begins: an instant with its zone, such as 2026-12-24T18:00:00+01:00, or `now`.'),
    end: z
      .string()
      .max(40)
      .describe('When it ends: an instant with its zone, or a distance from now such as 8h.'),
    reason,
  }),
  kind: { destructive: true, repeatable: true },
  actions: ['schedules.override'],
  answer: async ({ schedule: written, user, start: from, end: to, reason }, caller) => {
    const now = Date.now();
    const start = instantOf('start', from, 'ahead', now);
    const end = instantOf('end', to, 'ahead', now);
    if (end <= start)
      throw new ToolError('invalid_input', 'end lies before start; an override ends after it begins.');
    if (Date.parse(end) < now)
      throw new ToolError('invalid_input', 'end has passed already; an override lies ahead.');
    const schedule = idIn('schedule', written);
    const taker = idIn('user', user);
    const request = {
      params: { id: schedule },
      body: { overrides: [{ start, end, user: { id: taker, type: 'user_reference' as const } }] },
    };
    // A distance is another instant each time it is asked: only a span that is named is the same one.
    const isNamed = [from, to].every((text) => /^\d{4}-/.test(text.trim()));
    return operate(caller, 'createScheduleOverride', request, {
      reason,
      ...(isNamed && { words: [schedule, taker, start, end] }),
    });
  },
});
