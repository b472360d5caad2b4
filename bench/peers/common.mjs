// What the peers in JavaScript share: a job of reads one after the other, and an acknowledge every so often meanwhile.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { url, reads, incidents, everyMs, limitMs } = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** `read` and `acknowledge` resolve with the status that came in the end, however often they asked. */
export async function play(make) {
  const { read, acknowledge } = make(url);
  const [subject, ...toAcknowledge] = incidents;
  const began = performance.now();
  let isOver = false;
  const urgentMs = [];
  let failed = 0;
  const urgent = (async () => {
    const open = [];
    for (let turn = 0; !isOver && turn < toAcknowledge.length; turn += 1) {
      const due = began + 200 + turn * everyMs;
      while (!isOver && performance.now() < due)
        await sleep(Math.min(50, Math.max(1, due - performance.now())));
      if (isOver) break;
      const since = performance.now();
      const one = acknowledge(toAcknowledge[turn])
        .then((status) => status < 300)
        .catch(() => false)
        .then((isDone) => {
          if (!isDone) failed += 1;
          urgentMs.push(performance.now() - since);
        });
      open.push(one);
    }
    await Promise.all(open);
  })();
  let readsFailed = 0;
  for (let turn = 0; turn < reads && performance.now() - began < limitMs; turn += 1) {
    const status = await read(subject).catch(() => 0);
    if (status >= 300 || status === 0) readsFailed += 1;
  }
  const seconds = (performance.now() - began) / 1_000;
  isOver = true;
  await urgent;
  process.stdout.write(JSON.stringify({ seconds, urgentMs, urgentFailed: failed, readsFailed }));
}
