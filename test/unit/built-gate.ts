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
  const built = buildRooms(
    folder,
    modules.map((module) => `gate/${module}.ts`),
  );
  return (module) => built(`gate/${module}.ts`);
}

/** The same of any room's files: `built('activities/index.ts')`. */
export function buildRooms(folder: string, files: readonly string[]): (file: string) => string {
  const settings = '--module nodenext --target es2023 --rewriteRelativeImportExtensions --noCheck';
  const tsc = join(checkout, 'node_modules', '.bin', 'tsc');
  execFileSync(
    tsc,
    [...files, '--ignoreConfig', '--rootDir', '.', '--outDir', folder, ...settings.split(' ')],
    { cwd: checkout },
  );
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  return (file) => JSON.stringify(join(folder, file.replace(/\.ts$/, '.js')));
}
