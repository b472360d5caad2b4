import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { markdown, writeInto } from './page.ts';
import { eachOf, until } from './waiting.ts';

// How much the simulator carries, as a process of its own, by plain HTTP: incidents by the Events API with an alert each, one
// webhook for each to a receiver in this process, limits off. Prints a table, and the same as one line of JSON; with `--write`
// the table goes into docs/simulator.md.

/** What the measured machine should manage; the process exits with 1 where it does not. */
const goals = { incidents: 2_000, withinSeconds: 60, held: 20_000, withinMegabytes: 300 };

/** Events under way at a time. */
const parallel = 16;

const agent = new Agent({ keepAlive: true, maxSockets: parallel + 2 });
const headers = {
  accept: 'application/vnd.pagerduty+json;version=2',
  authorization: 'Token token=simulator-full-access-key',
  'content-type': 'application/json',
  from: 'oncall-bot@example.com',
};

interface Simulator {
  readonly url: string;
  readonly pid: number;
  readonly end: () => Promise<void>;
}

async function startSimulator(): Promise<Simulator> {
  const main = fileURLToPath(new URL('../simulator/main.js', import.meta.url));
  const child = spawn(process.execPath, [main, '--port', '0', '--rate-limit', '0', '--exit-with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    url: line.replace('listening on ', ''),
    pid: child.pid ?? 0,
    end: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function send(method: string, url: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Counts what comes in, and answers at once as a receiver should. */
async function startReceiver() {
  let count = 0;
  const server = createServer((incoming, response) => {
    incoming.resume().on('end', () => {
      count += 1;
      response.writeHead(202).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received: () => count,
    end: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const subscribe = (simulator: Simulator, url: string) =>
  send('POST', `${simulator.url}/webhook_subscriptions`, {
    webhook_subscription: {
      type: 'webhook_subscription',
      events: ['incident.triggered', 'incident.acknowledged', 'incident.resolved'],
      filter: { type: 'account_reference' },
      delivery_method: { type: 'http_delivery_method', url },
    },
  });

async function trigger(simulator: Simulator, number: number): Promise<void> {
  const { status } = await send('POST', `${simulator.url}/v2/enqueue`, {
    routing_key: 'simulatorcheckoutroutingkey00000',
    event_action: 'trigger',
    dedup_key: `host-${number}/disk`,
    client: 'Monitoring',
    payload: {
      summary: `Disk of host-${number} is full: 0 MB left`,
      source: `host-${number}.example.com`,
      severity: 'critical',
      component: 'disk',
      custom_details: { mount: '/var', free: '0 MB', threshold: '500 MB' },
    },
  });
  if (status !== 202) throw new Error(`Event ${number} was answered with ${status}.`);
}

/** So many events, some at a time, each over a connection that stays open. */
const triggerMany = (simulator: Simulator, count: number): Promise<void> =>
  eachOf(Array(count).keys(), parallel, (number) => trigger(simulator, number));

const seconds = (from: number): number => (performance.now() - from) / 1000;

/** The webhooks come in their own time. */
const patience = { everyMs: 5, withinMs: 300_000 };

/** Milliseconds that a read took, asked again and again until it is told to stop. */
async function watchReads(simulator: Simulator, isOver: () => boolean): Promise<readonly number[]> {
  const times: number[] = [];
  while (!isOver()) {
    const begin = performance.now();
    await send('GET', `${simulator.url}/incidents/1`);
    times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return times.toSorted((a, b) => a - b);
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;

/** Resident memory of a process in megabytes, as `ps` has it everywhere but on Windows. */
const megabytes = (pid: number): number =>
  Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;

async function incidentsIn(simulator: Simulator): Promise<number> {
  const { text } = await send('GET', `${simulator.url}/incidents?date_range=all&limit=1&total=true`);
  return (JSON.parse(text) as { total: number }).total;
}

async function measureSpeed() {
  const [simulator, receiver] = [await startSimulator(), await startReceiver()];
  await subscribe(simulator, receiver.url);
  const before = await incidentsIn(simulator);
  const begin = performance.now();
  let isOver = false;
  const reads = watchReads(simulator, () => isOver);
  await triggerMany(simulator, goals.incidents);
  const opened = seconds(begin);
  await until(() => receiver.received() >= goals.incidents, patience);
  const delivered = seconds(begin);
  isOver = true;
  const times = await reads;
  const incidents = (await incidentsIn(simulator)) - before;
  await simulator.end();
  receiver.end();
  return {
    incidents,
    webhooks: receiver.received(),
    secondsUntilOpened: opened,
    secondsUntilDelivered: delivered,
    eventsPerSecond: incidents / opened,
    readMsMedian: quantile(times, 0.5),
    readMs99: quantile(times, 0.99),
  };
}

async function measureMemory() {
  const [simulator, receiver] = [await startSimulator(), await startReceiver()];
  const atStart = megabytes(simulator.pid);
  await subscribe(simulator, receiver.url);
  const before = await incidentsIn(simulator);
  let highest = 0;
  const watch = setInterval(() => {
    highest = Math.max(highest, megabytes(simulator.pid));
  }, 250);
  const begin = performance.now();
  await triggerMany(simulator, goals.held);
  await until(() => receiver.received() >= goals.held, patience);
  const took = seconds(begin);
  clearInterval(watch);
  const incidents = (await incidentsIn(simulator)) - before;
  const atEnd = megabytes(simulator.pid);
  await simulator.end();
  receiver.end();
  return {
    incidents,
    webhooks: receiver.received(),
    seconds: took,
    megabytesAtStart: atStart,
    megabytesAtMost: Math.max(highest, atEnd),
    megabytesAtEnd: atEnd,
  };
}

const speed = await measureSpeed();
const memory = await measureMemory();
const text = markdown(
  ['what', 'measured', 'goal'],
  [
    [
      `${goals.incidents} incidents and as many webhooks: s until opened`,
      speed.secondsUntilOpened.toFixed(2),
      '',
    ],
    ['until all webhooks were delivered', speed.secondsUntilDelivered.toFixed(2), `${goals.withinSeconds}`],
    ['reading one incident meanwhile, p50, ms', speed.readMsMedian.toFixed(2), ''],
    ['p99, ms', speed.readMs99.toFixed(2), ''],
    [
      `${goals.held} incidents held: MB at most`,
      memory.megabytesAtMost.toFixed(0),
      `${goals.withinMegabytes}`,
    ],
    ['MB at the start', memory.megabytesAtStart.toFixed(0), ''],
  ],
);
if (process.argv.includes('--write')) writeInto('simulator.md', 'npm run bench:simulator -- --write', text);
const machine = { node: process.version, platform: process.platform, cores: cpus().length };
process.stdout.write(`${text}\n\n${JSON.stringify({ machine, goals, speed, memory })}\n`);
agent.destroy();
const isGood =
  speed.incidents === goals.incidents &&
  speed.secondsUntilDelivered < goals.withinSeconds &&
  memory.incidents === goals.held &&
  memory.megabytesAtMost < goals.withinMegabytes;
process.exitCode = isGood ? 0 : 1;
