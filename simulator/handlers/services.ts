import { tellOfService } from '../happening.ts';
import { byUser } from '../incident-state.ts';
import type { Service } from '../model.ts';
import { found, Refusal } from '../refusal.ts';
import { writeService } from '../wire/account.ts';
import { plainView, viewOf } from '../wire/view.ts';
import { known, teamsOf, type World } from '../world.ts';
import { checkNameIsFree, readAsked } from './asked.ts';
import { type Call, created, type Outcome, ok } from './handler.ts';
import { pageOf, sorted } from './lists.ts';
import { type AskedService, applyTo, ServiceForm } from './service-fields.ts';

/** By name; `query` is a part of it, `name` all of it, both in any case. */
export function listServices({ world, query }: Call<'listServices'>): Outcome {
  const view = viewOf(world, query);
  const part = query.text('query')?.toLowerCase() ?? '';
  const name = query.text('name')?.toLowerCase();
  const team = query.filter('team_ids[]');
  const matching = [...world.services.values()].filter((service) => {
    const own = service.name.toLowerCase();
    const teams = teamsOf(known(world.policies, service.policyId));
    return own.includes(part) && (name === undefined || own === name) && team(...teams);
  });
  const services = sorted(matching, query, { name: (service) => service.name.toLowerCase() }, 'name');
  return ok(pageOf('services', services, query, (service) => writeService(view, service)));
}

export function getService({ world, params, query }: Call<'getService'>): Outcome {
  const service = found(world.services.get(params.id));
  return ok({ service: writeService(viewOf(world, query), service) });
}

/** Time-outs that are not named are off, whatever PagerDuty's schema says of defaults. */
export function createService({ world, body, actor }: Call<'createService'>): Outcome {
  const asked = readAsked(body, 'service', ServiceForm);
  const { name, escalation_policy: policyId } = asked;
  if (name === undefined) throw new Refusal(2001, 'Name cannot be empty.');
  if (policyId === undefined) throw new Refusal(2001, 'Escalation policy cannot be empty.');
  if (asked.status !== undefined && asked.status !== 'active') {
    throw new Refusal(2001, 'Status of a new service can only be active.');
  }
  const service = checked(world, asked, {
    id: world.newId('P'),
    name,
    description: null,
    createdAt: world.clock.now,
    policyId,
    urgencyRule: 'high',
    supportHours: null,
    raisesUrgencyAt: [],
    acknowledgementTimeout: null,
    autoResolveTimeout: null,
    alertCreation: 'create_alerts_and_incidents',
    alertGrouping: null,
    autoPause: { enabled: false, timeoutSeconds: 0 },
    mode: 'enabled',
  });
  world.services.set(service.id, service);
  tellOfService(world, 'service.created', service, actor ? byUser(actor) : null);
  return created({ service: writeService(plainView(world), service) });
}

/** Only what is named changes. Incidents that are open keep the time-out that they opened with. */
export function updateService({ world, params, body, actor }: Call<'updateService'>): Outcome {
  const before = found(world.services.get(params.id));
  const asked = readAsked(body, 'service', ServiceForm);
  const service = checked(world, asked, { ...before, policyId: asked.escalation_policy ?? before.policyId });
  service.mode = modeOf(asked, before);
  world.services.set(service.id, service);
  tellOfService(world, 'service.updated', service, actor ? byUser(actor) : null);
  return ok({ service: writeService(plainView(world), service) });
}

function checked(world: World, asked: AskedService, before: Service): Service {
  const service = applyTo(before, asked);
  checkNameIsFree(world.services, service.name, service.id);
  if (!world.policies.has(service.policyId)) throw new Refusal(1014);
  const usesHours = typeof service.urgencyRule !== 'string' || service.raisesUrgencyAt.length > 0;
  if (usesHours && service.supportHours === null) {
    throw new Refusal(2001, 'Support hours cannot be empty with use_support_hours or scheduled actions.');
  }
  return service;
}

/** People set active and disabled; the other words only follow what happens, and are taken for what they say already. */
function modeOf({ status }: AskedService, { mode }: Service): Service['mode'] {
  switch (status) {
    case undefined:
    case 'maintenance':
      return mode;
    case 'disabled':
      return 'disabled';
    case 'active':
    case 'warning':
    case 'critical':
      return mode === 'disabled' ? 'enabled' : mode;
    default:
      throw new Refusal(2001, 'Status must be active or disabled.');
  }
}
