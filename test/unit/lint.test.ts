import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

const rooms = ['pagerduty', 'gate', 'simulator', 'activities', 'workflows', 'client', 'worker'] as const;
type Room = (typeof rooms)[number];

/** Which rooms a room may take values from (house style §3). */
const open: Readonly<Record<Room, readonly Room[]>> = {
  pagerduty: [],
  gate: ['pagerduty'],
  simulator: ['pagerduty'],
  activities: ['pagerduty', 'gate'],
  workflows: [],
  client: ['pagerduty', 'gate'],
  worker: ['pagerduty', 'gate', 'activities', 'workflows'],
};

/** Files of workflows that compute and do nothing else: what looks back without a server judges by the same rules. */
const rules = ['assess.ts', 'duplicates.ts', 'walk.ts'];

/** Module that a room takes a value from, and whether it may. */
const modules: readonly (readonly [Room, string, boolean])[] = [
  ...rooms.flatMap((room) =>
    rooms
      .filter((other) => other !== room)
      .map((other) => [room, `../${other}/thing.ts`, open[room].includes(other)] as const),
  ),
  ['client', '../workflows/contract.ts', true],
  ['client', '../workflows/respond-to-incident.ts', false],
  ...rules.map((name) => ['client', `../workflows/${name}`, true] as const),
  ['activities', '../pagerduty/http.ts', true],
  ...(['gate', 'simulator', 'client', 'worker', 'workflows'] as const).map(
    (room) => [room, '../pagerduty/http.ts', false] as const,
  ),
  ...(['gate', 'simulator', 'client', 'worker', 'workflows'] as const).map(
    (room) => [room, 'undici', false] as const,
  ),
  ['pagerduty', 'undici', true],
  ['pagerduty', '@temporalio/common', false],
  ['gate', '@temporalio/common', false],
  ['gate', '@temporalio/proto', true],
  ['simulator', '@temporalio/common', false],
  ['activities', '@temporalio/activity', true],
  ['activities', '@temporalio/workflow', false],
  ['activities', '@temporalio/worker', false],
  ['workflows', '@temporalio/workflow', true],
  ['workflows', '@temporalio/common', true],
  ...[
    'zod',
    'undici',
    'jose',
    'pino',
    'kysely',
    'libsql',
    'yaml',
    'zod/v4',
    '@temporalio/client',
    '@temporalio/worker',
    '@temporalio/activity',
  ].map((name) => ['workflows', name, false] as const),
  ...['node:crypto', 'node:fs/promises', 'fs', 'fs/promises', 'crypto', 'timers/promises', 'process'].map(
    (name) => ['workflows', name, false] as const,
  ),
  ['gate', 'node:crypto', true],
];

/** What the linter does not see; see below. */
const missed = ([room, specifier]: readonly [Room, string, boolean]): boolean =>
  room === 'client' && specifier.startsWith('../workflows/');

const activity = `
  import { proxyActivities } from '@temporalio/workflow';
  const { getIncident } = proxyActivities<{ getIncident(input: object): Promise<string> }>({ startToCloseTimeout: '1 s' });
`;
const inWorkflow = (body: string): string =>
  `${activity}export async function run(): Promise<void> {\n${body}\n}\n`;

/** What must be caught: what it is → where it stands, its text, and the rule that catches it. */
const offences: Readonly<Record<string, readonly [Room, string, string]>> = {
  'an Activity that nobody awaits': ['workflows', inWorkflow('getIncident({});'), 'no-floating-promises'],
  'a promise that nobody awaits': [
    'gate',
    'export function run(): void {\n  Promise.resolve(1);\n}\n',
    'no-floating-promises',
  ],
  'a promise where a condition belongs': [
    'gate',
    'export const run = (work: () => Promise<boolean>): number => (work() ? 1 : 2);\n',
    'no-misused-promises',
  ],
  'an await of nothing': [
    'gate',
    'export const run = async (): Promise<number> => await 1;\n',
    'await-thenable',
  ],
  'a switch that forgets a case': [
    'gate',
    "export function run(state: 'a' | 'b'): void {\n  switch (state) {\n    case 'a':\n      return;\n  }\n}\n",
    'switch-exhaustiveness-check',
  ],
  'an exclamation mark': [
    'gate',
    'export const run = (values: readonly string[]): string => values[0]!;\n',
    'no-non-null-assertion',
  ],
  any: ['gate', 'export const run = (value: any): unknown => value;\n', 'no-explicit-any'],
  'a default export': ['gate', 'export default function run(): void {}\n', 'no-default-export'],
  'the environment outside of config.ts': [
    'gate',
    "export const run = process.env['HOME'];\n",
    'no-process-env',
  ],
  'two equals signs': ['gate', 'export const run = (a: unknown): boolean => a == 1;\n', 'eqeqeq'],
  'words on the console': ['worker', "export const run = (): void => console.log('x');\n", 'no-console'],
  'Buffer in a Workflow': [
    'workflows',
    "export const run = (): number => Buffer.from('x').length;\n",
    'no-restricted-globals',
  ],
  'fetch in a Workflow': [
    'workflows',
    "export const run = (): Promise<Response> => fetch('http://x');\n",
    'no-restricted-globals',
  ],
  'a value by way of export': [
    'workflows',
    "export { thing } from '../gate/thing.ts';\n",
    'no-restricted-imports',
  ],
  'everything by way of export': [
    'workflows',
    "export * from '../gate/thing.ts';\n",
    'no-restricted-imports',
  ],
  'a value beside a type': [
    'workflows',
    "import { type A, thing } from '../gate/thing.ts';\nexport const run = (a: A): unknown => [thing, a];\n",
    'no-restricted-imports',
  ],
  'an import for its effect': ['workflows', "import '../gate/thing.ts';\n", 'no-restricted-imports'],
  'a value from a folder deeper': [
    'client',
    "import { thing } from '../../activities/thing.ts';\nexport const run = thing;\n",
    'no-restricted-imports',
  ],
};

/** What must pass. */
const honest: Readonly<Record<string, readonly [Room, string]>> = {
  'an Activity that is awaited': ['workflows', inWorkflow('await getIncident({});')],
  'a switch with all its cases': [
    'gate',
    "export function run(state: 'a' | 'b'): number {\n  switch (state) {\n    case 'a':\n      return 1;\n    case 'b':\n      return 2;\n  }\n}\n",
  ],
  'a switch with a default': [
    'gate',
    "export function run(state: 'a' | 'b'): number {\n  switch (state) {\n    case 'a':\n      return 1;\n    default:\n      return 2;\n  }\n}\n",
  ],
};

const folder = mkdtempSync(join(tmpdir(), 'oncall-lint-'));
let caught: ReadonlyMap<string, readonly string[]>;

const place = (room: string, name: string): string =>
  join(room, `${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}.ts`);
const value = (specifier: string): string =>
  `import { thing } from '${specifier}';\nexport const run = thing;\n`;
const type = (specifier: string): string =>
  `import type { Thing } from '${specifier}';\nexport type Run = Thing;\n`;

beforeAll(() => {
  for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
    copyFileSync(join(checkout, file), join(folder, file));
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  for (const [room, specifier] of modules) {
    put(place(room, `value ${specifier}`), value(specifier));
    put(place(room, `type ${specifier}`), type(specifier));
  }
  for (const name of builtinModules) put(place('workflows', `builtin ${name}`), value(name));
  for (const room of rooms)
    put(place(room, 'later'), "export const run = (): Promise<unknown> => import('../client/thing.ts');\n");
  for (const [what, [room, text]] of Object.entries({ ...offences, ...honest })) put(place(room, what), text);
  put('gate/config.ts', "export const home = process.env['HOME'];\n");
  caught = lint();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('of all that stands there, most is caught and some is not', () => {
  expect(caught.size).toBeGreaterThan(60);
});

describe('a value across the rooms', () => {
  const closed = modules.filter(([, , may]) => !may);

  test.each(closed.filter((row) => !missed(row)))('%s takes none from %s', (room, specifier) => {
    expect(caught.get(place(room, `value ${specifier}`))).toContain('no-restricted-imports');
  });

  test.each(closed.filter(missed))('%s takes none from %s', (room, specifier) => {
    expect(caught.get(place(room, `value ${specifier}`)) ?? []).toContain('no-restricted-imports');
  });

  test.each(closed.filter(([, specifier]) => specifier.startsWith('../')))(
    '%s may have the types of %s',
    (room, specifier) => {
      expect(caught.get(place(room, `type ${specifier}`))).toBeUndefined();
    },
  );

  test.each(modules.filter(([, , may]) => may))('%s may take one from %s', (room, specifier) => {
    expect(caught.get(place(room, `value ${specifier}`))).toBeUndefined();
    expect(caught.get(place(room, `type ${specifier}`))).toBeUndefined();
  });

  test.each(rooms.filter((room) => room !== 'client'))('%s takes none by an import later on', (room) => {
    expect(caught.get(place(room, 'later'))).toEqual(['no-restricted-imports']);
  });
});

test.each(Object.entries(offences))('%s is caught', (what, [room, , rule]) => {
  expect(caught.get(place(room, what)) ?? []).toContain(rule);
});

test.each(Object.entries(honest))('%s passes', (what, [room]) => {
  expect(caught.get(place(room, what))).toBeUndefined();
});

test('the environment is read in config.ts', () => {
  expect(caught.get('gate/config.ts')).toBeUndefined();
});

test.each(rules)(
  'workflows/%s takes values from such files alone, so that it is right outside of a Workflow',
  (name) => {
    const text = readFileSync(join(checkout, 'workflows', name), 'utf8');
    const taken = [...text.matchAll(/^(?:import|export) (?!type )[^;]*? from '([^']+)';/gms)].map(
      ([, specifier]) => specifier,
    );
    expect(taken.filter((specifier) => !rules.includes(specifier?.replace('./', '') ?? ''))).toEqual([]);
  },
);

test('a Workflow takes none of Node’s own modules, under no name', () => {
  const passed = builtinModules.filter((name) => !caught.has(place('workflows', `builtin ${name}`)));
  expect(passed).toEqual([]);
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** Runs the linter as `npm run lint` does, on these rooms; gives the rules that each file broke. */
function lint(): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(join(checkout, 'package.json'), 'utf8');
  const { scripts } = JSON.parse(text) as { scripts: { lint: string } };
  const [program = '', ...options] = scripts.lint.split(' ');
  const command = join(checkout, 'node_modules', '.bin', program);
  const run = spawnSync(command, [...options, '--format', 'json', ...rooms], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const { diagnostics } = JSON.parse(run.stdout) as {
    diagnostics: readonly { code: string; filename: string }[];
  };
  const rules = new Map<string, string[]>();
  for (const { code, filename } of diagnostics) {
    rules.set(filename, [...(rules.get(filename) ?? []), code.replace(/^.*\((.*)\)$/, '$1')]);
  }
  return rules;
}
