import { STATUS_CODES } from 'node:http';
import type { Endpoint } from '../pagerduty/catalogue/endpoint.ts';
import { budgetHeaders } from './budget.ts';
import type { Fault } from './faults.ts';
import { errorBody } from './refusal.ts';
import { emptyReply, jsonReply, type Reply, throttled } from './reply.ts';

/** What a fault answers before anything has happened; `undefined` where it lets the request do its work. */
export function replyInstead(fault: Fault, api: Endpoint['api']): Reply | undefined {
  switch (fault.kind) {
    case 'rate_limited':
      return api === 'events' ? throttled : rateLimited(fault.retry_after_seconds ?? 1);
    case 'bare_429':
      return emptyReply(429);
    case 'status':
      return failed(fault.status ?? 500, api);
    case 'html':
      return htmlReply(fault.status ?? 502);
    case 'delay':
    case 'late':
    case 'hold':
    case 'drop_request':
    case 'drop_response':
    case 'reset':
    case 'truncate':
      return undefined;
  }
}

/** Half of the JSON, whole as far as HTTP can tell. */
export const truncated = (reply: Reply): Reply => ({
  ...reply,
  text: reply.text.slice(0, Math.floor(reply.text.length / 2)),
});

const rateLimited = (resetSeconds: number): Reply =>
  jsonReply(
    429,
    errorBody(2020, 'Rate Limit Exceeded'),
    budgetHeaders({ allowed: false, limit: 960, remaining: 0, resetSeconds }),
  );

function failed(status: number, api: Endpoint['api']): Reply {
  const [code, message] = wordsOf(status);
  return jsonReply(status, api === 'events' ? { status: 'error', message } : errorBody(code, message));
}

/** PagerDuty's code and text for a status that a fault sends. */
function wordsOf(status: number): readonly [number, string] {
  return words[status] ?? (status >= 500 ? [2000, 'Internal Error'] : [2001, 'Invalid Input Provided']);
}

const words: Readonly<Record<number, readonly [number, string]>> = {
  401: [2006, 'Authentication failed'],
  402: [2014, 'Missing Account Ability'],
  403: [2010, 'Access Denied'],
  404: [2100, 'Not Found'],
  408: [2016, 'Request took too long'],
  429: [2020, 'Rate Limit Exceeded'],
};

/** The page of a gateway that stands before the API. */
export function htmlReply(status: number): Reply {
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  const text = `<html>
<head><title>${title}</title></head>
<body><center><h1>${title}</h1></center></body>
</html>
`;
  return { status, headers: { 'content-type': 'text/html' }, text };
}
