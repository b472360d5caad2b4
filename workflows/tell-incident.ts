import { attempt, knownOf, outcomeOf } from './attempt.ts';
import { chronicleOf } from './chronicle.ts';
import type { Logged, TellInput, TellResult } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { assigneesOf, namesOf } from './state.ts';

/** How many pages of a log are read: its newest 500 entries. */
const mostPages = 5;

/** Tells what PagerDuty has of an incident: how it stands, who did what to it, and its notes. Changes nothing. */
export async function tellIncident(input: TellInput): Promise<TellResult> {
  const { account, incident: id } = input;
  const chronicle = chronicleOf(input);
  const { look } = activitiesOf(account);
  const read = await attempt(
    perform(look.getIncident, { step: `Read incident ${id}`, request: { params: { id } } }),
  );
  if (!read.ok) return chronicle.end(outcomeOf[read.kind], read.sentence, knownOf(read));
  chronicle.actsAs(read.agent);
  const { incident } = read.response;
  chronicle.isAbout(incident.id);
  chronicle.concerns(incident.service?.id);
  chronicle.shows(incident);
  const missing: string[] = [];
  const log: Logged[] = [];
  let isWhole = true;
  for (let page = 1; page <= mostPages; page += 1) {
    const came = await attempt(
      perform(look.listLog, {
        step: `Read its log from ${log.length}`,
        incident: incident.id,
        offset: log.length,
      }),
    );
    if (!came.ok) {
      missing.push(`log not read: ${came.sentence}`);
      isWhole = false;
      break;
    }
    log.push(...came.log);
    if (!came.more) break;
    isWhole = page < mostPages;
  }
  const notes = await attempt(perform(look.listNotes, { step: 'Read its notes', incident: incident.id }));
  if (!notes.ok) missing.push(`notes not read: ${notes.sentence}`);
  const { incident_number: number, title, status, urgency, service, html_url, assignments } = incident;
  const summary = `Incident #${number} is ${status}; its log has ${log.length} entries${isWhole ? '' : ' at least'}.`;
  return {
    ...chronicle.end(missing.length === 0 ? 'done' : 'partly', summary, { verified: true, next: missing }),
    incident: {
      id: incident.id,
      number,
      title: title ?? '',
      status,
      urgency,
      service: service?.summary ?? service?.id ?? null,
      assignees:
        assigneesOf(incident).length === 0
          ? []
          : [namesOf((assignments ?? []).map(({ assignee }) => assignee))],
      link: html_url ?? null,
    },
    log: log.toReversed(),
    notes: notes.ok ? notes.notes.toReversed() : [],
    isWhole: isWhole && notes.ok && !notes.more,
  };
}
