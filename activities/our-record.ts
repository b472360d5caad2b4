import { list } from '../gate/audit.ts';
import { oneLine } from '../pagerduty/text.ts';
import type { Deps } from './deps.ts';
import type { Read } from './duties.ts';
import { resolvedAtOf } from './episodes.ts';
import { doerOf } from './log.ts';
import { namedOf } from './named.ts';
import { perform } from './perform.ts';

/** What one of our runs did to an incident, or was not allowed to do. */
export interface OurAct {
  /** ISO 8601. */
  readonly at: string;
  readonly agent: string;
  readonly run: string;
  /** What the gate calls it: `incidents.acknowledge`. */
  readonly action: string;
  readonly decision: string;
  readonly sentence: string;
}

/** An incident with what our record has of it. */
export interface OurRecord {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly status: string;
  readonly service: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly resolvedAt: string | null;
  readonly isOursResolved: boolean;
  readonly acts: readonly OurAct[];
  /** Whether the record has more of it than is told. */
  readonly more: boolean;
}

const most = { acts: 200, text: 200 };

/**
 * An incident, and what the record has of writes on it by our runs. Whoever may see the incident in PagerDuty may see what we did
 * to it: it stands in its log there as well.
 */
export async function readOurRecord(
  deps: Deps,
  { step, incident }: { readonly step: string; readonly incident: string },
): Promise<Read<OurRecord>> {
  const result = await perform(deps, 'getIncident', {
    step,
    request: { params: { id: incident } },
    ours: true,
  });
  if (!result.ok) return result;
  const { incident: found } = result.response;
  const records = await list(await deps.store(), { incident: found.id, limit: 5 * most.acts });
  const acts = records
    .filter(
      ({ kind, action, account }) =>
        kind === 'entry' && account === deps.account && !action.endsWith('.view'),
    )
    .map(({ at, agent, workflowId, action, decision, sentence }) => ({
      at,
      agent,
      run: workflowId,
      action,
      decision,
      sentence: oneLine(sentence, most.text),
    }));
  const { id, incident_number: number, title, status, service, created_at: createdAt } = found;
  return {
    ok: true,
    id,
    number,
    title: oneLine(title ?? '', most.text),
    status,
    service: service ? namedOf(service).name : null,
    createdAt,
    resolvedAt: resolvedAtOf(found),
    isOursResolved: doerOf(found.last_status_change_by, result.ourUsers) === 'ours',
    acts: acts.slice(-most.acts),
    more: acts.length > most.acts || records.length === 5 * most.acts,
    agent: result.agent,
    entry: result.entry,
  };
}
