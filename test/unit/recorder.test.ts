import { Agent, getGlobalDispatcher, request, setGlobalDispatcher } from 'undici';
import { expect, test } from 'vitest';
import { startRecorder } from '../support/recorder.ts';
import { answer, TinyPagerDuty } from './tiny-pagerduty.ts';

const pagerduty = new TinyPagerDuty();

test('a recorder passes a write on where the dispatcher of `fetch` is that of the npm package, loaded first', async () => {
  pagerduty.reply = answer(201, {});
  const before = getGlobalDispatcher();
  setGlobalDispatcher(new Agent());
  const recorder = await startRecorder(pagerduty.url);
  try {
    const { statusCode } = await request(recorder.url, { method: 'POST', body: '{"note":"whole"}' });
    expect(statusCode).toBe(201);
    expect(pagerduty.seen).toMatchObject([{ method: 'POST', body: '{"note":"whole"}' }]);
    expect(recorder.exchanges).toMatchObject([{ method: 'POST', body: { note: 'whole' } }]);
  } finally {
    setGlobalDispatcher(before);
    await recorder.close();
  }
});
