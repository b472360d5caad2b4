import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachOf } from '../../bench/waiting.ts';
import type { CallerBase } from '../../client/mcp/server.ts';
import { tools } from '../../client/mcp/tools.ts';
import { everything } from '../support/grants.ts';
import { openSession, type Session, type Told } from '../support/mcp.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { campaign, tell } from './campaign.ts';

const reason = 'a campaign';
/** Well-formed, and nobody's. */
const nobody = 'PNOBODY00';

/** Arguments of each tool that are right but for one thing: what they name is not there, or one of them is wrong already. */
const seeds: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  pd_find: [
    {
      what: 'incidents',
      statuses: ['triggered'],
      urgency: 'high',
      services: [nobody],
      since: '2h',
      limit: 5,
    },
    { what: 'services', text: 'nothing like it', teams: [nobody] },
  ],
  pd_get: ['incident', 'service', 'schedule', 'escalation_policy', 'user'].map((what) => ({
    what,
    id: nobody,
  })),
  pd_oncall: [
    { service: nobody, at: '2h', until: '4h' },
    { policy: nobody },
    { schedule: nobody, user: nobody },
  ],
  pd_can: [{ action: 'incidents.resolve', incident: nobody }],
  pd_next: [{ wait_s: 0 }],
  pd_finding: [
    { run: `respond:main:${nobody}`, class: 'real', summary: 'It is real.', alerts: [nobody], similar: [1] },
    { run: `respond:main:${nobody}`, give_back: true },
  ],
  pd_acknowledge: [{ incident: nobody, reason }],
  pd_note: [{ incident: nobody, text: 'A note.', reason }],
  pd_resolve: [{ incident: nobody, resolution: 'Over.', reason }],
  pd_reassign: [
    { incident: nobody, users: ['PADA'], reason },
    { incident: nobody, level: 2, reason },
  ],
  pd_page: [{ service: nobody, title: 'Nobody’s', urgency: 'high', dedup: 'none', reason }],
  pd_event: [
    {
      do: 'trigger',
      routing_key: 'nobodys',
      dedup_key: 'none',
      summary: 's',
      source: 'h',
      severity: 'error',
      reason,
    },
    { do: 'change', routing_key: 'nobodys', summary: 'A change.', reason },
  ],
  pd_override: [
    { schedule: nobody, user: 'PBEN', start: '2036-12-24T08:00:00Z', end: '2036-12-24T18:00:00Z', reason },
  ],
  pd_configure: [
    { do: 'create_service', name: 'Nobody’s', policy: nobody, reason },
    { do: 'update_service', service: nobody, name: 'Nobody’s', reason },
    { do: 'create_policy', name: 'Nobody’s', levels: [`user:${nobody}/5`], reason },
    { do: 'create_team', name: 'Nobody’s', policy: nobody, reason },
    { do: 'add_member', team: nobody, user: 'PADA', role: 'observer', reason },
    { do: 'create_user', name: 'Nobody', email: 'nobody', reason },
  ],
  pd_workflow: [
    { workflow: 'triageIncident', input: { incident: nobody }, reason },
    { workflow: 'resolveIncident', input: { incident: nobody }, key: 'k', reason },
    { workflow: 'addNote', input: { incident: nobody, note: 'A note.' }, reason },
    {
      workflow: 'alertLifecycle',
      input: { routingKey: 'nobodys', dedupKey: 'd', summary: 's', source: 'h', severity: 'info' },
      reason,
    },
  ],
  pd_run: [
    { run: `respond:main:${nobody}`, do: 'status', wait_s: 0 },
    { run: nobody, do: 'cancel' },
  ],
};

const hidden = ['\u200b', '\u2060\ufeff', '\u202e', '\u00ad\u200d'];
/** What people and models write where something else belongs. */
const oddities: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom('', ' ', '\n\t', ...hidden, '\0', '\ud800', '-1', 'null', '[]', '{}'),
  fc.constantFrom(
    '../users',
    'P1/../../users',
    "P1' or 1=1--",
    'PCHECKOUT?x=1',
    'https://evil.example/P1?',
    '%2e%2e',
    '⟦P1⟧',
    'P'.repeat(300),
  ),
  fc.constantFrom(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER,
    [],
    {},
    [null],
    [['P1']],
    [{}],
    { id: 'P1' },
  ),
  fc.constantFrom(10_000, 200_000).map((length) => 'x'.repeat(length)),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 4 }),
);
const names: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'status',
    'ids',
    'incident_id',
    'Incident',
    'account',
    'agent',
    '',
  ),
  fc.string({ minLength: 1, maxLength: 30 }),
);

type Change =
  | { readonly kind: 'none' }
  | { readonly kind: 'replace'; readonly field: number; readonly value: unknown }
  | { readonly kind: 'hide'; readonly field: number; readonly mark: string }
  | { readonly kind: 'drop'; readonly field: number }
  | { readonly kind: 'add'; readonly name: string; readonly value: unknown }
  | { readonly kind: 'instead'; readonly value: unknown }
  | { readonly kind: 'unknown tool'; readonly name: string };
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'none' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('replace' as const), field: fc.nat(20), value: oddities }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('hide' as const),
      field: fc.nat(20),
      mark: fc.constantFrom(...hidden),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop' as const), field: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), name: names, value: oddities }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('instead' as const), value: oddities }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unknown tool' as const), name: names }) },
);
interface Attempt {
  readonly tool: string;
  readonly seed: number;
  readonly change: Change;
}
const attempt: fc.Arbitrary<Attempt> = fc.record({
  tool: fc.constantFrom(...tools.map(({ name }) => name as string)),
  seed: fc.nat(20),
  change,
});

/** What is called, in the end. */
function callOf({ tool, seed, change }: Attempt): { readonly name: string; readonly args: unknown } {
  const right = seeds[tool] ?? [];
  const args = { ...right[seed % right.length] };
  const fields = Object.keys(args);
  // A form that is wrong by one field alone stays wrong only where that one stays: it is given other wrong fields, not fewer.
  const kept = args['do'] === 'create_team' ? 'policy' : args['do'] === 'create_user' ? 'email' : 'do';
  const free = fields.filter((field) => field !== kept);
  const at = (index: number): string => free[index % Math.max(1, free.length)] ?? '';
  switch (change.kind) {
    case 'none':
      return { name: tool, args };
    case 'replace':
      return { name: tool, args: { ...args, [at(change.field)]: change.value } };
    case 'hide': {
      const value = args[at(change.field)];
      return {
        name: tool,
        args: {
          ...args,
          [at(change.field)]:
            typeof value === 'string' ? `${value.slice(0, 2)}${change.mark}${value.slice(2)}` : change.mark,
        },
      };
    }
    case 'drop':
      return {
        name: tool,
        args: Object.fromEntries(Object.entries(args).filter(([field]) => field !== at(change.field))),
      };
    case 'add':
      return {
        name: tool,
        args: Object.defineProperty(args, change.name, {
          value: change.value,
          enumerable: true,
          writable: true,
          configurable: true,
        }),
      };
    case 'instead':
      return { name: tool, args: change.value };
    case 'unknown tool':
      return { name: `pd_${change.name}`, args };
  }
}

const codes = new Set([
  'invalid_input',
  'not_found',
  'denied',
  'conflict',
  'pagerduty_error',
  'run_failed',
  'yielded_to_human',
]);
const readers = new Set(['pd_find', 'pd_get', 'pd_oncall', 'pd_can', 'pd_next', 'pd_run']);

/** What is wrong with an answer to such a call; `undefined` where it is one clear error, or a reading that found nothing. */
function faultOf(name: string, { isError, text, data, bytes }: Told): string | undefined {
  if (!isError) return readers.has(name) ? undefined : 'was done';
  const { code, what_happened: what, do_next: next } = data;
  if (!codes.has(String(code))) return `has the code ${String(code)}: ${text}`;
  if (typeof what !== 'string' || what.length < 10) return 'does not say what happened';
  if (!Array.isArray(next) || next.length === 0 || !text.includes('\nNext: '))
    return `says no next step: ${text}`;
  if (/\bat \S+ \(|TypeError|ZodError|\[object Object\]|undefined/.test(text))
    return `speaks of its inside: ${text}`;
  return bytes > 6_000 ? `is ${bytes} bytes long` : undefined;
}

/** Whether the run that a call started did nothing: where a tool answers that it goes on, it is asked for until it ends or waits. */
async function cameToNothing(session: Session, started: Told): Promise<boolean> {
  if (started.isError || started.data['complete'] !== false || started.data['run'] === undefined)
    return false;
  let told = started;
  while (told.data['complete'] === false && told.data['waiting_for'] === undefined)
    told = await session.call('pd_run', { run: started.data['run'], do: 'status', wait_s: 20 });
  return undone.has(String(told.data['outcome']));
}
const undone = new Set(['denied', 'approval_refused', 'yielded_to_human', 'failed']);

interface Counts {
  calls: number;
  refused: number;
  'not there': number;
  'answers without a find': number;
  runs: number;
  [kind: string]: number;
}

/** Calls, so many, and says which were not answered as they must be. */
async function attack(
  stage: Stage,
  session: Session,
  calls: number,
): Promise<{ readonly faults: readonly string[]; readonly counts: Counts }> {
  const counts: Counts = { calls: 0, refused: 0, 'not there': 0, 'answers without a find': 0, runs: 0 };
  const faults: string[] = [];
  await eachOf(fc.sample(attempt, { numRuns: calls, seed: campaign.seed }), 12, async (one) => {
    const { name, args } = callOf(one);
    const shown = `${name} ${JSON.stringify(args).slice(0, 300)}`;
    counts.calls += 1;
    counts[one.change.kind] = (counts[one.change.kind] ?? 0) + 1;
    try {
      const told = await session.call(name, args as Readonly<Record<string, unknown>>);
      const fault = (await cameToNothing(session, told)) ? undefined : faultOf(name, told);
      if (fault !== undefined) faults.push(`${shown}: ${fault}`);
      if (!told.isError) counts['answers without a find'] += 1;
      else if (told.data['code'] === 'invalid_input') counts.refused += 1;
      else counts['not there'] += 1;
      if (told.data['run'] !== undefined) counts.runs += 1;
    } catch (error) {
      // What is no object at all is refused by the protocol itself.
      const isProtocol = one.change.kind === 'instead' || /Invalid|-3260\d/.test(String(error));
      if (!isProtocol) faults.push(`${shown}: ${String(error)}`);
      counts['refused by the protocol'] = (counts['refused by the protocol'] ?? 0) + 1;
    }
  });
  for (const { method, path, status } of await stage.requests())
    if (method !== 'GET' && status !== null && status < 300)
      faults.push(`${method} ${path} was a write that PagerDuty took`);
  faults.push(...session.faults.map((fault) => `the server failed: ${String(fault)}`));
  return { faults, counts };
}

test('whatever the arguments are, each call is one clear error with the next step, and nothing is written', async () => {
  const stage = await setStage({
    agents: { 'triage-bot': everything({ incidents: '{ level: full, when: { urgency: [high, low] } }' }) },
    simulator: { rateLimit: 0 },
  });
  await stage.startWorker();
  const session = await openSession(stage, 'triage-bot');
  const { faults, counts } = await attack(stage, session, campaign.isShort ? 500 : 6_000);
  expect(tell('MCP arguments', counts)).toEqual([]);
  expect(faults.slice(0, 20)).toEqual([]);
  await session.close();
  await stage.close();
}, 1_800_000);

test('a server that takes one incident for another is found out', async () => {
  const stage = await setStage({
    agents: { 'triage-bot': everything({ incidents: '{ level: full, when: { urgency: [high, low] } }' }) },
    simulator: { rateLimit: 0 },
  });
  await stage.startWorker();
  const incident = await stage.trigger();
  const plant = (base: CallerBase): CallerBase => ({
    ...base,
    oncall: {
      ...base.oncall,
      start: (name, input, options) =>
        base.oncall.start(name, 'incident' in input ? { ...input, incident } : input, options),
    },
  });
  const session = await openSession(stage, 'triage-bot', { plant });
  const { faults } = await attack(stage, session, 300);
  expect(faults.length).toBeGreaterThan(0);
  await session.close();
  await stage.close();
}, 600_000);
