import { type Client, isGrpcServiceError, ServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import { workflowTaskQueue } from '../workflows/contract.ts';
import { isNotFound } from './connect.ts';
import { OncallError } from './errors.ts';

const {
  WorkerDeploymentVersionStatus: statuses,
  WorkerVersioningMode: modes,
  TaskQueueType: { TASK_QUEUE_TYPE_WORKFLOW: workflows },
} = proto.temporal.api.enums.v1;

/** What becomes of a build: new runs begin on it, some do; runs that began on it go on; none does any more; none ever did. */
export type BuildState = 'current' | 'ramping' | 'draining' | 'drained' | 'waiting';

/** A build of the runner, as the server knows it. */
export interface Build {
  readonly id: string;
  readonly state: BuildState;
  /** Runs that began on it and go on. */
  readonly runs: number;
  /** Workers of it that ask for work. */
  readonly workers: number;
}

/** The builds that share our Task Queues. */
export interface Deployment {
  readonly name: string;
  /** Id of the build on which new runs begin; absent where there is none, and they begin on Workers without a build. */
  readonly current?: string;
  /** The newest first. */
  readonly builds: readonly Build[];
  /** Workers without a build that ask for work. */
  readonly unversioned: number;
}

/** A Worker asks again after a minute at the latest; the server names one for minutes after its end. */
const goneAfterMs = 75_000;

/** The builds of a deployment; `undefined` where no Worker with a build has ever asked for work. */
export async function buildsOf(
  client: Client,
  deploymentName: string,
  now: () => number = Date.now,
): Promise<Deployment | undefined> {
  const { workflowService, options, workflow } = client;
  const { namespace } = options;
  const info = await workflowService.describeWorkerDeployment({ namespace, deploymentName }).then(
    ({ workerDeploymentInfo }) => workerDeploymentInfo,
    (error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    },
  );
  if (!info) return undefined;
  const { pollers } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: workflowTaskQueue },
    taskQueueType: workflows,
  });
  const pollersOf = (isMeant: (buildId: string, mode: number) => boolean): number =>
    new Set(
      (pollers ?? [])
        .filter(({ lastAccessTime }) => now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < goneAfterMs)
        .filter(({ deploymentOptions: of }) =>
          isMeant(of?.buildId ?? '', of?.workerVersioningMode ?? modes.WORKER_VERSIONING_MODE_UNSPECIFIED),
        )
        .map(({ identity }) => identity),
    ).size;
  const isVersioned = (mode: number): boolean => mode === modes.WORKER_VERSIONING_MODE_VERSIONED;
  const current = info.routingConfig?.currentDeploymentVersion?.buildId;
  const builds = await Promise.all(
    (info.versionSummaries ?? []).map(async ({ deploymentVersion, status, createTime }) => {
      const id = deploymentVersion?.buildId ?? '';
      // What is ours holds no quotes: a Worker with another build does not start.
      const query = `TemporalWorkerDeploymentVersion = '${deploymentName}:${id}' and ExecutionStatus = 'Running'`;
      const { count } = await workflow.count(query);
      const build: Build = {
        id,
        state: stateOf(status ?? 0),
        runs: count,
        workers: pollersOf((buildId, mode) => isVersioned(mode) && buildId === id),
      };
      return { build, at: Number(createTime?.seconds ?? 0) };
    }),
  );
  return {
    name: deploymentName,
    ...(current && { current }),
    builds: builds.toSorted((one, other) => other.at - one.at).map(({ build }) => build),
    unversioned: pollersOf((_, mode) => !isVersioned(mode)),
  };
}

function stateOf(status: number): BuildState {
  switch (status) {
    case statuses.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT:
      return 'current';
    case statuses.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING:
      return 'ramping';
    case statuses.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING:
      return 'draining';
    case statuses.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED:
      return 'drained';
    default:
      return 'waiting';
  }
}

/**
 * Has new runs begin on a build. The server refuses one whose Workers do not ask for all the work that the current one asks for.
 * @throws OncallError with the server's refusal.
 */
export async function useBuild(client: Client, deploymentName: string, buildId: string): Promise<void> {
  const { workflowService, options } = client;
  const { namespace, identity } = options;
  try {
    await workflowService.setWorkerDeploymentCurrentVersion({ namespace, deploymentName, buildId, identity });
  } catch (error) {
    const cause = error instanceof ServiceError ? error.cause : error;
    if (!isGrpcServiceError(cause)) throw error;
    throw new OncallError(
      `The server does not make build ${buildId} the current one: ${cause.details.replace(/\.$/, '')}. ` +
        'Its Workers must run, all kinds of them; `oncall builds` shows who does.',
    );
  }
}
