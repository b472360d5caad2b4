import pdjs from '@pagerduty/pdjs';
import { play } from './common.mjs';

await play((url) => {
  const pd = pdjs.api({ token: 'simulator-full-access-key', server: new URL(url).host });
  const headers = { From: 'oncall-bot@example.com' };
  const data = { incident: { type: 'incident_reference', status: 'acknowledged' } };
  return {
    read: async (id) => (await pd.get(`/incidents/${id}`)).status,
    acknowledge: async (id) => (await pd.put(`/incidents/${id}`, { headers, data })).status,
  };
});
