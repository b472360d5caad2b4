// On call with PagerDuty's own JavaScript client, from look to resolve, and a turn taken over. Only the address is not PagerDuty's.
import pdjs from '@pagerduty/pdjs';

const [server, routing_key] = process.argv.slice(2);
const pd = pdjs.api({ token: 'simulator-full-access-key', server });
const headers = { From: 'oncall-bot@example.com' };

/** The one that a list finds by a word. */
const find = async (list, query) => {
  const { data } = await pd.get(`/${list}`, { queryParameters: { query } });
  return data[list][0];
};
const [service, user, schedule] = [
  await find('services', 'Checkout API'),
  await find('users', 'ben@example.com'),
  await find('schedules', 'Payments rota'),
];
const pages = [await pd.get('/users', { queryParameters: { limit: '2' } })];
while (pages.at(-1).next) pages.push(await pages.at(-1).next());

const reference = { id: service.id, type: 'service_reference' };
const created = await pd.post('/incidents', {
  headers,
  data: { incident: { type: 'incident', title: 'Opened by pdjs', service: reference } },
});
const { id } = created.data.incident;
const become = (status) =>
  pd.put(`/incidents/${id}`, { headers, data: { incident: { type: 'incident_reference', status } } });
const acknowledged = await become('acknowledged');
const noted = await pd.post(`/incidents/${id}/notes`, {
  headers,
  data: { note: { content: 'Noted by pdjs.' } },
});
await become('resolved');
const end = await pd.get(`/incidents/${id}`);
const missing = await pd.get('/incidents/PNOSUCH');

const turn = {
  start: '2030-01-07T09:00:00Z',
  end: '2030-01-07T17:00:00Z',
  user: { id: user.id, type: 'user_reference' },
};
const overridden = await pd.post(`/schedules/${schedule.id}/overrides`, {
  headers,
  data: { overrides: [turn] },
});

const dedup_key = 'pdjs/event';
const payload = { summary: 'Sent by pdjs', source: 'test', severity: 'critical' };
const sent = await pdjs.trigger({ server, data: { routing_key, dedup_key, payload } });
const byKey = await pd.get('/incidents', { queryParameters: { incident_key: dedup_key } });
await pdjs.resolve({ server, data: { routing_key, dedup_key } });

process.stdout.write(
  JSON.stringify({
    id,
    found: [service.id, user.id, schedule.id],
    pages: pages.length > 1,
    statuses: [created, acknowledged, end].map(({ data }) => data.incident.status),
    note: noted.data.note.content,
    override: overridden.data[0].status,
    missing: missing.data.error.code,
    sent: sent.data.status,
    event: byKey.data.incidents[0].id,
  }),
);
