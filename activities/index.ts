import { activityInfo } from '@temporalio/activity';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { lastGoodAccounts, rememberAccount, rememberUsers } from '../gate/accounts.ts';
import { type LeaseRow, type Store, StoreAway, withStore } from '../gate/audit-store.ts';
import type { Account } from '../gate/configuration.ts';
import type { Policy } from '../gate/policy.ts';
import type { PolicyState } from '../gate/policy-source.ts';
import type { Secrets } from '../gate/secrets.ts';
import type { Ordered } from '../gate/standing.ts';
import { storeClock } from '../gate/store-clock.ts';
import { switchesFor } from '../gate/switches.ts';
import { type OperationName, operationNames } from '../pagerduty/catalogue/index.ts';
import { connector } from '../pagerduty/connector.ts';
import type { SecretKeeper } from '../pagerduty/secrets.ts';
import { admit } from './admit.ts';
import type { CallInput } from './call.ts';
import type { Deps, States, Trace } from './deps.ts';
import { findPolicy, findUser, listDuties, listOverrides, outlinePolicy } from './duties.ts';
import { listEpisodes, readLastNote, traceIncident } from './episodes.ts';
import { FactCache } from './facts.ts';
import { listLog, listNotes } from './log.ts';
import type { AccountMeter } from './meter.ts';
import { listEvents, listMissed } from './missed.ts';
import { originReader } from './origin.ts';
import { readOurRecord } from './our-record.ts';
import { readOwnState } from './own-state.ts';
import { PagerDutyClock } from './pagerduty-clock.ts';
import { listActs, listPersonsNotes } from './people.ts';
import { perform } from './perform.ts';
import { checkPermission } from './permission.ts';
import { type WeighInput, weighPlan } from './plan.ts';
import { type ReadBackInput, readBack } from './read-back.ts';
import { readTurns } from './read-turns.ts';
import { listOurUsers, listUnheld, release } from './release.ts';
import type { CallResult } from './results.ts';
import { runsOf } from './runs.ts';
import { shiftSchedulesOf } from './shift-schedules.ts';
import { keepShiftChanges, listShiftOrders, listShifts } from './shifts.ts';
import { compareOpen, completeSweep, countNotes, listOpen } from './sweep.ts';
import { isWanted } from './wanted.ts';

export type { CallInput, Expectation, Near } from './call.ts';
export type { Trace } from './deps.ts';
export type { Outline, Overrides, Read, RotaName } from './duties.ts';
export type { Episode } from './episodes.ts';
export type { Missed } from './missed.ts';
export type { Named } from './named.ts';
export type { OurRecord } from './our-record.ts';
export type { HeldLease, IdleSchedule, OwnState } from './own-state.ts';
export type { PersonsNote } from './people.ts';
export type { Permission } from './permission.ts';
export type { Weighed } from './plan.ts';
export type { Planned } from './plan-calls.ts';
export type { ReadBack, ReadBackInput } from './read-back.ts';
export type { Turns } from './read-turns.ts';
export type { Unheld } from './release.ts';
export type { CallResult, Done, InTheWay, NotDone, Unseen } from './results.ts';
export type { WaitingStep } from './runs.ts';
export type { Followed, ReadShifts, ShiftPage } from './shifts.ts';
export type { Compared, Wake } from './sweep.ts';

/** What the Activities of one account are made from. */
export interface ActivityOptions {
  readonly account: string;
  readonly client: Client;
  /** Task Queue of the Workflows; a run that was started elsewhere carries no authority. */
  readonly workflowTaskQueue: string;
  /** The id of the run that a standing order starts. */
  readonly orderedId: (workflow: string, input: Ordered) => string;
  /** Finds the running runs of an account. */
  readonly runningQuery: (account: string) => string;
  /** Finds those of them that wait for an operator's word. */
  readonly waitingQuery: (account: string) => string;
  /** The Schedules that sweep an account. */
  readonly sweepsOf: (account: string) => Deps['sweeps'];
  readonly states: States;
  readonly policy: () => PolicyState;
  readonly secrets: Secrets;
  /** Takes the secret of a new webhook subscription, which PagerDuty tells only once. */
  readonly keeper: SecretKeeper;
  readonly store: () => Promise<Store>;
  /** Counts what is sent; without it nothing is counted, or held back. */
  readonly meter?: AccountMeter;
  /** What keeps traces; absent where nobody does. */
  readonly trace?: Trace;
  /** File that takes the records of releases while the store is away. */
  readonly journalFile: string;
  readonly now?: () => number;
}

/** One Activity per operation, under PagerDuty's operationId. */
type OperationActivities = {
  [Name in OperationName]: (input: CallInput<Name>) => Promise<CallResult<Name>>;
};

/** The operations, and what only the runner does. */
export type Activities = OperationActivities & ReturnType<typeof runnerActivities>;

/** The Activities of one account: every operation of the catalogue, and the runner's own. */
export function createActivities(options: ActivityOptions): Activities {
  const now = options.now ?? Date.now;
  const cache = new FactCache(now);
  const deps: Deps = {
    account: options.account,
    policy: options.policy,
    ...sendersOf(options, now),
    store: options.store,
    journalFile: options.journalFile,
    ourUsers: (named) =>
      options
        .store()
        .then((store) => rememberUsers(store, options.account, named))
        .catch((error: unknown) => {
          ignoreAway(error);
          return named;
        }),
    origin: originReader(options.client, options.store, {
      taskQueue: options.workflowTaskQueue,
      account: options.account,
      orderedId: options.orderedId,
    }),
    cache,
    clock: new PagerDutyClock(),
    isLive: (lease) => isLive(options, lease),
    isWanted: () => isWanted(options.client),
    runs: runsOf(options.client, {
      running: options.runningQuery(options.account),
      waiting: options.waitingQuery(options.account),
    }),
    sweeps: options.sweepsOf(options.account),
    shiftSchedules: shiftSchedulesOf(options.client, options.workflowTaskQueue),
    orderedId: options.orderedId,
    states: options.states,
    ...(options.trace && { trace: options.trace }),
    now,
  };
  const operations = Object.fromEntries(
    operationNames.map((name) => [name, (input: CallInput<typeof name>) => perform(deps, name, input)]),
  ) as unknown as OperationActivities;
  return { ...operations, ...runnerActivities(deps) };
}

const runnerActivities = (deps: Deps) => ({
  release: (input: Parameters<typeof release>[1]) => release(deps, input),
  listOurUsers: (input: Parameters<typeof listOurUsers>[1]) => listOurUsers(deps, input),
  listUnheld: (input: Parameters<typeof listUnheld>[1]) => listUnheld(deps, input),
  readBack: (input: ReadBackInput) => readBack(deps, input),
  listActs: (input: Parameters<typeof listActs>[1]) => listActs(deps, input),
  listPersonsNotes: (input: Parameters<typeof listPersonsNotes>[1]) => listPersonsNotes(deps, input),
  admit: (input: Parameters<typeof admit>[1]) => admit(deps, input),
  checkPermission: (input: Parameters<typeof checkPermission>[1]) => checkPermission(deps, input),
  weighPlan: (input: WeighInput) => weighPlan(deps, input),
  listLog: (input: Parameters<typeof listLog>[1]) => listLog(deps, input),
  listNotes: (input: Parameters<typeof listNotes>[1]) => listNotes(deps, input),
  outlinePolicy: (input: Parameters<typeof outlinePolicy>[1]) => outlinePolicy(deps, input),
  findPolicy: (input: Parameters<typeof findPolicy>[1]) => findPolicy(deps, input),
  findUser: (input: Parameters<typeof findUser>[1]) => findUser(deps, input),
  listDuties: (input: Parameters<typeof listDuties>[1]) => listDuties(deps, input),
  listEpisodes: (input: Parameters<typeof listEpisodes>[1]) => listEpisodes(deps, input),
  traceIncident: (input: Parameters<typeof traceIncident>[1]) => traceIncident(deps, input),
  readOurRecord: (input: Parameters<typeof readOurRecord>[1]) => readOurRecord(deps, input),
  readOwnState: (input: Parameters<typeof readOwnState>[1]) => readOwnState(deps, input),
  readLastNote: (input: Parameters<typeof readLastNote>[1]) => readLastNote(deps, input),
  listOverrides: (input: Parameters<typeof listOverrides>[1]) => listOverrides(deps, input),
  readTurns: (input: Parameters<typeof readTurns>[1]) => readTurns(deps, input),
  listOpen: (input: Parameters<typeof listOpen>[1]) => listOpen(deps, input),
  compareOpen: (input: Parameters<typeof compareOpen>[1]) => compareOpen(deps, input),
  countNotes: (input: Parameters<typeof countNotes>[1]) => countNotes(deps, input),
  listEvents: (input: Parameters<typeof listEvents>[1]) => listEvents(deps, input),
  listMissed: (input: Parameters<typeof listMissed>[1]) => listMissed(deps, input),
  listShiftOrders: (input: Parameters<typeof listShiftOrders>[1]) => listShiftOrders(deps, input),
  listShifts: (input: Parameters<typeof listShifts>[1]) => listShifts(deps, input),
  keepShiftChanges: (input: Parameters<typeof keepShiftChanges>[1]) => keepShiftChanges(deps, input),
  completeSweep: (input: Parameters<typeof completeSweep>[1]) => completeSweep(deps, input),
});

/** The account as configured now; where it is not, as it was last seen good, so that a release always finds its way. */
function sendersOf(
  { account: name, policy, secrets, keeper, store, meter, trace }: ActivityOptions,
  now: () => number,
): Pick<Deps, 'connection' | 'ourAddresses'> {
  const connect = connector(secrets, now);
  let last: Account | undefined;
  const agents = (): Policy['agents'] => {
    const state = policy();
    return state.readable ? state.policy.agents : new Map();
  };
  const accountNow = async (): Promise<Account> => {
    const state = policy();
    const current = state.readable ? state.policy.accounts.get(name) : undefined;
    if (current && current !== last) {
      last = current;
      // A store that is away refuses every call but a release, which can do without.
      await store()
        .then((open) =>
          rememberAccount(open, name, current, state.readable ? state.policy.encryption : undefined),
        )
        .catch(ignoreAway);
    }
    last ??= (await lastGoodAccounts(await store())).get(name);
    if (!last) {
      throw ApplicationFailure.create({
        type: 'NoAccount',
        message: `The configuration has no account ${name}, and none is remembered; mend oncall.yaml.`,
      });
    }
    return last;
  };
  return {
    connection: async (agent) => {
      const account = await accountNow();
      const { credential, from } = agent?.credentials?.[name] ?? account;
      const connection = await connect({ account, credential, from: from ?? account.from });
      const counted = meter?.of(activityInfo().taskQueue, JSON.stringify(credential));
      return {
        ...connection,
        keeper,
        ...(counted && { meter: counted }),
        ...(trace && { watch: trace.watch }),
      };
    },
    ourAddresses: async () => {
      const { from } = await accountNow();
      const others = [...agents().values()].map(({ credentials }) => credentials?.[name]?.from ?? {});
      const all = [from, ...others].flatMap((addresses) => Object.values(addresses));
      return [...new Set(all.map((address) => address.toLowerCase()))];
    },
  };
}

function ignoreAway(error: unknown): void {
  if (!(error instanceof StoreAway)) throw error;
}

/** Not run out, its agent still known and neither frozen nor disabled, and its run still open: a run that ended without giving back holds nothing. */
async function isLive({ client, policy, store }: ActivityOptions, lease: LeaseRow): Promise<boolean> {
  const open = await store();
  const now = await withStore(() => storeClock(open));
  if (lease.expires_at <= now) return false;
  const state = policy();
  if (state.readable && !state.policy.agents.has(lease.agent)) return false;
  if (state.readable && (await isSwitchedOff(open, state.policy, lease.agent, now))) return false;
  try {
    const run = await client.workflow.getHandle(lease.workflow_id).describe();
    const { firstRunId } = run.raw.workflowExecutionInfo ?? {};
    return run.status.name === 'RUNNING' && (firstRunId || run.runId) === lease.first_run_id;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function isSwitchedOff(store: Store, policy: Policy, agent: string, now: number): Promise<boolean> {
  const asked = { agent, stepKey: '', caps: [], now };
  const { frozen, disabled } = await withStore(() => switchesFor(store, policy, asked));
  return frozen !== null || disabled !== null;
}
