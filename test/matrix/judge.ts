import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord, Stamp } from '../../gate/audit.ts';
import { chainEnd, rows } from '../../gate/audit-rows.ts';
import { walk } from '../../gate/audit-verify.ts';
import type { RequestRecord } from '../../simulator/request-log.ts';
import type { OperationResult } from '../../workflows/contract.ts';
import type { Stand, Subject } from './stand.ts';

/** What became of one run. */
export interface Verdict {
  /** It says that it is done, and it is not; or it is not done. */
  readonly lost: boolean;
  /** Its effect is there twice, or a second request had one. */
  readonly doubled: boolean;
  /** A request that no allowed entry stands for, or an entry of which nobody wrote down what came of it. */
  readonly unrecorded: boolean;
  /** It says that nobody can know. */
  readonly told: boolean;
  /** The requests of its write that reached PagerDuty. */
  readonly requests: readonly RequestRecord[];
  /** What is wrong, for people. */
  readonly why: readonly string[];
}

/**
 * How long an attempt may still be at it when its run has ended: one that steps back does not wait for what is under way, whose
 * outcome is written down all the same.
 */
const attemptMs = 15_000;

/** Looks at PagerDuty's state, its request log, the audit and the runs' own words, once all runs have ended. */
export async function judge(
  stand: Stand,
  subjects: readonly Subject[],
): Promise<ReadonlyMap<Subject, Verdict>> {
  for (const began = Date.now(); ; await sleep(500)) {
    const requests = requestsOf(stand, subjects);
    const records = await recordsOf(stand);
    const verdicts = new Map<Subject, Verdict>();
    for (const subject of subjects) {
      const ended = await subject.ended;
      await nextTurn();
      const seen = requests.get(subject.token) ?? [];
      verdicts.set(subject, verdictOn(stand, subject, ended, seen, records.get(subject.workflowId) ?? []));
    }
    const isWhole = [...verdicts.values()].every(({ unrecorded }) => !unrecorded);
    if (isWhole || Date.now() - began > attemptMs) return verdicts;
  }
}

type Recorded = AuditRecord & Pick<Stamp, 'seq'>;

function verdictOn(
  { simulator }: Stand,
  subject: Subject,
  ended: OperationResult | Error,
  requests: readonly RequestRecord[],
  records: readonly Recorded[],
): Verdict {
  const effects = subject.effects(simulator.world);
  const executed = requests.filter(({ status }) => status !== null && status < 300).length;
  const told =
    !(ended instanceof Error) && ended.outcome === 'partly' && /cannot be known/.test(ended.summary);
  const isDone = !(ended instanceof Error) && (ended.outcome === 'done' || ended.changed.length > 0);
  const lost = told ? false : !isDone || effects < 1;
  const doubled = effects > 1 || (executed > 1 && !subject.isSetting);
  const gaps = gapsIn(subject, requests, records);
  const said = ended instanceof Error ? ended.message : `${ended.outcome}: ${ended.summary}`;
  const story = `${effects} effects, ${requests.map(({ status, fault }) => `${status}${fault ? ` (${fault})` : ''}`).join(', ') || 'no request'}; it says ${said}`;
  return {
    lost,
    doubled,
    unrecorded: gaps.length > 0,
    told,
    requests,
    why: [
      ...(lost ? [`lost: ${story}`] : []),
      ...(doubled ? [`doubled: ${story}`] : []),
      ...(gaps.length > 0
        ? [`unrecorded: ${gaps.join(', ')}: ${story}; the audit has ${inShort(records)}`]
        : []),
    ],
  };
}

/** The records of a run, in short. */
const inShort = (records: readonly Recorded[]): string =>
  records
    .map(({ seq, kind, entry, operation, attempt, decision }) =>
      kind === 'entry' ? `#${seq} ${operation} (${attempt}) ${decision}` : `#${seq} of #${entry} ${decision}`,
    )
    .join(', ');

/** What the audit does not tell of a run's write. */
function gapsIn(
  { write }: Subject,
  requests: readonly RequestRecord[],
  records: readonly Recorded[],
): readonly string[] {
  const own = records.filter(({ operation }) => operation === write.operation);
  const entries = own.filter(({ kind, decision }) => kind === 'entry' && decision === 'allowed');
  const cameOf = (seq: number): readonly Recorded[] =>
    own.filter(({ kind, entry }) => kind === 'outcome' && entry === seq);
  const silent = entries.filter(({ seq }) => cameOf(seq).length === 0);
  const executed = requests.some(({ status }) => status !== null && status < 300);
  const outcomes = entries.flatMap(({ seq }) => cameOf(seq));
  const isKnown = outcomes.some(({ decision }) => ['done', 'found', 'unknown', 'lost'].includes(decision));
  return [
    ...(requests.length > entries.length
      ? [`${requests.length} requests on ${entries.length} allowed entries`]
      : []),
    ...silent.map(({ seq }) => `entry #${seq} has no outcome`),
    ...(executed && !isKnown ? ['an effect of which no outcome tells'] : []),
  ];
}

/** The requests of each write, by its token. */
function requestsOf(
  { simulator }: Stand,
  subjects: readonly Subject[],
): ReadonlyMap<string, RequestRecord[]> {
  const byIncident = new Map<string, string>();
  for (const { incidents = [], token } of subjects) for (const id of incidents) byIncident.set(id, token);
  const operations = new Map(subjects.map(({ token, write }) => [token, write.operation]));
  const found = new Map<string, RequestRecord[]>();
  for (const request of simulator.requests.since(0)) {
    if (request.method === 'GET') continue;
    const inIt = tokenIn(request);
    const token = inIt ?? byIncident.get(/^\/incidents\/(\w+)/.exec(request.path)?.[1] ?? '');
    // The giving back of what a run acknowledged is another write.
    if (token === undefined || operations.get(token) !== request.operation) continue;
    if (request.operation === 'updateIncident' && inIt === undefined) continue;
    found.set(token, [...(found.get(token) ?? []), request]);
  }
  return found;
}

/** Letters and digits alone, so that it can be an id of PagerDuty's. */
export const tokenOf = (fault: number, write: number, variant: number, seed: number): string =>
  `MX${String(fault).padStart(2, '0')}V${variant}W${String(write).padStart(2, '0')}S${String(seed).padStart(4, '0')}Z`;

/** The token in a request. */
export const tokenIn = ({ path, body }: Pick<RequestRecord, 'path' | 'body'>): string | undefined =>
  /MX\d\dV\wW\d\dS\d{4}Z/.exec(`${path} ${JSON.stringify(body)}`)?.[0];

/** The records of each run. @throws Error where the chain of the audit is broken. */
async function recordsOf({ store }: Stand): Promise<ReadonlyMap<string, Recorded[]>> {
  // A run ends before the last of its reads is written down: what is walked is what stands at one moment.
  for (let isStill = false; !isStill; ) {
    const end = await chainEnd(store);
    const broken: string[] = [];
    for await (const { sentence } of walk(inTurns(rows(store)), end)) broken.push(sentence);
    isStill = JSON.stringify(await chainEnd(store)) === JSON.stringify(end);
    if (isStill && broken.length > 0) throw new Error(`The audit is broken: ${broken[0]}`);
  }
  const found = new Map<string, Recorded[]>();
  for await (const { record, seq, workflow_id: run } of inTurns(rows(store))) {
    const records = found.get(run) ?? [];
    records.push({ ...(JSON.parse(record) as AuditRecord), seq });
    found.set(run, records);
  }
  return found;
}

/** The same, with a turn for everybody else now and then: the simulators of other parts live in this process. */
async function* inTurns<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  let count = 0;
  for await (const item of items) {
    count += 1;
    if (count % 50 === 0) await nextTurn();
    yield item;
  }
}
