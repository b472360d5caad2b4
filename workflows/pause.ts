import { ApplicationFailure } from '@temporalio/common';
import { condition, defineQuery, defineUpdate, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Chronicle } from './chronicle.ts';
import type { Pause, Signed } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';
import { asSaid, brief, checkShort, checkSigned } from './said.ts';

/** Nothing is written until an operator resumes; a lease runs on. Narrows only, so anyone may say it. */
export const pause = defineUpdate<
  string,
  [({ readonly by?: string; readonly reason?: string } | undefined)?]
>('pause');

/** Goes on after a pause. Widens, so an operator must have signed exactly this pause. */
export const resume = defineUpdate<string, [Signed<Pause>]>('resume');

/** The pause that holds; `null` where none does. */
export const pausedSince = defineQuery<Pause | null>('paused');

/** Whether a run may write, as far as those say who pause it. */
export interface Paused {
  /** Waits until no pause holds, or the run has another end; says whether none holds then. */
  readonly over: (hasEnd: () => boolean) => Promise<boolean>;
}

/** Listens for a run to who pauses and who resumes it. */
export function pauseOf(account: string, chronicle: Chronicle): Paused {
  const { urgent } = activitiesOf(account);
  let paused: (Pause & { readonly over: () => void }) | undefined;
  setHandler(
    pause,
    (word) => {
      const by = asSaid(word?.by, 'somebody');
      const reason = asSaid(word?.reason, '', 120);
      const why = reason === '' ? '' : `: ${reason}`;
      paused ??= {
        at: Date.now(),
        by,
        over: chronicle.waitsFor(
          `an operator to resume it (paused by ${by}${why})`,
          undefined,
          `let it go on with \`oncall resume ${workflowInfo().workflowId}\`, or take the incident with \`oncall take-over ${workflowInfo().workflowId}\``,
        ),
      };
      return 'It writes nothing until an operator resumes it; a lease runs on.';
    },
    {
      description: 'Write nothing until an operator resumes the run',
      validator: brief(checkShort),
    },
  );
  setHandler(
    resume,
    async ({ value, statement }) => {
      const heardAt = new Date().toISOString();
      const word = await perform(urgent.admit, {
        step: `Check who resumes at ${heardAt}`,
        update: 'resume',
        of: 'operator',
        value,
        statement,
      });
      if (!word.ok) throw ApplicationFailure.nonRetryable(word.sentence, 'PermissionDenied');
      chronicle.say(word.sentence);
      paused?.over();
      paused = undefined;
      return word.sentence;
    },
    {
      description: 'Go on after a pause: { value: what the Query paused says, statement }',
      validator: brief((word: Signed<Pause>) => {
        checkSigned(word, '`oncall resume` signs one');
        if (!paused) throw new Error('The run is not paused.');
        if (word.value.at !== paused.at || word.value.by !== paused.by)
          throw new Error('It is paused anew since; look again, then resume that.');
      }),
    },
  );
  setHandler(pausedSince, () => (paused ? { at: paused.at, by: paused.by } : null), {
    description: 'Who paused the run, and since when',
  });
  return {
    over: async (hasEnd) => {
      if (paused) await condition(() => paused === undefined || hasEnd());
      return paused === undefined;
    },
  };
}
