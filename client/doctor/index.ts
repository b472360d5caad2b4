import type { Client } from '@temporalio/client';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import type { KeyRing } from '../../gate/encryption.ts';
import { dataConverterOf } from '../../gate/payload-codec.ts';
import type { Policy } from '../../gate/policy.ts';
import { policySource } from '../../gate/policy-source.ts';
import type { Secrets } from '../../gate/secrets.ts';
import { mendKeptOut } from '../../gate/temporal-settings.ts';
import { lookerAt } from '../../pagerduty/looking.ts';
import { usualDeployment } from '../../workflows/contract.ts';
import type { ClientSettings } from '../config.ts';
import { connect } from '../connect.ts';
import { NotConnectedError } from '../errors.ts';
import { type Absent, lookAtAccount } from './account.ts';
import { lookAtBuilds } from './builds.ts';
import { lookAtEncryption } from './encryption.ts';
import { expectsFeed, lookAtFeed, lookAtReceiver } from './feed.ts';
import { type Finding, skewOf, wordsOf } from './finding.ts';
import { lookAtHome, lookAtVersions, versionsHere } from './machine.ts';
import { lookAtQueues } from './queues.ts';
import { lookAtServer } from './server.ts';
import { lookAtOrders, lookAtStore } from './store.ts';
import { lookAtWorkersKeys } from './worker-keys.ts';

export interface DoctorOptions {
  readonly settings: Pick<ClientSettings, 'home' | 'databaseUrl' | 'configFile'>;
  /** Temporal's own settings; throws where they cannot be used. */
  readonly temporal: () => ClientConnectConfig;
  readonly secrets: Secrets;
  /** Where our receiver answers, for accounts that are to get webhooks; it is not looked at where absent. */
  readonly receiver: string | undefined;
  /** What builds of the runner belong to; `oncall` where absent. */
  readonly deployment?: string;
  /** How much of the disk must be free. */
  readonly leastFreeBytes: number;
  readonly now: () => number;
}

/** All that was looked at, and what is wrong. */
export interface Examination {
  readonly findings: readonly Finding[];
  readonly looked: readonly string[];
  /** What could not be looked at, since something before it is wrong. */
  readonly left: readonly string[];
  readonly versions: { readonly node: string; readonly sdk: string; readonly server: string };
  /** Gives back what mending needs. */
  readonly close: () => Promise<void>;
}

/** Looks at everything there is to look at. Writes nothing but a few runs of its own on Temporal, which it takes away again. */
export async function examine(options: DoctorOptions): Promise<Examination> {
  const { settings, now, leastFreeBytes, deployment = usualDeployment } = options;
  const findings: Finding[] = [];
  const looked: string[] = [];
  const left: string[] = [];
  const look = async <T>(of: string, work: () => Promise<T> | T): Promise<T | undefined> => {
    looked.push(of);
    try {
      return await work();
    } catch (error) {
      findings.push({
        of,
        what: `it could not be looked at: ${wordsOf(error)}`,
        mend: 'call this again; where it stays, tell us',
      });
      return undefined;
    }
  };
  const here = versionsHere();
  findings.push(...lookAtVersions(here));
  await look('this machine', () => findings.push(...lookAtHome(settings.home, leastFreeBytes)));

  const state = policySource(settings.configFile)();
  looked.push('configuration');
  const policy = state.readable ? state.policy : undefined;
  if (!state.readable) findings.push(...faultsIn(state.sentence));
  else if (state.policy.accounts.size === 0)
    findings.push({
      of: 'configuration',
      what: `${settings.configFile} names no account`,
      mend: 'add one under accounts; docs/policy.md shows how',
    });

  const seen = await look('audit store', () => lookAtStore(settings, policy, now));
  findings.push(...(seen?.findings ?? []), ...(seen?.clock ? skewOf('clocks', seen.clock) : []));

  const encryption = lookAtEncryption(policy?.encryption, options.secrets);
  if (policy?.encryption) looked.push('encryption');
  findings.push(...encryption.findings);
  const client = await connected(options, encryption.ring, findings);
  let version = 'unknown';
  const server = client && (await look('Temporal', () => lookAtServer(client, now)));
  if (server) {
    version = server.version;
    findings.push(...server.findings, ...(server.clock ? skewOf('clocks', server.clock) : []));
  }
  if (client && server?.hasNamespace) {
    const accounts = [...(policy?.accounts.keys() ?? [])];
    findings.push(
      ...((await look('Task Queues', () => lookAtQueues(client, accounts, seen?.sinceKeptMs))) ?? []),
    );
    // An unreadable configuration says nothing of keys; one without any is compared too.
    if (policy)
      findings.push(
        ...((await look('keys of Workers', () =>
          lookAtWorkersKeys(client, accounts, { encryption: policy.encryption, ring: encryption.ring }),
        )) ?? []),
      );
    findings.push(...((await look('builds', () => lookAtBuilds(client, deployment, now))) ?? []));
    if (policy)
      findings.push(...((await look('standing orders', () => lookAtOrders(settings, client, policy))) ?? []));
  } else left.push(...(client ? [] : ['Temporal']), 'Task Queues', 'builds', 'standing orders');

  if (policy) findings.push(...(await lookAtAccounts(options, policy, { left, look })));
  else left.push('accounts');
  return {
    findings,
    looked,
    left,
    versions: { node: here.node, sdk: here.sdk['client'] ?? 'unknown', server: version },
    close: async () => {
      await client?.connection.close();
    },
  };
}

/** Each line of what the configuration's reader says. */
const faultsIn = (sentence: string): readonly Finding[] =>
  sentence.split('\n').map((what) => ({
    of: 'configuration',
    what: `everything but releases is denied: ${wordsOf(what)}`,
    mend: 'mend that line; docs/policy.md says what may stand there',
  }));

async function connected(
  { temporal }: DoctorOptions,
  ring: KeyRing,
  findings: Finding[],
): Promise<Client | undefined> {
  const of = 'Temporal';
  let config: ClientConnectConfig;
  try {
    config = temporal();
  } catch (error) {
    findings.push({ of, what: wordsOf(error), mend: 'mend that file' });
    return undefined;
  }
  try {
    return await connect({ ...config, dataConverter: dataConverterOf(ring) }, 'oncall doctor');
  } catch (error) {
    const address = config.connectionOptions.address ?? 'localhost:7233';
    const why = error instanceof NotConnectedError ? error.why : undefined;
    findings.push(
      why === undefined
        ? {
            of,
            what: `no server answers at ${address}`,
            mend: 'start one with `oncall temporal`, or set TEMPORAL_ADDRESS to yours',
          }
        : { of, what: `the server at ${address} does not let us in: ${why}`, mend: mendKeptOut },
    );
    return undefined;
  }
}

interface Looking {
  readonly left: string[];
  readonly look: <T>(of: string, work: () => Promise<T>) => Promise<T | undefined>;
}

async function lookAtAccounts(
  { settings: { home }, secrets, receiver, now }: DoctorOptions,
  policy: Policy,
  { left, look }: Looking,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const absent: (readonly Absent[])[] = [];
  let feeds = 0;
  for (const [name, account] of policy.accounts) {
    const lookerFor = (credential: typeof account.credential) =>
      lookerAt({ account, credential }, secrets, 'doctor');
    const seen = await look(`account ${name}`, () =>
      lookAtAccount({ name, account, policy, secrets, lookerFor, now }),
    );
    findings.push(...(seen?.findings ?? []));
    if (seen?.isReadable) absent.push(seen.absent);
    if (!expectsFeed(name, policy, home)) continue;
    feeds += 1;
    if (!seen?.isReadable) {
      left.push(`feed of ${name}`);
      continue;
    }
    const looker = lookerFor(account.credential);
    const feed = await look(`feed of ${name}`, () => lookAtFeed(name, policy, home, looker, now()));
    await looker.close();
    findings.push(...(feed ?? []));
  }
  if (feeds > 0 && receiver !== undefined)
    findings.push(...((await look('receiver', () => lookAtReceiver(receiver))) ?? []));
  // With an account that could not be read nobody knows what it has.
  if (absent.length === policy.accounts.size) findings.push(...nowhere(absent));
  return findings;
}

/** What no account has. */
function nowhere(absent: readonly (readonly Absent[])[]): readonly Finding[] {
  const [first = [], ...others] = absent;
  return first
    .filter(({ what, id }) =>
      others.every((other) => other.some((one) => one.what === what && one.id === id)),
    )
    .map(({ what, id, namedBy }) => ({
      of: 'configuration',
      what: `${namedBy} names the ${what} ${id}, and PagerDuty has none, or does not show it`,
      mend: `look for the right id in PagerDuty (it stands in the address of the ${what}’s page), and put it there`,
    }));
}
