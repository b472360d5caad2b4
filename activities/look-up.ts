import type { Stamp } from '../gate/audit.ts';
import type { StepRow } from '../gate/audit-store.ts';
import { sha256 } from '../gate/canonical.ts';
import type { LookFirst, Trace } from '../pagerduty/catalogue/endpoint.ts';
import {
  type Catalogue,
  catalogue,
  type OperationName,
  type RequestOf,
  type ResponseOf,
} from '../pagerduty/catalogue/index.ts';
import type { Call } from './call.ts';
import type { AllFacts } from './facts.ts';
import { outcomeUnknown } from './failures.ts';
import { gaveWay, giveWay, type SendOnce } from './put-back.ts';
import { outcomeOf } from './records.ts';
import { type CallResult, done, type NotDone, notDone } from './results.ts';

/** Records of a list that are looked through for an effect, at most. */
const mostPages = 10;

/** How long after its answer was due a write that would be made twice may still be late, in milliseconds: half a minute after it was sent. */
export const lateMs = 22_000;

/**
 * The effect of earlier tries that nobody answered for: found → recorded as done; not there → recorded as lost, and the write
 * may be sent. While an old try may still be answered, or be late where PagerDuty would make it twice, waits for it.
 * @throws TryAgain while it may.
 */
export async function lookFor<Name extends OperationName>(
  call: Call<Name>,
  earlier: StepRow,
  sendOnce: SendOnce,
): Promise<CallResult<Name> | undefined> {
  const { endpoint, step, ledger, caller } = call;
  const restMs = earlier.answer_by - (await ledger.now());
  if (restMs > 0) {
    throw outcomeUnknown(`An earlier try of "${caller.step}" may still be answered.`, restMs);
  }
  const stamp: Stamp = { seq: earlier.entry, hash: earlier.entry_hash };
  const lost = (sentence: string): Promise<Stamp> =>
    ledger.entry(outcomeOf(call, {}, stamp, { decision: 'lost', sentence }));
  const unknowable = async (why: string): Promise<NotDone> => {
    const sentence = `Whether "${caller.step}" took effect cannot be known: its answer did not come, and ${why}. It is not sent again.`;
    const came = outcomeOf(call, {}, stamp, { decision: 'lost', sentence });
    await ledger.settle(step, stamp, { state: 'unknown', isAnswered: true }, came);
    return notDone(call, 'OutcomeUnknown', sentence, stamp, {});
  };
  if (endpoint.repeat === 'never') return unknowable('nothing in PagerDuty would show it');
  if (endpoint.repeat === 'safe') {
    await lost('The earlier try was not answered; it is safe to send again.');
    return undefined;
  }
  const { response, hidden } = await effectOf(call, earlier.sent_at);
  if (response !== undefined) return found(call, stamp, response, earlier.lease_until ?? undefined, sendOnce);
  if (hidden !== undefined) return unknowable(hidden);
  // What PagerDuty itself has answered is due at no time, and not late.
  const restLateMs = endpoint.repeat.madeTwice ? restMs + lateMs : 0;
  if (restLateMs > 0) {
    throw outcomeUnknown(
      `An earlier try of "${caller.step}" shows no effect yet, and may be late.`,
      restLateMs,
    );
  }
  await lost('The earlier try left no trace in PagerDuty; it may be sent again.');
  return undefined;
}

/** Records that the effect of an earlier try is there: the step is done, unless a person came between. */
export async function found<Name extends OperationName>(
  call: Call<Name>,
  stamp: Stamp,
  response: ResponseOf<Name>,
  leaseUntil: number | undefined,
  sendOnce: SendOnce,
): Promise<CallResult<Name>> {
  const seen = ((await call.ledger.recall(stamp))?.facts ?? {}) as AllFacts;
  const gave = await giveWay(call, seen, response, sendOnce);
  const sentence = `The earlier try had taken effect; it is not sent again.${gave === undefined ? '' : ` But ${gave}.`}`;
  const ourUsers = await call.reader.ourUsers();
  const result =
    gave === undefined
      ? done(call, response, stamp, sentence, { ourUsers, leaseUntil, isFound: true })
      : notDone(call, 'Changed', gaveWay(call, seen, gave), stamp, seen);
  const came = outcomeOf(call, {}, stamp, { decision: 'found', sentence });
  await call.ledger.settle(call.step, stamp, { state: 'done', result }, came);
  return result;
}

/** What a look shows of a write. */
interface Effect<Name extends OperationName> {
  /** The write's answer as PagerDuty shows its effect now; absent where it shows none that is ours. */
  readonly response?: ResponseOf<Name>;
  /** Why nobody can know whether there is one. */
  readonly hidden?: string;
}

/** Looks for the effect of a write, in all the ways that it declares. */
export async function effectOf<Name extends OperationName>(
  call: Call<Name>,
  since: string,
): Promise<Effect<Name>> {
  const { repeat } = call.endpoint;
  if (typeof repeat === 'string') return {};
  const { find, ask, ours, hidden, also = [] }: LookFirst = repeat;
  const request = signed(call) as never;
  const trace: Trace = { ourUsers: await call.reader.ourUsers(), since, mark: markOf(call) };
  let first: unknown;
  for (let page = 0; page < mostPages; page += 1) {
    const shown = await seen(call, find as OperationName, ask(request, trace), page);
    first ??= shown;
    const response = ours(shown as never, request, trace);
    if (response !== undefined) return { response: response as ResponseOf<Name> };
    if (!isPartOfList(find, shown)) break;
  }
  for (const look of also) {
    const asked = look.ask(request, trace, first as never);
    if (!asked) continue;
    const shown = await seen(call, look.find as OperationName, asked, 0);
    const response = look.ours(shown as never, request, trace, first as never);
    if (response !== undefined) return { response: response as ResponseOf<Name> };
  }
  const why = hidden?.(first as never, request);
  return why === undefined ? {} : { hidden: why };
}

/** One look; several reads where several things are asked for. */
async function seen<Name extends OperationName>(
  { reader }: Call<Name>,
  find: OperationName,
  asked: unknown,
  page: number,
): Promise<unknown> {
  const about = 'an earlier try';
  if (Array.isArray(asked)) return reader.askAll(find, asked as never, about);
  if (page === 0) return reader.ask(find, asked as never, about);
  const { query = {} } = asked as { readonly query?: { readonly limit?: number } };
  const offset = page * (query.limit ?? 100);
  return reader.ask(find, { ...(asked as object), query: { ...query, offset } } as never, about);
}

function isPartOfList(find: string, shown: unknown): boolean {
  const { paging }: Catalogue[OperationName] & { readonly paging?: object } =
    catalogue[find as OperationName];
  return paging !== undefined && (shown as { readonly more?: unknown }).more === true;
}

/** The request as it is sent: with the step's mark, where PagerDuty has no key of its own. */
export function signed<Name extends OperationName>(
  call: Pick<Call<Name>, 'endpoint' | 'request' | 'step'>,
): RequestOf<Name> {
  const { endpoint, request } = call;
  if (typeof endpoint.repeat === 'string' || !endpoint.repeat.sign) return request;
  return endpoint.repeat.sign(request as never, markOf(call)) as RequestOf<Name>;
}

const markOf = ({ step }: Pick<Call<OperationName>, 'step'>): string =>
  `[oncall-runner ${sha256(step.key).slice(0, 10)}]`;
