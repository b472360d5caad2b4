import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Builds some of the gate's modules as they are shipped, for programs that run as processes of their own.
 * @returns how such a program names a module: `built('audit')` in `await import(…)`.
 */
export function buildGate(folder: string, modules: readonly string[]): (module: string) => string {
  const settings = '--module nodenext --target es2023 --rewriteRelativeImportExtensions --noCheck';
  const tsc = join(checkout, 'node_modules', '.bin', 'tsc');
  const files = modules.map((module) => `gate/${module}.ts`);
  execFileSync(
    tsc,
    [...files, '--ignoreConfig', '--rootDir', '.', '--outDir', folder, ...settings.split(' ')],
    { cwd: checkout },
  );
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  return (module) => JSON.stringify(join(folder, 'gate', `${module}.js`));
}
