import type { Agent } from '../gate/policy.ts';

/** Grants in short, a line each: `incidents read`, `incidents.resolve full (with approval)`. */
export const grantsInShort = ({ grants }: Pick<Agent, 'grants'>): readonly string[] =>
  [...grants].map(([name, { level, when, cap, until, approval, leaseMs }]) => {
    const limits = [
      ...(Object.keys(when).length > 0 ? [`when ${Object.keys(when).join(' and ')} fit`] : []),
      ...(leaseMs === undefined ? [] : [`lease ${leaseMs / 1000} s`]),
      ...(cap ? [`at most ${cap.text}`] : []),
      ...(until === undefined ? [] : [`until ${new Date(until).toISOString().slice(0, 16)}Z`]),
      ...(approval ? ['with approval'] : []),
    ];
    return `${name} ${level}${limits.length === 0 ? '' : ` (${limits.join(', ')})`}`;
  });
