import { ApplicationFailure } from '@temporalio/common';
import { type ApprovalClaim, approvalClaim } from '../gate/approval.ts';
import type { Stamp } from '../gate/audit.ts';
import { digestOf } from '../gate/canonical.ts';
import type { Decision } from '../gate/decide.ts';
import type { Facts, IncidentFacts } from '../gate/facts.ts';
import type { planOperation } from '../gate/plan.ts';
import type { OperationName, ResponseOf } from '../pagerduty/catalogue/index.ts';
import type { Call } from './call.ts';
import { type AllFacts, shownOf } from './facts.ts';

/** The call was made. */
export interface Done<Name extends OperationName> {
  readonly ok: true;
  readonly response: ResponseOf<Name>;
  readonly entry: Stamp;
  /** The gate's sentence and what came of it. */
  readonly sentence: string;
  /** Whose authority it was. */
  readonly agent: string;
  /** Whether PagerDuty has shown that it is so: by its answer, or by a look afterwards. */
  readonly verified: boolean;
  /** Not yet shown, but a look would: the Activity `readBack`. */
  readonly canReadBack?: true;
  /** Ids of our own users, where the decision needed them. */
  readonly ourUsers?: readonly string[];
  /** Until when an acknowledge is held, milliseconds since 1970. */
  readonly leaseUntil?: number;
  /** Of a list that was cut to what the agent may see: in which words, and how many records of this page it may not. */
  readonly narrowed?: { readonly to: string; readonly hidden: number };
}

/** What a page of a list leaves out because the agent may not see it. */
export interface Unseen {
  /** How many records. */
  readonly hidden: number;
  /** Whether there may be more of them: what PagerDuty itself leaves out nobody has counted. */
  readonly isNarrowed: boolean;
}

export const unseenIn = ({ narrowed }: Pick<Done<OperationName>, 'narrowed'>): Unseen => ({
  hidden: narrowed?.hidden ?? 0,
  isNarrowed: narrowed !== undefined,
});

/** One of several things that a request is about, and why it stood in the way of all. */
export interface InTheWay {
  readonly id: string;
  readonly why: string;
}

/** The call was not made, or nobody knows whether it was, and why: a result, never a failure. */
export interface NotDone {
  readonly ok: false;
  readonly kind: 'PermissionDenied' | 'ApprovalNeeded' | 'Changed' | 'OutcomeUnknown';
  readonly sentence: string;
  readonly entry: Stamp;
  readonly agent: string;
  /** The incident as the decision read it, where the request names one. */
  readonly incident?: IncidentFacts;
  /** Of a request about several things: those that stood in its way; without them it may be asked again. */
  readonly inTheWay?: readonly InTheWay[];
  /** What an operator must sign, what that operator should see, and who may. */
  readonly approval?: {
    /** Short, for people; of this step on these facts. */
    readonly id: string;
    readonly claim: ApprovalClaim;
    /** What would be sent: the claim's `request` is its digest. */
    readonly operation: OperationName | typeof planOperation;
    readonly request: object;
    /** On which it would be sent: the claim's `facts` is their digest. */
    readonly facts: Facts;
    readonly by: readonly string[];
    readonly people: number;
    /** Whose words so far count for nothing, and why. */
    readonly unheard: readonly string[];
  };
}

export type CallResult<Name extends OperationName> = Done<Name> | NotDone;

/** What Temporal holds of one result; its own limit is 2 MB. */
const largestResultBytes = 1_800_000;

/** @throws ApplicationFailure where a run could not hold the result. */
export function checkSize(result: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes <= largestResultBytes) return;
  throw ApplicationFailure.nonRetryable(
    `PagerDuty's answer has ${(bytes / 1e6).toFixed(1)} MB, more than a run can hold; ask for fewer records with a smaller limit.`,
    'TooLarge',
  );
}

export function done<Name extends OperationName>(
  { caller, endpoint, keep }: Pick<Call<Name>, 'caller' | 'endpoint' | 'keep'>,
  response: ResponseOf<Name>,
  entry: Stamp,
  sentence: string,
  {
    ourUsers,
    leaseUntil,
    isFound = false,
  }: Pick<AllFacts, 'ourUsers'> & {
    readonly leaseUntil?: number | undefined;
    /** Whether it was seen in PagerDuty, rather than answered for. */
    readonly isFound?: boolean;
  },
): Done<Name> {
  const { shownBy = 'answer', paging, bulk } = endpoint;
  const verified = isFound || shownBy === 'answer';
  return {
    ok: true,
    response: cut(response, paging?.items ?? bulk?.items, keep),
    entry,
    sentence,
    agent: caller.agent,
    verified,
    ...(!verified && shownBy === 'look' && { canReadBack: true }),
    ...(ourUsers && { ourUsers }),
    ...(leaseUntil !== undefined && { leaseUntil }),
  };
}

/** The answer with only some fields of each record: what nobody needs stays out of the history. */
function cut<Response>(response: Response, items: string | undefined, keep: readonly string[] | undefined) {
  const records = items && (response as Readonly<Record<string, unknown>>)[items];
  if (!keep || !items || !Array.isArray(records)) return response;
  const kept = (records as readonly Readonly<Record<string, unknown>>[]).map((record) =>
    Object.fromEntries(keep.flatMap((field) => (field in record ? [[field, record[field]]] : []))),
  );
  return { ...response, [items]: kept };
}

export function refused<Name extends OperationName>(
  call: Call<Name>,
  decision: Exclude<Decision, { decision: 'allowed' }>,
  stamp: Stamp,
  facts: AllFacts,
  unheard: readonly string[],
): NotDone {
  if (decision.decision === 'denied') {
    const inTheWay = call.parts().flatMap(({ id, judge }): readonly InTheWay[] => {
      const alone = judge(facts);
      return alone.decision === 'denied' ? [{ id, why: alone.sentence }] : [];
    });
    return { ...notDone(call, 'PermissionDenied', decision.sentence, stamp, facts), ...some(inTheWay) };
  }
  const { by, people, sentence } = decision;
  const shown = shownOf(facts);
  const claim = approvalClaim(call.step, facts);
  return {
    ...notDone(call, 'ApprovalNeeded', sentence, stamp, facts),
    approval: {
      id: digestOf(claim).slice(0, 6),
      claim,
      operation: call.name,
      request: call.request,
      facts: shown,
      by,
      people,
      unheard,
    },
  };
}

/** Those in the way, as a field of the result; none where there are none. */
export const some = (inTheWay: readonly InTheWay[]): Pick<NotDone, 'inTheWay'> =>
  inTheWay.length === 0 ? {} : { inTheWay };

export function notDone<Name extends OperationName>(
  { caller }: Pick<Call<Name>, 'caller'>,
  kind: NotDone['kind'],
  sentence: string,
  entry: Stamp,
  { incidents = [] }: AllFacts,
): NotDone {
  const [incident, ...others] = incidents;
  const only = others.length === 0 ? incident : undefined;
  return { ok: false, kind, sentence, entry, agent: caller.agent, ...(only && { incident: only }) };
}
