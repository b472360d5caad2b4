import { condition, isCancellation, sleep } from '@temporalio/workflow';
import type { Incident } from '../pagerduty/catalogue/incidents.ts';
import { agentUpdatesOf } from './agent-updates.ts';
import { type Desk, deskOf } from './approvals.ts';
import { attempt, knownOf, outcomeOf } from './attempt.ts';
import { type Chronicle, chronicleOf, clock } from './chronicle.ts';
import type { AlertInput, AlertResult } from './contract.ts';
import { activitiesOf, perform } from './proxies.ts';

/** How long an alert lives, and how long PagerDuty has to show what an event did, in seconds, where the input does not say. */
const defaults = { ttlSeconds: 3_600, confirmSeconds: 180 };

/** How long between two looks whether an event did something: doubling from the first to the last, in milliseconds. */
const looks = { first: 1_000, last: 30_000 };

type Move = 'acknowledged' | 'resolved';

interface Life {
  readonly input: AlertInput;
  readonly chronicle: Chronicle;
  readonly desk: Desk;
  /** Where the alert stands in PagerDuty, as far as it was seen. */
  incident?: Incident;
  alert?: string;
  times: number;
}

/**
 * An alert of the agent's own: triggers it, waits until PagerDuty shows its incident, moves it on when the agent says so, and
 * resolves it at the end of its time at the latest. A 202 proves nothing: every event is confirmed by reading.
 */
export async function alertLifecycle(input: AlertInput): Promise<AlertResult> {
  const chronicle = chronicleOf(input);
  const life: Life = { input, chronicle, desk: deskOf(input, chronicle), times: 0 };
  const moves: Move[] = [];
  agentUpdatesOf(input, chronicle)('moveAlert', {
    description: 'The alert goes on: { value: { to: "acknowledged" or "resolved" }, statement }',
    check: ({ to }) => {
      if (to !== 'acknowledged' && to !== 'resolved')
        throw new Error('An alert goes to acknowledged or resolved.');
      if (moves.includes('resolved')) throw new Error('The alert is resolved already.');
    },
    take: ({ to }) => void moves.push(to),
  });

  const triggered = await trigger(life);
  if (triggered) return end(life, triggered.outcome, triggered.sentence, triggered.next);
  const until = Date.now() + (input.ttlSeconds ?? defaults.ttlSeconds) * 1000;
  const over = chronicle.waitsFor('the agent to move the alert on', until);
  try {
    for (let done = 0; ; done += 1) {
      const isSaid = (): boolean => moves.length > done;
      const came =
        isSaid() ||
        (await condition(isSaid, Math.max(1, until - Date.now()), { summary: 'the alert’s time' }));
      const to = came ? (moves[done] ?? 'resolved') : 'resolved';
      if (!came) chronicle.say(`Its time is over at ${clock(until)}: it is resolved.`);
      const failed = await move(life, to);
      if (to === 'resolved' || !came) {
        over();
        const number = life.incident?.incident_number;
        return failed
          ? end(life, failed.outcome, failed.sentence, failed.next)
          : end(life, 'done', `The alert is resolved, and incident #${number} reads so.`, [], true);
      }
      if (failed) chronicle.notChanged(`move the alert to ${to}`, failed.sentence);
    }
  } catch (error) {
    if (isCancellation(error))
      end(life, 'partly', 'Cancelled; the alert stays as it is until somebody resolves it.');
    throw error;
  }
}

interface Broken {
  readonly outcome: AlertResult['outcome'];
  readonly sentence: string;
  readonly next: readonly string[];
}

/** Sends the trigger, and once more with the same key where nothing came of it. */
async function trigger(life: Life): Promise<Broken | undefined> {
  const { summary, source, severity, details, routingKey, dedupKey } = life.input;
  const payload = { summary, source, severity, ...(details && { custom_details: details }) };
  await look(life);
  const before = life.incident?.status === 'resolved' ? life.incident.id : undefined;
  for (const time of [1, 2]) {
    const sent = await send(life, `Trigger ${dedupKey}, ${time}`, {
      event_action: 'trigger',
      dedup_key: dedupKey,
      payload,
    });
    if (sent) return sent;
    if (await seen(life, ({ id }) => id !== before)) {
      life.chronicle.changed(
        `Incident #${life.incident?.incident_number} (${life.incident?.id}) is open for the alert.`,
      );
      return undefined;
    }
  }
  return {
    outcome: 'failed',
    sentence: `PagerDuty took the event twice and opened no incident for ${dedupKey}: the routing key ${routingKey} may be of no service, or its event rules drop it.`,
    next: ['Look at the service’s integration and event rules in PagerDuty.'],
  };
}

/** Sends an event that moves the alert on, and confirms it. One whose alert is not open is accepted by PagerDuty and dropped. */
async function move(life: Life, to: Move): Promise<Broken | undefined> {
  const { dedupKey } = life.input;
  await look(life);
  const was = life.incident?.status;
  if (was === 'resolved')
    return {
      outcome: 'nothing_to_do',
      sentence: `Incident #${life.incident?.incident_number} is resolved already.`,
      next: [],
    };
  if (was === to) return undefined;
  const action = to === 'resolved' ? 'resolve' : 'acknowledge';
  const sent = await send(life, `${to === 'resolved' ? 'Resolve' : 'Acknowledge'} ${dedupKey}`, {
    event_action: action,
    dedup_key: dedupKey,
  });
  if (sent) return sent;
  if (await seen(life, ({ status }) => status === to || status === 'resolved')) {
    life.chronicle.changed(`Incident #${life.incident?.incident_number} is ${life.incident?.status}.`);
    return undefined;
  }
  return {
    outcome: 'partly',
    sentence: `PagerDuty took the event, and the incident still reads ${life.incident?.status ?? 'nothing'}.`,
    next: ['Other alerts may keep the incident open; look at it in PagerDuty.'],
  };
}

type Event = Parameters<ReturnType<typeof activitiesOf>['events']['enqueueEvent']>[0]['request']['body'];

async function send(
  { input, desk, chronicle }: Life,
  step: string,
  body: Event,
): Promise<Broken | undefined> {
  const { events } = activitiesOf(input.account);
  const sent = await desk.ask<'enqueueEvent'>((words) =>
    perform(events.enqueueEvent, { step, request: { routingKey: input.routingKey, body }, ...words }),
  );
  if (sent.ok) {
    chronicle.actsAs(sent.agent);
    return undefined;
  }
  chronicle.notChanged(step, sent.sentence);
  return { outcome: outcomeOf[sent.kind], sentence: sent.sentence, next: knownOf(sent).next ?? [] };
}

/** Looks until PagerDuty shows what is waited for; it works events off some time after it took them. */
async function seen(life: Life, isIt: (incident: Incident) => boolean): Promise<boolean> {
  const until = Date.now() + (life.input.confirmSeconds ?? defaults.confirmSeconds) * 1000;
  for (let wait = looks.first; ; wait = Math.min(wait * 2, looks.last)) {
    await look(life);
    if (life.incident && isIt(life.incident)) return true;
    if (Date.now() + wait > until) return false;
    await sleep(wait, { summary: 'for PagerDuty to work the event off' });
  }
}

/** Finds the newest incident of the alert's key, and the alert in it. */
async function look(life: Life): Promise<void> {
  const { input, chronicle } = life;
  const { look: read } = activitiesOf(input.account);
  life.times += 1;
  const found = await attempt(
    perform(read.listIncidents, {
      step: `Look for the incident of ${input.dedupKey}, ${life.times}`,
      request: {
        query: { incident_key: input.dedupKey, date_range: 'all', sort_by: 'created_at:desc', limit: 1 },
      },
    }),
  );
  if (!found.ok) return chronicle.say(found.sentence);
  chronicle.actsAs(found.agent);
  const [incident] = found.response.incidents;
  if (!incident) return;
  const isNew = incident.id !== life.incident?.id;
  life.incident = incident;
  if (!isNew) return;
  chronicle.isAbout(incident.id);
  chronicle.concerns(incident.service?.id);
  const alerts = await attempt(
    perform(read.listIncidentAlerts, {
      step: `Find the alert in ${incident.id}`,
      request: { params: { id: incident.id }, query: { alert_key: input.dedupKey, limit: 1 } },
    }),
  );
  const alert = alerts.ok ? alerts.response.alerts[0]?.id : undefined;
  if (alert !== undefined) life.alert = alert;
}

function end(
  { chronicle, incident, alert }: Life,
  outcome: AlertResult['outcome'],
  summary: string,
  next: readonly string[] = [],
  verified = outcome === 'nothing_to_do',
): AlertResult {
  return {
    ...chronicle.end(outcome, summary, { verified, next }),
    ...(incident && { incident: incident.id }),
    ...(alert !== undefined && { alert }),
  };
}
