import type { Oncall } from '../oncall.ts';
import { isServed } from '../served.ts';
import { type Answer, type Caller, ToolError } from './tool.ts';

/** How long an answer may take, beyond a poll that says how long it waits, in milliseconds. */
export const usualAnswerMs = 5_000;

/** A call, and whom to name where it takes too long. */
interface Asked {
  readonly name: string;
  readonly isRead: boolean;
}

/**
 * Answers in time or says that it takes longer: what a model waits for it can do nothing beside. Reads that nobody waits for
 * are ended; writes go on as the runs they are.
 * @throws ToolError where the answer is overdue.
 */
export async function answeredInTime(
  base: Omit<Caller, 'signal' | 'due'>,
  waiting: AbortSignal,
  ms: number,
  answer: (caller: Caller) => Promise<Answer>,
  asked: Asked = { name: 'The read', isRead: true },
): Promise<Answer> {
  const overdue = new AbortController();
  const signal = AbortSignal.any([waiting, overdue.signal]);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms);
  });
  const work = answer({ ...base, oncall: until(base.oncall, signal), signal, due: Date.now() + ms });
  try {
    const first = await Promise.race([work, late]);
    if (first !== 'late') return first;
    work.catch(() => {});
    overdue.abort();
    throw await whyLate(base, asked, ms);
  } finally {
    clearTimeout(timer);
  }
}

/** The same, whose calls end when nobody waits for them. */
const until = (oncall: Oncall, signal: AbortSignal): Oncall => ({
  ...oncall,
  call: (operation, request, options) => oncall.call(operation, request, { ...options, signal }),
});

async function whyLate(
  { client }: Pick<Caller, 'client'>,
  { name, isRead }: Asked,
  ms: number,
): Promise<ToolError> {
  const served = await isServed(client).catch(() => true);
  const why = served
    ? `${name} has no answer after ${Math.round(ms / 1_000)} s: PagerDuty is slow, or its rate limit is used up`
    : `${name} has no answer: no Worker works on runs now`;
  return new ToolError(
    'unavailable',
    isRead ? `${why}. Nothing was changed.` : `${why}. What was begun goes on as a run.`,
    isRead
      ? ['Wait and call again.']
      : [{ tool: 'pd_run', args: { do: 'list' } }, 'Do not start it again before you have looked.'],
    { retryAfterSeconds: 15 },
  );
}
