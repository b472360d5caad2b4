import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../bench/page.ts';

/** A change of the build at one place: what stands there, exactly once, and what stands there instead. */
export interface Plant {
  readonly what: string;
  /** Path in `dist/`. */
  readonly file: string;
  readonly text: string;
  readonly becomes: string;
}

/** What is shipped. */
export const shipped = join(checkout, 'dist');

/** Places in `perform` where a write can be held; the Worker says so on stdout and goes no further. */
export const holdPoints = {
  'before the claim': 'const committed = await commit(',
  'before the call': 'answer = await sendFor(call, permit, leftMs);',
  'before the record': '// A resolved incident, one given back, or one that a person took is held by nobody.',
} as const;
export type HoldPoint = keyof typeof holdPoints;

/**
 * Holds each write at one place until SIGUSR2 lets all go; those that come later pass.
 * What stands on stdout is the step key, behind the word held.
 * @param isCounted with a number behind it, so that two tries of one step are two.
 */
export const holding = (point: HoldPoint, isCounted = false): Plant => {
  const text = holdPoints[point];
  const hold = `await new Promise((go) => {
    globalThis.heldWrites ??= new Set();
    if (globalThis.heldWrites.over) return go();
    globalThis.heldWrites.add(go);
    process.stdout.write('held ' + call.step.key${isCounted ? " + ' (' + globalThis.heldWrites.size + ')'" : ''} + '\\n');
    if (process.listenerCount('SIGUSR2') === 0) process.on('SIGUSR2', () => {
      globalThis.heldWrites.over = true;
      for (const one of globalThis.heldWrites) one();
    });
  });
`;
  return { what: `writes are held ${point}`, file: 'activities/perform.js', text, becomes: hold + text };
};

/** A Workflow that was changed since runs of it began, in the way in which a released Workflow may be changed. */
export const newerWorkflow: Plant = {
  what: 'a newer Workflow',
  file: 'workflows/run-operation.js',
  text: 'const call = callOf(input);',
  becomes:
    "if (patched('matrix')) chronicle.say('This is the newer Workflow.');\n    const call = callOf(input);",
};
const itsImport: Plant = {
  what: 'what a newer Workflow needs',
  file: 'workflows/run-operation.js',
  text: "import { startChild, workflowInfo } from '@temporalio/workflow';",
  becomes: "import { patched, startChild, workflowInfo } from '@temporalio/workflow';",
};

/** All plants of the newer Workflow; its bundle has to be built anew. */
export const newerWorkflows: readonly Plant[] = [newerWorkflow, itsImport];

/** A Workflow that asks for something else than before, under the name of the same step: a mistake. */
export const otherRequest: Plant = {
  what: 'another request under the same step',
  file: 'workflows/run-operation.js',
  text: 'const { operation, request, expect } = input;',
  becomes: `const { operation, expect } = input;
    const request = JSON.parse(JSON.stringify(input.request).replace(/(MX\\d\\dV\\wW\\d\\dS\\d{4})Z/g, '$1Y'));`,
};

/**
 * A copy of a build with plants in it.
 * @param from what is shipped, or a copy that has plants already.
 * @throws Error where a plant's place is not there, or there twice: it would be planted in vain.
 */
export function plantedBuild(folder: string, plants: readonly Plant[], from = shipped): string {
  mkdirSync(folder, { recursive: true });
  cpSync(from, join(folder, 'dist'), { recursive: true });
  cpSync(join(checkout, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  for (const { what, file, text, becomes } of plants) {
    const path = join(folder, 'dist', file);
    const source = readFileSync(path, 'utf8');
    if (source.split(text).length !== 2) throw new Error(`"${what}" has no one place in ${file}: ${text}`);
    writeFileSync(
      path,
      source.replace(text, () => becomes),
    );
  }
  return join(folder, 'dist');
}
