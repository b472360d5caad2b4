import { type Action, operatorActions } from '../pagerduty/catalogue/endpoint.ts';
import { wordsOn } from './approval.ts';
import { noun } from './conditions.ts';
import type { Agent } from './configuration.ts';
import { type FactName, type Facts, incidentOf, type Switches } from './facts.ts';
import { forbiddenBy } from './forbidden.ts';
import { grantedBy } from './granted.ts';
import { type Cap, type Condition, resourceOf } from './grants.ts';
import { saying } from './permit.ts';
import type { Policy } from './policy.ts';
import { fine, type Narrowing, type Question, type Verdict } from './question.ts';
import { join, phrase, speaker, thing } from './words.ts';

export type { Narrowing, Question } from './question.ts';

/** The gate's word. `rule` is the line of the configuration that decided, by its path. */
export type Decision =
  | {
      readonly decision: 'allowed';
      readonly rule: string;
      readonly sentence: string;
      readonly leaseMs?: number;
      /** Capped grants that it uses up, to be counted in the transaction that writes it down. */
      readonly caps?: readonly { readonly grant: string; readonly cap: Cap }[];
      readonly narrowing?: Narrowing;
      /** Names of the operators whose word it took. */
      readonly approvedBy?: readonly string[];
    }
  | { readonly decision: 'denied'; readonly rule: string; readonly sentence: string }
  | {
      readonly decision: 'approval_needed';
      readonly rule: string;
      readonly sentence: string;
      /** Names of the operators who may approve, and how many must. */
      readonly by: readonly string[];
      readonly people: number;
      /** Names of those whose word counts already. */
      readonly approvedBy: readonly string[];
      /** Whether the grant names them; any operator's note counts only while that person is on call. */
      readonly isNamed: boolean;
    };

/** Not decided yet: the facts to read first. */
export interface Undecided {
  readonly decision: 'needs';
  readonly needs: readonly FactName[];
}

/**
 * May the agent do all of this? Pure: the same question on the same facts has the same answer. Denied by default; one
 * action refused refuses the whole request. Asks for a fact only where the answer hangs on it.
 * @param switches what the store says; absent while it is not asked yet, and then neither switch nor cap refuses.
 */
export function decide(
  policy: Policy,
  question: Question,
  facts: Facts,
  switches?: Switches,
): Decision | Undecided {
  const { agent, actions } = question;
  const found = policy.agents.get(agent);
  const who = speaker(question);
  const asked = phrase(question, facts.incidents);
  const may = `${who} may not ${asked}`;
  if (!found) return denied(`agents.${agent}`, `${may}: the configuration knows no agent of that name.`);
  if (switches?.disabled) return denied('agents disable', `${may}: it is disabled ${switches.disabled}.`);
  if (switches?.frozen) return denied('freeze', `${may}: everything is frozen ${switches.frozen}.`);
  if (actions.length === 0)
    return denied(`agents.${agent}`, `${may}: the request asks for nothing the gate knows.`);
  const verdicts = actions.map((action) => judge(found, action, aboutOf(action, question), facts, switches));
  const refused = verdicts.find((verdict) => verdict.kind === 'no');
  if (refused) {
    const action = actions[verdicts.indexOf(refused)] ?? '';
    const which = actions.length > 1 && !refused.why.includes(action) ? ` (asked for ${action})` : '';
    return denied(`agents.${agent}.${refused.rule}`, `${may}: ${refused.why}${which}.`);
  }
  const once = eachOnce(question, facts);
  if (once.kind === 'no') return denied(`agents.${agent}`, `${may}: ${once.why}.`);
  const needs = new Set([...verdicts, once].flatMap((one) => (one.kind === 'needs' ? one.needs : [])));
  if (needs.size > 0) return { decision: 'needs', needs: [...needs] };
  const yes = verdicts.filter((verdict) => verdict.kind === 'yes');
  const rule = join(yes.map((verdict) => `agents.${agent}.${verdict.rule}`));
  const words = yes.flatMap(({ approval }) =>
    approval ? [wordsOn(policy, found, approval, question.approvedBy ?? [])] : [],
  );
  const approvedBy = [...new Set(words.flatMap(({ given }) => given))];
  const missing = words.find((one) => one.missing)?.missing;
  if (missing) {
    return {
      decision: 'approval_needed',
      rule,
      sentence: `${who} may ${asked} once ${missing.whom}: ${join([...new Set(yes.map(({ why }) => why))])}.`,
      by: missing.by,
      people: missing.people,
      approvedBy,
      isNamed: missing.isNamed,
    };
  }
  const leases = yes.flatMap(({ leaseMs }) => leaseMs ?? []);
  const caps = yes.flatMap(({ cap }) => cap ?? []);
  const narrowing = narrowingOf(yes.flatMap(({ narrowing: one }) => one ?? []));
  const approvers = approvedBy.length > 0 ? `, approved by ${join(approvedBy)}` : '';
  return saying(question, {
    decision: 'allowed',
    rule,
    sentence: `${who} may ${asked}: ${join([...new Set(yes.map(({ why }) => why))])}${narrowed(narrowing, question)}${approvers}.`,
    ...(leases.length === 0 ? {} : { leaseMs: Math.min(...leases) }),
    ...(caps.length === 0 ? {} : { caps }),
    ...(narrowing && { narrowing }),
    ...(approvedBy.length > 0 && { approvedBy }),
  });
}

/** What operators do themselves: the calls that no agent can be granted, and nothing else. */
export function decideForOperator(question: Question, facts: Facts, switches?: Switches): Decision {
  const { agent, actions } = question;
  const who = speaker(question);
  const asked = phrase(question, facts.incidents);
  const may = `${who} may not ${asked}`;
  if (switches?.disabled)
    return denied('agents disable', `${may}: this operator is disabled ${switches.disabled}.`);
  const others = actions.filter((action) => !operatorsMay.has(action));
  if (actions.length === 0 || others.length > 0)
    return denied(`operators.${agent}`, `${may}: ${join(others) || 'this'} is for agents; start it as one.`);
  const why = join([
    ...new Set(
      actions.map((action) =>
        action === operatorsLook
          ? 'operators may look at incidents'
          : 'operators look after webhook subscriptions',
      ),
    ),
  ]);
  return saying(question, {
    decision: 'allowed',
    rule: `operators.${agent}`,
    sentence: `${who} may ${asked}: ${why}.`,
  });
}

/** What an operator's own run may do: `oncall why` looks at an incident, and nothing else of PagerDuty's is changed but the feed. */
const operatorsLook: Action = 'incidents.view';
const operatorsMay: ReadonlySet<Action> = new Set([...operatorActions, operatorsLook]);

/** What a read brings along of another resource shows itself in the answer alone, so that no condition can be compared. */
function aboutOf(action: Action, question: Question): Question {
  const [own = action] = question.actions;
  return resourceOf(action) === resourceOf(own) ? question : { ...question, touches: [] };
}

/** An incident that is named twice, by its id and by its number, would be changed twice, which none of the actions says. */
function eachOnce({ touches }: Question, { incidents }: Facts): Verdict {
  const named = touches.flatMap((touch) => (touch.kind === 'incident' ? [touch.id] : []));
  if (named.length < 2) return fine;
  if (!incidents) return { kind: 'needs', needs: ['incidents'] };
  const ids = named.map((id) => incidentOf({ incidents }, id)?.id ?? id);
  const twice = ids.find((id, index) => ids.indexOf(id) < index);
  if (twice === undefined) return fine;
  const [which] = thing({ kind: 'incident', id: twice }, incidents);
  return { kind: 'no', rule: '', why: `${which} stands in it twice` };
}

function judge(
  agent: Agent,
  action: Action,
  question: Question,
  facts: Facts,
  switches: Switches | undefined,
): Verdict {
  const forbidden = forbiddenBy(agent, action, question, facts);
  if (forbidden.kind === 'no') return forbidden;
  const granted = grantedBy(agent, action, question, facts, switches);
  if (granted.kind === 'no') return granted;
  if (forbidden.kind === 'yes' && granted.kind === 'yes') {
    const { narrowing: { only } = { only: {} } } = granted;
    return { ...granted, narrowing: { only, never: forbidden.narrowing?.never ?? [] } };
  }
  const needs = [forbidden, granted].flatMap((one) => (one.kind === 'needs' ? one.needs : []));
  return { kind: 'needs', needs: [...new Set(needs)] };
}

function narrowingOf(parts: readonly Narrowing[]): Narrowing | undefined {
  const only = Object.assign({}, ...parts.map((part) => part.only)) as Narrowing['only'];
  const never = parts.flatMap((part) => part.never);
  return Object.keys(only).length > 0 || never.length > 0 ? { only, never } : undefined;
}

/** What was cut, in words; what the list asked for itself is none of it. */
function narrowed(narrowing: Narrowing | undefined, { touches }: Question): string {
  if (!narrowing) return '';
  const [list] = touches.flatMap((touch) => (touch.kind === 'list' ? [touch.within] : []));
  const say = (part: Narrowing['only']): string =>
    join(
      (Object.entries(part) as [Condition, readonly string[]][]).map(
        ([name, of]) => `${noun[name]} ${join(of)}`,
      ),
    );
  const cut = Object.entries(narrowing.only).filter(
    ([name, values]) => list?.[name as Condition]?.length !== values.length,
  );
  const only = say(Object.fromEntries(cut));
  const never = narrowing.never.map((deny) => `, without ${say(deny)}`);
  return [only && `, narrowed to ${only}`, ...never].filter(Boolean).join('');
}

const denied = (rule: string, sentence: string): Decision => ({ decision: 'denied', rule, sentence });
