import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, getGlobalDispatcher, request, setGlobalDispatcher } from 'undici';
import { expect, test } from 'vitest';
import { startRecorder } from '../support/recorder.ts';

test('a recorder passes a write on where the dispatcher of `fetch` is that of the npm package, loaded first', async () => {
  const server = createServer((asked, answer) => void asked.pipe(answer)).listen(0, '127.0.0.1');
  const { port } = await new Promise<AddressInfo>((resolve) =>
    server.on('listening', () => resolve(server.address() as AddressInfo)),
  );
  const before = getGlobalDispatcher();
  setGlobalDispatcher(new Agent());
  const recorder = await startRecorder(`http://127.0.0.1:${port}`);
  try {
    const { body } = await request(recorder.url, { method: 'POST', body: '{"note":"whole"}' });
    expect(await body.json()).toEqual({ note: 'whole' });
    expect(recorder.exchanges).toMatchObject([{ method: 'POST', body: { note: 'whole' } }]);
  } finally {
    setGlobalDispatcher(before);
    await recorder.close();
    server.closeAllConnections();
    server.close();
  }
});
