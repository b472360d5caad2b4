import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(checkout, file), 'utf8');

interface Package {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
}

describe('what `npm ci` installs', () => {
  const manifest = JSON.parse(read('package.json')) as Package;
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Readonly<Record<string, Package>>;
  };
  const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

  test('is named by exact versions, and the lockfile has the same', () => {
    const { dependencies, devDependencies, overrides } = manifest;
    const all = Object.entries({ ...dependencies, ...devDependencies, ...overrides });
    expect(all.length).toBeGreaterThan(20);
    expect(all.filter(([, version]) => !exact.test(version))).toEqual([]);
    expect(packages['']).toMatchObject({ dependencies, devDependencies });
    for (const [name, version] of all) expect(packages[`node_modules/${name}`]?.version).toBe(version);
  });

  test('comes from no host in particular', () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved?.includes('//'))).toEqual([]);
    expect(read('package-lock.json')).not.toMatch(/"https?:\/\/[^"]*\.tgz"/);
  });

  test('is the same on every platform: all optional packages stand in the lockfile, in their version', () => {
    const optional = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.entries(optionalDependencies).map(([name, version]) => ({ path, name, version })),
    );
    expect(optional.length).toBeGreaterThan(30);
    const missing = optional.filter(({ path, name, version }) => {
      const found = seenFrom(path, name);
      return !found || (exact.test(version) && found.version !== version);
    });
    expect(missing).toEqual([]);
  });

  test('is refused on a Node that is too old, and leaves no host behind', () => {
    const settings = read('.npmrc').split('\n');
    expect(settings).toContain('engine-strict=true');
    expect(settings).toContain('omit-lockfile-registry-resolved=true');
  });

  /** The package that a name means to the package at a path: its own, or the next one up. */
  function seenFrom(path: string, name: string): Package | undefined {
    for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
      const found = packages[folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`];
      if (found || folder === '') return found;
    }
  }
});

describe('the Workflow bundle', () => {
  let code: string;
  let modules: readonly string[];

  beforeAll(async () => {
    const bundle = await bundleWorkflowCode({
      workflowsPath: join(checkout, 'workflows', 'index.ts'),
      logger: new DefaultLogger('ERROR'),
    });
    [code = ''] = bundle.code.split('//# sourceMappingURL=');
    modules = [...code.matchAll(/^\/\*{3}\/ "(\.[^"]+)"/gm)].map(([, name = '']) => name);
  });

  test('holds our Workflows, and values of no other room', () => {
    const ours = modules.filter((name) => !name.includes('node_modules'));
    expect(ours).toContain('./workflows/respond-to-incident.ts');
    expect(ours.filter((name) => !name.startsWith('./workflows/'))).toEqual([]);
  });

  test('holds of other people’s packages only what the SDK itself brings', () => {
    const packages = modules.flatMap((name) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1] ?? []);
    const brought = ['@temporalio/common', '@temporalio/workflow', 'long', 'ms', 'nexus-rpc'];
    expect([...new Set(packages)].filter((name) => !brought.includes(name))).toEqual([]);
    expect(packages).toContain('@temporalio/workflow');
  });

  test('is no larger than its modules need: every run evaluates all of it', () => {
    // Measured in November 2026: 1,230 kB without its source map, comments too: 808 before plans and reports came, 1,100 before
    // storms and swaps of turns, 1,180 before a handoff told what we hold and plans whom they page. Raise it knowingly.
    expect(code.length).toBeGreaterThan(300_000);
    expect(code.length).toBeLessThan(1_270_000);
  });
});

describe('what is committed', () => {
  const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = existsSync(join(checkout, '.git'))
    ? execFileSync('git', listed, { cwd: checkout, encoding: 'utf8' })
        .split('\0')
        .filter(
          (file) =>
            file !== '' && existsSync(join(checkout, file)) && statSync(join(checkout, file)).isFile(),
        )
    : [];
  const searched = (pattern: RegExp, among = files): readonly string[] =>
    among.filter((file) => pattern.test(read(file)));

  test.skipIf(files.length === 0).each([
    [
      'a folder of the machine it was made on',
      ['root', 'work', 'home/[a-z]+', 'Users/[a-z]+'].map((name) => `(?<![\\w.~-])/${name}/`).join('|'),
    ],
    ['a registry', ['registry', 'npm' + 'js'].join('\\.')],
    ['a private key', ['-----BEGIN', '(?:[A-Z]+ )?PRIVATE KEY-----\\n[A-Za-z0-9+/=\\n]{40}'].join(' ')],
  ])('does not hold %s', (_what, pattern) => {
    expect(files.length).toBeGreaterThan(100);
    expect(searched(new RegExp(pattern))).toEqual([]);
  });

  test.skipIf(files.length === 0)('reads the environment in config.ts alone, by no other name either', () => {
    const sources = files.filter(
      (file) => file.endsWith('.ts') && !/^(test\/|vitest)|(^|\/)config\.ts$/.test(file),
    );
    const other = [
      `\\benv\\b[^;]*from '(node:)?${'process'}'`,
      `${'process'}\\s*\\[`,
      `${'globalThis'}\\.process`,
    ];
    expect(sources.length).toBeGreaterThan(60);
    expect(searched(new RegExp(other.join('|')), sources)).toEqual([]);
  });
});
