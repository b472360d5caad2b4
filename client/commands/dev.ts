import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clientSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError } from '../errors.ts';
import { startLocal } from '../local.ts';
import { localWorld, simulatorSecrets } from '../local-world.ts';
import type { Output } from '../output.ts';
import { checkDifferent, checkFree, portOf } from '../ports.ts';
import { aborted, stopSignal } from '../processes.ts';

export interface DevOptions {
  readonly port: string;
  readonly uiPort: string;
  readonly simulatorPort: string;
  readonly webhooksPort: string;
}

const agents = {
  'dev-bot': `incidents: read
services: read
oncalls: read
incidents.acknowledge: { level: full, lease: 5m, when: { urgency: [high, low] } }
incidents.add_note: full
incidents.resolve: full`,
} as const;

/** `oncall dev`: server, simulator, Worker and webhook receiver, kept running; everything they need lies under `ONCALL_HOME/dev`. */
export async function dev(options: DevOptions, output: Output): Promise<ExitCode> {
  const ports = {
    '--port': portOf(options.port, '--port'),
    '--ui-port': portOf(options.uiPort, '--ui-port'),
    '--simulator-port': portOf(options.simulatorPort, '--simulator-port'),
    '--webhooks-port': portOf(options.webhooksPort, '--webhooks-port'),
  };
  checkDifferent(ports);
  const { home } = clientSettings();
  await checkFree(ports);
  const stopping = stopSignal();
  const folder = join(home, 'dev');
  mkdirSync(folder, { recursive: true });
  const world = localWorld(folder, agents);
  const local = await startLocal(
    {
      home: folder,
      configFile: world.configFile,
      ports: [ports['--port'], ports['--ui-port'], ports['--simulator-port']],
      webhooksPort: ports['--webhooks-port'],
      db: join(folder, 'temporal.db'),
      secrets: simulatorSecrets,
      log: (part, line) => output.say(`${part}: ${line}`),
    },
    world.configure,
    stopping,
  );
  try {
    const environment = {
      TEMPORAL_ADDRESS: local.temporalAddress,
      ONCALL_TEMPORAL_UI: local.uiUrl,
      ONCALL_HOME: folder,
      ONCALL_CONFIG: world.configFile,
      ONCALL_AGENT: 'dev-bot',
      ONCALL_AGENT_KEY_FILE: world.keyFileOf('dev-bot'),
    };
    output.result(
      { ...local, ...environment },
      [
        '',
        `Temporal UI   ${local.uiUrl}`,
        `Temporal      ${local.temporalAddress}`,
        `Simulator     ${local.simulatorUrl}`,
        `Webhooks      ${local.webhooksUrl} (the simulator delivers to it)`,
        `Configuration ${world.configFile} (a change holds from the next decision on)`,
        `Audit         ONCALL_HOME=${folder} oncall audit`,
        '',
        'In another terminal, as the agent dev-bot:',
        ...Object.entries(environment).map(([name, value]) => `  export ${name}=${value}`),
        '',
        'Ctrl-C ends all of it.',
      ].join('\n'),
    );
    const end = await Promise.race([aborted(stopping), local.broken]);
    if (end !== 'asked') throw new OncallError(end);
    return exitCodes.done;
  } finally {
    await local.stop();
  }
}
