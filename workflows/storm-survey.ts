import { executeChild, workflowInfo } from '@temporalio/workflow';
import { attempt, knownOf, outcomeOf, type Undone } from './attempt.ts';
import { childOr } from './child.ts';
import { inTurns } from './in-turns.ts';
import { firstPaged } from './on-call.ts';
import { othersNotSeen } from './pages.ts';
import { activitiesOf, perform } from './proxies.ts';
import { count } from './report.ts';
import type { StormResult } from './reports.ts';
import { lookBack } from './storm.ts';
import { bulkPriority, openQuery, ordinaryPriority, type Storm } from './storm-known.ts';
import { type Surveyed, type SurveyResult, surveyIncidents } from './survey-incidents.ts';
import { begin, type Position, pagings, type Query } from './walk.ts';

/** What makes a storm, where the input does not say. */
const defaults = { minutes: 60, fewest: 20, fewestServices: 1 };

/** How old a fact about a service or who is on call may be. */
const oldestMs = 60_000;

/** How many incidents one look takes of each urgency, and how many services' facts are read. */
export const mostIncidents = 5_000;
const mostServices = 100;

/** How many reads of facts are under way at a time. */
const atOnce = 10;

/** Looks whether there are enough incidents to be a storm, in no more requests than that takes. Gives the end where there are not. */
export async function detect(storm: Storm): Promise<StormResult | undefined> {
  const { chronicle, input } = storm;
  const { fewest = defaults.fewest, fewestServices = defaults.fewestServices } = input;
  const { minutes = defaults.minutes } = input;
  const { look } = activitiesOf(input.account);
  const services = new Set<string>();
  let offset = 0;
  let hidden = 0;
  let isNarrowed = false;
  for (;;) {
    const page = await attempt(
      perform(look.listEpisodes, {
        step: `Look whether it is a storm, from ${offset}`,
        query: { ...openQuery(storm), limit: 100, offset } as Parameters<
          typeof look.listEpisodes
        >[0]['query'],
      }),
    );
    if (!page.ok) {
      chronicle.notChanged('the list of incidents', page.sentence);
      return {
        ...chronicle.end(outcomeOf[page.kind], page.sentence, knownOf(page)),
        missing: [`open incidents: ${page.sentence}`],
      };
    }
    chronicle.actsAs(page.agent);
    for (const { service } of page.episodes) services.add(service?.id ?? '');
    offset += page.came + page.hidden;
    hidden += page.hidden;
    isNarrowed ||= page.isNarrowed;
    if (offset >= fewest && services.size >= fewestServices) return undefined;
    if (page.more && page.came > 0 && offset < mostIncidents) continue;
    const among = isNarrowed ? ` in what ${page.agent} may see` : '';
    const summary = `No storm${among}: ${count(offset, 'incident')} of the last ${minutes} min are open, on ${count(services.size, 'service')}.`;
    return {
      ...chronicle.end('nothing_to_do', summary, { verified: !isNarrowed }),
      ...(isNarrowed && { missing: [`open incidents: ${othersNotSeen(hidden)}`] }),
    };
  }
}

interface Surveying {
  readonly query: Query;
  readonly most: number;
  readonly priorityKey: number;
}

/** Lists incidents in runs of some pages each. What does not come is missing. */
export async function survey(
  storm: Storm,
  what: string,
  { query, most, priorityKey }: Surveying,
): Promise<{
  readonly incidents: readonly Surveyed[];
  readonly isWhole: boolean;
  readonly stopped?: Pick<Undone, 'kind' | 'sentence'>;
}> {
  const { chronicle, missing, looks, input } = storm;
  const { account, reason } = input;
  const incidents = new Map<string, Surveyed>();
  let isWhole = true;
  const lacks = (why: string): void => {
    isWhole = false;
    missing.add(`${what}: ${why}`);
  };
  let position: Position | undefined = begin(pagings.listIncidents, query, Date.now());
  for (let run = 1; position; run += 1) {
    const came: SurveyResult = await childOr<SurveyResult>(
      executeChild(surveyIncidents, {
        workflowId: `${workflowInfo().workflowId}:${looks}:${what.replaceAll(' ', '-')}:${run}`,
        args: [{ account, what, position, ...(reason !== undefined && { reason }) }],
        staticSummary: `List ${what}`,
        priority: { priorityKey },
      }),
      (why) => ({ incidents: [], hidden: 0, isNarrowed: false, stopped: { kind: 'Failed', sentence: why } }),
      'the run that lists them failed',
    );
    if (came.agent !== undefined) chronicle.actsAs(came.agent);
    for (const incident of came.incidents) incidents.set(incident.id, incident);
    if (came.isNarrowed) lacks(othersNotSeen(came.hidden));
    if (came.isCut) lacks('more than PagerDuty shows');
    if (came.stopped) {
      lacks(came.stopped.sentence);
      return { incidents: [...incidents.values()], isWhole, stopped: came.stopped };
    }
    position = came.next;
    if (position && incidents.size >= most) {
      lacks(`more than the first ${incidents.size.toLocaleString('en')}`);
      break;
    }
  }
  return { incidents: [...incidents.values()], isWhole };
}

/** Reads the services of some incidents and who is on call for them, where what is known is older than a minute. */
export async function readFacts(storm: Storm, incidents: readonly Surveyed[]): Promise<void> {
  const { input, missing, services, onCall } = storm;
  const { look } = activitiesOf(input.account);
  const isOld = (known: { readonly readAt: number } | undefined): boolean =>
    known === undefined || Date.now() - known.readAt > oldestMs;
  const ids = servicesOf(incidents);
  const old = ids.filter((id) => isOld(services.get(id)));
  const policies = [...new Set(incidents.flatMap(({ policy }) => policy ?? []))].filter((id) =>
    isOld(onCall.get(id)),
  );
  if (ids.length > mostServices)
    missing.add(`services beyond the first ${mostServices}, and who is on call for them`);
  await Promise.all([
    inTurns(old.slice(0, mostServices), atOnce, async (id) => {
      const read = await attempt(
        perform(look.getService, {
          step: `Read service ${id}, look ${storm.looks}`,
          request: { params: { id } },
        }),
      );
      if (!read.ok) {
        missing.add(`service ${id}: ${read.sentence}`);
        return;
      }
      const { name, status } = read.response.service;
      services.set(id, { readAt: Date.now(), name: name ?? id, isInMaintenance: status === 'maintenance' });
    }),
    inTurns(policies.slice(0, mostServices), atOnce, async (id) => {
      const step = `Read who is on call for ${id}, look ${storm.looks}`;
      const names = await firstPaged(input.account, id, step);
      if (names) onCall.set(id, { readAt: Date.now(), names });
      else missing.add(`who is on call for ${id}`);
    }),
  ]);
}

/** Lists what came and went on the services of some incidents: what flaps shows by that. */
export async function readEarlier(
  storm: Storm,
  incidents: readonly Surveyed[],
  urgency: 'high' | 'low',
): Promise<void> {
  const isOld = (id: string): boolean => Date.now() - (storm.earlierAt.get(id) ?? 0) > oldestMs;
  await readResolved(
    storm,
    `what came and went beside those of ${urgency} urgency`,
    servicesOf(incidents).filter(isOld),
    urgency === 'high' ? ordinaryPriority : bulkPriority,
  );
}

/** Of incidents that are listed as open no longer, those that PagerDuty lists as resolved. */
export async function readEnded(storm: Storm, incidents: readonly Surveyed[]): Promise<readonly Surveyed[]> {
  const resolved = await readResolved(storm, 'what has ended', servicesOf(incidents), bulkPriority);
  const ids = new Set(resolved.map(({ id }) => id));
  return incidents.filter(({ id }) => ids.has(id));
}

const servicesOf = (incidents: readonly Surveyed[]): readonly string[] => [
  ...new Set(incidents.flatMap(({ service }) => service?.id ?? [])),
];

async function readResolved(
  storm: Storm,
  what: string,
  all: readonly string[],
  priorityKey: number,
): Promise<readonly Surveyed[]> {
  const now = Date.now();
  const services = all.slice(0, mostServices);
  if (services.length === 0) return [];
  const query = {
    'service_ids[]': services,
    'statuses[]': ['resolved'],
    since: new Date(now - lookBack.ms).toISOString(),
    sort_by: 'created_at:desc',
  };
  const { incidents } = await survey(storm, what, { query, most: mostIncidents, priorityKey });
  for (const incident of incidents) storm.earlier.set(incident.id, incident);
  for (const id of services) storm.earlierAt.set(id, now);
  return incidents;
}
