import { addAlert, closeAlert, openIncident } from '../../simulator/incident-life.ts';
import { byUser } from '../../simulator/incident-state.ts';
import { type Simulator, type SimulatorOptions } from '../../simulator/index.ts';
import { seedIds } from '../../simulator/seed.ts';
import { known } from '../../simulator/world.ts';
import type { KnownIncident, ServiceName, Step } from '../fixtures/known-incidents.ts';
import { byTest } from './join.ts';

/** Options of a simulator on which the case ends now: the Worker's clock and the simulator's must agree about "recent". */
export function endingNow({ steps }: KnownIncident): SimulatorOptions {
  const seconds = steps.reduce((sum, step) => sum + (step.do === 'advance' ? step.seconds : 0), 0);
  return { now: new Date(Date.now() - seconds * 1000), clockSpeed: 0, rateLimit: 0 };
}

/** Plays a case and gives the ids of its incidents by the names the case gives them. */
export async function play(
  simulator: Simulator,
  { steps }: KnownIncident,
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  for (const step of steps) await playStep(simulator, step, ids);
  return ids;
}

async function playStep({ url, world }: Simulator, step: Step, ids: Map<string, string>): Promise<void> {
  const incident = (name: string) => known(world.incidents, ids.get(name) ?? name);
  switch (step.do) {
    case 'trigger': {
      const before = new Set(world.incidents.keys());
      const { summary, severity, details } = step;
      const payload = {
        summary,
        source: 'monitoring',
        severity,
        ...(details && { custom_details: details }),
      };
      await event(step.service, { event_action: 'trigger', dedup_key: step.key, payload });
      const fresh = [...world.incidents.keys()].filter((id) => !before.has(id));
      if (fresh.length !== 1) throw new Error(`The trigger of ${step.as} opened ${fresh.length} incidents.`);
      ids.set(step.as, fresh[0] ?? '');
      return;
    }
    case 'resolveAlert':
      await event(step.service, { event_action: 'resolve', dedup_key: step.key });
      return;
    case 'extraAlert': {
      const joined = incident(step.incident);
      const [first] = joined.alerts;
      if (!first) throw new Error(`${step.incident} has no alert another could join.`);
      const alert = {
        id: world.newId('Q'),
        key: step.key,
        incidentId: joined.id,
        integrationId: first.integrationId,
        serviceId: joined.serviceId,
        summary: step.summary,
        severity: step.severity,
        createdAt: world.clock.now,
        details: step.details ?? {},
        contexts: [],
        resolvedAt: null,
      };
      addAlert(world, joined, alert);
      return;
    }
    case 'closeAlert': {
      const alert = incident(step.incident).alerts.find(
        ({ key, resolvedAt }) => key === step.key && resolvedAt === null,
      );
      if (!alert) throw new Error(`${step.incident} has no open alert ${step.key}.`);
      closeAlert(world, alert);
      return;
    }
    case 'create': {
      const opened = openIncident(world, {
        service: known(world.services, seedIds.services[step.service]),
        title: step.title,
        urgency: 'high',
        incidentKey: null,
        cause: byUser({ id: seedIds.users[step.by] }),
      });
      if (!opened) throw new Error(`${step.as} was not opened.`);
      ids.set(step.as, opened.id);
      return;
    }
    case 'acknowledge':
    case 'resolve':
    case 'reopen': {
      const status = { acknowledge: 'acknowledged', resolve: 'resolved', reopen: 'triggered' }[step.do];
      await rest('PUT', ids.get(step.incident), { incident: { type: 'incident', status } }, step.by);
      return;
    }
    case 'note':
      await rest('POST', `${ids.get(step.incident)}/notes`, { note: { content: step.content } }, step.by);
      return;
    case 'serviceStatus':
      known(world.services, seedIds.services[step.service]).mode = step.status;
      return;
    case 'advance':
      world.clock.advance(step.seconds);
  }

  async function event(service: ServiceName, body: object): Promise<void> {
    await send('POST', '/v2/enqueue', { routing_key: seedIds.routingKeys[service], ...body }, {});
  }
  async function rest(method: string, path: string | undefined, body: object, by: string): Promise<void> {
    await send(method, `/incidents/${path}`, body, {
      accept: 'application/vnd.pagerduty+json;version=2',
      authorization: `Token token=${seedIds.keys.fullAccess}`,
      from: `${by}@example.com`,
    });
  }
  async function send(
    method: string,
    path: string,
    body: object,
    headers: Record<string, string>,
  ): Promise<void> {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...byTest, ...headers },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
  }
}
