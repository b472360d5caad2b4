import { type Reached, reachNow } from '../escalation.ts';
import { type Fields, isText } from '../input.ts';
import type {
  ConferenceBridge,
  EscalationPolicy,
  Incident,
  IncidentStatus,
  Service,
  Urgency,
} from '../model.ts';
import { Refusal } from '../refusal.ts';
import { known, type World } from '../world.ts';
import {
  oneOf,
  readAssignees,
  readConferenceBridge,
  readIncidentType,
  readPolicy,
  readPriority,
  readService,
  readUrgency,
} from './incident-fields.ts';

/** Whom the incident goes to next. */
type Handover =
  | { readonly to: 'users'; readonly userIds: readonly string[] }
  | { readonly to: 'level'; readonly reached: Reached }
  | { readonly to: 'policy'; readonly policy: EscalationPolicy; readonly reached: Reached };

/** A request that can be done, with ids looked up. Absent: not asked for. */
export interface Change {
  readonly status: IncidentStatus | undefined;
  readonly resolution: string | undefined;
  readonly title: string | undefined;
  readonly urgency: Urgency | undefined;
  readonly incidentType: string | undefined;
  readonly conferenceBridge: ConferenceBridge | undefined;
  /** Null takes the priority away. */
  readonly priorityId: string | null | undefined;
  readonly service: Service | undefined;
  readonly handover: Handover | undefined;
}

/** @throws Refusal for the first thing in it that cannot be done. */
export function readChange(world: World, incident: Incident, asked: Fields): Change {
  if (asked['type'] !== 'incident' && asked['type'] !== 'incident_reference') {
    throw new Refusal(2001, 'Type must be incident or incident_reference.');
  }
  const status = readStatus(asked['status'], incident);
  const urgency = readUrgency(asked['urgency']);
  const { title, resolution } = asked;
  if (title !== undefined && !isText(title)) throw new Refusal(2001, 'Title cannot be empty.');
  return {
    status,
    urgency,
    title,
    resolution: typeof resolution === 'string' ? resolution : undefined,
    incidentType: readIncidentType(asked['incident_type']),
    conferenceBridge: readConferenceBridge(asked['conference_bridge']),
    priorityId: readPriority(world, asked['priority']),
    service: readService(world, asked['service']),
    handover: readHandover(world, incident, asked, { status, urgency }),
  };
}

/** Since September 2025 a resolved incident can be opened again by its status; it cannot be resolved once more. */
function readStatus(asked: unknown, incident: Incident): IncidentStatus | undefined {
  const words = ['triggered', 'acknowledged', 'resolved'] as const;
  const status = oneOf(asked, words, () => new Refusal(1003));
  if (status === 'resolved' && incident.status === 'resolved') throw new Refusal(1001);
  return status;
}

/** Whom the request names, or the present policy where an incident is opened again. Without that a resolved one stays put. */
function readHandover(
  world: World,
  incident: Incident,
  asked: Fields,
  { status, urgency }: Pick<Change, 'status' | 'urgency'>,
): Handover | undefined {
  const { assignments, escalation_policy: policy, escalation_level: level } = asked;
  const named = [assignments, policy, level].filter((value) => value !== undefined && value !== null);
  if (named.length > 1) {
    throw new Refusal(2001, 'Only one of assignments, escalation_policy and escalation_level can be given.');
  }
  const reopensByPolicy = incident.status === 'resolved' && status === 'triggered' && named.length === 0;
  if (reopensByPolicy) return toPolicy(world, known(world.policies, incident.path.policyId));
  if (named.length === 0) return undefined;
  if (incident.status === 'resolved' && status === undefined) throw new Refusal(1001);
  if (assignments) return { to: 'users', userIds: readAssignees(world, assignments) };
  if (policy) return toPolicy(world, readPolicy(world, policy));
  return toLevel(world, incident, level, urgency ?? incident.urgency);
}

function toPolicy(world: World, policy: EscalationPolicy): Handover {
  const reached = reachNow(world, policy);
  if (!reached) throw new Refusal(1015);
  return { to: 'policy', policy, reached };
}

function toLevel(world: World, { path }: Incident, level: unknown, urgency: Urgency): Handover {
  if (typeof level !== 'number' || !Number.isInteger(level) || level < 1) {
    throw new Refusal(2001, 'Escalation level must be a whole number from 1 on.');
  }
  if (urgency === 'low' || level > path.rules.length) throw new Refusal(1006);
  const reached = reachNow(world, path, level);
  if (!reached) throw new Refusal(1015);
  return { to: 'level', reached };
}
