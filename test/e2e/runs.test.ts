import { afterAll, beforeAll, describe, expect, test as plain } from 'vitest';
import { startRun } from '../../client/agent.ts';
import type { CompleteUntil } from '../../client/complete-until.ts';
import type { ListedRun } from '../../client/runs.ts';
import type { Moment } from '../../client/timeline.ts';
import { searchAttributes } from '../../workflows/contract.ts';
import { responder } from '../support/grants.ts';
import { type Ended, makePlace, type Place, type Program } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startWorld, type World } from './world.ts';

let place: Place;
let world: World;
let worker: Program;
const env: Record<string, string> = {};
/** How long an act of a person, of which no webhook tells, takes to reach its run, by the Schedule as it is. */
let lost: Promise<number>;
beforeAll(async () => {
  place = makePlace('runs');
  world = await startWorld(place, {
    'triage-bot': responder(),
    'note-bot': 'incidents: read\nincidents.add_note: { level: full, approval: required }',
  });
  worker = await world.startWorker();
  Object.assign(env, world.temporal, { ONCALL_TEMPORAL_UI: 'http://127.0.0.1:8233' });
  lost = loseOne();
  lost.catch(() => {});
});
afterAll(async () => {
  await world.close();
  await place.clear();
});

const oncall = (...args: readonly string[]): Promise<Ended> => place.oncall(args, { env }).ended;
/** Runs with `--json`; stdout must be one JSON value and nothing else. */
async function json<T>(code: number, ...args: readonly string[]): Promise<T> {
  const ended = await oncall(...args, '--json');
  expect(ended.code, ended.stderr).toBe(code);
  return JSON.parse(ended.stdout) as T;
}
const put = (incident: string, change: object): Promise<unknown> =>
  world.asPerson('PUT', `/incidents/${incident}`, { incident: { type: 'incident_reference', ...change } });

/** A run that holds its incident, its finding noted. */
async function held(summary?: string) {
  const incident = await world.trigger(summary);
  const run = await startRun(world.client, world.agent('triage-bot'), 'respondToIncident', {
    account: 'main',
    incident,
    assess: 'rules',
    watchSeconds: 0,
  });
  await until('it holds', async () => {
    const described = await world.client.workflow.getHandle(run.workflowId).describe();
    return described.typedSearchAttributes.get(searchAttributes.waitingFor) === 'the conclusion';
  });
  await until('its note is there', async () => (await world.incident(incident)).notes.length === 1);
  return { incident, run };
}

async function loseOne(): Promise<number> {
  const { incident, run } = await held();
  const began = Date.now();
  await put(incident, { status: 'acknowledged' });
  const result = await run.result();
  expect(result).toMatchObject({
    outcome: 'yielded_to_human',
    summary: expect.stringContaining('has acknowledged it'),
  });
  return (Date.now() - began) / 1000;
}

interface Runs {
  readonly runs: readonly ListedRun[];
  readonly accounts: readonly CompleteUntil[];
}

describe.sequential('an operator', () => {
  let incident: string;
  let workflowId: string;
  let result: Promise<unknown>;

  plain('sees which runs there are, and what each waits for', async () => {
    const made = await held('\u001b[31mDisk\u0007 full\u202e on checkout');
    ({ incident } = made);
    ({ workflowId } = made.run);
    result = made.run.result();
    const { runs } = await json<Runs>(0, 'runs', '--incident', incident);
    expect(runs).toMatchObject([
      { workflowId, agent: 'triage-bot', incident, state: 'running', waits: [{ what: 'the conclusion' }] },
    ]);
    const { stdout } = await oncall('runs', '--agent', 'triage-bot');
    expect(stdout).toMatch(/^RUN +AGENT +INCIDENT +STATE +WAITS FOR +UNTIL\n/);
    expect(stdout).toMatch(
      new RegExp(
        `${workflowId} +triage-bot +${incident} #\\d+ +running +the conclusion +\\d\\d:\\d\\d:\\d\\d UTC`,
      ),
    );
    expect(await json<Runs>(0, 'runs', '--waiting', 'approval')).toMatchObject({ runs: [] });
    expect((await json<Runs>(0, 'runs', '--waiting')).runs.map((run) => run.workflowId)).toContain(
      workflowId,
    );
  });

  plain('looks into one, by its id, its incident or the number of that', async () => {
    const { number } = await json<ListedRun>(0, 'show', workflowId);
    for (const word of [incident, String(number), `#${number}`])
      expect(await json(0, 'show', word)).toMatchObject({ workflowId, answered: true, end: null });
    const { stdout } = await oncall('show', incident);
    expect(stdout).toMatch(
      new RegExp(
        `^${workflowId} \\(respondToIncident\\)\\n +state +running for \\d+ s, since .* UTC\\n +agent +triage-bot\\n`,
      ),
    );
    expect(stdout).toMatch(/\n {2}waits for the conclusion, until \d\d:\d\d:\d\d UTC \(\d+ (s|min) left\)\n/);
    expect(stdout).toContain(
      `link      http://127.0.0.1:8233/namespaces/${world.temporal.TEMPORAL_NAMESPACE}/workflows/respond%3A`,
    );
    expect(stdout).toMatch(/ {2}story\n( {4}.*\n)*.*is acknowledged under a lease/);
  });

  plain('pauses it with a reason, and only a signature ends that', async () => {
    expect(await json(0, 'pause', incident, '--reason', 'let me look')).toMatchObject({
      done: true,
      workflowId,
    });
    const paused = await oncall('show', incident);
    expect(paused.stdout).toMatch(/waits for an operator to resume it \(paused by .*: let me look\)/);
    expect(paused.stdout).toMatch(/\n {2}paused +by .* since .*; `oncall resume` ends it\n/);
    expect(await oncall('resume', incident)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^No operator is named: set ONCALL_OPERATOR/),
    });
    const { keyFile } = await json<{ keyFile: string }>(
      0,
      'operators',
      'add',
      'lead',
      '--pagerduty-user',
      'PADA',
    );
    Object.assign(env, { ONCALL_OPERATOR: 'lead', ONCALL_OPERATOR_KEY_FILE: world.keyFileOf('triage-bot') });
    expect(await oncall('resume', incident)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /lead may not resume this run: the statement was not signed with the key/,
      ),
    });
    Object.assign(env, { ONCALL_OPERATOR_KEY_FILE: keyFile });
    expect(await json(0, 'resume', incident)).toMatchObject({
      sentence: 'lead may resume this run: signed by an operator.',
    });
    expect(await json(0, 'resume', incident)).toMatchObject({ sentence: 'It is not paused.' });
  });

  plain('takes it over: the incident goes back to people, and whoever waits hears how it ended', async () => {
    const waiting = oncall('wait', workflowId);
    expect(await json(0, 'take-over', incident)).toMatchObject({ done: true });
    await result;
    expect((await world.incident(incident)).status).toBe('triggered');
    const ended = await waiting;
    expect(ended.code).toBe(5);
    expect(ended.stdout).toMatch(/^yielded_to_human: Incident #\d+: Lead takes it over\./);
    expect(await json(5, 'wait', incident)).toMatchObject({ workflowId, outcome: 'yielded_to_human' });
    expect((await oncall('show', incident)).stdout).toMatch(
      /\n {2}state +yielded_to_human, ended .*\n(.*\n)* {2}came to +Incident #\d+: Lead takes it over\./,
    );
  });

  plain.each(['cancel', 'resume'])('cannot %s what has ended, and is told so', async (word) => {
    expect(await json(0, word, incident)).toMatchObject({
      done: false,
      sentence: expect.stringMatching(
        /^It has ended already \(yielded_to_human, .* UTC\); there is nothing to /,
      ),
    });
  });

  plain('asks who did what to an incident, and why', async () => {
    await world.asPerson('POST', `/incidents/${incident}/notes`, {
      note: { content: 'It was \u001b[31mthe cache.' },
    });
    await put(incident, { status: 'resolved' });
    const told = await json<{ moments: readonly Moment[]; missing: readonly string[] }>(0, 'why', incident);
    expect(told.missing).toEqual([]);
    const ofPeople = told.moments.filter(({ by }) => by === 'person').map(({ what }) => what);
    expect(ofPeople).toEqual(['note: “It was [31mthe cache.”', expect.stringMatching(/^Resolved by Ada/)]);
    const written = told.moments.filter(({ isInLog }) => isInLog !== undefined);
    expect(written.map(({ isInLog }) => isInLog)).toEqual([true, true, true]);
    expect(written.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^triage-bot may acknowledge incident #/),
      expect.stringMatching(/^triage-bot may add a note to incident .* Note: “Incident #\d+ is /),
      expect.stringMatching(/^runner gives incident #\d+ .* back to people/),
    ]);
    const times = told.moments.map(({ at }) => Date.parse(at));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const { number } = await world
      .incident(incident)
      .then(async () => json<ListedRun>(0, 'show', workflowId));
    const { stdout } = await oncall('why', `#${number}`);
    expect(stdout).toMatch(
      new RegExp(
        `^Incident #${number} \\(${incident}\\): \\[31mDisk full on checkout\\nresolved, urgency high`,
      ),
    );
    expect(stdout).toMatch(/\nPERSON {5}\d\d:\d\d:\d\d UTC {2}Resolved by Ada/);
    expect(stdout).toMatch(
      /\nours {7}.*\[agents\.triage-bot\.grants\.incidents\.acknowledge\].*✓ PagerDuty’s log has it\./,
    );
    expect(stdout).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
  });

  plain(
    'who has no key sees what our record and the runs say, and that PagerDuty was not asked',
    async () => {
      const ended = await place.oncall(['why', incident], { env: { ...env, ONCALL_OPERATOR: '' } }).ended;
      expect(ended.code).toBe(5);
      expect(ended.stderr).toMatch(
        /^PagerDuty's own log and notes are missing: only an operator may look\. No operator is named/,
      );
      expect(ended.stdout).toMatch(/ours .*triage-bot may acknowledge incident #/);
    },
  );

  plain('who names what is not there is told so', async () => {
    for (const word of ['999999', "x' or '1'='1", '\u001b[2J'])
      expect(await oncall('show', word)).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(
          /^The server knows no run ".*", and no run about an incident of that id or number\./,
        ),
      });
    expect(await oncall('why', 'PNOSUCH')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^Nothing is known here of an incident PNOSUCH of account main\.\n.*answered 404/,
      ),
    });
  });

  plain('who names an incident with several runs is told their ids', async () => {
    const several = await world.trigger();
    const input = { account: 'main', incident: several, note: 'Seen.' };
    const runs = [];
    for (const key of ['one', 'two'])
      runs.push(await startRun(world.client, world.agent('note-bot'), 'addNote', input, { key }));
    await until('both are listed', async () => {
      const { runs: listed } = await json<Runs>(0, 'runs', '--incident', several, '--waiting', 'approval');
      return listed.length === 2;
    });
    expect(await oncall('cancel', several)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        new RegExp(
          `^"${several}" has several runs: note:main:${several}:\\w+ \\(running\\), note:main:${several}:\\w+ \\(running\\)\\. Name one by its whole id\\.`,
        ),
      ),
    });
    const shown = await oncall('show', runs[0]?.workflowId ?? '');
    expect(shown.stdout).toMatch(/\n\n[0-9a-f]{6} {2}note-bot may add a note .* once /);
    for (const { workflowId: id } of runs) {
      expect(await json(0, 'cancel', id)).toMatchObject({ done: true });
      expect(await oncall('wait', id)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/It did not end well: Workflow cancell?ed/),
      });
    }
    const refused = await oncall('pause', runs[0]?.workflowId ?? '');
    expect(refused.stdout).toMatch(/It has ended already \(cancelled, /);
  });

  plain(
    'a lost webhook costs at most 75 seconds, and until when runs know what happened is told',
    async () => {
      const seconds = await lost;
      console.log(`A person's act that no webhook told was known to its run after ${seconds.toFixed(1)} s.`);
      expect(seconds).toBeLessThan(75);
      const { accounts } = await json<Runs>(0, 'runs');
      expect(accounts).toMatchObject([{ account: 'main', behind: null, left: [] }]);
      expect(Date.now() - Date.parse(accounts[0]?.completeUntil ?? '')).toBeLessThan(150_000);
      expect((await oncall('runs')).stdout).toMatch(
        /\nmain: complete until \d\d:\d\d:\d\d UTC \(\d+ s ago\)\n$/,
      );
    },
  );

  plain('without a Worker sees and cancels runs all the same, and is told what must wait', async () => {
    const { run } = await held();
    worker.send('SIGTERM');
    await worker.ended;
    expect((await json<Runs>(0, 'runs', '--limit', '3')).runs[0]).toMatchObject({
      workflowId: run.workflowId,
      state: 'running',
      waits: [{ what: 'the conclusion', until: expect.any(Number) }],
    });
    const shown = await oncall('show', run.workflowId);
    expect(shown.stderr).toMatch(/^No Worker answers for it: its story is read from its history/);
    expect(shown.stdout).toMatch(/ {2}story\n( {4}.*\n)* {4}triage-bot may acknowledge incident #/);
    expect(await oncall('pause', run.workflowId)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^No Worker answers for .*, so it did not hear of it; start one with `oncall worker`/,
      ),
    });
    expect(await json(0, 'cancel', run.workflowId)).toMatchObject({ done: true });
    worker = await world.startWorker();
    await expect(run.result()).rejects.toThrow(/did not end well/);
  });
});
