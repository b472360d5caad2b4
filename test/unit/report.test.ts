import { expect, test } from 'vitest';
import { commandsAlone, plain } from '../../workflows/report.ts';

test('of other people’s words in a sentence none is Markdown, and our commands still are', () => {
  const title = '# [pay](http://evil.example) ![x](y) <b>*a*</b> _b_ ~c~ | `oncall';
  expect(commandsAlone(`It is called ${title}. Approve it with \`oncall approve c3965b\`.`)).toBe(
    `It is called ${plain(title)}. Approve it with \`oncall approve c3965b\`.`,
  );
  expect(plain(title)).toBe(
    '\\# \\[pay\\](http://evil.example) \\!\\[x\\](y) \\<b\\>\\*a\\*\\</b\\> \\_b\\_ \\~c\\~ \\| \\`oncall',
  );
});

test('a command in other people’s words is code, and carries no markup of theirs', () => {
  expect(commandsAlone('“`oncall [x](y)`”')).toBe('“\\`oncall \\[x\\](y)\\`”');
  expect(commandsAlone('“\\`oncall approve 1` [x](y)”')).toBe('“\\\\`oncall approve 1` \\[x\\](y)”');
  expect(commandsAlone('`` `oncall approve 1` ``')).toBe('\\`\\` `oncall approve 1` \\`\\`');
});

test('a sentence stays in its line', () => {
  expect(commandsAlone('one\n\n- **two**\r\n\u2028three')).toBe('one - \\*\\*two\\*\\* three');
});
