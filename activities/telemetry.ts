import { asyncLocalStorage } from '@temporalio/activity';
import type { AuditRecord } from '../gate/audit.ts';
import { runner } from '../gate/runner.ts';
import { isWrite } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName, operationNames } from '../pagerduty/catalogue/index.ts';
import { PagerDutyError } from '../pagerduty/errors.ts';
import type { Deps } from './deps.ts';

/** Who asks without proof can claim any name, and a metric with a name of its own for each is never given back. */
const unproved = 'unproved';

/** Counts, logs and traces a record that stands now, what the gate decided and what came of it, for the Activity that made it. */
export function tellRecord({ policy, trace }: Pick<Deps, 'policy' | 'trace'>, record: AuditRecord): void {
  const activity = asyncLocalStorage.getStore();
  if (record.kind === 'question' || !activity) return;
  const { log, metricMeter } = activity;
  const { account, agent, operation, decision, incident, runId, sentence } = record;
  // A yes is told by what comes of it, and what was only read by nothing.
  const isNews = record.kind === 'entry' ? decision !== 'allowed' : wrote(operation);
  log[isNews ? 'info' : 'debug'](sentence, { agent, operation, decision, incident, runId });
  const state = policy();
  const isKnown =
    record.agent === runner ||
    (state.readable && (state.policy.agents.has(record.agent) || state.policy.operators.has(record.agent)));
  const tags = { account, agent: isKnown ? record.agent : unproved, operation };
  trace?.tell({
    'oncall.account': account,
    'oncall.agent': tags.agent,
    'oncall.operation': operation,
    ...(incident !== null && { 'oncall.incident': incident }),
    [record.kind === 'entry' ? 'oncall.decision' : 'oncall.outcome']: decision,
  });
  if (record.kind === 'entry') {
    metricMeter
      .createCounter('oncall_decisions_total', undefined, 'What the gate decided on calls')
      .add(1, { ...tags, decision });
    return;
  }
  metricMeter
    .createCounter('oncall_outcomes_total', undefined, 'What came of calls that were sent')
    .add(1, { ...tags, outcome: decision });
  if (
    record.agent === runner &&
    operation === 'updateIncident' &&
    (decision === 'done' || decision === 'found')
  )
    metricMeter
      .createCounter('oncall_releases_total', undefined, 'Incidents that were given back to people')
      .add(1, { account });
}

/** Counts an answer by which PagerDuty's limit refused a request; what we held back ourselves is none. */
export function countRefused(operation: OperationName, error: unknown): void {
  if (!(error instanceof PagerDutyError) || error.facts.status !== 429) return;
  asyncLocalStorage
    .getStore()
    ?.metricMeter.createCounter(
      'oncall_rate_limited_total',
      undefined,
      'Requests that PagerDuty refused by 429',
    )
    .add(1, { operation });
}

const wrote = (operation: string): boolean =>
  operationNames.some((name) => name === operation && isWrite(catalogue[name]));
