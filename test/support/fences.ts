/** A block between fences, as it is written; what stands further in, in a list, as it would stand alone. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** After the language a name may stand: ```` ```json respondToIncident ````. */
const fenced = /^( *)```(\w*)[^`\n]*\n([^]*?)^ *```$/gm;

/** The fenced blocks of a page, in order. */
export const blocksOf = (page: string): readonly Block[] =>
  [...page.matchAll(fenced)].map(([, indent = '', language = '', text = '']) => ({
    language,
    text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));

/** The page without them. */
export const withoutBlocks = (page: string): string => page.replaceAll(fenced, '');
