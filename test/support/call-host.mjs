import { setTimeout as passes } from 'node:timers/promises';
import { oncall } from '../../dist/client/program.js';

// Runs calls of the command line as it is built, one after the other: each is a message with its words, folder and
// environment, and is answered with all that it said and its exit code. Ends with its parent.

process.on('disconnect', () => process.exit());

/** How long what a call opened may take to close. A process of its own would not end before. */
const closesWithinMs = 5_000;

// They come into being when they are first named.
const streams = { stdout: process.stdout, stderr: process.stderr };

/** What would keep a process from ending, beside what keeps this one. */
const keeping = () => {
  const open = process.getActiveResourcesInfo();
  for (const name of ours) if (open.includes(name)) open.splice(open.indexOf(name), 1);
  return open;
};
const ours = process.getActiveResourcesInfo();

process.on('message', (call) => void answer(call));

async function answer({ words, cwd, env }) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  const said = { stdout: '', stderr: '' };
  for (const [name, stream] of Object.entries(streams))
    stream.write = (text, ...rest) => {
      said[name] += String(text);
      rest.find((one) => typeof one === 'function')?.();
      return true;
    };
  const began = performance.now();
  let code = null;
  try {
    code = await oncall(words);
  } catch (error) {
    said.stderr += String(error);
  }
  const ms = performance.now() - began;
  while (keeping().length > 0 && performance.now() - began < ms + closesWithinMs) await passes(5);
  // What was there before is the prototype's.
  for (const stream of Object.values(streams)) delete stream.write;
  process.send({ code, signal: null, ...said, ms, kept: keeping() });
}
