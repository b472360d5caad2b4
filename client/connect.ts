import {
  Client,
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
  type WorkflowClientInterceptor,
} from '@temporalio/client';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { notConnected, whyKeptOut } from '../gate/temporal-settings.ts';
import type { TemporalSettings } from './config.ts';
import { NotConnectedError } from './errors.ts';
import { tracedCalls } from './tracing.ts';

/** Of gRPC. */
const deadlineExceeded = 4;
const notFound = 5;

/** Whether the server says that it has no such thing. */
export const isNotFound = (error: unknown): boolean => isGrpcServiceError(error) && error.code === notFound;

/** What another try would not mend, in the connection's own words. */
const isFinal = /ECONNREFUSED|certificate|EPROTO|SSL routines/i;

/** How long a server has to answer before it counts as away. */
const answersWithinMs = 5_000;

/**
 * Connects to the Temporal server that the environment names.
 * @param identity what the server shows beside our calls; for reading only, it proves nothing.
 * @param over once aborted, a call that fails is not tried again.
 * @throws NotConnectedError with the ways to get a server, where none answers.
 */
export async function connect(
  settings: TemporalSettings,
  identity: string,
  over?: AbortSignal,
): Promise<Client> {
  const { connectionOptions } = settings;
  const address = connectionOptions.address ?? 'localhost:7233';
  try {
    const connection = await connectionTo({ ...connectionOptions, address }, answersWithinMs, over);
    return clientOver(connection, settings, identity, await tracedCalls());
  } catch (error) {
    throw notConnectedTo(address, connectionOptions, error);
  }
}

/**
 * A client over a connection, which reads and writes as the settings say.
 * @param calls what makes its calls part of a trace.
 */
export const clientOver = (
  connection: Connection,
  { namespace = 'default', dataConverter }: Pick<TemporalSettings, 'namespace' | 'dataConverter'>,
  identity: string,
  calls: readonly WorkflowClientInterceptor[] = [],
): Client =>
  new Client({
    connection,
    namespace,
    identity,
    ...(dataConverter && { dataConverter }),
    interceptors: { workflow: [...calls] },
  });

/** That a connection could not be made, by what the server, or its absence, said. */
export function notConnectedTo(
  address: string,
  { tls, apiKey }: Pick<ConnectionOptions, 'tls' | 'apiKey'>,
  error: unknown,
): NotConnectedError {
  const words = error instanceof Error ? error.message : String(error);
  const why = whyKeptOut(words, Boolean(tls ?? apiKey));
  return new NotConnectedError(notConnected(address, why), why);
}

/** Works with a client, and closes its connection whatever comes of it. */
export async function withClient<T>(
  settings: TemporalSettings,
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
 * A connection for what outlives a server: made when it is first needed, and anew soon after the server was away. Where
 * nothing listens a call fails at once; what is slow is for the caller's deadline.
 * @param over once aborted, a call that fails is not tried again.
 */
export function lastingConnection({ connectionOptions }: ClientConnectConfig, over: AbortSignal): Connection {
  const retry = defaultGrpcRetryOptions();
  return Connection.lazy({
    ...connectionOptions,
    address: connectionOptions.address ?? 'localhost:7233',
    channelArgs: {
      // The channel's own way is to wait for up to two minutes before it looks again.
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 1_000,
      // A server that is gone without a word is noticed, rather than waited for by one call after the other.
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.keepalive_time_ms': 15_000,
      'grpc.keepalive_timeout_ms': 3_000,
    },
    interceptors: [
      makeGrpcRetryInterceptor({
        ...retry,
        retryableDecider: (attempt, status) =>
          !over.aborted &&
          !status.details.includes('ECONNREFUSED') &&
          retry.retryableDecider(attempt, status),
      }),
    ],
  });
}

/**
 * A connection over which the server has answered. The SDK's own way waits for its whole time where nothing listens; this one
 * rejects at once when the port refuses, or the server cannot be trusted.
 */
export async function connectionTo(
  options: ConnectionOptions,
  withinMs: number,
  over?: AbortSignal,
): Promise<Connection> {
  const retry = defaultGrpcRetryOptions();
  let hasAnswered = false;
  let lastWords: string | undefined;
  const connection = Connection.lazy({
    ...options,
    interceptors: [
      makeGrpcRetryInterceptor({
        ...retry,
        retryableDecider: (attempt, status) => {
          if (status.code !== deadlineExceeded) lastWords = status.details;
          if (over?.aborted || (!hasAnswered && isFinal.test(status.details))) return false;
          return retry.retryableDecider(attempt, status);
        },
      }),
    ],
  });
  try {
    await connection.withDeadline(Date.now() + withinMs, () => connection.workflowService.getSystemInfo({}));
  } catch (error) {
    await connection.close();
    // That the time is over says less than what came of the last try.
    const isLate = isGrpcServiceError(error) && error.code === deadlineExceeded;
    throw isLate && lastWords !== undefined ? new Error(lastWords, { cause: error }) : error;
  }
  hasAnswered = true;
  return connection;
}
