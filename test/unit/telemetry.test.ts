import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const text = (path: string): string => readFileSync(file(path), 'utf8');

/** Names of metrics in a text; of a histogram its own. */
const metricsIn = (...paths: readonly string[]): ReadonlySet<string> =>
  new Set(
    paths.flatMap((path) =>
      [...text(path).matchAll(/\boncall_[a-z_]+[a-z]/g)].map(([name]) =>
        name.replace(/_(bucket|sum|count)$/, ''),
      ),
    ),
  );
const made = metricsIn('activities/telemetry.ts', 'worker/metrics.ts', 'workflows/people.ts');

test.each(['docs/telemetry.md', 'deploy/grafana-dashboard.json'])(
  '%s has every metric there is, and no other',
  (path) => {
    expect(made.size).toBeGreaterThan(10);
    expect([...metricsIn(path)].toSorted()).toEqual([...made].toSorted());
  },
);

test('the alert rules ask for metrics that there are, and say what to do', () => {
  const { groups } = parse(text('deploy/prometheus-rules.yaml')) as {
    groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(5);
  for (const { alert, expr, annotations } of rules) {
    expect(alert).toMatch(/^Oncall[A-Z]/);
    const names = [...expr.matchAll(/\boncall_[a-z_]+[a-z]/g)].map(([name]) => name.replace(/_bucket$/, ''));
    expect(names).not.toEqual([]);
    for (const name of names) expect(made).toContain(name);
    expect(annotations).toMatchObject({ summary: expect.any(String), description: expect.any(String) });
  }
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
test.skipIf(!promtool)('Prometheus’ own tool takes the alert rules', () => {
  const { status, stdout, stderr } = spawnSync(
    'promtool',
    ['check', 'rules', file('deploy/prometheus-rules.yaml')],
    {
      encoding: 'utf8',
    },
  );
  expect(status, stdout + stderr).toBe(0);
});
