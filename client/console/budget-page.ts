import { html } from 'hono/html';
import { type Budget, budgetsOf } from '../../gate/pace.ts';
import { paceReason, taskQueues } from '../../workflows/contract.ts';
import { queueLimit } from '../frozen.ts';
import { spanOf } from '../words.ts';
import { type Html, listing, plain } from './page.ts';
import type { Sources } from './sources.ts';

/** What of each account's budget is used and left, as the Worker that keeps its pace knows it. */
export async function budgetsIn({ policy, store }: Sources): Promise<readonly Html[]> {
  const accounts = [...policy().accounts.keys()];
  const budgets = await store((db) =>
    Promise.all(accounts.map(async (account) => [account, await budgetsOf(db, account)] as const)),
  );
  const known = budgets.filter(([, some]) => some.length > 0);
  return [
    ...(known.length === 0
      ? []
      : [
          listing(
            ['Account', 'Credential', 'Used', 'Left', 'Known since'],
            known.flatMap(([account, some]) => some.map((budget) => rowOf(account, budget))),
          ),
        ]),
    ...budgets.flatMap(([account, some]) =>
      some.length > 0
        ? []
        : [plain(`Nothing is known of the budget of ${account}: no Worker that runs has heard of it yet.`)],
    ),
  ];
}

function rowOf(
  account: string,
  { credential, limit, remaining, resetMs, ageMs }: Budget,
): readonly (string | Html)[] {
  const isOver = resetMs <= 0;
  const left = isOver ? limit : remaining;
  return [
    account,
    credential,
    `${limit - left} of ${limit}`,
    html`<meter min="0" max="${limit}" value="${left}" aria-label="Left of ${account}"></meter> ${left}${
      isOver ? ', since the time of the last is over' : `, for ${spanOf(resetMs)}`
    }`,
    `${spanOf(ageMs)} ago`,
  ];
}

/** How fast each account's Task Queues may go now, and why. */
export async function pacesIn({ policy, temporal }: Sources): Promise<Html> {
  const queues = [...policy().accounts.keys()].flatMap((account) => [
    taskQueues.rest(account),
    taskQueues.urgent(account),
    taskQueues.events(account),
  ]);
  if (queues.length === 0) return plain('The configuration names no account.');
  const limits = await temporal((client) => Promise.all(queues.map((queue) => queueLimit(client, queue))));
  return listing(
    ['Task Queue', 'Starts a second', 'Why it was set so'],
    queues.map((queue, index) => {
      const { perSecond, reason = '' } = limits[index] ?? {};
      return [
        queue,
        perSecond === undefined ? 'no limit of its own' : String(Math.round(perSecond * 100) / 100),
        reason.startsWith(paceReason) ? reason.slice(paceReason.length) : reason || '–',
      ];
    }),
  );
}
