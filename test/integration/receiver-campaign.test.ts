import { afterAll, beforeAll, expect, test } from 'vitest';
import { responder } from '../support/grants.ts';
import { type Stage, setStage } from '../support/stage.ts';
import { campaignOrder, runCampaign } from '../support/webhook-campaign.ts';
import { signature } from '../support/webhooks.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const incidents = Number(process.env['INCIDENTS'] ?? 15);

let stage: Stage;
beforeAll(async () => {
  stage = await setStage({ agents: { 'triage-bot': responder() } });
  stage.editConfig((text) => text + campaignOrder);
});
afterAll(() => stage.close());

test('whatever befalls deliveries, what PagerDuty told is brought on once, and nothing else', async () => {
  const { counts, faults } = await runCampaign(stage, { seed, incidents });
  const words = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  process.stdout.write(`Webhook campaign, seed ${seed}: ${words.join(', ')}; ${faults.length} faults.\n`);
  expect(faults, `with SEED=${seed}`).toEqual([]);
  expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
});

test('a receiver that answers 2xx though Temporal has it not loses events, and the campaign turns red', async () => {
  const { faults } = await runCampaign(stage, {
    seed: seed + 1,
    incidents: 6,
    planted: (app) => ({
      fetch: async (request) => {
        // Whatever became of it.
        await app.fetch(request);
        return new Response(null, { status: 202 });
      },
    }),
  });
  expect(faults.join('\n'), `with SEED=${seed}`).toMatch(/^lost: /m);
});

test('a receiver that takes any signature acts on forgeries, and the campaign turns red', async () => {
  const { faults } = await runCampaign(stage, {
    seed: seed + 2,
    incidents: 6,
    planted: (app, secrets) => ({
      fetch: async (request) => {
        const body = await request.text();
        const headers = new Headers(request.headers);
        headers.set('x-pagerduty-signature', signature(body, secrets()[0] ?? ''));
        return app.fetch(new Request(request.url, { method: 'POST', body, headers }));
      },
    }),
  });
  expect(faults.join('\n'), `with SEED=${seed}`).toMatch(/^acted upon: the run triage:main:/m);
});
