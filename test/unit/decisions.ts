import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { decide, Question } from '../../gate/decide.ts';
import type { Facts, IncidentFacts, Switches } from '../../gate/facts.ts';
import { type Policy, parsePolicy } from '../../gate/policy.ts';
import { newKeyPair } from '../../gate/statement.ts';
import type { Endpoint } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName } from '../../pagerduty/catalogue/index.ts';
import { asked } from '../fixtures/questions-asked.ts';

/** A line of the table: what is granted, asked and known, and what the gate must say. */
export interface Row {
  readonly granted: string;
  readonly what: string;
  readonly facts: string;
  /** `allowed`, `denied`, `approval`, or `needs` and the facts. */
  readonly answer: string;
  /** The sentence; `…` stands for its beginning. */
  readonly sentence: string;
}

const table = readFileSync(new URL('../fixtures/decisions.txt', import.meta.url), 'utf8');

export const rows: readonly Row[] = table
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [granted = '', what = '', facts = '', answer = '', sentence = ''] = line
      .split(/ \| ?/)
      .map((cell) => cell.trim());
    return { granted, what, facts, answer, sentence };
  });

const keys = Object.fromEntries(
  ['bot', 'lead', 'backup', 'phone', 'ada', 'old', 'guest'].map((name) => [name, newKeyPair().publicKey]),
);
/** `twin` is lead under another name, `phone` is backup, `ada` is whom the bot works for; `bots` and `old` hold the bot's key. */
const operators = {
  lead: { public_key: keys['lead'], pagerduty_user: 'PLEAD' },
  twin: { public_key: keys['lead'] },
  backup: { public_key: keys['backup'], pagerduty_user: 'PBOB' },
  phone: { public_key: keys['phone'], pagerduty_user: 'PBOB' },
  ada: { public_key: keys['ada'], pagerduty_user: 'PADA' },
  bots: { public_key: keys['bot'] },
  guest: { public_key: keys['guest'] },
  old: {
    public_key: keys['old'],
    previous_keys: [{ public_key: keys['bot'], until: '2030-01-01T00:00:00Z' }],
  },
};

const policies = new Map<string, Policy>();

/** The configuration of a row: grants alone, or an agent with `grants` and `deny`. */
function policyOfRow({ granted }: Row): Policy {
  const known = policies.get(granted);
  if (known) return known;
  const written = parse(granted) as { readonly grants?: object };
  const agent = written.grants ? written : { grants: written };
  const bot = { public_key: keys['bot'], pagerduty_user: 'PADA', ...agent };
  const policy = parsePolicy(JSON.stringify({ agents: { bot }, operators }));
  policies.set(granted, policy);
  return policy;
}

const incident = (id: string, number: number): IncidentFacts => ({
  id,
  number,
  status: 'triggered',
  urgency: 'high',
  service: 'PS1',
  policy: 'PE1',
  teams: ['PT1', 'PT2'],
  assignees: ['PADA'],
  acknowledgers: [],
});
const everything: Facts = {
  incidents: [incident('P1', 12), incident('P2', 13)],
  services: [
    { id: 'PS1', policy: 'PE1', teams: ['PT1'] },
    { id: 'PS9', policy: 'PE9', teams: ['PT9'] },
  ],
  policies: [
    { id: 'PE1', teams: ['PT1'] },
    { id: 'PE9', teams: ['PT9'] },
  ],
  schedules: [{ id: 'PC1', teams: ['PT1'] }],
  users: [
    { id: 'PADA', teams: ['PT1'] },
    { id: 'PBOB', teams: ['PT9'] },
  ],
  ourUsers: ['PBOT'],
  ourDuty: null,
  duty: ['PE1'],
};
const onDuty = 'level 1 of escalation policy Checkout';

interface Known {
  readonly facts: Facts;
  readonly now: number;
  readonly switches?: Switches;
  readonly approvedBy: readonly string[];
}

const start: Known = { facts: {}, now: Date.UTC(2026, 5, 24, 10), approvedBy: [] };

/** Words of the column of facts, one after the other: `all, P2 low, at 2026-06-24T11:00:00Z`. */
function knowing(known: Known, words: string): Known {
  const { facts } = known;
  const change = (index: number, fields: object): Known => ({
    ...known,
    facts: {
      ...facts,
      ...(facts.incidents && {
        incidents: facts.incidents.map((one, at) => (at === index ? { ...one, ...fields } : one)),
      }),
    },
  });
  const [first = '', ...rest] = words.split(' ');
  const switched = (to: Partial<Switches>): Known => ({
    ...known,
    switches: { frozen: null, disabled: null, uses: {}, ...known.switches, ...to },
  });
  switch (true) {
    case words === 'nothing':
      return known;
    case words === 'all':
      return { ...known, facts: everything };
    case words === 'high' || (words === 'low' && !facts.incidents): {
      const [one] = everything.incidents ?? [];
      return { ...known, facts: { incidents: one ? [{ ...one, urgency: words }] : [], ourDuty: null } };
    }
    case words === 'low':
      return change(0, { urgency: 'low' });
    case words === 'P2 low':
      return change(1, { urgency: 'low' });
    case words === 'P2 resolved':
      return change(1, { status: 'resolved' });
    case words === 'P2 on PS9':
      return change(1, { service: 'PS9' });
    case words === 'acknowledged' || words === 'resolved':
      return change(0, { status: words });
    case words === 'no service':
      return change(0, { service: undefined });
    case words === 'no team':
      return change(0, { teams: [] });
    case words === 'no assignee':
      return change(0, { assignees: [] });
    case words === 'no policy' && facts.services && !facts.incidents:
      return { ...known, facts: { services: [{ id: 'PS1', policy: undefined, teams: ['PT1'] }] } };
    case words === 'no policy':
      return change(0, { policy: undefined });
    case words === 'ours on call':
      return { ...known, facts: { ...facts, ourDuty: onDuty } };
    case words === 'ours unread': {
      const { ourDuty: _unread, ...read } = facts;
      return { ...known, facts: read };
    }
    case words === 'only P2':
      return { ...known, facts: { incidents: (everything.incidents ?? []).slice(1) } };
    case words === 'only ours':
      return { ...known, facts: { ourDuty: null } };
    case words === 'only duty':
      return { ...known, facts: { duty: ['PE1'] } };
    case words === 'only services':
      return { ...known, facts: { services: everything.services ?? [] } };
    case words === 'off call':
      return { ...known, facts: { ...facts, duty: [] } };
    case words.startsWith('on call '):
      return { ...known, facts: { ...facts, duty: rest.slice(1) } };
    case first === 'at':
      return { ...known, now: Date.parse(rest.join()) };
    case first === 'used':
      return switched({ uses: new Proxy({}, { get: () => Number(rest[0]) }) });
    case words === 'frozen':
      return switched({ frozen: 'since 2026-06-24T09:00Z by lead (drill)' });
    case words === 'disabled':
      return switched({ disabled: 'since 2026-06-24T09:00Z by lead' });
    case words.startsWith('yes from '):
      return { ...known, approvedBy: rest.slice(1) };
    default:
      throw new Error(`The table knows no facts such as "${words}".`);
  }
}

/** The question of a row, and what the gate is told. */
export function questionOf({ what, facts: words }: Row): {
  readonly question: Question;
  readonly facts: Facts;
  readonly switches: Switches | undefined;
} {
  const call = asked[what];
  if (!call) throw new Error(`Nobody asks "${what}": add it to the questions.`);
  const { facts, now, switches, approvedBy } = words.split(', ').reduce(knowing, start);
  const endpoint: Endpoint = catalogue[call.operation as OperationName];
  const statusOf = (id: string): string | undefined =>
    facts.incidents?.find((one) => one.id === id || String(one.number) === id)?.status;
  const question: Question = {
    agent: 'bot',
    operation: call.operation,
    summary: endpoint.summary,
    actions: endpoint.actions(call.request as never, statusOf),
    touches: endpoint.touches(call.request as never),
    now,
    approvedBy,
  };
  return { question, facts, switches };
}

/** What the gate says to a row, as the table writes it. */
export function saidTo(
  row: Row,
  gate: typeof decide,
): Pick<Row, 'answer' | 'sentence'> & { readonly leaseMs: number | undefined } {
  const { question, facts, switches } = questionOf(row);
  const said = gate(policyOfRow(row), question, facts, switches);
  if (said.decision === 'needs')
    return { answer: `needs ${said.needs.join(', ')}`, sentence: '', leaseMs: undefined };
  const answer = said.decision === 'approval_needed' ? 'approval' : said.decision;
  const leaseMs = said.decision === 'allowed' ? said.leaseMs : undefined;
  return { answer, sentence: said.sentence, leaseMs };
}

/** How what was said differs from a row; `undefined` where it does not. */
export function differenceFrom(row: Row, gate: typeof decide): string | undefined {
  const { answer, sentence, leaseMs } = saidTo(row, gate);
  if (answer !== row.answer) return `${answer} instead of ${row.answer}: ${sentence}`;
  const isAsWritten = row.sentence.startsWith('…')
    ? sentence.endsWith(row.sentence.slice(1))
    : sentence === row.sentence;
  const held = answer === 'allowed' && questionOf(row).question.actions.includes('incidents.acknowledge');
  const [, stated] = /lease: (\d+[ms])/.exec(row.granted) ?? [];
  const lease =
    held && stated ? Number.parseInt(stated) * (stated.endsWith('m') ? 60_000 : 1_000) : undefined;
  if (leaseMs !== lease) return `held for ${leaseMs} ms instead of ${lease}`;
  return isAsWritten ? undefined : `"${sentence}" instead of "${row.sentence}"`;
}
