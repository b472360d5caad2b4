// An incident from trigger to resolve with PagerDuty's own JavaScript client. Only the address is not PagerDuty's.
import pdjs from '@pagerduty/pdjs';

const [server, routing_key] = process.argv.slice(2);
const pd = pdjs.api({ token: 'simulator-full-access-key', server });
const from = { headers: { From: 'oncall-bot@example.com' } };
const dedup_key = 'pdjs/lifecycle';

const sent = await pdjs.trigger({
  server,
  data: {
    routing_key,
    dedup_key,
    payload: { summary: 'Opened by pdjs', source: 'test', severity: 'critical' },
  },
});
const found = await pd.get('/incidents', { queryParameters: { incident_key: dedup_key } });
const [{ id }] = found.data.incidents;
const pages = [await pd.get('/users', { queryParameters: { limit: '2' } })];
while (pages.at(-1).next) pages.push(await pages.at(-1).next());
await pd.put(`/incidents/${id}`, {
  ...from,
  data: { incident: { type: 'incident_reference', status: 'acknowledged' } },
});
const noted = await pd.post(`/incidents/${id}/notes`, {
  ...from,
  data: { note: { content: 'Noted by pdjs.' } },
});
await pdjs.resolve({ server, data: { routing_key, dedup_key } });
const read = await pd.get(`/incidents/${id}`);
const missing = await pd.get('/incidents/PNOSUCH');

process.stdout.write(
  JSON.stringify({
    id,
    sent: sent.data.status,
    pages: pages.length > 1,
    note: noted.data.note.content,
    status: read.data.incident.status,
    missing: missing.data.error.code,
  }),
);
