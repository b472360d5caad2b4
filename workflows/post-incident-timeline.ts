import { condition, setHandler } from '@temporalio/workflow';
import type { OurRecord } from '../activities/index.ts';
import { attempt, type Failed, knownOf, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { Logged, Noted, Outcome, RunResult } from './contract.ts';
import { allPages } from './pages.ts';
import { changed } from './people.ts';
import { activitiesOf, perform } from './proxies.ts';
import { count, duration, markdownOf, moment, plain } from './report.ts';
import { noteReport } from './report-note.ts';
import type { TimelineInput, TimelineResult } from './reports.ts';

/** How long it must have stayed resolved, in seconds, where the input does not say. */
const quietSeconds = 900;

/** How often the run looks while it waits: at every word of the incident, but no more often than that. */
const mostWaits = 50;

/** How much of an incident is read, and how much of its timeline is shown; the rest is counted. */
const most = { pages: 5, alerts: 300, shown: 40, alertsShown: 5 };

/** Slower than this is a question. */
const slowMs = 15 * 60_000;

/** Log entries and records of one act may be this far apart. */
const sameMs = 15_000;

type Event = TimelineResult['events'][number];

/**
 * Tells what happened to an incident that is over, once it has stayed so for a while: what its log, its notes, its alerts and
 * our own record say, in order and each once. What they leave open is asked, never guessed.
 */
export async function postIncidentTimeline(input: TimelineInput): Promise<TimelineResult> {
  const chronicle = chronicleOf(input);
  const settled = await settle(input, chronicle);
  if (!('record' in settled)) return { ...settled, ...nothing };
  const { record } = settled;
  const missing: string[] = record.more ? ['our own record beyond its newest entries'] : [];
  const log = await readLog(input, record, missing);
  const notes = await readNotes(input, record, missing);
  const alerts = await readAlerts(input, record, missing);
  const events = merged({ record, log, notes, alerts });
  const facts = factsOf(record, log, notes);
  const report = reportOf(record, events, facts, missing);
  const noted = input.note === false ? undefined : await note(input, record, notes, report, chronicle);
  const summary = summaryOf(record, events, facts, missing);
  const outcome: Outcome = noted ?? (missing.length > 0 ? 'partly' : 'done');
  return {
    ...chronicle.end(outcome, summary, {
      verified: missing.length === 0 && noted === undefined,
      next: [...missing.map((what) => `Not read: ${what}`), ...facts.questions].slice(0, 5),
    }),
    events,
    ...facts,
    report,
    missing,
  };
}

const nothing = {
  events: [],
  toAcknowledgeMs: null,
  toResolveMs: null,
  acknowledgedBy: null,
  resolvedBy: null,
  questions: [],
  report: '',
  missing: [],
};

/** Waits until the incident has been resolved for long enough; ends where it is not resolved, or is opened again. */
async function settle(
  { account, incident, quietSeconds: quiet = quietSeconds }: TimelineInput,
  chronicle: Chronicle,
): Promise<{ readonly record: OurRecord } | RunResult> {
  const { look } = activitiesOf(account);
  const wakes = { count: 0 };
  setHandler(changed, () => void (wakes.count += 1), { description: 'Something happened to the incident' });
  for (let time = 1; time <= mostWaits; time += 1) {
    const record = await attempt(
      perform(look.readOurRecord, { step: `Read incident ${incident}, ${time}`, incident }),
    );
    if (!record.ok) {
      chronicle.notChanged(`the timeline of ${incident}`, record.sentence);
      return chronicle.end(outcomeOf[record.kind], record.sentence, knownOf(record));
    }
    chronicle.actsAs(record.agent);
    chronicle.isAbout(record.id);
    const { number, status, resolvedAt } = record;
    if (status !== 'resolved' || resolvedAt === null) {
      const why = time === 1 ? `is ${status}, not resolved` : 'was opened again';
      return chronicle.end('nothing_to_do', `Incident #${number} ${why}: its story is not over.`, {
        verified: true,
      });
    }
    const left = Date.parse(resolvedAt) + quiet * 1_000 - Date.now();
    if (left <= 0) return { record };
    const over = chronicle.waitsFor('the incident to stay resolved', Date.now() + left);
    // Whatever happens to it is read at once: opened again, its story is not over.
    const heard = wakes.count;
    await condition(() => wakes.count > heard, left, { summary: 'whether it stays resolved' });
    over();
  }
  return chronicle.end(
    'failed',
    `Incident ${incident} gave no rest: something happened to it ${mostWaits} times.`,
  );
}

async function readLog(
  { account }: TimelineInput,
  { id }: OurRecord,
  missing: string[],
): Promise<readonly Logged[] | undefined> {
  const { look } = activitiesOf(account);
  const log: Logged[] = [];
  for (let page = 1; page <= most.pages; page += 1) {
    const came = await attempt(
      perform(look.listLog, { step: `Read its log from ${log.length}`, incident: id, offset: log.length }),
    );
    if (!came.ok) {
      missing.push(`the log: ${came.sentence}`);
      return log.length === 0 ? undefined : log.toReversed();
    }
    log.push(...came.log);
    if (!came.more) return log.toReversed();
  }
  missing.push(`the log beyond its newest ${log.length} entries`);
  return log.toReversed();
}

async function readNotes(
  { account }: TimelineInput,
  { id }: OurRecord,
  missing: string[],
): Promise<readonly Noted[] | undefined> {
  const { look } = activitiesOf(account);
  const came = await attempt(perform(look.listNotes, { step: 'Read its notes', incident: id }));
  if (!came.ok) {
    missing.push(`the notes: ${came.sentence}`);
    return undefined;
  }
  if (came.more) missing.push(`notes beyond the newest ${came.notes.length}`);
  return came.notes.toReversed();
}

/** An alert, cut to what a timeline says of it. */
interface Fired {
  readonly id: string;
  readonly summary?: string | null | undefined;
  readonly severity?: string | null | undefined;
  readonly created_at?: string | null | undefined;
  readonly resolved_at?: string | null | undefined;
}

async function readAlerts(
  { account }: TimelineInput,
  { id }: OurRecord,
  missing: string[],
): Promise<readonly Fired[] | undefined> {
  const { look } = activitiesOf(account);
  const came = await attempt(
    allPages<'listIncidentAlerts', Fired>(
      (offset) =>
        perform(look.listIncidentAlerts, {
          step: `List its alerts from ${offset}`,
          request: { params: { id }, query: { limit: 100, offset } },
          keep: ['id', 'summary', 'severity', 'created_at', 'resolved_at', 'status'],
        }),
      ({ alerts }) => alerts,
      most.alerts,
    ),
  );
  if (!came.ok) {
    missing.push(`the alerts: ${(came as Failed).sentence}`);
    return undefined;
  }
  if (!came.complete) missing.push(`alerts beyond the first ${came.items.length}`);
  return came.items;
}

/** All that is known, in order, each once: a note stands for its log entry, and our record names who of ours it was. */
function merged({
  record,
  log = [],
  notes,
  alerts = [],
}: {
  readonly record: OurRecord;
  readonly log: readonly Logged[] | undefined;
  readonly notes: readonly Noted[] | undefined;
  readonly alerts: readonly Fired[] | undefined;
}): readonly Event[] {
  const told = new Set<OurRecord['acts'][number]>();
  const events: Event[] = [];
  for (const { at, what, by, name, text } of log) {
    if (what === 'annotate' && notes !== undefined) continue;
    const act = by === 'ours' ? actFor({ at, what }, record, told) : undefined;
    if (act) told.add(act);
    events.push({ at: iso(at), from: 'log', by: act ? `${name} for ${act.agent}` : name, text });
  }
  for (const { at, by, name, text } of notes ?? []) {
    if (at === null || isTimeline(text)) continue;
    const act = by === 'ours' ? actFor({ at, what: 'annotate' }, record, told) : undefined;
    if (act) told.add(act);
    events.push({ at: iso(at), from: 'note', by: act ? `${name} for ${act.agent}` : name, text });
  }
  // What was allowed and done stands in PagerDuty's log; what was not stands nowhere else.
  for (const act of record.acts)
    if (!told.has(act) && act.decision !== 'allowed')
      events.push({ at: iso(act.at), from: 'ours', by: act.agent, text: act.sentence });
  for (const { summary, severity, created_at: at, resolved_at: until } of alerts.slice(0, most.alertsShown)) {
    if (!at) continue;
    const lasted = until ? `, for ${duration(Date.parse(until) - Date.parse(at))}` : '';
    const line = (summary ?? '').replace(/\s+/g, ' ').slice(0, 200).toWellFormed();
    events.push({ at: iso(at), from: 'alert', by: severity ?? 'alert', text: `Alert: ${line}${lasted}` });
  }
  const rest = alerts.slice(most.alertsShown);
  const [next] = rest;
  if (next?.created_at)
    events.push({
      at: iso(next.created_at),
      from: 'alert',
      by: 'alerts',
      text: `${count(rest.length, 'more alert', 'more alerts')} from then on`,
    });
  return events.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

/** What a log entry is called by the gate. */
const actions: Readonly<Record<string, string>> = {
  acknowledge: 'incidents.acknowledge',
  annotate: 'incidents.add_note',
  resolve: 'incidents.resolve',
  escalate: 'incidents.escalate',
  unacknowledge: 'incidents.unacknowledge',
  assign: 'incidents.reassign',
};

/** The act of ours that a log entry is the trace of. */
const actFor = (
  { at, what }: { readonly at: string; readonly what: string },
  { acts }: OurRecord,
  told: ReadonlySet<OurRecord['acts'][number]>,
) =>
  acts.find(
    (act) =>
      !told.has(act) &&
      act.decision === 'allowed' &&
      act.action.split(',').includes(actions[what] ?? what) &&
      Math.abs(Date.parse(act.at) - Date.parse(at)) < sameMs,
  );

type Facts = Pick<
  TimelineResult,
  'toAcknowledgeMs' | 'toResolveMs' | 'acknowledgedBy' | 'resolvedBy' | 'questions'
>;

function factsOf(
  { createdAt, resolvedAt }: OurRecord,
  log: readonly Logged[] | undefined,
  notes: readonly Noted[] | undefined,
): Facts {
  const start = Date.parse(createdAt);
  const acknowledged = log?.find(({ what }) => what === 'acknowledge');
  const resolved = log?.findLast(({ what }) => what === 'resolve');
  const toAcknowledgeMs = acknowledged ? Date.parse(acknowledged.at) - start : null;
  const reopened = log?.filter(({ what }, index) => what === 'trigger' && index > 0).length ?? 0;
  const written = notes?.filter(({ by }) => by === 'person').length;
  const questions = [
    ...(log && !acknowledged ? ['Why did nobody acknowledge it?'] : []),
    ...(toAcknowledgeMs !== null && toAcknowledgeMs > slowMs
      ? [`Why was it acknowledged only after ${duration(toAcknowledgeMs)}?`]
      : []),
    ...(reopened > 0 ? [`Why was it opened again (${count(reopened, 'time')})?`] : []),
    ...(resolved?.by === 'pagerduty' ? ['What made it end? Nobody resolved it by hand.'] : []),
    ...(written === 0 ? ['What was the cause? No person has written a note.'] : []),
  ];
  return {
    toAcknowledgeMs,
    toResolveMs: resolvedAt === null ? null : Date.parse(resolvedAt) - start,
    acknowledgedBy: acknowledged?.name ?? null,
    resolvedBy: resolved?.name ?? null,
    questions,
  };
}

const howLong = (ms: number | null, who: string | null, what: string): string =>
  ms === null
    ? `not known to be ${what}`
    : `${what} after ${duration(ms)}${who === null ? '' : ` by ${who}`}`;

function summaryOf(
  { number }: OurRecord,
  events: readonly Event[],
  { toAcknowledgeMs, toResolveMs, acknowledgedBy, resolvedBy, questions }: Facts,
  missing: readonly string[],
): string {
  return [
    `Incident #${number}: ${howLong(toAcknowledgeMs, acknowledgedBy, 'acknowledged')}, ${howLong(toResolveMs, resolvedBy, 'resolved')}.`,
    `${count(events.length, 'event')}, ${count(questions.length, 'open question')}.`,
    ...(missing.length === 0 ? [] : [`${count(missing.length, 'part')} could not be read.`]),
  ].join(' ');
}

/** How the report begins, by which a note of it is known again. */
const heading = (number: number): string => `Timeline of #${number}`;
const isTimeline = (text: string): boolean => /^## Timeline of #\d+/.test(text);

function reportOf(
  { number, title, service }: OurRecord,
  events: readonly Event[],
  facts: Facts,
  missing: readonly string[],
): string {
  const left = Math.max(0, events.length - most.shown);
  // The beginning and the end are what people look for.
  const shown = left === 0 ? events : [...events.slice(0, most.shown / 2), ...events.slice(-most.shown / 2)];
  return markdownOf(
    heading(number),
    `${plain(`${service ?? 'no service'}: ${title}`)}. ${plain(summaryOf({ number } as OurRecord, events, facts, missing))}`,
    [
      {
        title: 'What happened (UTC)',
        lines: [
          ...shown.map(({ at, by, text }) => `${moment(Date.parse(at))} ${plain(by)}: ${plain(text)}`),
          ...(left === 0 ? [] : [`… and ${left} more in between`]),
        ],
        most: most.shown + 1,
        empty: 'not read',
      },
      { title: 'Open questions', lines: facts.questions.map(plain), empty: 'none' },
    ],
    missing,
  );
}

/** Leaves the timeline as a note, once an incident. Gives the outcome where that was not done. */
async function note(
  input: TimelineInput,
  { id, number }: OurRecord,
  notes: readonly Noted[] | undefined,
  report: string,
  chronicle: Chronicle,
): Promise<Outcome | undefined> {
  const there = notes?.find(({ by, text }) => by === 'ours' && isTimeline(text));
  if (there) {
    chronicle.notChanged(`note on ${id}`, `it has a timeline as a note already, ${there.id}`);
    return undefined;
  }
  if (notes === undefined) {
    chronicle.notChanged(`note on ${id}`, 'its notes could not be read, and it may have a timeline already');
    return 'partly';
  }
  return noteReport(input, chronicle, {
    incident: id,
    step: `Note the timeline of #${number}`,
    report,
    changed: `Incident #${number} has its timeline as a note.`,
  });
}

const iso = (at: string): string => new Date(at).toISOString();
