import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type Command, CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { agree, confirm, pagingOf, type Terminal } from '../../client/confirm.ts';
import { programOf } from '../../client/program.ts';
import { blocksOf, withoutBlocks } from '../support/fences.ts';
import { checkout } from '../support/processes.ts';

/** Every command that does something, with its words and the help that it prints. */
function commandsOf(
  command: Command,
  words = '',
): readonly { readonly words: string; readonly help: string }[] {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  const below = command.commands.flatMap((one) => commandsOf(one, `${words} ${one.name()}`.trimStart()));
  return [{ words, help }, ...below];
}

/** A line as a shell takes it apart. */
const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, one, two, bare]) => one ?? two ?? bare ?? '');

/** The commands that a line would run; nothing of them is done. */
async function calledBy(line: string): Promise<readonly string[]> {
  const called: string[] = [];
  const program = programOf(async () => {});
  const replace = (command: Command, name: string): void => {
    command.exitOverride().configureOutput({ writeErr: () => {} });
    if (name) command.action(() => void called.push(name));
    for (const one of command.commands) replace(one, `${name} ${one.name()}`.trimStart());
  };
  replace(program, '');
  await program.parseAsync(wordsOf(line).slice(1), { from: 'user' });
  return called;
}

const help = commandsOf(programOf(async () => {}));
const examples = help.flatMap(({ words, help: text }) =>
  (text.split(/\nExamples?:\n/)[1] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('  oncall'))
    .map((line) => ({ words, line: line.trim().replace(/ > .*$/, '') })),
);

describe('the help', () => {
  // The simulator is a program of its own and tells its own help; the other two only hold commands.
  const without = ['simulator', 'audit', 'front-doors', 'operators'];
  test.each(help.filter(({ words }) => !without.includes(words)))(
    'of `oncall $words` shows how it is used',
    ({ words }) => {
      expect(examples.some((example) => example.words === words)).toBe(true);
    },
  );

  test.each(examples)('shows a line that is right: $line', async ({ words, line }) => {
    const called = await calledBy(line);
    expect(called).toHaveLength(1);
    if (words) expect(called).toEqual([words]);
    for (const json of wordsOf(line).filter((word) => word.startsWith('{')))
      expect(JSON.parse(json)).toBeTypeOf('object');
  });
});

describe('the documentation', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...readdirSync(join(checkout, 'docs'))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
  ].map((page) => ({ page, text: readFileSync(join(checkout, page), 'utf8') }));
  /** Lines of shell, each whole. */
  const shellOf = (text: string): readonly string[] =>
    blocksOf(text)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text: code }) =>
        code
          .replaceAll(/\\\n */g, '')
          .split(/\n(?=(?:[^']*'[^']*')*[^']*$)/)
          .map((line) => line.trim()),
      );
  /** What stands between backticks; a synopsis, `[--port PORT]` or `JSON\|@FILE`, as it can be typed. */
  const spansOf = (text: string): readonly string[] =>
    [...withoutBlocks(text).matchAll(/`([^`]+)`/g)].map(([, span = '']) =>
      span.replaceAll(/\s+/g, ' ').replaceAll(/\\\|\S+|[[\]]|…$/g, ''),
    );
  const ours = /^(?:npx |npm run -s )?oncall(?: --)?(?= )/;
  /** Our commands among them, without what follows on their line. */
  const commandsIn = (linesOf: (text: string) => readonly string[]) =>
    pages.flatMap(({ page, text }) =>
      linesOf(text)
        .filter((line) => ours.test(line))
        .map((line) => ({ page, line: line.replace(ours, 'oncall').replace(/ +(?:[#>|&]|2>).*$/, '') })),
    );
  const lines = commandsIn(shellOf);
  const mentions = commandsIn(spansOf).filter(({ line }) => line !== 'oncall ARGS');

  test.each(lines)('of $page shows a line that is right: $line', async ({ line }) => {
    expect(await calledBy(line)).toHaveLength(1);
  });

  test.each(mentions)('of $page mentions what there is: $line', async ({ line }) => {
    const called = await calledBy(line).catch((error: unknown) => {
      // A command that is only mentioned need not be whole, and PORT stands for a port.
      if (error instanceof CommanderError && /missing|invalidArgument|version/i.test(error.code))
        return ['not whole'];
      throw error;
    });
    expect(called).toHaveLength(1);
  });

  test('has such lines', () => {
    expect(lines.length).toBeGreaterThan(30);
    expect(mentions.length).toBeGreaterThan(100);
  });

  test('names no script that there is not', () => {
    const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const named = pages.flatMap(({ page, text }) =>
      [...text.matchAll(/npm run (?:-s )?([\w:-]+)/g)].map(([, script = '']) => ({ page, script })),
    );
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter(({ script }) => !Object.hasOwn(scripts, script))).toEqual([]);
  });
});

describe('before people are paged', () => {
  const terminal = (answer: string): Terminal & { readonly said: () => string } => {
    const output = new PassThrough();
    const input = new PassThrough();
    input.end(answer);
    return { input, output, said: () => String(output.read() ?? '') };
  };

  test.each(['y\n', 'yes\n', ' YES \n'])('a person who says %j goes on', async (answer) => {
    const asked = terminal(answer);
    await agree('createIncident', ['incidents.create'], asked);
    expect(asked.said()).toContain('createIncident can page people (incidents.create). Go on? [y/N]');
  });

  test.each(['\n', 'n\n', 'yeah, no\n', ''])('a person who says %j sends nothing', async (answer) => {
    await expect(agree('createIncident', ['incidents.create'], terminal(answer))).rejects.toThrow(
      'Nothing was sent. With --yes you are not asked.',
    );
  });

  test('a change is made on yes alone; a script says --yes', async () => {
    expect(await confirm('Make it?', {}, terminal('y\n'))).toBe(true);
    expect(await confirm('Make it?', {}, terminal('\n'))).toBe(false);
    expect(await confirm('Make it?', { yes: true }, null)).toBe(true);
    await expect(confirm('Make it?', {}, null)).rejects.toThrow('--yes does it');
  });

  test('nobody is asked where nobody sits, nor about what pages nobody', async () => {
    await agree('createIncident', ['incidents.create'], null);
    const reader = terminal('');
    await agree('listIncidents', [], reader);
    expect(reader.said()).toBe('');
  });

  const operation = (operation: 'updateIncident' | 'enqueueEvent' | 'getIncident', request: object) =>
    pagingOf('runOperation', { account: 'main', operation, request });
  const update = (incident: object) => ({
    params: { id: 'PINCIDENT' },
    body: { incident: { type: 'incident', ...incident } },
  });
  test('what can page people is told by its request', async () => {
    expect(await operation('getIncident', { params: { id: 'PINCIDENT' } })).toEqual([]);
    expect(await operation('updateIncident', update({ status: 'resolved' }))).toEqual([]);
    expect(await operation('updateIncident', update({ escalation_level: 2 }))).toEqual([
      'incidents.escalate',
    ]);
    expect(await operation('enqueueEvent', { body: { event_action: 'resolve', dedup_key: 'd' } })).toEqual(
      [],
    );
    expect(await operation('enqueueEvent', { body: { event_action: 'trigger' } })).toEqual([
      'events.trigger',
    ]);
  });

  test('and of a Workflow by what it is for', async () => {
    const incident = { account: 'main', incident: 'PINCIDENT' };
    expect(await pagingOf('triageIncident', incident)).toEqual([]);
    expect(await pagingOf('waitForHumanAck', incident)).toEqual(['incidents.create', 'incidents.escalate']);
  });
});
