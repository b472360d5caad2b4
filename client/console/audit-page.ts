import { html } from 'hono/html';
import { type AuditFilter, type AuditRecord, list, type Stamp } from '../../gate/audit.ts';
import { catalogue } from '../../pagerduty/catalogue/index.ts';
import { instant } from '../commands/audit.ts';
import { said } from '../words.ts';
import { type Html, mark, plain } from './page.ts';
import type { Sources } from './sources.ts';

type Recorded = AuditRecord & Stamp & { readonly at: string };

/** How many records a page shows. */
const pageSize = 50;

/** What the feed is cut to, as it stands in its address. */
export interface Asked {
  readonly agent?: string;
  readonly decision?: string;
  /** An action, a resource for all of its actions, or an operation. */
  readonly what?: string;
  readonly incident?: string;
  readonly run?: string;
  readonly since?: string;
  /** The records before this number. */
  readonly before?: string;
}

const fields = ['agent', 'decision', 'what', 'incident', 'run', 'since', 'before'] as const;

/** What an address asks for; nothing longer than a name is. */
export function askedIn(query: (name: string) => string | undefined): Asked {
  return Object.fromEntries(
    fields.flatMap((name) => {
      const value = query(name)?.trim();
      return value === undefined || value === '' ? [] : [[name, value.slice(0, 300)]];
    }),
  );
}

/** @throws OncallError where a time is none. */
export function filterOf({ what, since, before, ...same }: Asked): Omit<AuditFilter, 'limit'> {
  const isOperation = what !== undefined && Object.hasOwn(catalogue, what);
  const number = Number(before);
  return {
    ...same,
    ...(what !== undefined && (isOperation ? { operation: what } : { action: what })),
    ...(since !== undefined && { since: instant(since, 'Since') }),
    ...(before !== undefined && Number.isSafeInteger(number) && { before: number }),
    // A quiet night must not bury what happened in it.
    withoutLooks: same.agent === undefined && same.run === undefined && what === undefined,
  };
}

/** How each decision and outcome looks, in the order in which they are chosen from. */
const kinds: Readonly<Record<AuditRecord['decision'], Parameters<typeof mark>[1]>> = {
  allowed: 'good',
  denied: 'bad',
  approval_needed: 'wait',
  changed: 'wait',
  undecided: 'bad',
  asked: 'plain',
  done: 'good',
  refused: 'bad',
  unknown: 'bad',
  found: 'good',
  lost: 'bad',
};

/** What the feed can be cut to. */
export function filtersOf({ policyState }: Sources, asked: Asked): Html {
  const state = policyState();
  const agents = state.readable ? [...state.policy.agents.keys()] : [];
  const field = (
    name: (typeof fields)[number],
    label: string,
    hint: string,
    options: readonly string[] = [],
  ): Html =>
    html`<label>${label}<input name="${name}" value="${asked[name] ?? ''}" placeholder="${hint}" autocomplete="off" maxlength="300"${options.length > 0 ? html` list="${name}-options"` : ''}></label>${
      options.length > 0
        ? html`<datalist id="${name}-options">${options.map((one) => html`<option value="${one}"></option>`)}</datalist>`
        : ''
    }`;
  return html`<form class="filters card" method="get" action="/audit">
${field('agent', 'Agent', 'triage-bot', agents)}
<label>Decision or outcome<select name="decision"><option value="">any</option>${Object.keys(kinds).map(
    (one) =>
      html`<option value="${one}"${one === asked.decision ? html` selected` : ''}>${one.replaceAll('_', ' ')}</option>`,
  )}</select></label>
${field('what', 'Action or operation', 'incidents.resolve', Object.keys(catalogue))}
${field('incident', 'Incident', 'Q1ABC2DEF3GH45')}
${field('since', 'Since', '30m, 2h, 2026-11-26T08:00Z')}
${asked.run === undefined ? '' : field('run', 'Run', '')}
<button class="main">Show</button>
<a href="/audit">Show all</a>
</form>`;
}

/** The newest records that fit, newest first; more come in at the top by themselves. */
export async function feedOf(sources: Sources, asked: Asked): Promise<Html> {
  const filter = filterOf(asked);
  const found = await sources.store((store) => list(store, { ...filter, limit: pageSize + 1 }));
  const isMore = found.length > pageSize;
  const records = found.slice(isMore ? 1 : 0);
  const last = records.at(-1)?.seq ?? (await newest(sources));
  const isLive = asked.before === undefined;
  const live = isLive ? html` data-live="/live?${addressOf({ ...asked, after: String(last) })}"` : '';
  return html`
${records.length === 0 ? plain('Nothing in the audit fits.') : ''}
<ol class="feed"${live} aria-live="polite" aria-relevant="additions">${records.toReversed().map((record) => entryOf(sources, record))}</ol>
<p class="paging">${isLive ? '' : html`<a href="/audit?${addressOf({ ...asked, before: undefined })}">Newest</a>`}
${isMore ? html`<a href="/audit?${addressOf({ ...asked, before: String(records[0]?.seq) })}">Older</a>` : ''}</p>`;
}

/** The number of the newest record of all. */
const newest = async ({ store }: Sources): Promise<number> =>
  (await store((db) => list(db, { limit: 1 })))[0]?.seq ?? 0;

const addressOf = (values: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
    .join('&');

/** One record, as the gate told it. */
export function entryOf({ linkTo }: Pick<Sources, 'linkTo'>, record: Recorded, isNew = false): Html {
  const { at, seq, kind, entry, decision, sentence, agent, via, operation, incident, workflowId, runId } =
    record;
  const link = workflowId === '' ? undefined : linkTo({ workflowId, runId });
  const about = (name: string, value: string): Html =>
    html`<a href="/audit?${addressOf({ [name]: value })}">${said(value, 100)}</a>`;
  return html`<li class="${kind}${isNew ? ' new' : ''}" id="record-${seq}">
<p>${mark(decision.replaceAll('_', ' '), kinds[decision] ?? 'plain')} ${kind === 'outcome' ? `of #${entry}: ` : ''}${sentence}</p>
<small><time datetime="${at}">${at.slice(0, 19).replace('T', ' ')} UTC</time> · #${seq} · ${about('agent', agent)}${via === undefined ? '' : ` via ${said(via, 60)}`} · ${about('what', operation)}${
    incident === null ? '' : html` · incident ${about('incident', incident)}`
  }${workflowId === '' ? '' : html` · run ${about('run', workflowId)}`}${
    link === undefined ? '' : html` · <a href="${link}" rel="noreferrer">Temporal UI</a>`
  }</small></li>`;
}

/** How many records come in at once; of more, the newest. */
const mostAtOnce = 500;

/** Records that came after a number, newest last. */
export const cameAfter = (sources: Sources, asked: Asked, after: number): Promise<readonly Recorded[]> =>
  sources.store((store) => list(store, { ...filterOf(asked), after, limit: mostAtOnce }));
