import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { isCut } from '../../activities/narrow.ts';
import { catalogue } from '../../pagerduty/catalogue/index.ts';
import { differenceFrom, rows } from '../unit/decisions.ts';
import { differenceIn, type OtherGates, operatorCases, runnerCases } from '../unit/others-asked.ts';
import { answersOf, type Gate, policyIn } from './gate-answers.ts';
import { anyCase } from './gate-cases.ts';
import { referenceAnswer } from './reference-gate.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** The sources of the gate's decisions, by their paths. */
export const sources: ReadonlyMap<string, string> = new Map(
  'decide forbidden granted approval conditions facts grants hours runner permit question words canonical'
    .split(' ')
    .map((name) => `gate/${name}.ts`)
    .concat('activities/narrow.ts')
    .map((path) => [path, readFileSync(join(checkout, path), 'utf8')]),
);

type Gates = Gate & OtherGates & { readonly isCut: typeof isCut };

/** Copies of the gate with faults in them, in a folder that `clear` takes away. */
export function faultyGates(): {
  /** The gate in which one source has another text; what does not see that source is shared. */
  readonly gateWith: (path?: string, text?: string) => Promise<Gates>;
  readonly clear: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'gates-'));
  let built = 0;
  const gateWith = async (faultyPath?: string, faultyText?: string): Promise<Gates> => {
    built += 1;
    const place = join(folder, `gate-${built}`);
    for (const room of ['gate', 'activities']) mkdirSync(join(place, room), { recursive: true });
    for (const shared of ['node_modules', 'pagerduty'])
      symlinkSync(join(checkout, shared), join(place, shared));
    const copied = seeing(faultyPath);
    for (const [path, text] of sources) {
      if (copied.has(path)) writeFileSync(join(place, path), path === faultyPath ? (faultyText ?? '') : text);
      else symlinkSync(join(checkout, path), join(place, path));
    }
    const { decide, decideForOperator } = (await import(join(place, 'gate/decide.ts'))) as Gates;
    const { decideForRunner } = (await import(join(place, 'gate/runner.ts'))) as Gates;
    const { isCut, narrowAnswer, narrowRequest } = (await import(
      join(place, 'activities/narrow.ts')
    )) as Gates;
    return { decide, decideForOperator, decideForRunner, isCut, narrowAnswer, narrowRequest };
  };
  return { gateWith, clear: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A source, and every other that takes something from it: a link would lead back to the source without the fault. */
function seeing(path: string | undefined): ReadonlySet<string> {
  const found = new Set(path === undefined ? [] : [path]);
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const [other, text] of sources)
      for (const [, name = ''] of text.matchAll(/ from '(\.[^']+)'/g))
        if (found.has(join(dirname(other), name))) found.add(other);
  }
  return found;
}

/** The corpus of the second gate: the same at every run, so that a fault is found or not. */
export const seed = 4_711;
const corpus = fc.sample(anyCase, { seed, numRuns: 1_500 }).map((asked) => ({
  asked,
  policy: policyIn(asked),
  wanted: referenceAnswer(asked),
}));

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
  const uncut = [{ narrows: catalogue.listUsers.narrows }, { paging: catalogue.listUsers.paging }].filter(
    (endpoint) => !throws(() => narrowAnswer({ endpoint } as never, listed, { only: {}, never: [] })),
  );
  return decide(first.policy, nothing, {}).decision === 'denied' && cut.hidden === 1 && uncut.length === 0;
}

/** Whether a list that asks for less than all is told as cut: not where it asks itself for what the agent may see. */
function tellsWhatIsCut({ isCut }: Gates): boolean {
  const asks = (query?: object): boolean =>
    isCut(
      { endpoint: catalogue.listIncidents, request: { query } as never },
      { only: { teams: ['PT1'] }, never: [] },
    );
  return asks() && asks({ 'team_ids[]': ['PT1', 'PT2'] }) && !asks({ 'team_ids[]': ['PT1'] });
}

function throws(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}

/** Which proof turns red; `undefined` where none does. */
export function killerOf(gates: Gates): 'table' | 'statement' | 'second gate' | undefined {
  const notices = (differs: () => boolean): boolean => {
    try {
      return differs();
    } catch {
      return true;
    }
  };
  if (rows.some((row) => notices(() => differenceFrom(row, gates.decide) !== undefined))) return 'table';
  const others = [...runnerCases, ...operatorCases];
  if (others.some((one) => notices(() => differenceIn(one, gates) !== undefined))) return 'table';
  if (notices(() => !holdsStill(gates) || !tellsWhatIsCut(gates))) return 'statement';
  const found = corpus.some(({ asked, policy, wanted }) =>
    notices(() => {
      const { atOnce, stepByStep } = answersOf(gates, asked, policy);
      return !isDeepStrictEqual(atOnce, wanted) || !isDeepStrictEqual(stepByStep, wanted);
    }),
  );
  return found ? 'second gate' : undefined;
}

/** What became of faults: how many each proof found, and those that none did. */
export async function fatesOf(
  faults: readonly { readonly what: string; readonly path: string; readonly text: string }[],
): Promise<{ readonly told: string; readonly survived: readonly string[] }> {
  const { gateWith, clear } = faultyGates();
  const counts = { table: 0, statement: 0, 'second gate': 0 };
  const survived: string[] = [];
  try {
    for (const { what, path, text } of faults) {
      const gates = await gateWith(path, text).catch((error: unknown) => {
        throw new Error(`"${path}, ${what}" is no gate any more: ${String(error)}`);
      });
      const killer = killerOf(gates);
      if (killer) counts[killer] += 1;
      else survived.push(`${path}, ${what}`);
    }
  } finally {
    clear();
  }
  const told = Object.entries(counts).map(([proof, count]) => `${count} by the ${proof}`);
  return { told: `${faults.length} faults found ${told.join(', ')}, ${survived.length} not`, survived };
}
