import { html } from 'hono/html';
import { type Budget, budgetsOf } from '../../gate/pace.ts';
import type { Policy } from '../../gate/policy.ts';
import { paceReason, taskQueues } from '../../workflows/contract.ts';
import { queueLimit } from '../frozen.ts';
import { spanOf } from '../words.ts';
import { type Html, listing, plain } from './page.ts';
import type { Sources } from './sources.ts';

/** What of each account's budget is used and left, as the Worker that keeps its pace knows it. */
export async function budgetsIn({ policy, store }: Sources): Promise<readonly Html[]> {
  const configured = policy();
  const accounts = [...configured.accounts.keys()];
  const budgets = await store((db) =>
    Promise.all(accounts.map(async (account) => [account, await budgetsOf(db, account)] as const)),
  );
  const known = budgets.filter(([, some]) => some.length > 0);
  return [
    ...(known.length === 0
      ? []
      : [
          listing(
            ['Account', 'Whose credential', 'Used', 'Left', 'Known since'],
            known.flatMap(([account, some]) =>
              some.map((budget) => rowOf(account, budget, ownerOf(configured, account, budget))),
            ),
          ),
        ]),
    ...budgets.flatMap(([account, some]) =>
      some.length > 0
        ? []
        : [plain(`Nothing is known of the budget of ${account}: no Worker that runs has heard of it yet.`)],
    ),
  ];
}

/** Whose credential a budget is of; what it is stays where it is. */
function ownerOf({ accounts, agents }: Policy, account: string, { credential }: Budget): string {
  const isIt = (one: { readonly credential: object } | undefined): boolean =>
    one !== undefined && JSON.stringify(one.credential) === credential;
  if (isIt(accounts.get(account))) return 'the account’s';
  const [name] = [...agents].find(([, { credentials = {} }]) => isIt(credentials[account])) ?? [];
  return name ?? 'one that the configuration names no more';
}

function rowOf(
  account: string,
  { limit, remaining, resetMs, ageMs }: Budget,
  owner: string,
): readonly (string | Html)[] {
  const isOver = resetMs <= 0;
  const left = isOver ? limit : remaining;
  return [
    account,
    owner,
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
