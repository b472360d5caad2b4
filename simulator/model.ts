import type { Timer } from './agenda.ts';
import type { Settings } from './settings.ts';

// What the simulated account holds. Instants are milliseconds since 1970; PagerDuty's own words and shapes are in `wire/`.

export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: string;
  readonly jobTitle: string | null;
  readonly description: string | null;
  readonly timeZone: string;
  readonly color: string;
  readonly contactMethods: readonly ContactMethod[];
  readonly notificationRules: readonly NotificationRule[];
}

export interface ContactMethod {
  readonly id: string;
  readonly type: 'email' | 'phone' | 'sms' | 'push_notification';
  readonly label: string;
  /** An e-mail address, a number, or the id of a device. */
  readonly address: string;
}

export interface NotificationRule {
  readonly id: string;
  readonly contactMethodId: string;
  readonly urgency: Urgency;
  readonly delayMinutes: number;
}

export interface Team {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  /** What role a new member has where none is named. */
  readonly defaultRole: 'manager' | 'none';
  readonly parentId: string | null;
  /** In the order they came. */
  readonly members: readonly Member[];
}

export type TeamRole = 'observer' | 'responder' | 'manager';

export interface Member {
  readonly userId: string;
  readonly role: TeamRole;
}

/** Who is on call when: layers on one another, the last one on top, and overrides over all of them, the newest on top. */
export interface Schedule {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly timeZone: string;
  /** `shifts`: moved to PagerDuty's newer kind. It pages people as before; version 2 of REST no longer shows it. */
  readonly kind: 'layers' | 'shifts';
  readonly layers: readonly Layer[];
  /** Oldest first. */
  readonly overrides: readonly Override[];
}

/** A rotation: the users take turns of equal length, counted from the virtual start on, and backwards before it. */
export interface Layer {
  readonly id: string;
  readonly name: string;
  readonly start: number;
  /** Null: it never ends. */
  readonly end: number | null;
  readonly virtualStart: number;
  /** Whole days follow the clock on the wall of the schedule's time zone. */
  readonly turnSeconds: number;
  readonly userIds: readonly string[];
  /** Its hours, all of them together; none: round the clock. */
  readonly restrictions: readonly Restriction[];
}

/** Hours of every day, or of one day of the week, by the clock on the wall. */
export interface Restriction {
  /** 1 is Monday; null is every day. */
  readonly weekday: number | null;
  /** After midnight. */
  readonly startSecond: number;
  /** May go past midnight, and past the week's end. */
  readonly durationSeconds: number;
}

export interface Override {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly userId: string;
}

export interface Target {
  readonly type: 'user' | 'schedule';
  readonly id: string;
}

/** One level of an escalation policy. */
export interface Rule {
  readonly id: string;
  readonly delayMinutes: number;
  readonly targets: readonly Target[];
  /** The targets take turns; absent: everyone is assigned. */
  readonly strategy?: 'round_robin';
}

export interface EscalationPolicy {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly teamId: string | null;
  readonly rules: readonly Rule[];
  /** How often the whole path is walked again after the first time. */
  readonly numLoops: number;
  readonly handoffNotifications: 'if_has_services' | 'always';
}

export type Urgency = 'high' | 'low';

/** What decides an incident's urgency; the severity of its alert may do so. */
export type UrgencyChoice = Urgency | 'severity_based';

export interface Service {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly createdAt: number;
  readonly policyId: string;
  /** One for all hours, or one for the support hours and one for the rest. */
  readonly urgencyRule: UrgencyChoice | { readonly during: UrgencyChoice; readonly outside: UrgencyChoice };
  readonly supportHours: SupportHours | null;
  /** When open incidents of low urgency become high. */
  readonly raisesUrgencyAt: readonly ('support_hours_start' | 'support_hours_end')[];
  /** Seconds; null is off. */
  readonly acknowledgementTimeout: number | null;
  /** Seconds; null is off. */
  readonly autoResolveTimeout: number | null;
  readonly alertCreation: 'create_alerts_and_incidents' | 'create_incidents';
  readonly alertGrouping: AlertGrouping | null;
  /** Kept and shown; nothing waits. */
  readonly autoPause: { readonly enabled: boolean; readonly timeoutSeconds: number };
  /** Set by people; the status on the wire also follows the open incidents. */
  mode: 'enabled' | 'disabled' | 'maintenance';
}

/** The same hours on some days of the week, by the clock on the wall. */
export interface SupportHours {
  readonly timeZone: string;
  readonly startSecond: number;
  /** Before the start: on the next day. */
  readonly endSecond: number;
  /** 1 is Monday. */
  readonly weekdays: readonly number[];
}

/** How alerts are put together to incidents, in PagerDuty's own words. */
export interface AlertGrouping {
  readonly type: 'time' | 'intelligent' | 'content_based';
  readonly config: {
    readonly timeout?: number;
    readonly time_window?: number;
    readonly aggregate?: 'all' | 'any';
    readonly fields?: readonly string[];
  };
}

/** Where events come in. */
export interface Integration {
  readonly id: string;
  readonly name: string;
  readonly serviceId: string;
  readonly routingKey: string;
}

export interface Priority {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

/** An API key, the account's own or one user's; or an OAuth token. */
export interface Credential {
  readonly key: string;
  readonly access: 'full' | 'read-only';
  /** The user whose key it is; null for an account key or an app's token, which name nobody. */
  readonly userId: string | null;
  /** How it is sent: `Token token=KEY` where absent, or `Bearer KEY`. */
  readonly scheme?: 'Bearer';
  /** What a scoped OAuth token was granted; absent: everything that its access allows. */
  readonly scopes?: readonly string[];
  /** The OAuth app whose token it is. */
  readonly clientId?: string;
  /** Milliseconds since 1970; absent: it never ends. */
  readonly expiresAt?: number;
}

/** An app that gets tokens by its client credentials. */
export interface OAuthClient {
  readonly id: string;
  readonly secret: string;
  readonly name: string;
  /** What it may be granted at most. */
  readonly scopes: readonly string[];
}

/** Everything in the account but its incidents. */
export interface Company {
  /** `https://DOMAIN.pagerduty.com` is its website. */
  readonly domain?: string;
  /** What its plan lacks: asking for it is answered 402. */
  readonly missingAbilities?: Settings['missing_abilities'];
  readonly users: readonly User[];
  readonly teams: readonly Team[];
  readonly schedules: readonly Schedule[];
  readonly policies: readonly EscalationPolicy[];
  readonly services: readonly Service[];
  readonly integrations: readonly Integration[];
  /** From the most severe down. */
  readonly priorities: readonly Priority[];
  readonly credentials: readonly Credential[];
  readonly oauthClients?: readonly OAuthClient[];
}

/** Who did something. */
export interface Agent {
  readonly type: 'user' | 'service';
  readonly id: string;
}

/** Who did something, and on which way. `timeout`: nobody did, time passed. */
export interface Cause {
  readonly agent: Agent;
  readonly channel: 'api' | 'timeout';
}

export type IncidentStatus = 'triggered' | 'acknowledged' | 'resolved';

export interface Incident {
  readonly id: string;
  readonly number: number;
  readonly createdAt: number;
  /** Null where alerts carry the key. */
  readonly incidentKey: string | null;
  title: string;
  status: IncidentStatus;
  urgency: Urgency;
  serviceId: string;
  /** Every team whose policy had a part in it. */
  teamIds: readonly string[];
  path: EscalationPath;
  assignments: readonly Assignment[];
  assignedVia: 'escalation_policy' | 'direct_assignment';
  acknowledgements: readonly Acknowledgement[];
  updatedAt: number;
  lastStatusChangeAt: number;
  lastStatusChangeBy: Agent;
  resolvedAt: number | null;
  priorityId: string | null;
  incidentType: string;
  conferenceBridge: ConferenceBridge | null;
  /** What whoever made it wrote beside the title; an incident that an alert opened has none. */
  readonly details: string | null;
  /** As the service had it when the incident opened, in seconds: later changes are for later incidents. */
  readonly autoResolveTimeout: number | null;
  readonly timers: Map<TimerName, Timer>;
  readonly alerts: Alert[];
  /** Oldest first. */
  readonly notes: Note[];
  /** Oldest first; the first is what triggered the incident. */
  readonly log: LogEntry[];
}

/** The policy as it was when it took the incident on, and how far it has come. Later edits of the policy do not touch it. */
export interface EscalationPath {
  readonly policyId: string;
  readonly rules: readonly Rule[];
  readonly numLoops: number;
  /** 1 is the first rule. */
  level: number;
  /** How often the path was begun again. */
  loop: number;
}

export interface Assignment {
  readonly at: number;
  readonly userId: string;
}

export interface Acknowledgement {
  readonly at: number;
  readonly by: Agent;
}

export interface ConferenceBridge {
  readonly number: string | null;
  readonly url: string | null;
}

/** All but `exhaust`, the end of the last level, are shown as pending actions. */
export type TimerName = 'escalate' | 'exhaust' | 'unacknowledge' | 'resolve' | 'urgency_change';

export interface Alert {
  readonly id: string;
  readonly key: string;
  readonly incidentId: string;
  readonly integrationId: string;
  readonly summary: string;
  readonly severity: Severity;
  readonly createdAt: number;
  readonly details: unknown;
  readonly contexts: readonly Context[];
  /** What else the event said. */
  readonly event?: EventFields;
  serviceId: string;
  resolvedAt: number | null;
}

export type Severity = 'critical' | 'error' | 'warning' | 'info';

/** Fields of a trigger that nothing but its alert and its log entry show, as on the wire. */
export interface EventFields {
  readonly source?: string;
  readonly component?: string;
  readonly group?: string;
  readonly class?: string;
  readonly timestamp?: string;
  readonly client?: string;
  readonly client_url?: string;
}

/** What somebody announced about a service: it pages nobody. */
export interface ChangeEvent {
  readonly id: string;
  readonly at: number;
  readonly serviceId: string;
  readonly summary: string;
  readonly source: string | null;
  readonly timestamp: string | null;
  readonly details: unknown;
  readonly links: readonly Context[];
}

/** A link or an image beside an alert, as on the wire. */
export interface Context {
  readonly type: 'link' | 'image';
  readonly href?: string;
  readonly src?: string;
  readonly text?: string;
}

export interface Note {
  readonly id: string;
  readonly userId: string;
  readonly content: string;
  readonly createdAt: number;
}

export type LogEntryType =
  | 'acknowledge'
  | 'annotate'
  | 'assign'
  | 'delegate'
  | 'escalate'
  | 'exhaust_escalation_path'
  | 'field_value_change'
  | 'reach_trigger_limit'
  | 'repeat_escalation_path'
  | 'resolve'
  | 'trigger'
  | 'unacknowledge'
  | 'urgency_change';

export interface LogEntry {
  readonly id: string;
  readonly type: LogEntryType;
  readonly at: number;
  readonly cause: Cause;
  readonly summary: string;
  /** Who was assigned by it. */
  readonly assigneeIds?: readonly string[];
  readonly note?: string;
  /** Of an acknowledge, in seconds; null: it never ends by itself. */
  readonly acknowledgementTimeout?: number | null;
  readonly changes?: readonly FieldChange[];
  /** The alert whose event triggered it. */
  readonly alert?: Alert;
}

/** What a field was and is, in PagerDuty's own field names. */
export interface FieldChange {
  readonly name: string;
  readonly old: string | null;
  readonly value: string | null;
}
