import { expect, test } from 'vitest';
import type { ReadDone } from '../../gate/audit.ts';
import { joinAudit, type Recorded, type SeenRequest } from '../support/join.ts';

const request = (seq: number, incident: string): SeenRequest => ({
  seq,
  method: 'GET',
  query: {},
  path: `/incidents/${incident}`,
  operation: 'getIncident',
  status: 200,
  from: null,
  user_agent: null,
  request_id: `r${seq}`,
  body: null,
});

/** @param about incidents that it read and had no answer of. */
function record(
  seq: number,
  more: Pick<Recorded, 'kind' | 'decision' | 'incident'> & { readonly entry?: number },
  about: readonly string[] = [],
): Recorded {
  return {
    seq,
    hash: `h${seq}`,
    at: '2026-11-23T14:00:00.000Z',
    agent: 'triage-bot',
    account: 'main',
    workflowId: 'respond:main:P',
    runId: 'run',
    step: 'Look again',
    attempt: 1,
    configuration: 'c',
    operation: 'getIncident',
    action: 'incidents.view',
    rule: '',
    sentence: '',
    facts: {},
    requestDigest: 'd',
    reads: about.map(
      (of): ReadDone => ({ operation: 'getIncident', about: of, status: undefined, requestId: undefined }),
    ),
    status: undefined,
    requestId: undefined,
    ...more,
  } as Recorded;
}

/** A read of PA for a decision, and a read of PB that was asked for: neither was answered. */
const records = [
  record(1, { kind: 'entry', decision: 'undecided', incident: 'PA' }, ['PA']),
  record(2, { kind: 'entry', decision: 'allowed', incident: 'PB' }),
  record(3, { kind: 'outcome', decision: 'refused', incident: 'PB', entry: 2 }),
];

test('of two reads that were not answered each is found where it is listed, whichever came first', () => {
  expect(joinAudit([request(1, 'PA'), request(2, 'PB')], records).faults).toEqual([]);
  expect(joinAudit([request(1, 'PB'), request(2, 'PA')], records).faults).toEqual([]);
});

test('a read that no record lists is found', () => {
  expect(joinAudit([request(1, 'PB'), request(2, 'PA'), request(3, 'PB')], records).faults).toEqual([
    'GET /incidents/PB (request 3) is listed by no record of the audit',
  ]);
});

test('what the doctor reads stands in no record; that it writes is found', () => {
  const looked = { ...request(1, 'PA'), user_agent: 'oncall-runner/0.1.0 (doctor)' };
  expect(joinAudit([looked], []).faults).toEqual([]);
  const wrote = { ...looked, seq: 2, method: 'PUT' };
  expect(joinAudit([looked, wrote], []).faults).toEqual([
    'the doctor sent PUT /incidents/PA (request 2), and may only look',
  ]);
});
