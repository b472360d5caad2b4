import { homedir, platform } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { EncryptionUnusable, type KeyRing } from '../gate/encryption.ts';
import { keysIn } from '../gate/encryption-source.ts';
import { dataConverterOf } from '../gate/payload-codec.ts';
import { secretsFrom } from '../gate/secrets.ts';
import { unreadableSettings } from '../gate/temporal-settings.ts';
import { tracesWanted } from '../gate/tracing.ts';
import { usualDeployment } from '../workflows/contract.ts';
import { OncallError } from './errors.ts';

/** What the client takes from its environment. */
export interface ClientSettings {
  /** `ONCALL_HOME`, else `.oncall`. */
  readonly home: string;
  /** `DATABASE_URL`: the database of the audit store, where it is no file. A secret. */
  readonly databaseUrl: string | undefined;
  /** `ONCALL_CONFIG`, else `oncall.yaml`. */
  readonly configFile: string;
  /** `ONCALL_AGENT` and `ONCALL_AGENT_KEY_FILE`: who starts runs. */
  readonly agent: string | undefined;
  readonly agentKeyFile: string | undefined;
  /** `ONCALL_OPERATOR` and `ONCALL_OPERATOR_KEY_FILE`: who approves, and lifts what was pressed. */
  readonly operator: string | undefined;
  readonly operatorKeyFile: string | undefined;
  readonly logLevel: string;
  /** `ONCALL_FRONT_DOOR` and `ONCALL_FRONT_DOOR_KEY_FILE`: who signs for agents that come with a token. */
  readonly frontDoor: string | undefined;
  readonly frontDoorKeyFile: string | undefined;
  /** `ONCALL_TEMPORAL_UI`: where the Temporal UI is, for links to runs. */
  readonly temporalUi: string | undefined;
  /** `ONCALL_WATCHDOG_ROUTING_KEY`, or what is in `ONCALL_WATCHDOG_ROUTING_KEY_FILE`: over it people hear that we are down. A secret. */
  readonly watchdogKey: string | undefined;
  readonly watchdogKeyFile: string | undefined;
  /** `ONCALL_WATCHDOG_EVENTS_URL`: PagerDuty's Events API, where it is not that of the US. */
  readonly watchdogEventsUrl: string | undefined;
  /** `TEMPORAL_DEPLOYMENT_NAME`, else `oncall`: what builds of the runner belong to. */
  readonly deployment: string;
  /** Whether `TEMPORAL_ADDRESS` names a server. */
  readonly hasServer: boolean;
  /** Folders of `PATH`. */
  readonly path: readonly string[];
  /** Folder in the user's cache, shared by all checkouts. */
  readonly cache: string;
}

/** Reads the environment. */
export function clientSettings(): ClientSettings {
  const { env } = process;
  return {
    home: resolve(env['ONCALL_HOME'] ?? '.oncall'),
    databaseUrl: env['DATABASE_URL'],
    configFile: resolve(env['ONCALL_CONFIG'] ?? 'oncall.yaml'),
    agent: env['ONCALL_AGENT'],
    agentKeyFile: env['ONCALL_AGENT_KEY_FILE'],
    operator: env['ONCALL_OPERATOR'],
    operatorKeyFile: env['ONCALL_OPERATOR_KEY_FILE'],
    logLevel: env['LOG_LEVEL'] ?? 'info',
    frontDoor: env['ONCALL_FRONT_DOOR'],
    frontDoorKeyFile: env['ONCALL_FRONT_DOOR_KEY_FILE'],
    temporalUi: env['ONCALL_TEMPORAL_UI'] || undefined,
    watchdogKey: env['ONCALL_WATCHDOG_ROUTING_KEY'] || undefined,
    watchdogKeyFile: env['ONCALL_WATCHDOG_ROUTING_KEY_FILE'] || undefined,
    watchdogEventsUrl: env['ONCALL_WATCHDOG_EVENTS_URL'] || undefined,
    deployment: env['TEMPORAL_DEPLOYMENT_NAME'] || usualDeployment,
    hasServer: Boolean(env['TEMPORAL_ADDRESS']),
    path: (env['PATH'] ?? '').split(delimiter).filter(Boolean),
    cache: join(userCache(env), 'oncall-runner'),
  };
}

/** How a server is reached, and how what is told it is written. */
export interface TemporalSettings extends ClientConnectConfig {
  /** Plain where left out. */
  readonly dataConverter?: DataConverter;
}

/**
 * How we speak to Temporal: its server, and the encryption of `oncall.yaml` where that names one.
 * @throws OncallError where either cannot be used.
 */
export const temporalSettings = (): TemporalSettings => encrypted(serverSettings());

/**
 * Settings with the encryption of `oncall.yaml`, where they have none of their own.
 * @throws OncallError where a key cannot be used.
 */
export const encrypted = (settings: TemporalSettings): TemporalSettings =>
  settings.dataConverter ? settings : { ...settings, dataConverter: dataConverterOf(encryptionKeys()) };

/**
 * The keys that `oncall.yaml` names.
 * @throws OncallError where one cannot be used.
 */
export function encryptionKeys(): KeyRing {
  try {
    return keysIn(clientSettings().configFile, readSecret);
  } catch (error) {
    if (error instanceof EncryptionUnusable) throw new OncallError(error.message);
    throw error;
  }
}

/**
 * Temporal's address, namespace, TLS and key, as every Temporal program reads them: for what only looks whether it is there.
 * @throws OncallError where its own configuration file cannot be used.
 */
export function serverSettings(): ClientConnectConfig {
  try {
    return loadClientConnectConfig();
  } catch (error) {
    throw new OncallError(unreadableSettings(error, process.env));
  }
}

/** Secrets that the configuration names. */
export const readSecret = secretsFrom(process.env, 'this command');

function userCache(env: NodeJS.ProcessEnv): string {
  if (env['XDG_CACHE_HOME']) return env['XDG_CACHE_HOME'];
  if (platform() === 'darwin') return join(homedir(), 'Library', 'Caches');
  if (platform() === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  return join(homedir(), '.cache');
}

/** The environment of a child process: ours, with some of it set anew. */
export const childEnvironment = (set: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...set,
});

/** Makes `--config FILE` hold for this process and the ones it starts. */
export function useConfig(file: string): void {
  process.env['ONCALL_CONFIG'] = resolve(file);
}

/** Whether errors that nobody foresaw come with their stack. */
export const wantsStack = (): boolean => ['debug', 'trace'].includes(process.env['LOG_LEVEL'] ?? '');

/** Whether the environment asks for OpenTelemetry's traces. */
export const wantsTraces = (): boolean => tracesWanted(process.env);
