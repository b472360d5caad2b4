import { Client, Connection } from '@temporalio/client';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { OncallError } from './errors.ts';

/** How long a server has to answer before it counts as away. */
const answersWithin = '5 seconds';

/**
 * Connects to the Temporal server that the environment names.
 * @param identity what the server shows beside our calls; for reading only, it proves nothing.
 * @throws OncallError with the ways to get a server, where none answers.
 */
export async function connect(
  { connectionOptions, namespace = 'default' }: ClientConnectConfig,
  identity: string,
): Promise<Client> {
  const address = connectionOptions.address ?? 'localhost:7233';
  try {
    const connection = await Connection.connect({
      ...connectionOptions,
      address,
      connectTimeout: answersWithin,
    });
    return new Client({ connection, namespace, identity });
  } catch {
    throw new OncallError(
      `No Temporal server answers at ${address}. Start one with \`oncall temporal\` or \`oncall dev\`, or set TEMPORAL_ADDRESS to yours.`,
    );
  }
}
