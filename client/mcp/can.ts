import { z } from 'zod';
import type { Things } from '../../gate/asked.ts';
import { allActions } from '../../gate/configuration.ts';
import type { Action } from '../../pagerduty/catalogue/endpoint.ts';
import { idIn, incidentIn, words } from './inputs.ts';
import { tool } from './tool.ts';

const one = (what: string) => words(300).optional().describe(`${what} it is about: its id.`);

export const can = tool({
  name: 'pd_can',
  title: 'May I?',
  description:
    'What the gate would say if you did this now: allowed, denied or approval needed, with the rule, the reason and who can grant it. Sends nothing.',
  input: z.strictObject({
    action: z.enum(allActions as readonly [Action, ...Action[]]).describe('What you would do.'),
    incident: one('The incident'),
    service: one('The service'),
    policy: one('The escalation policy'),
    schedule: one('The schedule'),
    user: one('The user'),
    team: one('The team'),
    urgency: z.enum(['high', 'low']).optional().describe('Of a new incident or a list.'),
    routing_key: z.string().max(40).optional().describe('The routing key, by its name in the configuration.'),
  }),
  kind: 'read',
  answer: async ({ action, incident, urgency, routing_key, ...ids }, caller) => {
    const named = Object.entries(ids).flatMap(([thing, id]) =>
      id === undefined ? [] : [[thing, idIn(thing, id)] as const],
    );
    const things: Things = {
      ...Object.fromEntries(named),
      ...(incident !== undefined && { incident: await incidentIn(caller, incident) }),
      ...(urgency !== undefined && { urgency }),
      ...(routing_key !== undefined && { routingKey: routing_key }),
    };
    const { decision, rule, sentence, grantedBy } = await caller.oncall.can(action, things);
    return {
      text: [
        `${decision.replaceAll('_', ' ')}: ${sentence}`,
        `Rule: ${rule}.`,
        ...(grantedBy === undefined ? [] : [grantedBy]),
      ].join('\n'),
      data: {
        complete: true,
        decision,
        rule,
        sentence,
        ...(grantedBy !== undefined && { granted_by: grantedBy }),
      },
    };
  },
});
