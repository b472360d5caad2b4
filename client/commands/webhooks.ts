import pino from 'pino';
import { policySource } from '../../gate/policy-source.ts';
import { clientSettings, readSecret, temporalSettings } from '../config.ts';
import { type ExitCode, exitCodes, OncallError } from '../errors.ts';
import { listen } from '../listening.ts';
import type { Output } from '../output.ts';
import { portOf } from '../ports.ts';
import { aborted, stopSignal } from '../processes.ts';
import { tracedCalls } from '../tracing.ts';
import { webhookApp } from '../webhook-server.ts';

export interface WebhooksOptions {
  readonly port: string;
  readonly host: string;
  readonly exitWithParent?: boolean;
}

/** `oncall webhooks`: the receiver of PagerDuty's webhooks, until it is told to end. */
export async function webhooks(options: WebhooksOptions, output: Output): Promise<ExitCode> {
  const port = portOf(options.port, '--port');
  const { home, configFile, logLevel } = clientSettings();
  const temporal = temporalSettings();
  const state = policySource(configFile)();
  if (!state.readable) throw new OncallError(state.sentence);
  const accounts = [...state.policy.accounts.keys()];
  if (accounts.length === 0) throw new OncallError(`${configFile} names no account; add one under accounts.`);
  const stopping = stopSignal(options.exitWithParent === true);
  const logger = pino({ level: logLevel, base: null }, pino.destination({ dest: 2, sync: true }));
  const { app, close } = webhookApp({
    temporal,
    calls: await tracedCalls(),
    configFile,
    home,
    secrets: readSecret,
    log: (level, facts, sentence) => logger[level](facts, sentence),
  });
  try {
    const server = await listen(app, { host: options.host, port, option: '--port' });
    const urls = accounts.map((account) => `${server.url}/webhooks/${account}`);
    output.result(
      { urls, health: `${server.url}/health` },
      urls.map((url) => `listening on ${url}`).join('\n'),
    );
    await aborted(stopping);
    await server.close();
  } finally {
    await close();
  }
  return exitCodes.done;
}
