import type { World } from '../../simulator/world.ts';
import type { Told } from './mcp.ts';

/** A task under way: an incident that was just opened on the checkout service, and a server to work through. */
export interface Play {
  readonly incident: string;
  readonly number: number;
  readonly world: World;
  /** Calls a tool of the server; counted. */
  readonly call: (tool: string, args: Readonly<Record<string, unknown>>) => Promise<Told>;
  /** What a person does in PagerDuty. */
  readonly asPerson: (change: Readonly<Record<string, unknown>>) => Promise<unknown>;
  /** What an operator does: approves the one step that waits. */
  readonly approve: () => Promise<unknown>;
  readonly until: (what: string, check: () => boolean | Promise<boolean>) => Promise<unknown>;
}

/** Something people ask an agent to do, scripted for both servers: what a good agent would call, no more. */
export interface Task {
  readonly name: string;
  /** What happens before the agent is asked. */
  readonly before?: (play: Play) => Promise<unknown>;
  /** Our tools; gives what the agent would tell from. */
  readonly ours: (play: Play) => Promise<unknown>;
  /** PagerDuty's tools; absent where none of them can do it. */
  readonly theirs?: (play: Play) => Promise<unknown>;
  /** Whether all is as it was asked for, by the answers and by PagerDuty's state. */
  readonly holds: (answer: string, play: Play) => boolean;
  /** The writes that PagerDuty must have taken, no more and no others: `PUT /incidents/PABC`. */
  readonly writes?: readonly RegExp[];
}

const reason = 'a task';
const statusOf = ({ world, incident }: Play) => world.incident(incident)?.status;
const manage = ({ call, incident }: Play, change: Readonly<Record<string, unknown>>): Promise<Told> =>
  call('manage_incidents', { manage_request: { incident_ids: [incident], ...change } });
const week = 7 * 86_400_000;
const inAWeek = new Date(Date.now() + week).toISOString().slice(0, 13);
const span = (from: string, to: string) => ({
  start: `${inAWeek.slice(0, 11)}${from}:00Z`,
  end: `${inAWeek.slice(0, 11)}${to}:00Z`,
});

const looking: readonly Task[] = [
  {
    name: 'look an incident up by its number',
    ours: ({ call, number }) => call('pd_find', { what: 'incidents', text: `#${number}` }),
    theirs: ({ call, number }) => call('get_incident', { incident_id: String(number) }),
    holds: (answer, { incident }) => answer.includes(incident),
  },
  {
    name: 'what is open on a service',
    ours: ({ call }) => call('pd_find', { what: 'incidents', services: ['PCHECKOUT'] }),
    theirs: ({ call }) => call('list_incidents', { statuses: ['triggered', 'acknowledged'] }),
    holds: (answer, { incident }) => answer.includes(incident),
  },
  {
    name: 'read an incident with its alerts and notes',
    ours: ({ call, incident }) => call('pd_get', { what: 'incident', id: incident }),
    theirs: async ({ call, incident }) => [
      await call('get_incident', { incident_id: incident }),
      await call('list_alerts_from_incident', { incident_id: incident }),
      await call('list_incident_notes', { incident_id: incident }),
    ],
    holds: (answer, { incident, world }) =>
      answer.includes(incident) && answer.includes(world.incident(incident)?.alerts[0]?.id ?? 'none'),
  },
  {
    name: 'who is on call for a service now',
    ours: async ({ call }) => {
      await call('pd_find', { what: 'services', text: 'checkout' });
      return call('pd_oncall', { service: 'PCHECKOUT' });
    },
    theirs: async ({ call }) => {
      await call('list_services', { query: 'checkout' });
      return call('list_oncalls', { service_ids: ['PCHECKOUT'] });
    },
    holds: (answer) => answer.includes('PFAY'),
  },
  {
    name: 'who is on call on a rota next week',
    ours: ({ call }) => call('pd_oncall', { schedule: 'PPAYMENTSROTA', at: '7d', until: '8d' }),
    theirs: ({ call }) =>
      call('list_oncalls', {
        schedule_ids: ['PPAYMENTSROTA'],
        since: new Date(Date.now() + week).toISOString(),
        until: new Date(Date.now() + week + 86_400_000).toISOString(),
      }),
    holds: (answer) => /PADA|PBEN|PCLEO/.test(answer),
  },
  {
    name: 'find a person by name',
    ours: ({ call }) => call('pd_find', { what: 'users', text: 'Fay' }),
    theirs: ({ call }) => call('list_users', { query: 'Fay' }),
    holds: (answer) => answer.includes('PFAY'),
  },
  {
    name: 'whom an escalation policy pages',
    ours: ({ call }) => call('pd_get', { what: 'escalation_policy', id: 'PLEDGERONCALL' }),
    theirs: ({ call }) => call('get_escalation_policy', { policy_id: 'PLEDGERONCALL' }),
    holds: (answer) => answer.includes('PPLATFORMROTA') && answer.includes('PFAY'),
  },
  {
    name: 'how a service is set up',
    ours: ({ call }) => call('pd_get', { what: 'service', id: 'PLEDGER' }),
    theirs: ({ call }) => call('get_service', { service_id: 'PLEDGER' }),
    holds: (answer) => answer.includes('PLEDGERONCALL'),
  },
  {
    name: 'the shifts of a schedule',
    ours: ({ call }) => call('pd_get', { what: 'schedule', id: 'PPAYMENTSROTA' }),
    theirs: ({ call }) => call('get_schedule', { schedule_id: 'PPAYMENTSROTA' }),
    holds: (answer) => answer.includes('PADA') && answer.includes('PBEN'),
  },
  {
    name: 'ask whether it may resolve, before it tries',
    ours: ({ call, incident }) => call('pd_can', { action: 'incidents.resolve', incident }),
    holds: (answer) => answer.includes('allowed'),
  },
  {
    name: 'triage an incident',
    ours: async ({ call, incident }) => {
      const { data } = await call('pd_workflow', { workflow: 'triageIncident', input: { incident }, reason });
      return data['state'] === 'ended' ? data : call('pd_run', { run: data['run'], wait_s: 20 });
    },
    theirs: async ({ call, incident }) => [
      await call('get_incident', { incident_id: incident }),
      await call('list_alerts_from_incident', { incident_id: incident }),
      await call('list_incident_notes', { incident_id: incident }),
      await call('get_service', { service_id: 'PCHECKOUT' }),
      await call('list_oncalls', { service_ids: ['PCHECKOUT'] }),
      await call('list_incidents', { statuses: ['triggered', 'acknowledged', 'resolved'] }),
    ],
    holds: (answer) => /real|triggered/.test(answer),
  },
];

const writing: readonly Task[] = [
  {
    name: 'acknowledge an incident',
    ours: ({ call, incident }) => call('pd_acknowledge', { incident, reason }),
    theirs: (play) => manage(play, { status: 'acknowledged' }),
    holds: (_, play) => statusOf(play) === 'acknowledged',
    writes: [/^PUT \/incidents/],
  },
  {
    name: 'acknowledge an incident that a person has resolved meanwhile: it stays resolved',
    before: ({ asPerson }) => asPerson({ status: 'resolved' }),
    ours: ({ call, incident }) => call('pd_acknowledge', { incident, reason }),
    theirs: (play) => manage(play, { status: 'acknowledged' }),
    holds: (_, play) => statusOf(play) === 'resolved',
  },
  {
    name: 'leave a note',
    ours: ({ call, incident }) => call('pd_note', { incident, text: 'The cache is cold.', reason }),
    theirs: ({ call, incident }) =>
      call('add_note_to_incident', { incident_id: incident, note: 'The cache is cold.' }),
    holds: (_, { world, incident }) => world.notes(incident).length === 1,
    writes: [/^POST \/incidents\/\w+\/notes/],
  },
  {
    name: 'leave one note though asked twice',
    ours: async ({ call, incident }) => {
      for (const _ of [1, 2]) await call('pd_note', { incident, text: 'The cache is cold.', reason });
    },
    theirs: async ({ call, incident }) => {
      for (const _ of [1, 2])
        await call('add_note_to_incident', { incident_id: incident, note: 'The cache is cold.' });
    },
    holds: (_, { world, incident }) => world.notes(incident).length === 1,
    writes: [/^POST \/incidents\/\w+\/notes/],
  },
  {
    name: 'resolve an incident',
    ours: ({ call, incident }) => call('pd_resolve', { incident, resolution: 'Warmed the cache.', reason }),
    theirs: (play) => manage(play, { status: 'resolved' }),
    holds: (_, play) => statusOf(play) === 'resolved',
    writes: [/^PUT \/incidents/],
  },
  {
    name: 'resolve an incident once an operator has approved it, and not before',
    before: ({ asPerson }) => asPerson({ urgency: 'low' }),
    ours: async (play) => {
      const { data } = await play.call('pd_resolve', { incident: play.incident, reason });
      if (data['waiting_for'] !== 'approval' || statusOf(play) !== 'triggered') return 'nobody was asked';
      await play.approve();
      return play.call('pd_run', { run: data['run'], wait_s: 20 });
    },
    theirs: (play) => manage(play, { status: 'resolved' }),
    holds: (answer, play) => statusOf(play) === 'resolved' && answer.includes('done'),
    // Its question to the operators is a note.
    writes: [/^PUT \/incidents/, /^POST \/incidents\/\w+\/notes/],
  },
  {
    name: 'what the policy forbids stays undone',
    before: ({ asPerson }) =>
      asPerson({ escalation_policy: { id: 'PLEDGERONCALL', type: 'escalation_policy_reference' } }),
    ours: ({ call, incident }) => call('pd_resolve', { incident, reason }),
    theirs: (play) => manage(play, { status: 'resolved' }),
    holds: (_, play) => statusOf(play) === 'triggered',
  },
  {
    name: 'give an incident to a person',
    ours: ({ call, incident }) => call('pd_reassign', { incident, users: ['PDEV'], reason }),
    theirs: (play) =>
      manage(play, { assignement: { id: 'PDEV', type: 'user_reference', summary: 'Dev Iyer' } }),
    holds: (_, { world, incident }) =>
      world
        .incident(incident)
        ?.assignments.map(({ userId }) => userId)
        .join() === 'PDEV',
    writes: [/^PUT \/incidents/],
  },
  {
    name: 'escalate an incident to the second level',
    ours: ({ call, incident }) => call('pd_reassign', { incident, level: 2, reason }),
    theirs: (play) => manage(play, { escalation_level: 2 }),
    holds: (_, { world, incident }) =>
      world.incident(incident)?.assignments.some(({ userId }) => userId === 'PFAY') === true,
    writes: [/^PUT \/incidents/],
  },
  {
    name: 'open an incident once though asked twice',
    ours: async ({ call, number }) => {
      const page = {
        service: 'PSEARCH',
        title: `The index is stale ${number}`,
        urgency: 'high',
        dedup: `stale-${number}`,
        reason,
      };
      for (const _ of [1, 2]) await call('pd_page', page);
    },
    theirs: async ({ call, number }) => {
      const incident = {
        title: `The index is stale ${number}`,
        service: { id: 'PSEARCH', type: 'service_reference' },
        urgency: 'high',
      };
      for (const _ of [1, 2]) await call('create_incident', { incident });
    },
    holds: (_, { world, number }) =>
      [...world.incidents.values()].filter(({ title }) => title === `The index is stale ${number}`).length ===
      1,
    writes: [/^POST \/incidents$/],
  },
  {
    name: 'swap two shifts',
    ours: async ({ call }) => {
      await call('pd_override', {
        schedule: 'PPAYMENTSROTA',
        user: 'PBEN',
        ...span('08:00', '12:00'),
        reason,
      });
      await call('pd_override', {
        schedule: 'PPAYMENTSROTA',
        user: 'PCLEO',
        ...span('12:00', '16:00'),
        reason,
      });
    },
    theirs: async ({ call }) => {
      for (const [user_id, hours] of [
        ['PBEN', span('08:00', '12:00')],
        ['PCLEO', span('12:00', '16:00')],
      ] as const)
        await call('create_schedule_override', {
          schedule_id: 'PPAYMENTSROTA',
          override_request: { overrides: [{ user_id, ...hours }] },
        });
    },
    holds: (_, { world }) => world.schedules.get('PPAYMENTSROTA')?.overrides.length === 2,
    writes: [/^POST \/schedules\/\w+\/overrides/, /^POST \/schedules\/\w+\/overrides/],
  },
  {
    name: 'raise an alert of its own and close it',
    ours: async ({ call, number, until, world }) => {
      const event = { routing_key: 'checkout', dedup_key: `disk-${number}`, reason };
      await call('pd_event', {
        ...event,
        do: 'trigger',
        summary: 'the disk is full',
        source: 'db-1',
        severity: 'error',
      });
      const opened = () =>
        [...world.incidents.values()].find(({ alerts }) =>
          alerts.some(({ key }) => key === `disk-${number}`),
        );
      await until('it is open', () => opened()?.status === 'triggered');
      await call('pd_event', { ...event, do: 'resolve' });
      await until('it is over', () => opened()?.status === 'resolved');
    },
    holds: () => true,
    writes: [/^POST \/v2\/enqueue/, /^POST \/v2\/enqueue/],
  },
  {
    name: 'respond from look to resolve, held under a lease, with one note',
    ours: async (play) => {
      const { call, incident, until } = play;
      const input = { incident, assess: 'agent', watchSeconds: 0 };
      const { data } = await call('pd_workflow', { workflow: 'respondToIncident', input, reason });
      const { run } = data;
      await until('it is asked', async () => (await call('pd_next', {})).data['run'] === run);
      await call('pd_finding', { run, class: 'real', summary: 'The cache is cold.' });
      await until('it is held', () => statusOf(play) === 'acknowledged');
      await call('pd_finding', { run, resolution: 'Warmed the cache.' });
      return call('pd_run', { run, wait_s: 20 });
    },
    theirs: async (play) => {
      const { call, incident } = play;
      await call('get_incident', { incident_id: incident });
      await call('list_alerts_from_incident', { incident_id: incident });
      await manage(play, { status: 'acknowledged' });
      await call('add_note_to_incident', { incident_id: incident, note: 'The cache is cold.' });
      await manage(play, { status: 'resolved' });
    },
    holds: (_, play) => statusOf(play) === 'resolved' && play.world.notes(play.incident).length === 1,
    writes: [/^PUT \/incidents/, /^POST \/incidents\/\w+\/notes/, /^PUT \/incidents/],
  },
  {
    name: 'get a person, and say who it is',
    ours: async (play) => {
      const { call, incident, asPerson } = play;
      const { data } = await call('pd_workflow', {
        workflow: 'waitForHumanAck',
        input: { incident },
        reason,
      });
      await asPerson({ status: 'acknowledged' });
      let told: Told;
      do told = await call('pd_run', { run: data['run'], wait_s: 20 });
      while (told.data['state'] !== 'ended');
      return told;
    },
    theirs: async (play) => {
      const { call, incident, asPerson } = play;
      await call('get_incident', { incident_id: incident });
      await asPerson({ status: 'acknowledged' });
      return call('get_incident', { incident_id: incident, query_model: { include: ['acknowledgers'] } });
    },
    holds: (answer, play) => statusOf(play) === 'acknowledged' && answer.includes('Ada Adler'),
    writes: [/^PUT \/incidents/],
  },
];

export const tasks: readonly Task[] = [...looking, ...writing];
