import { defineQuery, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import { outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { Outcome } from './contract.ts';
import { carryOut } from './plan.ts';
import { count } from './report.ts';
import type { StormInput, StormResult, StormSituation } from './reports.ts';
import { resolvingRecovered } from './resolve-recovered.ts';
import { stormReport, stormSaid } from './storm.ts';
import { pageOnce, writeNotes } from './storm-acts.ts';
import {
  begun,
  bulkPriority,
  judgeAll,
  openQuery,
  ordinaryPriority,
  type Storm,
  tellNow,
} from './storm-known.ts';
import { detect, mostIncidents, readEarlier, readEnded, readFacts, survey } from './storm-survey.ts';

const defaults = { minutes: 60, watchSeconds: 3_600, everySeconds: 600 };

/** The run watches no longer once its history has so many bytes: the server ends one that grows too large. */
const largestHistory = 20_000_000;

/** How the storm stands, as often as anybody asks. */
const stormSituation = defineQuery<StormSituation>('situation');

/**
 * Handles many incidents at once. Triages them from pages of the list, those of high urgency before any other is even asked for,
 * groups them by service and cause, notes and pages as the input says, watches the storm, and in the end proposes to resolve
 * what has recovered.
 */
export async function stormHandling(input: StormInput): Promise<StormResult> {
  const { minutes = defaults.minutes, watchSeconds = defaults.watchSeconds } = input;
  const { everySeconds = defaults.everySeconds } = input;
  const chronicle = chronicleOf(input);
  const since = Date.now() - minutes * 60_000;
  if (input.plan || input.apply !== undefined)
    return carryOut(input, chronicle, resolvingRecovered(input, chronicle, since));

  const storm = begun(input, chronicle, since);
  setHandler(stormSituation, () => storm.situation, { description: 'How the storm stands' });
  const detected = await detect(storm);
  if (detected !== undefined) return detected;
  const until = Date.now() + watchSeconds * 1_000;
  const over = chronicle.waitsFor('the storm to pass', until);
  for (;;) {
    await lookOnce(storm);
    const left = until - Date.now();
    const isLarge = workflowInfo().historySize > largestHistory;
    if (storm.stopped || storm.situation.firing === 0 || left <= 0 || isLarge) break;
    await sleep(Math.min(everySeconds * 1_000, left), { summary: 'until the next look' });
  }
  over();
  await Promise.all(storm.paging);
  storm.situation = { ...storm.situation, pages: [...storm.pages] };
  return end(storm);
}

/** One look at the storm. Nothing is asked about the others before those of high urgency have been judged and told. */
async function lookOnce(storm: Storm): Promise<void> {
  storm.looks += 1;
  storm.missing = new Set();
  const seen = new Set<string>();
  let isWhole = true;
  for (const urgency of ['high', 'low'] as const) {
    const came = await survey(storm, `open incidents of ${urgency} urgency`, {
      query: { ...openQuery(storm), 'urgencies[]': [urgency] },
      most: mostIncidents,
      priorityKey: urgency === 'high' ? ordinaryPriority : bulkPriority,
    });
    isWhole &&= came.isWhole;
    const isOurs = new Set(storm.pages.map(({ id }) => id));
    for (const incident of came.incidents) {
      if (isOurs.has(incident.id)) continue;
      storm.incidents.set(incident.id, incident);
      seen.add(incident.id);
    }
    if (came.stopped && storm.incidents.size === 0) {
      storm.stopped = came.stopped;
      return;
    }
    await readFacts(storm, came.incidents);
    await readEarlier(storm, came.incidents, urgency);
    const judged = judgeAll(storm);
    const all = urgency === 'high' ? 'of high urgency are triaged' : 'in all are triaged';
    storm.chronicle.say(`${count(storm.incidents.size, 'incident')} ${all}.`);
    if (urgency === 'high' && storm.input.page) {
      // It may wait for an operator; triage does not.
      const paging = pageOnce(storm);
      paging.catch(() => {});
      storm.paging.push(paging);
    }
    await writeNotes(storm, judged, urgency);
    tellNow(storm, judged);
  }
  const gone = [...storm.incidents.values()].filter(
    ({ id, status }) => !seen.has(id) && status !== 'resolved',
  );
  // Only a whole list shows by itself that something is no longer open: of another, it may have gone out of sight.
  for (const incident of isWhole ? gone : await readEnded(storm, gone))
    storm.incidents.set(incident.id, {
      ...incident,
      ...storm.earlier.get(incident.id),
      status: 'resolved',
      isTaken: false,
    });
  judgeAll(storm);
  storm.chronicle.say(stormSaid(storm.situation, storm.since));
}

/** Tells the storm, and proposes to resolve what has recovered: the end of the run is the end of that. */
async function end(storm: Storm): Promise<StormResult> {
  const { input, chronicle, since, stopped, unnoted } = storm;
  if (stopped) {
    chronicle.notChanged('the list of incidents', stopped.sentence);
    return {
      ...chronicle.end(outcomeOf[stopped.kind], stopped.sentence),
      situation: storm.situation,
      missing: [...storm.missing],
    };
  }
  const { situation } = storm;
  const { firing, missing } = situation;
  const told = stormSaid(situation, since);
  const isWhole = missing.length === 0 && unnoted === 0 && isAllPaged(storm);
  const tail = [
    ...(unnoted === 0 ? [] : [`${unnoted} could not be noted.`]),
    ...(missing.length === 0 ? [] : [`${count(missing.length, 'part')} could not be read.`]),
  ];
  const next = [
    ...missing.slice(0, 3).map((what) => `Not read: ${what}`),
    ...(firing > 0 ? [`${firing} still fire: run it again to watch on.`] : []),
  ];
  const ending: Chronicle = {
    ...chronicle,
    end: (outcome, summary, rest = {}) =>
      chronicle.end(outcomeWith(outcome, isWhole, storm), [told, summary, ...tail].join(' ').trim(), {
        verified: missing.length === 0 && (rest.verified === true || outcome === 'nothing_to_do'),
        next: [...(rest.next ?? []), ...next],
      }),
  };
  const recovered = [...storm.incidents.values()].filter(
    ({ status, isTaken, alerts }) =>
      status !== 'resolved' && !isTaken && alerts?.all !== 0 && alerts?.firing === 0,
  );
  const ended: StormResult =
    input.resolve === 'none' || recovered.length === 0
      ? ending.end('done', '', { verified: true })
      : await carryOut(input, ending, resolvingRecovered(input, ending, since));
  return { ...ended, situation, report: stormReport(ended.summary, situation), missing: [...storm.missing] };
}

/** Whether every page that was wanted went out. */
const isAllPaged = ({ pageTried, pages }: Storm): boolean => pageTried.size === pages.length;

/** How the run ends, whose last part ended so. */
function outcomeWith(outcome: Outcome, isWhole: boolean, { noted, pages }: Storm): Outcome {
  if (outcome === 'done' || outcome === 'nothing_to_do') return isWhole ? 'done' : 'partly';
  // What was noted and paged stands, whatever came of the rest.
  return noted.size + pages.length > 0 ? 'partly' : outcome;
}
