import type { AuditRecord, Stamp } from '../gate/audit.ts';
import type { Doer, Logged, TellResult } from '../workflows/contract.ts';
import type { ListedRun } from './runs.ts';

/** Something that was done to an incident, or decided about it. */
export interface Moment {
  /** ISO 8601. */
  readonly at: string;
  readonly by: Doer;
  /** Who: a person, an agent, PagerDuty. */
  readonly name: string;
  readonly what: string;
  /** The line of the configuration that decided, where we did it. */
  readonly rule?: string;
  readonly run?: string;
  /** Number of our record. */
  readonly record?: number;
  /** Whether PagerDuty's log shows what we wrote; absent where nothing was written or the log could not be read. */
  readonly isInLog?: boolean;
}

export type Recorded = AuditRecord & Stamp & { readonly at: string };

/** What is known of an incident, from three sides. */
export interface Sides {
  /** Our own record, oldest first. */
  readonly records: readonly Recorded[];
  /** What PagerDuty says; absent where it could not be asked. */
  readonly told?: Pick<TellResult, 'log' | 'notes' | 'isWhole'>;
  readonly runs: readonly (ListedRun & { readonly summary?: string })[];
}

/** Joined in the order of time: each write of ours once, with what PagerDuty's log says of it. */
export interface Timeline {
  readonly moments: readonly Moment[];
  /** How many allowed reads are left out. */
  readonly looks: number;
}

/** How far PagerDuty's clock and ours may be apart. */
const clocksDifferMs = 120_000;

/** Which of our actions leave which entry of the log. */
const leaves: Readonly<Record<string, readonly string[]>> = {
  trigger: ['create', 'reopen', 'acknowledge'],
  acknowledge: ['acknowledge', 'reopen'],
  unacknowledge: ['unacknowledge', 'reassign', 'escalate'],
  resolve: ['resolve'],
  assign: ['reassign', 'unacknowledge', 'reopen', 'create', 'acknowledge'],
  delegate: ['reassign', 'unacknowledge', 'reopen'],
  escalate: ['escalate'],
  annotate: ['add_note'],
  urgency_change: ['set_urgency'],
};

export function timelineOf({ records, told, runs }: Sides, { all }: { readonly all: boolean }): Timeline {
  const ours = ofRecords(records, all);
  const theirs: Moment[] = [];
  const left = new Map<number, readonly Logged[]>();
  for (const entry of withNotes(told)) {
    const cause = entry.by === 'ours' ? causeOf(entry, ours.writes) : undefined;
    if (cause) left.set(cause.seq, [...(left.get(cause.seq) ?? []), entry]);
    else theirs.push(ofLog(entry));
  }
  const written = ours.moments.map((moment): Moment => {
    const { record } = moment;
    if (record === undefined || !ours.writes.some(({ seq }) => seq === record)) return moment;
    const traces = left.get(record) ?? [];
    const notesOf = traces.flatMap(({ what, text }) => (what === 'annotate' ? [` Note: “${text}”`] : []));
    return {
      ...moment,
      what: moment.what + notesOf.join(''),
      ...(told?.isWhole === true && { isInLog: traces.length > 0 }),
    };
  });
  const moments = [...written, ...theirs, ...runs.flatMap(ofRun)];
  return { moments: moments.toSorted((a, b) => timeOf(a) - timeOf(b)), looks: ours.looks };
}

/** The log with the notes in it: a note says more than the log's entry of it, which says where in the order it stands. */
function withNotes(told: Sides['told']): readonly Logged[] {
  const notes = (told?.notes ?? []).map(
    ({ at, ...note }): Logged => ({ ...note, what: 'annotate', at: at ?? '' }),
  );
  const entries = (told?.log ?? []).map((entry): Logged => {
    const place =
      entry.what === 'annotate'
        ? notes.findIndex(({ at, name }) => at === entry.at && name === entry.name)
        : -1;
    const [note] = place < 0 ? [] : notes.splice(place, 1);
    return note ?? entry;
  });
  return [...entries, ...notes];
}

/** PagerDuty knows whole seconds: within one, its own order stands. */
const timeOf = ({ at }: Moment): number => (Number.isNaN(Date.parse(at)) ? 0 : Date.parse(at));

interface Write {
  readonly seq: number;
  readonly at: number;
  readonly actions: readonly string[];
}

/** Our record as moments: a decision together with what came of it. */
function ofRecords(
  records: readonly Recorded[],
  all: boolean,
): { readonly moments: readonly Moment[]; readonly writes: readonly Write[]; readonly looks: number } {
  const outcomes = new Map<number, Recorded[]>();
  for (const record of records)
    if (record.entry !== undefined)
      outcomes.set(record.entry, [...(outcomes.get(record.entry) ?? []), record]);
  const moments: Moment[] = [];
  const writes: Write[] = [];
  let looks = 0;
  for (const record of records) {
    const { kind, decision, action, seq, at, agent, via, rule, workflowId, sentence } = record;
    if (kind === 'outcome') continue;
    const isLook = kind === 'question' || (decision === 'allowed' && action.split(',').every(isView));
    if (isLook && !all) {
      looks += 1;
      continue;
    }
    const came = outcomes.get(seq) ?? [];
    if (!isLook && came.some(({ decision: what }) => what === 'done' || what === 'found'))
      writes.push({
        seq,
        at: Date.parse(came.at(-1)?.at ?? at),
        actions: action.split(',').map((one) => one.replace(/^incidents\./, '')),
      });
    moments.push({
      at,
      by: 'ours',
      name: via === undefined ? agent : `${agent} via ${via}`,
      what: [sentence, ...came.map((outcome) => outcome.sentence)].join(' '),
      rule,
      run: workflowId,
      record: seq,
    });
  }
  return { moments, writes, looks };
}

const isView = (action: string): boolean => action.endsWith('.view');

/** Our write that left this entry: the nearest of those that leave such a one. */
function causeOf({ what, at }: Logged, writes: readonly Write[]): Write | undefined {
  const time = Date.parse(at);
  return writes
    .filter(({ actions }) => leaves[what]?.some((action) => actions.includes(action)) ?? true)
    .filter((write) => Math.abs(write.at - time) <= clocksDifferMs)
    .toSorted((a, b) => Math.abs(a.at - time) - Math.abs(b.at - time))[0];
}

const ofLog = ({ at, by, name, what, text }: Logged): Moment => ({
  at,
  by,
  name,
  what:
    (what === 'annotate' ? `note: “${text}”` : text || what.replaceAll('_', ' ')) +
    (by === 'ours' ? ' No record here says why.' : ''),
});

function ofRun({
  workflowId,
  workflow,
  agent,
  state,
  startedAt,
  endedAt,
  summary,
}: Sides['runs'][number]): readonly Moment[] {
  const name = agent ?? 'nobody';
  const began: Moment = { at: startedAt, by: 'ours', name, what: `began ${workflow}.`, run: workflowId };
  if (endedAt === null) return [began];
  const what = `${workflow} came to ${state}${summary === undefined ? '' : `: ${summary}`}`;
  return [began, { at: endedAt, by: 'ours', name, what, run: workflowId }];
}
