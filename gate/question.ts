import type { Action, Touch } from '../pagerduty/catalogue/endpoint.ts';
import type { FactName } from './facts.ts';
import type { Approval, Cap, Condition } from './grants.ts';

/** What is asked: may this agent do these actions to these things? */
export interface Question {
  readonly agent: string;
  /** The front door it speaks through, or the standing order that started its run. */
  readonly via?: string | undefined;
  /** PagerDuty's operationId. */
  readonly operation: string;
  /** The operation's `summary`. */
  readonly summary: string;
  readonly actions: readonly Action[];
  readonly touches: readonly Touch[];
  /** When it is asked, milliseconds since 1970. */
  readonly now: number;
  /** The request and the run it is asked for: a yes is good for these alone. Absent where it is only asked what would be said. */
  readonly for?: {
    /** Digest of operation and request. */
    readonly request: string;
    readonly workflowId: string;
    readonly runId: string;
  };
  /** Operators whose word on exactly this step was verified. */
  readonly approvedBy?: readonly string[];
}

/** What a list is cut to: only records that show these values, and none that a deny forbids. */
export interface Narrowing {
  readonly only: Readonly<Partial<Record<Condition, readonly string[]>>>;
  readonly never: readonly Readonly<Partial<Record<Condition, readonly string[]>>>[];
}

/** What one part of the gate says to one action. */
export type Verdict =
  | {
      readonly kind: 'yes';
      readonly rule: string;
      readonly why: string;
      readonly leaseMs?: number;
      readonly cap?: { readonly grant: string; readonly cap: Cap };
      readonly approval?: Approval;
      readonly narrowing?: Narrowing;
    }
  | { readonly kind: 'no'; readonly rule: string; readonly why: string }
  | { readonly kind: 'needs'; readonly needs: readonly FactName[] };

/** Nothing speaks against it. */
export const fine: Verdict = { kind: 'yes', rule: '', why: '' };
