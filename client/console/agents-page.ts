import { html } from 'hono/html';
import type { Agent } from '../../gate/configuration.ts';
import { pressedSwitches, wordsOf } from '../../gate/switches.ts';
import { type Action, actionsOf, type Resource } from '../../pagerduty/catalogue/endpoint.ts';
import { type Reach, reachOf } from '../grants-in-short.ts';
import { said } from '../words.ts';
import { type Html, mark, plain, wrong } from './page.ts';
import type { Sources } from './sources.ts';

/** Every action, and how far each agent's grants reach for it. */
export async function matrixOf({ policy }: Sources, now = Date.now()): Promise<Html> {
  const { agents } = policy();
  if (agents.size === 0)
    return plain('The configuration has no agents; add one with `oncall agents add NAME`.');
  const resources = Object.keys(actionsOf) as Resource[];
  return html`<p class="soft">As the configuration grants it now. All that is named below must hold, and <code>oncall can AGENT ACTION</code> tells of one case what the gate would say, and why.</p>
<div class="matrix" tabindex="0" role="region" aria-label="Agents and actions"><table>
<thead><tr><th scope="col">Action</th>${[...agents.keys()].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
${resources.map(
  (resource) => html`<tbody>
<tr><th class="of" scope="rowgroup" colspan="${agents.size + 1}">${resource.replaceAll('_', ' ')}</th></tr>
${actionsOf[resource].map((verb) => rowOf(`${resource}.${verb}` as Action, agents, now))}
</tbody>`,
)}
</table></div>`;
}

function rowOf(action: Action, agents: ReadonlyMap<string, Agent>, now: number): Html {
  const cells = [...agents].map(([name, agent]) => [name, reachOf(agent, action, now)] as const);
  const isOff = cells.every(([, { level }]) => level === 'off');
  return html`<tr class="${isOff ? 'off' : 'on'}"><th scope="row">${action}</th>${cells.map((cell) => cellOf(...cell))}</tr>`;
}

const levels = {
  off: ['Off', 'plain'],
  read: ['Read', 'wait'],
  full: ['Full', 'good'],
} as const;

function cellOf(name: string, { level, limits }: Reach): Html {
  const [word, kind] = levels[level];
  const words = limits.length === 0 ? '' : html`<ul>${limits.map((limit) => html`<li>${limit}</li>`)}</ul>`;
  return html`<td class="${level}" data-title="${name}">${mark(word, kind)}${words}</td>`;
}

/** What is frozen and who is disabled: it denies whatever the matrix says. */
export async function switchesOf({ policy, store }: Sources): Promise<Html | readonly Html[]> {
  const known = policy();
  const [frozen, disabled] = await store((db) =>
    Promise.all([pressedSwitches(db, known, 'freeze'), pressedSwitches(db, known, 'disable')]),
  );
  if (frozen.length + disabled.length === 0) return plain('Nothing is frozen, and nobody is disabled.');
  return [
    ...frozen.map((row) => wrong(`Everything is frozen ${wordsOf(row)}. \`oncall thaw\` ends it.`)),
    ...disabled.map((row) =>
      wrong(
        `${said(row.name, 60)} is disabled ${wordsOf(row)}. \`oncall agents enable ${said(row.name, 60)}\` ends it.`,
      ),
    ),
  ];
}
