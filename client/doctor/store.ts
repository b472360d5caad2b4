import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { sinceKept } from '../../gate/pace.ts';
import type { Policy } from '../../gate/policy.ts';
import { storeClock } from '../../gate/store-clock.ts';
import { pressedSwitches, wordsOf as wordsOfSwitch } from '../../gate/switches.ts';
import { verifyAudit } from '../audit-verify.ts';
import type { ClientSettings } from '../config.ts';
import { carryOut } from '../order-word.ts';
import { changesFor } from '../standing-changes.ts';
import { hasStore, inStore, noStore, withShifts } from '../store.ts';
import { type Clock, type Finding, wordsOf } from './finding.ts';

type Where = Pick<ClientSettings, 'home' | 'databaseUrl'>;

/** What a look at the store gave. */
export interface SeenStore {
  readonly findings: readonly Finding[];
  /** How long ago the last Worker that kept a pace stopped doing so; negative while one does, `undefined` where none ever has. */
  readonly sinceKeptMs?: number | undefined;
  /** Of a database on another machine. */
  readonly clock?: Clock;
}

/** The audit store: whether it can be used, whether its chain is whole, and what is pressed in it. */
export async function lookAtStore(
  where: Where,
  policy: Policy | undefined,
  now: () => number,
): Promise<SeenStore> {
  const of = 'audit store';
  const left = lookAtJournal(where.home);
  if (!hasStore(where))
    return {
      findings: [
        {
          of,
          what: `there is no audit in ${where.home}`,
          mend: noStore(where).split('; ')[1] ?? 'oncall worker',
        },
        ...left,
      ],
    };
  try {
    return await inStore(where, async (store) => {
      const before = now();
      const says = await storeClock(store);
      const after = now();
      const { whole, sentence } = await verifyAudit(store, { say: () => {} });
      const frozen = policy ? await pressedSwitches(store, policy, 'freeze') : [];
      const disabled = policy ? await pressedSwitches(store, policy, 'disable') : [];
      return {
        findings: [
          ...(whole
            ? []
            : [
                {
                  of: 'audit',
                  what: wordsOf(sentence),
                  mend: '`oncall audit verify` names every record that does not fit; docs/audit.md says what to do then',
                },
              ]),
          ...frozen.map((row) => ({
            of: 'switches',
            what: `everything is frozen ${wordsOfSwitch(row)}`,
            mend: 'oncall thaw',
          })),
          ...disabled.map((row) => ({
            of: 'switches',
            what: `${row.name} is disabled ${wordsOfSwitch(row)}`,
            mend: `oncall agents enable ${row.name}, or take it out of the configuration`,
          })),
          ...left,
        ],
        sinceKeptMs: await sinceKept(store),
        ...(where.databaseUrl && { clock: { whose: 'the audit store’s', says, between: [before, after] } }),
      };
    });
  } catch (error) {
    return {
      findings: [
        {
          of,
          what: wordsOf(error),
          mend: 'nothing is sent until it can be used; docs/deploy.md says what it needs',
        },
        ...left,
      ],
    };
  }
}

/** Releases that were made while the store was away, and that no sweep has carried over. */
function lookAtJournal(home: string): readonly Finding[] {
  const file = join(home, 'releases.jsonl');
  const count = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).length : 0;
  if (count === 0) return [];
  return [
    {
      of: 'audit store',
      what: `${count} ${count === 1 ? 'release is' : 'releases are'} in ${file} and not in the audit: the store was away`,
      mend: 'start a Worker with this ONCALL_HOME: its sweep carries them over within a minute',
    },
  ];
}

/** Where the Schedules of standing orders are not as the configuration says. */
export async function lookAtOrders(
  where: Where,
  client: Client,
  policy: Policy,
): Promise<readonly Finding[]> {
  const changes = await withShifts(where, (shifts) => changesFor(client, policy, shifts));
  const fix = {
    asks: `Bring ${changes.length === 1 ? 'this Schedule' : `these ${changes.length} Schedules`} to what the configuration says?`,
    mend: async () => {
      for (const change of changes) await carryOut(client, policy, change);
      return `the Schedules are as the configuration says: ${changes.map(({ name }) => name).join(', ')}`;
    },
  };
  return changes.map((change) => ({
    of: 'standing orders',
    what: driftOf(change),
    mend: 'oncall standing apply',
    fix,
  }));
}

function driftOf(change: Awaited<ReturnType<typeof changesFor>>[number]): string {
  const { name } = change;
  switch (change.kind) {
    case 'create':
      return `${name} has no Schedule, so it never starts`;
    case 'remove':
      return `${name} has a Schedule and is not in the configuration: the gate refuses its runs`;
    case 'update':
      return `${name} differs on the server in ${change.differences.map(({ line }) => line).join(', ')}, so the gate refuses its runs`;
  }
}
