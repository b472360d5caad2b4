import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalogue } from '../../pagerduty/catalogue/index.ts';
import { answersOf, type Gate, policyIn } from '../support/gate-answers.ts';
import { anyCase } from '../support/gate-cases.ts';
import { type Mutant, mutants } from '../support/mutants.ts';
import { referenceAnswer } from '../support/reference-gate.ts';
import { differenceFrom, rows } from './decisions.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const sources = [
  ...['decide', 'approval', 'conditions', 'facts', 'grants', 'hours', 'words', 'canonical'].map(
    (name) => `gate/${name}.ts`,
  ),
  'activities/narrow.ts',
];
const texts = new Map(sources.map((path) => [path, readFileSync(join(checkout, path), 'utf8')]));

/** The corpus of the second gate: the same at every run, so that a mutant is killed or not. */
const seed = 4_711;
const corpus = fc.sample(anyCase, { seed, numRuns: 1_500 }).map((asked) => ({
  asked,
  policy: policyIn(asked),
  wanted: referenceAnswer(asked),
}));

let folder = '';
let built = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mutants-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of the gate with one fault in it; what has none is shared. */
async function gateWith(fault: Mutant | undefined): Promise<Gate> {
  built += 1;
  const place = join(folder, `gate-${built}`);
  for (const room of ['gate', 'activities']) mkdirSync(join(place, room), { recursive: true });
  for (const shared of ['node_modules', 'pagerduty'])
    symlinkSync(join(checkout, shared), join(place, shared));
  for (const [path, text] of texts) {
    const faulty = fault ? text.replace(fault.text, () => fault.becomes) : text;
    // What imports a faulty file must be a copy too, to see it.
    const isCopied = faulty !== text || path === 'gate/decide.ts' || path === 'gate/conditions.ts';
    if (isCopied) writeFileSync(join(place, path), faulty);
    else symlinkSync(join(checkout, path), join(place, path));
  }
  const { decide } = (await import(join(place, 'gate/decide.ts'))) as Gate;
  const narrow = (await import(join(place, 'activities/narrow.ts'))) as Gate;
  return { decide, narrowAnswer: narrow.narrowAnswer, narrowRequest: narrow.narrowRequest };
}

/** What no request of the catalogue and no configuration can bring about today, and must hold all the same. */
function holdsStill({ decide, narrowAnswer }: Gate): boolean {
  const [first] = corpus;
  if (!first) return false;
  const nothing = {
    agent: 'bot',
    operation: 'getTeam',
    summary: 'Read a team',
    actions: [],
    touches: [],
    now: 0,
  };
  const listed = { users: [{ id: 'PADA' }] } as never;
  const cut = narrowAnswer({ endpoint: catalogue.listUsers }, listed, {
    only: { policies: ['PE1'] },
    never: [],
  });
  return decide(first.policy, nothing, {}).decision === 'denied' && cut.hidden === 1;
}

/** Which proof turns red; `undefined` where none does. */
function killerOf(gate: Gate): string | undefined {
  const notices = (differs: () => boolean): boolean => {
    try {
      return differs();
    } catch {
      return true;
    }
  };
  const row = rows.find((one) => notices(() => differenceFrom(one, gate.decide) !== undefined));
  if (row) return 'table';
  if (notices(() => !holdsStill(gate))) return 'statement';
  const found = corpus.find(({ asked, policy, wanted }) =>
    notices(() => {
      const { atOnce, stepByStep } = answersOf(gate, asked, policy);
      return !isDeepStrictEqual(atOnce, wanted) || !isDeepStrictEqual(stepByStep, wanted);
    }),
  );
  return found && 'second gate';
}

test('each fault has one place in the gate’s sources, so that none is planted in vain', () => {
  const misplaced = mutants.filter(({ text, becomes }) => {
    const places = [...texts.values()].map((source) => source.split(text).length - 1);
    return text === becomes || places.reduce((sum, count) => sum + count, 0) !== 1;
  });
  expect(misplaced.map(({ what, text }) => `${what}: ${text}`)).toEqual([]);
  expect(new Set(mutants.map(({ text, becomes }) => text + becomes)).size).toBe(mutants.length);
  expect(mutants.length).toBeGreaterThanOrEqual(40);
});

test('the gate without a fault passes both proofs', async () => {
  expect(killerOf(await gateWith(undefined))).toBeUndefined();
});

test('every fault turns a proof red', async () => {
  const fates: Record<string, string[]> = { table: [], statement: [], 'second gate': [], survived: [] };
  for (const fault of mutants) {
    const gate = await gateWith(fault).catch((error: unknown) => {
      throw new Error(`"${fault.what}" is no gate any more: ${String(error)}`);
    });
    fates[killerOf(gate) ?? 'survived']?.push(fault.what);
  }
  const told = Object.entries(fates).map(([fate, list]) => `${list.length} ${fate}`);
  process.stdout.write(`seed ${seed}, ${mutants.length} mutants: ${told.join(', ')}\n`);
  expect(fates['survived']).toEqual([]);
});
