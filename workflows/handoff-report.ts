import type { Episode, OwnState, RotaName } from '../activities/index.ts';
import { attempt, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import type { Outcome } from './contract.ts';
import { type Roster, readRoster } from './cover-policies.ts';
import { stretchesOf } from './coverage.ts';
import { walkEpisodes } from './episodes.ts';
import { ownAsks, ownOf, ownSection } from './own-state.ts';
import { activitiesOf, perform } from './proxies.ts';
import { count, duration, markdownOf, moment, plain, type Section, spell } from './report.ts';
import { noteReport } from './report-note.ts';
import type { HandoffInput, HandoffResult } from './reports.ts';
import { policiesIn } from './scope.ts';
import type { Query } from './walk.ts';

/** How long a shift is, in hours, where the input does not say. */
const defaultHours = 12;

/** How much one report reads, so that it stays one run of a small history: what is left out is named. */
const most = { policies: 20, rotas: 20, pages: 10, notes: 10, services: 100, open: 50 };

/** How far ahead who is next and which overrides come is looked. */
const aheadMs = 7 * 24 * 3_600_000;

type OnCall = HandoffResult['onCall'][number];

/** What of a run's work so far is told. */
interface Told {
  readonly missing: string[];
  /** Why the first part that could not be read could not be read. */
  unread?: keyof typeof outcomeOf;
}

/**
 * Tells the next person what there is to inherit: open incidents, how the shift went, who is on call now and next, overrides that
 * come, and what oncall-runner itself holds and waits for.
 */
export async function handoffReport(input: HandoffInput): Promise<HandoffResult> {
  const { hours = defaultHours } = input;
  const chronicle = chronicleOf(input);
  const now = Date.now();
  const told: Told = { missing: [] };
  const rosters = await readRosters(input, { start: now, end: now + aheadMs }, told, chronicle);
  const filter = filterOf(input, rosters);
  const [open, shift] =
    filter === undefined
      ? [undefined, undefined]
      : [
          await read('open incidents', { ...filter, ...openOnes }, input, told, chronicle),
          await read(
            'incidents of the shift',
            {
              ...filter,
              since: new Date(now - hours * hourMs).toISOString(),
              until: new Date(now + skewMs).toISOString(),
            },
            input,
            told,
            chronicle,
          ),
        ];
  if (filter === undefined) told.missing.push('incidents: none of the policies could be read');
  const lines = await openLines(input, open ?? [], told, now);
  const onCall = rosters.flatMap((roster) => onCallOf(roster, now));
  const overrides = await overridesOf(input, rosters, now, told);
  const own = await readOwn(input, told, chronicle);
  const shiftBased = [...new Set(rosters.flatMap((roster) => roster.shiftBased))];
  const result = {
    open: lines,
    shift: shift ? shiftOf(shift) : null,
    onCall,
    overrides,
    own: ownOf(own, open ?? []),
  };
  const isEmpty = rosters.length === 0 && open === undefined && shift === undefined && own === undefined;
  const summary = summaryOf(result, open, hours, told);
  const report = markdownOf(
    'Handoff',
    plain(summary),
    sectionsOf(result, open, shiftBased, now, hours),
    told.missing,
  );
  const noted =
    input.noteOn === undefined
      ? undefined
      : await noteReport(input, chronicle, {
          incident: input.noteOn,
          step: `Note the handoff on ${input.noteOn}`,
          report,
          changed: `Incident ${input.noteOn} has the handoff as a note.`,
        });
  const outcome: Outcome =
    isEmpty && told.unread
      ? outcomeOf[told.unread]
      : (noted ?? (told.missing.length > 0 ? 'partly' : 'done'));
  return {
    ...chronicle.end(outcome, summary, {
      verified: told.missing.length === 0 && noted === undefined,
      next: told.missing.slice(0, 3).map((what) => `Not read: ${what}`),
    }),
    ...result,
    report,
    missing: told.missing,
  };
}

const openOnes = { 'statuses[]': ['triggered', 'acknowledged'], date_range: 'all' };

async function readRosters(
  input: HandoffInput,
  span: { readonly start: number; readonly end: number },
  told: Told,
  chronicle: Chronicle,
): Promise<readonly Roster[]> {
  const { ids, missing, stopped } = await policiesIn(input, chronicle);
  told.missing.push(...missing);
  if (stopped) told.unread ??= stopped.kind;
  const rosters: Roster[] = [];
  for (const policy of ids.slice(0, most.policies)) {
    const roster = await readRoster({ account: input.account, span }, policy, chronicle);
    if (!roster.ok) {
      told.missing.push(
        roster.missing,
        `overrides of the schedules of ${policy}: without that it is not known which they are`,
      );
      told.unread ??= roster.kind;
      continue;
    }
    rosters.push(roster);
    told.missing.push(...roster.unseen);
  }
  if (ids.length > most.policies)
    told.missing.push(
      `who is on call by ${ids.length - most.policies} more escalation policies: name teams, services or policies`,
    );
  return rosters;
}

/** Whose incidents they are: PagerDuty filters by services and by teams, not by policies. Nothing where that cannot be said. */
function filterOf(
  { policies, services, teams }: HandoffInput,
  rosters: readonly Roster[],
): Query | undefined {
  if (policies === undefined) {
    // PagerDuty takes what fits both.
    if (services && teams) return { 'service_ids[]': services };
    return { ...(services && { 'service_ids[]': services }), ...(teams && { 'team_ids[]': teams }) };
  }
  const of = new Set([...(services ?? []), ...rosters.flatMap(({ outline }) => outline.services)]);
  return of.size === 0 ? undefined : { 'service_ids[]': [...of].slice(0, most.services) };
}

async function read(
  what: string,
  query: Query,
  input: HandoffInput,
  told: Told,
  chronicle: Chronicle,
): Promise<readonly Episode[] | undefined> {
  const { episodes, missing, unread } = await walkEpisodes(
    input,
    query,
    { what, mostPages: most.pages },
    chronicle,
  );
  told.missing.push(...missing);
  if (unread) told.unread ??= unread;
  return unread && episodes.length === 0 ? undefined : episodes;
}

/** The open incidents, the most urgent and oldest first, with their newest note and what is to be done. */
async function openLines(
  { account }: HandoffInput,
  open: readonly Episode[],
  told: Told,
  now: number,
): Promise<HandoffResult['open']> {
  const { look } = activitiesOf(account);
  const weight = ({ urgency, status }: Episode): number =>
    (urgency === 'high' ? 0 : 2) + (status === 'triggered' ? 0 : 1);
  const first = open.toSorted((a, b) => weight(a) - weight(b) || a.at - b.at).slice(0, most.open);
  const lines: HandoffResult['open'][number][] = [];
  for (const [index, episode] of first.entries()) {
    const { id, number, title, status, urgency, service, at, assignees, acknowledgers } = episode;
    let lastNote: string | null = null;
    if (index < most.notes) {
      const found = await attempt(
        perform(look.readLastNote, { step: `Read the newest note of #${number}`, incident: id }),
      );
      if (!found.ok) told.missing.push(`notes of #${number}: ${found.sentence}`);
      else if (found.note) lastNote = `${found.note.name}: ${found.note.text}`;
    }
    const owners = acknowledgers.length > 0 ? acknowledgers : assignees;
    lines.push({
      id,
      number,
      title,
      status,
      urgency,
      service: service?.name ?? null,
      since: new Date(at).toISOString(),
      owners,
      lastNote,
      nextStep: nextStep(status, owners, Math.max(0, now - at)),
    });
  }
  return lines;
}

const nextStep = (status: string, owners: readonly string[], ageMs: number): string => {
  const who = owners.join(', ') || 'nobody';
  return status === 'triggered'
    ? `nobody has acknowledged it for ${duration(ageMs)}; it is with ${who}`
    : `ask ${who}, who has acknowledged it`;
};

/** Who is on call at each level now, until when, and who is next. */
function onCallOf({ outline, duties, people }: Roster, now: number): readonly OnCall[] {
  const names = new Map(people.map(({ id, name }) => [id, name]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  return outline.levels.map((_, index) => {
    const level = index + 1;
    const stretches = stretchesOf(
      duties.filter((duty) => duty.level === level),
      { start: now, end: now + aheadMs },
    );
    const who = (at: number): readonly string[] =>
      [...new Set((stretches[at]?.duties ?? []).map(({ user }) => user))].toSorted();
    const then = stretches.findIndex((_stretch, at) => who(at).join(' ') !== who(0).join(' '));
    const change = stretches[then];
    return {
      policy: outline.name,
      level,
      now: who(0).map(nameOf),
      until: change ? new Date(change.start).toISOString() : null,
      next: change ? who(then).map(nameOf) : [],
    };
  });
}

async function overridesOf(
  { account }: HandoffInput,
  rosters: readonly Roster[],
  now: number,
  told: Told,
): Promise<HandoffResult['overrides']> {
  const { look } = activitiesOf(account);
  const rotas = new Map<string, RotaName>();
  for (const { outline } of rosters)
    for (const level of outline.levels) for (const rota of level.rotas) rotas.set(rota.id, rota);
  const all = [...rotas.values()];
  const found: HandoffResult['overrides'][number][] = [];
  for (const { id, name, isShiftBased } of all.slice(0, most.rotas)) {
    if (isShiftBased) {
      told.missing.push(
        `overrides of ${name}: it is of PagerDuty's shift-based kind, which is not to be read here`,
      );
      continue;
    }
    const came = await attempt(
      perform(look.listOverrides, {
        step: `Look for overrides of ${name}`,
        schedule: id,
        span: { start: now, end: now + aheadMs },
      }),
    );
    if (!came.ok) {
      told.missing.push(`overrides of ${name}: ${came.sentence}`);
      continue;
    }
    for (const { start, end, user } of came.overrides)
      found.push({
        schedule: name,
        person: user.name,
        start: new Date(start).toISOString(),
        end: new Date(end).toISOString(),
      });
  }
  if (all.length > most.rotas) told.missing.push(`overrides of ${all.length - most.rotas} more schedules`);
  return found.toSorted((a, b) => a.start.localeCompare(b.start));
}

async function readOwn(
  { account }: HandoffInput,
  told: Told,
  chronicle: Chronicle,
): Promise<OwnState | undefined> {
  const { ask } = activitiesOf(account);
  const came = await attempt(perform(ask.readOwnState, { step: 'See what oncall-runner holds' }));
  if (!came.ok) {
    told.missing.push(`what oncall-runner holds and waits for: ${came.sentence}`);
    told.unread ??= came.kind;
    return undefined;
  }
  chronicle.actsAs(came.agent);
  told.missing.push(...came.missing);
  return came;
}

function shiftOf(episodes: readonly Episode[]): NonNullable<HandoffResult['shift']> {
  const byService = new Map<string, number>();
  for (const { service } of episodes) {
    const name = service?.name ?? 'no service';
    byService.set(name, (byService.get(name) ?? 0) + 1);
  }
  return {
    incidents: episodes.length,
    high: episodes.filter(({ urgency }) => urgency === 'high').length,
    resolved: episodes.filter(({ status }) => status === 'resolved').length,
    noisiest: [...byService]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, 3)
      .map(([service, incidents]) => ({ service, incidents })),
  };
}

type Shown = Pick<HandoffResult, 'open' | 'shift' | 'onCall' | 'overrides' | 'own'>;

function summaryOf(
  { shift, onCall }: Shown,
  open: readonly Episode[] | undefined,
  hours: number,
  { missing }: Told,
): string {
  const high = open?.filter(({ urgency }) => urgency === 'high').length ?? 0;
  const [first] = onCall;
  return [
    open === undefined
      ? 'What is open could not be read.'
      : open.length === 0
        ? 'Nothing is open.'
        : `${count(open.length, 'incident')} open, ${high} of high urgency.`,
    shift === null
      ? `The last ${hours} h could not be read.`
      : `${count(shift.incidents, 'incident')} in the last ${hours} h, ${shift.resolved} resolved.`,
    ...(first
      ? [
          `${first.policy}: ${first.now.join(', ') || 'nobody'}${first.until === null ? '' : ` until ${moment(Date.parse(first.until))} UTC, then ${first.next.join(', ') || 'nobody'}`}.`,
        ]
      : []),
    ...(missing.length === 0 ? [] : [`${count(missing.length, 'part')} could not be read.`]),
  ].join(' ');
}

function sectionsOf(
  { open, shift, onCall, overrides, own }: Shown,
  all: readonly Episode[] | undefined,
  shiftBased: readonly string[],
  now: number,
  hours: number,
): readonly Section[] {
  const waiting = open.filter(
    ({ status, since }) => status === 'triggered' && now - Date.parse(since) > staleMs,
  );
  return [
    {
      title: 'Open',
      lines: open.map(
        ({ number, title, urgency, service, nextStep: step, lastNote }) =>
          `#${number} ${urgency}, ${plain(`${service ?? 'no service'}: ${title}`)}: ${plain(step)}${lastNote === null ? '' : `; last note by ${plain(lastNote)}`}`,
      ),
      empty: all === undefined ? 'not read' : 'nothing',
    },
    {
      title: `Last ${hours} h`,
      lines:
        shift === null
          ? []
          : [
              `${count(shift.incidents, 'incident')}, ${shift.high} of high urgency, ${shift.resolved} resolved${shift.noisiest.length === 0 ? '' : `; most from ${plain(shift.noisiest.map(({ service, incidents }) => `${service} (${incidents})`).join(', '))}`}`,
            ],
      empty: 'not read',
    },
    {
      title: 'On call',
      lines: onCall.map(
        ({ policy, level, now: who, until, next }) =>
          `${plain(policy)} level ${level}: ${plain(who.join(', ') || 'nobody')}${until === null ? '' : ` until ${moment(Date.parse(until))} UTC, then ${plain(next.join(', ') || 'nobody')}`}`,
      ),
      empty: 'not read',
    },
    {
      title: 'Overrides that come',
      lines: overrides.map(
        ({ schedule, person, start, end }) =>
          `${plain(schedule)}: ${plain(person)} ${spell({ start: Date.parse(start), end: Date.parse(end) })}`,
      ),
    },
    ownSection(own, now),
    {
      title: 'Asked of you',
      lines: [
        ...ownAsks(own),
        ...(waiting.length === 0
          ? []
          : [
              `Look at ${waiting.map(({ number }) => `#${number}`).join(', ')}: nobody has acknowledged them.`,
            ]),
        ...onCall
          .filter(({ now: who }) => who.length === 0)
          .map(
            ({ policy, level }) =>
              `Find somebody for ${plain(policy)} level ${level}: nobody is on call there.`,
          ),
        ...(shiftBased.length === 0
          ? []
          : [
              `Look at ${plain(shiftBased.join(', '))} in PagerDuty: shift-based, only who is on call is known here.`,
            ]),
      ],
    },
  ];
}

const hourMs = 3_600_000;

/** PagerDuty's clock may be ahead of Temporal's: what just happened belongs to the shift as well. */
const skewMs = 60_000;

/** How long an incident may stand unacknowledged before the next person is asked to look at it. */
const staleMs = 30 * 60_000;
