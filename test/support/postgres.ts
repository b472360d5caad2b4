import { execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { freePorts } from '../../client/ports.ts';
import { createCertificate } from '../../simulator/tls.ts';
import { until } from './until.ts';

/** A user of a PostgreSQL server. */
export interface PostgresUser {
  readonly name: string;
  readonly password: string;
}

/** How to reach a PostgreSQL server that was started for tests. */
export interface PostgresAccess {
  readonly port: number;
  /** May do everything. */
  readonly owner: PostgresUser;
  /** May work with the store, by the grants of docs/deploy.md, and not change its tables. */
  readonly worker: PostgresUser;
  /** File of the certificate under which it offers TLS, for `localhost`. */
  readonly certificate: string;
}

/** Such a server, in a folder that goes with it. What it holds need not outlive a power cut. */
export interface Postgres extends PostgresAccess {
  readonly version: string;
  readonly folder: string;
  /** Ends it, as a crash does where `immediate`; what was committed is there again after `start`. */
  readonly end: (how?: 'fast' | 'immediate') => Promise<void>;
  readonly start: () => Promise<void>;
  /** Stops all its processes where they are, or lets them go on: it is there and does not answer. */
  readonly freeze: (isFrozen: boolean) => void;
  /** Ends it and removes its folder. */
  readonly remove: () => Promise<void>;
}

/** The folder of PostgreSQL's programs on this machine; `undefined` where there are none. */
export function findPostgres(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean),
  ];
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))));
}

/** Ends the server when our end of the pipe closes, however we end. */
const withPipe = '"$@" <&- & pid=$!; read -r _; kill -INT $pid 2>/dev/null; wait $pid';

/**
 * Makes and starts a server on a free port of 127.0.0.1, with passwords of its own.
 * @param more settings, as they follow `-c`.
 */
export async function startPostgres(programs: string, more: readonly string[] = []): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), 'oncall-postgres-'));
  // PostgreSQL refuses to be run by root.
  const as = process.getuid?.() === 0 ? userOf('postgres', 'nobody') : undefined;
  const own = (path: string): void => as && chownSync(path, as.uid, as.gid);
  // Letters that must be escaped in a URL.
  const password = (): string => `${randomBytes(9).toString('base64')}/#?@:%`;
  const owner = { name: 'owner', password: password() };
  const worker = { name: 'oncall_worker', password: password() };
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, owner.password, { mode: 0o600 });
  for (const path of [folder, passwordFile]) own(path);
  const data = join(folder, 'data');
  const program = (name: string): string => join(programs, name);
  const version = execFileSync(program('postgres'), ['--version'], { encoding: 'utf8' }).trim();
  // Sorted by a language where it can be: what hangs on the order of bytes shows.
  const icu = Number(/(\d+)/.exec(version)?.[1]) >= 15 ? ['--locale-provider=icu', '--icu-locale=en'] : [];
  const init = ['-D', data, '--no-sync', '--auth=scram-sha-256', `--username=${owner.name}`];
  execFileSync(program('initdb'), [...init, `--pwfile=${passwordFile}`, '-E', 'UTF8', '--locale=C', ...icu], {
    ...as,
    stdio: 'ignore',
  });
  rmSync(passwordFile);
  const { cert, key } = await createCertificate();
  const certificate = join(folder, 'server.crt');
  const keyFile = join(folder, 'server.key');
  writeFileSync(certificate, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  own(keyFile);
  const [port = 0] = await freePorts(1);
  const access = { port, owner, worker, certificate };
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, `unix_socket_directories=${folder}`];
  const tls = ['ssl=on', `ssl_cert_file=${certificate}`, `ssl_key_file=${keyFile}`];
  const quick = [
    'fsync=off',
    'full_page_writes=off',
    'shared_buffers=32MB',
    'wal_level=minimal',
    'max_wal_senders=0',
  ];
  const flags = [...settings, ...tls, ...quick, ...more].flatMap((setting) => ['-c', setting]);
  let leave = async (): Promise<void> => {};
  const pid = (): number => Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);

  const start = async (): Promise<void> => {
    const log = openSync(join(folder, 'log'), 'a');
    const shell = spawn('sh', ['-c', withPipe, 'sh', program('postgres'), '-D', data, ...flags], {
      ...as,
      stdio: ['pipe', log, log],
      detached: true,
    });
    shell.unref();
    leave = async () => {
      shell.ref();
      shell.stdin?.end();
      if (shell.exitCode === null) await once(shell, 'exit');
    };
    await until(`PostgreSQL listens on ${port} (${readFileSync(join(folder, 'log'), 'utf8')})`, () =>
      asOwner(access, 'postgres', 'select 1').catch(() => undefined),
    );
  };
  const freeze = (isFrozen: boolean): void => {
    for (const one of [pid(), ...childrenOf(pid())]) process.kill(one, isFrozen ? 'SIGSTOP' : 'SIGCONT');
  };
  const end = async (how: 'fast' | 'immediate' = 'fast'): Promise<void> => {
    if (!existsSync(join(data, 'postmaster.pid'))) return;
    process.kill(pid(), how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await until('PostgreSQL has ended', () => !existsSync(join(data, 'postmaster.pid')));
    await leave();
  };
  const remove = async (): Promise<void> => {
    await end('immediate');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start();
    await asOwner(access, 'postgres', `create role ${worker.name} login password '${worker.password}'`);
  } catch (error) {
    await remove();
    throw error;
  }
  return { ...access, version, folder, start, end, freeze, remove };
}

/** The URL of a database; its user is the owner where none is named. */
export function urlOf(
  { port, owner }: PostgresAccess,
  database: string,
  user = owner,
  host = '127.0.0.1',
): string {
  return `postgres://${user.name}:${encodeURIComponent(user.password)}@${host}:${port}/${database}`;
}

/** Does something in a database as its owner. */
export async function asOwner(
  access: PostgresAccess,
  database: string,
  statement: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client({ connectionString: urlOf(access, database) });
  client.on('error', () => {});
  await client.connect();
  try {
    return [await client.query<Record<string, unknown>>(statement)].flat().flatMap(({ rows }) => rows);
  } finally {
    await client.end();
  }
}

/** Makes a database, empty or like another; gives its name. */
export async function createDatabase(access: PostgresAccess, like = 'template0'): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asOwner(access, 'postgres', `create database ${name} template ${like}`);
  return name;
}

export async function dropDatabase(access: PostgresAccess, name: string): Promise<void> {
  await asOwner(access, 'postgres', `drop database if exists ${name} with (force)`);
}

/** The first of these users that this machine has. */
function userOf(...names: readonly string[]): { readonly uid: number; readonly gid: number } {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name = '', , uid, gid] = line.split(':');
    if (names.includes(name)) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`PostgreSQL cannot be run as root, and there is no user ${names.join(' or ')} here.`);
}

/** Ids of the processes that a process has started. */
export const childrenOf = (parent: number): readonly number[] =>
  execFileSync('ps', ['-o', 'pid=', '--ppid', String(parent)], { encoding: 'utf8' })
    .split('\n')
    .flatMap((pid) => (pid.trim() ? [Number(pid)] : []));
