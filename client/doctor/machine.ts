import { chmodSync, existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { grouped } from '../output.ts';
import type { Finding } from './finding.ts';

/** The oldest Node that we work with, as package.json says. */
const oldestNode = [20, 19] as const;

/** The parts of Temporal's SDK that this program is made of. They fit together in one version alone. */
const sdk = ['activity', 'client', 'common', 'worker', 'workflow'] as const;

/** The versions of this machine: of Node, and of each part of the SDK. */
export interface Versions {
  readonly node: string;
  readonly sdk: Readonly<Record<string, string>>;
}

/** The versions that are at work here. */
export function versionsHere(): Versions {
  const load = createRequire(import.meta.url);
  const versionOf = (name: string): string => {
    // What a package exports need not be its package.json.
    let folder = dirname(load.resolve(`@temporalio/${name}`));
    while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
  };
  return { node: process.versions.node, sdk: Object.fromEntries(sdk.map((name) => [name, versionOf(name)])) };
}

/** Whether a version is at least another: `1.32.0`, `[1, 32]`. What is no version is not. */
export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [found = Number.NaN, after = Number.NaN] = version.split('.').map(Number);
  return found > major || (found === major && after >= minor);
}

export function lookAtVersions({ node, sdk: parts }: Versions): readonly Finding[] {
  const of = 'versions';
  const findings: Finding[] = [];
  if (!isAtLeast(node, oldestNode))
    findings.push({
      of,
      what: `Node ${node} is too old`,
      mend: `install Node ${oldestNode.join('.')} or newer`,
    });
  if (new Set(Object.values(parts)).size > 1)
    findings.push({
      of,
      what: `Temporal’s SDK is here in several versions: ${Object.entries(parts)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}`,
      mend: '`npm ci` installs those that fit',
    });
  return findings;
}

/** The disk that `ONCALL_HOME` is on, and who else may read the secrets that are kept there. */
export function lookAtHome(home: string, leastFreeBytes: number): readonly Finding[] {
  return [...lookAtDisk(home, leastFreeBytes), ...lookAtSecrets(home)];
}

function lookAtDisk(home: string, leastFreeBytes: number): readonly Finding[] {
  let folder = home;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free >= leastFreeBytes) return [];
  const megabytes = (bytes: number): string => `${grouped(Math.floor(bytes / 1_000_000))} MB`;
  return [
    {
      of: 'disk',
      what: `${megabytes(free)} are free where ${home} is, less than ${megabytes(leastFreeBytes)}: with a full disk nothing can be written down, and so nothing sent`,
      mend: `make room there, or move ONCALL_HOME; \`du -xh ${folder} | sort -h | tail\` shows what takes it`,
    },
  ];
}

function lookAtSecrets(home: string): readonly Finding[] {
  return ['keys', 'webhook-secrets']
    .flatMap((folder) => filesBelow(join(home, folder)))
    .filter((file) => (statSync(file).mode & 0o077) !== 0)
    .map((file) => ({
      of: 'secrets',
      what: `others on this machine may read ${file}`,
      mend: `chmod 600 ${file}`,
      fix: {
        mend: async () => {
          chmodSync(file, 0o600);
          return `${file} is its owner’s alone; where others may have read it, make a new one`;
        },
      },
    }));
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
