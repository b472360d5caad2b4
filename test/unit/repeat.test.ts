import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Trace } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue } from '../../pagerduty/catalogue/index.ts';
import { cleanAll } from '../../pagerduty/text.ts';

const trace: Trace = { ourUsers: ['PBOT'], sentAt: '2026-06-24T10:00:00.500Z', mark: '[oncall-runner abc]' };

/** Whether a try that nobody answered is taken for done: what it is | what was asked | what PagerDuty shows now | found? */
const looks = `
our acknowledge | status: acknowledged | status: acknowledged, acknowledgements: [{ acknowledger: { id: PBOT } }] | found
ours beside a person's | status: acknowledged | status: acknowledged, acknowledgements: [{ acknowledger: { id: PADA } }, { acknowledger: { id: PBOT } }] | found
a person's acknowledge | status: acknowledged | status: acknowledged, acknowledgements: [{ acknowledger: { id: PADA } }] | not
an acknowledge by nobody | status: acknowledged | status: acknowledged, acknowledgements: [] | not
an acknowledge without a list | status: acknowledged | status: acknowledged, acknowledgements: null | not
an acknowledge that a person resolved | status: acknowledged | status: resolved, acknowledgements: [] | not
our resolve | status: resolved | status: resolved, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T10:00:01Z" | found
our resolve, within a minute of two clocks | status: resolved | status: resolved, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T09:59:30Z" | found
our resolve, told without a name | status: resolved | status: resolved, last_status_change_at: "2026-06-24T10:00:01Z" | found
a resolve of ours before we sent | status: resolved | status: resolved, last_status_change_by: { id: PBOT }, last_status_change_at: "2026-06-24T09:58:00Z" | not
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
a level, which nothing shows | escalation_level: 2 | status: triggered | not
a priority, which nothing shows | priority: P1 | status: triggered | not
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
