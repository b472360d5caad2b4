import { condition, defineQuery, defineUpdate, setHandler } from '@temporalio/workflow';
import type { CallResult, NotDone } from '../activities/index.ts';
import type { OperationName } from '../pagerduty/catalogue/index.ts';
import { attempt, type Failed } from './attempt.ts';
import type { Chronicle } from './chronicle.ts';
import type { Errand, PendingApproval } from './contract.ts';

/** An operator's signed statement on one step. Whether it proves anything the step's Activity finds out. */
export const approve = defineUpdate<string, [{ readonly id: string; readonly statement: string }]>('approve');

/** A no to one step. Narrows only, so anyone may say it. */
export const refuse = defineUpdate<
  string,
  [{ readonly id: string; readonly by: string; readonly reason: string }]
>('refuse');

/** The steps that wait for an operator's word. */
export const pendingApprovals = defineQuery<readonly PendingApproval[]>('pendingApprovals');

/** A step that an operator refused, or that nobody approved in time. */
export interface Refused {
  readonly ok: false;
  readonly kind: 'ApprovalRefused';
  readonly sentence: string;
}

/** Where a run's steps wait for operators. */
export interface Desk {
  /** Performs a step; where the gate asks for an operator's word, waits for it and performs it anew, on what is true then. */
  readonly ask: <Name extends OperationName>(
    call: (statements: readonly string[]) => Promise<CallResult<Name>>,
  ) => Promise<
    Extract<CallResult<Name>, { ok: true }> | Exclude<NotDone, { kind: 'ApprovalNeeded' }> | Refused | Failed
  >;
}

/** How long a step waits for an operator, in seconds, where the input does not say. */
const patience = 900;

/** Opens the desk of a run: its Updates and its Query. */
export function deskOf({ approvalSeconds = patience }: Errand, chronicle: Chronicle): Desk {
  const pending = new Map<string, PendingApproval>();
  const statements = new Map<string, readonly string[]>();
  const refusals = new Map<string, string>();

  setHandler(pendingApprovals, () => [...pending.values()], { description: 'Steps that wait for approval' });
  setHandler(
    approve,
    ({ id, statement }) => {
      statements.set(id, [...(statements.get(id) ?? []), statement]);
      return `The gate now looks at the approval of ${id}.`;
    },
    {
      description: 'An operator approves a step: { id, statement }',
      validator: (said) => {
        if (typeof said?.statement !== 'string')
          throw new Error('Send { id, statement }; `oncall approve` signs one.');
        mustWait(said.id);
      },
    },
  );
  setHandler(
    refuse,
    ({ id, by, reason }) => {
      refusals.set(id, `${by} refused it${reason === '' ? '' : `: ${reason}`}`.slice(0, 500));
      return `${id} is refused.`;
    },
    {
      description: 'An operator refuses a step: { id, by, reason }',
      validator: (said) => {
        if (typeof said?.by !== 'string' || typeof said.reason !== 'string')
          throw new Error('Send { id, by, reason }.');
        mustWait(said.id);
      },
    },
  );

  function mustWait(id: string): void {
    if (pending.has(id)) return;
    const waiting = [...pending.keys()];
    throw new Error(
      `Nothing waits for approval under ${id}; ${waiting.length === 0 ? 'nothing waits here at all' : `there is ${waiting.join(', ')}`}.`,
    );
  }

  return {
    ask: async (call) => {
      const until = Date.now() + approvalSeconds * 1000;
      let given: readonly string[] = [];
      for (;;) {
        const result = await attempt(call(given));
        if (result.ok || result.kind !== 'ApprovalNeeded' || !result.approval)
          return result as Awaited<ReturnType<Desk['ask']>> as never;
        const { id, ...asked } = result.approval;
        const { sentence } = result;
        pending.set(id, { id, sentence, ...asked, until });
        const before = statements.get(id)?.length ?? 0;
        chronicle.actsAs(result.agent);
        chronicle.say(`${sentence} Approve it with \`oncall approve ${id}\`.`);
        chronicle.waitsFor('approval', until);
        const heard = (): boolean => refusals.has(id) || (statements.get(id)?.length ?? 0) > before;
        const answered =
          heard() || (await condition(heard, Math.max(1, until - Date.now()), { summary: 'the approval' }));
        chronicle.waitsFor();
        pending.delete(id);
        const no = refusals.get(id) ?? (answered ? undefined : 'nobody approved it in time');
        if (no !== undefined) {
          return { ok: false, kind: 'ApprovalRefused', sentence: `${sentence} But ${no}.` };
        }
        given = statements.get(id) ?? [];
      }
    },
  };
}
