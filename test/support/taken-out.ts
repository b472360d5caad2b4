/** A piece of a source, and what stands in its place. */
export interface TakenOut {
  /** For people: where it was, and what. */
  readonly what: string;
  readonly from: number;
  readonly to: number;
  readonly becomes: string;
}

/**
 * Every condition of a TypeScript source, each taken out alone: an `if` that is never true, an operand of `&&` or `||` that is
 * gone, a choice that always falls the same way. Reads tokens, not types: what it makes must still be a program, no more.
 */
export function takenOut(source: string): readonly TakenOut[] {
  const code = codeOf(source);
  const found: TakenOut[] = [];
  const take = (how: string, from: number, to: number, becomes = ' '): void => {
    const line = source.slice(0, from).split('\n').length;
    const words = source.slice(from, to).replace(/\s+/g, ' ').trim();
    found.push({ what: `line ${line}, ${how}: ${words}`, from, to, becomes });
  };
  for (const { index } of code.matchAll(/\bif \(/g)) {
    const open = index + 'if '.length;
    take('never', open + 1, closing(code, open), 'false as boolean');
  }
  for (const { 0: operator, index } of code.matchAll(/&&|\|\|/g)) {
    take('without', operandBefore(code, index, operator), index + operator.length);
    take('without', index, operandAfter(code, index + operator.length, operator));
  }
  for (const { index } of code.matchAll(/\s\? /g)) {
    const from = operandBefore(code, index, '?');
    take('always', from, index, ' (true as boolean)');
    take('never', from, index, ' (false as boolean)');
  }
  return found.toSorted((one, other) => one.from - other.from);
}

/** The code alone: of comments, texts and patterns only the length is left, so that every place stays where it was. */
function codeOf(source: string): string {
  const pieces = [
    String.raw`\/\*[\s\S]*?\*\/|\/\/[^\n]*`,
    String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|${'`'}(?:\\.|[^${'`'}\\])*${'`'}`,
    String.raw`(?<=[(=,:]\s*)\/(?![*/])(?:\\.|\[[^\]\n]*\]|[^/\\\n])+\/[a-z]*`,
  ];
  return source.replace(new RegExp(pieces.join('|'), 'g'), (piece) => piece.replace(/[^\n]/g, '_'));
}

/** The place of the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    depth += depthOf(code.charAt(at));
    if (depth === 0) return at;
  }
  return code.length;
}

const depthOf = (char: string): number => ('([{'.includes(char) ? 1 : ')]}'.includes(char) ? -1 : 0);

type Operator = '&&' | '||' | '?' | (string & {});

/** What binds weaker than an operator, or as weakly, ends its operand. */
const weaker = (operator: Operator): RegExp =>
  operator === '&&' ? /^(&&|\|\||\?\?)/ : operator === '||' ? /^(\|\||\?\?)/ : /^$/;

/** Where the operand begins that ends at `end`. */
function operandBefore(code: string, end: number, operator: Operator): number {
  let depth = 0;
  for (let at = end - 1; at >= 0; at -= 1) {
    depth -= depthOf(code.charAt(at));
    if (depth < 0) return at + 1;
    if (depth > 0) continue;
    const here = code.slice(at, at + 3);
    if (/^( \? | : |\.\.\.)/.test(here)) return at + 3;
    if (here.startsWith('=>') || weaker(operator).test(here)) return at + 2;
    if (/^[,;]/.test(here) || (/^=[^=>]/.test(here) && !/[=!<>]/.test(code.charAt(at - 1)))) return at + 1;
    if (code.slice(at - 5, at + 1) === 'return') return at + 1;
  }
  return 0;
}

/** Where the operand ends that begins at `begin`. */
function operandAfter(code: string, begin: number, operator: Operator): number {
  let depth = 0;
  for (let at = begin; at < code.length; at += 1) {
    depth += depthOf(code.charAt(at));
    if (depth < 0) return at;
    if (depth > 0) continue;
    const here = code.slice(at, at + 3);
    if (/^([,;]|\s[?:] )/.test(here) || (at > begin && weaker(operator).test(here))) return at;
  }
  return code.length;
}
