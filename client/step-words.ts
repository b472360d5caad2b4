import { type Facts, incidentOf } from '../gate/facts.ts';
import { type Hashed, hashed, planOperation } from '../gate/plan.ts';
import { phrase } from '../gate/words.ts';
import type { Endpoint } from '../pagerduty/catalogue/endpoint.ts';
import { catalogue } from '../pagerduty/catalogue/index.ts';
import { oneLine, revealed } from '../pagerduty/text.ts';
import type { WaitingStep } from './approvals.ts';

/**
 * A step for people: what is asked, what would be sent, on which facts, and until when. What the run says of itself comes first;
 * `you sign` and all below is worked out here, from what the signature covers.
 */
export function shown({
  id,
  agent,
  sentence,
  effect,
  anew,
  operation,
  request,
  facts,
  until,
  workflowId,
  people,
}: WaitingStep): string {
  const rest = Math.max(0, Math.round((until - Date.now()) / 1000));
  return [
    // A run is only a run: its words must not look like ours, nor move the cursor.
    `${id}  ${oneLine(sentence, 2_000)}`,
    ...(anew ? [`  ${oneLine(anew, 1_000)}`] : []),
    `  effect: ${oneLine(effect, 2_000)}`,
    `  you sign: ${oneLine(agent, 60)} may ${asked({ operation, request, facts })}`,
    // All of it, and what hides in it: nobody can sign what is not shown.
    ...(operation === planOperation
      ? (request as Hashed).writes.map(
          (write) => `  would send: ${write.operation} ${revealed(JSON.stringify(write.request))}`,
        )
      : [`  would send: ${operation} ${revealed(JSON.stringify(request))}`]),
    ...(operation === planOperation ? seenIn(request as Hashed) : factsOf(facts)).map((line) => `  ${line}`),
    ...(people > 1 ? [`  needs the word of ${people} more people`] : []),
    `  run ${revealed(workflowId)}; waits until ${new Date(until).toISOString().slice(0, 19)}Z (${rest} s)`,
  ].join('\n');
}

/** What the request asks, in the gate's words. */
function asked({ operation, request, facts }: Pick<WaitingStep, 'operation' | 'request' | 'facts'>): string {
  if (operation === planOperation) {
    const { writes } = request as Hashed;
    return `carry out the plan ${hashed(request as Hashed).hash.slice(0, 12)}: ${writes.length} ${writes.length === 1 ? 'write' : 'writes'}, as below`;
  }
  const endpoint: Endpoint = catalogue[operation];
  if (!endpoint.request.safeParse(request).success)
    return `send ${operation}, which is no request that PagerDuty takes`;
  const actions = endpoint.actions(request as never, (id) => incidentOf(facts, id)?.status);
  const touches = endpoint.touches(request as never);
  return phrase({ summary: endpoint.summary, actions, touches }, facts.incidents);
}

/** What a plan hangs on, whose duty it changes, and its incidents as it saw them, once each. */
const seenIn = ({ head, writes }: Hashed): readonly string[] => [
  ...linesOf(head, 'basis').map((line) => `goes by: ${line}`),
  ...linesOf(head, 'guards').map((line) => `asks because: ${line}`),
  ...linesOf(head, 'concerned').map((line) => `concerns: ${line}`),
  ...new Set(
    writes.flatMap(({ seen }) => seen.map((incident) => `as seen: ${revealed(JSON.stringify(incident))}`)),
  ),
];

const linesOf = (head: object, field: string): readonly string[] => {
  const lines: unknown = (head as Readonly<Record<string, unknown>>)[field];
  return Array.isArray(lines)
    ? lines.map((line: unknown) => revealed(typeof line === 'string' ? line : JSON.stringify(line)))
    : [];
};

/** Facts in lines, ids as PagerDuty gave them. */
export function factsOf({ incidents = [], ...others }: Facts): readonly string[] {
  const lines = incidents.map(
    ({ number, id, title, status, urgency, service, policy, assignees, acknowledgers }) =>
      `incident #${number} (${id}): ${[
        status,
        `urgency ${urgency}`,
        ...(title === undefined ? [] : [`“${oneLine(title, 200)}”`]),
        `service ${service ?? 'none'}`,
        `escalation policy ${policy ?? 'none'}`,
        `assigned to ${assignees.join(', ') || 'nobody'}`,
        `acknowledged by ${acknowledgers.join(', ') || 'nobody'}`,
      ].join(', ')}`,
  );
  const rest = Object.entries(others).filter(([, value]) => value !== undefined);
  return [...lines, ...rest.map(([name, value]) => `${name}: ${oneLine(JSON.stringify(value), 1_000)}`)];
}
