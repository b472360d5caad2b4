import { OncallError } from './errors.ts';
import { serveWebhooks, type WebhookServer } from './webhook-server.ts';

/**
 * Serves an app over HTTP.
 * @throws OncallError where it cannot listen, with the option that mends it.
 */
export async function serveHttp(
  app: Parameters<typeof serveWebhooks>[0],
  at: Parameters<typeof serveWebhooks>[1],
): Promise<WebhookServer> {
  try {
    return await serveWebhooks(app, at);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${code ?? message})`;
    const or = code === 'EADDRINUSE' ? ', or end what listens there' : ', or another address with --host';
    throw new OncallError(`Port ${at.port} ${why}; choose another with --port${or}.`);
  }
}
