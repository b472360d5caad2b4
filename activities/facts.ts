import type { ReadDone } from '../gate/audit.ts';
import type { Facts, IncidentFacts, ServiceFacts, TeamFacts } from '../gate/facts.ts';
import { permitToLook } from '../gate/permit.ts';
import type { ReleaseFacts } from '../gate/runner.ts';
import { nameOf } from '../gate/words.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { OperationName, RequestOf, ResponseOf } from '../pagerduty/catalogue/index.ts';
import { nextDuty } from '../pagerduty/catalogue/oncalls.ts';
import { idsOf } from '../pagerduty/catalogue/users.ts';
import { teamsOf } from '../pagerduty/catalogue/wire.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import type { Answer } from '../pagerduty/http.ts';
import { oneLine } from '../pagerduty/text.ts';
import type { Near } from './call.ts';
import { sendOver, staleToken } from './connections.ts';
import type { Deps } from './deps.ts';

/** All that a decision can know. */
export type AllFacts = Facts &
  ReleaseFacts & {
    /** The service of the incident for which a standing order started the run; `null` where it has none. */
    readonly orderedService?: string | null;
  };

/** What of it people are shown: what the decision was made on, without what the runner keeps for itself. */
export function shownOf({
  ourDuty: _duty,
  ourUsers: _users,
  holder: _holder,
  recordedPolicy: _policy,
  orderedService: _service,
  ...shown
}: AllFacts): Facts {
  return shown;
}

/** How old a fact about a service, a policy or who is on call may be; a fact about an incident has no age at all. */
const oldestMs = 60_000;

/** Records a page, and how many incidents must be left for a page of them to be worth its request. */
const pageSize = 100;
const worthAList = 3;

/** Where this many of the incidents that are left may stand on a page, another page is worth its request. */
const worthAPage = 10;

/** Reads of single incidents under way at a time. */
const atOnce = 10;

/** The widest span of `since` and `until` that PagerDuty takes is six months; a few days less is safe in every one. */
const widestMs = 175 * 24 * 3_600_000;

/** Facts of one account that may be a minute old, shared by its attempts. */
export class FactCache {
  readonly #values = new Map<string, { readonly value: unknown; readonly until: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async get<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#values.get(key);
    if (known && known.until > this.#now()) return known.value as T;
    const value = await read();
    for (const [old, { until }] of this.#values) if (until <= this.#now()) this.#values.delete(old);
    this.#values.set(key, { value, until: this.#now() + oldestMs });
    return value;
  }
}

/** The part of a list's query that says where its incidents lie. */
const placeOf = (near: Near | undefined) =>
  near
    ? {
        since: near.since,
        until: near.until,
        sort_by: 'created_at:asc',
        ...(near.urgency && { 'urgencies[]': [near.urgency] }),
      }
    : { date_range: 'all' as const };

type ReaderDeps = Pick<Deps, 'connection' | 'cache' | 'clock' | 'ourAddresses' | 'ourUsers' | 'now'>;

/** Whether a request never left, because the limit had no room for it: PagerDuty was asked nothing. */
const isHeld = ({ facts: { kind, status } }: PagerDutyError): boolean =>
  kind === 'RateLimited' && status === undefined;

/** A thing that PagerDuty does not have, or does not show us, is none, and `hears` says why; any other failure stays one. */
const absent =
  (hears: (error: PagerDutyError) => void) =>
  (error: unknown): undefined => {
    const { kind } = error instanceof PagerDutyError ? error.facts : {};
    if (!(error instanceof PagerDutyError) || (kind !== 'NotFound' && kind !== 'Forbidden')) throw error;
    hears(error);
  };

/** Reads the facts of one attempt and keeps the list of what it asked PagerDuty. */
export class FactReader {
  readonly reads: ReadDone[] = [];
  /** Incidents as they were last read here, whole. */
  readonly wholes = new Map<string, Incident>();
  readonly #deps: ReaderDeps;
  readonly #near: Near | undefined;

  /** @param near where the incidents lie that will be asked for, if that is known. */
  constructor(deps: ReaderDeps, near?: Near) {
    this.#deps = deps;
    this.#near = near && Date.parse(near.until) - Date.parse(near.since) <= widestMs ? near : undefined;
  }

  /** Reads that a record lists are no longer to be listed. */
  forget(listed: readonly ReadDone[]): void {
    for (const read of listed) {
      const index = this.reads.indexOf(read);
      if (index >= 0) this.reads.splice(index, 1);
    }
  }

  /** Any read of the catalogue, listed. */
  async ask<Name extends OperationName>(
    name: Name,
    request: RequestOf<Name>,
    about: string,
  ): Promise<ResponseOf<Name>> {
    const list = (status: number | undefined, requestId: string | undefined, of = about): void => {
      this.reads.push({ operation: name, about: nameOf(of), status, requestId });
    };
    let answer: Answer<Name>;
    try {
      answer = await sendOver(
        () => this.#deps.connection(),
        permitToLook(name, request),
        (facts) => list(facts.status, facts.requestId, staleToken),
      );
    } catch (error) {
      if (error instanceof PagerDutyError && !isHeld(error)) list(error.facts.status, error.facts.requestId);
      throw error;
    }
    list(answer.status, answer.requestId);
    this.#deps.clock.hear(answer.at);
    return answer.response;
  }

  /**
   * What several reads of one operation say, in their order; `undefined` for a thing that is not to be had. Many incidents
   * are read by the page where they lie together.
   */
  async askAll<Name extends OperationName>(
    name: Name,
    requests: readonly RequestOf<Name>[],
    about: string,
  ): Promise<readonly (ResponseOf<Name> | undefined)[]> {
    if (name === 'getIncident') {
      const ids = (requests as readonly RequestOf<'getIncident'>[]).map(({ params }) => params.id);
      const { known } = await this.#wholeIncidents(ids, { openOnly: false });
      return ids.map((id) => {
        const incident = known.get(id);
        return incident && { incident };
      }) as unknown as readonly (ResponseOf<Name> | undefined)[];
    }
    const found: (ResponseOf<Name> | undefined)[] = [];
    for (const request of requests) found.push(await this.ask(name, request, about).catch(absent(() => {})));
    return found;
  }

  /**
   * Incidents as they are now, in the order asked.
   * @param mayLack leaves out what PagerDuty does not have, instead of failing.
   */
  async incidents(ids: readonly string[], { mayLack = false } = {}): Promise<readonly IncidentFacts[]> {
    const { known, missing } = await this.#wholeIncidents(ids, { openOnly: true });
    if (missing && !mayLack) throw missing;
    return ids.flatMap((id) => {
      const incident = known.get(id);
      return incident ? [factsOf(incident)] : [];
    });
  }

  /**
   * Reads the first that is not known; where many are left, those of its service come by the page. What is scattered beyond
   * is read one by one, some at a time. Leaves out what is not to be had.
   */
  async #wholeIncidents(
    ids: readonly string[],
    { openOnly }: { readonly openOnly: boolean },
  ): Promise<{
    readonly known: ReadonlyMap<string, Incident>;
    readonly missing: PagerDutyError | undefined;
  }> {
    let missing: PagerDutyError | undefined;
    const isMissing = (error: PagerDutyError): void => {
      missing ??= error;
    };
    const known = new Map<string, Incident>();
    const listed = new Set<string>();
    let left = [...new Set(ids)];
    let count = 1;
    while (left.length > 0) {
      const now = left.splice(0, count);
      const read = await Promise.all(
        now.map((id) => this.ask('getIncident', { params: { id } }, id).catch(absent(isMissing))),
      );
      for (const [index, answer] of read.entries()) {
        const { incident } = answer ?? {};
        const id = now[index];
        if (!incident || id === undefined) continue;
        known.set(id, incident);
        this.wholes.set(incident.id, incident);
        const service = incident.service?.id;
        if (left.length < worthAList || service === undefined || listed.has(service)) continue;
        listed.add(service);
        const isWanted = new Set(left);
        for (const found of await this.#incidentsOf(service, left.length, openOnly))
          if (isWanted.has(found.id)) {
            known.set(found.id, found);
            this.wholes.set(found.id, found);
          }
        left = left.filter((other) => !known.has(other));
      }
      count = atOnce;
    }
    return { known, missing };
  }

  async #incidentsOf(service: string, wanted: number, openOnly: boolean): Promise<readonly Incident[]> {
    // Of all times and of any status there may be very many.
    if (!openOnly && !this.#near) return [];
    const found: Incident[] = [];
    const mostPages = Math.max(2, Math.ceil(wanted / worthAPage));
    for (let page = 0; page < mostPages; page += 1) {
      const { incidents, more } = await this.ask(
        'listIncidents',
        {
          query: {
            'service_ids[]': [service],
            ...(openOnly && { 'statuses[]': ['triggered', 'acknowledged'] as const }),
            ...placeOf(this.#near),
            limit: pageSize,
            offset: page * pageSize,
          },
        },
        service,
      );
      found.push(...incidents);
      if (!more) break;
    }
    return found;
  }

  policy(id: string): Promise<TeamFacts> {
    return this.#deps.cache.get(`policy ${id}`, async () => {
      const { escalation_policy } = await this.ask('getEscalationPolicy', { params: { id } }, id);
      return { id, teams: teamsOf(escalation_policy) };
    });
  }

  user(id: string): Promise<TeamFacts> {
    return this.#deps.cache.get(`user ${id}`, async () => {
      const { user } = await this.ask('getUser', { params: { id }, query: { 'include[]': ['teams'] } }, id);
      return { id: user.id, teams: teamsOf(user) };
    });
  }

  /** Escalation policies on which a person is on call now. */
  duty(person: string): Promise<readonly string[]> {
    return this.#deps.cache.get(`duty of ${person}`, async () => {
      const query = { 'user_ids[]': [person], limit: 100 };
      const { oncalls } = await this.ask('listOnCalls', { query }, person);
      return [...new Set(oncalls.map(({ escalation_policy }) => escalation_policy.id))];
    });
  }

  schedule(id: string): Promise<TeamFacts> {
    return this.#deps.cache.get(`schedule ${id}`, async () => {
      const { schedule } = await this.ask('getSchedule', { params: { id } }, id);
      return { id, teams: teamsOf(schedule) };
    });
  }

  service(id: string): Promise<ServiceFacts> {
    return this.#deps.cache.get(`service ${id}`, async () => {
      const { service } = await this.ask('getService', { params: { id } }, id);
      return {
        id: service.id,
        policy: service.escalation_policy?.id,
        teams: teamsOf(service),
      };
    });
  }

  /** The service that an incident is of; of a standing order's incident, where it decides nothing else. */
  serviceOf(incident: string): Promise<string | null> {
    return this.#deps.cache.get(`service of ${incident}`, async () => {
      const found = await this.ask('getIncident', { params: { id: incident } }, incident);
      return found.incident.service?.id ?? null;
    });
  }

  /** Ids of the users whom our `From` addresses name or named. */
  async ourUsers(): Promise<readonly string[]> {
    const addresses = await this.#deps.ourAddresses();
    return this.#deps.cache.get(`users ${addresses.join()}`, async () => {
      const named: string[] = [];
      for (const address of addresses) {
        const query = { query: address, limit: 100 };
        const { users } = await this.ask('listUsers', { query }, 'our From user');
        named.push(...idsOf(users, address));
      }
      return this.#deps.ourUsers(named);
    });
  }

  /** Where one of our users is on call within the next 89 days, in words; `null` where none is. */
  async ourDuty(): Promise<string | null> {
    const users = await this.ourUsers();
    if (users.length === 0) return null;
    return this.#deps.cache.get(`duty ${users.join()}`, async () => {
      const { oncalls } = await this.ask('listOnCalls', nextDuty(users, this.#deps.now()), 'our From user');
      const first = oncalls[0];
      if (!first) return null;
      return `level ${first.escalation_level} of escalation policy ${nameOf(first.escalation_policy.summary ?? first.escalation_policy.id)}`;
    });
  }
}

/** What of an incident its facts are made of. */
export type Seen = Pick<
  Incident,
  | 'id'
  | 'incident_number'
  | 'title'
  | 'status'
  | 'urgency'
  | 'service'
  | 'escalation_policy'
  | 'teams'
  | 'assignments'
  | 'assigned_via'
  | 'acknowledgements'
>;

/** The facts of an incident as PagerDuty sent it. */
export function factsOf(incident: Seen): IncidentFacts {
  return {
    id: incident.id,
    number: incident.incident_number,
    title: oneLine(incident.title ?? '', 200),
    status: incident.status,
    urgency: incident.urgency,
    service: incident.service?.id,
    policy: incident.escalation_policy?.id,
    teams: teamsOf(incident),
    assignees: (incident.assignments ?? []).map(({ assignee }) => assignee.id),
    ...(incident.assigned_via === 'direct_assignment' && { chosen: true }),
    acknowledgers: (incident.acknowledgements ?? []).map(({ acknowledger }) => acknowledger.id),
  };
}
