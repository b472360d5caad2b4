import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { type Desk, deskOf } from '../../client/mcp/desk.ts';
import { type CallerBase, serverFor } from '../../client/mcp/server.ts';
import { policySource } from '../../gate/policy-source.ts';
import type { Stage } from './stage.ts';

/** What a tool answered, as its caller sees it. */
export interface Told {
  readonly isError: boolean;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Of the whole answer, as it is sent. */
  readonly bytes: number;
}

/** The SDK's own client, with an agent's server behind it. */
export interface Session {
  readonly client: Client;
  readonly desk: Desk;
  readonly call: (tool: string, args?: Readonly<Record<string, unknown>>) => Promise<Told>;
  /** What went wrong in the server and was none of the agent's business. */
  readonly faults: readonly unknown[];
  readonly close: () => Promise<void>;
}

/** Both generations of the protocol. */
export const generations = ['2025-11-25', '2026-07-28'] as const;

export interface SessionOptions {
  readonly generation?: (typeof generations)[number];
  /** Makes the server a faulty one. */
  readonly plant?: (base: CallerBase) => CallerBase;
  readonly answerMs?: number;
}

/** Opens a session of an agent of a stage. */
export async function openSession(
  stage: Stage,
  agent: string,
  {
    generation = '2026-07-28',
    plant = (base) => base,
    // As long as a loaded machine takes.
    answerMs = 60_000,
  }: SessionOptions = {},
): Promise<Session> {
  const faults: unknown[] = [];
  const tell = (error: unknown): void => void faults.push(error);
  const desk = deskOf(stage.client, 'main', policySource(stage.configFile));
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const identity = stage.agent(agent);
  const handle = serveStdio(
    () =>
      serverFor({
        version: '0.0.0',
        callerOf: () => plant(desk.callerOf(identity)),
        told: tell,
        answerMs,
      }),
    {
      transport: theirs,
      onerror: tell,
    },
  );
  const client = new Client(
    { name: 'test', version: '0.0.0' },
    { versionNegotiation: { mode: generation === '2026-07-28' ? { pin: generation } : 'legacy' } },
  );
  await client.connect(ours);
  return {
    client,
    desk,
    faults,
    call: (tool, args = {}) => callTool(client, tool, args),
    close: async () => {
      await client.close();
      await handle.close();
      await desk[Symbol.asyncDispose]();
    },
  };
}

/** Calls a tool, and reads what it told. */
export async function callTool(
  client: Client,
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<Told> {
  const result = await client.callTool({ name, arguments: args }, { timeout: 110_000 });
  const { content, structuredContent = {}, isError = false } = result;
  const text = content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
  return {
    isError,
    text,
    data: structuredContent as Told['data'],
    bytes: Buffer.byteLength(JSON.stringify({ content, structuredContent, isError })),
  };
}
