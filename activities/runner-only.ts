import { type Stamp, write } from '../gate/audit.ts';
import { digestOf } from '../gate/canonical.ts';
import { runner } from '../gate/runner.ts';
import type { Deps } from './deps.ts';
import { toFailure } from './failures.ts';
import { originNow, runNow } from './origin.ts';
import type { NotDone } from './results.ts';

/**
 * Does what the runner does for itself, where nothing is asked of PagerDuty and so `perform` stands in nobody's way. Any other
 * run is denied, and that is written down. A store that is away is tried again.
 */
export async function asRunner<T>(
  deps: Deps,
  step: string,
  work: () => Promise<T>,
  what = 'sweep incidents',
): Promise<T | NotDone> {
  try {
    return (await denialOf(deps, step, what)) ?? (await work());
  } catch (error) {
    throw toFailure(error);
  }
}

async function denialOf(deps: Deps, step: string, what: string): Promise<NotDone | undefined> {
  const { run, attempt } = runNow();
  const state = deps.policy();
  const origin = await originNow(deps, state);
  if (origin.kind === 'runner') return undefined;
  const agent = origin.kind === 'nobody' ? origin.claimed : origin.agent;
  const sentence = `${agent} may not ${what}: that is for ${runner} alone.`;
  const entry: Stamp = await write(await deps.store(), {
    kind: 'entry',
    agent,
    account: deps.account,
    workflowId: run.workflowId,
    runId: run.runId,
    step,
    attempt,
    configuration: state.readable ? state.policy.digest : 'unreadable',
    operation: 'sweep',
    action: 'sweep',
    incident: null,
    decision: 'denied',
    rule: 'runner',
    sentence,
    requestDigest: digestOf({ step }),
    reads: [],
  });
  return { ok: false, kind: 'PermissionDenied', sentence, entry, agent };
}
