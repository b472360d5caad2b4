import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { NotConnectedError } from './errors.ts';

/** How long a server has to answer before it counts as away. */
const answersWithinMs = 5_000;

/**
 * Connects to the Temporal server that the environment names.
 * @param identity what the server shows beside our calls; for reading only, it proves nothing.
 * @param over once aborted, a call that fails is not tried again.
 * @throws NotConnectedError with the ways to get a server, where none answers.
 */
export async function connect(
  { connectionOptions, namespace = 'default' }: ClientConnectConfig,
  identity: string,
  over?: AbortSignal,
): Promise<Client> {
  const address = connectionOptions.address ?? 'localhost:7233';
  try {
    const connection = await connectionTo({ ...connectionOptions, address }, answersWithinMs, over);
    return new Client({ connection, namespace, identity });
  } catch {
    throw new NotConnectedError(
      `No Temporal server answers at ${address}. Start one with \`oncall temporal\` or \`oncall dev\`, or set TEMPORAL_ADDRESS to yours.`,
    );
  }
}

/** Works with a client, and closes its connection whatever comes of it. */
export async function withClient<T>(
  settings: ClientConnectConfig,
  identity: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connect(settings, identity);
  try {
    return await work(client);
  } finally {
    await client.connection.close();
  }
}

/**
 * A connection over which the server has answered. The SDK's own way waits for its whole time where nothing listens; this one
 * rejects at once when the port refuses.
 */
export async function connectionTo(
  options: ConnectionOptions,
  withinMs: number,
  over?: AbortSignal,
): Promise<Connection> {
  const retry = defaultGrpcRetryOptions();
  let hasAnswered = false;
  const connection = Connection.lazy({
    ...options,
    interceptors: [
      makeGrpcRetryInterceptor({
        ...retry,
        retryableDecider: (attempt, status) => {
          if (over?.aborted || (!hasAnswered && status.details.includes('ECONNREFUSED'))) return false;
          return retry.retryableDecider(attempt, status);
        },
      }),
    ],
  });
  try {
    await connection.withDeadline(Date.now() + withinMs, () => connection.workflowService.getSystemInfo({}));
  } catch (error) {
    await connection.close();
    throw error;
  }
  hasAnswered = true;
  return connection;
}
