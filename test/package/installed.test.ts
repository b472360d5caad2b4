import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkout } from '../support/processes.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'oncall-package-'));
const empty = mkdtempSync(join(tmpdir(), 'oncall-empty-'));
const program = (name: string): string => join(checkout, 'node_modules', '.bin', name);
const environment = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };

/** A program as a user sees it: all that it says, and its exit code. */
async function seen(
  file: string,
  args: readonly string[],
): Promise<{ readonly code: unknown; readonly said: string }> {
  try {
    const { stdout, stderr } = await run(file, args, { cwd: empty, env: environment });
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error && 'code' in error)) throw error;
    return { code: error.code, said: `${String(error.stdout)}${String(error.stderr)}` };
  }
}

let tarball = '';
let packed: readonly string[] = [];

beforeAll(async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: checkout,
    env: environment,
  });
  const [told]: { filename: string; files: { path: string }[] }[] = JSON.parse(
    stdout.slice(stdout.indexOf('[\n')),
  );
  if (told === undefined) throw new Error(`npm pack told of no package: ${stdout}`);
  tarball = join(folder, told.filename);
  packed = told.files.map(({ path }) => path);
  writeFileSync(join(empty, 'package.json'), '{ "private": true, "type": "module" }\n');
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], {
    cwd: empty,
    env: environment,
  });
});

afterAll(() => {
  for (const each of [folder, empty]) rmSync(each, { recursive: true, force: true });
});

describe('the package', () => {
  test('holds what is run and what a reader needs, and no tests or sources', () => {
    const outside = packed.filter((path) => !/^dist\/.*\.(c?js|d\.c?ts)$/.test(path));
    expect(outside.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    expect(packed.filter((path) => /^dist\/(test|bench|examples)\//.test(path))).toEqual([]);
    expect(packed).toContain('dist/workflow-bundle.js');
  });

  test('is in order for publint', async () => {
    expect(await seen(program('publint'), [tarball, '--strict'])).toMatchObject({
      code: 0,
      said: expect.stringContaining('All good!'),
    });
  });

  test('has types that modules resolve, for attw', async () => {
    const { code, said } = await seen(program('attw'), ['--profile', 'esm-only', tarball]);
    expect(code, said).toBe(0);
    expect(said).toMatch(/node16 \(from ESM\).*🟢/);
    expect(said).toMatch(/bundler.*🟢/);
  });
});

describe('installed in an empty directory', () => {
  test('its types are there, whole, for a module that uses them', async () => {
    writeFileSync(
      join(empty, 'use.ts'),
      [
        "import { openOncall, type RunResult, serveAgent } from 'oncall-runner';",
        "const oncall = await openOncall({ agent: 'triage-bot', account: 'main' });",
        "const { incident } = await oncall.call('getIncident', { params: { id: 'PINCIDENT' } });",
        'export const title: string | null | undefined = incident.title;',
        '// @ts-expect-error: a title is no number, so its type is not `any`.',
        'export const number: number = incident.title;',
        "export const outcome: RunResult['outcome'] = 'done';",
        '// @ts-expect-error: nor is this one.',
        "export const none: RunResult['outcome'] = 'asleep';",
        'export const serve: typeof serveAgent = serveAgent;',
        '',
      ].join('\n'),
    );
    const options = '--noEmit --strict --module nodenext --target es2023 --listFiles'.split(' ');
    const { said } = await seen(program('tsc'), [...options, 'use.ts']);
    expect(said).toContain('oncall-runner/dist/client/index.d.ts');
    // What other packages' types complain of is theirs.
    const complaints = said.split('\n').filter((line) => line.includes(' error TS'));
    expect(complaints.filter((line) => /^(use\.ts|node_modules\/oncall-runner\/)/.test(line))).toEqual([]);
  });

  test('is loaded by import, and by require', async () => {
    const names = 'openOncall readAgent serveAgent RefusedError'.split(' ');
    const shown = `console.log(${JSON.stringify(names)}.map((name) => typeof oncall[name]).join(' '))`;
    writeFileSync(join(empty, 'use.mjs'), `import * as oncall from 'oncall-runner';\n${shown}\n`);
    writeFileSync(join(empty, 'use.cjs'), `const oncall = require('oncall-runner');\n${shown}\n`);
    for (const file of ['use.mjs', 'use.cjs'])
      expect(await seen(process.execPath, [file])).toEqual({
        code: 0,
        said: 'function function function function\n',
      });
  });

  test('its demo tells the whole story, and leaves nothing behind', async () => {
    const before = readdirSync(empty);
    const { code, said } = await seen('npx', ['--no-install', 'oncall', 'demo']);
    expect(code, said).toBe(0);
    expect(stripVTControlCharacters(said)).toMatch(/^PagerDuty says: #5 is resolved, with 1 note\.$/m);
    expect(readdirSync(empty)).toEqual(before);
  });
});
