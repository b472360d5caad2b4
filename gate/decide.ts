import { type Action, operatorActions, type Touch } from '../pagerduty/catalogue/endpoint.ts';
import { wordsOn } from './approval.ts';
import { canShow, isItself, noun, valuesOf } from './conditions.ts';
import type { FactName, Facts, Switches } from './facts.ts';
import {
  type Approval,
  type Cap,
  type Condition,
  conditionsOf,
  type Grant,
  grantFor,
  resourceOf,
  type When,
} from './grants.ts';
import { clockIn, isWithin } from './hours.ts';
import type { Agent, Policy } from './policy.ts';
import { join, nameOf, phrase, speaker, thing } from './words.ts';

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
  /** Operators whose word on exactly this step was verified. */
  readonly approvedBy?: readonly string[];
}

/** What a list is cut to: only records that show these values, and none that a deny forbids. */
export interface Narrowing {
  readonly only: Readonly<Partial<Record<Condition, readonly string[]>>>;
  readonly never: readonly Readonly<Partial<Record<Condition, readonly string[]>>>[];
}

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
  const verdicts = actions.map((action) => judge(found, action, question, facts, switches));
  const refused = verdicts.find((verdict) => verdict.kind === 'no');
  if (refused) {
    const action = actions[verdicts.indexOf(refused)] ?? '';
    const which = actions.length > 1 && !refused.why.includes(action) ? ` (asked for ${action})` : '';
    return denied(`agents.${agent}.${refused.rule}`, `${may}: ${refused.why}${which}.`);
  }
  const needs = new Set(verdicts.flatMap((verdict) => (verdict.kind === 'needs' ? verdict.needs : [])));
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
  return {
    decision: 'allowed',
    rule,
    sentence: `${who} may ${asked}: ${join([...new Set(yes.map(({ why }) => why))])}${narrowed(narrowing, question)}${approvers}.`,
    ...(leases.length === 0 ? {} : { leaseMs: Math.min(...leases) }),
    ...(caps.length === 0 ? {} : { caps }),
    ...(narrowing && { narrowing }),
    ...(approvedBy.length > 0 && { approvedBy }),
  };
}

/** What operators do themselves: the calls that no agent can be granted, and nothing else. */
export function decideForOperator(question: Question, facts: Facts, switches?: Switches): Decision {
  const { agent, actions } = question;
  const who = speaker(question);
  const asked = phrase(question, facts.incidents);
  const may = `${who} may not ${asked}`;
  if (switches?.disabled)
    return denied('agents disable', `${may}: this operator is disabled ${switches.disabled}.`);
  const others = actions.filter((action) => !(operatorActions as readonly string[]).includes(action));
  if (actions.length === 0 || others.length > 0)
    return denied(`operators.${agent}`, `${may}: ${join(others) || 'this'} is for agents; start it as one.`);
  return {
    decision: 'allowed',
    rule: `operators.${agent}`,
    sentence: `${who} may ${asked}: operators look after webhook subscriptions.`,
  };
}

type Verdict =
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
  if (granted.kind === 'no' || forbidden.kind === 'yes') {
    const never = forbidden.kind === 'yes' ? (forbidden.narrowing?.never ?? []) : [];
    if (granted.kind !== 'yes' || never.length === 0) return granted;
    return { ...granted, narrowing: { only: granted.narrowing?.only ?? {}, never } };
  }
  const needs = granted.kind === 'needs' ? granted.needs : [];
  return { kind: 'needs', needs: [...new Set([...forbidden.needs, ...needs])] };
}

/** What a deny says: it strikes, it cannot be told yet, or it does not strike; a list it cuts. */
function forbiddenBy(agent: Agent, action: Action, { touches, now }: Question, facts: Facts): Verdict {
  const needs = new Set<FactName>();
  const never: Narrowing['never'][number][] = [];
  for (const [index, { action: name, when }] of agent.deny.entries()) {
    if (name !== action && name !== resourceOf(action)) continue;
    const { hours, on_call, ...conditions } = when;
    if (hours && !isWithin(hours, now)) continue;
    if (on_call && facts.duty === undefined) {
      needs.add('duty');
      continue;
    }
    if (on_call && facts.duty?.length === 0) continue;
    const pairs = Object.entries(conditions) as [Condition, readonly string[]][];
    const rule = `deny.${index}`;
    const moment = [hours && `, ${hours.text}`, on_call && `, while ${agent.pagerduty_user} is on call`]
      .filter(Boolean)
      .join('');
    if (pairs.length === 0)
      return { kind: 'no', rule, why: `${name} is denied${moment}, and a deny always wins` };
    if (touches.length === 0 && action.endsWith('.view'))
      return {
        kind: 'no',
        rule,
        why: `nothing shows beforehand whether it is of what ${name} is denied for`,
      };
    if (touches.some(({ kind }) => kind === 'list')) {
      never.push(Object.fromEntries(pairs));
      continue;
    }
    // What is acted on, each with all that the request sends it to: a deny looks at the incident as it is and as it would be.
    const acted = touches.filter(({ kind }) => kind === touches[0]?.kind);
    const targets = touches.slice(acted.length);
    for (const touch of acted) {
      const strikes = strike(pairs, [touch, ...targets], facts, acted.length > 1);
      if (strikes.kind === 'needs') for (const need of strikes.needs) needs.add(need);
      else if (strikes.kind === 'no')
        return { kind: 'no', rule, why: `${strikes.why}, for which ${name} is denied${moment}` };
    }
  }
  if (needs.size > 0) return { kind: 'needs', needs: [...needs] };
  return { kind: 'yes', rule: '', why: '', narrowing: { only: {}, never } };
}

/** Whether all conditions of a deny hold of things that belong together. What they cannot show does not hold. */
function strike(
  pairs: readonly (readonly [Condition, readonly string[]])[],
  things: readonly Touch[],
  facts: Facts,
  isOneOfSeveral: boolean,
): Verdict {
  const needs = new Set<FactName>();
  const met: string[] = [];
  for (const [condition, values] of pairs) {
    const shown = things.filter((touch) => canShow(touch, condition));
    const read = shown.map((touch) => [touch, valuesOf(condition, touch, facts)] as const);
    const [hit] = read.flatMap(([touch, has]) => {
      const both = has.state === 'read' ? has.list.filter((value) => values.includes(value)) : [];
      const several = isOneOfSeveral || things.length > 1;
      return both.length === 0 ? [] : [`the ${ofWhat(condition, touch, several, facts)} is ${join(both)}`];
    });
    const unread = read.flatMap(([, has]) => (has.state === 'unread' ? [has.fact] : []));
    if (hit !== undefined) met.push(hit);
    else if (unread.length === 0) return { kind: 'yes', rule: '', why: '' };
    else for (const fact of unread) needs.add(fact);
  }
  if (needs.size > 0) return { kind: 'needs', needs: [...needs] };
  return { kind: 'no', rule: '', why: join(met) };
}

/** "urgency", and of which thing where a request touches several. */
const ofWhat = (condition: Condition, touch: Touch, isOneOfSeveral: boolean, facts: Facts): string =>
  isOneOfSeveral && !isItself(touch, condition)
    ? `${noun[condition]} of ${join(thing(touch, facts.incidents ?? []))}`
    : noun[condition];

function grantedBy(
  agent: Agent,
  action: Action,
  question: Question,
  facts: Facts,
  switches: Switches | undefined,
): Verdict {
  const { grants } = agent;
  const direct = grantFor(grants, action);
  const isView = action.endsWith('.view');
  const covers =
    direct !== undefined && (isView ? direct.grant.level !== 'off' : direct.grant.level === 'full');
  const own = covers ? conditions(agent, direct, action, question, facts, switches) : undefined;
  if (own?.kind === 'yes' && !own.cap) return own;
  // A full grant of one action includes reading the thing it acts on, unless a grant speaks of viewing itself. What creates
  // acts on nothing that is there to be read.
  if (isView && !grants.has(action) && question.touches.some(({ kind }) => kind !== 'list')) {
    const implied = [...grants].filter(
      ([name, { level }]) =>
        level === 'full' && name.startsWith(`${resourceOf(action)}.`) && !name.endsWith('.create'),
    );
    const verdicts = implied.map(([name, grant]) =>
      conditions(agent, { name, grant: reading(grant) }, action, question, facts, switches),
    );
    // What another grant includes uses up no cap; so that is found out first.
    const best = verdicts.find(({ kind }) => kind === 'yes');
    if (best) return best;
    const open = own?.kind === 'needs' ? [own, ...verdicts] : verdicts;
    const needs = open.flatMap((verdict) => (verdict.kind === 'needs' ? verdict.needs : []));
    if (needs.length > 0) return { kind: 'needs', needs: [...new Set(needs)] };
    const near = verdicts.find((verdict) => verdict.kind === 'no');
    if (!direct && near)
      return {
        ...near,
        why: `no grant covers ${action}, and those that include it do not reach so far: ${near.why}`,
      };
  }
  if (own) return own;
  if ((operatorActions as readonly string[]).includes(action))
    return { kind: 'no', rule: 'grants', why: `${action} is for operators alone` };
  if (!direct) return { kind: 'no', rule: 'grants', why: `no grant covers ${action}` };
  return {
    kind: 'no',
    rule: `grants.${direct.name}`,
    why: `its grant on ${direct.name} is ${direct.grant.level}, and ${action} needs ${isView ? 'read' : 'full'}`,
  };
}

/** A grant as far as it includes reading: caps, approval and lease are about the act. */
const reading = ({ level, when, until }: Grant): Grant => ({
  level,
  when,
  ...(until !== undefined && { until }),
});

function conditions(
  agent: Agent,
  { name, grant }: { readonly name: string; readonly grant: Grant },
  action: Action,
  question: Question,
  facts: Facts,
  switches: Switches | undefined,
): Verdict {
  const rule = `grants.${name}`;
  const { touches, now } = question;
  const no = (why: string): Verdict => ({ kind: 'no', rule, why });
  const atOnce = refusedAtOnce(name, grant, question);
  if (atOnce !== undefined) return no(atOnce);
  const needs = new Set<FactName>();
  const met: string[] = [];
  const only: Partial<Record<Condition, readonly string[]>> = {};
  const { hours, on_call, ...compared } = withDuty(grant.when, action, touches, facts);
  const [listed] = touches.filter(({ kind }) => kind === 'list');
  if (listed && compared.policies?.length === 0) {
    const covers = join(grant.when.policies ?? []);
    return no(
      `${personOf(agent)} is not on call now for any escalation policy that its grant covers, ${covers}`,
    );
  }
  for (const [condition, allowed] of Object.entries(compared) as [Condition, readonly string[]][]) {
    const asked = touches.filter((touch) => canShow(touch, condition));
    for (const touch of asked) {
      if (touch.kind === 'list') {
        const wanted = touch.within[condition];
        const both = wanted === undefined ? allowed : wanted.filter((value) => allowed.includes(value));
        if (both.length === 0)
          return no(
            `the list asks for ${noun[condition]} ${join(wanted ?? [])}; its grant covers ${join(allowed)}`,
          );
        only[condition] = both;
        if (wanted !== undefined && wanted.length === both.length)
          met.push(`the ${noun[condition]} is ${join(both)}`);
        continue;
      }
      const values = valuesOf(condition, touch, facts);
      if (values.state === 'unread') needs.add(values.fact);
      else if (!values.list.some((value) => allowed.includes(value)))
        return no(
          `the ${ofWhat(condition, touch, touches.length > 1, facts)} is ${join(values.list) || 'not set'}; its grant covers ${join(allowed)}`,
        );
      else met.push(`the ${noun[condition]} is ${join(values.list)}`);
    }
    // A condition that nothing touched can show is not met.
    if (asked.length === 0)
      return no(`the request shows no ${noun[condition]}; its grant covers ${join(allowed)} only`);
  }
  if (on_call) {
    const duty = onCall(agent, touches, facts);
    if (duty.kind === 'needs') for (const need of duty.needs) needs.add(need);
    else if (duty.kind === 'no') return no(duty.why);
    else met.push(duty.why);
  }
  if (action === 'incidents.acknowledge') {
    if (facts.ourDuty === undefined) needs.add('ourDuty');
    else if (facts.ourDuty !== null) return { kind: 'no', rule: 'grants', why: onDuty(facts.ourDuty) };
  }
  const { cap } = grant;
  const used = cap === undefined ? undefined : switches?.uses[name];
  if (cap && used !== undefined && used >= cap.count)
    return no(`its grant on ${name} is capped at ${cap.text}, and ${used} are used up`);
  if (needs.size > 0) return { kind: 'needs', needs: [...needs] };
  if (hours) met.push(`it is ${clockIn(hours.zone, now)} in ${hours.zone}`);
  const why =
    met.length > 0
      ? `${join([...new Set(met)])}, as its grant on ${name} asks`
      : `its grant on ${name} is ${grant.level}`;
  return {
    kind: 'yes',
    rule,
    why,
    ...(grant.leaseMs !== undefined && action === 'incidents.acknowledge' && { leaseMs: grant.leaseMs }),
    ...(cap && { cap: { grant: name, cap } }),
    // Reading needs nobody's word, also where one grant covers it beside the acts.
    ...(grant.approval && !action.endsWith('.view') && { approval: grant.approval }),
    ...(Object.keys(only).length > 0 && { narrowing: { only, never: [] } }),
  };
}

/** What refuses before any fact is read. */
function refusedAtOnce(name: string, grant: Grant, { touches, now }: Question): string | undefined {
  if (grant.until !== undefined && now >= grant.until)
    return `its grant on ${name} ended at ${new Date(grant.until).toISOString().slice(0, 16)}Z`;
  const { hours } = grant.when;
  if (hours && !isWithin(hours, now))
    return `it is ${clockIn(hours.zone, now)} in ${hours.zone}; its grant on ${name} covers ${hours.text}`;
  const key = touches.find((touch) => touch.kind === 'routing key');
  if (key && !grant.routingKeys?.includes(key.name))
    return `the routing key is ${nameOf(key.name)}; its grant covers ${join(grant.routingKeys ?? []) || 'none'}`;
  const incidents = touches.filter(({ kind }) => kind === 'incident').length;
  if (grant.maxIncidents !== undefined && incidents > grant.maxIncidents)
    return `it asks for ${incidents} incidents at once; its grant on ${name} covers ${grant.maxIncidents}`;
  return undefined;
}

/** While on call, a list is cut to the escalation policies on which the agent's person is. */
function withDuty(when: When, action: Action, touches: readonly Touch[], { duty }: Facts): When {
  const hasPolicies = (conditionsOf[resourceOf(action)] as readonly Condition[]).includes('policies');
  const isList = hasPolicies && touches.some(({ kind }) => kind === 'list');
  if (!when.on_call || !isList || !duty || duty.length === 0) return when;
  return { ...when, policies: when.policies?.filter((id) => duty.includes(id)) ?? [...duty] };
}

const personOf = ({ pagerduty_user = 'nobody' }: Agent): string => `${pagerduty_user}, for whom it works,`;

function onCall(agent: Agent, touches: readonly Touch[], facts: Facts): Verdict {
  const person = personOf(agent);
  if (facts.duty === undefined) return { kind: 'needs', needs: ['duty'] };
  if (facts.duty.length === 0) return { kind: 'no', rule: '', why: `${person} is not on call now` };
  for (const touch of touches) {
    if (touch.kind === 'list' || !canShow(touch, 'policies')) continue;
    const values = valuesOf('policies', touch, facts);
    if (values.state === 'unread') return { kind: 'needs', needs: [values.fact] };
    if (!values.list.some((id) => facts.duty?.includes(id))) {
      const where = join(values.list) || 'none';
      return {
        kind: 'no',
        rule: '',
        why: `${person} is not on call for escalation policy ${where} now`,
      };
    }
  }
  return { kind: 'yes', rule: '', why: `${person} is on call` };
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

const onDuty = (where: string): string =>
  `our own From user is on call (${where}), so an acknowledge would silence a page that is meant for it; take that user off call`;

const denied = (rule: string, sentence: string): Decision => ({ decision: 'denied', rule, sentence });
