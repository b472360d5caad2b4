/** What PagerDuty said about an incident in the attempt that decides. Ids, in PagerDuty's words. */
export interface IncidentFacts {
  readonly id: string;
  readonly number: number;
  /** For whoever approves something of it. */
  readonly title?: string;
  readonly status: string;
  readonly urgency: string;
  readonly service: string | undefined;
  readonly policy: string | undefined;
  readonly teams: readonly string[];
  readonly assignees: readonly string[];
  /** Where they were named themselves, and no escalation policy named them. */
  readonly chosen?: true;
  readonly acknowledgers: readonly string[];
}

/** What PagerDuty said about a service. */
export interface ServiceFacts {
  readonly id: string;
  readonly policy: string | undefined;
  readonly teams: readonly string[];
}

/** What PagerDuty said about an escalation policy, a schedule or a user. */
export interface TeamFacts {
  readonly id: string;
  readonly teams: readonly string[];
}

/** What is known when deciding. A fact that is not read yet is absent: `decide` asks for it by name. */
export interface Facts {
  /** Each incident that is touched. */
  readonly incidents?: readonly IncidentFacts[];
  readonly services?: readonly ServiceFacts[];
  readonly policies?: readonly TeamFacts[];
  readonly schedules?: readonly TeamFacts[];
  readonly users?: readonly TeamFacts[];
  /** Ids of our own users: those whom our `From` addresses name or named. */
  readonly ourUsers?: readonly string[];
  /** Where a user of ours, named by a `From` address, is on call himself, in words; `null` where none is. */
  readonly ourDuty?: string | null;
  /** Escalation policies on which the person whom the agent works for is on call now. */
  readonly duty?: readonly string[];
}

/** A fact by its name, the runner's own among them. */
export type FactName = keyof Facts | 'holder' | 'recordedPolicy' | 'orderedService';

/** What the store says at the moment of the decision: read in its transaction, so that it holds on all machines at once. */
export interface Switches {
  /** Since when, by whom and why everything is frozen, in words; `null` where it is not. */
  readonly frozen: string | null;
  /** The same of the agent. */
  readonly disabled: string | null;
  /** Why the token by which the agent came through a front door counts no more; `null` or absent where it does, or there is none. */
  readonly bearerLost?: string | null;
  /** How many other steps used a capped grant within its span, by the grant's name. */
  readonly uses: Readonly<Record<string, number>>;
}

/** Whether two lists hold the same ids, in whatever order. */
export const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value) => b.includes(value));

/** The incident that a request names, by its id or, as PagerDuty takes it too, by its number. */
export const incidentOf = (
  { incidents = [] }: { readonly incidents?: readonly IncidentFacts[] },
  id: string,
): IncidentFacts | undefined =>
  incidents.find((incident) => incident.id === id || String(incident.number) === id);
