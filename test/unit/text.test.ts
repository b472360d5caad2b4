import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clean, cleanAll, oneLine } from '../../pagerduty/text.ts';

describe('what hides in a text is removed', () => {
  test.each([
    ['zero-width space', 'ig\u200Bnore', 'ignore'],
    ['zero-width joiner between letters', 'ig\u200Dnore', 'ignore'],
    ['zero-width non-joiner', 'ig\u200Cnore', 'ignore'],
    ['word joiner and invisible plus', 'a\u2060b\u2064c', 'abc'],
    ['byte order mark', '\uFEFFdisk', 'disk'],
    ['soft hyphen', 'dis\u00ADk', 'disk'],
    ['bidi override', 'resolve \u202Eneve\u202Cr', 'resolve never'],
    ['bidi isolates', '\u2066a\u2067b\u2068c\u2069', 'abc'],
    ['marks of direction', 'a\u200Eb\u200Fc\u061Cd', 'abcd'],
    ['tag characters that spell a command', 'ok\u{E0001}\u{E0072}\u{E006D}\u{E007F}', 'ok'],
    ['variation selectors that carry bytes', 'A\u{E0100}\u{E0162}\u{E01EF}', 'A'],
    ['combining grapheme joiner', 'a\u034Fb', 'ab'],
    ['Hangul fillers', 'a\u115F\u1160\u3164\uFFA0b', 'ab'],
    ['blank of Braille', 'a\u2800b', 'ab'],
    ['private use', 'a\uE000\u{F0000}\u{10FFFD}b', 'ab'],
    ['null and bell', 'a\u0000b\u0007', 'ab'],
    ['escape sequence of a terminal', '\u001B[2Jgone', '[2Jgone'],
    ['delete and the second control block', 'a\u007Fb\u009Bc\u0085d', 'abcd'],
    ['annotation characters', 'a\uFFF9b\uFFFAc\uFFFB', 'abc'],
    ['Mongolian vowel separator', 'a\u180Eb', 'ab'],
  ])('%s', (_what, text, visible) => {
    expect(clean(text)).toBe(visible);
  });

  test('the noncharacter that the cleaning itself uses', () => {
    expect(clean('ig\uFFFEnore')).toBe('ignore');
  });

  test('the first sixteen variation selectors, where they are in no emoji', () => {
    expect(clean('ok\uFE01\uFE0F\uFE07\uFE02')).toBe('ok');
  });

  test.each([
    ['Khmer inherent vowels', 'a\u17B4\u17B5b'],
    ['Mongolian variation selectors', 'a\u180B\u180C\u180D\u180Fb'],
    ['specials not yet given away', 'a\u2065\uFFF0\uFFF8b'],
    ['tags not yet given away', 'a\u{E0000}\u{E0002}\u{E0080}\u{E01F0}\u{E0FFF}b'],
  ])('%s', (_what, text) => {
    expect(clean(text)).toBe('ab');
  });
});

describe('what people can read stays', () => {
  test.each([
    ['a family of emoji', 'on call: 👨‍👩‍👧‍👦'],
    ['a heart on fire', '❤️‍🔥'],
    ['a pirate flag and a rainbow flag', '🏴‍☠️ 🏳️‍🌈'],
    ['flags of countries', '🇩🇪🇯🇵'],
    ['skin tones, joined too', '👍🏽 👩🏽‍🚒 🧑🏿‍🤝‍🧑🏻'],
    ['a key cap', '1️⃣ #️⃣'],
    ['Hebrew', 'שגיאה בשרת db-1: 5%'],
    ['Arabic with marks', 'خَطَأٌ فِي ٱلْخَادِم'],
    ['Japanese', '決済サービスが停止しています'],
    ['Devanagari with conjuncts', 'सर्वर त्रुटि क्ष'],
    ['accents, composed and not', 'Zürich Zu\u0308rich'],
    ['mathematics and currency', 'p99 ≥ 2 s → −5 € ½'],
    ['tab and line ends', 'a\tb\nc'],
    ['unusual spaces', 'a\u00A0b\u3000c'],
    ['a replacement character', 'caf\uFFFD'],
    ['nothing', ''],
  ])('%s', (_what, text) => {
    expect(clean(text)).toBe(text);
  });

  test.each([
    ['CRLF', 'a\r\nb\r\n', 'a\nb\n'],
    ['a lone CR, which overwrites a line on a terminal', 'harmless\revil', 'harmless\nevil'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'a\nb\nc'],
    ['half a surrogate pair', 'a\uD83Db\uDE00c', 'a\uFFFDb\uFFFDc'],
    ['a joiner that joins nothing', '👍\u200D', '👍'],
    ['a joiner before a letter', '👍\u200Dx', '👍x'],
    ['two joiners between emoji', '👨\u200D\u200D👩', '👨👩'],
    ['the flag of England, spelt in tags', '🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}', '🏴'],
  ])('%s becomes visible', (_what, text, visible) => {
    expect(clean(text)).toBe(visible);
  });
});

describe('a text that is too long', () => {
  test('is cut, and how much is missing is told', () => {
    expect(clean('x'.repeat(25_000))).toBe('x'.repeat(25_000));
    for (const [length, max] of [
      [25_010, 25_000],
      [1_000_000, 25_000],
      [200, 100],
    ] as const) {
      const cut = /^(x+)… \(cut, (\d+) more characters\)$/.exec(clean('x'.repeat(length), max));
      expect(cut?.[1]?.length).toBeGreaterThan(max - 50);
      expect(cut?.[1]?.length).toBeLessThanOrEqual(max);
      expect(Number(cut?.[1]?.length) + Number(cut?.[2])).toBe(length);
    }
  });

  test('is measured after what hides in it is gone', () => {
    expect(clean(`${'\u200B'.repeat(30_000)}disk`)).toBe('disk');
  });

  test('never ends in half a character', () => {
    for (const max of [100, 101]) expect(clean('😀'.repeat(200), max).isWellFormed()).toBe(true);
  });

  test('is never longer than its limit, once cut', () => {
    expect(oneLine('x'.repeat(300), 120).length).toBeLessThanOrEqual(120);
  });
  test('is not cut again by a second cleaning', () => {
    const once = clean('x'.repeat(25_010));
    expect(clean(once)).toBe(once);
  });

  test('does not end in a joiner', () => {
    for (const max of [40, 41, 42]) expect(clean('👨‍👩‍👧‍👦'.repeat(40), max)).not.toContain('\u200D…');
  });
});

describe('one line', () => {
  test('has no line end, no tab, no space at either end and none doubled', () => {
    expect(oneLine('  disk\r\n\r\nfull \t on\u2028db-1\u00A0 ')).toBe('disk full on db-1');
  });

  test('holds nothing hidden', () => {
    expect(oneLine('disk\u202E \u200Bfull\u0000')).toBe('disk full');
  });

  test('has no doubled space where something hid between two', () => {
    expect(oneLine('\u200B disk \u200B full \u0000')).toBe('disk full');
  });
});

describe('a whole answer', () => {
  test('is cleaned in every text, keys too, and keeps everything else', () => {
    const answer = {
      'ti\u200Btle': 'disk\u202E full',
      list: ['a\u0000', { inner: '\u{E0041}b', n: 1.5, yes: true, none: null }],
    };
    expect(cleanAll(answer)).toEqual({
      title: 'disk full',
      list: ['a', { inner: 'b', n: 1.5, yes: true, none: null }],
    });
  });

  test('cannot reach a prototype by a key', () => {
    const cleaned = cleanAll(JSON.parse('{"__pro\\u200bto__": {"polluted": true}}')) as object;
    expect(Object.getPrototypeOf(cleaned)).toBe(Object.prototype);
    expect('polluted' in {}).toBe(false);
  });

  test.each([undefined, null, 0, false, 'text', [], {}])('%j alone stays what it is', (value) => {
    expect(cleanAll(value)).toEqual(value);
  });
});

/** Texts full of what attackers and people use: joiners, selectors, tags, fillers, emoji, scripts, halves of pairs. */
const nasty = fc.string({
  unit: fc.oneof(
    {
      arbitrary: fc.constantFrom(
        ...'a|\n|\t|\r| |\u200B|\u200D|\uFE0F|\uFE00|\u202E|\u2066|\u00AD|\uFFFE|\uFFFD|\u2800|\u3164|\u034F|\u180B'.split(
          '|',
        ),
      ),
      weight: 3,
    },
    {
      arbitrary: fc.constantFrom(
        '👩',
        '👍🏽',
        '🇩',
        '❤️',
        '\u{E0041}',
        '\u{E0100}',
        '\u{F0000}',
        '\u{E0080}',
        '\uD83D',
        '\uDE00',
      ),
      weight: 3,
    },
    { arbitrary: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)), weight: 1 },
    { arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }), weight: 1 },
  ),
  maxLength: 200,
});

test('whatever comes in: nothing hides in what comes out, and a second cleaning changes nothing', () => {
  fc.assert(
    fc.property(nasty, fc.integer({ min: 60, max: 250 }), (text, max) => {
      const once = clean(text, max);
      expect(hiddenIn(once)).toEqual([]);
      expect(once.isWellFormed()).toBe(true);
      expect(once.length).toBeLessThanOrEqual(max);
      expect(clean(once, max)).toBe(once);
    }),
    {
      numRuns: 1_000,
      examples: [
        ['a\uFFFEb', 100],
        ['a\uFE01b', 100],
        ['a\u180Bb', 100],
        ['x'.repeat(200), 100],
      ],
    },
  );
});

test('whatever comes in: what comes out has no control, format or private character, and no half of a pair', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      const once = clean(text.replaceAll('\uFFFE', ''), 10_000);
      expect(once.isWellFormed()).toBe(true);
      expect(once.replace(/[\n\t]/g, '').match(/[\p{Cc}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu)).toBeNull();
      expect(once.replaceAll('\u200D', '').match(/\p{Cf}/gu)).toBeNull();
      expect(clean(once, 10_000)).toBe(once);
    }),
    { numRuns: 1_000 },
  );
});

test('whatever people write is kept: letters, digits, signs and emoji are never lost', () => {
  const visible = fc.string({
    unit: fc.constantFrom(
      ...'a Z 9 é 界 ש خ क € → . , - " < > { }'.split(' '),
      '👨‍👩‍👧',
      '👍🏽',
      '🇩🇪',
      '1️⃣',
      ' ',
      '\n',
    ),
  });
  fc.assert(
    fc.property(visible, (text) => {
      expect(clean(text)).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});

/**
 * Code points that nobody sees, by Unicode's own list and not by ours. A joiner between emoji and a selector behind an emoji
 * or a key cap's digit are seen by what they do.
 */
function hiddenIn(text: string): readonly string[] {
  const seen = text
    .replace(
      /(?<=\p{Extended_Pictographic}(?:\uFE0E|\uFE0F|\p{Emoji_Modifier})?)\u200D(?=\p{Extended_Pictographic})/gu,
      '',
    )
    .replace(/(?<=\p{Emoji})[\uFE0E\uFE0F]/gu, '')
    .replace(/[\n\t]/g, '');
  const found =
    seen.match(
      /[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\uFFFE\uFFFF\u2800]/gu,
    ) ?? [];
  return found.map((character) => `U+${character.codePointAt(0)?.toString(16)}`);
}
