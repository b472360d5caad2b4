import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { originReader } from '../activities/origin.ts';
import { startRun } from '../client/agent.ts';
import { clientSettings } from '../client/config.ts';
import { connectionTo } from '../client/connect.ts';
import { startTemporal } from '../client/local-temporal.ts';
import { freePorts } from '../client/ports.ts';
import { openStore } from '../gate/audit-store.ts';
import { decide, type Question } from '../gate/decide.ts';
import type { Facts } from '../gate/facts.ts';
import { parsePolicy } from '../gate/policy.ts';
import { newKeyPair, readPrivateKey, sign, verify } from '../gate/statement.ts';
import { createDatabase, findPostgres, startPostgres, urlOf } from '../test/support/postgres.ts';
import { orderedWorkflowId } from '../workflows/contract.ts';
import { type Appended, appendMany, measured, type Row, rowOf, table } from './measure.ts';
import { writeInto } from './page.ts';

/** What the gate adds to a call, step by step. `--short` takes a tenth of the turns, `--write` writes the table into docs/figures.md. Prints it, then one line of JSON. */
async function main(turns: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-bench-'));
  try {
    const rows = [
      ...(await ofStatements(turns)),
      ...(await ofAudit(turns, folder)),
      ...(await ofOrigins(turns, folder)),
    ];
    const cores = availableParallelism();
    if (process.argv.includes('--write'))
      writeInto('figures.md', 'npm run bench:gate -- --write', table(rows));
    process.stdout.write(
      `${table(rows)}\n\n${JSON.stringify({ cores, node: process.version, turns, rows })}\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { privateKey, publicKey } = newKeyPair();
const key = readPrivateKey(privateKey);
const policy = parsePolicy(`accounts:
  main: { region: us, token: env:TOKEN, from: bot@example.com }
agents:
  bench-bot:
    public_key: ${publicKey}
    grants:
      incidents: read
      incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [low], services: [PCHECKOUT] }, cap: 20/hour }
    deny: [{ action: incidents.acknowledge, when: { services: [PLEDGER] } }]
`);

async function ofStatements(turns: number): Promise<readonly Row[]> {
  const question: Question = {
    agent: 'bench-bot',
    operation: 'updateIncident',
    summary: 'Update an incident',
    actions: ['incidents.acknowledge'],
    touches: [{ kind: 'incident', id: 'PBENCH' }],
    now: Date.now(),
  };
  const incident = { id: 'PBENCH', number: 1, status: 'triggered', urgency: 'low', service: 'PCHECKOUT' };
  const facts: Facts = {
    incidents: [{ ...incident, policy: 'PP', teams: [], assignees: ['PADA'], acknowledgers: [] }],
    ourDuty: null,
  };
  const word = decide(policy, question, facts, { frozen: null, disabled: null, uses: {} });
  if (word.decision !== 'allowed')
    throw new Error(`The decision that is measured must be a yes: ${JSON.stringify(word)}`);
  const claim = { target: 'run', type: 'start:bench', input: [{ account: 'main', incident: 'PBENCH' }] };
  const statement = await sign('bench-bot', key, claim);
  return [
    await measured('decide, with condition, cap and deny', turns * 10, () =>
      decide(policy, question, facts, { frozen: null, disabled: null, uses: {} }),
    ),
    await measured('sign a statement', turns, () => sign('bench-bot', key, claim)),
    await measured('verify a statement', turns, () => verify(statement, [publicKey], claim)),
  ];
}

/** Between two entries of a Worker lies at least a request to PagerDuty. */
const pauseMs = 10;
const processes = 4;

/** Appends to a file, and to PostgreSQL where it is installed, in turns: one run compares them, however busy the machine. */
async function ofAudit(turns: number, folder: string): Promise<readonly Row[]> {
  const file = (name: string): string => join(folder, `${name}.db`);
  const rows = [...(await ofStore('SQLite', turns, async (name) => file(name)))];
  const programs = findPostgres();
  if (!programs) {
    process.stderr.write('PostgreSQL is not installed on this machine: only SQLite is measured.\n');
    return rows;
  }
  // Nothing that was committed may be lost here either.
  const postgres = await startPostgres(programs, ['fsync=on', 'full_page_writes=on']);
  try {
    const database = async (): Promise<string> => urlOf(postgres, await createDatabase(postgres));
    rows.push(...(await ofStore(`PostgreSQL ${postgres.version.match(/\d+/)?.[0]}`, turns, database)));
  } finally {
    await postgres.remove();
  }
  return rows;
}

async function ofStore(
  name: string,
  turns: number,
  placeFor: (name: string) => Promise<string>,
): Promise<readonly Row[]> {
  const alone = await appendMany(await placeFor('alone'), turns);
  const rows = [rowOf(`append an entry, ${name}, one writer`, alone.durations)];
  for (const pause of [pauseMs, 0]) {
    const shared = await placeFor(`shared-${pause}`);
    await (await openStore(shared)).destroy();
    const writers = await Promise.all(
      Array.from({ length: processes }, () => writer(shared, Math.ceil(turns / processes), pause)),
    );
    const locked = writers.reduce((sum, one) => sum + one.locked, 0);
    const how = pause > 0 ? `each with a pause of ${pause} ms` : 'without a pause';
    rows.push(
      rowOf(
        `append an entry, ${name}, ${processes} processes at once, ${how} (${locked} found the store locked for 2 s)`,
        writers.flatMap(({ durations }) => durations),
        writers.reduce((sum, one) => sum + (one.durations.length * 1_000) / one.elapsedMs, 0),
      ),
    );
  }
  return rows;
}

/** Appends in a process of its own. */
async function writer(place: string, count: number, pause: number): Promise<Appended> {
  const child = fork(fileURLToPath(import.meta.url), ['--writer', place, String(count), String(pause)]);
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`A writer ended with ${String(code)} before it had measured.`);
  });
  const [appended] = (await Promise.race([once(child, 'message'), died])) as [Appended];
  return appended;
}

/** Against the real server: the first look at a run, which asks it, and the next, which need not. */
async function ofOrigins(turns: number, folder: string): Promise<readonly Row[]> {
  const [port = 0, uiPort = 0] = await freePorts(2);
  const server = await startTemporal(clientSettings(), { port, uiPort }, () => {});
  const connection = await connectionTo({ address: server.address }, 10_000);
  const store = await openStore(join(folder, 'origins.db'));
  try {
    const client = new Client({ connection });
    const runs: { readonly workflowId: string; readonly runId: string }[] = [];
    for (let index = 0; index < Math.max(20, turns / 5); index += 1) {
      const input = { account: 'main', incident: `PBENCH${index}` };
      runs.push(await startRun(client, { name: 'bench-bot', key }, 'triageIncident', input));
    }
    const origin = originReader(client, async () => store, {
      orderedId: orderedWorkflowId,
      taskQueue: 'oncall',
      account: 'main',
    });
    const look = async (index: number): Promise<void> => {
      const run = runs[index % runs.length];
      const found = run && (await origin(run, policy));
      if (found?.kind !== 'agent') throw new Error(`The run must be the agent's: ${JSON.stringify(found)}`);
    };
    return [
      await measured('origin of a new run: asked, verified, spent', runs.length, look),
      await measured('origin of a known run: verified', runs.length, look),
    ];
  } finally {
    await store.destroy();
    await connection.close();
    await server.stop();
  }
}

const [mode, place = '', count = '', pause = ''] = process.argv.slice(2);
if (mode === '--writer') process.send?.(await appendMany(place, Number(count), Number(pause)));
else await main(process.argv.includes('--short') ? 100 : 1_000);
