import { randomUUID } from 'node:crypto';
import { acknowledgeByKey, resolveByKey, type Trigger, trigger } from '../alerts.ts';
import { type Fields, fieldsIn, isFields, isText } from '../input.ts';
import type { Context, EventFields, Severity } from '../model.ts';
import type { Call, Outcome } from './handler.ts';

/**
 * Takes an event, or says what is wrong with it. 202 promises nothing: events for a key that is not open, for a service
 * that is off, or with a routing key that belongs to nobody are taken and dropped, as PagerDuty does.
 */
export function enqueueEvent({ world, body }: Call<'enqueueEvent'>): Outcome {
  if (!isFields(body)) return unreadable;
  const errors = errorsIn(body);
  if (errors.length > 0) return invalid(errors);
  const { routing_key: routingKey, event_action: action, dedup_key: sent } = body;
  const key = isText(sent) ? sent : randomUUID();
  const integration = world.integrationOf(String(routingKey));
  if (integration && action === 'trigger') trigger(world, integration, readTrigger(body, key));
  if (integration && action === 'acknowledge') acknowledgeByKey(world, integration, key);
  if (integration && action === 'resolve') resolveByKey(world, integration, key);
  return { status: 202, body: { status: 'success', message: 'Event processed', dedup_key: key } };
}

/** The 400 of the Events API, which has an envelope of its own. */
const invalid = (errors: readonly string[]): Outcome => ({
  status: 400,
  body: { status: 'invalid event', message: 'Event object is invalid', errors },
});

/** Takes what somebody did to a service, such as a release. It pages nobody, and there is no key to find it by. */
export function enqueueChangeEvent({ world, body }: Call<'enqueueChangeEvent'>): Outcome {
  if (!isFields(body)) return unreadable;
  const { summary, source, timestamp, custom_details: details } = fieldsIn(body, 'payload');
  const errors = [...routingKeyErrors(body['routing_key']), ...summaryErrors(summary)];
  if (errors.length > 0) return invalid(errors);
  const integration = world.integrationOf(String(body['routing_key']));
  if (integration) {
    world.changeEvents.push({
      id: world.newId('Q'),
      at: world.clock.now,
      serviceId: integration.serviceId,
      summary: String(summary),
      source: isText(source) ? source : null,
      timestamp: isText(timestamp) ? timestamp : null,
      details: details ?? {},
      links: contextsIn(body['links'], linkIn),
    });
  }
  return { status: 202, body: { status: 'success', message: 'Change event processed' } };
}

const unreadable: Outcome = {
  status: 400,
  body: {
    status: 'Unrecognized object',
    message: 'Event object format is unrecognized',
    errors: ['JSON parse error'],
  },
};

const actions = ['trigger', 'acknowledge', 'resolve'];
const severities = ['critical', 'warning', 'error', 'info'] as const satisfies readonly Severity[];

/** Texts as seen live: blockpane/tenderduty#10, SigNoz/signoz#9536, prometheus-community/helm-charts#2309, dagster-io/dagster#19567. */
function errorsIn(event: Fields): readonly string[] {
  const { event_action: action, dedup_key: key } = event;
  const errors = routingKeyErrors(event['routing_key']);
  if (!isText(action)) errors.push(missing('event_action'));
  else if (!actions.includes(action))
    errors.push(mustBe('event_action', "'trigger', 'acknowledge' or 'resolve'"));
  if (isText(key) && key.length > 255) errors.push("'dedup_key' is too long (maximum is 255 characters)");
  if (action === 'trigger') errors.push(...payloadErrors(fieldsIn(event, 'payload')));
  else if (actions.includes(String(action)) && !isText(key)) errors.push(missing('dedup_key'));
  return errors;
}

function routingKeyErrors(key: unknown): string[] {
  if (!isText(key)) return [missing('routing_key')];
  return [
    ...(key.length === 32 ? [] : ["Length of 'routing_key' is incorrect (should be 32 characters)"]),
    ...(/^[a-z0-9]+$/i.test(key) ? [] : ["'routing_key' cannot contain non-alphanumeric characters."]),
  ];
}

function payloadErrors({ summary, source, severity }: Fields): readonly string[] {
  return [
    ...summaryErrors(summary),
    ...(isText(source) ? [] : [missing('payload.source')]),
    ...(isText(severity) ? [] : [missing('payload.severity')]),
    ...(isText(severity) && !severityOf(severity)
      ? [mustBe('payload.severity', "'critical', 'warning', 'error' or 'info'")]
      : []),
  ];
}

function summaryErrors(summary: unknown): readonly string[] {
  if (!isText(summary)) return [missing('payload.summary')];
  // PagerDuty spells it so.
  return summary.length > 1024 ? ["'summary' is too long (maiximum is 1024 characters)"] : [];
}

const missing = (field: string): string => `'${field}' is missing or blank`;

const mustBe = (field: string, words: string): string =>
  `'${field}' is invalid (must be one of the following: ${words})`;

const severityOf = (word: unknown): Severity | undefined => severities.find((severity) => severity === word);

/** `custom_details` may be an object or a text, and stays what it is. */
function readTrigger(event: Fields, key: string): Trigger {
  const { summary, severity, custom_details: details } = fieldsIn(event, 'payload');
  return {
    key,
    summary: String(summary),
    severity: severityOf(severity) ?? 'error',
    details: details ?? {},
    contexts: [...contextsIn(event['links'], linkIn), ...contextsIn(event['images'], imageIn)],
    event: eventFieldsOf(event),
  };
}

function eventFieldsOf(event: Fields): EventFields {
  const { source, component, group, class: kind, timestamp } = fieldsIn(event, 'payload');
  const { client, client_url } = event;
  const all = { source, component, group, class: kind, timestamp, client, client_url };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => isText(value)));
}

const contextsIn = (list: unknown, read: (item: Fields) => Context | undefined): readonly Context[] =>
  Array.isArray(list) ? list.filter(isFields).flatMap((item) => read(item) ?? []) : [];

const linkIn = ({ href, text }: Fields): Context | undefined =>
  isText(href) ? { type: 'link', href, ...(isText(text) ? { text } : {}) } : undefined;

const imageIn = ({ src, href, alt }: Fields): Context | undefined =>
  isText(src)
    ? { type: 'image', src, ...(isText(href) ? { href } : {}), ...(isText(alt) ? { text: alt } : {}) }
    : undefined;
