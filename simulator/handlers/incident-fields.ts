import { fieldsIn, idOf, isFields, isText } from '../input.ts';
import type { ConferenceBridge, EscalationPolicy, Service, Urgency } from '../model.ts';
import { Refusal } from '../refusal.ts';
import type { World } from '../world.ts';

// The fields that a new incident and a change of one have in common. Absent or null: not asked for, unless said otherwise.

export const readUrgency = (asked: unknown): Urgency | undefined =>
  oneOf(asked, ['high', 'low'], () => new Refusal(2001, 'Urgency must be high or low.'));

export function readAssignees(world: World, assignments: unknown): readonly string[] {
  if (!Array.isArray(assignments) || assignments.length === 0) {
    throw new Refusal(2001, 'Assignments must be a list with at least one assignee.');
  }
  const ids = assignments.map((assignment) =>
    idOf(isFields(assignment) ? assignment['assignee'] : undefined),
  );
  return [...new Set(ids)].map((id) => {
    if (id === undefined || !world.users.has(id)) throw new Refusal(1007);
    return id;
  });
}

export function readPolicy(world: World, asked: unknown): EscalationPolicy {
  const policy = world.policies.get(idOf(asked) ?? '');
  if (!policy) throw new Refusal(1014);
  return policy;
}

/** An object with an id, or the name alone; the most severe one of that name. Null takes it away. */
export function readPriority(world: World, asked: unknown): string | null | undefined {
  if (asked === undefined || asked === null) return asked;
  const wanted = [...world.priorities.values()].find(({ id, name }) => id === idOf(asked) || name === asked);
  if (!wanted) throw new Refusal(1020);
  return wanted.id;
}

export function readService(world: World, asked: unknown): Service | undefined {
  if (asked === undefined || asked === null) return undefined;
  const service = world.services.get(idOf(asked) ?? '');
  if (!service) throw new Refusal(5002);
  return service;
}

/** What every account has; types of its own are not simulated. */
const incidentTypes = ['incident_default', 'major_incident', 'security_incident'];

export function readIncidentType(asked: unknown): string | undefined {
  if (asked === undefined || asked === null) return undefined;
  const { name } = fieldsIn({ asked }, 'asked');
  if (!isText(name) || !incidentTypes.includes(name)) throw new Refusal(2001, 'Incident type not found.');
  return name;
}

export function readConferenceBridge(asked: unknown): ConferenceBridge | undefined {
  if (!isFields(asked)) return undefined;
  const { conference_number: number, conference_url: url } = asked;
  return { number: typeof number === 'string' ? number : null, url: typeof url === 'string' ? url : null };
}

/** One of the words, or nothing; null counts as nothing. */
export function oneOf<Word extends string>(
  asked: unknown,
  words: readonly Word[],
  refusal: () => Refusal,
): Word | undefined {
  if (asked === undefined || asked === null) return undefined;
  const word = words.find((one) => one === asked);
  if (!word) throw refusal();
  return word;
}
