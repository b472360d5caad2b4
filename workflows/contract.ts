import { type CommonWorkflowOptions, defineSearchAttributeKey } from '@temporalio/common';
import type { Expectation, NotDone, Permission } from '../activities/index.ts';
import type { Asked } from '../gate/asked.ts';
import type { Concerned } from '../gate/consent.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import type {
  AnnounceInput,
  AnnounceResult,
  CoverageInput,
  CoverageResult,
  HandoffInput,
  HandoffResult,
  NoiseInput,
  NoiseResult,
  StormInput,
  StormResult,
  TimelineInput,
  TimelineResult,
} from './reports.ts';
import type { SeenIncident, SeenTurns } from './seen.ts';

/** Task Queue of all Workflows. PagerDuty's Activities never run here: eager execution would go round their pace. */
export const workflowTaskQueue = 'oncall';

/** Name of the deployment that builds of the runner belong to, where `TEMPORAL_DEPLOYMENT_NAME` gives no other. */
export const usualDeployment = 'oncall';

/** Task Queues of one account's Activities, each with a pace of its own. */
export const taskQueues = {
  /** REST, paced to the account's budget. */
  rest: (account: string): string => `oncall-rest-${account}`,
  /** Releases, pages and acknowledges: a limit of its own, never 0. */
  urgent: (account: string): string => `oncall-urgent-${account}`,
  /** Events API, paced per routing key. */
  events: (account: string): string => `oncall-events-${account}`,
} as const;

/** How the reason of every limit begins that we set: one with another reason is an operator's, and stays. */
export const paceReason = 'oncall-runner: ';

/** The reason of the limit, nothing, that a freeze sets on the queues of an account that are not urgent. */
export const frozenReason = `${paceReason}frozen; \`oncall thaw\` ends it`;

/** Workflow Types whose runs somebody is paged by, or waits for while it is. */
const urgentTypes: readonly string[] = ['acknowledgeIncident', 'respondToIncident', 'waitForHumanAck'];

/** Workflow Types of reports and sweeps, and of many at once: nobody waits for one of these at night. */
const patientTypes: readonly string[] = [
  'coverageCheck',
  'duplicateSweep',
  'handoffReport',
  'noiseReport',
  'postIncidentTimeline',
  'resolveIncidents',
  'staleSweep',
];

/** Operations that may page, or acknowledge. */
const urgentOperations: readonly string[] = ['createIncident', 'updateIncident', 'updateIncidents'];

/** How much a run matters from its start on: a page or an acknowledge before ordinary work, and many at once behind it. */
export function priorityOf(workflow: string, input: object): 1 | 3 | 5 {
  const { operation = '', all = false } = input as { readonly operation?: string; readonly all?: boolean };
  if (urgentTypes.includes(workflow) || urgentOperations.includes(operation)) return 1;
  return all || patientTypes.includes(workflow) ? 5 : 3;
}

/** Task Queue on which an agent waits for work. */
export const agentTaskQueue = (agent: string): string => `oncall-agent-${agent}`;

/** A search attribute that holds one word. `@temporalio/common` does not export the type by its name. */
type Keyword = ReturnType<typeof defineSearchAttributeKey<'KEYWORD'>>;
const keyword = (name: string): Keyword => defineSearchAttributeKey(name, 'KEYWORD');

/** Search attributes of every run, all Keywords. The Worker refuses to start where one is missing: runs would hang. */
export const searchAttributes: Readonly<
  Record<'agent' | 'account' | 'incident' | 'service' | 'outcome' | 'waitingFor', Keyword>
> = {
  agent: keyword('OncallAgent'),
  account: keyword('OncallAccount'),
  incident: keyword('OncallIncident'),
  service: keyword('OncallService'),
  outcome: keyword('OncallOutcome'),
  waitingFor: keyword('OncallWaitingFor'),
};

/**
 * Names of the search attributes that a namespace lacks, or has with another type: with one missing, runs would hang.
 * @param keyword the server's number for the type Keyword.
 */
export const lackingSearchAttributes = (
  found: Readonly<Record<string, unknown>> | null | undefined,
  keyword: number,
): readonly string[] =>
  Object.values(searchAttributes)
    .map(({ name }) => name)
    .filter((name) => found?.[name] !== keyword);

/** Workflow Types that only look or bring on, and pages of a walk: lists of runs leave them out. */
export const lookingTypes: readonly string[] = [
  'bringEvents',
  'checkPermission',
  'coverPolicies',
  'followShifts',
  'noiseOfDay',
  'pickIds',
  'surveyIncidents',
  'sweepIncidents',
  'sweepLeases',
  'tellIncident',
  'walkPages',
];

/** The Workflow Type that gives incidents back to people. */
export const releaseType = 'releaseIncident';

const isRunning = "ExecutionStatus = 'Running'";

/** Finds the running runs of an account, in the server's list language. Names of accounts hold no quotes. */
export const runningQuery = (account: string): string =>
  `${searchAttributes.account.name} = '${account}' and ${isRunning}`;

/** Finds the running runs that wait for an operator's word, of an account or of all. */
export const waitingQuery = (account?: string): string =>
  `${account === undefined ? isRunning : runningQuery(account)} and ${searchAttributes.waitingFor.name} = '${forApproval}'`;

/** How a run ended. Also the search attribute `OncallOutcome`. */
export const outcomes = [
  'done',
  'partly',
  'nothing_to_do',
  'denied',
  'approval_refused',
  'yielded_to_human',
  'failed',
] as const;
export type Outcome = (typeof outcomes)[number];

/** What every run ends with. */
export interface RunResult {
  readonly outcome: Outcome;
  /** Plain English, at most five lines. */
  readonly summary: string;
  /** What the run changed in PagerDuty, a sentence each. */
  readonly changed: readonly string[];
  /** What it meant to change and did not, and why. */
  readonly notChanged: readonly { readonly what: string; readonly why: string }[];
  /** Whether what it changed was read back and stood. */
  readonly verified: boolean;
  /** What a person or agent should do now. */
  readonly next: readonly string[];
  /** PagerDuty's error kind, such as `NotFound`, where it refused what the run is about. */
  readonly error?: string;
}

/** Where a run acts, and why. The agent is never in it: it is in the run's authority. */
export interface Errand {
  readonly account: string;
  /** Why the agent started it; for people who read the run. */
  readonly reason?: string;
  /** How long a step waits for an operator's approval, in seconds. Default 900. */
  readonly approvalSeconds?: number;
  /** Name of the standing order that started the run, where one did: its authority, which the gate proves by the configuration. */
  readonly standing?: string;
  /** Id of the event that it was started by. */
  readonly event?: string;
}

/** A run about one incident. */
export interface Subject extends Errand {
  /** PagerDuty's incident id, such as `PABC123`. */
  readonly incident: string;
}

export type TriageInput = Subject;

/** What triage brings: the finding and what it rests on. */
export interface TriageResult extends RunResult {
  readonly finding?: Finding;
}

export type AcknowledgeInput = Subject;

export interface AddNoteInput extends Subject {
  readonly note: string;
}

export interface ResolveInput extends Subject {
  /** Kept by PagerDuty on the resolve log entry. */
  readonly resolution?: string;
}

/** Which incidents to resolve: these, or the open ones that fit. */
export interface ResolveManyInput extends Errand {
  readonly incidents?: readonly string[];
  readonly filter?: {
    readonly services: readonly string[];
    readonly urgency?: 'high' | 'low';
    /** Both where absent. */
    readonly statuses?: readonly ('triggered' | 'acknowledged')[];
  };
  /** Kept by PagerDuty on each resolve log entry. */
  readonly resolution?: string;
}

/** What came of many. */
export interface BulkResult extends RunResult {
  readonly counts: { readonly asked: number; readonly resolved: number; readonly left: number };
}

export interface RespondInput extends Subject {
  /**
   * Who judges: the rules; the client that started the run, which then says `giveFinding`; or the run's agent, which is woken on
   * its Task Queue (`serveAgent`).
   */
  readonly assess: 'rules' | 'client' | 'agent';
  /** How long the client has for its finding, or the agent to take the work, before the run leaves the incident to people, in seconds. Default 60. */
  readonly presenceSeconds?: number;
  /** How long the agent may think until it has a finding, in seconds. Default 300. */
  readonly thinkSeconds?: number;
  /** How long after it resolved the incident it is watched for being opened again, in seconds. Default 900; 0 watches not at all. */
  readonly watchSeconds?: number;
}

/** What an incident is, as far as the evidence goes. */
export const findingClasses = [
  'real',
  'duplicate',
  'recovered',
  'flapping',
  'maintenance',
  'unclear',
] as const;
export type FindingClass = (typeof findingClasses)[number];

/** A judgement and what it rests on. */
export interface Finding {
  readonly class: FindingClass;
  /** One or two sentences for the note. */
  readonly summary: string;
  readonly evidence: {
    /** Ids of the alerts looked at. */
    readonly alerts: readonly string[];
    /** Numbers of the incidents it resembles. */
    readonly similar: readonly number[];
  };
}

/** What an agent is shown of an incident. All texts are PagerDuty's, cleaned: data, never instructions. */
export interface Brief {
  readonly account: string;
  readonly incident: {
    readonly id: string;
    readonly number: number;
    readonly title: string;
    readonly status: string;
    readonly urgency: string;
    /** ISO 8601. */
    readonly createdAt: string;
    readonly service: string;
    readonly escalationPolicy: string;
    readonly assignees: readonly string[];
  };
  /** The newest first, cut to 20; `alertCount` says how many there are. */
  readonly alerts: readonly {
    readonly id: string;
    readonly status: string;
    readonly severity: string;
    readonly summary: string;
    /** What the source sent with it, as JSON text, cut. */
    readonly details: string;
  }[];
  readonly alertCount: number;
  /** Notes of people and tools, newest first, cut to 20. */
  readonly notes: readonly { readonly by: string; readonly at: string; readonly text: string }[];
  /** Incidents of the same service in the last 30 days, newest first, cut to 20. */
  readonly recent: readonly {
    readonly number: number;
    readonly title: string;
    readonly status: string;
    readonly createdAt: string;
    readonly resolvedAt: string | null;
  }[];
  /** Names of those whom its escalation policy pages first. */
  readonly onCall: readonly string[];
  /** What the rules alone say. */
  readonly rules: Finding;
  /** What could not be read, and why. */
  readonly missing: readonly string[];
}

/** Activities that an agent serves on its Task Queue. */
export interface AgentActivities {
  /** Judges an incident; its answer is signed. Taking the work is the proof that somebody is there. */
  readonly assess: (task: { readonly workflowId: string; readonly brief: Brief }) => Promise<Signed<Finding>>;
  /** Stays with an incident that is held, beating, until it is over; gives the conclusion where it comes to one. */
  readonly attend: (task: {
    readonly workflowId: string;
    readonly brief: Brief;
    readonly finding: Finding;
    /** When the lease ends, milliseconds since 1970. */
    readonly until: number;
  }) => Promise<Signed<Conclusion> | null>;
}

/** The finding that ends a run: the incident is over, and how. */
export interface Conclusion {
  /** Kept by PagerDuty on the resolve log entry. */
  readonly resolution: string;
}

/** Signal of every run that follows an incident: something happened to it, or to its service. It only wakes the run, which reads anew. */
export const incidentChanged = 'incidentChanged';

/** What the Signal `incidentChanged` brings. */
export interface Happening {
  /** PagerDuty's id of the event, or one that the sweep made: the same twice is one. */
  readonly event: string;
  /** PagerDuty's type of the event, or `sweep`. */
  readonly type: string;
  /** ISO 8601. */
  readonly occurredAt: string;
}

/** What a run knows of its incident, kept in its memo under `known` while it listens: the sweep compares it with what PagerDuty says. */
export interface Known {
  readonly incident: string;
  readonly number: number;
  /** See `stateOf`. */
  readonly state: string;
  /** See `notesMark`; absent where the run does not listen to notes. */
  readonly notes?: string;
  /** How often the run has learned something: the same difference a second time is another one. */
  readonly changes: number;
}

/** What a run waits for, kept in its memo under `waits`: what shows it needs no Worker. */
export interface Wait {
  readonly what: string;
  /** Milliseconds since 1970, as is `until`. */
  readonly since: number;
  readonly until?: number;
}

/** Ids that runs about an incident have, so that whoever hears of it need not search. */
export const followerIds = ({
  account,
  incident,
}: Pick<Subject, 'account' | 'incident'>): readonly string[] =>
  ['respond', 'acknowledge', 'resolve', 'wait', 'reopened'].map((kind) => `${kind}:${account}:${incident}`);

/** Words with the statement of the agent that said them. Unsigned words move nothing. */
export interface Signed<T> {
  readonly value: T;
  readonly statement: string;
}

/** What an agent can say to its runs, by the name of the Update. */
export interface AgentUpdates {
  /** To `respondToIncident`: what it is. Its coming is the proof that someone is there to work. */
  readonly giveFinding: Finding;
  /** To `respondToIncident`: the incident is over; it is resolved. */
  readonly conclude: Conclusion;
  /** To `alertLifecycle`: the alert goes on to this state. */
  readonly moveAlert: { readonly to: 'acknowledged' | 'resolved' };
}

/** Who paused a run, and since when (milliseconds). What the Query `paused` answers, and what an operator signs to resume. */
export interface Pause {
  readonly at: number;
  readonly by: string;
}

/** Pages people for an incident and waits until one of them acknowledges it; climbs level by level. */
export interface WaitInput extends Errand {
  /** An incident that is there. Either this or `open`. */
  readonly incident?: string;
  /** An incident to open. */
  readonly open?: {
    /** Id of the service. */
    readonly service: string;
    readonly title: string;
    readonly details?: string;
    readonly urgency?: 'high' | 'low';
  };
  /** How long each level has, in seconds. Default 300. */
  readonly levelSeconds?: number;
  /** The last level of the escalation policy that is paged. Default 3. */
  readonly mostLevels?: number;
  /** Who is paged when nobody of the policy has acknowledged: an escalation policy, a user, or a service on which one more incident is opened. */
  readonly fallback?: { readonly policy?: string; readonly user?: string; readonly service?: string };
}

export interface WaitResult extends RunResult {
  readonly incident?: string;
  /** Who acknowledged it, as PagerDuty calls them; absent where nobody did. */
  readonly acknowledgedBy?: string;
  /** Whom each level paged, and for how long nobody answered. */
  readonly levels?: readonly {
    readonly level: number;
    readonly paged: readonly string[];
    readonly seconds: number;
  }[];
}

/** An alert of the agent's own, from trigger to resolve, over the Events API. */
export interface AlertInput extends Errand {
  /** Name of the routing key in the configuration. */
  readonly routingKey: string;
  readonly dedupKey: string;
  readonly summary: string;
  readonly source: string;
  readonly severity: 'critical' | 'error' | 'warning' | 'info';
  readonly details?: Readonly<Record<string, unknown>>;
  /** How long until it is resolved by itself, in seconds. Default 3600. */
  readonly ttlSeconds?: number;
  /** How long PagerDuty has to show what an event did, in seconds. Default 180. */
  readonly confirmSeconds?: number;
}

export interface AlertResult extends RunResult {
  readonly incident?: string;
  readonly alert?: string;
}

/** What PagerDuty has of an incident; `incident` may be its number too. */
export type TellInput = Subject;

/** Who did something: a person, one of our own users, or PagerDuty and what sends it alerts. */
export type Doer = 'person' | 'ours' | 'pagerduty';

/** An entry of an incident's log. */
export interface Logged {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  /** PagerDuty's type without its ending, such as `acknowledge`. */
  readonly what: string;
  readonly by: Doer;
  /** As PagerDuty calls whoever did it. */
  readonly name: string;
  /** PagerDuty's words: data, never an order. */
  readonly text: string;
}

/** A note of an incident, cut. */
export interface Noted extends Omit<Logged, 'what' | 'at'> {
  readonly at: string | null;
}

export interface TellResult extends RunResult {
  readonly incident?: {
    readonly id: string;
    readonly number: number;
    readonly title: string;
    readonly status: string;
    readonly urgency: string;
    readonly service: string | null;
    readonly assignees: readonly string[];
    readonly link: string | null;
  };
  /** Oldest first. */
  readonly log?: readonly Logged[];
  readonly notes?: readonly Noted[];
  /** Whether that is all of the log and of the notes. */
  readonly isWhole?: boolean;
}

/** A run that makes a plan before it writes. Without either it plans, asks for the word that the plan needs, and applies it. */
export interface PlanErrand extends Errand {
  /** Only make the plan: nothing is written. */
  readonly plan?: true;
  /** Apply the plan of this hash, made before by a run with `plan`: exactly that, or nothing where something has changed. */
  readonly apply?: string;
}

/** One write of a plan: exactly what is sent, and on what it was decided. */
export interface PlanWrite {
  /** Unique within the plan. */
  readonly step: string;
  readonly operation: OperationName;
  readonly request: object;
  /** The incidents that it is about, as they were seen. */
  readonly seen: readonly SeenIncident[];
  /** The turns of a schedule that it changes, as they were seen. */
  readonly turns?: readonly SeenTurns[];
  /** How writes after it call what it makes, where their requests name an id. */
  readonly gives?: string;
  /** What it does, for people. */
  readonly effect: string;
  /** Who is paged by it. */
  readonly pages: readonly string[];
  /** The gate's word when the plan was made; its last word comes with the write. */
  readonly decision: 'allowed' | 'denied' | 'approval_needed';
  readonly rule: string;
  readonly sentence: string;
}

/** What a run will write, before it writes any of it. The same reads give the same hash. */
export interface Plan {
  readonly hash: string;
  /** Whose plan it is. */
  readonly agent: string;
  /** What it hangs on beside the incidents of its writes, in lines. */
  readonly basis: readonly string[];
  /** Why it needs an operator's word whatever the grants ask for. */
  readonly guards: readonly string[];
  /** On whom it lays a duty, and from whom it takes one: their own words, which nobody gives for a taker. Part of the hash. */
  readonly concerned?: readonly Concerned[];
  /** In the order in which they are made. */
  readonly writes: readonly PlanWrite[];
  /** Whose word it needs. */
  readonly needs?: { readonly by: readonly string[]; readonly people: number };
  /** What it leaves as it is, and why. */
  readonly left: readonly { readonly what: string; readonly why: string }[];
  /** How many requests it takes, about, and how many seconds at the usual pace. */
  readonly requests: number;
  readonly seconds: number;
}

/** What a run with a plan ends with. */
export interface PlanResult extends RunResult {
  /** The plan that was made or applied: its hash. */
  readonly hash?: string;
  /** Where the plan was all that was asked for. */
  readonly plan?: Plan;
}

/** Which open incidents: of these services, or of these teams. */
export interface Among {
  readonly services?: readonly string[];
  readonly teams?: readonly string[];
}

export interface DuplicateSweepInput extends PlanErrand, Among {
  /** How far back incidents are looked for, in hours. Default 24. */
  readonly hours?: number;
  /** What makes two incidents one problem: the words of their titles on one service, or the key of their first alerts. Default `title`. */
  readonly fingerprint?: 'title' | 'alert_key';
}

/** Forgotten incidents. What stands as it does longer than this is asked about, and after the wait the step is done that is named. */
export interface StaleSweepInput extends PlanErrand, Among {
  /** How long a person may have one acknowledged without a word on it, in hours. Default 24. */
  readonly acknowledgedHours?: number;
  /** How long one of low urgency may be triggered, in days. Default 7. */
  readonly triggeredDays?: number;
  /** How long there is for an answer, in hours. Default 24. */
  readonly waitHours?: number;
  /** What is done with an acknowledged one that nobody answers for. Default `hand_back`: to its escalation policy, which pages. */
  readonly acknowledged?: 'hand_back' | 'leave';
  /** The same of a triggered one. Default `resolve`, with an operator's word. */
  readonly triggered?: 'resolve' | 'leave';
  /** Whether one whose alerts still fire is resolved as well. Default `leave`. */
  readonly firing?: 'resolve' | 'leave';
}

/** A forgotten incident, and whose turn it is. */
export interface StaleIncident {
  readonly incident: string;
  readonly number: number;
  /** Who has it, by name. */
  readonly owner: string;
  readonly status: string;
  /** How long it stands so. */
  readonly hours: number;
  /** `ask`, `hand_back`, `resolve`, or `leave` and why. */
  readonly step: string;
}

export interface StaleResult extends PlanResult {
  /** By who has them; absent where an earlier plan was applied. */
  readonly stale?: readonly StaleIncident[];
}

/** What a service needs to be on call. Each is found by its name, or made. */
export interface OnboardInput extends PlanErrand {
  readonly team: {
    readonly name: string;
    readonly description?: string;
    /** Users that are in PagerDuty, by e-mail address. */
    readonly members: readonly {
      readonly email: string;
      readonly role?: 'observer' | 'responder' | 'manager';
    }[];
  };
  readonly policy: {
    readonly name: string;
    /** Whom each level pages, and for how long until the next; schedules by id, users by e-mail address. */
    readonly levels: readonly {
      readonly minutes: number;
      readonly schedules?: readonly string[];
      readonly users?: readonly string[];
    }[];
    /** How often it begins anew. Default 1. */
    readonly loops?: number;
  };
  readonly service: {
    readonly name: string;
    readonly description?: string;
    readonly urgency: 'high' | 'low' | 'severity_based';
    /** After how long PagerDuty takes an acknowledge back, in minutes. Default 30; an agent holds nothing where it never does. */
    readonly acknowledgeMinutes?: number;
    /** After how long PagerDuty resolves by itself, in hours. Default never. */
    readonly autoResolveHours?: number;
  };
  /** Name of the routing key by which a test event goes to the service, once it is there. */
  readonly testKey?: string;
}

/** A line of the checklist. */
export interface CheckItem {
  readonly what: string;
  /** `there`: it was before. `made`: this run made it. `missing`: it is not. `to do`: somebody must. */
  readonly state: 'there' | 'made' | 'missing' | 'to do';
  readonly id?: string;
  readonly link?: string;
}

export interface OnboardResult extends PlanResult {
  readonly checklist?: readonly CheckItem[];
}

/** Somebody takes over a turn of a schedule, or two people swap turns. Instants are ISO 8601 with their zone. */
export interface OverrideInput extends PlanErrand {
  /** Id of a schedule. */
  readonly schedule: string;
  readonly from: string;
  readonly until: string;
  /** Who is on call then instead: an e-mail address, an id or a whole name. */
  readonly taker: string;
  /** Of a swap: the taker's own turn, which whoever has the first one takes in return; on the same schedule where none is named. */
  readonly back?: { readonly schedule?: string; readonly from: string; readonly until: string };
}

/** A time in which a level of a policy reaches other people afterwards than before. */
export interface Handover {
  readonly policy: string;
  readonly level: number;
  readonly start: string;
  readonly end: string;
  /** Names; none where nobody is on call. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface OverrideResult extends PlanResult {
  /** Who is on call before and after, by every escalation policy that pages by the schedules. */
  readonly preview?: readonly Handover[];
}

/** One operation of the catalogue, for agents that need no plan. */
export interface OperationInput extends Errand {
  /** PagerDuty's operationId. */
  readonly operation: OperationName;
  /** As the catalogue takes it: `params`, `query`, `body`. */
  readonly request: object;
  /** Walk the list to its end; see `walked` of the result. */
  readonly all?: boolean;
  /** For a write on an incident: what must still be true of it when it is sent. */
  readonly expect?: Expectation;
}

export interface RunId {
  readonly workflowId: string;
  readonly runId: string;
}

export interface OperationResult extends RunResult {
  /** PagerDuty's answer; absent for a list that was walked. */
  readonly response?: unknown;
  /** Whether this is all there is; of lists alone. */
  readonly complete?: boolean;
  /** Of a list that was walked: under which key of a page its records stand, and the runs that read the pages, in order. Records may come twice. */
  readonly walked?: { readonly items: string; readonly runs: readonly RunId[] };
}

/** What the search attribute `OncallWaitingFor` says of a run while a step of it waits for an operator. */
export const forApproval = 'approval';

/** A step that waits for an operator's word: what is asked, what the operator should see, and what exactly is to be signed. */
export interface PendingApproval extends Omit<NonNullable<NotDone['approval']>, 'id'> {
  /** Short, for people. */
  readonly id: string;
  readonly agent: string;
  readonly sentence: string;
  /** What exactly it does, and who is paged by it. */
  readonly effect: string;
  /** Where it was asked before: what has changed since. */
  readonly anew?: string;
  /** When the step is given up, milliseconds since 1970. */
  readonly until: number;
}

/** What became of a step after a word on it. */
export interface ApprovalAnswer {
  readonly step: 'done' | 'waits' | 'refused' | 'denied' | 'changed' | 'failed';
  readonly sentence: string;
}

/** Workflow Types that agents start, with input and result. */
export interface Workflows {
  readonly triageIncident: { readonly input: TriageInput; readonly result: TriageResult };
  readonly acknowledgeIncident: { readonly input: AcknowledgeInput; readonly result: RunResult };
  readonly addNote: { readonly input: AddNoteInput; readonly result: RunResult };
  readonly resolveIncident: { readonly input: ResolveInput; readonly result: RunResult };
  readonly resolveIncidents: { readonly input: ResolveManyInput; readonly result: BulkResult };
  readonly respondToIncident: { readonly input: RespondInput; readonly result: RunResult };
  readonly waitForHumanAck: { readonly input: WaitInput; readonly result: WaitResult };
  readonly alertLifecycle: { readonly input: AlertInput; readonly result: AlertResult };
  readonly duplicateSweep: { readonly input: DuplicateSweepInput; readonly result: PlanResult };
  readonly staleSweep: { readonly input: StaleSweepInput; readonly result: StaleResult };
  readonly onboardService: { readonly input: OnboardInput; readonly result: OnboardResult };
  readonly overrideOrSwap: { readonly input: OverrideInput; readonly result: OverrideResult };
  readonly stormHandling: { readonly input: StormInput; readonly result: StormResult };
  readonly coverageCheck: { readonly input: CoverageInput; readonly result: CoverageResult };
  readonly postIncidentTimeline: { readonly input: TimelineInput; readonly result: TimelineResult };
  readonly announceChangeAndWatch: { readonly input: AnnounceInput; readonly result: AnnounceResult };
  readonly noiseReport: { readonly input: NoiseInput; readonly result: NoiseResult };
  readonly handoffReport: { readonly input: HandoffInput; readonly result: HandoffResult };
  readonly tellIncident: { readonly input: TellInput; readonly result: TellResult };
  readonly runOperation: { readonly input: OperationInput; readonly result: OperationResult };
}
export type WorkflowName = keyof Workflows;

/** The id of a run: from its subject, so that a second start joins the first. One-off runs carry the caller's key. */
export const workflowIds: {
  readonly [Name in WorkflowName]: (input: Workflows[Name]['input'], key: string) => string;
} = {
  triageIncident: ({ account, incident }) => `triage:${account}:${incident}`,
  acknowledgeIncident: ({ account, incident }) => `acknowledge:${account}:${incident}`,
  addNote: ({ account, incident }, key) => `note:${account}:${incident}:${key}`,
  resolveIncident: ({ account, incident }) => `resolve:${account}:${incident}`,
  resolveIncidents: ({ account }, key) => `resolve-many:${account}:${key}`,
  respondToIncident: ({ account, incident }) => `respond:${account}:${incident}`,
  waitForHumanAck: ({ account, incident, open }, key) =>
    incident === undefined ? `wait:${account}:${open?.service ?? ''}:${key}` : `wait:${account}:${incident}`,
  alertLifecycle: ({ account, routingKey, dedupKey }) => `alert:${account}:${routingKey}:${dedupKey}`,
  duplicateSweep: (input) => planned('duplicates', input, among(input)),
  staleSweep: (input) => planned('stale', input, among(input)),
  onboardService: (input) => planned('onboard', input, input.service.name),
  overrideOrSwap: (input) => planned('override', input, `${input.schedule}:${input.from}:${input.taker}`),
  stormHandling: (input) => planned('storm', input, among(input) || 'all'),
  coverageCheck: ({ account }, key) => `coverage:${account}:${key}`,
  postIncidentTimeline: ({ account, incident }) => `timeline:${account}:${incident}`,
  announceChangeAndWatch: ({ account, service }, key) => `change:${account}:${service}:${key}`,
  noiseReport: ({ account }, key) => `noise:${account}:${key}`,
  handoffReport: ({ account }, key) => `handoff:${account}:${key}`,
  tellIncident: ({ account, incident }, key) => `tell:${account}:${incident}:${key}`,
  runOperation: ({ account, operation }, key) => `operation:${account}:${operation}:${key}`,
};

const among = ({ services = [], teams = [] }: Among): string => [...services, ...teams].toSorted().join(',');

/** Runs that make a plan, and runs that apply one, have ids of their own: neither joins a run that does both. */
const planned = (kind: string, { account, plan, apply }: PlanErrand, subject: string): string =>
  [
    kind,
    account,
    subject,
    ...(plan ? ['plan'] : []),
    ...(apply === undefined ? [] : ['apply', apply.slice(0, 12)]),
  ].join(':');

/** Workflow Types with a plan. */
export type PlannedName = {
  [Name in WorkflowName]: 'plan' extends keyof Workflows[Name]['input'] ? Name : never;
}[WorkflowName];

/** The id of the runs that make the plan which a run applies. */
export function planIdOf<Name extends PlannedName>(name: Name, input: Workflows[Name]['input']): string {
  const { apply: _hash, ...rest } = input;
  return workflowIds[name]({ ...rest, plan: true } as Workflows[Name]['input'], '');
}

/** The id of the run that a standing order starts for an incident, whatever tells of it: another start joins it. */
export const orderedWorkflowId = (
  workflow: string,
  input: { readonly account: string; readonly incident: string; readonly standing: string },
): string => {
  const idOf: ((input: never, key: string) => string) | undefined = workflowIds[workflow as WorkflowName];
  return idOf?.(input as never, input.standing) ?? '';
};

/** A run that a standing order starts for an event. */
export interface OrderedStart {
  readonly workflow: string;
  readonly workflowId: string;
  readonly agent: string;
  readonly input: { readonly account: string; readonly incident: string; readonly standing: string };
}

/** The field of a run's memo that says which order started it: for lists of runs, and no proof. */
export const orderMemo = 'standing';

/** How such a run is started, whoever starts it. */
export const orderedStartOptions = ({
  workflow,
  workflowId,
  agent,
  input,
}: OrderedStart): CommonWorkflowOptions & {
  readonly workflowId: string;
  readonly args: [OrderedStart['input']];
} => ({
  workflowId,
  args: [input],
  memo: { [orderMemo]: input.standing },
  priority: { priorityKey: priorityOf(workflow, input), fairnessKey: agent },
  staticSummary: `${workflow} ${input.incident} of account ${input.account}, by the standing order ${input.standing}`,
  typedSearchAttributes: [
    { key: searchAttributes.agent, value: agent },
    { key: searchAttributes.account, value: input.account },
    { key: searchAttributes.incident, value: input.incident },
  ],
});

/** An event and whom it concerns. */
export interface Bringing {
  readonly event: Happening;
  readonly starts: readonly OrderedStart[];
  /** Ids that runs may have that are to be told of it. */
  readonly wakes: readonly string[];
}

/** Events that came at once. The Workflow needs no authority: it starts what the configuration has started, and wakes. */
export interface BringInput {
  readonly events: readonly Bringing[];
}
export const bringEventsType = 'bringEvents';

/** What the runner starts to give an incident back. Needs no statement: nothing refuses it. */
export interface ReleaseInput extends Subject {
  readonly reason: string;
}
export interface ReleaseResult extends RunResult {
  /** Whether the incident is with people now, by us or already before. */
  readonly withPeople: boolean;
}
export const releaseWorkflowId = ({ account, incident }: Pick<Subject, 'account' | 'incident'>): string =>
  `release:${account}:${incident}`;

/** What `oncall can` asks. Needs no statement: the runner may look, and nothing is sent. */
export interface CheckInput extends Asked {
  readonly account: string;
}
export interface CheckResult extends RunResult {
  /** The gate's word; absent where it could not be had. */
  readonly permission?: Permission;
}
export const checkWorkflowId = ({ account, agent, action }: CheckInput, key: string): string =>
  `can:${account}:${agent}:${action}:${key}`;

export interface SweepInput {
  readonly account: string;
}
/** The Schedule that sweeps an account's leases, and the one that sweeps its incidents. */
export const sweepScheduleId = (account: string): string => `sweep:${account}`;
export const incidentSweepScheduleId = (account: string): string => `sweep-incidents:${account}`;

/** Both, and what comes of it while one does nothing. */
export const sweepsOf = (
  account: string,
): readonly { readonly scheduleId: string; readonly without: string }[] => [
  { scheduleId: sweepScheduleId(account), without: 'what nobody holds any more is not given back' },
  { scheduleId: incidentSweepScheduleId(account), without: 'what no webhook tells is not found' },
];

/** The run that reads who is on call, for the orders at shift changes of an account. */
export const followShiftsId = (account: string): string => `follow-shifts:${account}`;

/** What came of following shifts. */
export interface ShiftsFollowed {
  /** Names of the orders whose Schedules hold what was read. */
  readonly kept: readonly string[];
  /** Workflow Ids of what was started late: its change was known only once it had passed. */
  readonly started: readonly string[];
  /** What it left undone, a sentence each. */
  readonly left: readonly string[];
}

/** What a sweep of incidents came to. */
export interface IncidentSweep {
  /** What happened before this instant (ISO 8601) and made a difference, runs have been told of. */
  readonly completeUntil: string;
  /** The same of notes; older where more runs listen to notes than one sweep asks for. */
  readonly notesUntil: string | null;
  /** Open incidents there are, and running runs that follow one. */
  readonly open: number;
  readonly following: number;
  /** Workflow Ids of the runs that were woken. */
  readonly woken: readonly string[];
  /** Workflow Ids of the runs that standing orders should have started and no event had. */
  readonly started: readonly string[];
  /** What it left undone, a sentence each. */
  readonly left: readonly string[];
}
