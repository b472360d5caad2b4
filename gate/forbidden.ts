import type { Action, Touch } from '../pagerduty/catalogue/endpoint.ts';
import { canShow, ofWhat, valuesOf } from './conditions.ts';
import type { Agent } from './configuration.ts';
import type { FactName, Facts } from './facts.ts';
import { type Condition, resourceOf } from './grants.ts';
import { isWithin } from './hours.ts';
import { fine, type Narrowing, type Question, type Verdict } from './question.ts';
import { join } from './words.ts';

/** What a deny says: it strikes, it cannot be told yet, or it does not strike; a list it cuts. */
export function forbiddenBy(agent: Agent, action: Action, { touches, now }: Question, facts: Facts): Verdict {
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
    else if (unread.length === 0) return fine;
    else for (const fact of unread) needs.add(fact);
  }
  if (needs.size > 0) return { kind: 'needs', needs: [...needs] };
  return { kind: 'no', rule: '', why: join(met) };
}
