import type { z } from 'zod';

/** PagerDuty's OAuth scopes of the operations here, and the Events API's routing key. */
export type Scope =
  | 'incidents.read'
  | 'incidents.write'
  | 'oncalls.read'
  | 'services.read'
  | 'users.read'
  | 'routing key';

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
export type Action = { [R in Resource]: `${R}.${(typeof actionsOf)[R][number]}` }[Resource];

/** What a request reaches in PagerDuty, so that the gate knows which facts to ask for. */
export type Touch =
  | { readonly kind: 'incident' | 'service' | 'escalation policy'; readonly id: string }
  | { readonly kind: 'routing key'; readonly name: string }
  /** A list, and what its own filter limits it to. */
  | { readonly kind: 'list'; readonly within: Within };

/** The filters of a list that the gate can compare with a grant. Empty: everything there is. */
export interface Within {
  readonly services?: readonly string[];
  readonly teams?: readonly string[];
  readonly policies?: readonly string[];
  readonly urgency?: readonly string[];
  readonly status?: readonly string[];
}

/** The incident as the decision read it, in PagerDuty's own field names; `undefined` while it is not read yet. */
export interface Situation {
  readonly incident?: { readonly status: string } | undefined;
}

/** What a repeated write looks for: our users, when the first try was sent, and the mark it carried. */
export interface Trace {
  /** Ids of the users whom our `From` addresses name. */
  readonly ourUsers: readonly string[];
  /** When the unanswered try was sent, ISO 8601 UTC. */
  readonly sentAt: string;
  /** Short mark of the step key; part of the text where PagerDuty has no key of its own. */
  readonly mark: string;
}

/** After an unknown outcome: look for the effect with a read before sending again. */
export interface LookFirst {
  /** The read that shows the effect: an operation of the catalogue. */
  readonly find: string;
  /** The request of that read. */
  readonly ask: (request: never) => unknown;
  /** The answer of the write as `find` shows it where the effect is ours, or `undefined` where it is not there. */
  readonly ours: (found: never, request: never, trace: Trace) => unknown;
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
  /** Whether PagerDuty wants the `From` header with an account key. */
  readonly from: 'required' | 'none';
  /** Where the records of a page stand in the answer; absent where the operation does not page. */
  readonly paging?: { readonly style: 'offset'; readonly items: string };
  /** What the request does, for the gate: `incidents.acknowledge` and `incidents.resolve` are both `updateIncident`. */
  readonly actions: (request: never, situation: Situation) => readonly Action[];
  /** Whether what it does hangs on the incident's status, so that each attempt reads the incident before it decides. */
  readonly situated?: true;
  /** What the request reaches. */
  readonly touches: (request: never) => readonly Touch[];
  /** After an unknown outcome: send again (`safe`), again with the same key in the body (`keyed`), or look for the effect first. */
  readonly repeat: 'safe' | 'keyed' | LookFirst;
}

/** Whether the operation changes PagerDuty. */
export const isWrite = (endpoint: Endpoint): boolean => endpoint.method !== 'GET';
