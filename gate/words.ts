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

/** What is asked, as it follows "may": "acknowledge incident #12 (PABC)", "list who is on call". */
export function phrase({ summary, actions, touches }: Asked, incidentNumber?: number): string {
  const things = touches.flatMap((touch) => thing(touch, incidentNumber));
  const known = actions.map((action) => verbs[action]);
  if (known.length > 0 && known.every((verb) => verb !== undefined)) {
    return `${join(known)} ${join(things) || 'incidents'}`;
  }
  const words = `${summary.charAt(0).toLowerCase()}${summary.slice(1)}`;
  if (things.length === 0) return words;
  const kind = touches[0]?.kind ?? '';
  const general = new RegExp(`\\ban? ${kind}\\b`);
  return general.test(words) ? words.replace(general, join(things)) : `${words} (${join(things)})`;
}

function thing(touch: Touch, incidentNumber?: number): readonly string[] {
  switch (touch.kind) {
    case 'incident':
      return [
        incidentNumber === undefined
          ? `incident ${nameOf(touch.id)}`
          : `incident #${incidentNumber} (${nameOf(touch.id)})`,
      ];
    case 'routing key':
      return [`routing key ${nameOf(touch.name)}`];
    case 'list':
      return Object.entries(touch.within).map(([what, values]) => `${what} ${join(values)}`);
    case 'service':
    case 'escalation policy':
      return [`${touch.kind} ${nameOf(touch.id)}`];
  }
}

/** A name or id that came from outside, safe inside a sentence. */
export const nameOf = (text: string): string => oneLine(text, 60);

/** "a", "a and b", "a, b and c". */
export function join(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
