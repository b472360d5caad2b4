import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { IncidentEvent } from '../pagerduty/webhooks.ts';

/** Why a run leaves its incident to people, in the words that follow "incident #12". */
export interface Ending {
  /** `person`: a person acted. `source`: whoever sent its alerts resolved it. `pagerduty`: it took the acknowledge back. `request`: somebody asked for it. */
  readonly by: 'person' | 'source' | 'pagerduty' | 'request';
  readonly sentence: string;
}

/** Events of what people do. Our own writes and PagerDuty cause them too, so the log is asked who it was. */
export const tellsOfAct: ReadonlySet<string> = new Set<IncidentEvent>([
  'incident.acknowledged',
  'incident.delegated',
  'incident.escalated',
  'incident.reassigned',
  'incident.reopened',
  'incident.resolved',
  'incident.unacknowledged',
]);

/** What each act is called, in a sentence. */
const did = {
  acknowledge: 'has acknowledged it',
  resolve: 'has resolved it',
  unacknowledge: 'has un-acknowledged it',
  reopen: 'has opened it again',
  assign: 'has reassigned it',
  escalate: 'has escalated it',
  delegate: 'has handed it to another escalation policy',
  snooze: 'has snoozed it',
} as const;

/** Who took the acknowledge back where no person did; what the log does not tell, a person may have done. */
const takenBack: Readonly<Record<'pagerduty' | 'ours' | 'unknown', Ending>> = {
  pagerduty: { by: 'pagerduty', sentence: 'PagerDuty has un-acknowledged it' },
  ours: { by: 'pagerduty', sentence: 'it was given back to people already' },
  unknown: { by: 'person', sentence: 'it pages again, and who did it could not be read from its log' },
};

/** The end that a person's act is. */
export const endedBy = ({
  name,
  kind,
}: {
  readonly name: string;
  readonly kind: keyof typeof did;
}): Ending => ({
  by: 'person',
  sentence: `${name} ${did[kind]}`,
});

/** What is nobody's act can be the end as well; `undefined` where it is none. */
export function endedWithout(
  was: Incident,
  { status, last_status_change_by: by }: Incident,
  back: 'pagerduty' | 'ours' | null,
): Ending | undefined {
  if (status === 'resolved')
    return { by: 'source', sentence: `${by?.summary ?? 'its source'} has resolved it` };
  if (was.status === 'acknowledged' && status === 'triggered') return takenBack[back ?? 'unknown'];
  return undefined;
}
