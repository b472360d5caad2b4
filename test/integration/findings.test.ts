import { expect, test } from 'vitest';
import { type KnownIncident, knownIncidents } from '../fixtures/known-incidents.ts';
import { responder } from '../support/grants.ts';
import { endingNow, play } from '../support/play.ts';
import { setStage } from '../support/stage.ts';

/** The finding of the rules on one case, through a whole run, and what the case says it should be. */
async function judge(known: KnownIncident) {
  const stage = await setStage({ agents: { 'triage-bot': responder() }, simulator: endingNow(known) });
  try {
    await stage.startWorker();
    const ids = await play(stage.simulator, known);
    const id = ids.get('subject') ?? '';
    const { finding } = await stage.run('triage-bot', 'triageIncident', { account: 'main', incident: id });
    const numberOf = (name: string) => stage.simulator.world.incident(ids.get(name) ?? '')?.number;
    const alerts = stage.simulator.world.incident(id)?.alerts ?? [];
    const firing = alerts.filter(({ resolvedAt }) => resolvedAt === null);
    const wanted = { all: alerts, firing, none: [] }[known.evidence.alerts];
    const named = new Set(finding?.evidence.alerts);
    const similar = known.evidence.similar?.map((name) => numberOf(name) ?? 0).toSorted((a, b) => a - b);
    return {
      class: finding?.class,
      right:
        finding?.class === known.expected &&
        wanted.every((alert) => named.has(alert.id)) &&
        (similar === undefined ||
          JSON.stringify(finding?.evidence.similar.toSorted((a, b) => a - b)) === JSON.stringify(similar)),
      finding,
      similar,
    };
  } finally {
    await stage.close();
  }
}

test('of twenty incidents with known answers the rules name at least 18 with their evidence, and guess none', async () => {
  const lines: string[] = [];
  let right = 0;
  for (const known of knownIncidents) {
    const found = await judge(known);
    if (found.right) right += 1;
    const mark = found.right ? '✓' : '✗';
    lines.push(`${mark} ${known.expected}: ${known.name}`);
    if (!found.right)
      lines.push(
        `    said ${found.class}: ${JSON.stringify(found.finding)}; similar ${found.similar?.join()}`,
      );
    // A wrong word is worse than none.
    expect([known.expected, 'unclear'], `${known.name}: ${found.finding?.summary}`).toContain(found.class);
  }
  console.log(`${right} of ${knownIncidents.length}\n${lines.join('\n')}`);
  expect(knownIncidents).toHaveLength(20);
  expect(right).toBeGreaterThanOrEqual(18);
});
