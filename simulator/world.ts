import { randomInt } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { Happening } from './happening.ts';
import { IncidentIndex } from './incident-index.ts';
import { IndexedMap } from './indexed-map.ts';
import type {
  Agent,
  Alert,
  ChangeEvent,
  Company,
  Credential,
  EscalationPolicy,
  Incident,
  Integration,
  OAuthClient,
  Priority,
  Rule,
  Schedule,
  Service,
  Target,
  Team,
  User,
} from './model.ts';
import { onCallAt } from './on-call.ts';
import { Roster } from './schedules/roster.ts';
import { createSettings, type Settings } from './settings.ts';
import { Subscriptions } from './webhooks/subscription.ts';

export interface WorldOptions {
  /** Acknowledging makes the acknowledging user the assignee, as reported of the real REST API (trap 3); off by default. */
  readonly acknowledgeReassigns?: boolean;
}

/** The simulated account: what there is, at the clock's instant. What happens to it is in `incident-life.ts` and its like. */
export class World {
  readonly clock: Clock;
  readonly users = new IndexedMap<User>(({ email }) => [email.toLowerCase()]);
  readonly teams: Map<string, Team>;
  readonly schedules: Map<string, Schedule>;
  readonly policies: Map<string, EscalationPolicy>;
  readonly services: Map<string, Service>;
  readonly integrations = new IndexedMap<Integration>(({ routingKey }) => [routingKey]);
  readonly priorities: Map<string, Priority>;
  /** By the key itself; OAuth tokens come and go. */
  readonly credentials: Map<string, Credential>;
  readonly oauthClients: Map<string, OAuthClient>;
  readonly subscriptions = new Subscriptions();
  /** Oldest first. PagerDuty keeps them for 90 days and shows them nowhere that is served here. */
  readonly changeEvents: ChangeEvent[] = [];
  readonly settings: Settings = createSettings();
  readonly roster = new Roster();
  /** `https://DOMAIN.pagerduty.com` is the account's website. */
  readonly domain: string;
  /** Who delivers webhooks; whatever happens before there is anybody is not told. */
  onHappening: ((happening: Happening) => void) | undefined;
  /** In the order they came. */
  readonly incidents = new Map<string, Incident>();
  readonly incidentIndex = new IncidentIndex();
  /** By integration and key: a trigger with the key of one of these opens nothing new. */
  readonly openAlerts = new Map<string, Alert>();
  readonly #idPrefix = base36(randomInt(36 ** 6), 6);
  #ids = 0;
  /** By rule: which of its targets is next, where they take turns. */
  readonly #turns = new Map<string, number>();

  constructor(company: Company, clock: Clock, { acknowledgeReassigns = false }: WorldOptions = {}) {
    this.clock = clock;
    this.settings.acknowledge_reassigns = acknowledgeReassigns;
    this.settings.missing_abilities = [...(company.missingAbilities ?? [])];
    this.domain = company.domain ?? 'example';
    for (const user of company.users) this.users.set(user.id, user);
    this.teams = byId(company.teams);
    this.schedules = byId(company.schedules);
    this.policies = byId(company.policies);
    this.services = byId(company.services);
    for (const integration of company.integrations) this.integrations.set(integration.id, integration);
    this.priorities = byId(company.priorities);
    this.credentials = new Map(company.credentials.map((credential) => [credential.key, credential]));
    this.oauthClients = byId(company.oauthClients ?? []);
  }

  /** A new id: 14 characters, and others in every run, so that a client never takes an incident for one of an earlier run. */
  newId(letter: 'P' | 'Q' | 'R'): string {
    this.#ids += 1;
    return `${letter}${this.#idPrefix}${base36(this.#ids, 7)}`;
  }

  /** Of webhook events: 26 characters, and later ones sort behind earlier ones. */
  newEventId(): string {
    this.#ids += 1;
    return `01${this.#idPrefix}${base36(this.#ids, 18)}`;
  }

  /** Whether anybody would be told: where not, nothing needs writing. */
  get isHeard(): boolean {
    return this.onHappening !== undefined && this.subscriptions.size > 0;
  }

  tell(happening: Happening): void {
    this.onHappening?.(happening);
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

  /** Ids of everyone whom a level reaches now; where the targets take turns, of the next one that has somebody. */
  onCall(rule: Rule): readonly string[] {
    const targets = rule.strategy === 'round_robin' ? this.#nextTargets(rule) : rule.targets;
    return onCallAt({ targets }, this.schedules, this.clock.now, this.roster);
  }

  /** The level got an incident: where its targets take turns, it is the next one's from now on. */
  takeTurn(rule: Rule): void {
    if (rule.strategy !== 'round_robin') return;
    const [target] = this.#nextTargets(rule);
    if (target) this.#turns.set(rule.id, rule.targets.indexOf(target) + 1);
  }

  /** A target with nobody on call is passed over and keeps its place. */
  #nextTargets(rule: Rule): readonly Target[] {
    const turn = this.#turns.get(rule.id) ?? 0;
    const ring = [...rule.targets.slice(turn), ...rule.targets.slice(0, turn)];
    const isHeld = (target: Target) =>
      onCallAt({ targets: [target] }, this.schedules, this.clock.now, this.roster).length > 0;
    return ring.filter(isHeld).slice(0, 1);
  }

  /** Ids of the teams that the user is a member of. */
  teamsOfUser(userId: string): readonly string[] {
    const isMember = ({ members }: Team) => members.some((member) => member.userId === userId);
    return [...this.teams.values()].filter(isMember).map(({ id }) => id);
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

/** Services have no team of their own: it is their policy's. */
export const teamsOf = ({ teamId }: EscalationPolicy): readonly string[] => (teamId === null ? [] : [teamId]);
