import { type Client, type WorkflowExecutionInfo, WorkflowNotFoundError } from '@temporalio/client';
import {
  lookingTypes,
  type Outcome,
  releaseType,
  searchAttributes,
  type Wait,
  workflowTaskQueue,
} from '../workflows/contract.ts';
import { OncallError, UsageError } from './errors.ts';
import { said } from './words.ts';

/** A run as the server lists it: no Worker is asked. */
export interface ListedRun {
  readonly workflowId: string;
  readonly runId: string;
  readonly workflow: string;
  readonly agent: string | null;
  readonly account: string | null;
  readonly incident: string | null;
  /** Number of the incident, where the run has said it. */
  readonly number: number | null;
  readonly service: string | null;
  /** `running`; else its outcome, or how Temporal ended it: `failed`, `cancelled`, `terminated`, `timed_out`. */
  readonly state: string;
  /** What a running run waits for. */
  readonly waits: readonly Wait[];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** Which runs; all of it must hold. */
export interface RunFilter {
  readonly agent?: string | undefined;
  readonly account?: string | undefined;
  readonly incident?: string | undefined;
  readonly outcome?: Outcome | undefined;
  /** `true`: for anything at all. */
  readonly waitingFor?: string | true | undefined;
}

/** The newest runs that fit, those that run first. */
export async function listRuns(
  client: Client,
  filter: RunFilter,
  limit: number,
): Promise<readonly ListedRun[]> {
  const running = await list(client, [...conditionsOf(filter), "ExecutionStatus = 'Running'"], limit);
  const left = limit - running.length;
  if (left < 1 || filter.waitingFor !== undefined) return running;
  return [
    ...running,
    ...(await list(client, [...conditionsOf(filter), "ExecutionStatus != 'Running'"], left)),
  ];
}

/** How many runs fit, of those under way or of those that have ended. */
export async function countRuns(
  client: Client,
  filter: RunFilter,
  which: 'running' | 'ended',
): Promise<number> {
  const status = which === 'running' ? "ExecutionStatus = 'Running'" : "ExecutionStatus != 'Running'";
  return (await client.workflow.count([...conditionsOf(filter), status].join(' and '))).count;
}

async function list(
  client: Client,
  conditions: readonly string[],
  limit: number,
): Promise<readonly ListedRun[]> {
  const found: ListedRun[] = [];
  for await (const run of client.workflow.list({
    query: conditions.join(' and '),
    pageSize: Math.min(limit, 1_000),
  })) {
    found.push(asListed(run));
    if (found.length >= limit) break;
  }
  return found;
}

function conditionsOf({ agent, account, incident, outcome, waitingFor }: RunFilter): readonly string[] {
  const names = searchAttributes;
  const is = (name: string, value: string | undefined): readonly string[] =>
    value === undefined ? [] : [`${name} = ${quoted(value)}`];
  return [
    `TaskQueue = ${quoted(workflowTaskQueue)}`,
    `WorkflowType not in (${lookingTypes.map(quoted).join(', ')})`,
    ...is(names.agent.name, agent),
    ...is(names.account.name, account),
    ...is(names.incident.name, incident),
    ...is(names.outcome.name, outcome),
    ...(waitingFor === true
      ? [`${names.waitingFor.name} is not null`]
      : is(names.waitingFor.name, waitingFor)),
  ];
}

/** Text in the server's list language. */
export const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** A run as its list, or its description, shows it. */
function asListed(
  run: Pick<
    WorkflowExecutionInfo,
    'workflowId' | 'runId' | 'type' | 'status' | 'typedSearchAttributes' | 'memo' | 'startTime' | 'closeTime'
  >,
): ListedRun {
  const { workflowId, runId, type, status, typedSearchAttributes: has, memo, startTime, closeTime } = run;
  const { waits, number } = (memo ?? {}) as { readonly waits?: unknown; readonly number?: unknown };
  const isRunning = status.name === 'RUNNING';
  const ended = status.name === 'COMPLETED' ? (has.get(searchAttributes.outcome) ?? 'done') : status.name;
  return {
    workflowId,
    runId,
    workflow: type,
    agent: has.get(searchAttributes.agent) ?? null,
    account: has.get(searchAttributes.account) ?? null,
    incident: has.get(searchAttributes.incident) ?? null,
    number: typeof number === 'number' ? number : null,
    service: has.get(searchAttributes.service) ?? null,
    state: isRunning ? 'running' : ended.toLowerCase(),
    waits: isRunning && Array.isArray(waits) ? (waits as readonly Wait[]) : [],
    startedAt: startTime.toISOString(),
    endedAt: closeTime?.toISOString() ?? null,
  };
}

/** How many runs are looked through for the number of an incident. */
const mostSearched = 1_000;

/** A run, or several that a word could mean. */
type Meant = { readonly run: ListedRun } | { readonly several: readonly ListedRun[] };

/**
 * Refuses what can name no run, before anybody is asked.
 * @throws UsageError
 */
export function checkRunName(word: string): void {
  if (word.trim() === '' || Buffer.byteLength(word) > 1_000)
    throw new UsageError('A run is named by its Workflow Id, or by the id or number of its incident.');
}

/**
 * The run that a word means: a whole Workflow Id, or the id or number of an incident that has one run alone; of several, the one
 * that still runs.
 * @throws OncallError where there is none, UsageError where there are several.
 */
export async function findRun(client: Client, word: string): Promise<ListedRun> {
  const exact = await describeRun(client, word);
  if (exact) return exact;
  const runs = await aboutIncident(client, word);
  const meant = onlyOne(runs);
  if (!meant)
    throw new OncallError(
      `The server knows no run ${named(word)}, and no run about an incident of that id or number. \`oncall runs\` lists what there is; what ended long ago is gone.`,
    );
  if ('run' in meant) return meant.run;
  const names = meant.several.slice(0, 10).map(({ workflowId, state }) => `${workflowId} (${state})`);
  throw new UsageError(`${named(word)} has several runs: ${names.join(', ')}. Name one by its whole id.`);
}

const named = (word: string): string => JSON.stringify(said(word, 100));

/** The newest run of a Workflow Id; `undefined` where there is none. */
export async function describeRun(client: Client, workflowId: string): Promise<ListedRun | undefined> {
  try {
    return asListed(await client.workflow.getHandle(workflowId).describe());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function aboutIncident(client: Client, word: string): Promise<readonly ListedRun[]> {
  const [, digits] = /^#?(\d{1,15})$/.exec(word) ?? [];
  if (digits !== undefined) {
    const number = Number(digits);
    return (await listRuns(client, {}, mostSearched)).filter((run) => run.number === number);
  }
  return /^[A-Za-z0-9]{1,40}$/.test(word) ? listRuns(client, { incident: word }, 50) : [];
}

/** What of several runs is meant. Giving an incident back is never what an operator looks for. */
function onlyOne(all: readonly ListedRun[]): Meant | undefined {
  const runs = all.filter(({ workflow }) => workflow !== releaseType);
  const running = runs.filter(({ state }) => state === 'running');
  const several = running.length > 0 ? running : newestOfEach(runs);
  const [run, ...others] = several;
  if (!run) return undefined;
  return others.length === 0 ? { run } : { several };
}

/** Several runs of one id count as the newest of them. */
const newestOfEach = (runs: readonly ListedRun[]): readonly ListedRun[] => [
  ...new Map(runs.toReversed().map((run) => [run.workflowId, run])).values(),
];
