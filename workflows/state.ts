import type { Incident } from '../pagerduty/catalogue/incidents.ts';

/** What of an incident makes a difference to a run. */
export type Stated = Pick<
  Incident,
  'status' | 'urgency' | 'service' | 'escalation_policy' | 'assignments' | 'acknowledgements'
>;

/** All of that in one line, the same for the same, its status first: what two who look at different times compare. */
export const stateOf = (incident: Stated): string =>
  [
    incident.status,
    incident.urgency,
    incident.service?.id ?? '-',
    incident.escalation_policy?.id ?? '-',
    assigneesOf(incident).toSorted().join(',') || '-',
    acknowledgersOf(incident).toSorted().join(',') || '-',
  ].join(' ');

/** Whether that line of a run is not what the list of open incidents shows of it; `undefined` where the list has it no more. */
export const isOutdated = (known: string, listed: string | undefined): boolean =>
  listed === undefined ? !known.startsWith('resolved ') : known !== listed;

export const assigneesOf = ({ assignments }: Pick<Stated, 'assignments'>): readonly string[] =>
  (assignments ?? []).map(({ assignee }) => assignee.id);

export const acknowledgersOf = ({ acknowledgements }: Pick<Stated, 'acknowledgements'>): readonly string[] =>
  (acknowledgements ?? []).map(({ acknowledger }) => acknowledger.id);

/** How many notes there are and which is the newest: another mark, another note. */
export const notesMark = ({
  count,
  newest,
}: {
  readonly count: number;
  readonly newest: string | null;
}): string => `${count} ${newest ?? '-'}`;

/** People by their names, where PagerDuty said them. */
export const namesOf = (
  users: readonly { readonly id: string; readonly summary?: string | null | undefined }[],
): string => users.map(({ id, summary }) => summary ?? id).join(', ');
