import type { Alert, LogEntry } from '../model.ts';
import type { View } from './view.ts';

/** On which way something came about; all that came that way only where `include[]=channels` asks for it. */
export function channelOf({ includes }: View, entry: LogEntry) {
  const { cause, type, note, alert, changes } = entry;
  if (type === 'annotate') return { type: 'note', summary: note };
  if (!includes('channels')) return { type: cause.channel };
  return {
    type: cause.channel,
    ...(alert ? eventOf(alert) : {}),
    ...(changes
      ? {
          changeset: {
            application_fields: changes.map(({ name, old, value }) => ({ name, old_value: old, value })),
          },
        }
      : {}),
  };
}

/** The event as it came in, but for its routing key. */
const eventOf = ({ summary, severity, key, details, contexts, event = {} }: Alert) => ({
  summary,
  details,
  ...(event.client === undefined ? {} : { client: event.client }),
  ...(event.client_url === undefined ? {} : { client_url: event.client_url }),
  cef_details: {
    version: '1.0',
    dedup_key: key,
    description: summary,
    severity,
    details,
    contexts,
    source_origin: event.source ?? null,
    source_component: event.component ?? null,
    service_group: event.group ?? null,
    event_class: event.class ?? null,
    creation_time: event.timestamp ?? null,
  },
});
