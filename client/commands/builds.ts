import { type Build, buildsOf, type Deployment, useBuild } from '../builds.ts';
import { clientSettings, temporalSettings } from '../config.ts';
import { withClient } from '../connect.ts';
import { type ExitCode, exitCodes, OncallError } from '../errors.ts';
import { grouped, type Output } from '../output.ts';
import { table } from '../table.ts';
import { said } from '../words.ts';

/** `oncall builds`: which builds work, on which new runs begin, and whose Workers may end. */
export async function listBuilds(output: Output): Promise<ExitCode> {
  const { deployment: name } = clientSettings();
  return withClient(temporalSettings(), 'oncall builds', async (client) => {
    const deployment = await buildsOf(client, name);
    output.result(
      deployment ?? { name, builds: [], unversioned: null },
      deployment
        ? inWords(deployment)
        : `No Worker of ${name} has a build: runs go on wherever there is a Worker. TEMPORAL_WORKER_BUILD_ID gives it one.`,
    );
    return exitCodes.done;
  });
}

function inWords({ current, builds, unversioned }: Deployment): string {
  const rows = table<Build>(
    [
      { title: 'BUILD', of: ({ id }) => said(id), flexible: true },
      { title: 'STATE', of: ({ state }) => state },
      { title: 'RUNS', of: ({ runs }) => grouped(runs) },
      { title: 'WORKERS', of: ({ workers }) => grouped(workers) },
      { title: '', of: remark },
    ],
    builds,
  );
  return [
    rows,
    ...(current === undefined
      ? [
          unversioned > 0
            ? `New runs begin on the ${grouped(unversioned)} Workers without a build; \`oncall builds use BUILD\` has them begin on one.`
            : 'No build is the current one: new runs wait. `oncall builds use BUILD` makes one the current one.',
        ]
      : []),
  ].join('\n');
}

/** What follows for who runs the Workers. */
export function remark({ state, runs, workers }: Pick<Build, 'state' | 'runs' | 'workers'>): string {
  switch (state) {
    case 'current':
    case 'ramping':
      return workers > 0 ? 'new runs begin on it' : 'new runs wait for a Worker of it';
    case 'draining':
      if (workers === 0 && runs > 0) return 'its runs stand still: start a Worker of it';
      return 'runs that began on it go on: keep its Workers';
    case 'drained':
      return 'nothing needs it: its Workers may end';
    case 'waiting':
      return 'takes nothing yet';
  }
}

/** `oncall builds use`: new runs begin on a build from now on; those that began on another end there. */
export async function useBuildNow(id: string, output: Output): Promise<ExitCode> {
  const { deployment: name, operator } = clientSettings();
  const identity = operator === undefined ? 'oncall builds' : `operator:${operator}`;
  return withClient(temporalSettings(), identity, async (client) => {
    const before = await buildsOf(client, name);
    if (!before?.builds.some((build) => build.id === id))
      throw new OncallError(
        `No Worker of build ${said(id)} has ever asked for work here; there are ${before?.builds.map((build) => said(build.id)).join(', ') || 'none with a build'}.`,
      );
    const isSame = before.current === id;
    if (!isSame) await useBuild(client, name, id);
    output.result(
      { name, current: id, before: before.current ?? null },
      isSame
        ? `New runs begin on build ${id} already.`
        : `New runs begin on build ${id} from now on.${before.current === undefined ? '' : ` Those that began on ${before.current} end there: keep its Workers until \`oncall builds\` says that it is drained.`}`,
    );
    return exitCodes.done;
  });
}
