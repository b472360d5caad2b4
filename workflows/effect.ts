import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { acknowledgersOf, namesOf } from './state.ts';

/** What is asked, as far as this looks at it. */
interface Asked {
  readonly operation: string;
  readonly request: object;
  /** Of a write of a plan: its incidents, with whom it pages where that is known. */
  readonly seen?: readonly { readonly pages?: readonly { readonly name: string }[] }[];
}

interface Change {
  readonly id?: string;
  readonly status?: string;
  readonly title?: string;
  readonly urgency?: string;
  readonly escalation_level?: number;
  readonly assignments?: readonly { readonly assignee: { readonly id: string } }[];
  readonly escalation_policy?: { readonly id: string };
  readonly service?: { readonly id: string };
}

interface ServiceChange {
  readonly status?: string;
  readonly escalation_policy?: { readonly id: string };
}

interface Wire {
  readonly params?: { readonly id?: string };
  readonly body?: {
    readonly incident?: Change & { readonly incident_key?: string };
    readonly incidents?: readonly Change[];
    readonly service?: ServiceChange;
  };
  readonly writes?: readonly Asked[];
}

/** What exactly a step does, and who is paged by it: for whoever is asked to approve it. */
export function effectOf({ operation, request }: Asked, incident?: Incident): string {
  const { body, writes } = request as Wire;
  if (operation === 'plan' && writes) return effectOfPlan(writes);
  if (operation === 'updateIncident' && body?.incident) return effectOn(body.incident, incident);
  if (operation === 'updateIncidents' && body?.incidents) {
    return effectOnAll(body.incidents);
  }
  if (operation === 'createIncident') return effectOfOpening(body?.incident ?? {});
  if (operation === 'createIncidentNote') return 'Adds a note. Nobody is paged.';
  if (operation === 'createScheduleOverride')
    return 'Changes who is on call in that time: whoever takes the shift is paged for what comes then.';
  if (operation === 'updateService') return effectOnService(body?.service ?? {});
  if (operation === 'enqueueEvent')
    return 'Sends an event to a service: a trigger may page whoever is on call for it.';
  return `Sends ${operation}. Nobody is paged by that itself.`;
}

/** Each effect that some write of a plan has, with how many have it; then whom they page, as far as the plan knows. */
function effectOfPlan(writes: readonly Asked[]): string {
  const counts = new Map<string, number>();
  for (const write of writes) {
    const effect = effectOf(write);
    counts.set(effect, (counts.get(effect) ?? 0) + 1);
  }
  const seen = writes.flatMap((write) => write.seen ?? []);
  const paged = new Set(seen.flatMap(({ pages = [] }) => pages.map(({ name }) => name)));
  return [
    ...[...counts].map(([effect, count]) => (count === 1 ? effect : `${count} times: ${effect}`)),
    ...(paged.size > 0 ? [`It pages ${[...paged].join(', ')}.`] : []),
  ].join(' ');
}

/** Each effect that some incident gets, and which get it: what one of many gets must not hide behind what the others do. */
function effectOnAll(changes: readonly Change[]): string {
  const byEffect = new Map<string, string[]>();
  for (const change of changes) {
    const effect = effectOn(change);
    byEffect.set(effect, [...(byEffect.get(effect) ?? []), change.id ?? '']);
  }
  if (byEffect.size === 1) return `To ${changes.length} incidents, each: ${[...byEffect.keys()].join('')}`;
  return [...byEffect]
    .map(
      ([effect, ids]) =>
        `To ${ids.length === 1 ? ids.join('') : `${ids.length} incidents (${ids.join(', ')})`}: ${effect}`,
    )
    .join(' ');
}

function effectOn(change: Change, incident?: Incident): string {
  const paged = incident ? namesOf((incident.assignments ?? []).map(({ assignee }) => assignee)) : '';
  const isOpen = incident?.status === 'triggered';
  const effects: string[] = [];
  if (change.status === 'acknowledged')
    effects.push(
      incident?.status === 'resolved'
        ? 'Opens it again, acknowledged by us: nobody is paged.'
        : `Acknowledges it: ${paged || 'whoever is assigned'} is paged no longer, until the lease ends.`,
    );
  if (change.status === 'resolved')
    effects.push(
      isOpen && paged
        ? `Resolves it: it is closed, and ${paged} is paged no longer.`
        : 'Resolves it: it is closed, and nobody is paged any more.',
    );
  if (change.status === 'triggered') effects.push('Sets it to triggered: whoever is on call is paged.');
  if (change.assignments)
    effects.push(
      `Hands it to ${change.assignments.map(({ assignee }) => assignee.id).join(', ')}, who is paged.`,
    );
  if (change.escalation_policy)
    effects.push(`Hands it to escalation policy ${change.escalation_policy.id}: its first level is paged.`);
  if (change.escalation_level !== undefined)
    effects.push(`Escalates it to level ${change.escalation_level}, which is paged.`);
  if (change.urgency)
    effects.push(
      change.urgency === 'high'
        ? 'Raises its urgency to high: people are paged as for high urgency.'
        : 'Lowers its urgency to low: people are told as for low urgency.',
    );
  if (change.service) effects.push(`Moves it to service ${change.service.id}.`);
  if (change.title !== undefined) effects.push('Changes its title. Nobody is paged.');
  return effects.join(' ') || 'Edits it. Nobody is paged.';
}

function effectOnService({ status, escalation_policy: policy, ...others }: ServiceChange): string {
  const fields = Object.keys(others).filter((field) => field !== 'type');
  return [
    ...(status === 'disabled' ? ['Disables the service: nobody is paged for it any more.'] : []),
    ...(status === 'active' ? ['Enables the service: people are paged for it again.'] : []),
    ...(policy
      ? [`Sends what comes for it to escalation policy ${policy.id}, whose first level is paged.`]
      : []),
    ...(fields.length > 0
      ? [`Changes of the service: ${fields.join(', ')}. Nobody is paged by that itself.`]
      : []),
  ].join(' ');
}

function effectOfOpening({ assignments, escalation_policy }: Change): string {
  const whom = assignments
    ? assignments.map(({ assignee }) => assignee.id).join(', ')
    : escalation_policy
      ? `whoever is on call for escalation policy ${escalation_policy.id}`
      : 'whoever is on call for its service';
  return `Opens an incident: ${whom} is paged.`;
}

/** What the decision saw, in a line for people. */
export const sawOf = (incident: Incident): string =>
  [
    incident.status,
    `urgency ${incident.urgency}`,
    `assigned to ${namesOf((incident.assignments ?? []).map(({ assignee }) => assignee)) || 'nobody'}`,
    ...(acknowledgersOf(incident).length > 0
      ? [
          `acknowledged by ${namesOf((incident.acknowledgements ?? []).map(({ acknowledger }) => acknowledger))}`,
        ]
      : []),
    `“${incident.title ?? ''}”`,
  ].join(', ');
