import { html } from 'hono/html';
import { type Outcome, outcomes } from '../../workflows/contract.ts';
import { countRuns, type ListedRun, listRuns } from '../runs.ts';
import { clockOf, said } from '../words.ts';
import { type Html, listing, mark, plain } from './page.ts';
import type { Sources } from './sources.ts';

/** How many runs one page lists. */
const mostRuns = 50;

/** What an outcome is called, and how it looks. */
const kinds: Readonly<Record<string, Parameters<typeof mark>[1]>> = {
  running: 'wait',
  done: 'good',
  nothing_to_do: 'good',
  partly: 'wait',
  yielded_to_human: 'wait',
  approval_refused: 'plain',
  cancelled: 'plain',
};

/** The outcome that a word in an address names. */
export const outcomeIn = (word: string | undefined): Outcome | undefined =>
  outcomes.find((one) => one === word);

/** How many runs there are of each outcome, each with the way to them. */
export async function countsOf({ temporal }: Sources, chosen: Outcome | undefined): Promise<Html> {
  const counts = await temporal((client) =>
    Promise.all([
      countRuns(client, {}, 'running'),
      ...outcomes.map((outcome) => countRuns(client, { outcome }, 'ended')),
    ]),
  );
  const [running, ...ended] = counts;
  return html`<p class="paging">
<a href="/runs"${chosen === undefined ? html` aria-current="page"` : ''}>all</a>
<span>${mark('running', 'wait')} ${running}</span>
${outcomes.map(
  (outcome, index) =>
    html`<a href="/runs?outcome=${outcome}"${chosen === outcome ? html` aria-current="page"` : ''}>${inWords(outcome)} ${ended[index] ?? 0}</a>`,
)}
</p>`;
}

/** The newest runs, those under way first. */
export async function runsOf(sources: Sources, outcome: Outcome | undefined, most = mostRuns): Promise<Html> {
  const runs = await sources.temporal((client) => listRuns(client, { outcome }, most));
  if (runs.length === 0) return plain('No run fits.');
  return listing(
    ['Run', 'Agent', 'Incident', 'State', 'Since'],
    runs.map((run) => [
      html`${said(run.workflow, 60)} ${runLink(sources, run, said(run.workflowId))}`,
      said(run.agent ?? 'not known yet', 60),
      incidentOf(run),
      stateOf(run),
      run.endedAt === null ? clockOf(run.startedAt) : `ended ${clockOf(run.endedAt)}`,
    ]),
  );
}

const incidentOf = ({ incident, number }: ListedRun): string | Html =>
  incident === null
    ? 'none'
    : html`<a href="/audit?incident=${incident}">${said(incident, 60)}${number === null ? '' : ` #${number}`}</a>`;

const stateOf = ({ state, waits }: ListedRun): Html =>
  html`${mark(inWords(state), kinds[state] ?? 'bad')} ${
    waits.length === 0 ? '' : `waits for ${waits.map(({ what }) => said(what, 100)).join(', ')}`
  }`;

const inWords = (state: string): string => state.replaceAll('_', ' ');

/** A run by its name: a link into the Temporal UI where that is known. */
export function runLink(
  { linkTo }: Pick<Sources, 'linkTo'>,
  run: { readonly workflowId: string; readonly runId: string },
  label: string,
): Html | string {
  const link = linkTo(run);
  return link === undefined ? label : html`<a href="${link}" rel="noreferrer">${label}</a>`;
}
