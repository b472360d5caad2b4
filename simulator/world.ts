import { randomInt } from 'node:crypto';
import type { Clock } from './clock.ts';
import { IncidentIndex } from './incident-index.ts';
import { IndexedMap } from './indexed-map.ts';
import type {
  Agent,
  Alert,
  Company,
  Credential,
  EscalationPolicy,
  Incident,
  Integration,
  Priority,
  Rule,
  Schedule,
  Service,
  Team,
  User,
} from './model.ts';
import { onCallAt } from './on-call.ts';

export interface WorldOptions {
  /** Acknowledging makes the acknowledging user the assignee, as reported of the real REST API (trap 3); off by default. */
  readonly acknowledgeReassigns?: boolean;
}

/** The simulated account: what there is, at the clock's instant. What happens to it is in `incident-life.ts` and its like. */
export class World {
  readonly clock: Clock;
  readonly acknowledgeReassigns: boolean;
  readonly users = new IndexedMap<User>(({ email }) => [email.toLowerCase()]);
  readonly teams: Map<string, Team>;
  readonly schedules: Map<string, Schedule>;
  readonly policies: Map<string, EscalationPolicy>;
  readonly services: Map<string, Service>;
  readonly integrations = new IndexedMap<Integration>(({ routingKey }) => [routingKey]);
  readonly priorities: Map<string, Priority>;
  readonly credentials: readonly Credential[];
  /** In the order they came. */
  readonly incidents = new Map<string, Incident>();
  readonly incidentIndex = new IncidentIndex();
  /** By integration and key: a trigger with the key of one of these opens nothing new. */
  readonly openAlerts = new Map<string, Alert>();
  readonly #idPrefix = base36(randomInt(36 ** 6), 6);
  #ids = 0;

  constructor(company: Company, clock: Clock, { acknowledgeReassigns = false }: WorldOptions = {}) {
    this.clock = clock;
    this.acknowledgeReassigns = acknowledgeReassigns;
    for (const user of company.users) this.users.set(user.id, user);
    this.teams = byId(company.teams);
    this.schedules = byId(company.schedules);
    this.policies = byId(company.policies);
    this.services = byId(company.services);
    for (const integration of company.integrations) this.integrations.set(integration.id, integration);
    this.priorities = byId(company.priorities);
    this.credentials = company.credentials;
  }

  /** A new id: 14 characters, and others in every run, so that a client never takes an incident for one of an earlier run. */
  newId(letter: 'P' | 'Q' | 'R'): string {
    this.#ids += 1;
    return `${letter}${this.#idPrefix}${base36(this.#ids, 7)}`;
  }

  addIncident(incident: Incident): void {
    this.incidents.set(incident.id, incident);
    this.incidentIndex.add(incident);
  }

  /** PagerDuty takes an incident's id and its number. */
  incident(idOrNumber: string): Incident | undefined {
    return this.incidents.get(idOrNumber) ?? this.incidentIndex.byNumber(idOrNumber);
  }

  /** What the notes of an incident say, oldest first. */
  notes(incidentId: string): readonly string[] {
    return this.incidents.get(incidentId)?.notes.map(({ content }) => content) ?? [];
  }

  userByEmail(email: string): User | undefined {
    return this.users.named(email.trim().toLowerCase());
  }

  integrationOf(routingKey: string): Integration | undefined {
    return this.integrations.named(routingKey);
  }

  /** Ids of everyone whom a level reaches now. */
  onCall(rule: Rule): readonly string[] {
    return onCallAt(rule, this.schedules, this.clock.now);
  }

  /** Follows the open incidents, unless people set it. */
  statusOf(service: Service): 'active' | 'warning' | 'critical' | 'maintenance' | 'disabled' {
    if (service.mode !== 'enabled') return service.mode;
    if (this.incidentIndex.count(service.id, 'triggered') > 0) return 'critical';
    return this.incidentIndex.count(service.id, 'acknowledged') > 0 ? 'warning' : 'active';
  }

  nameOf({ type, id }: Agent): string {
    return type === 'user' ? known(this.users, id).name : known(this.services, id).name;
  }
}

/** @throws where the seed data names something that is not there: a mistake of ours, never of a client. */
export function known<Thing>(things: ReadonlyMap<string, Thing>, id: string): Thing {
  const thing = things.get(id);
  if (!thing) throw new Error(`The simulated account has no ${id}, though its own data names it.`);
  return thing;
}

const byId = <Thing extends { readonly id: string }>(things: readonly Thing[]): Map<string, Thing> =>
  new Map(things.map((thing) => [thing.id, thing]));

const base36 = (value: number, digits: number): string =>
  value.toString(36).toUpperCase().padStart(digits, '0');
