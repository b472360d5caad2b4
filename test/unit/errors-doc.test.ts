import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { adviceOf, advise, knownCodes } from '../../pagerduty/advice.ts';
import { type ErrorKind, kindOf, retried } from '../../pagerduty/errors.ts';

const file = fileURLToPath(new URL('../../docs/errors.md', import.meta.url));

const introduction = `# Errors

What can go wrong with a call to PagerDuty, and what to do. This page is made from \`pagerduty/errors.ts\` and
\`pagerduty/advice.ts\` by \`test/unit/errors-doc.test.ts\`, which fails where they differ; renew it with
\`npx vitest run --project unit test/unit/errors-doc.test.ts -u\`. The command line prints the last column after \`next:\`.

Nobody matches text: the kind is what to branch on. It is the \`type\` of the failed Activity in the Temporal UI.
`;

const statuses: Readonly<Record<ErrorKind, string>> = {
  InvalidRequest: '400, 413 and every other 4xx',
  Unauthenticated: '401',
  PlanRequired: '402',
  Forbidden: '403',
  NotFound: '404',
  RateLimited: '429',
  Unavailable: '408, every 5xx, or no answer',
  UnexpectedResponse: 'a redirect, or a 2xx that is not as documented',
};

const table = (rows: readonly (readonly string[])[]): string =>
  rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const again = (kind: ErrorKind): string => (retried[kind] ? 'yes' : 'no');

test('docs/errors.md says what the tables of errors say', async () => {
  const kinds = Object.entries(statuses) as [ErrorKind, string][];
  const byKind = table([
    ['kind', 'HTTP status', 'tried again', 'what to do'],
    ['---', '---', '---', '---'],
    ...kinds.map(([kind, status]) => [`\`${kind}\``, status, again(kind), adviceOf[kind]]),
  ]);
  const byCode = table([
    ['status', 'code', 'kind', 'means', 'tried again', 'what to do'],
    ['---', '---', '---', '---', '---', '---'],
    ...Object.entries(knownCodes).flatMap(([code, { statuses: of, means, advice }]) =>
      of.map((status) => {
        const kind = kindOf(status);
        return [String(status), code, `\`${kind}\``, means, again(kind), advice];
      }),
    ),
  ]);
  const text = `${introduction}\n${byKind}\n\n## PagerDuty's own codes\n\nThe list is not complete: an unknown code is advised on by its kind.\n\n${byCode}\n`;
  await expect(text).toMatchFileSnapshot(file);
});

test('the advice is the code’s own where it comes with its status, else that of the kind', () => {
  expect(advise({ kind: 'InvalidRequest', status: 400, code: 1015 })).toMatch(/listOnCalls/);
  expect(advise({ kind: 'InvalidRequest', status: 400, code: 987 })).toBe(adviceOf.InvalidRequest);
  expect(advise({ kind: 'NotFound', status: 404, code: 2001 })).toBe(adviceOf.NotFound);
  expect(advise({ kind: 'Unavailable' })).toBe(adviceOf.Unavailable);
});
