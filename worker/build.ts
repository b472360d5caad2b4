import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { WorkerDeploymentVersion } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import type { Logger } from 'pino';

/**
 * What makes a Worker one of a build: a run ends on the build that it began on, so that no change of a Workflow meets a run that
 * began without it. Without a build all Workers are alike, and a run goes on wherever there is one.
 */
export const versionedAs = (
  build: WorkerDeploymentVersion | undefined,
): Pick<WorkerOptions, 'workerDeploymentOptions'> =>
  build
    ? {
        workerDeploymentOptions: {
          version: build,
          useWorkerVersioning: true,
          defaultVersioningBehavior: 'PINNED',
        },
      }
    : {};

/** How often it is looked whether the server knows a build by now: it does a moment after the first poll. */
const everyMs = 500;

/** After so many looks in vain it is told, and tried on. */
const tellsAfter = 60;

/**
 * Makes a build the current one where its deployment has none: the server would give nothing to anybody. Where there is one it
 * stays: which build new runs begin on is an operator's word. Says on which they do.
 * @param over once aborted, it is left alone.
 */
export async function takeUp(
  client: Client,
  build: WorkerDeploymentVersion,
  log: Logger,
  over: AbortSignal,
): Promise<void> {
  for (let tries = 1; !over.aborted; tries += 1) {
    try {
      const current = await currentOf(client, build);
      const { buildId } = build;
      log.info(
        { build: buildId, current },
        current === buildId
          ? `New runs begin on build ${buildId}, which is this one.`
          : `New runs begin on build ${current}; \`oncall builds use ${buildId}\` has them begin on this one.`,
      );
      return;
    } catch (error) {
      // It is not known yet, or another took up in the same moment. Where that lasts somebody must know: nothing would be done.
      const why = error instanceof Error ? error.message : String(error);
      if (tries % tellsAfter === 0)
        log.error({ build: build.buildId }, `It is not known on which build new runs begin: ${why}`);
    }
    await sleep(everyMs, undefined, { signal: over, ref: false }).catch(() => {});
  }
}

/**
 * Id of the build on which new runs begin: ours from now on, where there was none.
 * @throws the server's refusal where it does not know our build yet, or another was faster.
 */
async function currentOf(
  { workflowService, options: { namespace, identity } }: Client,
  { deploymentName, buildId }: WorkerDeploymentVersion,
): Promise<string> {
  const { workerDeploymentInfo, conflictToken } = await workflowService.describeWorkerDeployment({
    namespace,
    deploymentName,
  });
  const current = workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
  if (current) return current;
  await workflowService.setWorkerDeploymentCurrentVersion({
    namespace,
    deploymentName,
    buildId,
    conflictToken: conflictToken ?? new Uint8Array(),
    identity,
  });
  return buildId;
}
