import type { AuditRecord, Stamp } from '../gate/audit.ts';
import { incidentOf } from '../gate/facts.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { type Call, statusIn } from './call.ts';
import type { AllFacts } from './facts.ts';

/** The entry before the call. Lists the reads that were made for its decision. */
export function entryOf<Name extends OperationName>(
  call: Call<Name>,
  facts: AllFacts,
  decided: { readonly decision: AuditRecord['decision']; readonly rule: string; readonly sentence: string },
  approvals: AuditRecord['approvals'] = [],
): AuditRecord {
  return {
    ...common(call, facts),
    kind: 'entry',
    ...pick(decided),
    facts,
    ...(approvals.length > 0 && { approvals }),
    reads: [...call.reader.reads],
  };
}

/** The outcome after the call, of the entry that `stamp` names. */
export function outcomeOf<Name extends OperationName>(
  call: Call<Name>,
  facts: AllFacts,
  stamp: Stamp,
  came: {
    readonly decision: AuditRecord['decision'];
    readonly sentence: string;
    readonly status?: number | undefined;
    readonly requestId?: string | undefined;
  },
): AuditRecord {
  const { status, requestId } = came;
  return {
    ...common(call, facts),
    kind: 'outcome',
    entry: stamp.seq,
    ...pick({ ...came, rule: '' }),
    reads: [...call.reader.reads],
    status,
    requestId,
  };
}

const pick = ({ decision, rule, sentence }: Pick<AuditRecord, 'decision' | 'rule' | 'sentence'>) => ({
  decision,
  rule,
  sentence,
});

const common = <Name extends OperationName>(call: Call<Name>, facts: AllFacts) => ({
  ...call.caller,
  operation: call.name,
  action: call.actions(statusIn(facts)).join(),
  incident: theOnly(call.incidentIds.map((id) => incidentOf(facts, id)?.id ?? id)),
  requestDigest: call.step.digest,
});

/** The incident an entry is about; a bulk update names its members in its facts. */
const theOnly = (ids: readonly string[]): string | null => (ids.length === 1 ? (ids[0] ?? null) : null);
