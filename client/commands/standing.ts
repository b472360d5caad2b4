import { clientSettings } from '../config.ts';
import { confirm } from '../confirm.ts';
import { type ExitCode, exitCodes } from '../errors.ts';
import { asOperator, carryOut, readable, toldOf } from '../order-word.ts';
import type { Output } from '../output.ts';
import { type ListedOrder, listOrders, whenOf } from '../standing.ts';
import { type Change, changesFor } from '../standing-changes.ts';
import { withShifts } from '../store.ts';
import { table } from '../table.ts';
import { clockOf, said } from '../words.ts';

/** `oncall standing`: every order, whether its Schedule is as the configuration says, its last run and its next. */
export async function listStanding(output: Output): Promise<ExitCode> {
  const policy = readable();
  return asOperator(async (client) => {
    const orders = await withShifts(clientSettings(), (shifts) => listOrders(client, policy, shifts));
    output.result(
      orders,
      orders.length === 0 ? 'The configuration has no standing orders.' : inWords(orders),
    );
    return exitCodes.done;
  });
}

function inWords(orders: readonly ListedOrder[]): string {
  const rows = table<ListedOrder>(
    [
      { title: 'ORDER', of: ({ name }) => said(name) },
      { title: 'WHEN', of: ({ when }) => said(when), flexible: true },
      { title: 'WORKFLOW', of: ({ workflow }) => said(workflow) },
      { title: 'AGENT', of: ({ agent }) => said(agent) },
      { title: 'STATE', of: ({ state }) => state },
      { title: 'LAST', of: ({ last }) => (last ? `${clockOf(last.at)} ${last.state}` : '') },
      { title: 'NEXT', of: ({ next: [next] }) => (next === undefined ? '' : clockOf(next)) },
    ],
    orders,
  );
  return [rows, ...orders.flatMap(remarks)].join('\n');
}

/** What of an order a person should know, a sentence each. */
function remarks({
  name,
  paused,
  differences,
  state,
  missed,
  skipped,
  shifts,
}: ListedOrder): readonly string[] {
  const lines = differences.map(
    ({ line, wanted, found }) =>
      `  ${line}: ${said(found)} on the server, ${said(wanted)} in the configuration`,
  );
  return [
    ...(lines.length > 0
      ? [`${name}: its Schedule is not as the configuration says, so the gate refuses its runs:`, ...lines]
      : []),
    ...(state === 'not applied'
      ? [`${name}: it has no Schedule yet; \`oncall standing apply\` makes it.`]
      : []),
    ...(state === 'not in the configuration'
      ? [`${said(name)}: the gate refuses its runs; \`oncall standing apply\` removes its Schedule.`]
      : []),
    ...(paused === null ? [] : [`${said(name)}: paused ${said(paused)}.`]),
    ...shifts.map(
      (sentence) => `${said(name)}: ${said(sentence, 500).replace(/[.?]?$/, (end) => end || '.')}`,
    ),
    ...(missed > 0 ? [`${said(name)}: missed ${missed} times, found too late to be caught up.`] : []),
    ...(skipped > 0 ? [`${said(name)}: left out ${skipped} times, since the run before was under way.`] : []),
  ];
}

/** `oncall standing apply`: brings the Schedules to what the configuration says, after the diff was shown. */
export async function applyStanding(options: { readonly yes?: boolean }, output: Output): Promise<ExitCode> {
  const policy = readable();
  return asOperator(async (client) => {
    const changes = await withShifts(clientSettings(), (shifts) => changesFor(client, policy, shifts));
    if (changes.length === 0) {
      output.result(
        { changes: [], applied: false },
        'Nothing to change: the Schedules are as the configuration says.',
      );
      return exitCodes.done;
    }
    for (const line of changes.flatMap(diffOf)) output.say(line);
    if (
      !(await confirm(
        `Make ${changes.length === 1 ? 'this change' : `these ${changes.length} changes`}?`,
        options,
      ))
    ) {
      output.result({ changes: changes.map(toldOf), applied: false }, 'Nothing was changed.');
      return exitCodes.done;
    }
    for (const change of changes) await carryOut(client, policy, change);
    const count = (kind: Change['kind']): number => changes.filter((change) => change.kind === kind).length;
    output.result(
      { changes: changes.map(toldOf), applied: true },
      `Created ${count('create')}, updated ${count('update')}, removed ${count('remove')}.`,
    );
    return exitCodes.done;
  });
}

function diffOf(change: Change): readonly string[] {
  const { name } = change;
  switch (change.kind) {
    case 'create': {
      const { workflow, agent } = change.order;
      return [`+ ${name}: ${whenOf(change.order)}, ${workflow} as ${agent}`];
    }
    case 'update':
      return [
        `~ ${name}`,
        ...change.differences.flatMap(({ line, wanted, found }) => [
          `  - ${line}: ${said(found, 500)}`,
          `  + ${line}: ${said(wanted, 500)}`,
        ]),
      ];
    case 'remove':
      return [`- ${said(name)}: not in the configuration`];
  }
}
