import { join } from 'node:path';
import { expect, inject, vi } from 'vitest';
import { applyStanding, listStanding } from '../../client/commands/standing.ts';
import * as acts from '../../client/commands/standing-acts.ts';
import type { Output } from '../../client/output.ts';
import type { ListedOrder } from '../../client/standing.ts';
import type { RunResult } from '../../workflows/contract.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** The commands of standing orders on a stage, as its operator `lead` says them. */
export function ordersOn(stage: Stage, before: string) {
  /** Ids of Schedules that a test may have made. */
  const made: string[] = [];
  const scheduleOf = (name: string) => stage.client.schedule.getHandle(`standing:main:${name}`);
  return {
    made,
    scheduleOf,
    /** The configuration has these orders. */
    hold: (...orders: readonly string[]): void => {
      const lines = orders.map((one) => `  ${one}\n`).join('');
      stage.editConfig(() => (lines === '' ? before : `${before}\nstanding:\n${lines}`));
      made.push(...orders.map((one) => `standing:main:${one.split(':')[0]}`));
    },
    /** Takes away what a test may have made: the list of Schedules is some moments old, so it is known by its own words. */
    clear: async (): Promise<void> => {
      stage.editConfig(() => before);
      for (const id of made.splice(0))
        await stage.client.schedule
          .getHandle(id)
          .delete()
          .catch(() => {});
    },
    apply: () => say((output) => applyStanding({ yes: true }, output)),
    trigger: async (of: string) =>
      (await say((output) => acts.triggerOrder(of, output))).result as {
        readonly started: string | null;
        readonly running: string | null;
      },
    list: async (of: string): Promise<ListedOrder> => {
      const { result } = await say(listStanding);
      const found = (result as readonly ListedOrder[]).find((one) => one.name === of);
      if (!found) throw new Error(`The list has no order ${of}.`);
      return found;
    },
    resultOf: (run: string): Promise<RunResult> => stage.client.workflow.getHandle(run).result(),
    entriesOf: async (run: string) => (await stage.audit({ run })).filter(({ kind }) => kind === 'entry'),
    /** Has the Schedule start a run as its page in the Temporal UI does, and gives the run's id. */
    triggerByHand: async (scheduleId: string): Promise<string> => {
      const handle = stage.client.schedule.getHandle(scheduleId);
      const count = (await handle.describe()).info.recentActions.length;
      await handle.trigger();
      return until('the Schedule has started a run', async () => {
        const { recentActions } = (await handle.describe()).info;
        return recentActions.length > count && recentActions.at(-1)?.action.workflow.workflowId;
      });
    },
    /** The server starts what was due a moment after it is. */
    begun: (run: string): Promise<boolean> =>
      until(`${run} has begun`, () =>
        stage.client.workflow
          .getHandle(run)
          .describe()
          .then(
            () => true,
            () => false,
          ),
      ),
    /** The run was refused for this reason, and its result and the audit say so. */
    refused: async (run: string, reason: RegExp): Promise<void> => {
      expect(await stage.client.workflow.getHandle(run).result()).toMatchObject({ outcome: 'denied' });
      const [denied, ...more] = (await stage.audit({ run })).filter(({ kind }) => kind === 'entry');
      expect(more).toEqual([]);
      expect(denied).toMatchObject({
        agent: 'nobody',
        decision: 'denied',
        sentence: expect.stringMatching(reason),
      });
    },
  };
}

/** Whoever says a command of this process is the operator `lead` of a stage; until `vi.unstubAllEnvs`. */
export function asLead(stage: Stage): void {
  vi.stubEnv('ONCALL_HOME', stage.home);
  vi.stubEnv('ONCALL_CONFIG', stage.configFile);
  vi.stubEnv('ONCALL_OPERATOR', 'lead');
  vi.stubEnv('ONCALL_OPERATOR_KEY_FILE', join(stage.home, 'lead.pem'));
  vi.stubEnv('TEMPORAL_ADDRESS', inject('temporalAddress'));
  vi.stubEnv('TEMPORAL_NAMESPACE', stage.namespace);
  if (stage.databaseUrl) vi.stubEnv('DATABASE_URL', stage.databaseUrl);
}

/** Says a command; gives its result, its words and what it said on the way. */
export async function say(command: (output: Output) => Promise<unknown>) {
  const lines: string[] = [];
  let result: unknown;
  let words = '';
  await command({
    say: (line) => void lines.push(line),
    result: (value, text) => {
      result = value;
      words = text;
    },
  });
  return { result, words, lines };
}
