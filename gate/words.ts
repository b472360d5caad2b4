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

/** How many incidents of a bulk update are named. */
const mostNamed = 5;

/** What is asked, as it follows "may": "acknowledge incident #12 (PABC)", "move incident PABC to service PDEF". */
export function phrase({ summary, actions, touches }: Asked, incidents: readonly Numbered[] = []): string {
  const named = (some: readonly Touch[]): readonly string[] =>
    some.flatMap((touch) => thing(touch, incidents));
  const known = actions.map((action) => verbs[action]);
  if (known.length > 0 && known.every((verb) => verb !== undefined)) {
    const isIncident = ({ kind }: Touch): boolean => kind === 'incident';
    const things = named(touches.filter(isIncident));
    const rest = things.length - mostNamed;
    const which = rest > 1 ? [...things.slice(0, mostNamed), `${rest} more`] : things;
    const where = named(touches.filter((touch) => !isIncident(touch)));
    return `${join(known)} ${join(which) || 'incidents'}${where.length > 0 ? ` to ${join(where)}` : ''}`;
  }
  const things = named(touches);
  const words = `${summary.charAt(0).toLowerCase()}${summary.slice(1)}`;
  if (things.length === 0) return words;
  const kind = touches[0]?.kind ?? '';
  if (kind === 'new incident') return `${words} on ${join(things)}`;
  const general = new RegExp(`\\ban? ${kind}\\b`);
  return general.test(words) ? words.replace(general, () => join(things)) : `${words} (${join(things)})`;
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
    case 'routing key':
      return [`routing key ${nameOf(touch.name)}`];
    case 'list':
      return Object.entries(touch.within).map(([what, values]) => `${what} ${join(values)}`);
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
