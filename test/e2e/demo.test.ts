import { stripVTControlCharacters } from 'node:util';
import { expect } from 'vitest';
import { checkout, type Ended, kill, test } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { endedSoon, expectNothingLeft, isOpen, look } from './leftovers.ts';

/** The gate's words on incident `id`, chapter by chapter: ✓ where they allow, and the name of the rule they must give. */
const chapters = (
  id: string,
): readonly (readonly [title: string, ...words: [said: string, rule: string][]])[] => [
  ['A monitoring tool sends an event'],
  [
    'triage-bot responds',
    [`✓ triage-bot may acknowledge incident #5 (${id})`, 'incidents.acknowledge'],
    [`✓ triage-bot may add a note to incident ${id}`, 'incidents.add_note'],
    ['✓ triage-bot may list incidents (services PCHECKOUT)', 'incidents'],
    [`✓ triage-bot may list the alerts of incident ${id}`, 'incidents'],
    [`✓ triage-bot may list the notes of incident ${id}`, 'incidents'],
    ['✓ triage-bot may list who is on call (policies PPAYMENTSONCALL)', 'oncalls'],
    [`✓ triage-bot may read incident ${id}`, 'incidents'],
    ['✓ triage-bot may read service PCHECKOUT', 'services'],
  ],
  [
    'intern-bot tries to resolve it',
    [`✓ intern-bot may read incident ${id}`, 'incidents'],
    [
      `✗ intern-bot may not resolve incident ${id}`,
      'its grant on incidents is read, and incidents.resolve needs full.',
    ],
  ],
  [
    'triage-bot has rolled back, and concludes',
    ['✓ triage-bot may conclude this run', 'it signed what it said.'],
    [`✓ triage-bot may read incident ${id}`, 'incidents'],
    [`✓ triage-bot may resolve incident #5 (${id})`, 'incidents.resolve'],
  ],
  ['How it stands'],
];

/** Checks the whole story that a demo told. */
function expectStory(ended: Ended): void {
  expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null, stderr: '' });
  const [first = '', ...told] = stripVTControlCharacters(ended.stdout).split(/^— /m);
  expect(first).toMatch(
    /^Starting a Temporal server, a simulated PagerDuty and a Worker on this machine …$/m,
  );
  const [, id = 'none'] =
    /opened incident #5 \((\w+)\): p99 latency above 2 s on checkout$/m.exec(told[0] ?? '') ?? [];
  expect(told[0]).toMatch(/^It pages \w+ \w+\.$/m);
  expect(told[1]).toMatch(/^Its note in PagerDuty:\n {2}│ \S/m);
  const words = told.map((chapter) => {
    const [title, ...lines] = chapter.split('\n');
    const said = lines.flatMap((line) => {
      const [, mark, sentence = '', why = ''] = /^ {2}([✓✗]) #\d+ ([^:]*): (.*)$/.exec(line) ?? [];
      return mark ? [[`${mark} ${sentence}`, why] as const] : [];
    });
    // What is read at the same time is written down in either order.
    return [title, ...said.toSorted(([a], [b]) => (a < b ? -1 : 1))];
  });
  const expected = chapters(id).map(([title, ...said]) => [
    title,
    ...said.map(([sentence, rule]) => [sentence, expect.stringContaining(rule)]),
  ]);
  expect(words).toEqual(expected);
  const numbers = told.flatMap((chapter) =>
    [...chapter.matchAll(/^ {2}[✓✗] #(\d+) /gm)].map(([, seq]) => seq),
  );
  expect(new Set(numbers).size).toBe(13);
  const end = told.at(-1);
  expect(end).toMatch(/^PagerDuty says: #5 is resolved, with 1 note\.$/m);
  expect(end).toMatch(
    /^The run says: done\. Incident #5 is resolved, and was read back so\. Rolled back the release of 14:02; /m,
  );
  expect(end).toMatch(linkPattern);
}

/** The run in the Temporal UI. */
const linkPattern =
  /(http:\/\/127\.0\.0\.1:\d+)\/namespaces\/default\/workflows\/(respond%3A[\w%]+)\/[\w-]+\/history$/m;

test('the demo tells the whole story, and leaves nothing behind', async ({ place }) => {
  const demo = place.oncall(['demo']);
  await demo.line(/triage-bot responds/);
  const moment = look(place);
  // The demo, the server and what ends it with the demo, the simulator, the Worker; their three ports.
  expect(moment).toMatchObject({ pids: { length: 5 }, ports: { length: 3 } });
  expect(await Promise.all(moment.ports.map(isOpen))).toEqual([true, true, true]);
  expectStory(await demo.ended);
  await expectNothingLeft(place, moment);
});

test('two demos at once both succeed, one of them as `npm run demo`', async ({ place }) => {
  const typed = place.start('npm', ['run', '--silent', 'demo'], { cwd: checkout });
  const direct = place.oncall(['demo']);
  const moments = await Promise.all(
    [typed, direct].map((demo) => demo.line(/triage-bot responds/).then(() => look(place))),
  );
  const ports = [...new Set(moments.flatMap((moment) => moment.ports))];
  expect(ports.length).toBe(6);
  const [one, other] = await Promise.all([typed.ended, direct.ended]);
  // npm may have its own remarks on how it is set up.
  expectStory({ ...one, stderr: one.stderr.replace(/^npm warn .*\n/gm, '') });
  expectStory(other);
  await expectNothingLeft(place, { pids: [], ports });
});

test('with --keep the link leads to the run in the Temporal UI, until Ctrl-C', async ({ place }) => {
  const demo = place.oncall(['demo', '--keep']);
  await demo.line(/^Kept running: http:\/\/127\.0\.0\.1:\d+\./);
  const [link = '', ui, id] = linkPattern.exec(await demo.line(linkPattern)) ?? [];
  const moment = look(place);
  const page = await fetch(link);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(await page.text()).toMatch(/^<!doctype html>/i);
  const run = await fetch(`${ui}/api/v1/namespaces/default/workflows/${id}`);
  expect(await run.json()).toMatchObject({
    workflowExecutionInfo: {
      type: { name: 'respondToIncident' },
      status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED',
    },
  });
  demo.send('SIGINT');
  expectStory(await endedSoon(demo));
  await expectNothingLeft(place, moment);
});

test.for([
  ['The Worker', /^\S+ \S*worker\/main\.js/],
  ['The simulator', /^\S+ \S*simulator\/main\.js/],
  ['The Temporal server', /^\S*temporal server start-dev/],
] as const)(
  '%s that dies in the middle of the story ends the demo with a sentence',
  async ([name, program], { place }) => {
    const demo = place.oncall(['demo']);
    await demo.line(/triage-bot responds/);
    const moment = look(place);
    const part = place.living().find(({ command }) => program.test(command));
    expect(part).toBeDefined();
    kill(part?.pid ?? 0, 'SIGKILL');
    const ended = await endedSoon(demo);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(new RegExp(`^${name} ended by itself\\.`));
    expect(ended.stderr).not.toMatch(/^ {4}at /m);
    await until('its server has ended too', () => place.living().length === 0);
    await expectNothingLeft(place, moment);
  },
);
