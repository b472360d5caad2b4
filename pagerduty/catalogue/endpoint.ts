import type { z } from 'zod';

/** PagerDuty's OAuth scopes of the operations here, and the Events API's routing key; `none` where any of a user's credentials will do. */
export type Scope =
  | 'incidents.read'
  | 'incidents.write'
  | 'services.read'
  | 'services.write'
  | 'schedules.read'
  | 'schedules.write'
  | 'escalation_policies.read'
  | 'escalation_policies.write'
  | 'users.read'
  | 'users.write'
  | 'teams.read'
  | 'teams.write'
  | 'oncalls.read'
  | 'webhook_subscriptions.read'
  | 'webhook_subscriptions.write'
  | 'routing key'
  | 'none';

/** Every action the gate decides about, by resource. Finer than operations: one `updateIncident` can be any of nine. */
export const actionsOf = {
  incidents: [
    'view',
    'create',
    'acknowledge',
    'unacknowledge',
    'resolve',
    'reopen',
    'reassign',
    'escalate',
    'set_urgency',
    'move',
    'edit',
    'add_note',
  ],
  services: ['view', 'create', 'update'],
  schedules: ['view', 'override'],
  escalation_policies: ['view', 'create'],
  users: ['view', 'create'],
  teams: ['view', 'create', 'add_member'],
  oncalls: ['view'],
  events: ['trigger', 'acknowledge', 'resolve', 'announce_change'],
} as const;

export type Resource = keyof typeof actionsOf;
type AgentAction = { [R in Resource]: `${R}.${(typeof actionsOf)[R][number]}` }[Resource];

/** What only operators may do, so that no grant names it. */
export const operatorActions = ['webhook_subscriptions.view', 'webhook_subscriptions.manage'] as const;

export type Action = AgentAction | (typeof operatorActions)[number];

/** What a request reaches in PagerDuty, so that the gate knows which facts to ask for. */
export type Touch =
  | {
      readonly kind:
        | 'incident'
        | 'service'
        | 'escalation policy'
        | 'schedule'
        | 'user'
        | 'team'
        | 'webhook subscription';
      readonly id: string;
    }
  /** An incident that does not exist yet; its urgency is the service's to choose where the request does not. */
  | {
      readonly kind: 'new incident';
      readonly service: string;
      readonly urgency?: string | undefined;
      readonly policy?: string | undefined;
      readonly assignees: readonly string[];
    }
  /** An escalation policy that does not exist yet, and the teams it will be of. */
  | { readonly kind: 'new escalation policy'; readonly teams: readonly string[] }
  | { readonly kind: 'routing key'; readonly name: string }
  /** A list, and what its own filter limits it to. */
  | { readonly kind: 'list'; readonly within: Within };

/** The filters of a list that the gate can compare with a grant. Empty: everything there is. */
export interface Within {
  readonly services?: readonly string[];
  readonly teams?: readonly string[];
  readonly policies?: readonly string[];
  readonly schedules?: readonly string[];
  readonly assignee?: readonly string[];
  readonly urgency?: readonly string[];
  readonly status?: readonly string[];
}

/** The status of an incident as the decision read it, by the id or number that the request names; `undefined` while it is not read yet. */
export type StatusOf = (id: string) => string | undefined;

/** Types of the webhook events that PagerDuty sends for what operations do. */
export type WebhookEvent =
  | 'incident.triggered'
  | 'incident.acknowledged'
  | 'incident.unacknowledged'
  | 'incident.resolved'
  | 'incident.reopened'
  | 'incident.escalated'
  | 'incident.reassigned'
  | 'incident.delegated'
  | 'incident.priority_updated'
  | 'incident.incident_type.changed'
  | 'incident.service_updated'
  | 'incident.conference_bridge.updated'
  | 'incident.annotated'
  | 'service.created'
  | 'service.updated'
  | 'pagey.ping';

/** By what a look tells our effect from others: our users, from when on it can be there, and the mark it carried. */
export interface Trace {
  /** Ids of the users whom our `From` addresses name. */
  readonly ourUsers: readonly string[];
  /** No effect of ours is older, by PagerDuty's own clock; ISO 8601 UTC. */
  readonly since: string;
  /** Short mark of the step key; part of the text where PagerDuty has no key of its own. */
  readonly mark: string;
}

/** One read that shows whether a write took effect. */
export interface Look {
  /** An operation of the catalogue. */
  readonly find: string;
  /** The request of that read; several where the effect shows in several things. The request is the one that was sent, signed. */
  readonly ask: (request: never, trace: Trace) => unknown;
  /**
   * The answer of the write as the look shows it where the effect is ours, or `undefined` where it is not there. Of several
   * reads, one of a thing that is not to be had shows `undefined`.
   */
  readonly ours: (found: never, request: never, trace: Trace) => unknown;
}

/** A read that is made where the first did not show the effect; `first` is what that one showed. */
export interface FurtherLook extends Pick<Look, 'find'> {
  /** Its request, or nothing where it could not tell. */
  readonly ask: (request: never, trace: Trace, first: never) => unknown;
  readonly ours: (found: never, request: never, trace: Trace, first: never) => unknown;
}

/** After an unknown outcome: look for the effect before sending again. */
export interface LookFirst extends Look {
  /** Whether something hides from the first look what it looks for: why nobody can know, in words that follow a colon. */
  readonly hidden?: (found: never, request: never) => string | undefined;
  /** Where the first look does not show it: other looks, in this order. */
  readonly also?: readonly FurtherLook[];
  /** PagerDuty would make it twice: it is sent again only where a second look, well after its answer was due, shows nothing either. */
  readonly madeTwice?: true;
  /** How long after its answer the effect may still be on its way, where PagerDuty answers first and acts later. */
  readonly seenWithinMs?: number;
  /** What it means where no look shows the effect of a write that PagerDuty took; follows a colon. */
  readonly unseen?: string;
  /** Puts the mark into the request, where only text can carry it. */
  readonly sign?: (request: never, mark: string) => unknown;
}

/** One PagerDuty operation, as data. Everything else about the operation is derived from this. */
export interface Endpoint {
  /** Imperative phrase; becomes the tool description, the audit sentence and the docs row. */
  readonly summary: string;
  readonly api: 'rest' | 'events';
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Every `{name}` is a key of `request.params`. */
  readonly path: `/${string}`;
  /** What travels, in PagerDuty's own field names: `params`, `query`, `body`. Strict: an agent's typo is an error. Never credentials: a routing key travels by its name. */
  readonly request: z.ZodObject;
  /** What a 2xx carries. Loose objects: PagerDuty adds fields without notice. */
  readonly response: z.ZodType;
  /** PagerDuty's own, e.g. `incidents.write`, or the routing key. */
  readonly scope: Scope;
  /** Whose credential PagerDuty takes for it: an account's or a user's, a user's alone, or a routing key in the body. */
  readonly token: 'any' | 'user' | 'routing key';
  /** Whether PagerDuty wants the `From` header with an account key. */
  readonly from: 'required' | 'optional' | 'none';
  /** How its records are walked; absent where the operation does not page. */
  readonly paging?: Paging;
  /** Whose limit it counts against: the credential's 960 a minute, that and a lower one of its own, or its routing key's. */
  readonly bucket: 'account' | 'operation' | 'routing key';
  /** Webhook events that it can cause. */
  readonly webhooks: readonly WebhookEvent[];
  /** What the request does, for the gate: `incidents.acknowledge` and `incidents.resolve` are both `updateIncident`. */
  readonly actions: (request: never, statusOf: StatusOf) => readonly Action[];
  /** Whether what it does hangs on an incident's status, so that each attempt reads the incidents before it decides. */
  readonly situated?: true;
  /** Of a list: which query narrows it to which values, and what a record shows of them, so that the gate can cut it. */
  readonly narrows?: Narrows;
  /** What the request reaches. */
  readonly touches: (request: never) => readonly Touch[];
  /** Its answer tells the secret of a webhook subscription, once: it is kept before anything else, and goes no further. */
  readonly tellsSecret?: true;
  /** After an unknown outcome: send again (`safe`), look for the effect first, or `never` again, where nothing could be found. */
  readonly repeat: 'safe' | 'never' | LookFirst;
  /** Of a write: what shows that it did what was asked. Its own answer, a look once it is done, or nothing at all. */
  readonly shownBy?: 'answer' | 'look' | 'nothing';
  /** Of a write on several things at once. */
  readonly bulk?: Bulk;
}

/** A write on several things at once: PagerDuty does all of it or nothing, and says of none why not. */
export interface Bulk {
  /** Where the things stand in the answer. */
  readonly items: string;
  /** The request for each of them alone, by its id. */
  readonly alone: (request: never) => ReadonlyMap<string, object>;
}

/** How a list can be cut to what a grant covers. */
export interface Narrows {
  /** Names of the query's filters. */
  readonly by: Readonly<Partial<Record<keyof Within, `${string}[]`>>>;
  /** What one record shows. */
  readonly shows: Readonly<
    Partial<Record<keyof Within, (record: never) => readonly (string | null | undefined)[]>>
  >;
}

/** How a list is walked. PagerDuty shows no more than 10,000 records of one question; a list with times can be asked in slices. */
export interface Paging {
  readonly style: 'offset' | 'cursor';
  /** Where the records of a page stand in the answer. */
  readonly items: string;
  /** The field of a record that `since` and `until` compare, and the order in which a slice is walked. */
  readonly times?: { readonly field: string; readonly order: 'ascending' | 'descending' };
}

/** Whether something is of the time in which an effect can be ours; what has no time may be. PagerDuty's times have whole seconds. */
export const isSince = (at: string | null | undefined, { since }: Pick<Trace, 'since'>): boolean =>
  typeof at !== 'string' || Date.parse(at) >= Math.floor(Date.parse(since) / 1_000) * 1_000;

/** Whether the operation changes PagerDuty. */
export const isWrite = (endpoint: Endpoint): boolean => endpoint.method !== 'GET';
