import type { Touch } from '../pagerduty/catalogue/endpoint.ts';
import { oneLine } from '../pagerduty/text.ts';

/** What the verbs of `updateIncident` are called; every other operation is called by its summary. */
const verbs: Readonly<Record<string, string>> = {
  'incidents.acknowledge': 'acknowledge',
  'incidents.unacknowledge': 'un-acknowledge',
  'incidents.resolve': 'resolve',
  'incidents.reopen': 'reopen',
  'incidents.reassign': 'reassign',
  'incidents.escalate': 'escalate',
  'incidents.set_urgency': 'set the urgency of',
  'incidents.move': 'move',
  'incidents.edit': 'edit',
};

interface Asked {
  readonly summary: string;
  readonly actions: readonly string[];
  readonly touches: readonly Touch[];
}

/** An incident that was read: its number says more to people than its id. */
interface Numbered {
  readonly id: string;
  readonly number: number;
}

/** How many things of one kind are named. */
const mostNamed = 5;

/** The first few of many. */
export function few(names: readonly string[]): readonly string[] {
  const rest = names.length - mostNamed;
  return rest > 1 ? [...names.slice(0, mostNamed), `${rest} more`] : names;
}

/** What is asked, as it follows "may": "acknowledge incident #12 (PABC)", "move incident PABC to service PDEF". */
export function phrase({ summary, actions, touches }: Asked, incidents: readonly Numbered[] = []): string {
  const named = (some: readonly Touch[]): readonly string[] =>
    few(some.flatMap((touch) => thing(touch, incidents)));
  const kind = touches[0]?.kind ?? '';
  const things = named(touches.filter((touch) => touch.kind === kind));
  const others = named(touches.filter((touch) => touch.kind !== kind));
  const known = actions.map((action) => verbs[action]);
  if (known.length > 0 && known.every((verb) => verb !== undefined))
    return `${join(known)} ${join(things) || 'incidents'}${others.length > 0 ? ` to ${join(others)}` : ''}`;
  const words = `${summary.charAt(0).toLowerCase()}${summary.slice(1)}`;
  const beside = (more: readonly string[]): string => (more.length > 0 ? ` (${join(more)})` : '');
  if (kind === 'new incident') return `${words} on ${join(things)}${beside(others)}`;
  const general = new RegExp(`\\ban? ${kind}\\b`);
  return kind !== '' && general.test(words)
    ? `${words.replace(general, () => join(things))}${beside(others)}`
    : `${words}${beside([...things, ...others])}`;
}

/** A thing that is touched, in words. */
export function thing(touch: Touch, incidents: readonly Numbered[]): readonly string[] {
  switch (touch.kind) {
    case 'incident': {
      const read = incidents.find(({ id, number }) => id === touch.id || String(number) === touch.id);
      return [read ? `incident #${read.number} (${nameOf(touch.id)})` : `incident ${nameOf(touch.id)}`];
    }
    case 'new incident':
      return [
        `service ${nameOf(touch.service)}`,
        ...(touch.policy === undefined ? [] : [`escalation policy ${nameOf(touch.policy)}`]),
      ];
    case 'new escalation policy':
      return touch.teams.map((team) => `team ${nameOf(team)}`);
    case 'routing key':
      return [`routing key ${nameOf(touch.name)}`];
    case 'list':
      return Object.entries(touch.within).map(([what, values]) => `${what} ${join(few(values))}`);
    default:
      return [`${touch.kind} ${nameOf(touch.id)}`];
  }
}

/** Who asks, in a sentence: "triage-bot", or "triage-bot via mcp". */
export const speaker = ({
  agent,
  via,
}: {
  readonly agent: string;
  readonly via?: string | undefined;
}): string => (via === undefined ? agent : `${agent} via ${via}`);

/** A name or id that came from outside, safe inside a sentence. */
export const nameOf = (text: string): string => oneLine(text, 60);

/** "a", "a and b", "a, b and c". */
export function join(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
