import type { narrowAnswer, narrowRequest } from '../../activities/narrow.ts';
import type { Decision, decide, Undecided } from '../../gate/decide.ts';
import type { Facts } from '../../gate/facts.ts';
import { type Policy, parsePolicy } from '../../gate/policy.ts';
import type { Endpoint } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName } from '../../pagerduty/catalogue/index.ts';
import type { Answer, Case } from './reference-gate.ts';
import type { Thing } from './reference-gist.ts';

/** The gate under test: the real one, or a mutant of it. */
export interface Gate {
  readonly decide: typeof decide;
  readonly narrowAnswer: typeof narrowAnswer;
  readonly narrowRequest: typeof narrowRequest;
}

/** The configuration of a case, as a file would have it. */
export function policyIn({ grants, deny, bot, operators }: Case): Policy {
  return parsePolicy(JSON.stringify({ agents: { bot: { ...bot, grants, deny } }, operators }));
}

const pick = (facts: Required<Facts>, names: readonly string[]): Facts =>
  Object.fromEntries(names.map((name) => [name, facts[name as keyof Facts]]));

/** How often an attempt reads before it gives up. */
const mostRounds = 4;

/** What the gate says when it knows everything, and what it says when it is told only what it asks for. */
export function answersOf(
  gate: Gate,
  asked: Case,
  policy: Policy,
): { readonly atOnce: Answer; readonly stepByStep: Answer; readonly sentence: string } {
  const endpoint: Endpoint = catalogue[asked.operation as OperationName];
  const switches = {
    frozen: asked.frozen ? 'since noon by lead' : null,
    disabled: asked.disabled ? 'since noon by lead' : null,
    uses: Object.fromEntries(Object.keys(asked.grants).map((name) => [name, asked.used])),
  };
  const judge = (facts: Facts): Decision | Undecided =>
    gate.decide(
      policy,
      {
        agent: asked.known ? 'bot' : 'stranger',
        operation: asked.operation,
        summary: endpoint.summary,
        actions: endpoint.actions(
          asked.request as never,
          (id) => facts.incidents?.find((one) => one.id === id || String(one.number) === id)?.status,
        ),
        touches: endpoint.touches(asked.request as never),
        now: asked.now,
        approvedBy: asked.approvedBy,
      },
      facts,
      switches,
    );
  const atOnce = judge(asked.facts);
  const names = new Set<string>(endpoint.situated ? ['incidents'] : []);
  let late = judge(pick(asked.facts, [...names]));
  for (let round = 1; round < mostRounds && late.decision === 'needs'; round += 1) {
    for (const need of late.needs) names.add(need);
    late = judge(pick(asked.facts, [...names]));
  }
  return {
    atOnce: answerOf(gate, asked, endpoint, atOnce),
    stepByStep: answerOf(gate, asked, endpoint, late),
    sentence: atOnce.decision === 'needs' ? '' : atOnce.sentence,
  };
}

function answerOf(gate: Gate, asked: Case, endpoint: Endpoint, said: Decision | Undecided): Answer {
  switch (said.decision) {
    case 'needs':
      return { answer: `needs ${said.needs.join()}` as never };
    case 'denied':
      return { answer: 'denied' };
    case 'approval_needed':
      return { answer: 'approval_needed', people: said.people };
    case 'allowed':
      return {
        answer: 'allowed',
        ...(said.leaseMs !== undefined && { lease: `${said.leaseMs / 60_000}m` }),
        ...(said.caps && { caps: [...new Set(said.caps.map(({ grant }) => grant))] }),
        ...(said.approvedBy && { approvedBy: said.approvedBy }),
        ...(endpoint.method === 'GET' && { isSent: isSent(gate, asked, endpoint, said.narrowing) }),
        ...(endpoint.narrows && shownBy(gate, asked, endpoint, said.narrowing)),
      };
  }
}

/** Whether what goes to PagerDuty is still a request of the operation. */
const isSent = (gate: Gate, { request }: Case, endpoint: Endpoint, narrowing: Narrowing): boolean =>
  endpoint.request.safeParse(gate.narrowRequest({ endpoint, request: request as never }, narrowing)).success;

type Narrowing = Parameters<Gate['narrowAnswer']>[2];

/** Which filters PagerDuty is sent, and which records are left of what it answers. */
function shownBy(
  gate: Gate,
  asked: Case,
  endpoint: Endpoint,
  narrowing: Narrowing,
): Pick<Answer, 'shown' | 'filters' | 'isCut'> {
  const items = endpoint.paging?.items ?? '';
  const call = { endpoint, request: asked.request as never };
  const { query = {} } = gate.narrowRequest(call, narrowing) as { query?: Record<string, readonly string[]> };
  const conditions = new Map<string, string>(
    Object.entries(endpoint.narrows?.by ?? {}).map(([condition, name]) => [name, condition]),
  );
  const filters = Object.entries(query)
    .filter(([name]) => name !== 'include[]')
    .map(([name, values]) => [conditions.get(name) ?? name, values.toSorted()] as const);
  const records = asked.records.map((thing, index) => ({ index, ...recordOf(asked.operation, thing) }));
  const { shown } = gate.narrowAnswer(call, { [items]: records, total: records.length } as never, narrowing);
  const answer = shown as unknown as Record<string, readonly { index: number }[]> & { total: unknown };
  return {
    isCut: answer.total === null,
    shown: (answer[items] ?? []).map(({ index }) => index),
    filters: Object.fromEntries(filters),
  };
}

const refs = (ids: readonly string[] = []) => ids.map((id) => ({ id }));

/** A record as PagerDuty sends it. */
function recordOf(operation: string, thing: Thing): object {
  const { services = [], teams, policies = [], schedules = [], urgency, status, assignee } = thing;
  const [policy] = refs(policies);
  const ownId = { listServices: services, listSchedules: schedules, listEscalationPolicies: policies }[
    operation
  ];
  return {
    id: operation === 'listTeams' ? teams?.[0] : ownId?.[0],
    service: refs(services)[0] ?? null,
    escalation_policy: policy ?? (operation === 'listOnCalls' ? { id: 'PE0' } : null),
    schedule: refs(schedules)[0] ?? null,
    teams: refs(teams),
    urgency: urgency?.[0],
    status: status?.[0],
    assignments: refs(assignee).map((who) => ({ assignee: who })),
  };
}
