import { join, resolve } from 'node:path';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { secretsFrom } from '../gate/secrets.ts';

/** What a Worker takes from its environment. */
export interface WorkerSettings {
  /** Folder of the audit store, and of what is kept beside it: `ONCALL_HOME`, else `.oncall`. */
  readonly home: string;
  /** `DATABASE_URL`: the database of the audit store, where it is no file. A secret. */
  readonly databaseUrl: string | undefined;
  /** `ONCALL_CONFIG`, else `oncall.yaml`. */
  readonly configFile: string;
  readonly logLevel: string;
  /** `ONCALL_METRICS_ADDRESS`: where metrics are shown for Prometheus, as `127.0.0.1:9464`; nowhere without it. */
  readonly metricsAddress: string | undefined;
  /** Temporal's address, namespace, TLS and key, as every Temporal program reads them. */
  readonly temporal: ClientConnectConfig;
}

/** Why a Worker cannot start, in a sentence with the mend. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
}

/**
 * Reads the environment.
 * @throws CannotStart
 */
export function workerSettings(): WorkerSettings {
  const { env } = process;
  return {
    home: resolve(env['ONCALL_HOME'] ?? '.oncall'),
    databaseUrl: env['DATABASE_URL'],
    configFile: resolve(env['ONCALL_CONFIG'] ?? 'oncall.yaml'),
    logLevel: env['LOG_LEVEL'] ?? 'info',
    metricsAddress: env['ONCALL_METRICS_ADDRESS'] || undefined,
    temporal: temporalSettings(),
  };
}

function temporalSettings(): ClientConnectConfig {
  try {
    return loadClientConnectConfig();
  } catch (error) {
    const { env } = process;
    const file = env['TEMPORAL_CONFIG_FILE'] ?? 'temporal.toml in your configuration folder';
    const profile = env['TEMPORAL_PROFILE'] ?? 'default';
    // Where the file has no profile at all, the reader's own words are of no use.
    const why = error instanceof TypeError || !(error instanceof Error) ? '' : ` (${error.message})`;
    throw new CannotStart(
      `Temporal's own settings in ${file} cannot be used${why}. They need a section [profile.${profile}]; or name another file by TEMPORAL_CONFIG_FILE.`,
    );
  }
}

/** The file that takes the records of releases while the store is away. */
export const journalFile = (home: string): string => join(home, 'releases.jsonl');

/** Secrets that the configuration names. */
export const readSecret = secretsFrom(process.env, 'the Worker');
