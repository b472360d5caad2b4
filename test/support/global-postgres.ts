import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { openStore } from '../../gate/audit-store.ts';
import { asOwner, findPostgres, type PostgresAccess, startPostgres, urlOf } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL server for the stores of this run; without it they are files. */
    readonly postgres?: PostgresAccess;
  }
}

/** The database that every store of a test begins as: with the tables of the store, and the grants of docs/deploy.md. */
export const storeTemplate = 'oncall_template';

/** One real PostgreSQL server for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const programs = findPostgres();
  if (!programs) throw new Error('PostgreSQL is not installed.');
  const postgres = await startPostgres(programs);
  const { port, owner, worker, certificate } = postgres;
  await asOwner(postgres, 'postgres', `create database ${storeTemplate}`);
  await (await openStore(urlOf(postgres, storeTemplate))).destroy();
  for (const statement of documentedGrants()) await asOwner(postgres, storeTemplate, statement);
  project.provide('postgres', { port, owner, worker, certificate });
  console.log(`${postgres.version}, from ${programs}`);
  return postgres.remove;
}

/** What docs/deploy.md tells an administrator to grant: the tests work with these rights and no others. */
function documentedGrants(): readonly string[] {
  const page = readFileSync(fileURLToPath(new URL('../../docs/deploy.md', import.meta.url)), 'utf8');
  const grants = page.match(/^grant [^;]+;/gm) ?? [];
  if (grants.length === 0) throw new Error('docs/deploy.md grants nothing.');
  return grants;
}
