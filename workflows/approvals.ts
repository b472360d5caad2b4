import { CancellationScope, condition, defineQuery, defineUpdate, setHandler } from '@temporalio/workflow';
import type { CallInput, CallResult, NotDone } from '../activities/index.ts';
import type { Facts } from '../gate/facts.ts';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { attempt, type Failed } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import { type ApprovalAnswer, type Errand, forApproval, type PendingApproval } from './contract.ts';
import { effectOf } from './effect.ts';
import type { People } from './people.ts';
import { asSaid, brief, checkShort, longestStatement } from './said.ts';

interface Yes {
  readonly id: string;
  readonly statement: string;
}

interface No {
  readonly id: string;
  readonly by: string;
  readonly reason: string;
}

/** An operator's signed statement on one step. Whether it proves anything the step's Activity finds out; the answer says what it found. */
export const approve = defineUpdate<ApprovalAnswer, [Yes]>('approve');

/** A no to one step. Narrows only, so anyone may say it. */
export const refuse = defineUpdate<ApprovalAnswer, [No]>('refuse');

/** The steps that wait for an operator's word. */
export const pendingApprovals = defineQuery<readonly PendingApproval[]>('pendingApprovals');

/** A step that an operator refused, or that nobody approved in time. */
export interface Refused {
  readonly ok: false;
  readonly kind: 'ApprovalRefused';
  readonly sentence: string;
}

/** A step that was done, whatever it was. */
interface Done {
  readonly ok: true;
  readonly sentence: string;
}

type Came<Ok extends Done> = Ok | Exclude<NotDone, { kind: 'ApprovalNeeded' }> | Refused | Failed;

/** The words that came in on a step: signed, or as notes. */
export type Words = Required<Pick<CallInput<OperationName>, 'statements' | 'notes'>>;

/** Who else hears that a step waits. */
export interface Asking {
  /** The incident it is about, as it was last read. */
  readonly incident?: Incident;
  /** Called when a step begins to wait, and again where it is asked anew. */
  readonly asked?: (pending: PendingApproval) => Promise<void>;
  /** Whether the step waits at all; one that does not is refused where the gate wants an operator's word. */
  readonly waits?: boolean;
}

/** Where a run's steps wait for operators. */
export interface Desk {
  /** Performs a step; where the gate asks for an operator's word, waits for it and performs it anew, on what is true then. */
  readonly ask: <Name extends OperationName>(
    call: (words: Words) => Promise<CallResult<Name>>,
    asking?: Asking,
  ) => Promise<Came<Extract<CallResult<Name>, { ok: true }>>>;
  /** The same for a step that is no operation: the word on a plan. */
  readonly askFor: <Ok extends Done>(call: (words: Words) => Promise<Ok | NotDone>) => Promise<Came<Ok>>;
  /** The same desk; nothing waits there beyond an instant, milliseconds since 1970. */
  readonly until: (latest: number) => Desk;
}

/** How long a step waits for an operator, in seconds, where the input does not say. */
const patience = 900;

/** How many statements on one step are looked at: each costs a look at PagerDuty. */
const mostWords = 20;

/** A step at the desk, from the first time it was asked until it is over or asked anew. */
interface Waiting {
  asked: PendingApproval;
  readonly statements: string[];
  readonly notes: Words['notes'][number][];
  /** How many of the words the gate has looked at. */
  looked: number;
  refusal?: string;
  /** What the gate said last. */
  answer: ApprovalAnswer;
  over: boolean;
  /** How many who spoke are still to be answered. */
  listeners: number;
}

/**
 * Opens the desk of a run: its Updates and its Query.
 * @param people who is heard by notes, and may pause what is written.
 */
export function deskOf(
  { approvalSeconds = patience }: Errand,
  chronicle: Chronicle,
  people?: Pick<People, 'onNote' | 'mayWrite'>,
): Desk {
  const waiting = new Map<string, Waiting>();

  people?.onNote(({ code, ...note }) => {
    const step = [...waiting.values()].find(({ asked }) => asked.id.startsWith(code));
    if (!step) chronicle.say(`A note says “ok ${code}”, and nothing waits under that.`);
    else if (wordsOn(step) < mostWords) step.notes.push(note);
  });

  setHandler(pendingApprovals, () => [...waiting.values()].map(({ asked }) => asked), {
    description: 'Steps that wait for approval',
  });
  setHandler(
    approve,
    ({ id, statement }) => {
      const step = found(id);
      step.statements.push(statement);
      const mine = wordsOn(step);
      return answered(step, () => step.looked >= mine);
    },
    {
      description: 'An operator approves a step: { id, statement }',
      validator: brief((word: Yes) => {
        if (typeof word?.statement !== 'string' || word.statement.length > longestStatement)
          throw new Error('Send { id, statement }; `oncall approve` signs one.');
        const { id } = found(word.id).asked;
        if (wordsOn(found(id)) >= mostWords)
          throw new Error(`${id} has had ${mostWords} words; no more are looked at.`);
      }),
    },
  );
  setHandler(
    refuse,
    ({ id, by, reason }) => {
      const step = found(id);
      const why = asSaid(reason, '', 400);
      step.refusal ??= `${asSaid(by, 'somebody')} refused it${why === '' ? '' : `: ${why}`}`;
      return answered(step, () => false);
    },
    {
      description: 'An operator refuses a step: { id, by, reason }',
      validator: brief((word: No) => {
        if (typeof word?.by !== 'string' || typeof word.reason !== 'string')
          throw new Error('Send { id, by, reason }.');
        checkShort(word);
        found(word.id);
      }),
    },
  );

  function found(id: string): Waiting {
    const step = waiting.get(id);
    if (step) return step;
    const others = [...waiting.keys()];
    throw new Error(
      `Nothing waits for approval under ${id}; ${others.length === 0 ? 'nothing waits here at all' : `there is ${others.join(', ')}`}.`,
    );
  }

  async function answered(step: Waiting, isHeard: () => boolean): Promise<ApprovalAnswer> {
    step.listeners += 1;
    try {
      await condition(() => step.over || isHeard());
      return step.answer;
    } finally {
      step.listeners -= 1;
    }
  }

  /** Takes a step off the desk; whoever spoke about it is answered before the run goes on, and perhaps ends. */
  async function close(step: Waiting, answer: ApprovalAnswer): Promise<void> {
    waiting.delete(step.asked.id);
    step.answer = answer;
    step.over = true;
    await CancellationScope.nonCancellable(() => condition(() => step.listeners === 0));
  }

  /** Waits for the next word on a step, or for a no, or for nothing any more. */
  async function word(step: Waiting): Promise<string | undefined> {
    const { id, until } = step.asked;
    const said = (): boolean => step.refusal !== undefined || wordsOn(step) > step.looked;
    const over = chronicle.waitsFor(
      forApproval,
      until,
      `approve it with \`oncall approve ${id}\`, or refuse it with \`oncall deny ${id} --reason TEXT\``,
    );
    try {
      const came =
        said() || (await condition(said, Math.max(1, until - Date.now()), { summary: 'the approval' }));
      return step.refusal ?? (came ? undefined : 'nobody approved it in time');
    } finally {
      over();
    }
  }

  async function ask<Ok extends Done>(
    call: (words: Words) => Promise<Ok | NotDone>,
    { incident, asked: tell, waits = true }: Asking,
    latest: number,
  ): Promise<Came<Ok>> {
    const until = Math.min(latest, Date.now() + approvalSeconds * 1000);
    let step: Waiting | undefined;
    try {
      for (;;) {
        if (people && !(await people.mayWrite()))
          return { ok: false, kind: 'ApprovalRefused', sentence: 'The run was paused, and is over.' };
        const given = { statements: [...(step?.statements ?? [])], notes: [...(step?.notes ?? [])] };
        const result = await attempt(call(given));
        if (result.ok || result.kind !== 'ApprovalNeeded' || !result.approval) {
          if (step) await close(step, outcome(result));
          return result as Came<Ok>;
        }
        const { sentence, agent, approval } = result;
        if (!waits) return { ok: false, kind: 'ApprovalRefused', sentence };
        const answer = { step: 'waits', sentence: [...approval.unheard, sentence].join(' ') } as const;
        if (step?.asked.id === approval.id) {
          step.looked = given.statements.length + given.notes.length;
          step.answer = answer;
          // Whoever looks now sees whose word it lacks yet.
          const { by, people } = approval;
          step.asked = { ...step.asked, sentence, by, people };
          for (const idle of approval.unheard) chronicle.say(idle);
        } else {
          const anew =
            step === undefined
              ? undefined
              : `The facts have changed since ${step.asked.id} was asked: ${differenceOf(step.asked.facts, approval.facts)}.`;
          if (step && anew) await close(step, { ...answer, sentence: `${anew} ${sentence}` });
          const effect = effectOf(approval, incident);
          const asked: PendingApproval = {
            ...approval,
            agent,
            sentence,
            effect,
            until,
            ...(anew && { anew }),
          };
          const { refusal } = step ?? {};
          step = {
            asked,
            statements: [],
            notes: [],
            looked: 0,
            // A no that came meanwhile is a no to what is asked anew as well.
            ...(refusal !== undefined && { refusal }),
            answer,
            over: false,
            listeners: 0,
          };
          waiting.set(approval.id, step);
          chronicle.actsAs(agent);
          chronicle.say(
            `${anew ? `${anew} ` : ''}${sentence} ${effect} Approve it with \`oncall approve ${approval.id}\`.`,
          );
          // It waits for the word, not for the note that asks for it.
          tell?.(asked).catch(() => {});
        }
        const no = await word(step);
        if (no === undefined) continue;
        const refused = `${sentence} But ${no}.`;
        await close(step, { step: 'refused', sentence: refused });
        return { ok: false, kind: 'ApprovalRefused', sentence: refused };
      }
    } finally {
      if (step && !step.over)
        await close(step, { step: 'failed', sentence: 'The run has given the step up.' });
    }
  }

  const deskUntil = (latest: number): Desk => ({
    ask: <Name extends OperationName>(
      call: (words: Words) => Promise<CallResult<Name>>,
      asking: Asking = {},
    ) => ask<Extract<CallResult<Name>, { ok: true }>>(call as never, asking, latest),
    askFor: (call) => ask(call, {}, latest),
    until: (earlier) => deskUntil(Math.min(latest, earlier)),
  });
  return deskUntil(Number.POSITIVE_INFINITY);
}

const wordsOn = ({ statements, notes }: Waiting): number => statements.length + notes.length;

/** What differs of an incident between two looks, in words. */
function differenceOf({ incidents: before = [] }: Facts, { incidents: now = [] }: Facts): string {
  const differences = now.flatMap((incident) => {
    const was = before.find(({ id }) => id === incident.id);
    if (!was) return [`#${incident.number} came in`];
    return fields.flatMap((field) => {
      const [old, value] = [said(was[field]), said(incident[field])];
      return old === value ? [] : [`the ${field} of #${incident.number} was ${old} and is ${value}`];
    });
  });
  return differences.join('; ') || 'who or what it touches';
}

const fields = ['status', 'urgency', 'assignees', 'acknowledgers', 'service', 'policy', 'title'] as const;

const said = (value: string | readonly string[] | undefined): string =>
  (typeof value === 'object' ? value.join(' and ') : value) || 'nobody';

/** What became of an approved step, for whoever approved it. */
function outcome(result: Done | NotDone | Failed): ApprovalAnswer {
  const { sentence } = result;
  if (result.ok) return { step: 'done', sentence };
  if (result.kind === 'PermissionDenied') return { step: 'denied', sentence };
  return { step: result.kind === 'Changed' ? 'changed' : 'failed', sentence };
}
