import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, parseDocument } from 'yaml';
import { programOf } from '../../client/program.ts';
import { policySource } from '../../gate/policy-source.ts';

// Nothing of deploy/ is run here but the alert rules (test/unit/telemetry.test.ts). What can be seen of it without a cluster is: it
// parses, the commands in it are commands of ours, and what it puts into the environment is read by somebody.

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(checkout, file), 'utf8');
const filesBelow = (folder: string, ending: RegExp): readonly string[] =>
  readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => ending.test(file))
    .map((file) => `${folder}/${file}`)
    .toSorted();

/** Which command of ours the words call; the parser's own refusal where they call none. A sentence may leave out what it must have. */
async function commandIn(words: readonly string[]): Promise<string> {
  const called: string[] = [];
  const program = programOf(async () => {});
  const replace = (command: Command, name: string): void => {
    command.configureOutput({ writeErr: () => {} });
    if (name) command.action(() => void called.push(name));
    for (const one of command.commands) replace(one, `${name} ${one.name()}`.trimStart());
  };
  replace(program, '');
  await program.parseAsync([...words], { from: 'user' }).catch((error: unknown) => {
    if (!(error instanceof CommanderError && error.code === 'commander.missingMandatoryOptionValue'))
      throw error;
    called.push(words.join(' '));
  });
  return called.join();
}

/** Every name that some part of ours, or of Temporal's or Node's, reads from its environment. */
const known = new Set([
  ...filesBelow('.', /^(client|worker|simulator)\/config\.ts$/).flatMap((file) =>
    [...read(file).matchAll(/env\['(\w+)'\]/g)].map(([, name = '']) => name),
  ),
  'NODE_ENV',
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_API_KEY',
  'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  'TEMPORAL_TLS_CLIENT_CERT_PATH',
  'TEMPORAL_TLS_CLIENT_KEY_PATH',
  // What the configuration names.
  'PAGERDUTY_API_TOKEN',
  'PAGERDUTY_WEBHOOK_SECRET',
  'CHECKOUT_ROUTING_KEY',
]);

describe('the units of systemd', () => {
  const units = filesBelow('deploy/systemd', /\.service$/);

  test.each(units)('%s starts a command of ours, and is stopped later than it needs to end', async (file) => {
    const sections = read(file).match(/^\[\w+\]$/gm);
    expect(sections).toEqual(['[Unit]', '[Service]', '[Install]']);
    const lines = read(file).split('\n');
    for (const line of lines) expect(line).toMatch(/^(#.*|\[\w+\]|[A-Z]\w+=.*|)$/);
    const [, words = ''] = /^ExecStart=\S*\/oncall (.+)$/m.exec(read(file)) ?? [];
    expect(await commandIn(words.split(' '))).toBe(/oncall-(\w+)/.exec(file)?.[1]);
    const seconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(read(file))?.[1] ?? 90);
    // A Worker has twelve seconds of grace; a receiver some eleven.
    expect(seconds).toBeGreaterThan(12);
  });

  test('put nothing into the environment that nobody reads', () => {
    const settings = filesBelow('deploy/systemd', /\.env\.example$/);
    expect(settings.length).toBeGreaterThan(1);
    for (const file of [...settings, ...units])
      for (const [, name = ''] of read(file).matchAll(/^(?:#|Environment=)?([A-Z_]{4,})=/gm))
        expect(known, `${name} in ${file}`).toContain(name);
  });

  test('for the watchdog is the one that docs/operating.md shows', () => {
    const shown = /```ini\n([^`]+)```/.exec(read('docs/operating.md'))?.[1];
    expect(shown).toBe(read('deploy/systemd/oncall-watchdog.service'));
  });
});

describe('the manifests of Kubernetes', () => {
  interface Container {
    readonly args: readonly string[];
    readonly env?: readonly { readonly name: string }[];
    readonly envFrom?: readonly {
      readonly configMapRef?: { readonly name: string };
      readonly secretRef?: { readonly name: string };
    }[];
    readonly ports?: readonly { readonly name: string }[];
    readonly volumeMounts?: readonly { readonly name: string }[];
    readonly readinessProbe?: { readonly httpGet?: { readonly port: string } };
  }
  interface Manifest {
    readonly kind: string;
    readonly metadata: { readonly name: string };
    readonly data?: Readonly<Record<string, string>>;
    readonly stringData?: Readonly<Record<string, string>>;
    readonly spec?: {
      readonly selector?: { readonly matchLabels?: object } & Readonly<Record<string, unknown>>;
      readonly template?: {
        readonly metadata: { readonly labels: object };
        readonly spec: {
          readonly containers: readonly Container[];
          readonly volumes?: readonly { readonly name: string }[];
        };
      };
      readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
    };
  }
  const files = filesBelow('deploy/kubernetes', /\.yaml$/);
  const manifests = files
    .filter((file) => !/kustomization|oncall\.yaml/.test(file))
    .flatMap((file) =>
      parseAllDocuments(read(file)).map((document) => {
        expect(document.errors, file).toEqual([]);
        return document.toJS() as Manifest;
      }),
    );
  const named = (kind: string): readonly string[] =>
    manifests.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name);
  const sets = manifests.flatMap(({ metadata, spec }) =>
    spec?.template ? [{ name: metadata.name, spec, template: spec.template }] : [],
  );

  test('are the ones that kustomization.yaml lists', () => {
    const kustomization = parseDocument(read('deploy/kubernetes/kustomization.yaml'));
    expect(kustomization.errors).toEqual([]);
    const { resources } = kustomization.toJS() as { resources: readonly string[] };
    const rest = files
      .map((file) => file.split('/').at(-1))
      .filter((file) => !/kustom|oncall\./.test(file ?? ''));
    expect([...resources].toSorted()).toEqual(rest);
  });

  test('start commands of ours, with what they find there in place', async () => {
    const called: string[] = [];
    for (const { name, spec, template } of sets) {
      expect(template.metadata.labels, name).toMatchObject(spec.selector?.matchLabels ?? { none: name });
      const volumes = [
        ...(template.spec.volumes ?? []).map((one) => one.name),
        ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
      ];
      for (const { args, env = [], envFrom = [], ports = [], volumeMounts = [], readinessProbe } of template
        .spec.containers) {
        called.push(await commandIn(args));
        for (const { name: of } of env) expect(known, `${of} of ${name}`).toContain(of);
        for (const { configMapRef, secretRef } of envFrom) {
          if (configMapRef) expect(named('ConfigMap')).toContain(configMapRef.name);
          if (secretRef) expect(named('Secret')).toContain(secretRef.name);
        }
        for (const { name: of } of volumeMounts) expect(volumes, name).toContain(of);
        const asked = readinessProbe?.httpGet?.port;
        if (asked !== undefined) expect(ports.map((port) => port.name)).toContain(asked);
      }
    }
    expect(called.toSorted()).toEqual(['watchdog', 'webhooks', 'worker']);
    const settings = manifests.flatMap(({ data = {}, stringData = {} }) => [
      ...Object.keys(data),
      ...Object.keys(stringData),
    ]);
    expect(settings.length).toBeGreaterThan(5);
    for (const name of settings) expect(known).toContain(name);
  });

  test('bring a configuration that can be read', () => {
    expect(policySource(join(checkout, 'deploy/kubernetes/oncall.yaml'))()).toMatchObject({ readable: true });
  });
});

test('the container file copies what there is, and starts a command of ours', async () => {
  const lines = read('deploy/Dockerfile').split('\n');
  const [, entry = ''] = /^ENTRYPOINT (.+)$/m.exec(lines.join('\n')) ?? [];
  expect(JSON.parse(entry)).toEqual(['node', '/opt/oncall/dist/client/cli.js']);
  const { bin, files } = JSON.parse(read('package.json')) as { bin: object; files: readonly string[] };
  expect(bin).toEqual({ oncall: 'dist/client/cli.js' });
  expect(files).toContain('LICENSE');
  const [, command = ''] = /^CMD (.+)$/m.exec(lines.join('\n')) ?? [];
  expect(await commandIn(JSON.parse(command) as string[])).toBe('worker');
  for (const [, name = ''] of lines.join('\n').matchAll(/(?<=^ENV .*)\b([A-Z_]+)=/gm))
    expect(known).toContain(name);
});

describe('docs/deploy.md', () => {
  const page = read('docs/deploy.md');

  test('shows commands of ours alone', async () => {
    const lines = [...page.matchAll(/(?:^|`|' )oncall ((?!_)[a-z][^`\n#|]*)/gm)].map(([, words = '']) =>
      words.trim(),
    );
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) expect(await commandIn(line.split(/\s+/)), line).not.toBe('');
  });

  test('names files that there are', () => {
    const paths = [...page.matchAll(/(?:\.\.\/)?\b(deploy\/[\w./@-]*\w)/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(4);
    const there = filesBelow('deploy', /./);
    for (const path of paths)
      expect(
        there.some((file) => file === path || file.startsWith(`${path}/`)),
        path,
      ).toBe(true);
  });
});
