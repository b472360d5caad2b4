import { type Client, type ConnectionLike, isGrpcServiceError, ServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import proto from '@temporalio/proto';
import { searchAttributes } from '../workflows/contract.ts';
import { OncallError } from './errors.ts';

/** Why Temporal did not take the start of a run, in a sentence with the mend; an error that is not Temporal's stays as it is. */
export async function whyNotStarted({ connection, options }: Client, error: unknown): Promise<unknown> {
  const { namespace } = options;
  if (error instanceof NamespaceNotFoundError)
    return new OncallError(
      `The Temporal server has no namespace ${namespace}. Set TEMPORAL_NAMESPACE to one that exists.`,
    );
  if (!(error instanceof ServiceError) || !isGrpcServiceError(error.cause)) return error;
  const lacking = await missingSearchAttributes(connection, namespace);
  if (lacking.length === 0)
    return new OncallError(`Temporal did not take the run: ${error.cause.details.replace(/\.$/, '')}.`);
  return new OncallError(
    `The Temporal namespace ${namespace} lacks the search attributes ${lacking.join(', ')}, so no run can start. ` +
      `Add each: temporal operator search-attribute create --namespace ${namespace} --name NAME --type Keyword`,
  );
}

async function missingSearchAttributes(
  { operatorService }: ConnectionLike,
  namespace: string,
): Promise<readonly string[]> {
  const keyword = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return Object.values(searchAttributes)
      .map(({ name }) => name)
      .filter((name) => customAttributes?.[name] !== keyword);
  } catch {
    // Not everyone may ask; then what Temporal said first is told.
    return [];
  }
}
