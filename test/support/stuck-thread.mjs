import { execFileSync } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { parentPort, workerData } from 'node:worker_threads';

const { beats, longestMs } = workerData;
let last = -1;
let file;

parentPort.on('message', (began) => {
  file = began;
});

setInterval(() => {
  const now = Atomics.load(beats, 0);
  if (now === last) tellWhere();
  last = now;
}, longestMs);

/** So many steps further, and one has seen what a loop does that gives nobody else a turn. */
const steps = 200;

/** No step comes where it stands outside of JavaScript. */
const patienceMs = 10_000;

/** Writes to the process's own stderr at once: through the main thread nothing comes any more. */
function tellWhere() {
  const session = new Session();
  session.connectToMainThread();
  writeSync(2, `STOOD STILL: ${file}, for ${longestMs / 1000} s. It goes round here:\n`);
  const scripts = new Map();
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => scripts.set(scriptId, url));
  const seen = new Set();
  let step = 0;
  session.on('Debugger.paused', ({ params: { callFrames } }) => {
    for (const { functionName, location } of callFrames) {
      const place = `    at ${functionName || 'a function'} (${scripts.get(location.scriptId)}:${location.lineNumber + 1})\n`;
      if (!seen.has(place)) writeSync(2, place);
      seen.add(place);
    }
    step += 1;
    if (step === steps) process.kill(process.pid, 'SIGKILL');
    session.post('Debugger.stepInto');
  });
  session.post('Debugger.enable');
  session.post('Debugger.pause');
  setTimeout(() => {
    if (step === 0) {
      writeSync(2, '    in what is no JavaScript:\n');
      tellOutside();
    }
    process.kill(process.pid, 'SIGKILL');
  }, patienceMs);
}

/** Tells where the main thread stands outside of JavaScript: its frames where there is a debugger, or what it waits for in the kernel. */
function tellOutside() {
  const { pid } = process;
  try {
    // Past this process, which a debugger stops as a whole: this thread would read nothing.
    const frames = `gdb -nx -batch -p ${pid} -ex 'bt 16' 2>/dev/null | grep -o '^#.\\{0,160\\}'`;
    execFileSync('sh', ['-c', frames], { timeout: 60_000, stdio: ['ignore', 2, 'ignore'] });
  } catch {
    const [waits, call] = ['wchan', 'syscall'].map((name) => readIfThere(`/proc/${pid}/task/${pid}/${name}`));
    writeSync(2, `    in the kernel: ${waits}, system call ${call}\n`);
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
