import { type Document, isAlias, isScalar, LineCounter, type Pair, parseDocument, visit } from 'yaml';

/** Where in a text something is wrong, and what. */
export class YamlFault extends Error {
  override readonly name = 'YamlFault';
  /** Characters from the beginning. */
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** A text that was read: what it says, and where each part stands. */
export interface Yaml {
  readonly document: Document;
  readonly value: unknown;
  readonly lines: LineCounter;
}

/**
 * Reads one YAML document as people read it: no key twice under any spelling, no tags, no merge keys, no older YAML. All of
 * these would let a line mean something else than it says.
 * @throws YamlFault for the first thing that is wrong; no word of the text is repeated, since it may hold a secret.
 */
export function readYaml(text: string, lines: LineCounter): Yaml {
  try {
    // Keys are compared below: the library compares each with each, which takes minutes for a large file.
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
    const error = document.errors[0] ?? document.warnings[0];
    if (error) {
      const several = error.code === 'MULTIPLE_DOCS' && 'a file holds one document; a second begins here';
      const tag = error.code === 'TAG_RESOLVE_FAILED' && tags;
      throw new YamlFault(error.pos[0], several || tag || error.message);
    }
    if (document.directives?.yaml.explicit && document.directives.yaml.version !== '1.2')
      throw new YamlFault(0, 'it is read as YAML 1.2; take the %YAML line out');
    const aliases = check(document);
    return { document, value: valueOf(document, aliases), lines };
  } catch (error) {
    if (error instanceof YamlFault) throw error;
    // Thousands of brackets within each other end the stack before they end the text.
    throw new YamlFault(0, 'it is nested too deep');
  }
}

const tags = 'a !tag means nothing here; take it out';

/** Offsets of the aliases. */
function check(document: Document): readonly number[] {
  const aliases: number[] = [];
  visit(document, {
    Node: (_key, node) => {
      const offset = node.range?.[0] ?? 0;
      if (node.tag !== undefined) throw new YamlFault(offset, tags);
      if (!isAlias(node)) return;
      aliases.push(offset);
      if (!node.resolve(document)) throw new YamlFault(offset, 'a *alias stands for nothing');
    },
    Map: (_key, { items }) => {
      const seen = new Set<string>();
      for (const pair of items) {
        const { offset, name } = keyOf(pair);
        if (seen.has(name)) throw new YamlFault(offset, 'the same key stands there twice');
        seen.add(name);
      }
    },
  });
  return aliases;
}

function keyOf({ key, value }: Pair): { readonly offset: number; readonly name: string } {
  const at = key ?? value;
  const offset = (typeof at === 'object' && at !== null && 'range' in at && rangeStart(at.range)) || 0;
  const word = isScalar(key) ? key.value : undefined;
  if (typeof word !== 'string' && typeof word !== 'number' && typeof word !== 'boolean')
    throw new YamlFault(offset, 'a key is one word, written out');
  const name = String(word);
  if (name === '<<')
    throw new YamlFault(offset, 'a merge key means nothing here; write out what it stands for');
  if (name === '__proto__') throw new YamlFault(offset, 'there is no such key');
  return { offset, name };
}

const rangeStart = (range: unknown): number => (Array.isArray(range) ? Number(range[0]) : 0);

/** How many times what stands there once may be used again. */
const maxAliasCount = 100;

function valueOf(document: Document, aliases: readonly number[]): unknown {
  try {
    return document.toJS({ maxAliasCount });
  } catch {
    throw new YamlFault(aliases[0] ?? 0, 'its aliases stand for too much');
  }
}
