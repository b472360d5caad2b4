import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { lackingSearchAttributes } from '../../workflows/contract.ts';
import { tryFairness } from './fairness.ts';
import { type Clock, type Finding, some, wordsOf } from './finding.ts';
import { isAtLeast } from './machine.ts';

/** The oldest server that has what pacing needs. */
const oldestServer = [1, 32] as const;

/** How long finished runs must stay readable: a run proves whose it is by its first event. */
const retentionHours = 168;

const { INDEXED_VALUE_TYPE_KEYWORD: keyword, INDEXED_VALUE_TYPE_UNSPECIFIED: none } =
  proto.temporal.api.enums.v1.IndexedValueType;

/** What a look at the server gave. */
export interface SeenServer {
  readonly findings: readonly Finding[];
  readonly version: string;
  /** Whether the namespace is there; without it nothing else of Temporal can be looked at. */
  readonly hasNamespace: boolean;
  readonly clock?: Clock;
}

/** The server and our namespace on it: version, retention, search attributes, fairness, and its clock. */
export async function lookAtServer(client: Client, now: () => number): Promise<SeenServer> {
  const of = 'Temporal';
  const { namespace } = client.options;
  const { serverVersion } = await client.workflowService.getSystemInfo({});
  const version = serverVersion || 'unknown';
  const findings: Finding[] = [];
  if (!isAtLeast(version, oldestServer))
    findings.push({
      of,
      what: `server ${version} is older than ${oldestServer.join('.')}: pace and turns do not work on it`,
      mend: 'update the server; docs/pace.md says what it needs',
    });
  let config: { workflowExecutionRetentionTtl?: { seconds?: unknown } | null } | null | undefined;
  try {
    ({ config } = await client.workflowService.describeNamespace({ namespace }));
  } catch (error) {
    findings.push({
      of,
      what: `the namespace ${namespace} cannot be used (${wordsOf(error)})`,
      mend: `set TEMPORAL_NAMESPACE to one that exists, or: temporal operator namespace create --retention ${retentionHours}h ${namespace}`,
    });
    return { findings, version, hasNamespace: false };
  }
  const hours = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 3_600;
  if (hours < retentionHours)
    findings.push({
      of,
      what: `finished runs of ${namespace} stay readable for ${Math.floor(hours)} h, less than ${retentionHours} h: a run that outlives its first event can no longer prove whose it is`,
      mend: `temporal operator namespace update --retention ${retentionHours}h ${namespace}`,
    });
  findings.push(...(await lookAtSearchAttributes(client)));
  const tried = await tryFairness(client, now);
  if (!tried.isFair)
    findings.push({
      of,
      what: 'agents do not take turns: the server does not keep fairness, nor the pace of each routing key',
      mend: 'set matching.enableFairness to true in the server’s dynamic configuration (Temporal Cloud: in the namespace’s settings); docs/pace.md shows how',
    });
  return {
    findings,
    version,
    hasNamespace: true,
    clock: { whose: 'Temporal’s', says: tried.server, between: tried.ours },
  };
}

async function lookAtSearchAttributes(client: Client): Promise<readonly Finding[]> {
  const of = 'search attributes';
  const { namespace } = client.options;
  const { operatorService } = client.connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const lacking = lackingSearchAttributes(customAttributes, keyword);
  const absent = lacking.filter((name) => (customAttributes?.[name] ?? none) === none);
  const other = lacking.filter((name) => !absent.includes(name));
  const add = async (): Promise<string> => {
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(absent.map((name) => [name, keyword])),
    });
    return `${namespace} has ${absent.join(', ')} now, as Keyword`;
  };
  return [
    ...(absent.length > 0
      ? [
          {
            of,
            what: `${namespace} lacks ${absent.join(', ')}; without them no Worker starts`,
            mend: `oncall doctor --fix, or each: temporal operator search-attribute create --namespace ${namespace} --name NAME --type Keyword`,
            fix: { mend: add },
          },
        ]
      : []),
    ...(other.length > 0
      ? [
          {
            of,
            what: `${some(other)} of ${namespace} is no Keyword; with it no Worker starts`,
            mend: `temporal operator search-attribute remove --namespace ${namespace} --name ${other[0]}, then oncall doctor --fix; or take another namespace`,
          },
        ]
      : []),
  ];
}
