import type { Named } from '../activities/index.ts';
import { type Applied, restOf, type WritePart } from './apply.ts';
import { attempt } from './attempt.ts';
import { type Chronicle, chronicleOf } from './chronicle.ts';
import { type Handover, type OverrideInput, type OverrideResult, type Plan, planIdOf } from './contract.ts';
import { type Roster, readRoster } from './cover-policies.ts';
import { afterOf, differencesOf, guardsOf, policiesOf, previewOf, rostersOf, wholeOf } from './handovers.ts';
import { refusalsIn } from './override-answer.ts';
import { carryOut, type Draft, type NoReads } from './plan.ts';
import { activitiesOf, perform } from './proxies.ts';
import { spell } from './report.ts';
import { Stop, type Turn, turnsOf } from './turns.ts';

/** How long people have to agree, in seconds, where the input does not say: nobody is woken to be asked. */
const defaultApprovalSeconds = 86_400;

/** What is known before anything is planned. */
interface OverrideReads {
  readonly turns: readonly Turn[];
  readonly preview: readonly Handover[];
  /** Why somebody who is no taker must say yes as well. */
  readonly guards: readonly string[];
  readonly rosters: readonly Roster[];
}

/**
 * Somebody takes over a turn of a schedule, or two people swap turns: by overrides, once each person who gets a duty has agreed
 * in person. Shows before who is on call then and now, by every policy that pages by the schedule, and looks afterwards whether
 * it is so. What is there is neither deleted nor laid over.
 */
export async function overrideOrSwap(input: OverrideInput): Promise<OverrideResult> {
  const chronicle = chronicleOf(input);
  let reads: OverrideReads | undefined;
  let stands = false;
  const errand = { ...input, approvalSeconds: input.approvalSeconds ?? defaultApprovalSeconds };
  const result = await carryOut(errand, chronicle, {
    type: 'overrideOrSwap',
    planId: planIdOf('overrideOrSwap', input),
    onTrouble: 'stop',
    rereads: true,
    nothing: 'Nothing is to be changed.',
    read: async () => {
      const found = await readAll(input, chronicle);
      if ('outcome' in found) return found;
      reads = found;
      return () => overriding(found);
    },
    parts: (write, response) => partsOf(reads?.turns ?? [], write, response),
    readBack: async (applied) => {
      const { turns = [], rosters = [] } = reads ?? {};
      stands = await standsAsPlanned(input, chronicle, takenOf(turns, applied), rosters);
      return stands;
    },
    tell: (applied, plan) => tell(reads?.turns ?? [], applied, plan, stands),
    next: (applied) => nextOf(reads?.turns ?? [], applied),
  });
  return reads ? { ...result, preview: reads.preview } : result;
}

async function readAll(input: OverrideInput, chronicle: Chronicle): Promise<OverrideReads | NoReads> {
  try {
    const turns = await turnsOf(input);
    const rosters = await rostersOf(input, turns, chronicle);
    const guards = await guardsOf(input, turns, rosters);
    return { turns, rosters, guards, preview: previewOf(rosters, turns) };
  } catch (error) {
    if (error instanceof Stop) return error.why;
    throw error;
  }
}

/** The plan: pure, and the same for the same reads. Overrides of one schedule go in one request, so that both halves of a swap stand or fall together. */
function overriding({ turns, preview, guards }: OverrideReads): Draft {
  const isSwap = turns.length > 1;
  const takers = turns.map(({ taker }) => ({ user: taker.id, name: taker.name, as: 'taker' as const }));
  const owners = isSwap
    ? []
    : ownersOf(turns).map(({ id, name }) => ({ user: id, name, as: 'owner' as const }));
  const schedules = [...new Set(turns.map(({ on }) => on.id))];
  return {
    writes: schedules.map((id) => {
      const own = turns.filter(({ on }) => on.id === id);
      return {
        step: `Override ${id}`,
        operation: 'createScheduleOverride' as const,
        request: {
          params: { id },
          body: {
            overrides: own.map(({ start, end, taker }) => ({
              start: iso(start),
              end: iso(end),
              user: { id: taker.id, type: 'user_reference' },
            })),
          },
        },
        seen: [],
        turns: own.map(({ start, end, before }) => ({
          start,
          end,
          turns: before.map((turn) => ({ start: turn.start, end: turn.end, user: turn.user?.id ?? null })),
        })),
        effect: own.map(effectOf).join(' '),
        pages: [],
      };
    }),
    guards,
    concerned: [...takers, ...owners],
    basis: [
      ...turns.map(
        ({ on, before }) =>
          `${on.name} (${on.id}), ${on.said}: ${before.map(({ user, ...span }) => `${user?.name ?? 'nobody'} ${spell(span)}`).join(', ')}`,
      ),
      ...policiesOf(turns).map(({ name, id }) => `pages by it: ${name} (${id})`),
      ...preview.map(
        ({ policy, level, start, end, before, after }) =>
          `${policy} level ${level}, ${spell({ start: Date.parse(start), end: Date.parse(end) })}: ${before.join(', ') || 'nobody'}, afterwards ${after.join(', ') || 'nobody'}`,
      ),
    ],
  };
}

/** Who loses a turn, or a part of it. */
const ownersOf = (turns: readonly Turn[]): readonly Named[] => [
  ...new Map(
    turns.flatMap(({ before, taker }) =>
      before.flatMap(({ user }) => (user && user.id !== taker.id ? [[user.id, user] as const] : [])),
    ),
  ).values(),
];

const effectOf = (turn: Turn): string => {
  const owners = ownersOf([turn]).map(({ name }) => name);
  return `${turn.on.said} on ${turn.on.name}: ${turn.taker.name} for ${owners.join(' and ') || 'nobody'}.`;
};

type Written = Parameters<NonNullable<Parameters<typeof carryOut>[2]['parts']>>[0];

/** The turns that a write is about, in the order of its overrides, and why PagerDuty refused which. */
function cameOf(turns: readonly Turn[], { request }: Written, response: object) {
  const { params } = request as { readonly params: { readonly id: string } };
  const refusals = refusalsIn(response);
  return turns
    .filter(({ on }) => on.id === params.id)
    .map((turn, index) => ({
      turn,
      refused: refusals.length === 0 ? 'PagerDuty does not say that it stands' : refusals[index],
    }));
}

const partsOf = (turns: readonly Turn[], write: Written, response: object): readonly WritePart[] =>
  cameOf(turns, write, response).map(({ turn, refused }) => ({
    effect: effectOf(turn),
    ...(refused !== undefined && { refused: `PagerDuty ${refused}` }),
  }));

const takenOf = (turns: readonly Turn[], { done }: Applied): readonly Turn[] =>
  done.flatMap(({ write, response }) =>
    cameOf(turns, write, response).flatMap(({ turn, refused }) => (refused === undefined ? [turn] : [])),
  );

/** Whether the final schedules, and all who are on call, are what they should be; says what is not. */
async function standsAsPlanned(
  { account }: OverrideInput,
  chronicle: Chronicle,
  taken: readonly Turn[],
  rosters: readonly Roster[],
): Promise<boolean> {
  const { look } = activitiesOf(account);
  const other: string[] = [];
  for (const { on, taker, start, end } of taken) {
    const span = { start, end };
    const step = `Read back who has ${on.id} ${spell(span)}`;
    const read = await attempt(perform(look.readTurns, { step, schedule: on.id, span }));
    if (!read.ok) other.push(`${on.name} could not be read back: ${read.sentence}`);
    else if (read.turns.some(({ user }) => user?.id !== taker.id))
      other.push(`${on.name} does not show ${taker.name} for all of ${on.said}`);
  }
  for (const roster of taken.length > 0 ? rosters : []) {
    const span = wholeOf(taken);
    const now = await readRoster({ account, span }, roster.outline.id, chronicle);
    if (!now.ok) other.push(now.missing);
    else if (differencesOf(afterOf(roster, taken), now.duties, span).length > 0)
      other.push(`${roster.outline.name} reaches others than it should`);
  }
  for (const what of other) chronicle.say(`Not as planned: ${what}.`);
  return other.length === 0;
}

function tell(turns: readonly Turn[], applied: Applied, plan: Plan, stands: boolean): string {
  const taken = takenOf(turns, applied);
  return [
    ...taken.map(effectOf),
    ...(taken.length === 0 ? ['Nobody has another turn than before.'] : []),
    ...(taken.length > 0 && stands ? ['The final schedule and who is on call show it.'] : []),
    ...(taken.length > 0 && !stands ? ['PagerDuty does not show it as it should be.'] : []),
    ...restOf(applied, plan),
  ].join(' ');
}

function nextOf(turns: readonly Turn[], applied: Applied): readonly string[] {
  const taken = takenOf(turns, applied);
  const isUnknown = applied.why === 'partly';
  const where = turns.map(({ on }) => `${on.said} on ${on.name}`).join(' and ');
  return [
    ...(isUnknown ? [`Look in PagerDuty who has ${where} before you do it again.`] : []),
    ...(taken.length > 0 && taken.length < turns.length
      ? [
          'Only one half of the swap stands: take that override back in PagerDuty, or make the other half there.',
        ]
      : []),
    ...(turns.length === 1
      ? taken.flatMap((turn) => ownersOf([turn]).map(({ name }) => `Tell ${name}: ${effectOf(turn)}`))
      : []),
  ];
}

const iso = (at: number): string => new Date(at).toISOString();
