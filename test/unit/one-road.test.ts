import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Activities, createActivities } from '../../activities/index.ts';
import { list } from '../../gate/audit.ts';
import { parsePolicy } from '../../gate/policy.ts';
import { actionsOf, type Endpoint } from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue, type OperationName, operationNames } from '../../pagerduty/catalogue/index.ts';
import { orderedWorkflowId, runningQuery, sweepsOf, waitingQuery } from '../../workflows/contract.ts';
import { driftOf } from '../../workflows/seen.ts';
import { isOutdated, stateOf } from '../../workflows/state.ts';
import { roadsIn } from '../support/roads.ts';
import { publicKey } from './configurations.ts';
import { sampleRequests } from './sample-requests.ts';
import { temporaryFolder, temporaryStore } from './temporary-store.ts';
import { answer, TinyPagerDuty } from './tiny-pagerduty.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const pagerduty = new TinyPagerDuty();
const store = temporaryStore();
const folder = temporaryFolder();

/** An agent that may do everything: what stops a run below is that it proves to be nobody's. */
const policy = () => {
  const grants = {
    ...Object.fromEntries(Object.keys(actionsOf).map((resource) => [resource, 'full'])),
    'incidents.acknowledge': { level: 'full', lease: '5m', when: { urgency: ['low', 'high'] } },
    events: { level: 'full', routing_keys: ['PABC123'] },
  };
  const main = {
    region: 'custom',
    rest_url: pagerduty.url,
    events_url: `${pagerduty.url}/events`,
    token: 'env:TOKEN',
    from: 'bot@example.com',
    routing_keys: { pabc123: 'env:KEY' },
  };
  const written = { accounts: { main }, agents: { bot: { public_key: publicKey, grants } } };
  return { readable: true, policy: parsePolicy(JSON.stringify(written)) } as const;
};

/** Temporal as far as an Activity asks it: how a run began. This one shows no statement. */
const temporalOf = (workflowType: string): Client =>
  ({
    options: {
      namespace: 'default',
      loadedDataConverter: { payloadConverter: defaultPayloadConverter, payloadCodecs: [] },
    },
    workflowService: {
      getWorkflowExecutionHistory: async () => ({
        history: {
          events: [
            {
              eventTime: { seconds: 0 },
              workflowExecutionStartedEventAttributes: {
                workflowType: { name: workflowType },
                taskQueue: { name: 'oncall' },
                firstExecutionRunId: 'run-1',
              },
            },
          ],
        },
      }),
    },
  }) as unknown as Client;

const activitiesOf = (workflowType: string): Activities =>
  createActivities({
    account: 'main',
    client: temporalOf(workflowType),
    workflowTaskQueue: 'oncall',
    orderedId: orderedWorkflowId,
    runningQuery,
    waitingQuery,
    sweepsOf,
    states: { stateOf, isOutdated, driftOf },
    policy,
    secrets: () => 'u+OneTokenOfTwenty01',
    keeper: { prepare: () => {}, keep: () => '' },
    store: async () => store(),
    journalFile: join(folder(), 'journal'),
  });

/** Arguments of the Activities that are no operation. */
const others: Readonly<Record<string, object>> = {
  release: { incident: 'P1' },
  listOurUsers: {},
  listUnheld: { offset: 0, ourUsers: [] },
  checkPermission: { agent: 'bot', action: 'incidents.resolve', things: { incident: 'P1' } },
  readBack: { of: 'two', operation: 'enqueueEvent', request: sampleRequests(catalogue.enqueueEvent)[0] },
  weighPlan: { type: 'duplicateSweep', made: { writes: [], basis: [], guards: [] } },
  admit: { update: 'finish', of: 'agent', value: {}, statement: 'x.y.z' },
  listActs: {
    incident: { id: 'P1', incident_number: 1, status: 'triggered', urgency: 'low' },
    since: 'seen',
  },
  listPersonsNotes: { incident: 'P1' },
  listLog: { incident: 'P1', offset: 0 },
  listNotes: { incident: 'P1' },
  outlinePolicy: { policy: 'P1', span: { start: 0, end: 1 } },
  findPolicy: { service: 'P1' },
  findUser: { user: 'P1' },
  listDuties: { policy: 'P1', span: { start: 0, end: 1 }, offset: 0 },
  listOverrides: { schedule: 'P1', span: { start: 0, end: 1 } },
  listEpisodes: { query: {} },
  traceIncident: { incident: 'P1', night: '22:00-07:00 UTC' },
  readOurRecord: { incident: 'P1' },
  readOwnState: {},
  readLastNote: { incident: 'P1' },
  readTurns: { schedule: 'P1', span: { start: 0, end: 1 } },
  listOpen: { sweep: 1, query: {} },
  compareOpen: { sweep: 1 },
  countNotes: { incident: 'P1' },
  listEvents: { incident: 'P1', since: 0 },
  listMissed: { opened: [], told: [] },
  listShiftOrders: { at: 0 },
  listShifts: { by: 'schedules', ids: ['P1'], span: { start: 0, end: 1 }, offset: 0 },
  keepShiftChanges: { name: 'rota', at: 0, until: 1, read: { changes: [], remarks: [] } },
  completeSweep: { sweep: 1, orders: [], untold: [], notesRead: [], notesLeft: [] },
};

const isOperation = (name: string): name is OperationName => Object.hasOwn(catalogue, name);
const argumentOf = (name: string): object => {
  const endpoint: Endpoint | undefined = isOperation(name) ? catalogue[name] : undefined;
  const request = endpoint && sampleRequests(endpoint)[0];
  return { step: 'one', ...(request ? { request } : others[name]) };
};

const run = (activities: Activities, name: string, input = argumentOf(name)) =>
  new MockActivityEnvironment().run(
    activities[name as keyof Activities] as (input: object) => Promise<{ ok: boolean }>,
    input,
  );

describe('an Activity of a run that is nobody’s', () => {
  beforeEach(() => {
    pagerduty.reply = answer(200, {});
  });
  const names = Object.keys(activitiesNames());

  test.each(names)('%s asks PagerDuty nothing, and leaves a denial', async (name) => {
    const result = await run(activitiesOf('runOperation'), name);
    const refusal = name === 'checkPermission' ? { decision: 'denied', facts: {} } : { ok: false };
    expect(result).toMatchObject({ ...refusal, sentence: expect.stringMatching(/ may not .+\.$/) });
    expect(pagerduty.seen).toEqual([]);
    const entries = await list(store(), { limit: 10 });
    // What is only asked would send nothing, whatever the answer.
    const decision = name === 'checkPermission' ? 'asked' : 'denied';
    expect(entries.map((entry) => entry.decision)).toEqual([decision]);
  });

  test('there are as many as operations, and those of the runner', () => {
    expect(names.filter(isOperation).toSorted()).toEqual([...operationNames].toSorted());
    expect(names.filter((name) => !isOperation(name)).toSorted()).toEqual(Object.keys(others).toSorted());
  });

  test('and one that is the runner’s does ask', async () => {
    const incident = { id: 'P1', incident_number: 12, status: 'triggered', urgency: 'low', created_at: '' };
    pagerduty.reply = answer(200, { incident });
    expect(await run(activitiesOf('releaseIncident'), 'getIncident')).toMatchObject({ ok: true });
    expect(pagerduty.seen).toHaveLength(1);
  });

  /** The Activities as they stand, before any test has a store. */
  function activitiesNames(): Activities {
    return createActivities({
      account: 'main',
      client: temporalOf('runOperation'),
      workflowTaskQueue: 'oncall',
      orderedId: orderedWorkflowId,
      runningQuery,
      waitingQuery,
      sweepsOf,
      states: { stateOf, isOutdated, driftOf },
      policy,
      secrets: () => '',
      keeper: { prepare: () => {}, keep: () => '' },
      store: async () => store(),
      journalFile: 'journal',
    });
  }
});

describe('the sources', () => {
  test('have one road to PagerDuty', () => {
    expect(roadsIn(checkout)).toEqual([]);
  });

  test.each([
    ['a second sender', 'activities/second.ts', "import { send } from '../pagerduty/http.ts';\nsend;"],
    [
      'one under another name',
      'activities/second.ts',
      "import { send as read } from '../pagerduty/http.ts';",
    ],
    ['one that takes everything', 'worker/second.ts', "import * as http from '../pagerduty/http.ts';"],
    ['one that hands on', 'pagerduty/second.ts', "export { send } from './http.ts';"],
    ['one that hands everything on', 'pagerduty/second.ts', "export * from './http.ts';"],
    ['one by a detour', 'activities/second.ts', "import { send } from '../gate/../pagerduty/./http.js';"],
    ['one that loads later', 'client/second.ts', "await import('../pagerduty/http.ts');"],
    ['one that loads what it computes', 'activities/second.ts', 'await import(`../pagerduty/${name}.ts`);'],
    ['one that requires', 'activities/second.cts', "const { send } = require('../pagerduty/http.ts');"],
    [
      'a sender of perform’s own kind',
      'activities/second.ts',
      "import { sendOver } from './connections.ts';",
    ],
    ['a second pool', 'worker/second.ts', "import { connector } from '../pagerduty/connector.ts';"],
    ['a look beside the gate', 'client/second.ts', "import { lookerAt } from '../pagerduty/looking.ts';"],
    ['an alert of its own', 'client/second.ts', "import { tellDown } from '../pagerduty/runner-down.ts';"],
    ['a second token', 'activities/second.ts', "import { requestToken } from '../pagerduty/oauth.ts';"],
    ['a yes of its own', 'activities/second.ts', "import { saying } from '../gate/permit.ts';"],
    ['a permit of its own', 'activities/second.ts', "import { permitFor } from '../gate/permit.ts';"],
    ['a look of its own', 'worker/second.ts', "import { permitToLook } from '../gate/permit.ts';"],
    ['a permit opened on the way', 'activities/second.ts', "import { spent } from '../gate/permit.ts';"],
    ['undici', 'client/second.ts', "import { type Dispatcher, request } from 'undici';"],
    ['undici by its parts', 'activities/second.ts', "import Client from 'undici/lib/dispatcher/client.js';"],
    ['Node’s own client', 'activities/second.ts', "import { request } from 'node:https';"],
    ['Node’s own sockets', 'gate/second.ts', "import { connect } from 'tls';"],
    ['another program', 'activities/second.ts', "import { execFile } from 'node:child_process';"],
    ['another package', 'worker/second.ts', "import axios from 'axios';"],
    ['the client of the database', 'activities/second.ts', "import { Client } from 'pg';"],
    [
      'a second sender of traces',
      'activities/second.ts',
      "await import('@opentelemetry/exporter-trace-otlp-http');",
    ],
    ['fetch', 'client/commands/second.ts', "await fetch('https://api.pagerduty.com/incidents');"],
    ['fetch under another name', 'activities/second.ts', "const read = globalThis['fet' + 'ch'];"],
    [
      'more from a file that may take something',
      'activities/commit.ts',
      "import { send, timeLimitMs } from '../pagerduty/http.ts';",
    ],
  ])('with %s in them turn red', (_what, path, text) => {
    const copy = join(folder(), 'copy');
    for (const room of ['pagerduty', 'gate', 'activities'])
      cpSync(join(checkout, room), join(copy, room), { recursive: true });
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), text);
    expect(roadsIn(copy)).toEqual([expect.stringContaining(path)]);
  });

  test('with a type of what sends, or a word about it, stay green', () => {
    const copy = join(folder(), 'copy');
    mkdirSync(join(copy, 'gate'), { recursive: true });
    const text =
      "// import { send } from '../pagerduty/http.ts';\nimport type { Answer } from '../pagerduty/http.ts';\n";
    writeFileSync(
      join(copy, 'gate', 'second.ts'),
      `${text}import { type Connection } from '../pagerduty/http.ts';\n`,
    );
    expect(roadsIn(copy)).toEqual([]);
  });
});
