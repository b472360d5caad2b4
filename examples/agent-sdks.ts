import assert from 'node:assert/strict';
import { type CallToolResult, Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { play } from './stage.ts';

/**
 * The same tools in the formats of two agent SDKs: Anthropic's Messages (`tool_use`, `tool_result`) and OpenAI's Chat Completions
 * (`tool_calls`, role `tool`). Where a script stands for the model, you call yours with `tools` and `messages`; no network here.
 */
await play(
  { 'note-bot': 'incidents: read\nincidents.add_note: full' },
  async ({ mcpServer, alert, incident }) => {
    const client = new Client(
      { name: 'example', version: '1.0.0' },
      { versionNegotiation: { mode: 'auto' } },
    );
    await client.connect(new StdioClientTransport(mcpServer('note-bot')));
    const { tools } = await client.listTools();
    const textOf = ({ content }: CallToolResult): string =>
      content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');

    // Anthropic's Messages.
    {
      const id = await alert('The queue is full');
      const offered = tools.map(({ name, description = '', inputSchema }) => ({
        name,
        description,
        input_schema: inputSchema,
      }));
      const model = scripted<MessagesTurn>([
        () => ({ type: 'tool_use', id: 'toolu_1', name: 'pd_get', input: { what: 'incident', id } }),
        () => ({
          type: 'tool_use',
          id: 'toolu_2',
          name: 'pd_note',
          input: { incident: id, text: 'The consumer is down since 14:02.', reason: 'For whoever is paged.' },
        }),
        (seen) => ({
          type: 'text',
          text: seen.includes('done') ? 'I left a note.' : 'I could not leave a note.',
        }),
      ]);
      const messages: unknown[] = [{ role: 'user', content: `What about incident ${id}?` }];
      let seen = '';
      for (;;) {
        const turn = model(offered.length, seen);
        messages.push({ role: 'assistant', content: [turn] });
        if (turn.type === 'text') {
          console.log(`Messages: ${turn.text} (${messages.length} messages)`);
          break;
        }
        const result = await client.callTool({ name: turn.name, arguments: turn.input });
        seen = textOf(result);
        const block = {
          type: 'tool_result',
          tool_use_id: turn.id,
          content: seen,
          is_error: result.isError ?? false,
        };
        messages.push({ role: 'user', content: [block] });
      }
      assert.equal((await incident(id)).notes.length, 1);
    }

    // OpenAI's Chat Completions.
    {
      const id = await alert('The disk is full');
      const offered = tools.map(({ name, description = '', inputSchema }) => ({
        type: 'function' as const,
        function: { name, description, parameters: inputSchema },
      }));
      const asks = (name: string, input: object): ChatTurn => ({
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: `call_${name}`, type: 'function', function: { name, arguments: JSON.stringify(input) } },
        ],
      });
      const model = scripted<ChatTurn>([
        () => asks('pd_can', { action: 'incidents.resolve', incident: id }),
        (seen) => {
          assert.match(seen, /^denied: note-bot may not resolve/);
          return asks('pd_note', {
            incident: id,
            text: 'Nothing I may do here.',
            reason: 'For whoever is paged.',
          });
        },
        () => ({ role: 'assistant', content: 'I may not resolve it, so I left a note.' }),
      ]);
      const messages: unknown[] = [{ role: 'user', content: `Resolve incident ${id}.` }];
      let seen = '';
      for (;;) {
        const turn = model(offered.length, seen);
        messages.push(turn);
        if (!turn.tool_calls) {
          console.log(`Chat Completions: ${turn.content} (${messages.length} messages)`);
          break;
        }
        for (const { id: callId, function: asked } of turn.tool_calls) {
          const input = JSON.parse(asked.arguments) as Record<string, unknown>;
          seen = textOf(await client.callTool({ name: asked.name, arguments: input }));
          messages.push({ role: 'tool', tool_call_id: callId, content: seen });
        }
      }
      const { status, notes } = await incident(id);
      assert.equal(status, 'triggered');
      assert.equal(notes.length, 1);
    }
    await client.close();
  },
);

type MessagesTurn =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: Record<string, unknown>;
    };

interface ChatTurn {
  readonly role: 'assistant';
  readonly content: string | null;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly type: 'function';
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
}

/** A model that says what its script says, turn by turn; it hears what the last tool answered. */
function scripted<Turn>(turns: readonly ((seen: string) => Turn)[]): (tools: number, seen: string) => Turn {
  let at = 0;
  return (tools, seen) => {
    assert.ok(tools > 0);
    const turn = turns[at];
    at += 1;
    if (!turn) throw new Error('The script is over.');
    return turn(seen);
  };
}
