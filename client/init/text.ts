import type { Kept, Region } from './key.ts';
import type { Scope } from './places.ts';

/** What a first configuration says. */
export interface FirstConfiguration {
  readonly region: Region;
  readonly credential: Kept;
  readonly from: string;
  readonly agent: string;
  readonly scope: Scope;
  /** The day it is written, `2026-11-26`. */
  readonly day: string;
}

/** The text of a first `oncall.yaml`: one account, and one agent that reads and writes notes. It names the key's place, never the key. */
export function firstConfiguration(first: FirstConfiguration, publicKey: string): string {
  const { region, credential, from, agent, scope, day } = first;
  const when = whenOf(scope);
  const limited = (level: string): string => (when === '' ? level : `{ level: ${level}, when: { ${when} } }`);
  return [
    `# Written by \`oncall init\` on ${day}. What is not granted here is denied; docs/policy.md says what else may stand here.`,
    'accounts:',
    '  main:',
    ...Object.entries(region).map(([name, value]) => `    ${name}: ${value}`),
    `    ${credential.kind}: ${credential.ref}   # where the key lies, never the key; read-only is enough until notes are to be written`,
    `    from: ${from}   # a PagerDuty user of ours, on no schedule and no escalation policy`,
    'agents:',
    `  # ${agent} reads, and writes notes; it acknowledges and resolves nothing. It works on ${wordsOf(scope)}`,
    ...(scope.of === 'all' ? [] : scope.chosen.map(({ id, name }) => `  #   ${id}  ${name}`)),
    `  ${agent}:`,
    `    public_key: ${publicKey}`,
    '    grants:',
    `      incidents: ${limited('read')}`,
    `      incidents.add_note: ${limited('full')}`,
    `      services: ${limited('read')}`,
    '      oncalls: read',
    '',
  ].join('\n');
}

const whenOf = ({ of, chosen }: Scope): string =>
  of === 'all' ? '' : `${of}: [${chosen.map(({ id }) => id).join(', ')}]`;

const wordsOf = ({ of, chosen }: Scope): string => {
  if (of === 'all') return 'all services.';
  return `${of === 'teams' ? 'what belongs to ' : ''}${chosen.length === 1 ? `this ${of.slice(0, -1)}` : `these ${of}`}:`;
};
