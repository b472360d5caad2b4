import { expect, test } from 'vitest';
import { orderedStartOptions, priorityOf } from '../../workflows/contract.ts';

test('a page or an acknowledge comes before ordinary work, and many at once behind it', () => {
  expect(priorityOf('acknowledgeIncident', { account: 'main', incident: 'P1' })).toBe(1);
  expect(priorityOf('respondToIncident', { account: 'main', incident: 'P1', assess: 'rules' })).toBe(1);
  expect(priorityOf('waitForHumanAck', { account: 'main' })).toBe(1);
  expect(priorityOf('runOperation', { account: 'main', operation: 'createIncident' })).toBe(1);
  expect(priorityOf('runOperation', { account: 'main', operation: 'getIncident' })).toBe(3);
  expect(priorityOf('triageIncident', { account: 'main', incident: 'P1' })).toBe(3);
  expect(priorityOf('runOperation', { account: 'main', operation: 'listIncidents', all: true })).toBe(5);
  expect(priorityOf('resolveIncidents', { account: 'main' })).toBe(5);
  expect(priorityOf('noiseReport', { account: 'main' })).toBe(5);
  expect(priorityOf('staleSweep', { account: 'main' })).toBe(5);
  expect(priorityOf('stormHandling', { account: 'main' })).toBe(3);
});

test('what a standing order starts is as urgent as what an agent starts, and takes its agent’s turn', () => {
  const start = {
    workflow: 'respondToIncident',
    workflowId: 'respond:main:P1',
    agent: 'triage-bot',
    input: { account: 'main', incident: 'P1', standing: 'night' },
  };
  expect(orderedStartOptions(start).priority).toEqual({ priorityKey: 1, fairnessKey: 'triage-bot' });
});
