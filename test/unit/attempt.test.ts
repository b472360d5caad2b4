import { ActivityFailure, ApplicationFailure, RetryState, TimeoutFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { attempt } from '../../workflows/attempt.ts';

const failing = (cause: Error) =>
  attempt(
    Promise.reject(
      new ActivityFailure('Activity task failed', 'getIncident', '1', RetryState.TIMEOUT, undefined, cause),
    ),
  );

test('a step that was not begun in time says so, and that the account may be frozen', async () => {
  for (const type of ['SCHEDULE_TO_START', 'SCHEDULE_TO_CLOSE'] as const)
    expect(await failing(new TimeoutFailure('activity timeout', undefined, type))).toMatchObject({
      ok: false,
      kind: 'Failed',
      sentence: expect.stringMatching(
        /^It was not begun in time: the account may be frozen \(`oncall thaw`\)/,
      ),
    });
});

test('a step whose last try failed before its time was over says why that failed', async () => {
  const last = ApplicationFailure.create({ type: 'Unavailable', message: 'PagerDuty answered 503.' });
  const timeout = Object.assign(new TimeoutFailure('activity timeout', undefined, 'SCHEDULE_TO_CLOSE'), {
    cause: last,
  });
  expect(await failing(timeout)).toMatchObject({ sentence: 'PagerDuty answered 503.' });
  expect(
    await failing(new TimeoutFailure('one try took too long', undefined, 'START_TO_CLOSE')),
  ).toMatchObject({
    sentence: 'one try took too long',
  });
  expect(await failing(last)).toMatchObject({ type: 'Unavailable', sentence: 'PagerDuty answered 503.' });
});
