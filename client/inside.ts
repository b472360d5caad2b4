import type { Client } from '@temporalio/client';
import type { RunId } from '../workflows/contract.ts';

/** What a run says of itself, while a Worker is there to answer for it. */
export interface Inside {
  /** The lines of its story, oldest first, each with its time. */
  readonly story: readonly string[];
  /** Names of the Updates that it takes. */
  readonly updates: readonly string[];
}

/** How long a Worker has to answer, in milliseconds. */
const answersWithinMs = 10_000;

/** Asks a run for what it says of itself; `undefined` where no Worker answers. */
export async function inside(client: Client, { workflowId, runId }: RunId): Promise<Inside | undefined> {
  try {
    const { currentDetails = '', definition } = await client.withDeadline(Date.now() + answersWithinMs, () =>
      client.workflow.getHandle(workflowId, runId).query<Metadata>('__temporal_workflow_metadata'),
    );
    // Its head says what the server's list says too; the story is its last part, where there is one.
    const [, ...parts] = currentDetails.split('\n\n');
    const story = parts.at(-1) ?? '';
    return {
      story: story.split('\n').flatMap((line) => (line === '' ? [] : [textOf(line)])),
      updates: (definition?.updateDefinitions ?? []).map(({ name }) => name),
    };
  } catch {
    return undefined;
  }
}

/** A line of a list in Markdown as text: what was escaped there as it was. */
const textOf = (line: string): string => line.replace(/^- /, '').replace(/\\([!-/:-@[-`{-~])/g, '$1');

interface Metadata {
  readonly currentDetails?: string;
  readonly definition?: { readonly updateDefinitions?: readonly { readonly name: string }[] };
}
