import { Agent, RetryAgent, request } from 'undici';
import { play } from './common.mjs';

await play((url) => {
  // It takes 429 as something to wait for by itself; of `ratelimit-reset` it knows nothing.
  const dispatcher = new RetryAgent(new Agent(), { maxRetries: 20, methods: ['GET', 'PUT'] });
  const headers = {
    accept: 'application/vnd.pagerduty+json;version=2',
    authorization: 'Token token=simulator-full-access-key',
    'content-type': 'application/json',
    from: 'oncall-bot@example.com',
  };
  const ask = async (method, path, body) => {
    const answer = await request(`${url}${path}`, { method, headers, dispatcher, body: body ?? null });
    await answer.body.dump();
    return answer.statusCode;
  };
  const body = JSON.stringify({ incident: { type: 'incident_reference', status: 'acknowledged' } });
  return {
    read: (id) => ask('GET', `/incidents/${id}`),
    acknowledge: (id) => ask('PUT', `/incidents/${id}`, body),
  };
});
