import type { Client } from '@temporalio/client';
import { list } from '../gate/audit.ts';
import { openStore, storeFile } from '../gate/audit-store.ts';
import { startRun } from './agent.ts';
import { colours } from './colours.ts';
import { connect } from './connect.ts';
import { OncallError } from './errors.ts';
import { readAgent } from './identity.ts';
import { linkTo } from './links.ts';
import type { Local } from './local.ts';
import { type LocalWorld, simulatorSecrets } from './local-world.ts';

/** Who acts in the story: one agent that may do the work, one that may only look. */
export type DemoAgent = 'triage-bot' | 'intern-bot';

type Say = (line: string) => void;

/** Where the story plays, and who listens. */
export interface Telling {
  readonly local: Local;
  readonly world: LocalWorld;
  /** `ONCALL_HOME` of the Worker. */
  readonly home: string;
  readonly say: Say;
  /** Ends the story where it is; `say` then throws. */
  readonly over: AbortSignal;
}

/**
 * An incident from triggered to resolved, told as it happens.
 * @throws Error where a part is gone, or the story does not end as it should.
 */
export async function tellStory(telling: Telling): Promise<undefined> {
  const { local, over } = telling;
  const connectionOptions = { address: local.temporalAddress };
  const client = await connect({ connectionOptions }, 'oncall demo', over);
  try {
    await client.connection.withAbortSignal(over, () => tell(client, telling));
  } finally {
    await client.connection.close();
  }
}

async function tell(client: Client, { local, world, home, say, over }: Telling): Promise<void> {
  const { simulatorUrl, uiUrl } = local;
  chapter(say, 'A monitoring tool sends an event');
  const incident = await openIncident(simulatorUrl);
  say(`PagerDuty opened incident #${incident.incident_number} (${incident.id}): ${incident.title}`);
  say(`It pages ${incident.assignments.map(({ assignee }) => assignee.summary).join(', ')}.`);

  chapter(say, 'triage-bot responds');
  const subject = { account: 'main', incident: incident.id };
  const triage = readAgent('triage-bot', world.keyFileOf('triage-bot'));
  const run = await startRun(client, triage, 'respondToIncident', {
    ...subject,
    assess: 'rules',
    reason: 'the demo',
  });
  say(`Its run: ${colours.cyan(linkTo(uiUrl, 'default', run))}`);
  const note = await untilNoted(client, run.workflowId, simulatorUrl, incident.id, over);
  await tellAudit(say, home, run.workflowId);
  say('Its note in PagerDuty:');
  for (const line of note.split('\n').filter(Boolean)) say(colours.dim(`  │ ${line}`));

  chapter(say, 'intern-bot tries to resolve it');
  const intern = readAgent('intern-bot', world.keyFileOf('intern-bot'));
  const attempt = await startRun(client, intern, 'resolveIncident', subject);
  const refused = await attempt.result();
  await tellAudit(say, home, attempt.workflowId);
  if (refused.outcome !== 'denied')
    throw new OncallError(`intern-bot was not denied but ${refused.outcome}.`);

  chapter(say, 'triage-bot has rolled back, and concludes');
  const before = await lastSeq(home);
  say(
    await run.answer('conclude', {
      resolution: 'Rolled back the release of 14:02; the latency is back to normal.',
    }),
  );
  const result = await run.result();
  await tellAudit(say, home, run.workflowId, before);

  chapter(say, 'How it stands');
  const end = await incidentAt(simulatorUrl, incident.id);
  say(
    `PagerDuty says: #${end.incident_number} is ${colours.bold(end.status)}, with ${end.notes.length} note.`,
  );
  say(`The run says: ${colours.bold(result.outcome)}. ${result.summary}`);
  say(
    `The run in the Temporal UI, while it is up (--keep, or \`oncall dev\`): ${colours.cyan(linkTo(uiUrl, 'default', run))}`,
  );
  if (end.status !== 'resolved' || result.outcome !== 'done')
    throw new OncallError('The story did not end as it should.');
}

const chapter = (say: Say, title: string): void => say(`\n${colours.bold(`— ${title}`)}`);

interface SimulatedIncident {
  readonly id: string;
  readonly incident_number: number;
  readonly title: string;
  readonly status: string;
  readonly assignments: readonly { readonly assignee: { readonly summary: string } }[];
}

/** Sends the event as a monitoring tool would: plain HTTP, no part of oncall-runner. */
async function openIncident(url: string): Promise<SimulatedIncident> {
  const dedup = `checkout/latency/${Date.now()}`;
  await fetch(`${url}/v2/enqueue`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      routing_key: simulatorSecrets.CHECKOUT_ROUTING_KEY,
      event_action: 'trigger',
      dedup_key: dedup,
      payload: { summary: 'p99 latency above 2 s on checkout', source: 'prometheus', severity: 'critical' },
    }),
  });
  const found = await fetch(`${url}/incidents?incident_key=${encodeURIComponent(dedup)}`, {
    headers: {
      accept: 'application/vnd.pagerduty+json;version=2',
      authorization: `Token token=${simulatorSecrets.PAGERDUTY_API_TOKEN}`,
    },
  });
  const { incidents } = (await found.json()) as { incidents: SimulatedIncident[] };
  const [incident] = incidents;
  if (!incident) throw new OncallError('The simulator took the event and opened no incident.');
  return incident;
}

interface NotedIncident extends SimulatedIncident {
  readonly notes: readonly { readonly content: string }[];
}

async function incidentAt(url: string, id: string): Promise<NotedIncident> {
  const answer = await fetch(`${url}/_simulator/incidents/${id}`);
  const { incident } = (await answer.json()) as { incident: NotedIncident };
  return incident;
}

/** Waits until the run holds the incident and has noted its finding; gives the note. */
async function untilNoted(
  client: Client,
  workflowId: string,
  url: string,
  id: string,
  over: AbortSignal,
): Promise<string> {
  const handle = client.workflow.getHandle(workflowId);
  for (;;) {
    over.throwIfAborted();
    const { notes, status } = await incidentAt(url, id);
    if (status === 'acknowledged' && notes[0]) return notes[0].content;
    const run = await handle.describe();
    if (run.status.name !== 'RUNNING') throw new OncallError(`The run ended too soon: ${run.status.name}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function tellAudit(say: Say, home: string, run: string, after = 0): Promise<void> {
  const store = await openStore(storeFile(home));
  try {
    for (const { seq, decision, sentence, kind } of await list(store, { run, after, limit: 200 })) {
      if (kind === 'outcome') continue;
      const mark = decision === 'allowed' ? colours.green('✓') : colours.red('✗');
      say(`  ${mark} ${colours.dim(`#${seq}`)} ${sentence}`);
    }
  } finally {
    await store.destroy();
  }
}

async function lastSeq(home: string): Promise<number> {
  const store = await openStore(storeFile(home));
  try {
    return (await list(store, { limit: 1 })).at(-1)?.seq ?? 0;
  } finally {
    await store.destroy();
  }
}
