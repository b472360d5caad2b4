import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Block, blocksOf } from '../support/fences.ts';
import { type FreshCheckout, freshCheckout } from './checkout.ts';

let place: FreshCheckout;
beforeAll(() => {
  place = freshCheckout();
});
afterAll(async () => {
  const rows = place.times.map(({ seconds, line }) => `${seconds.toFixed(1).padStart(7)} s  ${line}`);
  const all = place.times.reduce((sum, { seconds }) => sum + seconds, 0);
  console.log(
    [
      ...rows,
      `${all.toFixed(1).padStart(7)} s  from a fresh checkout to the first operation and Workflow of one’s own`,
    ].join('\n'),
  );
  await place.clear();
});

const page = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
/** What stands under a heading. */
const under = (text: string, heading: string): string =>
  text.slice(text.indexOf(`\n## ${heading}\n`)).split(/\n## /)[1] ?? '';
const configFile = '.oncall/dev/oncall.yaml';

/** The incident that is opened next in a simulator of its own seed, as it knows it. */
const opened = async (): Promise<string> =>
  (await fetch('http://127.0.0.1:8080/_simulator/incidents/5')).text();

/** Runs a block, which must say this and end so. */
const says =
  (pattern: RegExp, code = 0) =>
  async ({ text }: Block): Promise<void> => {
    const came = await place.run(text);
    expect(came.said).toMatch(pattern);
    expect(came.code, came.said).toBe(code);
  };
const stays =
  (ready: RegExp) =>
  ({ text }: Block): Promise<void> =>
    place.stay(text, ready);
/** Presses Ctrl-C in the other terminal first, which ends all that listened on these ports. */
const afterCtrlC =
  (ports: readonly number[], work: (block: Block) => Promise<void>) =>
  async (block: Block): Promise<void> => {
    await place.interrupt(...ports);
    await work(block);
  };
/** Not run, since it is none of what somebody new does on a machine without an account. */
const left = async (): Promise<void> => {};

/** The histories that are kept of a Workflow. */
const historiesOf = (workflow: string): readonly string[] =>
  readdirSync(join(place.folder, 'test/replay/histories')).filter((file) => file.startsWith(`${workflow}.`));

/** Writes a block where it says. */
const write = async ({ text }: Block): Promise<void> => place.write(text);

/** Blocks by their first lines, in order, with what each must come to. */
type Path = readonly (readonly [line: string, work: (block: Block) => Promise<void>])[];

/** Every block of commands of README, and the lines of the configuration that they are about. */
const readme: Path = [
  ['npm ci && npm run demo', says(/^PagerDuty says: #5 is resolved, with 1 note\.$/m)],
  // The tests themselves, of which this is one.
  ['npm ci && npm test', left],
  ['npm run -s dev', stays(/^Ctrl-C ends all of it\.$/)],
  [
    'export TEMPORAL_ADDRESS=127.0.0.1:7233 ONCALL_HOME=.oncall/dev ONCALL_CONFIG=.oncall/dev/oncall.yaml',
    says(/^/),
  ],
  [
    'npm run -s oncall -- agents add first-bot',
    says(/^first-bot is in .*, with no grants yet: everything is denied to it\.$/m),
  ],
  ['export ONCALL_AGENT=first-bot ONCALL_AGENT_KEY_FILE=.oncall/dev/keys/first-bot.pem', says(/^/)],
  [
    `npm run -s oncall -- call createIncident --input '{"body":{"incident":{"type":"incident","title":"The queue grows",`,
    async (block) => {
      await says(
        /^denied: first-bot may not create an incident on service PCHECKOUT: no grant covers incidents\.create\.$/m,
        3,
      )(block);
      expect(await opened()).not.toContain('The queue grows');
    },
  ],
  [
    '    grants:',
    async ({ text }) => {
      const file = join(place.folder, configFile);
      const before = readFileSync(file, 'utf8');
      expect(before.split('    grants: {}\n')).toHaveLength(2);
      writeFileSync(file, before.replace('    grants: {}\n', text));
    },
  ],
  [
    `npm run -s oncall -- call createIncident --input '{"body":{"incident":{"type":"incident","title":"The queue grows",`,
    async (block) => {
      await says(/^done: first-bot may create an incident .* PagerDuty answered 201\.$/m)(block);
      expect(await opened()).toContain('The queue grows');
    },
  ],
  [
    'npm run -s oncall -- audit --agent first-bot',
    says(/first-bot may not create [^]*first-bot may create [^]*PagerDuty answered 201\.$/m),
  ],
  // Needs an account.
  ['export PAGERDUTY_API_TOKEN=…', left],
  [
    'npm run -s oncall -- simulator --port 8080',
    afterCtrlC([7233, 8233, 8080, 8090], stays(/^listening on /)),
  ],
  [
    `curl -s localhost:8080/v2/enqueue -d '{"routing_key":"simulatorcheckoutroutingkey00000","event_action":"trigger",`,
    says(/"Event processed"[^]*"title":"Disk full"/),
  ],
  [
    'npm run -s oncall -- simulator --port 8443 --tls | tee simulator.pem',
    afterCtrlC([8080], stays(/^-----END CERTIFICATE-----$/)),
  ],
];

/** Every block of the recipes for an operation and for a Workflow in CONTRIBUTING. */
const recipes: Path = [
  ['// pagerduty/catalogue/teams.ts', write],
  ['// pagerduty/catalogue/index.ts', write],
  ['// pagerduty/catalogue/index.ts, in catalogue', write],
  ['// simulator/handlers/teams.ts', write],
  ['// simulator/handlers/index.ts', write],
  ['// simulator/handlers/index.ts, in handlers', write],
  ['// test/fixtures/sweep.ts, in sweep', write],
  ['// test/unit/simulator-handlers.test.ts, in calls', write],
  [
    'npx vitest run --project unit test/unit/operations-doc.test.ts -u',
    async (block) => {
      await says(/^ +Snapshots +1 updated/m)(block);
      expect(readFileSync(join(place.folder, 'docs/operations.md'), 'utf8')).toContain(
        '`getTeam`: get a team',
      );
    },
  ],
  [
    'npx vitest run --project integration test/integration/sweep.test.ts -t getTeam',
    says(/^ +Tests +[2-9] passed/m),
  ],
  ['// workflows/date-incident.ts', write],
  ['// workflows/index.ts', write],
  ['// workflows/contract.ts, in Workflows', write],
  ['// workflows/contract.ts, in workflowIds', write],
  ['// gate/run-inputs.ts, in runInputs', write],
  ['// client/mcp/workflow.ts, in needs', write],
  ['// client/mcp/prompts.ts, in byWorkflow', write],
  ['// test/integration/date-incident.test.ts', write],
  [
    'npx vitest run --project integration test/integration/date-incident.test.ts',
    says(/^ +Tests +2 passed/m),
  ],
  ['npm run -s typecheck && npm run build', says(/^/)],
  ['npm run -s dev', afterCtrlC([8443], stays(/^Ctrl-C ends all of it\.$/))],
  [
    'export TEMPORAL_ADDRESS=127.0.0.1:7233 ONCALL_HOME=.oncall/dev ONCALL_CONFIG=.oncall/dev/oncall.yaml',
    says(/^/),
  ],
  [
    `npm run -s oncall -- run dateIncident --input '{"account":"main","incident":"4"}'`,
    says(/^done: Incident #4 is triggered since 20\S+Z\.$/m),
  ],
  [
    `npm run -s oncall -- call getTeam --input '{"params":{"id":"PPLATFORM"}}'`,
    says(/^denied: dev-bot may not get team PPLATFORM: no grant covers teams\.view\.$/m, 3),
  ],
  [
    'npm run record-histories -- test/integration/date-incident.test.ts',
    async (block) => {
      await says(/^ +Tests +2 passed/m)(block);
      // It asks the same where it is denied.
      expect(historiesOf('dateIncident')).toHaveLength(1);
    },
  ],
  ['npx vitest run --project integration test/replay', says(/^ +Tests +[3-9] passed/m)],
  ['// workflows/date-incident.ts, anew', write],
  [
    'npm run record-histories -- test/integration/date-incident.test.ts test/replay',
    async (block) => {
      const before = historiesOf('dateIncident');
      await says(/^ +Tests +[5-9] passed/m)(block);
      // Beside what it did before, which was replayed, stands what it does now.
      expect(historiesOf('dateIncident')).toHaveLength(2);
      expect(historiesOf('dateIncident')).toEqual(expect.arrayContaining([...before]));
    },
  ],
];

/** Takes a path, on which every block of a page has its place. */
async function take(path: Path, blocks: readonly Block[]): Promise<void> {
  expect(blocks.map(({ text }) => text.split('\n')[0])).toEqual(path.map(([line]) => line));
  for (const [index, block] of blocks.entries()) await path[index]?.[1](block);
}

test('somebody new comes from a fresh checkout to a first denied and a first allowed action by the commands of README as written', () =>
  take(
    readme,
    blocksOf(page('README.md')).filter(
      ({ language, text }) => language === 'sh' || text.startsWith('    grants:'),
    ),
  ));

test('and to a first operation, a first Workflow of their own and its histories by the recipes in CONTRIBUTING as written', () =>
  take(
    recipes,
    ['An operation', 'A Workflow', 'Trying it', 'A history'].flatMap((heading) =>
      blocksOf(under(page('CONTRIBUTING.md'), heading)),
    ),
  ));
