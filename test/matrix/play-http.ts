import { setTimeout as passes } from 'node:timers/promises';
import type { z } from 'zod';
import type { Fault } from '../../simulator/faults.ts';
import { type Job, jobsOf, type Lot } from './place.ts';
import type { Stand, Subject } from './stand.ts';
import type { Tally } from './tally.ts';

type Asked = Omit<z.input<typeof Fault>, 'match' | 'each' | 'times'>;

/** What befalls a request on its way, as the simulator's faults play it. */
export const httpFaults = {
  'request-dropped': { kind: 'drop_request' },
  'response-dropped': { kind: 'drop_response' },
  reset: { kind: 'reset' },
  '500': { kind: 'status', status: 500 },
  truncated: { kind: 'truncate' },
  '429': { kind: 'rate_limited', retry_after_seconds: 1 },
  'bare-429': { kind: 'bare_429' },
  late: { kind: 'late', delay_ms: 12_000 },
} as const satisfies Readonly<Record<string, Asked>>;
export type HttpFault = keyof typeof httpFaults;

/** Runs under way at a time. With more, tasks of a busy server time out and are done again, and nothing gets on. */
const atOnce = 100;

/** Every fifth seed is struck twice in a row: the repeat, where there is one, meets the same. */
const variantOf = (seed: number): number => (seed % 5 === 0 ? 2 : 1);

/** Plays HTTP faults, each on the runs that carry its number. */
export async function playHttp(stand: Stand, lots: ReadonlyMap<HttpFault, Lot>, tally: Tally): Promise<void> {
  for (const [name, { code }] of lots) {
    for (const times of [1, 2]) {
      const match = `MX${String(code).padStart(2, '0')}V${times}`;
      await control(stand, 'POST', '/faults', { ...httpFaults[name], match, each: true, times });
    }
  }
  await stand.startWorker();
  const jobs = [...lots].flatMap(([name, lot]) => jobsOf(lot, variantOf).map((job) => ({ name, job })));
  const played = new Map<HttpFault, Subject[]>();
  await inTurn(jobs, async ({ name, job }) => {
    const subject = await stand.start(job.write, job.token, job.seed);
    played.set(name, [...(played.get(name) ?? []), subject]);
    await subject.ended;
  });
  // What is late still counts: a run that did not wait for it has ended before.
  if (played.has('late')) await passes(httpFaults.late.delay_ms);
  for (const [name, subjects] of played) {
    const { kind } = httpFaults[name];
    await tally.judge(
      name,
      stand,
      subjects,
      (_subject, { requests }) => requests.some(({ fault }) => fault === kind),
      {
        isCounted: () => true,
      },
    );
  }
}

async function inTurn<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

/** Asks the simulator's control endpoint. */
export async function control(
  { simulator }: Stand,
  method: string,
  path: string,
  body?: unknown,
): Promise<void> {
  const answer = await fetch(`${simulator.url}/_simulator${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
}

export type { Job };
