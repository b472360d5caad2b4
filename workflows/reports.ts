import type { HeldLease, OwnState, WaitingStep } from '../activities/index.ts';
import type { outcomeOf } from './attempt.ts';
import type { Among, Errand, FindingClass, PlanErrand, PlanResult, RunResult, Subject } from './contract.ts';
import type { Span } from './coverage.ts';

// What runs that report are given and end with; `contract.ts` lists them beside the others.

/** What a report is about: these policies, those of these services, those of these teams; all where nothing is named. */
export interface Scope {
  readonly policies?: readonly string[];
  readonly services?: readonly string[];
  readonly teams?: readonly string[];
}

/** A result that is there to be read. */
export interface ReportResult extends RunResult {
  /** Markdown, one screen at most. */
  readonly report: string;
  /** What could not be read, and why: the report knows nothing of it. */
  readonly missing: readonly string[];
}

/** When somebody is expected to answer: `08:00-20:00 Europe/Berlin`, on these days; 1 is Monday, all where absent. */
export interface ExpectedHours {
  readonly hours: string;
  readonly days?: readonly number[];
}

/** Will somebody answer? */
export interface CoverageInput extends Errand, Scope {
  /** How far ahead is looked. Default 30; PagerDuty shows 90 at most. */
  readonly days?: number;
  /** By the id of a policy: when somebody is expected there. What lies outside is a gap that was planned. */
  readonly expected?: Readonly<Record<string, ExpectedHours>>;
  /** How long one person may be on call by schedules without a break, in hours. Default 168. */
  readonly longestHours?: number;
}

/** Something that is wrong with who is on call. */
export interface CoverageFinding {
  /**
   * `gap`: a level reaches nobody. `ends`: from then on it reaches nobody any more. `no_targets`: it is made to reach nobody.
   * `deleted_user`: PagerDuty no longer has one whom it names. `same_person`: all levels reach one and the same. `long`: one
   * person is on call for longer than was said.
   */
  readonly kind: 'gap' | 'ends' | 'no_targets' | 'deleted_user' | 'same_person' | 'long';
  /** Id and name of the escalation policy. */
  readonly policy: string;
  readonly policyName: string;
  readonly level?: number;
  /** Name of the person it is about. */
  readonly person?: string;
  /** How often within the horizon, and for how long in all. */
  readonly times: number;
  readonly hours: number;
  /** The first times, ISO 8601; `null`: since ever, or without end. */
  readonly spans: readonly { readonly start: string | null; readonly end: string | null }[];
  /** Of a gap: levels that reach somebody in all of it. None: nobody surely answers. */
  readonly coveredBy?: readonly number[];
}

export interface CoverageResult extends ReportResult {
  /** `unknown` where something could not be read, whatever else was found. */
  readonly verdict: 'ok' | 'remarks' | 'gaps' | 'unknown';
  readonly findings: readonly CoverageFinding[];
  readonly counts: { readonly policies: number; readonly levels: number; readonly people: number };
  /** Names of schedules of PagerDuty's shift-based kind that people are on call by: they count like the others. */
  readonly shiftBased: readonly string[];
}

/** Some policies of a check, looked at by a run of its own. */
export interface CoverInput extends Errand {
  readonly policies: readonly string[];
  readonly span: Span;
  readonly expected: Readonly<Record<string, ExpectedHours>>;
  readonly longestHours: number;
}

export interface CoverResult {
  readonly findings: readonly CoverageFinding[];
  readonly missing: readonly string[];
  readonly levels: number;
  /** Ids. */
  readonly people: readonly string[];
  readonly shiftBased: readonly string[];
  readonly agent?: string;
  /** Why the first policy that could not be read could not be read. */
  readonly unread?: keyof typeof outcomeOf;
}

/** What the next person on call inherits. */
export interface HandoffInput extends Errand, Scope {
  /** How long the shift was that ends, in hours. Default 12. */
  readonly hours?: number;
  /** An incident that gets the report as a note. */
  readonly noteOn?: string;
}

export interface HandoffResult extends ReportResult {
  readonly open: readonly {
    readonly id: string;
    readonly number: number;
    readonly title: string;
    readonly status: string;
    readonly urgency: string;
    readonly service: string | null;
    /** ISO 8601. */
    readonly since: string;
    /** Who has it: those who acknowledged it, else those whom it was given. */
    readonly owners: readonly string[];
    readonly lastNote: string | null;
    readonly nextStep: string;
  }[];
  /** Of the shift; `null` where its incidents could not be read. */
  readonly shift: {
    readonly incidents: number;
    readonly high: number;
    readonly resolved: number;
    readonly noisiest: readonly { readonly service: string; readonly incidents: number }[];
  } | null;
  readonly onCall: readonly {
    readonly policy: string;
    readonly level: number;
    readonly now: readonly string[];
    /** Until when that is so, ISO 8601; `null` where it does not change within a week. */
    readonly until: string | null;
    readonly next: readonly string[];
  }[];
  readonly overrides: readonly {
    readonly schedule: string;
    readonly person: string;
    /** ISO 8601. */
    readonly start: string;
    readonly end: string;
  }[];
  /** What oncall-runner itself holds and waits for; of a part that could not be read, `null`. */
  readonly own: {
    /** Incidents that runs hold acknowledged. Number and title of those that are among `open`. */
    readonly leases: readonly (HeldLease & Known)[] | null;
    /** Steps that wait for an operator; number and title of the incident as with leases. */
    readonly approvals: readonly (WaitingStep & Known)[] | null;
    /** Sweeps, and standing orders by a Schedule, that are paused or have none. */
    readonly schedules: OwnState['schedules'];
  };
}

/** What is told of an incident beside its id; `null` of one that is not among those that are open. */
interface Known {
  readonly number: number | null;
  readonly title: string | null;
}

/** What wakes people for nothing. */
export interface NoiseInput extends Errand {
  readonly services?: readonly string[];
  readonly team?: string;
  /** How many days back, 7 to 30. Default 7. */
  readonly days?: number;
  /** When people sleep: `22:00-07:00 Europe/Berlin`. Default `22:00-07:00 UTC`. */
  readonly night?: string;
  /** How many logs of each day are read for who was paged and who answered, the newest first. Default 20. */
  readonly logsPerDay?: number;
}

/** Incidents of one service with the same title, its numbers left out. */
export interface NoiseGroup {
  readonly service: string;
  readonly title: string;
  readonly incidents: number;
  /** Of them: resolved by no person within five minutes. */
  readonly quick: number;
  /** Of them: opened within an hour after the one before. */
  readonly again: number;
  /** Of them: logs read, and how many of these no person ever acknowledged. */
  readonly read: number;
  readonly unanswered: number;
}

export interface NoiseLoad {
  readonly person: string;
  readonly pages: number;
  readonly nightPages: number;
}

export interface NoiseResult extends ReportResult {
  readonly counts: {
    readonly incidents: number;
    readonly high: number;
    readonly days: number;
    readonly logsRead: number;
  };
  readonly top: readonly (NoiseGroup & {
    readonly proposals: readonly string[];
    /** Incidents a week that would page nobody, were the first proposal carried out. */
    readonly savedPerWeek: number;
  })[];
  /** Of the logs that were read: who was paged how often. */
  readonly load: readonly NoiseLoad[];
}

/** A day of a noise report, counted by a run of its own. */
export interface NoiseDayInput extends Errand {
  readonly filter: Readonly<Record<string, readonly string[]>>;
  readonly span: Span;
  readonly night: string;
  readonly logs: number;
}

export interface NoiseDayResult {
  readonly incidents: number;
  readonly high: number;
  readonly logsRead: number;
  readonly groups: readonly (NoiseGroup & {
    /** Milliseconds since 1970: where the day before and the day after go on. */
    readonly firstAt: number;
    readonly lastAt: number;
  })[];
  readonly load: readonly NoiseLoad[];
  readonly missing: readonly string[];
  readonly agent?: string;
  readonly unread?: keyof typeof outcomeOf;
}

/** A change, such as a release, and how long to watch for what it does. */
export interface AnnounceInput extends Errand {
  /** Name of the routing key in the configuration: the change stands at its service. */
  readonly routingKey: string;
  /** The service to watch. */
  readonly service: string;
  /** Other services that the change may hurt. */
  readonly neighbours?: readonly string[];
  readonly summary: string;
  readonly source?: string;
  readonly links?: readonly { readonly href: string; readonly text?: string }[];
  readonly details?: Readonly<Record<string, unknown>>;
  /** Default 1800. */
  readonly watchSeconds?: number;
  /** How long between two looks. Default 60; longer where the watch is long. */
  readonly everySeconds?: number;
  /** Ends with the first incident, so that a pipeline can stop at once. */
  readonly stopAtFirst?: boolean;
}

export interface AnnounceResult extends ReportResult {
  readonly verdict: 'quiet' | 'incidents' | 'unknown';
  readonly incidents: readonly {
    readonly id: string;
    readonly number: number;
    readonly title: string;
    readonly service: string | null;
    readonly urgency: string;
    /** How long after the change, in milliseconds. */
    readonly afterMs: number;
  }[];
}

/** What happened to an incident that is over. */
export interface TimelineInput extends Subject {
  /** How long it must have stayed resolved, in seconds. Default 900. */
  readonly quietSeconds?: number;
  /** Whether the timeline is to stand as a note as well. Default true. */
  readonly note?: boolean;
}

export interface TimelineResult extends ReportResult {
  /** The oldest first. */
  readonly events: readonly {
    /** ISO 8601. */
    readonly at: string;
    readonly from: 'log' | 'note' | 'alert' | 'ours';
    readonly by: string;
    readonly text: string;
  }[];
  /** Milliseconds from its opening; `null` where that did not happen or is not known. */
  readonly toAcknowledgeMs: number | null;
  readonly toResolveMs: number | null;
  /** Who acknowledged it first, and who resolved it. */
  readonly acknowledgedBy: string | null;
  readonly resolvedBy: string | null;
  /** What the record leaves open. No cause is ever guessed. */
  readonly questions: readonly string[];
}

/** Many incidents at once: of these services, of these teams, or all that the agent may see. */
export interface StormInput extends PlanErrand, Among {
  /** How far back the storm began at most, in minutes. Default 60. */
  readonly minutes?: number;
  /** So many open incidents in that time, on so many services, make a storm. Default 20, and 1. */
  readonly fewest?: number;
  readonly fewestServices?: number;
  /**
   * Which incidents get a note: `none`; `leads`, of each cause the one that stands for it; `high`, these and every one of high
   * urgency; `all`. Default `leads`.
   */
  readonly notes?: 'none' | 'leads' | 'high' | 'all';
  /** Opens one incident for each escalation policy of the storm, which pages once for all. Default: pages nobody. */
  readonly page?: boolean;
  /** What is proposed in the end for those whose source has resolved all alerts. Default `recovered`: to resolve them, with an operator's word. */
  readonly resolve?: 'recovered' | 'none';
  /** How long the storm is watched at most, in seconds. Default 3600; 0 is one look. */
  readonly watchSeconds?: number;
  /** How long between two looks. Default 600. */
  readonly everySeconds?: number;
}

/** Incidents of a storm that are about one problem of one service. */
export interface StormCause {
  readonly service: string;
  /** Title of the one that stands for all. */
  readonly title: string;
  /** Id and number of that one: the oldest of high urgency, else the oldest. */
  readonly lead: string;
  readonly number: number;
  readonly incidents: number;
  readonly high: number;
  /** Not resolved. */
  readonly open: number;
  /** Open, and with an alert that fires. */
  readonly firing: number;
  /** Open, and acknowledged by a person. */
  readonly taken: number;
  /** How many are what, by the rules. */
  readonly classes: Readonly<Partial<Record<FindingClass, number>>>;
  /** Names of those whom its escalation policy pages first. */
  readonly onCall: readonly string[];
}

/** How a storm stands: what the Query `situation` answers. */
export interface StormSituation {
  /** When it was looked at, ISO 8601; `null` before the first look. */
  readonly at: string | null;
  /** How many looks there were. */
  readonly looks: number;
  /** Since the storm began; those of high urgency were triaged before any other. */
  readonly incidents: number;
  readonly high: number;
  readonly open: number;
  readonly firing: number;
  readonly taken: number;
  readonly services: number;
  readonly causes: number;
  /** How many have a note of this run. */
  readonly noted: number;
  /** Incidents that page for it, opened by this run. */
  readonly pages: readonly { readonly id: string; readonly number: number; readonly policy: string }[];
  /** The largest causes first, of high urgency before the others. */
  readonly largest: readonly StormCause[];
  /** What could not be read, and why. */
  readonly missing: readonly string[];
}

export interface StormResult extends PlanResult {
  /** Absent where only a plan was made or applied; so is the report. */
  readonly situation?: StormSituation;
  /** Markdown, one screen at most. */
  readonly report?: string;
  /** What could not be read, and why. */
  readonly missing?: readonly string[];
}
