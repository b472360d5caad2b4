import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { newKeyPair } from '../../gate/statement.ts';
import type { Call } from '../support/calls.ts';
import type { Ended, Place } from '../support/processes.ts';

/** A call that must fail, and how. */
export interface Wrong {
  readonly args: readonly string[];
  /** 1 failed, 2 wrong usage; 2 where left out. */
  readonly code?: 1 | 2;
  /** What stderr must say; the mend is in it. */
  readonly says: RegExp;
  readonly env?: Readonly<Record<string, string>>;
}

/** Checks that a process said what is wrong, in one sentence or a short list, and did nothing else. */
export function expectSentence(ended: Ended, { code = 2, says }: Pick<Wrong, 'code' | 'says'>): void {
  const { stdout, stderr } = ended;
  expect(stderr).toMatch(says);
  expect({ code: ended.code, stdout }, stderr).toEqual({ code, stdout: '' });
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(stderr, 'foresee this one').not.toContain('Something failed that should not');
  expect(stderr, 'a log line').not.toMatch(/^\{/m);
  expect(stderr, 'no sentence').not.toMatch(/\.\.(\s|$)|undefined|\[object /);
  const lines = stderr.trimEnd().split('\n');
  expect(lines.length, stderr).toBeLessThanOrEqual(3);
  expect(stderr.length).toBeLessThanOrEqual(1_000);
}

/** Checks that a process of its own says and gives what the call in a process of many does. */
export async function expectSame(
  place: Place,
  call: Call,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { code, stdout, stderr } = await call(args, { env });
  expect(await place.oncall(args, { env }).ended).toMatchObject({ code, signal: null, stdout, stderr });
}

/** Where nothing listens. */
export const noServer = { TEMPORAL_ADDRESS: '127.0.0.1:1' };

/** The environment of an agent with a good key. */
export function agentIn({ folder }: Place, name = 'triage-bot'): Record<string, string> {
  const keyFile = join(folder, 'agent.pem');
  if (!existsSync(keyFile)) writeFileSync(keyFile, newKeyPair().privateKey, { mode: 0o600 });
  return { ...noServer, ONCALL_AGENT: name, ONCALL_AGENT_KEY_FILE: keyFile };
}

export const subject = { account: 'main', incident: 'PABC123' };
export const triage = (input: unknown): readonly string[] => [
  'run',
  'triageIncident',
  '--input',
  typeof input === 'string' ? input : JSON.stringify(input),
];

/** A configuration with what people put into one: comments, an order of their own, quotes, long lines. */
export const configuration = (
  name = 'triage-bot',
): string => `# Who may do what. Ask the payments team before you change it.
accounts:
  main:
    region: us                      # the only one we have
    token: env:PAGERDUTY_API_TOKEN
    from: "oncall-bot@example.com"
    routing_keys: { checkout: env:CHECKOUT_ROUTING_KEY }

agents:
  # Looks at everything at night, and takes what is low.
  zoe-bot:
    grants: { incidents: read, services: read, oncalls: read, schedules: read, escalation_policies: read, users: read }
    public_key: ${newKeyPair().publicKey}

  ${name}:   # by day
    public_key: '${newKeyPair().publicKey}'
    grants:
      incidents: read
      incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low], services: [PCHECKOUT, PSEARCH, PREPORTS] } }
# The end.
`;
