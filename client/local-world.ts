import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newKeyPair } from '../gate/statement.ts';

/** Name of an agent of the local world → what it may do, as it stands in `oncall.yaml`. */
export type LocalAgents = Readonly<Record<string, string>>;

/** Keys that the simulator knows, by the names under which the local configuration looks for them. */
export const simulatorSecrets = {
  PAGERDUTY_API_TOKEN: 'simulator-full-access-key',
  CHECKOUT_ROUTING_KEY: 'simulatorcheckoutroutingkey00000',
} as const;

/** The configuration and keys of a world that runs against the simulator. */
export interface LocalWorld {
  readonly configFile: string;
  readonly keyFileOf: (agent: string) => string;
  /** Writes `oncall.yaml` for a simulator at this address. */
  readonly configure: (simulatorUrl: string) => void;
}

/**
 * Makes keys for the agents in `folder`, and can write the configuration that lets them act on the simulator. A folder that
 * has a configuration keeps it, with its keys: people edit it.
 */
export function localWorld(folder: string, agents: LocalAgents): LocalWorld {
  const configFile = join(folder, 'oncall.yaml');
  const keyFileOf = (agent: string): string => join(folder, 'keys', `${agent}.pem`);
  if (existsSync(configFile)) return { configFile, keyFileOf, configure: () => {} };
  mkdirSync(join(folder, 'keys'), { recursive: true, mode: 0o700 });
  const written = Object.entries(agents).map(([name, grants]) => {
    const { privateKey, publicKey } = newKeyPair();
    writeFileSync(keyFileOf(name), privateKey, { mode: 0o600 });
    return `  ${name}:\n    public_key: ${publicKey}\n    grants:\n${grants.replace(/^/gm, '      ')}\n`;
  });
  return {
    configFile,
    keyFileOf,
    configure: (simulatorUrl) =>
      writeFileSync(configFile, `${accountOn(simulatorUrl)}agents:\n${written.join('')}`),
  };
}

const accountOn = (url: string): string => `accounts:
  main:
    region: custom
    rest_url: ${url}
    events_url: ${url}
    token: env:PAGERDUTY_API_TOKEN
    from: oncall-bot@example.com
    routing_keys: { checkout: env:CHECKOUT_ROUTING_KEY }
`;
