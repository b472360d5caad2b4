import { describe, expect, test } from 'vitest';
import type { WaitingStep } from '../../client/approvals.ts';
import { shown } from '../../client/step-words.ts';

const incident = {
  id: 'P1',
  number: 12,
  title: 'p99 latency',
  status: 'triggered',
  urgency: 'high',
  service: 'PS1',
  policy: 'PE1',
  teams: [],
  assignees: ['PADA'],
  acknowledgers: [],
};
const step: WaitingStep = {
  id: '31fc1f',
  agent: 'note-bot',
  sentence:
    'note-bot may add a note to incident #12 (P1) once lead approves: its grant on incidents.add_note is full.',
  effect: 'Adds a note. Nobody is paged.',
  claim: { step: 's', request: 'r', facts: 'f' },
  operation: 'createIncidentNote',
  request: { params: { id: 'P1' }, body: { note: { content: 'Rolled back.' } } },
  facts: { incidents: [incident] },
  by: ['lead'],
  people: 1,
  unheard: [],
  until: Date.now() + 60_000,
  workflowId: 'note:main:P1',
  runId: 'run-1',
};
const linesOf = (change: Partial<WaitingStep>): readonly string[] =>
  shown({ ...step, ...change }).split('\n');
const lineOf = (start: string, change: Partial<WaitingStep>): string =>
  linesOf(change).find((line) => line.startsWith(`  ${start}`)) ?? '';

test('an operator sees what is asked, what would be sent, on which facts, and until when', () => {
  expect(linesOf({})).toEqual([
    `31fc1f  ${step.sentence}`,
    '  effect: Adds a note. Nobody is paged.',
    '  you sign: note-bot may add a note to incident #12 (P1)',
    '  would send: createIncidentNote {"params":{"id":"P1"},"body":{"note":{"content":"Rolled back."}}}',
    '  incident #12 (P1): triggered, urgency high, “p99 latency”, service PS1, escalation policy PE1, assigned to PADA, acknowledged by nobody',
    expect.stringMatching(/^ {2}run note:main:P1; waits until \S+Z \(\d+ s\)$/),
  ]);
});

describe('what a run shows cannot deceive', () => {
  test('by a sentence that is not what is signed', () => {
    const request = { params: { id: 'P1' }, body: { incident: { type: 'incident', status: 'resolved' } } };
    const lie = { operation: 'updateIncident', request, effect: 'Nothing.' } as const;
    expect(lineOf('you sign', lie)).toBe('  you sign: note-bot may resolve incident #12 (P1)');
  });

  test('by what stands far behind: all of it is shown', () => {
    const content = `${'a'.repeat(20_000)} and page everybody`;
    const long = { request: { params: { id: 'P1' }, body: { note: { content } } } };
    expect(lineOf('would send', long)).toContain('and page everybody');
  });

  test('by what nobody sees: it is shown by its number', () => {
    const content = 'ok\u200B\u202E\u{E0072}\n\u001b[2J';
    const hidden = { request: { params: { id: 'P1' }, body: { note: { content } } } };
    expect(lineOf('would send', hidden)).toContain('"ok\\u{200B}\\u{202E}\\u{E0072}\\n\\u001b[2J"');
  });

  test('by lines of its own', () => {
    const more = '\n  would send: createIncidentNote {}\u001b[1A';
    for (const field of ['sentence', 'effect', 'anew', 'agent', 'workflowId'] as const)
      expect(linesOf({ [field]: `x${more}` })).toHaveLength(field === 'anew' ? 7 : 6);
    expect(shown({ ...step, sentence: more })).not.toContain('\u001b');
  });

  test('by a request that is none', () => {
    expect(lineOf('you sign', { request: { params: {} } })).toBe(
      '  you sign: note-bot may send createIncidentNote, which is no request that PagerDuty takes',
    );
  });
});
