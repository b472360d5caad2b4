// A process that works as a Worker does, without a Temporal server: it decides, writes down, claims and sends.
// Takes a round by a line on stdin, and says by a line on stdout that it is over.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { defaultPayloadConverter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';

const { build, databaseUrl, configuration, key, name } = JSON.parse(process.argv[2]);
const from = (module) => import(pathToFileURL(`${build}/${module}.js`).href);
const { createActivities } = await from('activities/index');
const { openStore } = await from('gate/audit-store');
const { parsePolicy } = await from('gate/policy');
const { readPrivateKey, sign, statementHeader } = await from('gate/statement');

const policy = parsePolicy(configuration);
const privateKey = readPrivateKey(key);
const store = await openStore(databaseUrl);
const runs = new Map();
const logger = new DefaultLogger('ERROR');

/** How a run began, as the server would say. */
const getWorkflowExecutionHistory = async ({ execution: { workflowId } }) => {
  const { agent, args } = runs.get(workflowId);
  const claim = { target: workflowId, type: 'start:addNote', input: args };
  const statement = await sign(agent, privateKey, claim);
  const started = {
    workflowType: { name: 'addNote' },
    taskQueue: { name: 'oncall' },
    firstExecutionRunId: `${workflowId}-run`,
    header: { fields: { [statementHeader]: defaultPayloadConverter.toPayload(statement) } },
    input: { payloads: args.map((arg) => defaultPayloadConverter.toPayload(arg)) },
  };
  const at = { seconds: Math.floor(Date.now() / 1_000) };
  return { history: { events: [{ eventTime: at, workflowExecutionStartedEventAttributes: started }] } };
};
const loadedDataConverter = { payloadConverter: defaultPayloadConverter, payloadCodecs: [] };
const activities = createActivities({
  account: 'main',
  client: {
    options: { namespace: 'default', loadedDataConverter },
    workflowService: { getWorkflowExecutionHistory },
  },
  workflowTaskQueue: 'oncall',
  orderedId: () => '',
  runningQuery: () => '',
  waitingQuery: () => '',
  sweepsOf: () => [],
  policy: () => ({ readable: true, policy }),
  secrets: () => 'u+OneTokenOfTwenty01',
  store: async () => store,
  journalFile: `${build}/releases.jsonl`,
});

/** One attempt after the other, as Temporal makes them, until there is a result or somebody else is at it. */
async function note(agent, workflowId, content) {
  const args = [{ account: 'main', incident: 'P1', note: content }];
  runs.set(workflowId, { agent, args });
  const workflowExecution = { workflowId, runId: `${workflowId}-run` };
  for (let attempt = 1; ; attempt += 1) {
    const environment = new MockActivityEnvironment({ workflowExecution, attempt }, { logger });
    const request = { params: { id: 'P1' }, body: { note: { content } } };
    try {
      const { ok } = await environment.run(activities.createIncidentNote, { step: 'note', request });
      return ok ? 'done' : 'denied';
    } catch (error) {
      if (error.type === 'OutcomeUnknown') return 'another is at it';
      if (error.type !== 'AuditAway' || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const round = Number(line);
  // All processes at once: each its own step under a cap of one, and all the same step of one run.
  const outcomes = await Promise.all([
    note(`capped-${round}`, `capped-${round}-${name}`, `capped ${round} by ${name}`),
    note('free', `shared-${round}`, `shared ${round}`),
  ]);
  process.stdout.write(`${round} ${outcomes.join(', ')}\n`);
}
await store.destroy();
