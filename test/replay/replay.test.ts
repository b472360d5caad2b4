import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { expect, inject, test } from 'vitest';
import { workflowInterceptorModules } from '../../worker/tracing.ts';
import { type StoredHistory, storedHistories } from './recorder.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const histories = storedHistories();

/** The Workflow Types that are exported. */
const types = [
  ...readFileSync(join(checkout, 'workflows', 'index.ts'), 'utf8').matchAll(/export \{ ([^}]+) \}/g),
].flatMap(([, names = '']) => names.split(', '));

/** Which histories cannot be replayed, and why. */
async function unfit(
  workflowBundle: { readonly codePath: string } | { readonly code: string },
  these: readonly StoredHistory[] = histories,
): Promise<ReadonlyMap<string, Error>> {
  const faults = new Map<string, Error>();
  const left = [...these];
  // One after the other, in this order.
  const sinks = { exporter: { export: { fn: () => {} } } };
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle, sinks }, these)) {
    const replayed = left.shift();
    if (replayed?.workflowId !== workflowId) throw new Error(`${workflowId} was not the next.`);
    if (error) faults.set(replayed.name, error);
  }
  return faults;
}

test('there is a history of every Workflow Type, and of no other', () => {
  const recorded = new Set(histories.map(({ workflowType }) => workflowType));
  expect(types.length).toBeGreaterThan(10);
  // Of one that is new: `npm run record-histories -- ITS_TEST`. Of one that is gone: delete them.
  expect([...recorded].toSorted()).toEqual(types.toSorted());
});

test('histories hold nothing of the machine on which they were made', () => {
  const telling = histories.filter(({ history }) =>
    /"stackTrace"|file:\/\/|\.ts:\d/.test(JSON.stringify(history)),
  );
  expect(telling.map(({ name }) => name)).toEqual([]);
});

test('what runs have done before is replayed by the Workflows as they are now', async () => {
  const faults = await unfit({ codePath: inject('workflowBundle') });
  const told = [...faults].map(([name, { message }]) => `${name}: ${message}`);
  // A released Workflow changes by `patched`; of one that never was, delete them: `npm run record-histories -- ITS_TEST`.
  expect(told).toEqual([]);
});

/** Changes of Workflows that would break runs under way: what is asked, how often, and in what order. */
const changes = [
  {
    type: 'addNote',
    file: 'add-note.ts',
    text: 'perform(write.createIncidentNote, {',
    becomes: 'perform(write.createIncident as never, {',
  },
  {
    type: 'triageIncident',
    file: 'triage-incident.ts',
    text: 'const triage = await look(input, chronicle);',
    becomes: 'await sleep(1);\n  const triage = await look(input, chronicle);',
    imports: "import { sleep } from '@temporalio/workflow';\n",
  },
  {
    type: 'resolveLot',
    file: 'resolve-lot.ts',
    text: 'const verified = await isReadBack(errand, resolved, chronicle);',
    becomes: 'const verified = true;',
  },
] as const;

test('a Workflow that was changed turns its histories red, and no others, also where traces are kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-replay-'));
  try {
    cpSync(join(checkout, 'workflows'), join(folder, 'workflows'), { recursive: true });
    symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
    for (const { file, text, becomes, ...rest } of changes) {
      const path = join(folder, 'workflows', file);
      const source = readFileSync(path, 'utf8');
      expect(source.split(text), `${file} has one place to change`).toHaveLength(2);
      writeFileSync(path, `${'imports' in rest ? rest.imports : ''}${source.replace(text, () => becomes)}`);
    }
    // With what keeps traces in it: a Worker may begin to keep some while runs are under way, and replays what was done without.
    const bundle = await bundleWorkflowCode({
      workflowsPath: join(folder, 'workflows', 'index.ts'),
      workflowInterceptorModules,
      logger: new DefaultLogger('ERROR'),
    });
    const changed: readonly string[] = changes.map(({ type }) => type);
    expect(bundle.code).toContain('StartActivity');
    const faults = await unfit(bundle);
    const red = new Set([...faults.keys()].map((name) => name.split('.')[0]));
    expect(red).toEqual(new Set(changed));
    for (const error of faults.values()) expect(error).toBeInstanceOf(DeterminismViolationError);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
