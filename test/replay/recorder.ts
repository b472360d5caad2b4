import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type proto from '@temporalio/proto';

type History = proto.temporal.api.history.v1.IHistory;
type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;

/** Where the histories lie that every change of a Workflow is replayed on. */
const historyFolder = fileURLToPath(new URL('./histories', import.meta.url));

/** A history as it lies there. */
export interface StoredHistory {
  /** `respondToIncident.2f41c09a` */
  readonly name: string;
  readonly workflowType: string;
  /** Children are named after it. */
  readonly workflowId: string;
  readonly history: unknown;
}

/** All of them. */
export const storedHistories = (): readonly StoredHistory[] =>
  (existsSync(historyFolder) ? readdirSync(historyFolder) : [])
    .filter((file) => file.endsWith('.json.gz'))
    .toSorted()
    .map((file) => {
      const name = file.replace(/\.json\.gz$/, '');
      const history = JSON.parse(gunzipSync(readFileSync(join(historyFolder, file))).toString('utf8')) as {
        events: [{ workflowExecutionStartedEventAttributes: { workflowId: string } }];
      };
      const { workflowId } = history.events[0].workflowExecutionStartedEventAttributes;
      return { name, workflowType: name.split('.')[0] ?? '', workflowId, history };
    });

/**
 * Keeps one history of every path that the runs of a namespace took; of runs that have not ended as well. What is kept of a path
 * already stays: it was made by the code of its time.
 */
export async function recordHistories(client: Client): Promise<void> {
  mkdirSync(historyFolder, { recursive: true });
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    if (type.startsWith('temporal-')) continue;
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    if (!history.events?.some((event) => event.workflowTaskCompletedEventAttributes)) continue;
    const file = join(historyFolder, `${type}.${pathOf(history)}.json.gz`);
    if (existsSync(file)) continue;
    writeFileSync(file, gzipSync(JSON.stringify(cleaned(JSON.parse(historyToJSON(history)))), { level: 9 }));
  }
}

/**
 * What happened in a run, whatever the order and however often beyond twice: the same for two runs that took the same path.
 * Which Workflow Task did it hangs on how busy the machine was, and counts for nothing.
 */
function pathOf({ events }: History): string {
  const counts = new Map<string, number>();
  for (const event of events ?? []) {
    const what = happeningIn(event);
    if (what !== undefined) counts.set(what, Math.min(3, (counts.get(what) ?? 0) + 1));
  }
  const path = [...counts].map(([what, count]) => `${what} ${count}`).toSorted();
  return createHash('sha256').update(path.join('\n')).digest('hex').slice(0, 8);
}

function happeningIn(event: HistoryEvent): string | undefined {
  const [kind] = Object.entries(event).flatMap(([key, value]) =>
    key.endsWith('EventAttributes') && value ? [key] : [],
  );
  if (kind === undefined || /^workflowTask|^activityTaskStarted|upsert|propertiesModified/i.test(kind))
    return undefined;
  const { activityTaskScheduledEventAttributes: activity } = event;
  const child = event.startChildWorkflowExecutionInitiatedEventAttributes;
  const update = event.workflowExecutionUpdateAcceptedEventAttributes;
  const name =
    activity?.activityType?.name ??
    child?.workflowType?.name ??
    update?.acceptedRequest?.input?.name ??
    event.workflowExecutionSignaledEventAttributes?.signalName ??
    '';
  return `${kind.replace(/EventAttributes$/, '')} ${name}`;
}

/** Without what tells of the machine: replay needs none of it. */
function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value === 'string') return value.replaceAll(hostname(), 'host').replace(/^\d+@host/, '1@host');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => field !== 'stackTrace')
      .map(([field, inner]) => [field, cleaned(inner)]),
  );
}
