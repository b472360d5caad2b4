import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import { closest } from '../../gate/closest.ts';
import { oneLine } from '../../pagerduty/text.ts';
import { type Startable, signatureOf } from './workflow.ts';

/** What a person chooses in their client to have an agent do a piece of on-call work. */
interface Prompt {
  readonly title: string;
  readonly description: string;
  /** What the person fills in; all of it is needed. */
  readonly takes: Readonly<Record<string, string>>;
  /** What the agent is asked, with the words that were filled in. */
  readonly ask: (given: Readonly<Record<string, string>>) => string;
}

const incident = { incident: 'The incident: its id, its number or its address in PagerDuty.' };
const honest =
  'Say what you did, what you left alone and why, with ids. If a step is denied, say which and stop there.';

const planFirst =
  'That writes nothing: read its plan with pd_run, and tell me what it would write, whom it pages and what it leaves. ' +
  'If I say yes, start the same with apply: the hash of the plan, and ask pd_run until it has ended; an operator may have to approve it. If something has changed since, it stops and says what: plan anew.';

/** One for each Workflow, by its name. */
const byWorkflow: Readonly<Record<Startable, Prompt>> = {
  triageIncident: {
    title: 'Triage an incident',
    description: 'Read an incident and what stands around it, and say what it is. Changes nothing.',
    takes: incident,
    ask: ({ incident }) =>
      `Triage the incident ${incident}. Find its id with pd_find, start triageIncident with pd_workflow, and read with pd_get what its finding leaves open. ` +
      'Tell me what it is, on what evidence, and what you would do next. Change nothing.',
  },
  acknowledgeIncident: {
    title: 'Acknowledge an incident',
    description: 'Acknowledge an incident under a lease and work on it until it is over or back with people.',
    takes: incident,
    ask: ({ incident }) =>
      `Take on the incident ${incident}: ask pd_can for incidents.acknowledge on it first, then acknowledge it with pd_acknowledge. ` +
      'While you hold it, look for the cause, and ask pd_run about the run at least once a minute. If you cannot go on, hand it back with pd_run (do: hand_back).',
  },
  addNote: {
    title: 'Leave a note',
    description: 'Write what is known about an incident into one note, for the people on it.',
    takes: incident,
    ask: ({ incident }) =>
      `Read the incident ${incident} with pd_get (all sections), and leave one note on it with pd_note: what is known, on what evidence, what is open. ` +
      'At most ten lines, nothing that the incident does not show already in plain sight.',
  },
  resolveIncident: {
    title: 'Resolve an incident',
    description: 'Resolve an incident that is over, if the evidence says so.',
    takes: { ...incident, resolution: 'How it was resolved.' },
    ask: ({ incident, resolution }) =>
      `The incident ${incident} should be over: ${resolution}. Check with pd_get that no alert of it still fires. If so, resolve it with pd_resolve; ` +
      'an operator may have to approve it, then ask pd_run until they have answered. If an alert still fires, resolve nothing and tell me which.',
  },
  resolveIncidents: {
    title: 'Resolve many incidents',
    description:
      'Resolve the open incidents of a service that are over; what people have taken is left alone.',
    takes: { service: 'The service, by its id or name.', resolution: 'How they were resolved.' },
    ask: ({ service, resolution }) =>
      `The open incidents of the service ${service} should be over: ${resolution}. List them with pd_find and check with pd_get that no alert of them still fires. ` +
      'Start resolveIncidents with pd_workflow for the ids of those that are over, and ask pd_run until it has ended. Tell me which were resolved, and which were set aside and why.',
  },
  respondToIncident: {
    title: 'Respond to an incident',
    description:
      'The whole way: judge an incident, hold it under a lease, find out, conclude or give it back.',
    takes: incident,
    ask: ({ incident }) =>
      `Respond to the incident ${incident}: read it with pd_get, start respondToIncident with pd_workflow (assess: client), and within a minute answer the run with pd_finding (class, summary, the alerts you looked at). ` +
      'unclear is an answer too: then people have it. While you hold it, work on it; end it with pd_finding (resolution) when it is over, or give_back when you cannot go on.',
  },
  waitForHumanAck: {
    title: 'Get a person',
    description: 'Page people for an incident, level by level, until one of them acknowledges it.',
    takes: incident,
    ask: ({ incident }) =>
      `A person must take the incident ${incident}: start waitForHumanAck for it with pd_workflow, and ask pd_run (wait_s: 20) until somebody has acknowledged it or nobody is left. ` +
      'Tell me who has it, or that nobody answered and whom it paged.',
  },
  alertLifecycle: {
    title: 'Raise an alert and close it',
    description: 'Trigger an alert with a routing key, and acknowledge and resolve it as your work goes on.',
    takes: {
      routing_key: 'The routing key, by its name in the configuration.',
      summary: 'What is wrong, in one line.',
    },
    ask: ({ routing_key, summary }) =>
      `Raise an alert with the routing key named ${routing_key}: ${summary}. Start alertLifecycle with pd_workflow under a dedupKey that names the problem. ` +
      'When work on it begins, move it on with pd_run (do: acknowledge_alert); when the problem is gone, with resolve_alert. Never leave it open.',
  },
  duplicateSweep: {
    title: 'Close duplicates',
    description:
      'Close what is open more than once on a service: the oldest incident of each problem is kept.',
    takes: { service: 'The service, by its id or name.' },
    ask: ({ service }) =>
      `Look for duplicates among the open incidents of the service ${service}: find its id with pd_find, and start duplicateSweep with pd_workflow (services: its id, plan: true). ${planFirst}`,
  },
  staleSweep: {
    title: 'Look after forgotten incidents',
    description:
      'Ask who still works on old open incidents of a team, and hand back or close what nobody answers for.',
    takes: { team: 'The team, by its id or name.' },
    ask: ({ team }) =>
      `Look for forgotten incidents of the team ${team}: find its id with pd_find, and start staleSweep with pd_workflow (teams: its id, plan: true). ${planFirst}`,
  },
  onboardService: {
    title: 'Bring a service on call',
    description: 'Team, members, escalation policy and service: each is found by its name or made.',
    takes: {
      service: 'The name of the service.',
      team: 'Who is to be on call for it: the team and its people.',
    },
    ask: ({ service, team }) =>
      `Bring the service ${service} on call for ${team}. Look with pd_find what is there already, ask me what is open (who, in which order, for how long each, how urgent), and start onboardService with pd_workflow (plan: true). ${planFirst}`,
  },
  overrideOrSwap: {
    title: 'Take over or swap a turn',
    description:
      'Put somebody on call for somebody else, or let two people swap turns; whoever gets one agrees.',
    takes: {
      schedule: 'The schedule, by its id or name.',
      taker: 'Who takes the turn: e-mail address or whole name.',
      when: 'From when until when, with the time zone; of a swap also what is taken in return.',
    },
    ask: ({ schedule, taker, when }) =>
      `${taker} should have the schedule ${schedule}: ${when}. Find its id with pd_find, and start overrideOrSwap with pd_workflow (from and until as instants with their zone, back: { from, until } for a swap, plan: true). ${planFirst} ` +
      'Whoever gets a turn must agree with their own key: you cannot say it for them. Show me its preview of who is on call before and after.',
  },
  stormHandling: {
    title: 'Handle a storm',
    description:
      'Triage many incidents at once, the urgent first, by service and cause, and close what recovers.',
    takes: { minutes: 'How many minutes ago it began at most.' },
    ask: ({ minutes }) =>
      `Many incidents came in the last ${minutes} minutes. Start stormHandling with pd_workflow (minutes: ${minutes}, watchSeconds: 0) and ask pd_run (wait_s: 20) until it has ended. ` +
      'Show me its report as it is: causes, who is on call, what could not be read. It proposes to resolve what its source has resolved; an operator must approve that, and what people have taken is theirs.',
  },
  coverageCheck: {
    title: 'Check who answers',
    description: 'Look ahead at who is on call, and find when nobody is. Changes nothing.',
    takes: { days: 'How many days ahead, 90 at most.' },
    ask: ({ days }) =>
      `Will somebody answer in the next ${days} days? Start coverageCheck with pd_workflow (days: ${days}) and ask pd_run (wait_s: 20) until it has ended. ` +
      'Show me its report as it is. What it says it could not read is unknown, not fine. Change nothing.',
  },
  postIncidentTimeline: {
    title: 'Tell what happened',
    description: 'Tell the story of an incident that is over, in order, with what it leaves open.',
    takes: incident,
    ask: ({ incident }) =>
      `Tell what happened in the incident ${incident}. Find its id with pd_find, start postIncidentTimeline with pd_workflow (quietSeconds: 0, note: false) and ask pd_run (wait_s: 20) until it has ended. ` +
      'Show me its report as it is. Its open questions are questions: add no cause of your own.',
  },
  announceChangeAndWatch: {
    title: 'Announce a change and watch',
    description: 'Announce a release to PagerDuty, and watch for incidents after it.',
    takes: {
      routing_key: 'The routing key, by its name in the configuration.',
      service: 'The service to watch, by its id or name.',
      summary: 'What changes, in one line.',
    },
    ask: ({ routing_key, service, summary }) =>
      `Announce the change with the routing key named ${routing_key}: ${summary}. Find the id of the service ${service} with pd_find, start announceChangeAndWatch with pd_workflow, and ask pd_run (wait_s: 20) until it has ended. ` +
      'Tell me at once of an incident that comes.',
  },
  noiseReport: {
    title: 'Find the noise',
    description: 'Count what woke people for nothing, and propose what would spare them. Changes nothing.',
    takes: { team: 'The team, by its id or name.' },
    ask: ({ team }) =>
      `What woke ${team} for nothing in the last week? Find the id of the team with pd_find, start noiseReport with pd_workflow (team) and ask pd_run (wait_s: 20) until it has ended. ` +
      'Show me its report as it is, and what it could not read. Change nothing.',
  },
  handoffReport: {
    title: 'Hand over',
    description: 'Tell the next person on call what there is to inherit. Changes nothing.',
    takes: { team: 'The team, by its id or name.', hours: 'How long the shift was, in hours.' },
    ask: ({ team, hours }) =>
      `The shift of ${team} ends after ${hours} hours. Find the id of the team with pd_find, start handoffReport with pd_workflow (teams, hours: ${hours}) and ask pd_run (wait_s: 20) until it has ended. ` +
      'Show me its report as it is, and what it could not read. Change nothing.',
  },
};

/** The longest word that is taken from a person's form. */
const longest = 500;

/** The prompts as `prompts/list` shows them. */
export const prompts = (Object.entries(byWorkflow) as [Startable, Prompt][]).map(
  ([name, { title, description, takes }]) => ({
    name,
    title,
    description,
    arguments: Object.entries(takes).map(([field, what]) => ({
      name: field,
      description: what,
      required: true,
    })),
  }),
);

/**
 * A prompt, filled in.
 * @throws ProtocolError that names what is missing or unknown.
 */
export function promptNamed(name: string, given: Readonly<Record<string, string>>) {
  if (!(name in byWorkflow)) {
    const near = closest(name, Object.keys(byWorkflow));
    throw refused(
      `There is no prompt ${oneLine(name, 60)}${near ? `; did you mean ${near}?` : `; there are ${Object.keys(byWorkflow).join(', ')}.`}`,
    );
  }
  const { description, takes, ask } = byWorkflow[name as Startable];
  for (const field of Object.keys(given))
    if (!(field in takes))
      throw refused(`${name} takes ${Object.keys(takes).join(' and ')}, no ${oneLine(field, 60)}.`);
  const filled = Object.entries(takes).map(([field, what]) => {
    const word = oneLine(given[field] ?? '', longest);
    if (word === '') throw refused(`${field} is missing: ${what}`);
    return [field, word] as const;
  });
  const text = `${ask(Object.fromEntries(filled))} ${honest}\nThe Workflow takes ${signatureOf(name as Startable)}.`;
  return { description, messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }] };
}

const refused = (message: string): ProtocolError =>
  new ProtocolError(ProtocolErrorCode.InvalidParams, message);
