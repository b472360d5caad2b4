import { defineQuery, setHandler, sleep } from '@temporalio/workflow';
import type { Episode } from '../activities/index.ts';
import { type Desk, deskOf } from './approvals.ts';
import { attempt, knownOf, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import { activitiesOf, perform } from './proxies.ts';
import { count, duration, markdownOf, plain } from './report.ts';
import type { AnnounceInput, AnnounceResult } from './reports.ts';

const defaults = { watchSeconds: 1_800, everySeconds: 60 };

/** How often one run looks at most, so that its history stays small: who watches longer looks less often. */
const mostLooks = 300;

/** How many incidents get the change as a note; after that many it is no longer news. */
const mostNotes = 20;

/** Incidents from before the change, which are not of it. */
const beforeMs = 24 * 3_600_000;

/** The incidents since the change so far: whoever deploys asks as often as it likes. */
const incidentsSince = defineQuery<AnnounceResult['incidents']>('incidentsSince');

/**
 * Announces a change, such as a release, and watches for incidents on its service and the neighbours named. Each gets the change
 * as a note. An incident within the time makes the run `failed`, so that a pipeline stops by its exit code.
 */
export async function announceChangeAndWatch(input: AnnounceInput): Promise<AnnounceResult> {
  const {
    service,
    neighbours = [],
    summary,
    watchSeconds = defaults.watchSeconds,
    everySeconds = defaults.everySeconds,
    stopAtFirst = false,
  } = input;
  const chronicle = chronicleOf(input);
  const desk = deskOf(input, chronicle);
  const watch: Watch = { chronicle, desk, known: new Set(), found: [], noted: new Set() };
  setHandler(incidentsSince, () => watch.found, { description: 'Incidents since the change so far' });
  chronicle.concerns(service);
  const services = [...new Set([service, ...neighbours])];

  // What is there already is not of this change, whatever the clocks say.
  const before = await look(input, services, Date.now() - beforeMs, watch, 'before the change');
  if (before.ok) for (const { id } of before.episodes) watch.known.add(id);
  else {
    chronicle.notChanged(
      'the change event',
      `the incidents of the service cannot be watched: ${before.sentence}`,
    );
    return end(input, watch, outcomeOf[before.kind], 'unknown', before.sentence, knownOf(before).next);
  }

  const announcedAt = Date.now();
  const unsent = await announce(input, watch);
  if (unsent && unsent.outcome !== 'failed' && unsent.outcome !== 'partly')
    return end(input, watch, unsent.outcome, 'unknown', unsent.sentence, []);

  const until = announcedAt + watchSeconds * 1_000;
  const waitMs = Math.max(everySeconds, Math.ceil(watchSeconds / mostLooks)) * 1_000;
  const over = chronicle.waitsFor('incidents after the change', until);
  let unread: string | undefined;
  for (let round = 1; ; round += 1) {
    const left = until - Date.now();
    if (left > 0) await sleep(Math.min(waitMs, left), { summary: 'between two looks' });
    const came = await look(input, services, announcedAt - beforeMs, watch, String(round));
    unread = came.ok ? undefined : came.sentence;
    if (came.ok) {
      const fresh = came.episodes.filter(({ id }) => !watch.known.has(id));
      for (const episode of fresh) await meet(input, watch, episode, announcedAt);
    } else if (came.kind === 'PermissionDenied') break;
    if (Date.now() >= until || (stopAtFirst && watch.found.length > 0)) break;
  }
  over();
  const isUnsent = unsent !== undefined;
  const [first] = watch.found;
  const after = first && `${duration(first.afterMs)} after “${summary.slice(0, 80)}”`;
  if (first)
    return end(
      input,
      watch,
      'failed',
      'incidents',
      `${count(watch.found.length, 'incident')} since the change, the first ${after}: #${first.number}. ${count(watch.noted.size, 'note')} added.`,
      [`Look at #${first.number}; if it is of the change, roll back.`],
      unread,
    );
  if (unread !== undefined)
    return end(
      input,
      watch,
      'partly',
      'unknown',
      `The last look failed: ${unread}`,
      ['Look at the service in PagerDuty.'],
      unread,
    );
  return end(
    input,
    watch,
    isUnsent ? 'partly' : 'done',
    'quiet',
    `No incident in ${duration(Date.now() - announcedAt)} after the change.${isUnsent ? ` But it may not be announced: ${unsent.sentence}` : ''}`,
    [],
  );
}

/** What a watch knows so far. */
interface Watch {
  readonly chronicle: Chronicle;
  readonly desk: Desk;
  /** Ids of incidents that need no more looking at. */
  readonly known: Set<string>;
  readonly found: AnnounceResult['incidents'][number][];
  readonly noted: Set<string>;
  /** Why no more notes are tried. */
  noNotes?: string;
}

/** Sends the change event; says why not, where it was not sent or nobody knows. */
async function announce(
  { account, routingKey, summary, source, details, links }: AnnounceInput,
  { chronicle, desk }: Watch,
) {
  const { events } = activitiesOf(account);
  const sent = await desk.ask<'enqueueChangeEvent'>((words) =>
    perform(events.enqueueChangeEvent, {
      step: 'Announce the change',
      request: {
        routingKey,
        body: {
          payload: {
            summary,
            ...(source !== undefined && { source }),
            ...(details && { custom_details: details }),
          },
          ...(links && {
            links: links.map(({ href, text }) => ({ href, ...(text !== undefined && { text }) })),
          }),
        },
      },
      ...words,
    }),
  );
  if (sent.ok) {
    chronicle.actsAs(sent.agent);
    chronicle.changed('The change is announced.');
    return undefined;
  }
  chronicle.notChanged('the change event', sent.sentence);
  return { outcome: outcomeOf[sent.kind], sentence: sent.sentence };
}

/** The newest incidents of the services. */
async function look(
  { account }: AnnounceInput,
  services: readonly string[],
  since: number,
  { chronicle }: Watch,
  round: string,
) {
  const { look: read } = activitiesOf(account);
  const came = await attempt(
    perform(read.listEpisodes, {
      step: `Look for incidents, ${round}`,
      query: {
        'service_ids[]': [...services],
        since: new Date(since).toISOString(),
        sort_by: 'created_at:desc',
        limit: 100,
      },
    }),
  );
  if (came.ok) chronicle.actsAs(came.agent);
  return came;
}

/** A new incident: it is told, and gets the change as a note. */
async function meet(
  input: AnnounceInput,
  watch: Watch,
  episode: Episode,
  announcedAt: number,
): Promise<void> {
  const { id, number, title, service, urgency, at } = episode;
  const { chronicle, desk } = watch;
  watch.known.add(id);
  // By two clocks: an incident of the same second is not before its change.
  const afterMs = Math.max(0, at - announcedAt);
  watch.found.push({ id, number, title, service: service?.name ?? null, urgency, afterMs });
  chronicle.say(`Incident #${number} ${duration(afterMs)} after the change.`);
  if (watch.noNotes !== undefined || watch.noted.size >= mostNotes) {
    chronicle.notChanged(`note on ${id}`, watch.noNotes ?? `${mostNotes} incidents have it`);
    return;
  }
  const { write } = activitiesOf(input.account);
  const links = (input.links ?? []).map(({ href }) => href);
  const added = await desk.ask<'createIncidentNote'>((words) =>
    perform(write.createIncidentNote, {
      step: `Note the change on ${id}`,
      request: {
        params: { id },
        body: {
          note: {
            content: [
              `A change was announced ${duration(afterMs)} before this incident: ${input.summary}`,
              ...(input.source === undefined ? [] : [`Source: ${input.source}`]),
              ...links,
              'Whether it has to do with it, nobody has looked at yet.',
            ]
              .join('\n')
              .slice(0, 5_000)
              .toWellFormed(),
          },
        },
      },
      ...words,
    }),
  );
  if (added.ok) {
    watch.noted.add(id);
    chronicle.changed(`Incident #${number} has the change as a note.`);
    return;
  }
  chronicle.notChanged(`note on ${id}`, added.sentence);
  // What is denied or refused for one is asked for no other.
  if (added.kind === 'PermissionDenied' || added.kind === 'ApprovalRefused') watch.noNotes = added.sentence;
}

function end(
  { service, summary: what }: AnnounceInput,
  { chronicle, found, noted }: Watch,
  outcome: AnnounceResult['outcome'],
  verdict: AnnounceResult['verdict'],
  summary: string,
  next: readonly string[] = [],
  unread?: string,
): AnnounceResult {
  const missing =
    verdict === 'unknown' || unread !== undefined ? [`incidents of ${service}: ${unread ?? summary}`] : [];
  return {
    ...chronicle.end(outcome, summary, { verified: missing.length === 0, next }),
    verdict,
    incidents: found,
    report: markdownOf(
      'Change',
      `${plain(what)}: ${plain(summary)}`,
      [
        {
          title: 'Incidents since',
          lines: found.map(
            ({ id, number, title, service: name, urgency, afterMs }) =>
              `#${number} ${urgency}, ${plain(`${name ?? 'no service'}: ${title}`)}, ${duration(afterMs)} after${noted.has(id) ? '; noted' : '; not noted'}`,
          ),
          empty: verdict === 'quiet' ? 'none' : 'not known',
        },
      ],
      missing,
    ),
    missing,
  };
}
