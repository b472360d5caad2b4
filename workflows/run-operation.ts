import { ApplicationFailure } from '@temporalio/common';
import { type ChildWorkflowHandle, startChild, workflowInfo } from '@temporalio/workflow';
import type { CallResult } from '../activities/index.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { deskOf, type Refused } from './approvals.ts';
import { type Failed, knownOf, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { OperationInput, OperationResult, Outcome, RunId } from './contract.ts';
import { watchOver } from './hold.ts';
import { refusalsIn } from './override-answer.ts';
import { activitiesOf, perform } from './proxies.ts';
import { readBack } from './read-back.ts';
import { giveBack } from './release-incident.ts';
import { begin, type PagedName, type Position, pagings, type Query } from './walk.ts';
import { type WalkResult, walkPages } from './walk-pages.ts';

/** Any one operation of the catalogue, for agents that need no plan. What it acknowledges it holds under a lease, then gives back. */
export async function runOperation(input: OperationInput): Promise<OperationResult> {
  const chronicle = chronicleOf({ ...input, incident: incidentIn(input.request) });
  if (input.all) return walk(input, chronicle);
  const watch = watchOver(input, chronicle);
  const desk = deskOf(input, chronicle);
  const { operation, request, expect } = input;
  const call = callOf(input);
  const result = await desk.ask((words) =>
    perform(call, { step: operation, request, ...words, ...(expect && { expect }) }),
  );
  if (!result.ok) {
    if (mayHold(input) && result.kind === 'Failed') await giveBackAll(input, chronicle, incidentsIn(request));
    return notDone(chronicle, operation, result);
  }
  chronicle.actsAs(result.agent);
  const { response } = result;
  if (isRead(operation)) {
    const complete = operation in pagings ? { complete: (response as { more?: unknown }).more !== true } : {};
    return { ...chronicle.end('done', result.sentence, { verified: true }), response, ...complete };
  }
  const refused = refusedItems(response);
  for (const why of refused) chronicle.notChanged(operation, why);
  if (refused.length === 0 || refused.length < refusalsIn(response).length)
    chronicle.changed(result.sentence);
  const read = await readBack(input.account, { of: operation, operation, request }, result);
  const held = result.leaseUntil === undefined ? [] : acknowledgedIn(response);
  if (result.leaseUntil !== undefined && held.length > 0) {
    const unguarded = held.filter(
      ({ pending_actions }) => !pending_actions?.some(({ type }) => type === 'unacknowledge'),
    );
    await giveBackAll(
      input,
      chronicle,
      unguarded.map(({ id }) => id),
      'PagerDuty would not un-acknowledge it by itself; set an acknowledgement time-out on the service',
    );
    const guarded = held.filter((incident) => !unguarded.includes(incident)).map(({ id }) => id);
    if (guarded.length === 0)
      return { ...chronicle.end('partly', result.sentence, { verified: true }), response };
    return { ...(await watch(result.leaseUntil, guarded)), response };
  }
  const outcome: Outcome =
    refused.length === 0 ? 'done' : refused.length < refusalsIn(response).length ? 'partly' : 'failed';
  const sentence = refused.length === 0 ? read.sentence : `${read.sentence} But: ${refused.join('; ')}.`;
  return { ...chronicle.end(outcome, sentence, { verified: read.verified }), response };
}

type AnyCall = Parameters<typeof perform<AnyInput, CallResult<OperationName>>>[0];
interface AnyInput {
  readonly step: string;
  readonly request: object;
  readonly statements: readonly string[];
  readonly expect?: object;
}

/** The Activity of an operation, on the Task Queue where it belongs. */
function callOf(input: OperationInput): AnyCall {
  const { look, write, urgent, events } = activitiesOf(input.account);
  const { operation } = input;
  const on = isRead(operation)
    ? look
    : operation.startsWith('enqueue')
      ? events
      : operation === 'createIncident' || changesStatus(input)
        ? urgent
        : write;
  const call = on[operation] as AnyCall | undefined;
  if (!call) throw ApplicationFailure.nonRetryable(`There is no operation ${operation}.`, 'InvalidRequest');
  return call;
}

const isRead = (operation: OperationName): boolean => /^(list|get)/.test(operation);

const changesStatus = ({ request }: OperationInput): boolean =>
  membersIn(request).some(({ status }) => status !== undefined);

/** Whether the run may have acknowledged something, though nobody knows. */
const mayHold = ({ request }: OperationInput): boolean =>
  membersIn(request).some(({ status }) => status === 'acknowledged');

interface Wire {
  readonly params?: { readonly id?: string };
  readonly body?: {
    readonly incident?: { readonly status?: string };
    readonly incidents?: readonly { readonly id?: string; readonly status?: string }[];
  };
}

function membersIn(request: object): readonly { readonly id?: string; readonly status?: string }[] {
  const { params, body } = request as Wire;
  if (body?.incidents) return body.incidents;
  return body?.incident ? [{ ...params, ...body.incident }] : [];
}

const incidentsIn = (request: object): readonly string[] => membersIn(request).flatMap(({ id }) => id ?? []);

function incidentIn(request: object): string | undefined {
  const [id, ...others] = incidentsIn(request);
  return others.length === 0 ? id : undefined;
}

function acknowledgedIn(response: object): readonly Incident[] {
  const { incident, incidents = [] } = response as { incident?: Incident; incidents?: readonly Incident[] };
  return [...(incident ? [incident] : []), ...incidents].filter(({ status }) => status === 'acknowledged');
}

async function giveBackAll(
  { account }: OperationInput,
  chronicle: Chronicle,
  incidents: readonly string[],
  reason = 'nobody knows whether the acknowledge went through',
): Promise<void> {
  const back = await Promise.all(incidents.map((incident) => giveBack({ account, incident, reason })));
  for (const { summary } of back) chronicle.say(summary);
}

/** Overrides of a request that PagerDuty refused although it answered 201, a sentence each. */
const refusedItems = (response: object): readonly string[] =>
  refusalsIn(response).flatMap((why, index) =>
    why === undefined ? [] : [`override ${index + 1} was ${why}`],
  );

type NotDone = Extract<CallResult<OperationName>, { ok: false }> | Failed | Refused;

function notDone(chronicle: Chronicle, operation: OperationName, result: NotDone): OperationResult {
  if (result.kind === 'OutcomeUnknown') {
    chronicle.say(result.sentence);
    const next = ['Look in PagerDuty whether it is there before you do it again.'];
    return chronicle.end('partly', result.sentence, { next });
  }
  chronicle.notChanged(operation, result.sentence);
  return chronicle.end(outcomeOf[result.kind], result.sentence, knownOf(result));
}

/** Walks a list to its end in runs of some pages each. */
async function walk(input: OperationInput, chronicle: Chronicle): Promise<OperationResult> {
  const { account, operation, request, reason } = input;
  if (!isPaged(operation)) {
    return chronicle.end('failed', `${operation} does not page: everything comes at once, without all.`);
  }
  const paging = pagings[operation];
  const { query = {}, ...rest } = request as { readonly query?: Query; readonly params?: object };
  const runs: RunId[] = [];
  let position: Position | undefined = begin(paging, query, Date.now());
  let end: 'complete' | 'cut' = 'complete';
  while (position) {
    const workflowId = `${workflowInfo().workflowId}:${runs.length + 1}`;
    const child: ChildWorkflowHandle<typeof walkPages> = await startChild(walkPages, {
      workflowId,
      args: [{ account, operation, request: rest, position, ...(reason !== undefined && { reason }) }],
      staticSummary: `Pages of ${operation}`,
    });
    runs.push({ workflowId, runId: child.firstExecutionRunId });
    const result: WalkResult = await child.result();
    if (result.agent !== undefined) chronicle.actsAs(result.agent);
    if (result.stopped) {
      const walked = { walked: { items: paging.items, runs }, complete: false };
      return { ...notDone(chronicle, operation, result.stopped), ...walked };
    }
    position = result.next;
    end = result.end ?? end;
    chronicle.say(
      `${runs.length} ${runs.length === 1 ? 'run has' : 'runs have'} read pages of ${operation}.`,
    );
  }
  const complete = end === 'complete';
  const sentence = complete
    ? `${operation} was read to its end.`
    : `${operation} was read as far as PagerDuty shows it, 10,000 records: narrow the question to see the rest.`;
  return {
    ...chronicle.end(complete ? 'done' : 'partly', sentence, { verified: true }),
    complete,
    walked: { items: paging.items, runs },
  };
}

const isPaged = (operation: OperationName): operation is PagedName => operation in pagings;
