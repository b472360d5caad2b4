import { type Action, operatorActions, type Touch } from '../pagerduty/catalogue/endpoint.ts';
import { canShow, noun, ofWhat, valuesOf } from './conditions.ts';
import type { Agent } from './configuration.ts';
import type { FactName, Facts, Switches } from './facts.ts';
import { type Condition, conditionsOf, type Grant, grantFor, resourceOf, type When } from './grants.ts';
import { clockIn, isWithin } from './hours.ts';
import { fine, type Question, type Verdict } from './question.ts';
import { few, join, nameOf } from './words.ts';

/** What the grants say to an action: one covers it, none does, or it cannot be told yet. */
export function grantedBy(
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
  if (compared.policies?.length === 0) {
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
            `the list asks for ${noun[condition]} ${join(few(wanted ?? []))}; its grant covers ${join(allowed)}`,
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
  const people = toPeople(action, touches, facts);
  if (people.kind === 'no') return people;
  if (people.kind === 'needs') for (const need of people.needs) needs.add(need);
  const { cap } = grant;
  const used = switches?.uses[name] ?? 0;
  if (cap && used >= cap.count)
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
    ...(grant.leaseMs !== undefined && { leaseMs: grant.leaseMs }),
    ...(cap && { cap: { grant: name, cap } }),
    // Reading needs nobody's word, also where one grant covers it beside the acts.
    ...(grant.approval && !action.endsWith('.view') && { approval: grant.approval }),
    narrowing: { only, never: [] },
  };
}

/** What refuses before any fact is read. */
function refusedAtOnce(name: string, grant: Grant, { touches, now }: Question): string | undefined {
  const { until = Number.POSITIVE_INFINITY, maxIncidents = Number.POSITIVE_INFINITY } = grant;
  if (now >= until) return `its grant on ${name} ended at ${new Date(until).toISOString().slice(0, 16)}Z`;
  const { hours } = grant.when;
  if (hours && !isWithin(hours, now))
    return `it is ${clockIn(hours.zone, now)} in ${hours.zone}; its grant on ${name} covers ${hours.text}`;
  const key = touches.find((touch) => touch.kind === 'routing key');
  if (key && !grant.routingKeys?.includes(key.name))
    return `the routing key is ${nameOf(key.name)}; its grant covers ${join(grant.routingKeys ?? []) || 'none'}`;
  const incidents = touches.filter(({ kind }) => kind === 'incident').length;
  if (incidents > maxIncidents)
    return `it asks for ${incidents} incidents at once; its grant on ${name} covers ${maxIncidents}`;
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

const onDuty = (where: string): string =>
  `our own From user is on call (${where}), so an acknowledge would silence a page that is meant for it; take that user off call`;

/** Actions by which users who are named get pages. */
const paging: readonly Action[] = [
  'incidents.create',
  'incidents.reassign',
  'schedules.override',
  'escalation_policies.create',
];

/** Pages go to people: a user of ours hears none. */
function toPeople(action: Action, touches: readonly Touch[], { ourUsers }: Facts): Verdict {
  const users = touches.flatMap((touch) => (touch.kind === 'user' ? [touch.id] : []));
  if (users.length === 0 || !paging.includes(action)) return fine;
  if (!ourUsers) return { kind: 'needs', needs: ['ourUsers'] };
  const ours = users.find((id) => ourUsers.includes(id));
  const why = `user ${nameOf(ours ?? '')} is our own From user, and a page that goes there reaches nobody`;
  return ours === undefined ? fine : { kind: 'no', rule: 'grants', why };
}
