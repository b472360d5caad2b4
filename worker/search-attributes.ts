import proto from '@temporalio/proto';
import type { NativeConnection } from '@temporalio/worker';
import { lackingSearchAttributes } from '../workflows/contract.ts';

/** Names of the search attributes that the server lacks, or has with another type. With one missing, runs would hang. */
export async function missingSearchAttributes(
  { operatorService }: NativeConnection,
  namespace: string,
): Promise<readonly string[]> {
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const keyword = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
  return lackingSearchAttributes(customAttributes, keyword);
}
