import { html } from 'hono/html';
import { list } from '../../gate/audit.ts';
import { leasesOf } from '../../gate/leases.ts';
import { runner } from '../../gate/runner.ts';
import { clockOf, said, spanOf } from '../words.ts';
import { entryOf } from './audit-page.ts';
import { type Html, listing, mark, plain } from './page.ts';
import { runLink } from './runs-page.ts';
import type { Sources } from './sources.ts';

/** How many releases are told. */
const mostReleases = 20;

/** The incidents that runs hold acknowledged, and until when. */
export async function leasesIn(sources: Sources, now = Date.now()): Promise<Html> {
  const accounts = [...sources.policy().accounts.keys()];
  const leases = await sources.store(async (store) =>
    (await Promise.all(accounts.map((account) => leasesOf(store, account)))).flat(),
  );
  if (leases.length === 0) return plain('No run holds an incident: what is open is with people.');
  return listing(
    ['Incident', 'Account', 'Agent', 'Held until', 'Run'],
    leases
      .toSorted((a, b) => Number(a.expires_at) - Number(b.expires_at))
      .map(({ incident, account, agent, expires_at, workflow_id, first_run_id }) => [
        html`<a href="/audit?incident=${encodeURIComponent(incident)}">${said(incident, 60)}</a>`,
        said(account, 60),
        said(agent, 60),
        untilOf(Number(expires_at), now),
        runLink(sources, { workflowId: workflow_id, runId: first_run_id }, said(workflow_id)),
      ]),
  );
}

const untilOf = (at: number, now: number): Html | string =>
  at > now
    ? `${clockOf(at, now)} (in ${spanOf(at - now)})`
    : html`${mark('run out', 'bad')} ${spanOf(now - at)} ago; the next sweep gives it back`;

/** What the runner gave back to people lately, newest first. */
export async function releasesIn(sources: Sources): Promise<Html> {
  const records = await sources.store((store) =>
    list(store, { agent: runner, operation: 'updateIncident', limit: mostReleases }),
  );
  if (records.length === 0) return plain('Nothing has been given back yet.');
  return html`<ol class="feed">${records.toReversed().map((record) => entryOf(sources, record))}</ol>`;
}
