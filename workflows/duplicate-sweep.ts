import type { Alert } from '../pagerduty/catalogue/incidents.ts';
import { type Applied, restOf } from './apply.ts';
import { attempt } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import { type DuplicateSweepInput, type Plan, type PlanResult, planIdOf } from './contract.ts';
import { groupsOf, titleKeyOf } from './duplicates.ts';
import { inLots, inTurns } from './in-turns.ts';
import { type OpenIncident, type OpenIncidents, openIncidents } from './open-incidents.ts';
import { carryOut, type Draft, type Drafting, type Left, type NoReads, noReads } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';
import { isReadBack } from './resolve-lot.ts';
import { keptOf, seenOf } from './seen.ts';
import { acknowledgersOf } from './state.ts';

/** How far back incidents are looked for, in hours, where the input does not say. */
const defaultHours = 24;

/** More than this in one plan, and an operator must say yes. */
const fewEnough = 5;

/** How many a batch has, and how many one run closes at most. */
const largestBatch = 100;
const hardStop = 250;

/** How many incidents' alerts are read at a time. */
const atOnce = 10;

/**
 * Closes what is open more than once: of the incidents about one problem the oldest is kept, the others get a note that names
 * it and are resolved. What has changed since the plan is left alone.
 */
export async function duplicateSweep(input: DuplicateSweepInput): Promise<PlanResult> {
  const chronicle = chronicleOf(input);
  return carryOut(input, chronicle, {
    type: 'duplicateSweep',
    planId: planIdOf('duplicateSweep', input),
    onTrouble: 'leave',
    nothing: 'No problem is open more than once.',
    read: () => read(input, chronicle),
    tell,
    readBack: ({ done }) =>
      isReadBack(
        input,
        done.flatMap(({ write, response }) =>
          write.operation === 'updateIncidents'
            ? ((response as { readonly incidents: Parameters<typeof isReadBack>[1] }).incidents ?? [])
            : [],
        ),
        chronicle,
      ),
  });
}

async function read(input: DuplicateSweepInput, chronicle: Chronicle): Promise<Drafting | NoReads> {
  const { hours = defaultHours, fingerprint = 'title' } = input;
  const since = new Date(Date.now() - hours * 3_600_000).toISOString();
  const open = await openIncidents(input, chronicle, input, since);
  if ('outcome' in open) return open;
  const keys = fingerprint === 'title' ? titlesOf(open.incidents) : await alertKeysOf(input, open.incidents);
  if ('outcome' in keys) return keys;
  return (without) => duplicatesIn(open, keys, without);
}

const titlesOf = (incidents: readonly OpenIncident[]): ReadonlyMap<string, string> =>
  new Map(
    incidents.flatMap((incident) => {
      const key = titleKeyOf(incident);
      return key === undefined ? [] : [[incident.id, key] as const];
    }),
  );

/** The key by which the source of its first alert knows the problem; incidents without alerts have none. */
async function alertKeysOf(
  { account }: DuplicateSweepInput,
  incidents: readonly OpenIncident[],
): Promise<ReadonlyMap<string, string> | NoReads> {
  const { look } = activitiesOf(account);
  const keys = new Map<string, string>();
  let failed: NoReads | undefined;
  await inTurns(incidents, atOnce, async ({ id }) => {
    if (failed) return;
    const alerts = await attempt(
      perform(look.listIncidentAlerts, {
        step: `Read the alerts of ${id}`,
        request: { params: { id }, query: { sort_by: 'created_at:asc', limit: 1 } },
        keep: ['id', 'alert_key'] satisfies (keyof Alert)[],
      }),
    );
    if (!alerts.ok) {
      failed ??= noReads(alerts);
      return;
    }
    const key = alerts.response.alerts[0]?.alert_key;
    if (typeof key === 'string' && key !== '') keys.set(id, key);
  });
  return failed ?? keys;
}

/** The plan: pure, and the same for the same incidents. */
export function duplicatesIn(
  { incidents, ourUsers }: OpenIncidents,
  keys: ReadonlyMap<string, string>,
  without: ReadonlyMap<string, string>,
): Draft {
  const groups = groupsOf(incidents, ({ id }) => keys.get(id));
  const all = groups.flatMap(({ kept, duplicates }) => duplicates.map((duplicate) => ({ kept, duplicate })));
  const left: Left[] = all.flatMap(({ duplicate: { id } }) => {
    const why = without.get(id);
    return why === undefined ? [] : [{ what: id, why }];
  });
  const fit = all.filter(({ duplicate }) => !without.has(duplicate.id));
  const closed = fit.slice(0, hardStop);
  for (const { duplicate } of fit.slice(hardStop))
    left.push({ what: duplicate.id, why: `one run closes no more than ${hardStop}; run it again` });
  const batches = inLots(closed, largestBatch);
  const withPeople = closed.filter(({ duplicate }) =>
    acknowledgersOf(duplicate).some((user) => !ourUsers.includes(user)),
  ).length;
  const high = closed.filter(({ duplicate }) => duplicate.urgency === 'high').length;
  return {
    left,
    guards: [
      ...(closed.length > fewEnough ? [`it closes ${closed.length} incidents`] : []),
      ...(withPeople > 0 ? [`people have acknowledged ${withPeople} of them`] : []),
      ...(high > 0 ? [`${high} of them are of high urgency`] : []),
    ],
    writes: batches.flatMap((batch, index) => [...batch.map(noteOn), resolving(batch, index + 1)]),
  };
}

interface Pair {
  readonly kept: OpenIncident;
  readonly duplicate: OpenIncident;
}

const seenIn = ({ kept, duplicate }: Pair) => ({ ...seenOf(duplicate), kept: keptOf(kept) });

const noteOn = ({ kept, duplicate }: Pair): Draft['writes'][number] => ({
  step: `Note on ${duplicate.id}`,
  operation: 'createIncidentNote',
  request: {
    params: { id: duplicate.id },
    body: {
      note: {
        // Nothing of what comes after it: whether this one is closed nobody knows yet.
        content: `Duplicate of #${kept.incident_number} (${kept.id}), which the sweep of duplicates leaves open.`,
      },
    },
  },
  seen: [seenIn({ kept, duplicate })],
  effect: `Notes on #${duplicate.incident_number} that it is a duplicate of #${kept.incident_number}.`,
  pages: [],
});

const resolving = (batch: readonly Pair[], number: number): Draft['writes'][number] => ({
  step: `Resolve ${batch.length} duplicates, batch ${number}`,
  operation: 'updateIncidents',
  request: {
    body: {
      incidents: batch.map(({ kept, duplicate }) => ({
        id: duplicate.id,
        type: 'incident_reference',
        status: 'resolved',
        resolution: `Duplicate of #${kept.incident_number}.`,
      })),
    },
  },
  seen: batch.map(seenIn),
  effect: `Resolves ${batch.length} duplicates.`,
  pages: [],
});

function tell(applied: Applied, plan: Plan): string {
  const idsIn = (
    some: readonly { readonly operation: string; readonly seen: Plan['writes'][number]['seen'] }[],
  ) => some.flatMap(({ operation, seen }) => (operation === 'updateIncidents' ? seen : []));
  const [closed, meant] = [idsIn(applied.done.map(({ write }) => write)), idsIn(plan.writes)];
  return [
    `${closed.length} of ${meant.length + plan.left.length} are closed as duplicates.`,
    ...restOf(applied, plan),
  ].join(' ');
}
