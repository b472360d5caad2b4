import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlanResult } from '../../workflows/contract.ts';
import { type Ended, makePlace, type Place } from '../support/processes.ts';
import { startWorld, type World } from './world.ts';

let place: Place;
let world: World;
const env: Record<string, string> = {};
beforeAll(async () => {
  place = makePlace('plans');
  const grants = 'incidents: read\nincidents.add_note: full\nincidents.resolve: full';
  world = await startWorld(place, { 'sweep-bot': grants, 'other-bot': grants });
  await world.startWorker();
  Object.assign(env, world.temporal, asAgent('sweep-bot'));
});
afterAll(async () => {
  await world.close();
  await place.clear();
});

const asAgent = (name: string): Record<string, string> => ({
  ONCALL_AGENT: name,
  ONCALL_AGENT_KEY_FILE: world.keyFileOf(name),
});
const input = JSON.stringify({ account: 'main', services: ['PCHECKOUT'] });
const sweep = (...args: readonly string[]): Promise<Ended> =>
  place.oncall(['run', 'duplicateSweep', '--input', input, ...args], { env }).ended;
/** Runs with `--json`; stdout must be one JSON value and nothing else. */
async function json(code: number, ...args: readonly string[]): Promise<PlanResult> {
  const ended = await sweep(...args, '--json');
  expect(ended.code, ended.stderr).toBe(code);
  return JSON.parse(ended.stdout) as PlanResult;
}
const put = (incident: string, change: object): Promise<unknown> =>
  world.asPerson('PUT', `/incidents/${incident}`, { incident: { type: 'incident_reference', ...change } });

/** The same problem, three times; of low urgency, so that no operator must say yes. */
async function same(problem: string): Promise<readonly [string, string, string]> {
  const ids = [];
  for (const full of [497, 498, 499]) {
    const id = await world.trigger(`${problem}: ${full} of 500`);
    await put(id, { urgency: 'low' });
    ids.push(id);
  }
  return ids as unknown as readonly [string, string, string];
}
const statuses = (ids: readonly string[]): Promise<readonly string[]> =>
  Promise.all(ids.map(async (id) => (await world.incident(id)).status));
/** What the runner has written so far: what is not by a person of the test. */
const writes = async (): Promise<readonly unknown[]> =>
  (await world.requests())
    .filter(({ operation }) => operation === 'createIncidentNote' || operation === 'updateIncidents')
    .map(({ operation, path, body }) => [operation, path, body]);

describe.sequential('a plan from the command line', () => {
  let incidents: readonly [string, string, string];
  let hash: string;

  test('is printed with each write, and writes nothing', async () => {
    incidents = await same('the queue is full');
    const made = await json(0, '--plan');
    expect(made).toMatchObject({ outcome: 'done', changed: [], verified: true });
    expect(made.plan?.writes.map(({ operation, decision }) => [operation, decision])).toEqual([
      ['createIncidentNote', 'allowed'],
      ['createIncidentNote', 'allowed'],
      ['updateIncidents', 'allowed'],
    ]);
    hash = made.hash ?? '';
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const { code, stdout } = await sweep('--plan');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^done: The plan [0-9a-f]{12}: 3 writes on 2 incidents, about \d+ requests in \d+ s\./,
    );
    expect(stdout).toMatch(
      /\n {2}3\. Resolves 2 duplicates\. \(updateIncidents; pages nobody\)\n {5}allowed: sweep-bot may /,
    );
    expect(stdout).toContain(`\n  hash: ${hash}\n  next: Apply it with --apply ${hash.slice(0, 12)}.`);
    expect(await writes()).toEqual([]);
    expect(await statuses(incidents)).toEqual(['triggered', 'triggered', 'triggered']);
  });

  test('of a wrong hash is none: not another’s, not one that is too short, not both at once, not of a Workflow without plans', async () => {
    const unknown = await json(1, '--apply', 'f'.repeat(12));
    expect(unknown).toMatchObject({ outcome: 'failed', changed: [] });
    expect(unknown.summary).toMatch(
      /sweep-bot has made no plan f{12} here that the server still has; make one with --plan\./,
    );
    const theirs = await place.oncall(['run', 'duplicateSweep', '--input', input, '--apply', hash], {
      env: { ...env, ...asAgent('other-bot') },
    }).ended;
    expect(theirs).toMatchObject({ code: 1, stdout: expect.stringMatching(/other-bot has made no plan/) });
    for (const [args, words] of [
      [['--apply', 'abc'], /the hash of a plan, or its first 12 digits at least/],
      [['--plan', '--apply', hash], /--plan makes a plan and --apply carries one out: one of the two\./],
    ] as const)
      expect(await sweep(...args)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(words),
      });
    const triage = JSON.stringify({ account: 'main', incident: incidents[0] });
    expect(
      await place.oncall(['run', 'triageIncident', '--input', triage, '--plan'], { env }).ended,
    ).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^triageIncident makes no plan: --plan and --apply are for duplicateSweep, staleSweep, onboardService, overrideOrSwap, stormHandling\./,
      ),
    });
    expect(await writes()).toEqual([]);
  });

  test('is not applied where an incident has changed, and says which and what', async () => {
    await put(incidents[2], { status: 'acknowledged' });
    const stopped = await json(5, '--apply', hash);
    expect(stopped).toMatchObject({
      outcome: 'yielded_to_human',
      changed: [],
      notChanged: [
        { what: incidents[2], why: expect.stringMatching(/its status was triggered and is acknowledged/) },
      ],
      next: ['Make a new plan with --plan.'],
    });
    expect(await writes()).toEqual([]);
    expect(await statuses(incidents)).toEqual(['triggered', 'triggered', 'acknowledged']);
    await put(incidents[2], { status: 'resolved' });
  });

  test('is applied exactly as it was printed, once', async () => {
    const [kept, ...others] = await same('the disk is full');
    await put(incidents[1], { status: 'resolved' });
    const { hash: fresh = '', plan } = await json(0, '--plan');
    expect(fresh).not.toBe(hash);
    const applied = await json(0, '--apply', fresh.slice(0, 12));
    expect(applied).toMatchObject({
      outcome: 'done',
      verified: true,
      hash: fresh,
      summary: '2 of 2 are closed as duplicates.',
      notChanged: [],
    });
    expect(await statuses([kept, ...others])).toEqual(['triggered', 'resolved', 'resolved']);
    const planned = plan?.writes.map(({ operation, request }) => {
      const { params, body } = request as {
        readonly params?: { readonly id: string };
        readonly body: unknown;
      };
      return [operation, params ? `/incidents/${params.id}/notes` : '/incidents', body];
    });
    const bare = (await writes()).map((write) =>
      JSON.parse(JSON.stringify(write).replaceAll(/\\n\\n\[oncall-runner [0-9a-f]+\]/g, '')),
    );
    expect(bare).toEqual(planned);
    // What was resolved is not as the plan saw it any more.
    expect(await json(5, '--apply', fresh)).toMatchObject({ outcome: 'yielded_to_human', changed: [] });
    expect(await writes()).toHaveLength(3);
  });
});
