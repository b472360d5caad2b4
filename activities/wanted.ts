import { activityInfo } from '@temporalio/activity';
import { type Client, isGrpcServiceError } from '@temporalio/client';
import { grpcNotFound } from './origin.ts';

/**
 * Whether the server still waits for this attempt: its run has not given it up, is not over, and no other attempt has its place.
 * An Activity hears of that only from a beat; this one is asked at the moment that counts. Where the server cannot be asked,
 * it may well wait.
 */
export async function isWanted({ workflowService, options: { namespace } }: Client): Promise<boolean> {
  try {
    const { taskToken } = activityInfo();
    const { cancelRequested } = await workflowService.recordActivityTaskHeartbeat({ namespace, taskToken });
    return !cancelRequested;
  } catch (error) {
    return !(isGrpcServiceError(error) && error.code === grpcNotFound);
  }
}
