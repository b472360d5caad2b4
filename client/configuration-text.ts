import { isDeepStrictEqual } from 'node:util';
import {
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
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

/** One operator as it is first entered. */
export interface NewOperator extends NewAgent {
  readonly pagerdutyUser?: string;
}

type Section = 'agents' | 'operators' | 'front_doors';

/** One entry of a section: a name, and a line for each of its keys, values as they are written and as they are meant. */
interface Entry {
  readonly section: Section;
  readonly name: string;
  readonly lines: readonly (readonly [key: string, written: string, meant: unknown])[];
}

/**
 * The text of an `oncall.yaml` with an agent more: lines are added and every other byte stays, because people review this
 * file. `undefined` where the text is written in a way that leaves no place for them.
 */
export const withAgent = (text: string, { name, publicKey }: NewAgent): string | undefined =>
  withEntry(text, {
    section: 'agents',
    name,
    lines: [
      ['public_key', publicKey, publicKey],
      ['grants', '{}', {}],
    ],
  });

/** The same with an operator more. */
export const withOperator = (
  text: string,
  { name, publicKey, pagerdutyUser }: NewOperator,
): string | undefined =>
  withEntry(text, {
    section: 'operators',
    name,
    lines: [
      ['public_key', publicKey, publicKey],
      ...(pagerdutyUser === undefined ? [] : [['pagerduty_user', pagerdutyUser, pagerdutyUser] as const]),
    ],
  });

/** One front door as it is first entered: it speaks for agents or for operators. */
export interface NewFrontDoor extends NewAgent {
  readonly key: 'may_speak_for' | 'may_speak_for_operators';
  readonly speaksFor: readonly string[];
}

/** The same with a front door more, and those for whom it may speak. */
export const withFrontDoor = (
  text: string,
  { name, publicKey, key, speaksFor }: NewFrontDoor,
): string | undefined =>
  withEntry(text, {
    section: 'front_doors',
    name,
    lines: [
      ['public_key', publicKey, publicKey],
      [key, `[${speaksFor.join(', ')}]`, speaksFor],
    ],
  });

function withEntry(text: string, entry: Entry): string | undefined {
  const grown = grow(text, entry);
  if (grown === undefined) return undefined;
  const before = valueOf(text) as Partial<Record<Section, object>> | null;
  const made = Object.fromEntries(entry.lines.map(([key, , meant]) => [key, meant]));
  const meant = { ...before, [entry.section]: { ...before?.[entry.section], [entry.name]: made } };
  return isDeepStrictEqual(valueOf(grown), meant) ? grown : undefined;
}

/** A key that takes the place of another, which still proves what was signed before `until` (ISO 8601). */
export interface Rotation {
  readonly section: Section;
  readonly name: string;
  readonly publicKey: string;
  readonly until: string;
}

interface Keyed {
  readonly public_key?: unknown;
  readonly previous_keys?: readonly unknown[];
}

/** The text with a new public key in the place of the old one, and the old one under `previous_keys`; no other byte changes. */
export function withRotatedKey(text: string, rotation: Rotation): string | undefined {
  const { section, name, publicKey, until } = rotation;
  const before = valueOf(text) as Partial<Record<Section, Readonly<Record<string, Keyed>>>> | null;
  const old = before?.[section]?.[name];
  if (typeof old?.public_key !== 'string') return undefined;
  const turned = rotate(text, rotation, old.public_key);
  const previous = [...(old.previous_keys ?? []), { public_key: old.public_key, until }];
  const entry = { ...old, public_key: publicKey, previous_keys: previous };
  const meant = { ...before, [section]: { ...before?.[section], [name]: entry } };
  return turned !== undefined && isDeepStrictEqual(valueOf(turned), meant) ? turned : undefined;
}

function rotate(
  text: string,
  { section, name, publicKey, until }: Rotation,
  old: string,
): string | undefined {
  const { contents } = parseDocument(text);
  const entries = isMap(contents) ? contents.get(section, true) : undefined;
  const entry = isMap(entries) ? entries.get(name, true) : undefined;
  if (!isMap(entry)) return undefined;
  const key = entry.get('public_key', true);
  const [from, to] = (isScalar(key) ? key.range : undefined) ?? [];
  const [first] = entry.items;
  if (from === undefined || to === undefined || !first) return undefined;
  const item = `{ public_key: ${old}, until: "${until}" }`;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const previous = entry.get('previous_keys', true);
  // The later place first, so that the earlier one stays where it is.
  const edits: { readonly from: number; readonly to: number; readonly text: string }[] = [
    { from, to, text: publicKey },
  ];
  if (previous === undefined) {
    const indent = ' '.repeat(columnOf(text, first));
    const at = entry.flow ? to : lineEnd(text, to);
    const between = entry.flow || text[at - 1] === '\n' ? '' : eol;
    const added = entry.flow
      ? `, previous_keys: [${item}]`
      : `${between}${indent}previous_keys: [${item}]${eol}`;
    edits.push({ from: at, to: at, text: added });
  } else if (isSeq(previous) && previous.items.length > 0) {
    const last = previous.items.at(-1) as Node;
    const at = endOf({ key: last, value: null } as Pair);
    if (previous.flow) edits.push({ from: at, to: at, text: `, ${item}` });
    else {
      const start = previous.range?.[0] ?? 0;
      const column = start - (text.lastIndexOf('\n', start - 1) + 1);
      const line = lineEnd(text, at);
      const between = text[line - 1] === '\n' ? '' : eol;
      edits.push({ from: line, to: line, text: `${between}${' '.repeat(column)}- ${item}${eol}` });
    }
  } else return undefined;
  return edits
    .toSorted((a, b) => b.from - a.from)
    .reduce((made, edit) => `${made.slice(0, edit.from)}${edit.text}${made.slice(edit.to)}`, text);
}

function valueOf(text: string): unknown {
  const document = parseDocument(text);
  return document.errors.length > 0 ? undefined : document.toJS();
}

function grow(text: string, entry: Entry): string | undefined {
  const { contents } = parseDocument(text);
  if (contents !== null && !isMap(contents)) return undefined;
  if (contents?.flow) return undefined;
  const pair = contents?.items.find(({ key }) => isScalar(key) && key.value === entry.section);
  const top = contents?.items[0] ? columnOf(text, contents.items[0]) : 0;
  if (!pair) {
    const lines = [`${' '.repeat(top)}${entry.section}:`, ...linesOf(entry, top + 2)];
    return withLines(text, text.length, lines);
  }
  const agents = pair.value;
  if (isMap(agents) && agents.items.length > 0)
    return agents.flow ? inBraces(text, agents, entry) : below(text, agents, entry);
  // Nothing yet: what stands for it (`{}`, `~`) goes.
  const [from = 0, to = 0] = isCollection(agents) || isScalar(agents) ? (agents.range ?? []) : [];
  if (from === 0) return undefined;
  const head = text.slice(0, from).replace(/ +$/, '');
  const emptied = `${head}${text.slice(to)}`;
  return withLines(emptied, lineEnd(emptied, head.length), linesOf(entry, top + 2));
}

/** Below the last entry, and below the comments that stand within it. */
function below(text: string, agents: YAMLMap, entry: Entry): string | undefined {
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
  return withLines(text, at, linesOf(entry, column));
}

function inBraces(text: string, agents: YAMLMap, { name, lines }: Entry): string | undefined {
  const close = (agents.range?.[1] ?? 0) - 1;
  if (text[close] !== '}') return undefined;
  const inside = text.slice(0, close).trimEnd();
  const comma = inside.endsWith(',') ? '' : ',';
  const entry = lines.map(([key, written]) => `${key}: ${written}`).join(', ');
  return `${inside}${comma} ${name}: { ${entry} }${text.slice(inside.length)}`;
}

const linesOf = ({ name, lines }: Entry, indent: number): readonly string[] =>
  [`${name}:`, ...lines.map(([key, written]) => `  ${key}: ${written}`)].map(
    (line) => `${' '.repeat(indent)}${line}`,
  );

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
