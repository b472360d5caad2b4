import { z } from 'zod';
import { runInputs, workflowNames } from '../../gate/run-inputs.ts';
import type { Action } from '../../pagerduty/catalogue/endpoint.ts';
import { searchAttributes, type WorkflowName } from '../../workflows/contract.ts';
import { reason, words } from './inputs.ts';
import { cameTo, ownRun, statusOf } from './runs.ts';
import { listed } from './texts.ts';
import { type Answer, type AnyTool, type Caller, ToolError, tool } from './tool.ts';

/** Workflows that have no tool of their own: any operation is behind the others, and `pd_get` tells of an incident. */
export type Startable = Exclude<WorkflowName, 'runOperation' | 'tellIncident'>;
export function isStartable(name: WorkflowName): name is Startable {
  return name !== 'runOperation' && name !== 'tellIncident';
}
const startable = workflowNames.filter(isStartable);

/** How many of the fields that may be left out the tool's description names of each Workflow: it is read before anything is asked. */
const mostOptional = 1;

/** What a Workflow takes, as a model is told: `respondToIncident(incident, assess, watchSeconds?)`; `…` where there is more. */
export function signatureOf(name: WorkflowName, most = Number.POSITIVE_INFINITY): string {
  const { properties = {}, required = [] } = z.toJSONSchema(runInputs[name], {
    io: 'input',
    unrepresentable: 'any',
  });
  const fields = Object.keys(properties).filter((field) => !common.has(field));
  const isRequired = (field: string): boolean => required.includes(field);
  const optional = fields.filter((field) => !isRequired(field));
  const shown = new Set(optional.slice(0, most));
  const told = fields.filter((field) => isRequired(field) || shown.has(field));
  const words = told.map((field) => (isRequired(field) ? field : `${field}?`));
  return `${name}(${[...words, ...(optional.length > shown.size ? ['…'] : [])].join(', ')})`;
}

/** What each of them takes and needs no telling. */
const common = new Set(['account', 'reason', 'approvalSeconds', 'plan', 'apply']);

/** Who has use for a Workflow: whoever is granted one of these. */
export const needs: Readonly<Record<Startable, readonly Action[]>> = {
  triageIncident: ['incidents.view'],
  acknowledgeIncident: ['incidents.acknowledge'],
  addNote: ['incidents.add_note'],
  resolveIncident: ['incidents.resolve'],
  resolveIncidents: ['incidents.resolve'],
  respondToIncident: ['incidents.acknowledge'],
  waitForHumanAck: ['incidents.create', 'incidents.escalate'],
  alertLifecycle: ['events.trigger'],
  duplicateSweep: ['incidents.resolve'],
  staleSweep: ['incidents.add_note'],
  onboardService: ['services.create'],
  overrideOrSwap: ['schedules.override'],
  stormHandling: ['incidents.add_note', 'incidents.resolve'],
  coverageCheck: ['oncalls.view'],
  postIncidentTimeline: ['incidents.view'],
  announceChangeAndWatch: ['events.announce_change'],
  noiseReport: ['incidents.view'],
  handoffReport: ['oncalls.view'],
};

export const workflow = workflowTool(startable);

function workflowTool(names: readonly Startable[]): AnyTool {
  const judges = names.includes('respondToIncident')
    ? ' assess is rules (the runner), client (you: pd_finding within a minute) or agent (whoever polls pd_next).'
    : '';
  return tool({
    name: 'pd_workflow',
    title: 'Start a Workflow',
    description: `Durable work in steps: ${names.map((name) => signatureOf(name, mostOptional)).join('; ')}. It goes on alone: ask pd_run.${judges}`,
    input: z.strictObject({
      workflow: z.enum(names).describe('Which Workflow.'),
      input: z
        .record(z.string(), z.unknown())
        .describe('The fields above; a wrong one is answered with all there are.'),
      key: words(100).optional().describe('Names a one-off run; the same joins it.'),
      reason,
    }),
    kind: { destructive: true, repeatable: false },
    actions: Object.values(needs).flat(),
    cut: (isGranted) => workflowTool(names.filter((name) => needs[name].some(isGranted))),
    answer: async ({ workflow: name, input, key, reason }, caller) => {
      const whole = { ...input, account: caller.account, reason };
      const run = await caller.oncall.start(name, whole as never, key === undefined ? {} : { key });
      return cameTo(caller, run);
    },
  });
}

export const run = tool({
  name: 'pd_run',
  title: 'Look after a run',
  description:
    'Where a run of yours stands and what it ended with; or cancel it, hand its incident back to people, or move on the alert of alertLifecycle. Without run: your newest.',
  input: z.strictObject({
    run: words(300).optional().describe('Id of the run.'),
    do: z
      .enum(['status', 'list', 'cancel', 'hand_back', 'acknowledge_alert', 'resolve_alert'])
      .default('status')
      .describe('status tells where it stands; hand_back gives the incident it holds to people now.'),
    wait_s: z.int().min(0).max(20).default(0).describe('Of status: seconds to wait for its end.'),
  }),
  kind: { destructive: false, repeatable: true },
  answer: async ({ run: workflowId, do: what, wait_s }, caller) => {
    if (what === 'list' || (workflowId === undefined && what === 'status')) return ownRuns(caller);
    if (workflowId === undefined)
      throw new ToolError(
        'invalid_input',
        `run is missing: which run is it that you would ${what.replace('_', ' ')}?`,
      );
    if (what === 'status') return statusOf(caller, workflowId, wait_s * 1_000);
    await ownRun(caller, workflowId);
    const handle = caller.client.workflow.getHandle(workflowId);
    switch (what) {
      case 'cancel':
        await handle.cancel();
        return statusOf(caller, workflowId, 4_000);
      case 'hand_back':
        await handle.executeUpdate('handBack');
        return statusOf(caller, workflowId, 4_000);
      case 'acknowledge_alert':
      case 'resolve_alert': {
        const to = what === 'acknowledge_alert' ? 'acknowledged' : 'resolved';
        await caller.duty.say(workflowId, 'moveAlert', { to });
        return statusOf(caller, workflowId, 4_000);
      }
    }
  },
});

/** How many runs a list shows. */
const mostRuns = 15;

async function ownRuns({ client, agent }: Caller): Promise<Answer> {
  const rows = [];
  const query = `${searchAttributes.agent.name} = '${agent.name}'`;
  for await (const { workflowId, type, status, startTime, typedSearchAttributes } of client.workflow.list({
    query,
    pageSize: mostRuns + 1,
  })) {
    if (rows.length > mostRuns) break;
    const outcome = typedSearchAttributes.get(searchAttributes.outcome);
    const waitingFor = typedSearchAttributes.get(searchAttributes.waitingFor);
    const state =
      status.name === 'RUNNING'
        ? waitingFor
          ? `waits for ${waitingFor}`
          : 'runs'
        : (outcome ?? status.name.toLowerCase());
    rows.push({
      line: `${workflowId}: ${state}, since ${startTime.toISOString().slice(0, 19)}Z`,
      data: {
        run: workflowId,
        workflow: type,
        state: status.name === 'RUNNING' ? 'running' : 'ended',
        outcome: outcome ?? null,
        waiting_for: waitingFor ?? null,
        started_at: startTime.toISOString(),
      },
    });
  }
  const shown = rows.slice(0, mostRuns);
  return listed({
    head: shown.length === 0 ? 'You have started nothing yet.' : `Your ${shown.length} newest runs:`,
    rows: shown,
    ...(rows.length > shown.length && {
      omitted: { count: 1, why: 'older runs are not shown: there is at least one' },
    }),
  });
}
