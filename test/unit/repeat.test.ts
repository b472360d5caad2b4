import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { FurtherLook, LookFirst, Trace } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName } from '../../pagerduty/catalogue/index.ts';
import { cleanAll } from '../../pagerduty/text.ts';

const trace: Trace = { ourUsers: ['PBOT'], since: '2026-06-24T10:00:00.500Z', mark: '[oncall-runner abc]' };

/** Whether a try that nobody answered is taken for done: what it is | what was asked | what PagerDuty shows now | found? */
const looks = `
our acknowledge | status: acknowledged | status: acknowledged, acknowledgements: [{ acknowledger: { id: PBOT } }] | found
our acknowledge, with its time | status: acknowledged | status: acknowledged, acknowledgements: [{ at: "2026-06-24T10:00:00Z", acknowledger: { id: PBOT } }] | found
an acknowledge of ours from before | status: acknowledged | status: acknowledged, acknowledgements: [{ at: "2026-06-24T09:59:59Z", acknowledger: { id: PBOT } }] | not
ours beside a person's | status: acknowledged | status: acknowledged, acknowledgements: [{ acknowledger: { id: PADA } }, { acknowledger: { id: PBOT } }] | found
a person's acknowledge | status: acknowledged | status: acknowledged, acknowledgements: [{ acknowledger: { id: PADA } }] | not
an acknowledge by nobody | status: acknowledged | status: acknowledged, acknowledgements: [] | not
an acknowledge without a list | status: acknowledged | status: acknowledged, acknowledgements: null | not
an acknowledge that a person resolved | status: acknowledged | status: resolved, acknowledgements: [] | not
our resolve | status: resolved | status: resolved, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T10:00:01Z" | found
our resolve within the same second | status: resolved | status: resolved, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T10:00:00Z" | found
our resolve, told without a name | status: resolved | status: resolved, last_status_change_at: "2026-06-24T10:00:01Z" | found
a resolve of ours before we sent | status: resolved | status: resolved, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T09:59:59Z" | not
a person's resolve | status: resolved | status: resolved, last_status_change_by: { id: PADA }, last_status_change_at: "2026-06-24T10:00:01Z" | not
a resolve by the service itself | status: resolved | status: resolved, last_status_change_by: { id: PSVC }, last_status_change_at: "2026-06-24T10:00:01Z" | not
an incident that is open yet | status: resolved | status: acknowledged, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T10:00:01Z" | not
our giving back | status: triggered | status: triggered, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T10:00:01Z" | found
a time-out that gave it back | status: triggered | status: triggered, last_status_change_by: { id: PSVC }, last_status_change_at: "2026-06-24T10:00:01Z" | not
a trigger from before | status: triggered | status: triggered, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T08:00:00Z" | not
our giving back to another policy | status: triggered, escalation_policy: { id: PEP } | status: triggered, escalation_policy: { id: POLD }, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T10:00:01Z" | not
the title we set | title: New | status: triggered, title: New | found
another title | title: New | status: triggered, title: Old | not
the title without the resolve | status: resolved, title: New | status: triggered, title: New | not
the resolve without the title | status: resolved, title: New | status: resolved, title: Old, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T10:00:01Z" | not
the urgency we set | urgency: low | status: triggered, urgency: low | found
another urgency | urgency: low | status: triggered, urgency: high | not
the policy we set | escalation_policy: { id: PEP } | status: triggered, escalation_policy: { id: PEP } | found
another policy | escalation_policy: { id: PEP } | status: triggered, escalation_policy: { id: POLD } | not
the service we moved it to | service: { id: PSV } | status: triggered, service: { id: PSV } | found
another service | service: { id: PSV } | status: triggered, service: null | not
the assignee we set | assignments: [{ assignee: { id: PADA } }] | status: triggered, assignments: [{ assignee: { id: PADA } }] | found
another assignee | assignments: [{ assignee: { id: PADA } }] | status: triggered, assignments: [{ assignee: { id: PBEN } }] | not
the priority we set, by its name | priority: P1 | status: triggered, priority: { id: PP1, summary: P1 } | found
the priority we set, by its id | priority: { id: PP1 } | status: triggered, priority: { id: PP1, summary: P1 } | found
another priority | priority: P1 | status: triggered, priority: { id: PP2, summary: P2 } | not
no priority | priority: P1 | status: triggered, priority: null | not
the type we set | incident_type: { name: major } | status: triggered, incident_type: { name: major } | found
another type | incident_type: { name: major } | status: triggered, incident_type: { name: incident_default } | not
the bridge we set | conference_bridge: { conference_url: "https://meet.example/1" } | status: triggered, conference_bridge: { conference_number: null, conference_url: "https://meet.example/1" } | found
another bridge | conference_bridge: { conference_url: "https://meet.example/1" } | status: triggered, conference_bridge: { conference_url: "https://meet.example/2" } | not
a bridge that is not shown | conference_bridge: { conference_url: "https://meet.example/1" } | status: triggered | not
a level, which an incident does not show | escalation_level: 2 | status: triggered | not
`
  .trim()
  .split('\n')
  .map((line) => line.split(' | '));

test.each(looks)('%s (asked %s; shown %s): %s', (_what, asked, shown, answer) => {
  const request = {
    params: { id: 'P1' },
    body: { incident: parse(`{ type: incident, ${asked} }`) as object },
  };
  const incident = parse(`{ ${shown} }`) as object;
  const found = catalogue.updateIncident.repeat.ours({ incident } as never, request as never, trace);
  expect(found).toEqual(answer === 'found' ? { incident } : undefined);
});

/** The same of the log, where people have moved the incident on: what it is | what was asked | the entries | found? */
const logs = `
our acknowledge, whatever came after | status: acknowledged | resolve PADA 10:00:09, acknowledge PBOT 10:00:01 | found
our resolve that a person reopened | status: resolved | trigger PADA 10:00:09, resolve PBOT 10:00:01 | found
our giving back | status: triggered | unacknowledge PBOT 10:00:01 | found
our escalation, which nothing else shows | escalation_level: 2 | escalate PBOT 10:00:01 | found
our resolve, with a title that a person changed since | status: resolved, title: New | resolve PBOT 10:00:01 | found
a person's acknowledge | status: acknowledged | acknowledge PADA 10:00:01 | not
an acknowledge of ours from before | status: acknowledged | acknowledge PBOT 09:59:59 | not
an escalation by the policy | escalation_level: 2 | escalate PSVC 10:00:01 | not
another thing that we did | status: resolved | annotate PBOT 10:00:01 | not
nothing at all | status: resolved |  | not
`
  .trim()
  .split('\n')
  .map((line) => line.split(' | '));

test.each(logs)('%s (asked %s; the log: %s): %s', (_what, asked, entries = '', answer) => {
  const request = {
    params: { id: 'P1' },
    body: { incident: parse(`{ type: incident, ${asked} }`) as object },
  };
  const [look] = catalogue.updateIncident.repeat.also;
  expect(look.ask(request as never, trace)).toMatchObject({ params: { id: 'P1' } });
  const log_entries = entries
    .split(', ')
    .filter(Boolean)
    .map((entry) => {
      const [type, id, time] = entry.split(' ');
      return { type: `${type}_log_entry`, agent: { id }, created_at: `2026-06-24T${time}Z` };
    });
  const first = { incident: { id: 'P1' } };
  const found = look.ours({ log_entries } as never, request as never, trace, first as never);
  expect(found).toEqual(answer === 'found' ? first : undefined);
});

test('a change that leaves no entry of its own is not looked for in the log', () => {
  const request = { params: { id: 'P1' }, body: { incident: { type: 'incident', title: 'New' } } };
  expect(catalogue.updateIncident.repeat.also[0].ask(request, trace)).toBeUndefined();
});

/** What an incident shows of our resolve, of a person's, and of none. */
const resolvedBy = (id: string) => ({
  incident: {
    status: 'resolved',
    last_status_change_by: { id },
    last_status_change_at: '2026-06-24T10:00:01Z',
  },
});
const open = { incident: { status: 'triggered' } };

test.each([
  ['all resolved by us', [resolvedBy('PBOT'), resolvedBy('PBOT')], true],
  ['one of which a person reopened', [resolvedBy('PBOT'), open], true],
  ['one of which is not to be had any more', [resolvedBy('PBOT'), undefined], true],
  ['all open', [open, open], false],
  ['one that a person resolved, the other open', [resolvedBy('PADA'), open], false],
  ['none to be had', [undefined, undefined], false],
])('a bulk update is done as a whole or not at all: %s', (_what, shown, isFound) => {
  const incidents = ['P1', 'P2'].map((id) => ({ id, type: 'incident', status: 'resolved' }) as const);
  const found = catalogue.updateIncidents.repeat.ours(shown as never, { body: { incidents } }, trace);
  const known = shown.flatMap((read) => read?.incident ?? []);
  expect(found).toEqual(isFound ? { incidents: known } : undefined);
});

test('a bulk update of titles is done where each has its own', () => {
  const incidents = ['P1', 'P2'].map((id) => ({ id, type: 'incident', title: id }) as const);
  const shown = (...titles: readonly string[]) =>
    titles.map((title) => ({ incident: { status: 'triggered', title } }));
  const { ours: isDone } = catalogue.updateIncidents.repeat;
  expect(isDone(shown('P1', 'P2') as never, { body: { incidents } }, trace)).toBeDefined();
  expect(isDone(shown('P1', 'Other') as never, { body: { incidents } }, trace)).toBeUndefined();
});

/** The other writes: which | what it is | what was asked | what the look shows | found? */
const others = `
createIncident | ours, by its key and title | incident: { title: Down, incident_key: k, service: { id: PS } } | incidents: [{ incident_key: k, title: Down, created_at: "2026-06-24T10:00:00Z" }] | found
createIncident | one from before with that key | incident: { title: Down, incident_key: k, service: { id: PS } } | incidents: [{ incident_key: k, title: Down, created_at: "2026-06-24T09:59:59Z" }] | not
createIncident | another title under the key | incident: { title: Down, incident_key: k, service: { id: PS } } | incidents: [{ incident_key: k, title: Up, created_at: "2026-06-24T10:00:00Z" }] | not
createIncident | one that only has an alert of that key | incident: { title: Down, incident_key: k, service: { id: PS } } | incidents: [{ incident_key: null, title: Down, created_at: "2026-06-24T10:00:00Z" }] | not
createService | ours, in another case | service: { name: Shop, escalation_policy: { id: PE } } | services: [{ name: shop, escalation_policy: { id: PE }, created_at: "2026-06-24T10:00:00Z" }] | found
createService | its name, taken by another policy's | service: { name: Shop, escalation_policy: { id: PE } } | services: [{ name: Shop, escalation_policy: { id: PX } }] | not
createService | its name, taken before | service: { name: Shop, escalation_policy: { id: PE } } | services: [{ name: Shop, escalation_policy: { id: PE }, created_at: "2026-06-24T09:00:00Z" }] | not
createService | a longer name | service: { name: Shop, escalation_policy: { id: PE } } | services: [{ name: Shop 2, escalation_policy: { id: PE } }] | not
createTeam | ours | team: { name: Web, description: The web } | teams: [{ name: Web, description: The web }] | found
createTeam | its name, taken by another | team: { name: Web, description: The web } | teams: [{ name: Web, description: Spiders }] | not
createUser | ours | user: { name: Ana, email: Ana@example.com } | users: [{ name: Ana, email: ana@example.com }] | found
createUser | the address, taken by another | user: { name: Ana, email: ana@example.com } | users: [{ name: Anabel, email: ana@example.com }] | not
createUser | a longer address | user: { name: Ana, email: ana@example.com } | users: [{ name: Ana, email: diana@example.com }] | not
createEscalationPolicy | ours | escalation_policy: { name: Web, escalation_rules: [{ escalation_delay_in_minutes: 5, targets: [{ id: PA }, { id: PB }] }] } | escalation_policies: [{ name: Web, escalation_rules: [{ escalation_delay_in_minutes: 5, targets: [{ id: PA }, { id: PB }] }] }] | found
createEscalationPolicy | other people under its name | escalation_policy: { name: Web, escalation_rules: [{ escalation_delay_in_minutes: 5, targets: [{ id: PA }] }] } | escalation_policies: [{ name: Web, escalation_rules: [{ escalation_delay_in_minutes: 5, targets: [{ id: PC }] }] }] | not
createEscalationPolicy | other delays under its name | escalation_policy: { name: Web, escalation_rules: [{ escalation_delay_in_minutes: 5, targets: [{ id: PA }] }] } | escalation_policies: [{ name: Web, escalation_rules: [{ escalation_delay_in_minutes: 50, targets: [{ id: PA }] }] }] | not
updateService | all that was set | service: { type: service, name: Shop, acknowledgement_timeout: 0, escalation_policy: { id: PE, type: escalation_policy_reference } } | service: { name: Shop, acknowledgement_timeout: null, escalation_policy: { id: PE, type: escalation_policy }, description: Sells } | found
updateService | another name | service: { type: service, name: Shop } | service: { name: Old } | not
updateService | all but one | service: { type: service, name: Shop, acknowledgement_timeout: 600 } | service: { name: Shop, acknowledgement_timeout: 1800 } | not
updateService | a rule in full | service: { type: service, incident_urgency_rule: { type: constant, urgency: low } } | service: { incident_urgency_rule: { type: constant, urgency: low, extra: 1 } } | found
updateService | another rule | service: { type: service, incident_urgency_rule: { type: constant, urgency: low } } | service: { incident_urgency_rule: { type: constant, urgency: high } } | not
updateService | a list that is shorter | service: { type: service, support_hours: { days_of_week: [1, 2] } } | service: { support_hours: { days_of_week: [1] } } | not
`
  .trim()
  .split('\n')
  .map((line) => line.split(' | ') as [string, string, string, string, string]);

test.each(others)('%s finds %s (asked %s; shown %s): %s', (name, _what, asked, shown, answer) => {
  const { repeat } = catalogue[name as OperationName];
  if (typeof repeat === 'string') throw new Error(`${name} looks for nothing.`);
  const look: LookFirst = repeat;
  const request = { params: { id: 'PS' }, body: parse(`{ ${asked} }`) as object };
  const found = look.ours(parse(`{ ${shown} }`) as never, request as never, trace);
  expect(found !== undefined).toBe(answer === 'found');
});

/** Overrides that stand: user start end, in hours of one day; who was asked for from 10 to 12. */
test.each([
  ['ours', ['PADA 10 12'], true],
  ['ours, shown in another zone', ['PADA 12+02:00 14+02:00'], true],
  ['ours, joined with one that it touches', ['PADA 9 12'], true],
  ['ours, cut by a newer one', ['PADA 10 11', 'PBEN 11 12'], true],
  ['somebody else’s alone', ['PBEN 10 12'], false],
  ['ours with a gap after it', ['PADA 10 11'], false],
  ['ours with a gap before it', ['PADA 11 12'], false],
  ['nothing', [], false],
])('an override stands by its instants: %s', (_what, entries, isFound) => {
  const hour = (text = ''): string => {
    const [digits = '', zone = 'Z'] = text.split(/(?=\+)/);
    return `2026-07-01T${digits.padStart(2, '0')}:00:00${zone}`;
  };
  const rendered_schedule_entries = entries.map((entry) => {
    const [id, start, end] = entry.split(' ');
    return { user: { id }, start: hour(start), end: hour(end) };
  });
  const request = {
    params: { id: 'PR' },
    body: { overrides: [{ start: hour('10'), end: hour('12'), user: { id: 'PADA' } }] },
  };
  const schedule = { overrides_subschedule: { rendered_schedule_entries } };
  const found = catalogue.createScheduleOverride.repeat.ours({ schedule } as never, request);
  expect(found !== undefined).toBe(isFound);
});

test('what lies under somebody else’s newer override is hidden, and not sent again on top of it', () => {
  const { hidden } = catalogue.createScheduleOverride.repeat;
  const asked = { start: '2026-07-01T10:00:00Z', end: '2026-07-01T12:00:00Z', user: { id: 'PADA' } };
  const request = { params: { id: 'PR' }, body: { overrides: [asked] } };
  const hides = (start: string, end: string) => {
    const entries = [{ start, end, user: { id: 'PBEN' } }];
    return hidden(
      { schedule: { overrides_subschedule: { rendered_schedule_entries: entries } } } as never,
      request,
    );
  };
  expect(hides('2026-07-01T09:00:00Z', '2026-07-01T13:00:00Z')).toMatch(/ours may lie under it$/);
  expect(hides('2026-07-01T11:00:00Z', '2026-07-01T13:00:00Z')).toBeDefined();
  expect(hides('2026-07-01T12:00:00Z', '2026-07-01T13:00:00Z')).toBeUndefined();
});

test('of several overrides those that stand were taken, and the others refused: none is sent again', () => {
  const override = (day: string) => ({
    start: `${day}T10:00:00Z`,
    end: `${day}T12:00:00Z`,
    user: { id: 'PADA' },
  });
  const [first, second] = [override('2026-07-01'), override('2026-07-02')];
  const schedule = { overrides_subschedule: { rendered_schedule_entries: [first] } };
  const request = { params: { id: 'PR' }, body: { overrides: [first, second] } };
  const found = catalogue.createScheduleOverride.repeat.ours({ schedule } as never, request);
  expect(found?.overrides.map(({ status }) => status)).toEqual([201, 400]);
});

test.each([
  ['a member, where no role was asked for', { params: { id: 'PT', user_id: 'PU' } }, ['PT'], true],
  ['no member', { params: { id: 'PT', user_id: 'PU' } }, ['PX'], false],
  [
    'a member, where the role cannot be seen',
    { params: { id: 'PT', user_id: 'PU' }, body: { role: 'manager' } },
    ['PT'],
    false,
  ],
])('updateTeamUser finds %s', (_what, request, teams, isFound) => {
  const user = { id: 'PU', teams: teams.map((id) => ({ id })) };
  expect(catalogue.updateTeamUser.repeat.ours({ user }, request) !== undefined).toBe(isFound);
});

/** Events: action | what it is | the incidents of the key, newest first | the newest one's log | its alerts | found? */
const events = `
trigger | ours | triggered, created 10:00:00 | | | found
trigger | ours, resolved by somebody since | resolved, created 10:00:01 | | | found
trigger | one from before, and no trace of ours | triggered, created 09:00:00 | | | not
trigger | ours, which went into an open one | triggered, created 09:00:00 | trigger 10:00:01 | | found
trigger | nothing | | | | not
acknowledge | ours | acknowledged, changed 10:00:01 | | | found
acknowledge | one from before, acknowledged again | acknowledged, changed 09:00:00 | acknowledge 10:00:01 | | found
acknowledge | one from before, and no trace of ours | acknowledged, changed 09:00:00 | | | not
acknowledge | none that took it: it is triggered | triggered, changed 09:00:00 | trigger 09:00:00 | | not
resolve | ours | resolved, changed 10:00:01 | | | found
resolve | an older one of the key, with a new one on top | triggered, changed 10:00:05; resolved, changed 10:00:01 | | | found
resolve | one that was resolved before | resolved, changed 09:00:00 | | | not
resolve | our alert in an incident that goes on | triggered, changed 09:00:00 | | k 10:00:01 | found
resolve | another alert in that incident | triggered, changed 09:00:00 | | j 10:00:01 | not
resolve | our alert, resolved before | triggered, changed 09:00:00 | | k 09:00:01 | not
`
  .trim()
  .split('\n')
  .map(
    (line) => line.split('|').map((cell) => cell.trim()) as [string, string, string, string, string, string],
  );

test.each(events)(
  'enqueueEvent, %s: %s (%s; log %s; alerts %s): %s',
  (action, _what, shown, log, alerts, answer) => {
    const at = (time: string | undefined): string => `2026-06-24T${time}Z`;
    const list = (cells: string, separator: string) =>
      cells
        .split(separator)
        .map((cell) => cell.trim())
        .filter(Boolean);
    const incidents = list(shown, ';').map((cell, index) => {
      const [status, word, time] = cell.split(/,? /);
      const field = word === 'created' ? 'created_at' : 'last_status_change_at';
      return { id: `P${index}`, status, created_at: '2026-06-24T08:00:00Z', [field]: at(time) };
    });
    const log_entries = list(log, ',').map((entry) => {
      const [type, time] = entry.split(' ');
      return { type: `${type}_log_entry`, created_at: at(time) };
    });
    const shownAlerts = list(alerts, ',').map((alert) => {
      const [alert_key, time] = alert.split(' ');
      return { alert_key, resolved_at: at(time) };
    });
    const shows = {
      listIncidents: { incidents },
      listIncidentLogEntries: { log_entries },
      listIncidentAlerts: { alerts: shownAlerts },
    };
    const request = { routingKey: 'checkout', body: { event_action: action, dedup_key: 'k' } } as never;
    const { find, ours: first, also } = catalogue.enqueueEvent.repeat;
    const further = also.map((look): unknown => {
      const asked = look.ask(request, trace, shows[find] as never);
      return asked
        ? (look as FurtherLook).ours(shows[look.find] as never, request, trace, shows[find] as never)
        : undefined;
    });
    const found = [first(shows[find] as never, request, trace), ...further].find((one) => one !== undefined);
    expect(found).toEqual(answer === 'found' ? { status: 'success', dedup_key: 'k' } : undefined);
  },
);

const { sign, ours } = catalogue.createIncidentNote.repeat;
const note = (content: string) => ({ params: { id: 'P1' }, body: { note: { content } } });
const signed = (mark: string): string => sign(note('Rolled back.'), mark).body.note.content;

test.each<[string, readonly string[], number | undefined]>([
  ['our note with its mark', [signed(trace.mark)], 0],
  ['our note behind others', ['Hello.', signed(trace.mark)], 1],
  ['our note with blank lines after it', [`${signed(trace.mark)}\n \n`], 0],
  ['no note at all', [], undefined],
  ['our words without the mark', ['Rolled back.'], undefined],
  ['the mark of another step', [signed('[oncall-runner def]')], undefined],
  ['a note that quotes ours and goes on', [`${signed(trace.mark)}\nThanks, I take over.`], undefined],
])('%s is found for what it is', (_what, contents, found) => {
  const notes = contents.map((content, index) => ({ id: `N${index}`, content }));
  expect(ours({ notes }, note('Rolled back.'), trace)).toEqual(
    found === undefined ? undefined : { note: notes[found] },
  );
});

test('a signed note says what it said, and its mark', () => {
  expect(sign(note('Rolled back.'), trace.mark)).toEqual(note('Rolled back.\n\n[oncall-runner abc]'));
});

test('our note is found again when its text is as long as a note may be', () => {
  const { request } = catalogue.createIncidentNote;
  let length = 30_000;
  while (!request.safeParse(note('x'.repeat(length))).success) length -= 1;
  expect(length).toBeGreaterThan(20_000);
  const longest = note('x'.repeat(length));
  const { content } = sign(longest, '[oncall-runner 0123456789]').body.note;
  const shown = cleanAll({ notes: [{ id: 'N0', content }] });
  expect(ours(shown as never, longest, { ...trace, mark: '[oncall-runner 0123456789]' })).toBeDefined();
});
