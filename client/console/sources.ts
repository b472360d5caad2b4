import type { Client, Connection, WorkflowClientInterceptor } from '@temporalio/client';
import type { Policy } from '../../gate/policy.ts';
import { type PolicyState, policySource } from '../../gate/policy-source.ts';
import type { ClientSettings, TemporalSettings } from '../config.ts';
import { clientOver, lastingConnection } from '../connect.ts';
import { refusalOf } from '../deliver.ts';
import { OncallError } from '../errors.ts';
import { linkTo, temporalUi } from '../links.ts';
import { type LastingStore, lastingStore } from '../store.ts';

/** Where the pages get what they show. Each may be away, and come back. */
export interface Sources extends AsyncDisposable {
  /** @throws OncallError that says that Temporal does not answer. */
  readonly temporal: <T>(ask: (client: Client) => Promise<T>, withinMs?: number) => Promise<T>;
  readonly store: LastingStore['work'];
  readonly policyState: () => PolicyState;
  /** @throws OncallError where the configuration cannot be read. */
  readonly policy: () => Policy;
  /** A run in the Temporal UI, where that is known. */
  readonly linkTo: (run: { readonly workflowId: string; readonly runId: string }) => string | undefined;
}

/** How long a question may take, in milliseconds: whoever looks at a page would rather see the rest. */
const answersWithinMs = 5_000;

/** @param calls what makes its calls to Temporal part of a trace. */
export function sourcesOf(
  settings: ClientSettings,
  temporal: TemporalSettings,
  identity: string,
  calls: readonly WorkflowClientInterceptor[] = [],
): Sources {
  const { namespace = 'default', connectionOptions } = temporal;
  const address = connectionOptions.address ?? 'localhost:7233';
  const over = new AbortController();
  const connection: Connection = lastingConnection(temporal, over.signal);
  const client = clientOver(connection, temporal, identity, calls);
  const store = lastingStore(settings);
  const policyState = policySource(settings.configFile);
  const ui = temporalUi(settings, address);
  return {
    temporal: async (ask, withinMs = answersWithinMs) => {
      try {
        return await client.withDeadline(Date.now() + withinMs, () => ask(client));
      } catch (error) {
        if (error instanceof OncallError) throw error;
        throw new OncallError(
          `Temporal at ${address} does not answer this now: ${refusalOf(error).replace(/\.$/, '')}. Runs go on by themselves once it does.`,
        );
      }
    },
    store: store.work,
    policyState,
    policy: () => {
      const state = policyState();
      if (state.readable) return state.policy;
      throw new OncallError(`Everything is denied until the configuration is mended. ${state.sentence}`);
    },
    linkTo: (run) => (ui === undefined ? undefined : linkTo(ui, namespace, run)),
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await Promise.all([connection.close(), store[Symbol.asyncDispose]()]);
    },
  };
}
