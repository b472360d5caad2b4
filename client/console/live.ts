import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { waitingRuns } from '../approvals.ts';
import { waitsOf } from './approvals-page.ts';
import { type Asked, cameAfter, entryOf } from './audit-page.ts';
import type { Sources } from './sources.ts';

/** How often it is looked for new records, in milliseconds. */
const everyMs = 1_000;

/** How often it is looked for what waits: every third time. */
const waitsEvery = 3;

/** Pages that are kept up to date at once, of all visitors. */
const mostStreams = 32;

/** After how long a page asks again that came when so many were open, in milliseconds. */
const fullMs = 30_000;

/** Keeps pages up to date, until their visitor leaves, is signed out, or the console ends. */
export interface Live {
  /** @param asked with `after`, what records the page shows; without, none. */
  readonly stream: (
    context: Context,
    asked: Asked & { readonly after?: number },
    isIn: () => Promise<boolean>,
  ) => Response;
}

export function liveOf(sources: Sources, over: AbortSignal): Live {
  let streams = 0;
  return {
    stream: (context, { after, ...asked }, isIn) => {
      if (streams >= mostStreams)
        return streamSSE(context, (stream) =>
          stream.writeSSE({ event: 'full', data: 'too many pages', retry: fullMs }),
        );
      streams += 1;
      return streamSSE(context, async (stream) => {
        const gone = new AbortController();
        stream.onAbort(() => gone.abort());
        const ended = AbortSignal.any([over, gone.signal]);
        try {
          // Whoever comes back says what came last.
          const heard = Number(context.req.header('last-event-id') ?? Number.NaN);
          let last = after !== undefined && heard > after ? heard : after;
          for (let turn = 0; !ended.aborted; turn += 1) {
            const mayLook = await isIn().catch(() => undefined);
            if (mayLook === false) {
              // What the page shows is for nobody any more: it looks again, and is told why.
              await stream.writeSSE({ event: 'over', data: 'signed out' });
              break;
            }
            // What is away is told by the page itself; here it is looked again.
            if (mayLook && last !== undefined) last = await newEntries(last).catch(() => last);
            if (mayLook && turn % waitsEvery === 0) {
              const waits = await sources.temporal((client) => waitingRuns(client)).catch(() => undefined);
              if (waits) await stream.writeSSE({ event: 'waits', data: waitsOf(waits) });
            }
            await sleep(everyMs, undefined, { signal: ended, ref: false }).catch(() => {});
          }
        } finally {
          streams -= 1;
        }

        async function newEntries(from: number): Promise<number> {
          const records = await cameAfter(sources, asked, from);
          for (const record of records)
            await stream.writeSSE({
              event: 'entry',
              id: String(record.seq),
              data: String(await entryOf(sources, record, true)),
            });
          return records.at(-1)?.seq ?? from;
        }
      });
    },
  };
}
