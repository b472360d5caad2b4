/** A block between fences, as it is written; in a list it stands further in. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** After the language a name may stand: ```` ```json respondToIncident ````. */
const fenced = /^ *```(\w*)[^`\n]*\n([^]*?)^ *```$/gm;

/** The fenced blocks of a page, in order. */
export const blocksOf = (page: string): readonly Block[] =>
  [...page.matchAll(fenced)].map(([, language = '', text = '']) => ({ language, text }));

/** The page without them. */
export const withoutBlocks = (page: string): string => page.replaceAll(fenced, '');
