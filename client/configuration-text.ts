import { isDeepStrictEqual } from 'node:util';
import {
  isCollection,
  isMap,
  isPair,
  isScalar,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';

/** One agent as it is first entered. */
export interface NewAgent {
  readonly name: string;
  readonly publicKey: string;
}

/**
 * The text of an `oncall.yaml` with an agent more: lines are added and every other byte stays, because people review this
 * file. `undefined` where the text is written in a way that leaves no place for them.
 */
export function withAgent(text: string, agent: NewAgent): string | undefined {
  const grown = grow(text, agent);
  if (grown === undefined) return undefined;
  const before = valueOf(text) as { readonly agents?: object } | null;
  const entry = { public_key: agent.publicKey, grants: {} };
  const meant = { ...before, agents: { ...before?.agents, [agent.name]: entry } };
  return isDeepStrictEqual(valueOf(grown), meant) ? grown : undefined;
}

function valueOf(text: string): unknown {
  const document = parseDocument(text);
  return document.errors.length > 0 ? undefined : document.toJS();
}

function grow(text: string, agent: NewAgent): string | undefined {
  const { contents } = parseDocument(text);
  if (contents !== null && !isMap(contents)) return undefined;
  if (contents?.flow) return undefined;
  const pair = contents?.items.find(({ key }) => isScalar(key) && key.value === 'agents');
  const top = contents?.items[0] ? columnOf(text, contents.items[0]) : 0;
  if (!pair) {
    const lines = [`${' '.repeat(top)}agents:`, ...linesOf(agent, top + 2)];
    return withLines(text, text.length, lines);
  }
  const agents = pair.value;
  if (isMap(agents) && agents.items.length > 0)
    return agents.flow ? inBraces(text, agents, agent) : below(text, agents, agent);
  // Nothing yet: what stands for it (`{}`, `~`) goes.
  const [from = 0, to = 0] = isCollection(agents) || isScalar(agents) ? (agents.range ?? []) : [];
  if (from === 0) return undefined;
  const head = text.slice(0, from).replace(/ +$/, '');
  const emptied = `${head}${text.slice(to)}`;
  return withLines(emptied, lineEnd(emptied, head.length), linesOf(agent, top + 2));
}

/** Below the last agent, and below the comments that stand within it. */
function below(text: string, agents: YAMLMap, agent: NewAgent): string | undefined {
  const [first] = agents.items;
  const last = agents.items.at(-1);
  if (!first || !last) return undefined;
  const column = columnOf(text, first);
  let at = lineEnd(text, endOf(last));
  for (;;) {
    const next = /^( *)#.*(\n|$)/.exec(text.slice(at));
    if (!next || (next[1] ?? '').length <= column) break;
    at += next[0].length;
  }
  return withLines(text, at, linesOf(agent, column));
}

function inBraces(text: string, agents: YAMLMap, { name, publicKey }: NewAgent): string | undefined {
  const close = (agents.range?.[1] ?? 0) - 1;
  if (text[close] !== '}') return undefined;
  const inside = text.slice(0, close).trimEnd();
  const comma = inside.endsWith(',') ? '' : ',';
  return `${inside}${comma} ${name}: { public_key: ${publicKey}, grants: {} }${text.slice(inside.length)}`;
}

const linesOf = ({ name, publicKey }: NewAgent, indent: number): readonly string[] =>
  [`${name}:`, `  public_key: ${publicKey}`, '  grants: {}'].map((line) => `${' '.repeat(indent)}${line}`);

function withLines(text: string, at: number, lines: readonly string[]): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const head = text.slice(0, at);
  const between = head === '' || head.endsWith('\n') ? '' : eol;
  return `${head}${between}${lines.map((line) => `${line}${eol}`).join('')}${text.slice(at)}`;
}

/** Where the line that holds the character before `offset` ends, its line break included. */
function lineEnd(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset;
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end + 1;
}

const columnOf = (text: string, { key }: Pair): number => {
  const start = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
  return start - (text.lastIndexOf('\n', start - 1) + 1);
};

/** Offset behind the last character of what a pair holds. */
function endOf({ key, value }: Pair): number {
  const node = (isScalar(value) || isCollection(value) ? value : key) as Node | null;
  if (isCollection(node) && !node.flow) {
    const last: unknown = node.items.at(-1);
    if (isPair(last)) return endOf(last);
    if (isScalar(last) || isCollection(last)) return endOf({ key: last, value: null } as Pair);
  }
  return node?.range?.[1] ?? 0;
}
