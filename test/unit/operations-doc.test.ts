import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { lateMs } from '../../activities/look-up.ts';
import {
  type Action,
  actionsOf,
  type Endpoint,
  operatorActions,
} from '../../pagerduty/catalogue/endpoint.ts';
import { catalogue } from '../../pagerduty/catalogue/index.ts';
import { timeLimitMs } from '../../pagerduty/http.ts';
import { sampleRequests } from './sample-requests.ts';

const file = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));

const introduction = `# Operations

Every PagerDuty operation the runner knows, under PagerDuty's own name. This page is made from \`pagerduty/catalogue/\` by
\`test/unit/operations-doc.test.ts\`, which fails where the two differ; renew it with
\`npx vitest run --project unit test/unit/operations-doc.test.ts -u\`. The actions are what the gate was seen to ask for over
requests of every form an operation takes, on incidents of every status.
`;

const columns = [
  'operation',
  'method and path',
  'actions',
  'scope',
  'token',
  '`From`',
  'paging',
  'limit',
  'after an unknown outcome',
  'webhook events',
];

const order: readonly string[] = [
  ...Object.entries(actionsOf).flatMap(([resource, verbs]) => verbs.map((verb) => `${resource}.${verb}`)),
  ...operatorActions,
];

test('docs/operations.md says what the catalogue declares', async () => {
  const rows = Object.entries<Endpoint>(catalogue).map(([name, endpoint]) => [
    `\`${name}\`: ${endpoint.summary.charAt(0).toLowerCase()}${endpoint.summary.slice(1)}`,
    `\`${endpoint.method} ${endpoint.path}\``,
    actionsIn(endpoint)
      .map((action) => `\`${action}\``)
      .join(', '),
    endpoint.scope.includes('.') ? `\`${endpoint.scope}\`` : endpoint.scope,
    tokens[endpoint.token],
    endpoint.from === 'none' ? '' : endpoint.from,
    endpoint.paging ? `by ${endpoint.paging.style}${endpoint.paging.times ? ', sliced by time' : ''}` : '',
    limits[endpoint.bucket],
    afterUnknown(endpoint),
    endpoint.webhooks.map((event) => `\`${event}\``).join(', '),
  ]);
  const table = [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  await expect(`${introduction}\n${table.join('\n')}\n`).toMatchFileSnapshot(file);
});

test('every action of an operation is found, those of rare requests too', () => {
  expect(actionsIn(catalogue.updateIncident)).toEqual(
    order.filter((action) => /^incidents\.(?!view|create|add_note)/.test(action)),
  );
  expect(actionsIn(catalogue.enqueueEvent)).toEqual([
    'events.trigger',
    'events.acknowledge',
    'events.resolve',
  ]);
});

const tokens: Readonly<Record<Endpoint['token'], string>> = {
  any: 'account or user',
  user: 'user only',
  'routing key': 'routing key',
};

const limits: Readonly<Record<Endpoint['bucket'], string>> = {
  account: 'the credential’s',
  operation: 'the credential’s, and a lower one of its own',
  'routing key': 'the routing key’s',
};

/** Every action that some request of the operation asks the gate for, in the catalogue's order. */
function actionsIn(endpoint: Endpoint): readonly Action[] {
  const found = sampleRequests(endpoint).flatMap((request) =>
    ['triggered', 'acknowledged', 'resolved'].flatMap((status) =>
      endpoint.actions(request as never, () => status),
    ),
  );
  return [...new Set(found)].toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
}

function afterUnknown(endpoint: Endpoint): string {
  const { repeat } = endpoint;
  if (repeat === 'safe') return 'send again';
  if (repeat === 'never') return 'never sent again';
  const what = repeat.sign ? ' for the mark in its text' : '';
  const [first, ...others] = [repeat, ...(repeat.also ?? [])].map(({ find }) => `\`${find}\``);
  const then = others.length === 0 ? '' : `, then ${others.join(' and ')}`;
  const late =
    repeat.madeTwice === undefined ? '' : ` ${(timeLimitMs(endpoint) + lateMs) / 1_000} s after it was sent`;
  return `look with ${first}${what}${then}; send again only where it left no trace${late}`;
}
