import { type Stamp, write } from '../gate/audit.ts';
import { withStore } from '../gate/audit-store.ts';
import { bearerLost } from '../gate/bearers.ts';
import { digestOf } from '../gate/canonical.ts';
import { spend } from '../gate/spent.ts';
import { keysAt, StatementError, verify } from '../gate/statement.ts';
import { switchesFor } from '../gate/switches.ts';
import { voiceOf } from '../gate/voice.ts';
import { nameOf, speaker } from '../gate/words.ts';
import { checkStep } from './checks.ts';
import type { Deps } from './deps.ts';
import { toFailure } from './failures.ts';
import { originNow, runNow } from './origin.ts';

/** Words that came in by an Update, and the statement that should prove whose they are. */
export interface Words {
  readonly step: string;
  /** Name of the Update. */
  readonly update: string;
  /** What the Update said, without the statement. */
  readonly value: unknown;
  readonly statement: string;
  /** Whose words they must be: the run's own agent's, or any operator's. */
  readonly of: 'agent' | 'operator';
}

/** What the Updates are called in a sentence that ends in "this run". */
const verbs: Readonly<Record<string, string>> = {
  giveFinding: 'give its finding to',
  moveAlert: 'move on the alert of',
};
const verbOf = (update: string): string => verbs[update] ?? nameOf(update);

/**
 * Are these the words of who may say them? Anyone who reaches the server can send an Update; only its agent, or an operator,
 * can sign it. Asks PagerDuty nothing. The answer is an entry of the audit, whichever way it goes.
 */
export async function admit(
  deps: Deps,
  words: Words,
): Promise<{
  readonly ok: boolean;
  readonly sentence: string;
  readonly agent: string;
  readonly entry: Stamp;
}> {
  const { run, attempt, askedAt } = runNow();
  checkStep({ ...words, statements: [words.statement] });
  try {
    const state = deps.policy();
    const store = await deps.store();
    const origin = await originNow(deps, state);
    const [{ workflowId, firstRunId }] = origin.lineage;
    const agent = origin.kind === 'agent' ? origin.agent : 'nobody';
    const voice = voiceOf(words.statement, state.readable ? state.policy : undefined);
    const claimed = voice.name;
    const door = voice.kind === 'nobody' ? undefined : voice.door;
    const who = speaker({ agent: claimed, via: door?.name });
    const refusal = await refusalOf();
    const sentence = refusal
      ? `${who} may not ${verbOf(words.update)} this run: ${refusal}.`
      : `${who} may ${verbOf(words.update)} this run: ${words.of === 'operator' ? 'signed by an operator' : door ? 'the front door signed what it said' : 'it signed what it said'}.`;
    const entry = await write(store, {
      kind: 'entry',
      agent: claimed,
      account: deps.account,
      workflowId: run.workflowId,
      runId: run.runId,
      step: words.step,
      attempt,
      configuration: state.readable ? state.policy.digest : 'unreadable',
      operation: `update:${words.update}`,
      action: `run.${words.update}`,
      incident: null,
      decision: refusal ? 'denied' : 'allowed',
      rule: 'statement',
      sentence,
      requestDigest: digestOf(words.value),
      reads: [],
    });
    return { ok: refusal === undefined, sentence, agent, entry };

    async function refusalOf(): Promise<string | undefined> {
      if (!state.readable) return 'everything is denied until the configuration is mended';
      if (origin.kind !== 'agent') return 'the run acts for no agent';
      if (words.of === 'agent' && claimed !== agent) return `the run acts for ${agent}`;
      if (words.of === 'operator') {
        if (voice.kind !== 'operator') return 'the configuration knows no such operator';
        const asked = { agent: claimed, stepKey: '', caps: [], now: deps.now() };
        const { disabled } = await withStore(() => switchesFor(store, state.policy, asked));
        if (disabled !== null) return `${claimed} is disabled ${disabled}`;
      }
      if (voice.kind === 'nobody') return voice.why;
      const lost = door && (await withStore(() => bearerLost(store, { id: door.bearer, agent })));
      if (lost) return lost;
      const keys = keysAt(voice.signer, askedAt);
      const claim = { target: workflowId, type: `update:${words.update}`, input: words.value };
      try {
        const { jti } = await verify(words.statement, keys, claim, askedAt);
        const ours = await spend(store, { jti, workflowId, firstRunId });
        return ours ? undefined : 'the statement was already used by another run';
      } catch (error) {
        if (error instanceof StatementError) return `the statement ${error.message}`;
        throw error;
      }
    }
  } catch (error) {
    throw toFailure(error);
  }
}
