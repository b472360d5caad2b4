import type { Client } from '@temporalio/client';
import { buildsOf, type Deployment } from '../builds.ts';
import type { Finding } from './finding.ts';

/** The builds of the runner: whether new runs begin anywhere, and whether any stand still for want of a Worker of their build. */
export async function lookAtBuilds(
  client: Client,
  deployment: string,
  now: () => number,
): Promise<readonly Finding[]> {
  const seen = await buildsOf(client, deployment, now);
  return seen ? faultsOf(seen) : [];
}

/** What is wrong with how the builds of a deployment are served. That no Worker at all is there is told of the Task Queues. */
export function faultsOf({ name, current, builds, unversioned }: Deployment): readonly Finding[] {
  const of = 'builds';
  const served = builds.filter(({ workers }) => workers > 0).map(({ id }) => id);
  const findings: Finding[] = [];
  if (current === undefined && unversioned === 0)
    findings.push({
      of,
      what: `${name} has no current build: new runs wait, and nothing happens`,
      mend: `oncall builds use ${served[0] ?? 'BUILD'}`,
    });
  for (const { id, state, runs, workers } of builds) {
    if (workers > 0) continue;
    if (id === current && served.length + unversioned > 0)
      findings.push({
        of,
        what: `new runs begin on build ${id}, and no Worker of it asks for work`,
        mend: `start Workers with TEMPORAL_WORKER_BUILD_ID=${id}${served[0] === undefined ? '' : `, or: oncall builds use ${served[0]}`}`,
      });
    else if (state === 'draining' && runs > 0)
      findings.push({
        of,
        what: `${runs === 1 ? '1 run' : `${runs} runs`} that began on build ${id} ${runs === 1 ? 'stands' : 'stand'} still: no Worker of it asks for work`,
        mend: `start a Worker with TEMPORAL_WORKER_BUILD_ID=${id} until \`oncall builds\` says that it is drained; docs/deploy.md says how to move them where that cannot be`,
      });
  }
  return findings;
}
