import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { sql } from 'kysely';
import type { Store } from '../../gate/audit-store.ts';
import type { Place } from './secrets.ts';
import { until } from './until.ts';

const { api } = proto.temporal;

/**
 * All that Temporal keeps of a namespace, as it keeps it: each history to its last event, memo and search attributes, what
 * waits and why it failed last, and every Schedule. In these bytes the payloads stand decoded, each as it was put in.
 * @param known runs that the audit names; the list is asked for until it shows them all.
 */
export async function historiesOf(
  client: Client,
  known: readonly { readonly workflowId: string; readonly runId: string }[],
): Promise<readonly Place[]> {
  const { workflowService } = client;
  const { namespace } = client.options;
  const runs = await until('the server lists every run that the audit names', async () => {
    const listed: { workflowId: string; runId: string }[] = [];
    for await (const { workflowId, runId } of client.workflow.list()) listed.push({ workflowId, runId });
    // An Activity that was started alone has no history.
    const wanted = known.filter(({ workflowId }) => !workflowId.startsWith('activity:'));
    return wanted.every(({ runId }) => listed.some((run) => run.runId === runId)) && listed;
  });
  const places: Place[] = [];
  for (const execution of runs) {
    const parts: Uint8Array[] = [];
    let nextPageToken: Uint8Array | undefined;
    do {
      const page = await workflowService.getWorkflowExecutionHistory({
        namespace,
        execution,
        ...(nextPageToken && { nextPageToken }),
      });
      parts.push(api.history.v1.History.encode(page.history ?? {}).finish());
      nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
    } while (nextPageToken);
    const described = await workflowService.describeWorkflowExecution({ namespace, execution });
    parts.push(api.workflowservice.v1.DescribeWorkflowExecutionResponse.encode(described).finish());
    places.push({ name: `the history of ${execution.workflowId}`, bytes: Buffer.concat(parts) });
  }
  for await (const { scheduleId } of client.schedule.list()) {
    const described = await workflowService.describeSchedule({ namespace, scheduleId });
    const bytes = api.workflowservice.v1.DescribeScheduleResponse.encode(described).finish();
    places.push({ name: `the Schedule ${scheduleId}`, bytes: Buffer.from(bytes) });
  }
  return places;
}

/** Every row of every table. The file itself may hold a value in two pieces. */
export async function tablesOf(store: Store): Promise<readonly Place[]> {
  const tables = await store.introspection.getTables({ withInternalKyselyTables: true });
  const places: Place[] = [];
  for (const { name } of tables) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(store);
    places.push({ name: `the table ${name} of the store`, bytes: Buffer.from(JSON.stringify(rows)) });
  }
  return places;
}

/** Every file below a folder but those that exist to hold a secret. */
export function filesIn(folder: string, keyFiles: readonly string[]): readonly Place[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !keyFiles.includes(path))
    .map((path) => ({ name: `the file ${path.slice(folder.length + 1)}`, bytes: readFileSync(path) }));
}
