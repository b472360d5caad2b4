import { join, resolve } from 'node:path';
import type { WorkerDeploymentVersion } from '@temporalio/common';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { secretsFrom } from '../gate/secrets.ts';
import { unreadableSettings } from '../gate/temporal-settings.ts';
import { tracesWanted } from '../gate/tracing.ts';
import { usualDeployment } from '../workflows/contract.ts';

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
  /** Whether OpenTelemetry's own settings name a collector of traces. */
  readonly isTraced: boolean;
  /** `TEMPORAL_WORKER_BUILD_ID`, of `TEMPORAL_DEPLOYMENT_NAME` or `oncall`: which build of the runner this is; none without it. */
  readonly build: WorkerDeploymentVersion | undefined;
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
    isTraced: tracesWanted(env),
    build: buildIn(env['TEMPORAL_WORKER_BUILD_ID'], env['TEMPORAL_DEPLOYMENT_NAME']),
    temporal: temporalSettings(),
  };
}

/** Names that need no quoting in lists of runs, and that fit the server's. */
const buildName = /^[A-Za-z0-9][\w.+-]{0,99}$/;

function buildIn(
  buildId: string | undefined,
  deploymentName = usualDeployment,
): WorkerDeploymentVersion | undefined {
  if (!buildId) return undefined;
  for (const [name, value] of Object.entries({
    TEMPORAL_WORKER_BUILD_ID: buildId,
    TEMPORAL_DEPLOYMENT_NAME: deploymentName,
  }))
    if (!buildName.test(value))
      throw new CannotStart(
        `${name} is ${JSON.stringify(value.slice(0, 100))}; it may be up to 100 letters, digits, and any of . _ + - after the first.`,
      );
  return { deploymentName, buildId };
}

function temporalSettings(): ClientConnectConfig {
  try {
    return loadClientConnectConfig();
  } catch (error) {
    throw new CannotStart(unreadableSettings(error, process.env));
  }
}

/** The file that takes the records of releases while the store is away. */
export const journalFile = (home: string): string => join(home, 'releases.jsonl');

/** Secrets that the configuration names. */
export const readSecret = secretsFrom(process.env, 'the Worker');
