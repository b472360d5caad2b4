import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { prompts } from '../../client/mcp/prompts.ts';
import { resources, resourceTemplates } from '../../client/mcp/resources.ts';
import { advice } from '../../client/mcp/runs.ts';
import { tools } from '../../client/mcp/tools.ts';
import { version } from '../../client/version.ts';

const read = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
const page = read('docs/mcp.md');

describe('docs/mcp.md', () => {
  test('lists every tool in its order, with what it changes', () => {
    const rows = [...page.matchAll(/^\| `(pd_\w+)` \| .* \| ([a-z, ]+) \|$/gm)].map(([, name, kind]) => [
      name,
      kind,
    ]);
    const kinds = tools.map(({ name, kind }) => {
      if (kind === 'read') return [name, 'reads'];
      const words = [
        ...(kind.destructive ? ['destructive'] : []),
        ...(kind.repeatable ? ['repeatable'] : []),
      ];
      return [name, words.join(', ')];
    });
    expect(rows).toEqual(kinds);
  });

  test.each([
    ...prompts.map(({ name }) => name),
    ...resources.map(({ uri }) => uri),
    ...resourceTemplates.map(({ uriTemplate }) => uriTemplate),
    ...Object.keys(advice),
  ])('names %s', (word) => {
    expect(page).toContain(`\`${word}\``);
  });
});

test('the version is that of the package', () => {
  expect(version).toBe((JSON.parse(read('package.json')) as { version: string }).version);
});
